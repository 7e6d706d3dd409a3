/* Vectors of length 1 times a learned factor a channel: out_c = weight_c in_c / sqrt(sum_k in_k^2 + eps) (ParseNet, Liu,
 * Rabinovich & Berg 2015, section 3.3). A warp takes one pixel: its lanes add every 32nd channel, then each other's sums in a
 * fixed order, so that equal runs give equal bits. */
#include "backbone/backend/cuda/cuda_items.cuh"

static const int WARP = 32, WARPS = BLOCK / WARP, BLOCKS_AT_ONCE = 1 << 20;

template <class T>
struct l2norm_call {
  view<T> in, out;
  const float *weight;
  long long pixels;
  float eps;
};

template <class T, int L>
static __global__ void __launch_bounds__(BLOCK) l2norm_pixels(l2norm_call<T> s) {
  const int lane = (int)threadIdx.x % WARP;
  float v[L];
  for (long long p = (long long)blockIdx.x * WARPS + threadIdx.x / WARP; p < s.pixels; p += (long long)gridDim.x * WARPS) {
    float sum = 0;
    for (int c = lane * L; c < s.in.c; c += WARP * L) {
      load<T, L>(s.in.pixel(p) + c, v);
#pragma unroll
      for (int i = 0; i < L; i++) sum += v[i] * v[i];
    }
    for (int step = WARP / 2; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
    const float inverse = 1 / sqrtf(sum + s.eps);
    for (int c = lane * L; c < s.in.c; c += WARP * L) {
      load<T, L>(s.in.pixel(p) + c, v);
#pragma unroll
      for (int i = 0; i < L; i++) v[i] = s.weight[c + i] * (v[i] * inverse);
      store<T, L>(s.out.pixel(p) + c, v);
    }
  }
}

template <class T, int L>
struct l2norm {
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_l2norm_attrs *a = (const yolo_l2norm_attrs *)call->attrs;
    const l2norm_call<T> s = {view_of<T>(&call->in[0]), view_of<T>(call->out), (const float *)call->param[0].data,
                              pixels_of(call->out), a->eps};
    const long long blocks = (s.pixels + WARPS - 1) / WARPS;
    if (blocks == 0) return cudaSuccess;
    l2norm_pixels<T, L><<<(unsigned)(blocks < BLOCKS_AT_ONCE ? blocks : BLOCKS_AT_ONCE), BLOCK, 0, launch->stream>>>(s);
    return cudaGetLastError();
  }
};

extern "C" cudaError_t yolo_cuda_l2norm(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<l2norm>(launch, call, all_vector(call));
}
