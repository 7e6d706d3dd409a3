/* Dropout (Srivastava et al., 2014) at inference: the identity, and nothing at all in place. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct dropout {
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const view<T> in = view_of<T>(call->in), out = view_of<T>(call->out);
    const copy_pixels<T, L> body = {in.data, out.data, in.stride, out.stride};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_dropout(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  if (call->training) return cudaErrorNotSupported;
  if (call->in[0].data == call->out->data) return cudaSuccess;
  return run_op<dropout>(launch, call, all_vector(call));
}
