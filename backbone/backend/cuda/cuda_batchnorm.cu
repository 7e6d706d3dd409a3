/* Batch normalisation at inference: out = act(weight (in - mean) / sqrt(var + eps) + bias), a channel each (Ioffe & Szegedy,
 * 2015, algorithm 2). Networks join it with the convolution before; this kernel serves the few that cannot be joined. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct batchnorm {
  enum { LANES = L };
  view<T> in, out;
  const float *weight, *bias, *mean, *var;
  float eps;
  yolo_activation act;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    float v[L];
    load<T, L>(in.pixel(p) + c, v);
#pragma unroll
    for (int i = 0; i < L; i++) {
      const float scale = weight[c + i] / sqrtf(var[c + i] + eps);
      v[i] = (v[i] - mean[c + i]) * scale + bias[c + i];
    }
    activate<L>(act, v);
    store<T, L>(out.pixel(p) + c, v);
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_batchnorm_attrs *a = (const yolo_batchnorm_attrs *)call->attrs;
    const yolo_tensor *p = call->param;
    const batchnorm body = {view_of<T>(&call->in[0]),
                            view_of<T>(call->out),
                            (const float *)p[0].data,
                            (const float *)p[1].data,
                            (const float *)p[2].data,
                            (const float *)p[3].data,
                            a->eps,
                            a->act};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_batchnorm(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  if (call->training) return cudaErrorNotSupported; /* batch statistics */
  return run_op<batchnorm>(launch, call, all_vector(call));
}
