/* Max pooling: out(n,y,x,c) = max over the window of in; cells outside the map do not count. A NaN behaves as in the
 * plain loops: the first cell of the window is taken as it is, another only when it is larger. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct maxpool {
  enum { LANES = L };
  view<T> in, out;
  yolo_maxpool_attrs a;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    const place at = place_of(p, out.h, out.w);
    const int top = at.y * a.stride_h - a.pad.top, left = at.x * a.stride_w - a.pad.left;
    const int y0 = max(top, 0), y1 = min(top + a.kernel_h, in.h), x0 = max(left, 0), x1 = min(left + a.kernel_w, in.w);
    float best[L];
    load<T, L>(in.pixel(at.n, y0, x0) + c, best);
    for (int y = y0; y < y1; y++) {
      const T *row = in.pixel(at.n, y, 0) + c;
#pragma unroll 4
      for (int x = x0; x < x1; x++) {
        float v[L];
        load<T, L>(row + x * in.stride, v);
#pragma unroll
        for (int i = 0; i < L; i++) best[i] = v[i] > best[i] ? v[i] : best[i];
      }
    }
    store<T, L>(out.pixel(p) + c, best);
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_maxpool_attrs *a = (const yolo_maxpool_attrs *)call->attrs;
    const maxpool body = {view_of<T>(&call->in[0]), view_of<T>(call->out), *a};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_maxpool(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<maxpool>(launch, call, all_vector(call));
}
