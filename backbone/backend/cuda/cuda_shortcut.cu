/* Shortcuts: out = act(sum_i w_i in_i) (He et al., 2016, section 3.2), with Darknet's variations: inputs with other
 * channels, weights that are normalised or not, maps of another size (ops/op_shortcut.c says what each means). */
#include "backbone/backend/cuda/cuda_items.cuh"

/* Input pixel (y*from, x*from) is added to output pixel (y*to, x*to), for y < rows and x < columns. */
template <class T>
struct shortcut_input {
  view<T> map;
  int from, to, rows, columns;
};

template <class T, int L>
struct shortcut {
  enum { LANES = L };
  view<T> out;
  int n_in, weights_per;
  bool same_size; /* all maps are as large as the output */
  yolo_activation act;
  yolo_weight_norm norm;
  const float *weights;
  long long weight_stride;
  shortcut_input<T> in[YOLO_OP_MAX_IN];

  /* Where input i has the values for output pixel p, or NULL. */
  __device__ __forceinline__ const T *source(int i, long long p, place at, int c) const {
    const shortcut_input<T> &s = in[i];
    if (c >= s.map.c) return nullptr;
    if (same_size) return s.map.pixel(p) + c;
    if (at.y % s.to || at.x % s.to || at.y / s.to >= s.rows || at.x / s.to >= s.columns) return nullptr;
    return s.map.pixel(at.n, at.y / s.to * s.from, at.x / s.to * s.from) + c;
  }
  __device__ __forceinline__ float raw_weight(int i, int c) const {
    return weights_per == 0 ? 1 : weights_per == 1 ? weights[i] : weights[i * weight_stride + c];
  }
  /* The weight of input i before the division by the sum of all. */
  __device__ __forceinline__ float weight(int i, int c, float max) const {
    const float w = raw_weight(i, c);
    return norm == YOLO_WEIGHTS_PLAIN ? w : norm == YOLO_WEIGHTS_RELU ? yolo_act_relu_f(w) : expf(w - max);
  }
  /* The largest weight of channel c and what the sum of all is divided by. */
  __device__ __forceinline__ void scale_of(int c, float *max, float *sum) const {
    *max = -INFINITY;
    *sum = 1e-4f;
    for (int i = 0; i < n_in; i++) *max = fmaxf(*max, raw_weight(i, c));
    for (int i = 0; i < n_in; i++) *sum += weight(i, c, *max);
  }
  __device__ __forceinline__ void add_weighted(long long p, place at, int c, float *total) const {
    float max[L], sum[L], v[L];
#pragma unroll
    for (int k = 0; k < L; k++) {
      max[k] = 0;
      sum[k] = 1;
      if (norm != YOLO_WEIGHTS_PLAIN) scale_of(c + k, &max[k], &sum[k]);
    }
    for (int i = 0; i < n_in; i++) {
      const T *from = source(i, p, at, c);
      if (!from) continue;
      load<T, L>(from, v);
#pragma unroll
      for (int k = 0; k < L; k++) total[k] += weight(i, c + k, max[k]) / sum[k] * v[k];
    }
  }
  __device__ __forceinline__ void add_plain(long long p, place at, int c, float *total) const {
    float v[L];
    for (int i = 0; i < n_in; i++) {
      const T *from = source(i, p, at, c);
      if (!from) continue;
      load<T, L>(from, v);
#pragma unroll
      for (int k = 0; k < L; k++) total[k] += v[k];
    }
  }
  __device__ __forceinline__ void operator()(long long p, int c) const {
    const place at = same_size ? place{0, 0, 0} : place_of(p, out.h, out.w);
    float total[L] = {0};
    if (weights_per)
      add_weighted(p, at, c, total);
    else
      add_plain(p, at, c, total);
    activate<L>(act, total);
    store<T, L>(out.pixel(p) + c, total);
  }

  void add_input(const yolo_tensor *t) {
    const yolo_shape i = t->shape;
    const int from = i.w / out.w, to = out.w / i.w;
    same_size = same_size && i.h == out.h && i.w == out.w;
    in[n_in++] = shortcut_input<T>{view_of<T>(t), from < 1 ? 1 : from, to < 1 ? 1 : to, i.h < out.h ? i.h : out.h,
                                   i.w < out.w ? i.w : out.w};
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_shortcut_attrs *a = (const yolo_shortcut_attrs *)call->attrs;
    shortcut body;
    body.out = view_of<T>(call->out);
    body.n_in = 0;
    body.weights_per = a->weights_per;
    body.same_size = true;
    body.act = a->act;
    body.norm = a->norm;
    body.weights = a->weights_per ? (const float *)call->param[0].data : nullptr;
    body.weight_stride = a->weights_per ? (long long)call->param[0].stride : 0;
    for (int i = 0; i < call->n_in; i++) body.add_input(&call->in[i]);
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_shortcut(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<shortcut>(launch, call, all_vector(call));
}
