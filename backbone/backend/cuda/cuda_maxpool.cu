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
    const window see = window_at(a, at, in.h, in.w);
    float best[L];
    load<T, L>(in.pixel(at.n, see.y0, see.x0) + c, best);
    for (int y = see.y0; y < see.y1; y++) {
      const T *row = in.pixel(at.n, y, 0) + c;
#pragma unroll 4
      for (int x = see.x0; x < see.x1; x++) {
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
