/* Nearest neighbour upsampling: out(n,y,x,c) = scale * in(n, y/factor, x/factor, c). The reads that repeat come from the
 * cache. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct upsample {
  enum { LANES = L };
  view<T> in, out;
  int factor;
  float scale;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    const place at = place_of(p, out.h, out.w);
    float v[L];
    load<T, L>(in.pixel(at.n, at.y / factor, at.x / factor) + c, v);
#pragma unroll
    for (int i = 0; i < L; i++) v[i] *= scale;
    store<T, L>(out.pixel(p) + c, v);
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_upsample_attrs *a = (const yolo_upsample_attrs *)call->attrs;
    const upsample body = {view_of<T>(&call->in[0]), view_of<T>(call->out), a->factor, a->scale};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_upsample(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<upsample>(launch, call, all_vector(call));
}
