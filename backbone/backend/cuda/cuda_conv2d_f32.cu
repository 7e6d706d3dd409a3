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
  constexpr int BM = ROWS * RM, BN = ACROSS * RN;
  extern __shared__ __align__(128) char shared[];
  const tile_place t = place_tile<BM, BN>(p, splits, (p.row * (int)sizeof(float) + STEP - 1) / STEP);
  loader<float, BM, BN, THREADS, GATHER> feed;
  float sums[RM * RN];
  feed.start(p, t);
#pragma unroll
  for (int i = 0; i < RM * RN; i++) sums[i] = 0;
  walk<BM, BN, STAGES>(p, t.steps, feed, shared, [&](const char *a, const char *b) { multiply_step<RM, RN>(a, b, sums); });
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
  return launch_walk<ROWS * RM, ACROSS * RN, STAGES>(launch, conv_fma<RM, RN, STAGES, GATHER>, p, sizeof(float), THREADS, 0,
                                                     splits);
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
