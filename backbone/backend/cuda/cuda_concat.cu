/* Concatenation: the channels of all inputs side by side. Inputs that lie where they belong already are left alone; one
 * launch copies all the others, as if they were one map of their channels in a row. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T>
struct concat_input {
  const T *from;
  T *to;
  long long stride;
  int end; /* channels of the inputs to copy, up to and with this one */
};

template <class T, int L>
struct concat {
  enum { LANES = L };
  concat_input<T> in[YOLO_OP_MAX_IN];
  int count;
  long long out_stride;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    int i = 0, begin = 0;
    while (c >= in[i].end) begin = in[i++].end;
    move<T, L>(in[i].from + p * in[i].stride + (c - begin), in[i].to + p * out_stride + (c - begin));
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    concat body;
    T *to = (T *)call->out->data;
    int channels = 0;
    body.count = 0;
    body.out_stride = (long long)call->out->stride;
    for (int i = 0; i < call->n_in; to += call->in[i++].shape.c) {
      const yolo_tensor *in = &call->in[i];
      if (in->data == to && in->stride == call->out->stride) continue;
      channels += in->shape.c;
      body.in[body.count++] = concat_input<T>{(const T *)in->data, to, (long long)in->stride, channels};
    }
    return run_items(launch, body, pixels_of(call->out), channels);
  }
};

/* Whether every copy begins and ends on 16 bytes. */
static bool copies_vectors(const yolo_op_call *call) {
  const yolo_tensor *out = call->out;
  const size_t size = yolo_dtype_size(out->dtype);
  yolo_tensor to = *out;
  for (int i = 0; i < call->n_in; i++) {
    const yolo_tensor *in = &call->in[i];
    to.shape.c = in->shape.c;
    if (!(in->data == to.data && in->stride == out->stride) && !(is_vector(in) && is_vector(&to))) return false;
    to.data = (char *)to.data + (size_t)in->shape.c * size;
  }
  return true;
}

extern "C" cudaError_t yolo_cuda_concat(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<concat>(launch, call, copies_vectors(call));
}
