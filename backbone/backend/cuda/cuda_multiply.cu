/* Two maps multiplied element by element, then the activation: out = act(in0 * in1), Darknet's [sam]. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct multiply {
  enum { LANES = L };
  view<T> one, other, out;
  yolo_activation act;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    float v[L], w[L];
    load<T, L>(one.pixel(p) + c, v);
    load<T, L>(other.pixel(p) + c, w);
#pragma unroll
    for (int i = 0; i < L; i++) v[i] *= w[i];
    activate<L>(act, v);
    store<T, L>(out.pixel(p) + c, v);
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_multiply_attrs *a = (const yolo_multiply_attrs *)call->attrs;
    const multiply body = {view_of<T>(&call->in[0]), view_of<T>(&call->in[1]), view_of<T>(call->out), a->act};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_multiply(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<multiply>(launch, call, all_vector(call));
}
