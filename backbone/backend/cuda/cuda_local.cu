/* A locally connected layer: a convolution whose weights are not shared between positions (Taigman et al., "DeepFace",
 * 2014, section 3.2). There are far more weights than values, so the time is that of reading them: a warp takes one
 * filter at one position, reads its weights in a row and uses each for IMAGES images at once. */
#include "backbone/backend/cuda/cuda_items.cuh"

enum { IMAGES = 4, WARP = 32 };

template <class T>
struct local_call {
  view<T> in, out;
  const float *weight, *bias;
  long long weight_stride, bias_stride;
  yolo_local_attrs a;
};

/* sum[j] += w x of image n + j, over this lane's channels of one cell. */
template <class T>
static __device__ __forceinline__ void add_cell(const local_call<T> &k, const float *w, int n, int y, int x, int lane,
                                                float *sum) {
  for (int c = lane; c < k.in.c; c += WARP) {
    const float weight = w[c];
#pragma unroll
    for (int j = 0; j < IMAGES; j++)
      if (n + j < k.in.n) sum[j] += weight * as_float(k.in.pixel(n + j, y, x)[c]);
  }
}

template <class T>
static __device__ __forceinline__ void add_window(const local_call<T> &k, const float *w, int n, int y, int x, int lane,
                                                  float *sum) {
  for (int ky = 0; ky < k.a.kernel; ky++) {
    const int iy = y * k.a.stride - k.a.pad + ky;
    if (iy < 0 || iy >= k.in.h) continue;
    for (int kx = 0; kx < k.a.kernel; kx++) {
      const int ix = x * k.a.stride - k.a.pad + kx;
      if (ix < 0 || ix >= k.in.w) continue;
      add_cell(k, w + (long long)(ky * k.a.kernel + kx) * k.weight_stride, n, iy, ix, lane, sum);
    }
  }
}

template <class T>
static __global__ void __launch_bounds__(BLOCK) local_filter(local_call<T> k) {
  const long long warp = ((long long)blockIdx.x * BLOCK + threadIdx.x) / WARP;
  const int lane = (int)threadIdx.x % WARP, position = (int)(warp / k.out.c), o = (int)(warp % k.out.c);
  if (position >= k.out.h * k.out.w) return;
  const int y = position / k.out.w, x = position % k.out.w;
  const float *w = k.weight + warp * k.a.kernel * k.a.kernel * k.weight_stride;
  const float bias = k.bias[position * k.bias_stride + o];
  for (int n = 0; n < k.in.n; n += IMAGES) {
    float sum[IMAGES] = {0};
    add_window(k, w, n, y, x, lane, sum);
#pragma unroll
    for (int j = 0; j < IMAGES; j++) {
      for (int step = WARP / 2; step > 0; step /= 2) sum[j] += __shfl_xor_sync(~0u, sum[j], step);
      if (lane == 0 && n + j < k.in.n) put(k.out.pixel(n + j, y, x) + o, yolo_activate_f(k.a.act, sum[j] + bias));
    }
  }
}

template <class T, int L>
struct local {
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_tensor *p = call->param;
    const local_call<T> k = {view_of<T>(&call->in[0]),
                             view_of<T>(call->out),
                             (const float *)p[0].data,
                             (const float *)p[1].data,
                             (long long)p[0].stride,
                             (long long)p[1].stride,
                             *(const yolo_local_attrs *)call->attrs};
    const long long threads = (long long)k.out.h * k.out.w * k.out.c * WARP;
    if (threads == 0) return cudaSuccess;
    local_filter<T><<<blocks_for(threads), BLOCK, 0, launch->stream>>>(k);
    return cudaGetLastError();
  }
};

extern "C" cudaError_t yolo_cuda_local(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<local>(launch, call, false);
}
