/* Convolutions on tensor cores: half, bfloat and tf32. See cuda_conv2d_tile.cuh for the shape of it all.
 *
 * A warp multiplies with mma.sync: 16 pixels x 8 filters x 32 bytes of k at a time (k16 of 16-bit values, k8 of tf32).
 * ldmatrix hands out the operands; since it moves 16-byte rows whatever they mean, one text serves all three types. Sums
 * are fp32. NVIDIA, "PTX ISA", sections on mma and ldmatrix, has the layout of the fragments. */
#ifndef YOLO_CUDA_CONV2D_GEMM_CUH
#define YOLO_CUDA_CONV2D_GEMM_CUH

#include "backbone/backend/cuda/cuda_conv2d_tile.cuh"

/* ---- the three kinds of products ---- */

struct half_math {
  typedef __half T;
  static __device__ __forceinline__ void prepare(unsigned *, int) {}
  static __device__ __forceinline__ void multiply(float *d, const unsigned *a, const unsigned *b) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else /* Turing: the two halves of k one after the other */
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(b[0]));
    asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[2]), "r"(a[3]), "r"(b[1]));
#endif
  }
};

struct bfloat_math {
  typedef __nv_bfloat16 T;
  static __device__ __forceinline__ void prepare(unsigned *, int) {}
  static __device__ __forceinline__ void multiply(float *d, const unsigned *a, const unsigned *b) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    (void)d, (void)a, (void)b; /* such cards are refused when they are opened */
#endif
  }
};

struct tf32_math {
  typedef float T;
  /* Rounds to tf32; left alone, the unit would cut off the low bits. */
  static __device__ __forceinline__ void prepare(unsigned *x, int count) {
#if __CUDA_ARCH__ >= 800
#pragma unroll
    for (int i = 0; i < count; i++) asm volatile("cvt.rna.tf32.f32 %0, %1;\n" : "=r"(x[i]) : "f"(__uint_as_float(x[i])));
#else
    (void)x, (void)count;
#endif
  }
  static __device__ __forceinline__ void multiply(float *d, const unsigned *a, const unsigned *b) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    (void)d, (void)a, (void)b;
#endif
  }
};

/* Four 8 x 16-byte matrices: each lane names one row, and gets 4 bytes of each matrix. */
static __device__ __forceinline__ void load_matrices(unsigned *to, const char *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row)));
}

/* ---- the kernel ---- */

template <class M, int BM, int BN, int WARPS_M, int WARPS_N>
struct warp_tile {
  static constexpr int WM = BM / WARPS_M, WN = BN / WARPS_N, MI = WM / 16, NJ = WN / 8;
  static_assert(WM % 16 == 0 && WN % 16 == 0, "whole fragments");
  float sums[MI][NJ][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < MI * NJ * 4; i++) (&sums[0][0][0])[i] = 0;
  }

  /* 32 bytes of k of both slices, as the multiplications want them. */
  struct fragments {
    unsigned a[MI][4], b[NJ / 2][4];
  };
  __device__ __forceinline__ void fetch(fragments *f, const char *a, const char *b, int part, int warp_m, int warp_n,
                                        int lane) {
    const int a_row = warp_m * WM + (lane & 15), a_chunk = lane >> 4;
    const int b_row = warp_n * WN + (lane >> 4) * 8 + (lane & 7), b_chunk = lane >> 3 & 1;
#pragma unroll
    for (int i = 0; i < MI; i++) {
      load_matrices(f->a[i], a + (a_row + i * 16) * STEP + ((part * 2 + a_chunk) ^ (a_row & 7)) * CHUNK);
      M::prepare(f->a[i], 4);
    }
#pragma unroll
    for (int j = 0; j < NJ / 2; j++) {
      load_matrices(f->b[j], b + (b_row + j * 16) * STEP + ((part * 2 + b_chunk) ^ (b_row & 7)) * CHUNK);
      M::prepare(f->b[j], 4);
    }
  }

  /* One step of k: a and b are the slices in shared memory. The next fragments are on their way while these multiply. */
  __device__ __forceinline__ void multiply(const char *a, const char *b, int warp_m, int warp_n, int lane) {
    fragments f[2];
    fetch(&f[0], a, b, 0, warp_m, warp_n, lane);
#pragma unroll
    for (int part = 0; part < STEP / 32; part++) {
      if (part + 1 < STEP / 32) fetch(&f[(part + 1) & 1], a, b, part + 1, warp_m, warp_n, lane);
#pragma unroll
      for (int i = 0; i < MI; i++)
#pragma unroll
        for (int j = 0; j < NJ; j++) M::multiply(sums[i][j], f[part & 1].a[i], f[part & 1].b[j / 2] + j % 2 * 2);
    }
  }

  static constexpr int PADDED = WN + 4; /* floats of a row in the exchange below */
  static constexpr int EXCHANGE = WM * PADDED * (int)sizeof(float);

  /* Fragments scatter a pixel's filters over lanes; through shared memory each lane gets 16 bytes of neighbours. The loop is
   * not unrolled: its copies would not fit into the instruction cache together. */
  __device__ __forceinline__ void finish_tile(const yolo_cuda_conv &p, const tile_place &t, float *exchange, int warp_m,
                                              int warp_n, int lane) {
    typedef typename M::T T;
    constexpr int LANES = full_lanes<T>, ACROSS = WN / LANES, DOWN = 32 / ACROSS;
    const int column = lane % ACROSS * LANES; /* a lane's filters are always the same */
    const int o = t.n0 + warp_n * WN + column, m0 = t.m0 + warp_m * WM, pixels = p.n * p.oh * p.ow;
#pragma unroll
    for (int i = 0; i < MI; i++)
#pragma unroll
      for (int j = 0; j < NJ; j++) {
        float *to = exchange + (i * 16 + lane / 4) * PADDED + j * 8 + lane % 4 * 2;
        *reinterpret_cast<float2 *>(to) = make_float2(sums[i][j][0], sums[i][j][1]);
        *reinterpret_cast<float2 *>(to + 8 * PADDED) = make_float2(sums[i][j][2], sums[i][j][3]);
      }
    __syncwarp();
    if (o >= p.o) return;
    finisher<T, LANES, true> end;
    end.start(p, t.group, o);
    const int rows = min(WM, pixels - m0);
#pragma unroll 1
    for (int row = lane / ACROSS; row < rows; row += DOWN) {
      float v[LANES];
#pragma unroll
      for (int e = 0; e < LANES; e += 4)
        *reinterpret_cast<float4 *>(v + e) = *reinterpret_cast<const float4 *>(exchange + row * PADDED + column + e);
      end.finish(p, m0 + row, v);
    }
  }
};

template <class M, int BM, int BN, int WARPS_M, int WARPS_N, int STAGES, bool GATHER>
__global__ void __launch_bounds__(WARPS_M *WARPS_N * 32) conv_mma(const yolo_cuda_conv p, int splits) {
  constexpr int THREADS = WARPS_M * WARPS_N * 32;
  typedef warp_tile<M, BM, BN, WARPS_M, WARPS_N> tile_type;
  extern __shared__ __align__(128) char shared[];
  const int lane = (int)threadIdx.x & 31, warp = (int)threadIdx.x >> 5, warp_m = warp / WARPS_N, warp_n = warp % WARPS_N;
  const tile_place t = place_tile<BM, BN>(p, splits, (p.row * (int)sizeof(typename M::T) + STEP - 1) / STEP);
  loader<typename M::T, BM, BN, THREADS, GATHER> feed;
  tile_type tile;
  feed.start(p, t);
  tile.clear();
  walk<BM, BN, STAGES>(p, t.steps, feed, shared,
                       [&](const char *a, const char *b) { tile.multiply(a, b, warp_m, warp_n, lane); });
  copies_wait<0>();
  __syncthreads();
  if (splits > 1 && !gather_splits<tile_type::MI * tile_type::NJ * 4, THREADS>(p, t, &tile.sums[0][0][0])) return;
  tile.finish_tile(p, t, (float *)(shared + warp * tile_type::EXCHANGE), warp_m, warp_n, lane);
}

/* ---- launching ---- */

template <class M, int BM, int BN, int WARPS_M, int WARPS_N, int STAGES, bool GATHER>
static cudaError_t launch_mma(const yolo_cuda_launch *launch, const yolo_cuda_conv *p, int splits) {
  constexpr int exchange = warp_tile<M, BM, BN, WARPS_M, WARPS_N>::EXCHANGE * WARPS_M * WARPS_N;
  return launch_walk<BM, BN, STAGES>(launch, conv_mma<M, BM, BN, WARPS_M, WARPS_N, STAGES, GATHER>, p, sizeof(typename M::T),
                                     WARPS_M * WARPS_N * 32, exchange, splits);
}

/* ---- the first layer of a network ---- */

/* Few input channels (an image's three) make short sums whose values cannot be fetched 16 bytes at a time. Here a thread owns
 * a pixel and walks through its whole window, tap by tap; a block does 128 pixels and BN filters, all of k at once. */
enum { STEM_PIXELS = 128 };

template <class T>
static __device__ __forceinline__ void fill_patch(const yolo_cuda_conv &p, int m, int steps, char *a) {
  constexpr int LANES = full_lanes<T>;
  const int row = (int)threadIdx.x, n = m / (p.oh * p.ow), rest = m - n * (p.oh * p.ow), oy = rest / p.ow,
            ox = rest - oy * p.ow;
  const bool inside = m < p.n * p.oh * p.ow;
  const T *image = (const T *)p.in + (long long)n * p.h * p.w * p.in_stride, *tap = image;
  int ky = 0, kx = -1, c = p.c - 1; /* one before the first value */
  bool there = false;
  for (int s = 0; s < steps; s++)
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
      lanes<T, LANES> x;
#pragma unroll
      for (int e = 0; e < LANES; e++) {
        if (++c == p.c) { /* the next tap */
          c = 0;
          if (++kx == p.kw) kx = 0, ky++;
          int iy = oy * p.sh - p.ph + ky * p.dilation, ix = ox * p.sw - p.pw + kx * p.dilation;
          there = inside && ky < p.kh && (unsigned)iy < (unsigned)p.h && (unsigned)ix < (unsigned)p.w;
          tap = image + ((long long)iy * p.w + ix) * p.in_stride;
        }
        put(&x.v[e], 0.0f);
        if (there) x.v[e] = tap[c];
      }
      *reinterpret_cast<lanes<T, LANES> *>(a + s * STEM_PIXELS * STEP + row * STEP + (chunk ^ (row & 7)) * CHUNK) = x;
    }
}

template <class M, int BN>
__global__ void __launch_bounds__(STEM_PIXELS) conv_stem(const yolo_cuda_conv p, int steps) {
  typedef typename M::T T;
  typedef warp_tile<M, STEM_PIXELS, BN, 4, 1> tile_type;
  constexpr int WIDE = STEP / (int)sizeof(T), LANES = full_lanes<T>;
  extern __shared__ __align__(128) char shared[];
  const int lane = (int)threadIdx.x & 31, warp = (int)threadIdx.x >> 5;
  const tile_place t = place_tile<STEM_PIXELS, BN>(p, 1, steps);
  char *b = shared + steps * STEM_PIXELS * STEP;
  tile_type tile;
  let_next_start();
  for (int i = (int)threadIdx.x; i < steps * BN * CHUNKS; i += STEM_PIXELS) {
    int chunk = i % CHUNKS, row = i / CHUNKS % BN, s = i / (CHUNKS * BN), k = s * WIDE + chunk * LANES;
    bool there = t.n0 + row < p.o && k < p.row;
    copy_chunk<false>(b + s * BN * STEP + row * STEP + (chunk ^ (row & 7)) * CHUNK,
                      there ? (const T *)p.weight + (long long)(t.n0 + row) * p.row + k : (const T *)p.weight, there);
  }
  copies_commit();
  tile.clear();
  wait_for_inputs();
  fill_patch<T>(p, t.m0 + (int)threadIdx.x, steps, shared);
  copies_wait<0>();
  __syncthreads();
  for (int s = 0; s < steps; s++) tile.multiply(shared + s * STEM_PIXELS * STEP, b + s * BN * STEP, warp, 0, lane);
  __syncthreads();
  tile.finish_tile(p, t, (float *)(shared + warp * tile_type::EXCHANGE), warp, 0, lane);
}

template <class M, int BN>
static cudaError_t launch_stem(const yolo_cuda_launch *launch, const yolo_cuda_conv *p) {
  const int steps = (p->row * (int)sizeof(typename M::T) + STEP - 1) / STEP;
  constexpr int exchange = warp_tile<M, STEM_PIXELS, BN, 4, 1>::EXCHANGE * 4;
  int bytes = steps * (STEM_PIXELS + BN) * STEP > exchange ? steps * (STEM_PIXELS + BN) * STEP : exchange;
  if (p->groups != 1 || steps > YOLO_CONV_STEM_STEPS || (size_t)bytes > launch->shared) return cudaErrorInvalidConfiguration;
  auto kernel = conv_stem<M, BN>;
  cudaError_t st = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (st != cudaSuccess) return st;
  long long pixels = (long long)p->n * p->oh * p->ow;
  dim3 grid((unsigned)((pixels + STEM_PIXELS - 1) / STEM_PIXELS * ((p->o + BN - 1) / BN)));
  return launch_overlapped(launch, kernel, grid, STEM_PIXELS, bytes, *p, steps);
}

/* The tiles, in the order of yolo_cuda_conv_tiles(). */
template <class M>
static cudaError_t launch_tile(const yolo_cuda_launch *launch, const yolo_cuda_conv *p, int tile, int splits) {
  switch (tile) {
    case 0: return launch_mma<M, 256, 128, 4, 2, 3, false>(launch, p, splits);
    case 1: return launch_mma<M, 128, 128, 2, 2, 3, false>(launch, p, splits);
    case 2: return launch_mma<M, 128, 128, 2, 4, 3, false>(launch, p, splits);
    case 3: return launch_mma<M, 128, 64, 2, 2, 4, false>(launch, p, splits);
    case 4: return launch_mma<M, 64, 128, 2, 2, 4, false>(launch, p, splits);
    case 5: return launch_mma<M, 64, 64, 2, 2, 4, false>(launch, p, splits);
    case 6: return launch_mma<M, 128, 32, 4, 1, 4, false>(launch, p, splits);
    case 7: return launch_mma<M, 32, 64, 2, 2, 5, false>(launch, p, splits);
    case 8: return launch_mma<M, 64, 32, 2, 2, 5, false>(launch, p, splits);
    case 9: return launch_stem<M, 32>(launch, p);
    case 10: return launch_stem<M, 64>(launch, p);
    case 11: return launch_mma<M, 64, 64, 2, 2, 3, true>(launch, p, splits);
    case 12: return launch_mma<M, 128, 32, 4, 1, 3, true>(launch, p, splits);
    default: return cudaErrorInvalidValue;
  }
}

#endif
