/* A slice of the channels: out(n,y,x,c) = in(n, y, x, first + c); nothing where the output is a view of the input. */
#include "backbone/backend/cuda/cuda_items.cuh"

/* The slice as a tensor of its own. */
static yolo_tensor part_of(const yolo_op_call *call) {
  const yolo_slice_attrs *a = (const yolo_slice_attrs *)call->attrs;
  yolo_tensor part = call->in[0];
  part.data = (char *)part.data + (size_t)a->first * yolo_dtype_size(part.dtype);
  part.shape.c = a->count;
  return part;
}

template <class T, int L>
struct slice {
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const view<T> in = view_of<T>(call->in), out = view_of<T>(call->out);
    const yolo_slice_attrs *a = (const yolo_slice_attrs *)call->attrs;
    const copy_pixels<T, L> body = {in.data + a->first, out.data, in.stride, out.stride};
    return run_items(launch, body, pixels_of(call->out), a->count);
  }
};

extern "C" cudaError_t yolo_cuda_slice(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  const yolo_tensor part = part_of(call);
  if (part.data == call->out->data && part.stride == call->out->stride) return cudaSuccess;
  return run_op<slice>(launch, call, is_vector(&part) && is_vector(call->out));
}
