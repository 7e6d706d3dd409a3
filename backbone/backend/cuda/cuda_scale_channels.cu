/* Squeeze-and-excitation's last step: a map times one factor a channel (Hu et al., 2018, equation 4) or, with scale_wh,
 * one factor a pixel; then the activation. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct scale_channels {
  enum { LANES = L };
  view<T> in, factors, out;
  yolo_activation act;
  bool per_pixel;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    float v[L], w[L];
    load<T, L>(in.pixel(p) + c, v);
    if (per_pixel) {
      const float factor = as_float(*factors.pixel(p));
#pragma unroll
      for (int i = 0; i < L; i++) w[i] = factor;
    } else {
      load<T, L>(factors.pixel(divide(p, (long long)out.h * out.w)) + c, w);
    }
#pragma unroll
    for (int i = 0; i < L; i++) v[i] *= w[i];
    activate<L>(act, v);
    store<T, L>(out.pixel(p) + c, v);
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_scale_channels_attrs *a = (const yolo_scale_channels_attrs *)call->attrs;
    const scale_channels body = {view_of<T>(&call->in[0]), view_of<T>(&call->in[1]), view_of<T>(call->out), a->act,
                                 a->scale_wh};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_scale_channels(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  const yolo_scale_channels_attrs *a = (const yolo_scale_channels_attrs *)call->attrs;
  const bool vector = is_vector(&call->in[0]) && is_vector(call->out) && (a->scale_wh || is_vector(&call->in[1]));
  return run_op<scale_channels>(launch, call, vector);
}
