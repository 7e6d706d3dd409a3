/* An activation, element by element: out = f(in); the functions are those of ops/activation_math.inc. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct activation {
  enum { LANES = L };
  view<T> in, out;
  yolo_activation act;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    float v[L];
    load<T, L>(in.pixel(p) + c, v);
    activate<L>(act, v);
    store<T, L>(out.pixel(p) + c, v);
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_activation_attrs *a = (const yolo_activation_attrs *)call->attrs;
    const activation body = {view_of<T>(&call->in[0]), view_of<T>(call->out), a->act};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_activation(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<activation>(launch, call, all_vector(call));
}
