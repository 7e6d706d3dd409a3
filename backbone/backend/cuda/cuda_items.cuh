/* The loop that most ops are: one thread for L neighbouring channels of one pixel. Neighbouring threads take neighbouring
 * channels, so that a warp reads and writes whole lines of memory.
 *
 * A body is a struct with its operands, `enum { LANES = L }` and operator()(p, c): pixel p counted through (N, H, W),
 * channels [c, c + L). An op is a template over the type T of the activations and L, with a static run(launch, call). */
#ifndef YOLO_CUDA_ITEMS_CUH
#define YOLO_CUDA_ITEMS_CUH

#include "backbone/backend/cuda/cuda_common.cuh"

/* Items [0, items) from pixel `first` on; a pixel has `chunks` of them. 32-bit division is fast, 64-bit is not. */
template <class Body>
static __global__ void __launch_bounds__(BLOCK)
    each_item(const __grid_constant__ Body body, long long first, unsigned items, unsigned chunks) {
  unsigned i = blockIdx.x * (unsigned)BLOCK + threadIdx.x;
  if (i < items) body(first + i / chunks, (int)(i % chunks) * Body::LANES);
}

/* Runs the body over all pixels; a launch takes as many as 31 bits can count. */
template <class Body>
static cudaError_t run_items(const yolo_cuda_launch *launch, const Body &body, long long pixels, int channels) {
  const long long chunks = channels / Body::LANES;
  if (chunks < 1) return cudaSuccess;
  const long long most = 0x7fffffff / chunks;
  for (long long first = 0; first < pixels; first += most) {
    const long long now = pixels - first < most ? pixels - first : most;
    each_item<<<blocks_for(now * chunks), BLOCK, 0, launch->stream>>>(body, first, (unsigned)(now * chunks), (unsigned)chunks);
  }
  return cudaGetLastError();
}

/* Op<T, L>::run for this device's type; 16 bytes a thread when `vector`, else one value. */
template <template <class, int> class Op>
static cudaError_t run_op(const yolo_cuda_launch *launch, const yolo_op_call *call, bool vector) {
  switch (launch->dtype) {
    case YOLO_F32: return vector ? Op<float, 4>::run(launch, call) : Op<float, 1>::run(launch, call);
    case YOLO_F16: return vector ? Op<__half, 8>::run(launch, call) : Op<__half, 1>::run(launch, call);
    case YOLO_BF16: return vector ? Op<__nv_bfloat16, 8>::run(launch, call) : Op<__nv_bfloat16, 1>::run(launch, call);
    default: return cudaErrorInvalidValue;
  }
}

/* Whether the output and all inputs can be moved 16 bytes at a time. */
static inline bool all_vector(const yolo_op_call *call) {
  bool vector = is_vector(call->out);
  for (int i = 0; i < call->n_in; i++) vector = vector && is_vector(&call->in[i]);
  return vector;
}

static inline long long pixels_of(const yolo_tensor *t) { return (long long)yolo_shape_pixels(t->shape); }

/* a / b of numbers that are not negative. */
static __device__ __forceinline__ long long divide(long long a, long long b) {
  return (a | b) >> 32 ? a / b : (long long)((unsigned)a / (unsigned)b);
}

/* Pixel p of maps of h x w. */
struct place {
  int n, y, x;
};
static __device__ __forceinline__ place place_of(long long p, int h, int w) {
  const long long row = divide(p, w), n = divide(row, h);
  return place{(int)n, (int)(row - n * h), (int)(p - row * w)};
}

/* The cells of a pool's window at an output's place that lie inside a map of h x w: [y0, y1) x [x0, x1). */
struct window {
  int y0, y1, x0, x1;
};
static __device__ __forceinline__ window window_at(const yolo_pool_attrs &a, const place &at, int h, int w) {
  const int top = at.y * a.stride_h - a.pad.top, left = at.x * a.stride_w - a.pad.left;
  return window{max(top, 0), min(top + a.kernel_h, h), max(left, 0), min(left + a.kernel_w, w)};
}

/* L values without a change. */
template <class T, int L>
static __device__ __forceinline__ void move(const T *from, T *to) {
  *reinterpret_cast<lanes<T, L> *>(to) = *reinterpret_cast<const lanes<T, L> *>(from);
}

/* to = from, pixel by pixel. */
template <class T, int L>
struct copy_pixels {
  enum { LANES = L };
  const T *from;
  T *to;
  long long from_stride, to_stride;
  __device__ __forceinline__ void operator()(long long p, int c) const {
    move<T, L>(from + p * from_stride + c, to + p * to_stride + c);
  }
};

#endif
