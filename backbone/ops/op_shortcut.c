/* Shortcuts: out = act(sum_i w_i in_i), the additions of residual networks (He et al., "Deep Residual
 * Learning", 2016, section 3.2), with Darknet's variations:
 *
 * - an input with other channels than in[0] adds those it has in common with it;
 * - weights (weights_per): one an input, or one an input and channel, used as they are (PLAIN), or
 *     RELU:     w_i = relu(v_i) / (eps + sum_j relu(v_j))
 *     SOFTMAX:  w_i = exp(v_i - max v) / (eps + sum_j exp(v_j - max v))      eps = 1e-4
 *   the first being the "fast normalized fusion" of Tan et al., "EfficientDet", 2020, section 3.3;
 * - subsample (original Darknet): see shared_grid(). */
#include <math.h>

#include "backbone/ops/rules.h"

/* How two maps of different size share a grid: input pixel (y*from, x*from) is added to output pixel
 * (y*to, x*to), for y < rows and x < columns. */
typedef struct grid {
  int from, to, rows, columns;
} grid;

static int at_least_one(int value) { return value < 1 ? 1 : value; }
static int smaller(int a, int b) { return a < b ? a : b; }

/* Of a k times larger input every k-th pixel is taken; a k times smaller one reaches every k-th output. */
static grid shared_grid(yolo_shape in, yolo_shape out) {
  grid g = {at_least_one(in.w / out.w), at_least_one(out.w / in.w), smaller(in.h, out.h), smaller(in.w, out.w)};
  return g;
}

static yolo_status check_input(const yolo_shortcut_attrs *a, int i, yolo_shape in, yolo_shape out) {
  if (!a->subsample) return yolo_rule_agree("shortcut", i, in, out, true);
  yolo_status st = yolo_rule_count("shortcut", "input", in);
  if (st == YOLO_OK) st = yolo_rule_count("shortcut", "output", out);
  if (st != YOLO_OK) return st;
  if (in.n == out.n && in.w / out.w == in.h / out.h && out.w / in.w == out.h / in.h) return YOLO_OK;
  return yolo_fail(YOLO_ESHAPE, "shortcut: input %d is a map of %d x %d, which height and width relate differently to %d x %d",
                   i, in.h, in.w, out.h, out.w);
}

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_shortcut_attrs *a = attrs;
  yolo_status st = yolo_rule_range("shortcut", "weights_per", a->weights_per, 0, 2);
  if (st == YOLO_OK) st = yolo_rule_range("shortcut", "weight normalisation", (int)a->norm, 0, YOLO_WEIGHTS_SOFTMAX);
  if (st == YOLO_OK) st = yolo_rule_range("shortcut", "activation", (int)a->act, 0, YOLO_ACT_COUNT - 1);
  for (int i = 1; i < n_in && st == YOLO_OK; i++) st = check_input(a, i, in[i], in[0]);
  if (st == YOLO_OK) *out = in[0];
  return st;
}

static int params(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec) {
  const yolo_shortcut_attrs *a = attrs;
  int channels = a->weights_per == 2 ? in[0].c : 1;
  if (a->weights_per == 0) return 0;
  spec[0] = (yolo_param_spec){.name = "weight",
                              .ndim = a->weights_per,
                              .dims = {n_in, channels},
                              .a = n_in,
                              .b = channels,
                              .s = 1,
                              .shape = {1, 1, n_in, channels}};
  return 1;
}

/* One weight an input for channel c. */
static void channel_weights(const yolo_op_call *call, int c, double *w) {
  const yolo_shortcut_attrs *a = call->attrs;
  double max = -INFINITY, sum = 1e-4;
  for (int i = 0; i < call->n_in; i++) {
    w[i] = 1;
    if (a->weights_per == 1) w[i] = ((const float *)call->param[0].data)[i];
    if (a->weights_per == 2) w[i] = yolo_nth_pixel(&call->param[0], (size_t)i)[c];
    if (w[i] > max) max = w[i];
  }
  if (a->weights_per == 0 || a->norm == YOLO_WEIGHTS_PLAIN) return;
  for (int i = 0; i < call->n_in; i++) {
    w[i] = a->norm == YOLO_WEIGHTS_RELU ? yolo_act_relu(w[i]) : exp(w[i] - max);
    sum += w[i];
  }
  for (int i = 0; i < call->n_in; i++) w[i] /= sum;
}

/* How the gradient of the normalised weights w reaches the learned ones, in place: d[i] = dL/d w_i becomes dL/d v_i.
 * With S = eps + the sum of the numerators, d w_i / d v_j = (w_i / v_i's numerator) * (own slope) - w_i w_j's share. The
 * maximum that SOFTMAX subtracts does not quite cancel, because of eps. */
static void raw_weight_gradient(const yolo_op_call *call, int c, const double *w, double *d) {
  const yolo_shortcut_attrs *a = call->attrs;
  double v[YOLO_OP_MAX_IN], max = -INFINITY, sum = 1e-4, mean = 0, total = 0;
  int top = 0;
  if (a->norm == YOLO_WEIGHTS_PLAIN) return;
  for (int i = 0; i < call->n_in; i++) {
    v[i] = a->weights_per == 1 ? ((const float *)call->param[0].data)[i] : yolo_nth_pixel(&call->param[0], (size_t)i)[c];
    if (v[i] > max) max = v[i], top = i;
    mean += d[i] * w[i];
    total += w[i];
  }
  for (int i = 0; i < call->n_in; i++) sum += a->norm == YOLO_WEIGHTS_RELU ? yolo_act_relu(v[i]) : exp(v[i] - max);
  for (int i = 0; i < call->n_in; i++)
    d[i] = a->norm == YOLO_WEIGHTS_RELU ? (v[i] > 0 ? (d[i] - mean) / sum : 0) : w[i] * (d[i] - mean);
  if (a->norm == YOLO_WEIGHTS_SOFTMAX) d[top] -= mean * (1 - total);
}

/* What input i has at the place of output pixel (n, y, x), channel c; 0 where it has nothing. */
static double input_at(const yolo_tensor *in, yolo_shape out, int n, int y, int x, int c) {
  grid g = shared_grid(in->shape, out);
  if (c >= in->shape.c || y % g.to || x % g.to || y / g.to >= g.rows || x / g.to >= g.columns) return 0;
  return yolo_pixel(in, n, y / g.to * g.from, x / g.to * g.from)[c];
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_shortcut_attrs *a = call->attrs;
  yolo_shape s = call->out->shape;
  double w[YOLO_OP_MAX_IN];
  for (int c = 0; c < s.c; c++) {
    channel_weights(call, c, w);
    for (int n = 0; n < s.n; n++)
      for (int y = 0; y < s.h; y++)
        for (int x = 0; x < s.w; x++) {
          double sum = 0;
          for (int i = 0; i < call->n_in; i++) sum += w[i] * input_at(&call->in[i], s, n, y, x, c);
          yolo_pixel(call->out, n, y, x)[c] = (float)yolo_activate(a->act, sum);
        }
  }
  return YOLO_OK;
}

/* The pixel of `t`, a tensor of input i's shape, that meets output pixel (n, y, x); NULL where none does. */
static float *meeting_pixel(const yolo_tensor *t, yolo_shape out, int n, int y, int x) {
  grid g = shared_grid(t->shape, out);
  if (y % g.to || x % g.to || y / g.to >= g.rows || x / g.to >= g.columns) return NULL;
  return yolo_pixel(t, n, y / g.to * g.from, x / g.to * g.from);
}

/* Without weights, the slope at the output is often all that is needed. */
static unsigned reads(const void *attrs) {
  const yolo_shortcut_attrs *a = attrs;
  if (a->weights_per) return YOLO_READS_IN;
  if (a->act == YOLO_ACT_linear) return 0;
  return yolo_activation_slope_of_output(a->act) ? YOLO_READS_OUT : YOLO_READS_IN;
}

/* dL/d in[0] lies over dL/d out: every element is read before it is written. */
static bool in_place(const yolo_op_call *call) {
  const yolo_tensor *grad = yolo_wanted_grad(call, 0);
  return grad && grad->data == call->grad_out->data;
}

/* One output value sends g = dL/d sum to every input; weight_sums[i] collects dL/d w_i. */
static void send_back(const yolo_op_call *call, int n, int y, int x, int c, const double *w, double *weight_sums) {
  const yolo_shortcut_attrs *a = call->attrs;
  yolo_shape s = call->grad_out->shape;
  double in[YOLO_OP_MAX_IN] = {0}, sum = 0, slope = 1;
  unsigned read = reads(a);
  for (int i = 0; i < call->n_in && read & YOLO_READS_IN; i++) {
    in[i] = input_at(&call->in[i], s, n, y, x, c);
    sum += w[i] * in[i];
  }
  if (a->act != YOLO_ACT_linear)
    slope = yolo_activate_slope(a->act, read & YOLO_READS_OUT ? yolo_pixel(call->out, n, y, x)[c] : sum);
  double g = yolo_pixel(call->grad_out, n, y, x)[c] * slope;
  for (int i = 0; i < call->n_in; i++) {
    yolo_tensor *grad = yolo_wanted_grad(call, i);
    float *to = grad && c < grad->shape.c ? meeting_pixel(grad, s, n, y, x) : NULL;
    if (to) yolo_put_grad(&to[c], i > 0 || !in_place(call), g * w[i]);
    weight_sums[i] += g * in[i];
  }
}

static void put_weight_gradient(const yolo_op_call *call, int c, const double *w, double *sums) {
  yolo_tensor *grad = ((const yolo_shortcut_attrs *)call->attrs)->weights_per ? yolo_wanted_param_grad(call, 0) : NULL;
  if (!grad) return;
  raw_weight_gradient(call, c, w, sums);
  for (int i = 0; i < call->n_in; i++) yolo_put_grad(&yolo_nth_pixel(grad, (size_t)i)[c], 1, sums[i]);
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_shortcut_attrs *a = call->attrs;
  yolo_shape s = call->grad_out->shape;
  double w[YOLO_OP_MAX_IN], sums[YOLO_OP_MAX_IN] = {0};
  for (int i = 0; i < call->n_in; i++)
    if (yolo_wanted_grad(call, i) && (i > 0 || !in_place(call))) yolo_begin_grad(&call->grad_in[i], call->beta[i]);
  for (int c = 0; c < s.c; c++) {
    channel_weights(call, c, w);
    for (int n = 0; n < s.n; n++)
      for (int y = 0; y < s.h; y++)
        for (int x = 0; x < s.w; x++) send_back(call, n, y, x, c, w, sums);
    if (a->weights_per != 2) continue;
    put_weight_gradient(call, c, w, sums);
    for (int i = 0; i < call->n_in; i++) sums[i] = 0;
  }
  if (a->weights_per == 1) put_weight_gradient(call, 0, w, sums);
  return YOLO_OK;
}

const yolo_op yolo_op_shortcut = {.name = "shortcut",
                                  .attrs_size = sizeof(yolo_shortcut_attrs),
                                  .min_in = 2,
                                  .max_in = YOLO_OP_MAX_IN,
                                  .shape = shape,
                                  .params = params,
                                  .inplace = true,
                                  .grad_inplace = true,
                                  .reads = reads,
                                  .forward = forward,
                                  .backward = backward};
