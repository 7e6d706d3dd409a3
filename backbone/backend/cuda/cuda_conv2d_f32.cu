/* Convolutions in strict fp32: plain multiply-adds. See cuda_conv2d_tile.cuh for the shape of it all.
 *
 * A thread sums RM pixels x RN filters, each ROWS resp. 16 apart, so that the 16 threads of a row of the thread grid read 16
 * different weight rows without a bank conflict and one patch row together. Sums run in two levels, a step of 32 products
 * and then the steps: long sums lose less that way. */
#include "backbone/backend/cuda/cuda_conv2d_tile.cuh"

enum { ACROSS = 16, THREADS = 256, ROWS = THREADS / ACROSS };

/* One step: 32 values of k for RM x RN sums. */
template <int RM, int RN>
static __device__ __forceinline__ void multiply_step(const char *a, const char *b, float *sums) {
  const int tx = (int)threadIdx.x % ACROSS, ty = (int)threadIdx.x / ACROSS;
  float part[RM][RN];
#pragma unroll
  for (int i = 0; i < RM * RN; i++) (&part[0][0])[i] = 0;
#pragma unroll 2
  for (int chunk = 0; chunk < CHUNKS; chunk++) {
    float4 x[RM], y[RN];
#pragma unroll
    for (int i = 0; i < RM; i++)
      x[i] = *reinterpret_cast<const float4 *>(a + (ty + i * ROWS) * STEP + (chunk ^ (ty & 7)) * CHUNK);
#pragma unroll
    for (int j = 0; j < RN; j++)
      y[j] = *reinterpret_cast<const float4 *>(b + (tx + j * ACROSS) * STEP + (chunk ^ (tx & 7)) * CHUNK);
#pragma unroll
    for (int i = 0; i < RM; i++)
#pragma unroll
      for (int j = 0; j < RN; j++) {
        part[i][j] = fmaf(x[i].x, y[j].x, part[i][j]);
        part[i][j] = fmaf(x[i].y, y[j].y, part[i][j]);
        part[i][j] = fmaf(x[i].z, y[j].z, part[i][j]);
        part[i][j] = fmaf(x[i].w, y[j].w, part[i][j]);
      }
  }
#pragma unroll
  for (int i = 0; i < RM * RN; i++) sums[i] += (&part[0][0])[i];
}

template <int RM, int RN, int STAGES, bool GATHER>
__global__ void __launch_bounds__(THREADS) conv_fma(const yolo_cuda_conv p, int splits) {
  constexpr int BM = ROWS * RM, BN = ACROSS * RN, SLICE_A = BM * STEP, SLICE = (BM + BN) * STEP;
  extern __shared__ __align__(128) char shared[];
  const tile_place t = place_tile<BM, BN>(p, splits, (p.row * (int)sizeof(float) + STEP - 1) / STEP);
  loader<float, BM, BN, THREADS, GATHER> feed;
  float sums[RM * RN];
  feed.start(p, t);
#pragma unroll
  for (int i = 0; i < RM * RN; i++) sums[i] = 0;
  let_next_start();
#pragma unroll
  for (int s = 0; s < STAGES - 1; s++)
    if (s < t.steps) feed.step_weights(p, shared + s * SLICE + SLICE_A);
  wait_for_inputs();
#pragma unroll
  for (int s = 0; s < STAGES - 1; s++) {
    if (s < t.steps) feed.step_patches(p, shared + s * SLICE);
    copies_commit();
  }
  for (int s = 0; s < t.steps; s++) {
    copies_wait<STAGES - 2>();
    __syncthreads();
    if (s + STAGES - 1 < t.steps) {
      char *to = shared + (s + STAGES - 1) % STAGES * SLICE;
      feed.step_patches(p, to);
      feed.step_weights(p, to + SLICE_A);
    }
    copies_commit();
    const char *from = shared + s % STAGES * SLICE;
    multiply_step<RM, RN>(from, from + SLICE_A, sums);
  }
  if (splits > 1 && !gather_splits<RM * RN, THREADS>(p, t, sums)) return;
  const int tx = (int)threadIdx.x % ACROSS, ty = (int)threadIdx.x / ACROSS, pixels = p.n * p.oh * p.ow;
#pragma unroll
  for (int j = 0; j < RN; j++) {
    const int o = t.n0 + tx + j * ACROSS;
    finisher<float, 1, false> end;
    if (o >= p.o) continue;
    end.start(p, t.group, o);
#pragma unroll
    for (int i = 0; i < RM; i++) {
      int m = t.m0 + ty + i * ROWS;
      if (m < pixels) end.finish(p, m, &sums[i * RN + j]);
    }
  }
}

template <int RM, int RN, int STAGES, bool GATHER>
static cudaError_t launch_fma(const yolo_cuda_launch *launch, const yolo_cuda_conv *p, int splits) {
  constexpr int BM = ROWS * RM, BN = ACROSS * RN;
  int steps = (p->row * (int)sizeof(float) + STEP - 1) / STEP, stages = steps < STAGES ? steps : STAGES;
  int bytes = stages * (BM + BN) * STEP;
  if ((size_t)bytes > launch->shared) return cudaErrorInvalidConfiguration;
  auto kernel = conv_fma<RM, RN, STAGES, GATHER>;
  cudaError_t st = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  if (st != cudaSuccess) return st;
  long long pixels = (long long)p->n * p->oh * p->ow;
  dim3 grid((unsigned)((pixels + BM - 1) / BM * ((p->o + BN - 1) / BN)), (unsigned)(p->groups * splits));
  return launch_overlapped(launch, kernel, grid, THREADS, bytes, *p, splits);
}

/* The tiles, in the order of yolo_cuda_conv_tiles(). */
extern "C" cudaError_t yolo_cuda_conv_f32(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits) {
  switch (tile) {
    case 0: return launch_fma<8, 4, 3, false>(launch, conv, splits);
    case 1: return launch_fma<4, 4, 3, false>(launch, conv, splits);
    case 2: return launch_fma<8, 2, 3, false>(launch, conv, splits);
    case 3: return launch_fma<2, 4, 3, false>(launch, conv, splits);
    case 4: return launch_fma<4, 4, 2, true>(launch, conv, splits);
    case 5: return launch_fma<8, 2, 2, true>(launch, conv, splits);
    default: return cudaErrorInvalidValue;
  }
}
