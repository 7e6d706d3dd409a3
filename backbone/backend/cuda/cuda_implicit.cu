/* Implicit knowledge: a learned vector for every image, out(n, y, 0, c) = weight(y, c) (Wang et al., "You Only Learn One
 * Representation", 2021, section 3). The weights are fp32 whatever the activations are. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct implicit {
  enum { LANES = L };
  view<T> out;
  const float *weight;
  long long stride;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    const float *from = weight + place_of(p, out.h, out.w).y * stride + c;
    float v[L];
#pragma unroll
    for (int i = 0; i < L; i++) v[i] = from[i];
    store<T, L>(out.pixel(p) + c, v);
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const implicit body = {view_of<T>(call->out), (const float *)call->param[0].data, (long long)call->param[0].stride};
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_implicit(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<implicit>(launch, call, is_vector(call->out));
}
