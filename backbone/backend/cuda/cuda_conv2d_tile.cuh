/* The matrix product behind a convolution: what its two kernels share (cuda_conv2d_gemm.cuh: tensor cores,
 * cuda_conv2d_f32.cu: plain multiply-adds).
 *
 * Convolution as an implicit matrix product (Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014,
 * section 3): out (M x O) = patches (M x K) * weight^T (K x O) with M = N*OH*OW and K = KH*KW*C, where the patch matrix
 * is never built: its rows are read from the map, 16 bytes at a time, while they are needed.
 *
 * A block computes a tile of BM pixels x BN filters. It walks along k in steps of 128 bytes. Each step's slices of both
 * matrices stand in shared memory, [row][128 bytes], several steps ahead of the arithmetic (cp.async). The eight 16-byte
 * chunks of a row are stored at chunk ^ (row % 8), so that eight rows read at one chunk fall into eight different banks. */
#ifndef YOLO_CUDA_CONV2D_TILE_CUH
#define YOLO_CUDA_CONV2D_TILE_CUH

#include "backbone/backend/cuda/cuda_common.cuh"
#include "backbone/backend/cuda/cuda_conv.h"

enum { STEP = YOLO_CONV_STEP_BYTES, CHUNK = 16, CHUNKS = STEP / CHUNK };

/* ---- copying ahead ---- */

static __device__ __forceinline__ unsigned shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

/* 16 bytes from global to shared memory, or 16 zero bytes. NEAR: through the first-level cache, because this multiprocessor
 * will want them again. */
template <bool NEAR>
static __device__ __forceinline__ void copy_chunk(void *to, const void *from, bool there) {
#if __CUDA_ARCH__ >= 800
  int bytes = there ? CHUNK : 0;
  if (NEAR)
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
  else
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(shared_address(to)), "l"(from), "r"(bytes) : "memory");
#else
  uint4 x = make_uint4(0, 0, 0, 0);
  if (there) x = *reinterpret_cast<const uint4 *>(from);
  *reinterpret_cast<uint4 *>(to) = x;
#endif
}
static __device__ __forceinline__ void copies_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;\n" ::: "memory");
#endif
}
template <int PENDING>
static __device__ __forceinline__ void copies_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;\n" ::"n"(PENDING) : "memory");
#endif
}

/* ---- overlapping with the kernel before ----
 * Where launches allow it (capability 9.0), a kernel starts while the one before it is finishing: it may do what does
 * not depend on anybody's output, then waits until all before it is done and visible. */
static __device__ __forceinline__ void wait_for_inputs() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;\n" ::: "memory");
#endif
}
static __device__ __forceinline__ void let_next_start() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;\n" ::: "memory");
#endif
}

template <class KERNEL>
static cudaError_t launch_overlapped(const yolo_cuda_launch *launch, KERNEL kernel, dim3 grid, unsigned threads, int shared,
                                     const yolo_cuda_conv &conv, int splits) {
  cudaLaunchAttribute overlap;
  cudaLaunchConfig_t config = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  config.gridDim = grid;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = (size_t)shared;
  config.stream = launch->stream;
  config.attrs = &overlap;
  config.numAttrs = launch->capability >= 90 ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, conv, splits);
}

/* ---- which tile ---- */

struct tile_place {
  int m0, n0;         /* first pixel, first filter of the tile */
  int group, split;   /* which group; which part of k */
  int first, steps;   /* its steps: [first, first + steps) */
  int ticket, splits; /* the tile's number among all of the launch */
};

template <int BM, int BN>
static __device__ __forceinline__ tile_place place_tile(const yolo_cuda_conv &p, int splits, int all_steps) {
  tile_place t;
  int tiles_n = (p.o + BN - 1) / BN;
  t.n0 = (int)(blockIdx.x % tiles_n) * BN;
  t.m0 = (int)(blockIdx.x / tiles_n) * BM;
  t.group = (int)blockIdx.y / splits;
  t.split = (int)blockIdx.y % splits;
  t.first = (int)((long long)all_steps * t.split / splits);
  t.steps = (int)((long long)all_steps * (t.split + 1) / splits) - t.first;
  t.ticket = t.group * (int)gridDim.x + (int)blockIdx.x;
  t.splits = splits;
  return t;
}

/* ---- filling shared memory ---- */

/* What one thread loads: always the same chunk column, of rows row0, row0 + ROWS_APART, ... of both slices.
 *
 * The order of steps along k: where a step is a slab of channels of one tap (C a multiple of it), all taps of a slab come
 * before the next slab. A window's taps look at nearly the same pixels, which the first-level cache then still has. Elsewhere
 * k runs as it lies. */
template <class T, int BM, int BN, int THREADS, bool GATHER>
struct loader {
  static constexpr int LANES = CHUNK / (int)sizeof(T), WIDE = STEP / (int)sizeof(T);
  static constexpr int ROWS_APART = THREADS / CHUNKS;
  static constexpr int A_ROWS = BM / ROWS_APART, B_ROWS = BN / ROWS_APART;
  static_assert(BM % ROWS_APART == 0 && BN % ROWS_APART == 0 && ROWS_APART % 8 == 0, "rows must come out even");

  const T *base[A_ROWS]; /* image of the row's pixel, at the group's first channel */
  int iy0[A_ROWS], ix0[A_ROWS];
  const T *weight;
  int at;                   /* offset of this thread's first chunk in a slice, bytes */
  int ky, kx, c;            /* where in the window this thread's chunk of the next patch slice begins */
  int weight_tap, weight_c; /* the same of the next weight slice; k = tap * C + c */
  int filters;              /* how many of this thread's weight rows exist: bit mask */
  bool slabs;

  __device__ __forceinline__ void start(const yolo_cuda_conv &p, const tile_place &t) {
    int row0 = (int)threadIdx.x / CHUNKS, chunk = (int)threadIdx.x % CHUNKS, pixels = p.n * p.oh * p.ow;
    at = row0 * STEP + (chunk ^ (row0 & 7)) * CHUNK;
    slabs = !GATHER && p.c % WIDE == 0;
    int tap = slabs ? t.first % (p.kh * p.kw) : (t.first * WIDE + chunk * LANES) / p.c;
    c = slabs ? t.first / (p.kh * p.kw) * WIDE + chunk * LANES : t.first * WIDE + chunk * LANES - tap * p.c;
    ky = tap / p.kw;
    kx = tap - ky * p.kw;
    weight_tap = tap;
    weight_c = c;
#pragma unroll
    for (int i = 0; i < A_ROWS; i++) {
      int m = t.m0 + row0 + i * ROWS_APART, inside = m < pixels;
      int n = inside ? m / (p.oh * p.ow) : 0, rest = m - n * (p.oh * p.ow), oy = rest / p.ow, ox = rest - oy * p.ow;
      base[i] = (const T *)p.in + (long long)n * p.h * p.w * p.in_stride + (long long)t.group * p.c;
      iy0[i] = inside ? oy * p.sh - p.ph : -(1 << 28); /* a pixel that is not there sees nothing */
      ix0[i] = ox * p.sw - p.pw;
    }
    filters = 0;
#pragma unroll
    for (int i = 0; i < B_ROWS; i++) filters |= (t.n0 + row0 + i * ROWS_APART < p.o) << i;
    weight = (const T *)p.weight + ((long long)t.group * p.o + t.n0 + row0) * p.row;
  }

  /* One chunk of a patch row value by value: any channel count, any alignment. */
  __device__ __forceinline__ void gather_chunk(const yolo_cuda_conv &p, int i, char *to) const {
    lanes<T, LANES> x;
    int cy = ky, cx = kx, cc = c;
#pragma unroll
    for (int e = 0; e < LANES; e++) {
      int iy = iy0[i] + cy * p.dilation, ix = ix0[i] + cx * p.dilation;
      bool there = cy < p.kh && (unsigned)iy < (unsigned)p.h && (unsigned)ix < (unsigned)p.w;
      put(&x.v[e], 0.0f);
      if (there) x.v[e] = base[i][((long long)iy * p.w + ix) * p.in_stride + cc];
      if (++cc == p.c) {
        cc = 0;
        if (++cx == p.kw) cx = 0, cy++;
      }
    }
    *reinterpret_cast<lanes<T, LANES> *>(to) = x;
  }

  /* The next slice of weights; moves on by one step. Weights are nobody's output: they may be fetched while the kernel
   * before is still running. */
  __device__ __forceinline__ void step_weights(const yolo_cuda_conv &p, char *b) {
    const int k = weight_tap * p.c + weight_c;
#pragma unroll
    for (int i = 0; i < B_ROWS; i++) {
      bool there = (filters >> i & 1) && k < p.row;
      copy_chunk<false>(b + at + i * ROWS_APART * STEP,
                        there ? weight + (long long)i * ROWS_APART * p.row + k : (const T *)p.weight, there);
    }
    if (!slabs)
      weight_c += WIDE; /* tap stays: only the sum counts */
    else if (++weight_tap == p.kh * p.kw)
      weight_tap = 0, weight_c += WIDE;
  }

  /* The next slice of patches; moves on by one step. */
  __device__ __forceinline__ void step_patches(const yolo_cuda_conv &p, char *a) {
#pragma unroll
    for (int i = 0; i < A_ROWS; i++) {
      char *to = a + at + i * ROWS_APART * STEP;
      if (GATHER) {
        gather_chunk(p, i, to);
        continue;
      }
      int iy = iy0[i] + ky * p.dilation, ix = ix0[i] + kx * p.dilation;
      bool there = ky < p.kh && (unsigned)iy < (unsigned)p.h && (unsigned)ix < (unsigned)p.w;
      copy_chunk<true>(to, there ? base[i] + ((long long)iy * p.w + ix) * p.in_stride + c : (const T *)p.in, there);
    }
    if (slabs) {
      if (++kx == p.kw) kx = 0, ky++;
      if (ky == p.kh) ky = 0, c += WIDE;
      return;
    }
    c += WIDE;
    while (c >= p.c) {
      c -= p.c;
      if (++kx == p.kw) kx = 0, ky++;
      if (ky >= p.kh) break; /* beyond the last value: nothing more is read */
    }
  }
};

/* ---- the walk along k ---- */

/* Copies run STAGES - 1 steps ahead of multiply(a, b), which gets the two slices of one step. */
template <int BM, int BN, int STAGES, class FEED, class MULTIPLY>
static __device__ __forceinline__ void walk(const yolo_cuda_conv &p, int steps, FEED &feed, char *shared, MULTIPLY multiply) {
  constexpr int SLICE_A = BM * STEP, SLICE = (BM + BN) * STEP;
  let_next_start();
#pragma unroll
  for (int s = 0; s < STAGES - 1; s++)
    if (s < steps) feed.step_weights(p, shared + s * SLICE + SLICE_A);
  wait_for_inputs();
#pragma unroll
  for (int s = 0; s < STAGES - 1; s++) {
    if (s < steps) feed.step_patches(p, shared + s * SLICE);
    copies_commit();
  }
  for (int s = 0; s < steps; s++) {
    copies_wait<STAGES - 2>();
    __syncthreads(); /* step s has arrived for all, and nobody reads step s - 1 any more */
    if (s + STAGES - 1 < steps) {
      char *to = shared + (s + STAGES - 1) % STAGES * SLICE;
      feed.step_patches(p, to);
      feed.step_weights(p, to + SLICE_A);
    }
    copies_commit();
    const char *from = shared + s % STAGES * SLICE;
    multiply(from, from + SLICE_A);
  }
}

/* Launches a kernel that walks: as much shared memory as its steps fill, at least `least` bytes. Short sums leave the rest to
 * other blocks. */
template <int BM, int BN, int STAGES, class KERNEL>
static cudaError_t launch_walk(const yolo_cuda_launch *launch, KERNEL kernel, const yolo_cuda_conv *p, size_t value_size,
                               unsigned threads, int least, int splits) {
  int steps = (p->row * (int)value_size + STEP - 1) / STEP, stages = steps < STAGES ? steps : STAGES;
  int bytes = stages * (BM + BN) * STEP > least ? stages * (BM + BN) * STEP : least;
  if ((size_t)bytes > launch->shared) return cudaErrorInvalidConfiguration;
  cudaError_t st = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (st != cudaSuccess) return st;
  long long pixels = (long long)p->n * p->oh * p->ow;
  dim3 grid((unsigned)((pixels + BM - 1) / BM * ((p->o + BN - 1) / BN)), (unsigned)(p->groups * splits));
  return launch_overlapped(launch, kernel, grid, threads, bytes, *p, splits);
}

/* ---- what follows the sum ---- */

/* Rounded results need no exact functions: these are good to a few units of 2^-21. */
static __device__ __forceinline__ float quick_mish(float x) {
  float e = __expf(x), n = e * (e + 2);
  return x > 20 ? x : x * __fdividef(n, n + 2);
}
static __device__ __forceinline__ float quick_logistic(float x) { return __fdividef(1.0f, 1 + __expf(-x)); }

/* The activations that networks rarely use: one call, so that they do not fill the instruction cache of every kernel. */
template <int COUNT>
static __device__ __noinline__ void activate_rare(int act, float *v) {
  activate<COUNT>((yolo_activation)act, v);
}

/* QUICK: the result is rounded to 16 bits (or came through tf32). One choice for all values of a chunk. */
template <int COUNT, bool QUICK>
static __device__ __forceinline__ void activate_most(int act, float *v) {
  if (act == YOLO_ACT_linear) return;
  if (act == YOLO_ACT_leaky) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) v[i] = yolo_act_leaky_f(v[i]);
  } else if (act == YOLO_ACT_relu) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) v[i] = yolo_act_relu_f(v[i]);
  } else if (QUICK && act == YOLO_ACT_mish) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) v[i] = quick_mish(v[i]);
  } else if (QUICK && (act == YOLO_ACT_swish || act == YOLO_ACT_logistic)) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) v[i] = (act == YOLO_ACT_swish ? v[i] : 1.0f) * quick_logistic(v[i]);
  } else {
    float w[COUNT]; /* a copy: what a call takes the address of lives in memory */
#pragma unroll
    for (int i = 0; i < COUNT; i++) w[i] = v[i];
    activate_rare<COUNT>(act, w);
#pragma unroll
    for (int i = 0; i < COUNT; i++) v[i] = w[i];
  }
}

/* What does not change from pixel to pixel for a thread that finishes COUNT neighbouring filters from o (of the group) on. */
template <class T, int COUNT, bool QUICK>
struct finisher {
  float bias[COUNT];
  int first, count; /* the first filter of all; how many of them exist */
  bool whole;       /* all do, and 16 bytes can be moved at once */

  __device__ __forceinline__ void start(const yolo_cuda_conv &p, int group, int o) {
    first = group * p.o + o;
    count = min(COUNT, p.o - o);
    whole = !p.askew && count == COUNT;
#pragma unroll
    for (int i = 0; i < COUNT; i++) bias[i] = p.bias && i < count ? __ldg(p.bias + first + i) : 0.0f;
  }

  /* From sums to results of pixel m. */
  __device__ __forceinline__ void finish(const yolo_cuda_conv &p, int m, float *v) const {
    T *out = (T *)p.out + (long long)m * p.out_stride + first;
#pragma unroll
    for (int i = 0; i < COUNT; i++) v[i] += bias[i];
    activate_most<COUNT, QUICK>(p.act1, v);
    if (p.residual) {
      const T *residual = (const T *)p.residual + (long long)m * p.residual_stride + first;
      float r[COUNT];
      if (whole) {
        load<T, COUNT>(residual, r);
      } else {
#pragma unroll
        for (int i = 0; i < COUNT; i++) r[i] = i < count ? as_float(residual[i]) : 0.0f;
      }
#pragma unroll
      for (int i = 0; i < COUNT; i++) v[i] += r[i];
    }
    activate_most<COUNT, QUICK>(p.act2, v);
    if (whole) {
      store<T, COUNT>(out, v);
    } else {
#pragma unroll
      for (int i = 0; i < COUNT; i++)
        if (i < count) put(out + i, v[i]);
    }
  }
};

/* ---- split-K: several blocks sum one tile ---- */

/* Adds up the parts of a tile: every block leaves its sums in `work` (each thread its own, side by side with its
 * neighbours') and takes a ticket; the last to come adds all parts in their order, so that the result does not depend on who
 * was last. True: `sums` is the whole and this block goes on to finish it. */
template <int COUNT, int THREADS>
static __device__ bool gather_splits(const yolo_cuda_conv &p, const tile_place &t, float *sums) {
  __shared__ int last;
  float *parts = (float *)p.work + (long long)t.ticket * t.splits * COUNT * THREADS + threadIdx.x;
#pragma unroll
  for (int i = 0; i < COUNT; i++) __stcg(parts + ((long long)t.split * COUNT + i) * THREADS, sums[i]);
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(&p.tickets[t.ticket], 1) == t.splits - 1;
    if (last) p.tickets[t.ticket] = 0;
  }
  __syncthreads();
  if (!last) return false;
  __threadfence();
#pragma unroll
  for (int i = 0; i < COUNT; i++) sums[i] = 0;
  for (int s = 0; s < t.splits; s++) {
#pragma unroll
    for (int i = 0; i < COUNT; i++) sums[i] += __ldcg(parts + ((long long)s * COUNT + i) * THREADS);
  }
  return true;
}

#endif
