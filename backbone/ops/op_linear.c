/* A fully connected layer: out(n,0,0,o) = act(sum_{y,x,c} weight(o,y,x,c) in(n,y,x,c) + bias(o)).
 *
 * Darknet and PyTorch flatten a map as (C, H, W) and store weights in that order; in memory weights follow
 * the map, (H, W, C), so that both are read straight through. */
#include <limits.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_linear_attrs *a = attrs;
  yolo_shape weights = {a->outputs, in[0].h, in[0].w, in[0].c}, o = {in[0].n, 1, 1, a->outputs}, features = in[0];
  yolo_status st = yolo_rule_range("linear", "outputs", a->outputs, 1, YOLO_RULE_MAX_SIDE);
  (void)n_in;
  features.n = 1;
  if (st == YOLO_OK) st = yolo_rule_range("linear", "activation", (int)a->act, 0, YOLO_ACT_COUNT - 1);
  if (st == YOLO_OK) st = yolo_rule_count("linear", "weights", weights);
  if (st == YOLO_OK) st = yolo_rule_count("linear", "output", o);
  if (st != YOLO_OK) return st;
  if (yolo_shape_count(features) > INT_MAX)
    return yolo_fail(YOLO_ESHAPE, "linear: %d x %d x %d input features are too many", in[0].h, in[0].w, in[0].c);
  *out = o;
  return YOLO_OK;
}

static int params(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec) {
  const yolo_linear_attrs *a = attrs;
  int h = in[0].h, w = in[0].w, c = in[0].c;
  (void)n_in;
  spec[0] = (yolo_param_spec){.name = "weight",
                              .ndim = 2,
                              .dims = {a->outputs, c * h * w},
                              .a = a->outputs,
                              .b = c,
                              .s = h * w,
                              .shape = {a->outputs, h, w, c},
                              .decay = true};
  if (!a->bias) return 1;
  spec[1] = (yolo_param_spec){
      .name = "bias", .ndim = 1, .dims = {a->outputs}, .a = 1, .b = a->outputs, .s = 1, .shape = {1, 1, 1, a->outputs}};
  return 2;
}

static double flops(const void *attrs, const yolo_shape *in, yolo_shape out) {
  (void)attrs;
  return 2.0 * (double)yolo_shape_count(in[0]) * out.c;
}

static double output_sum(const yolo_op_call *call, int n, int o) {
  const yolo_tensor *in = &call->in[0], *weight = &call->param[0];
  double sum = 0;
  for (int y = 0; y < in->shape.h; y++)
    for (int x = 0; x < in->shape.w; x++) sum += yolo_dot(yolo_pixel(in, n, y, x), yolo_pixel(weight, o, y, x), in->shape.c);
  return sum;
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_linear_attrs *a = call->attrs;
  const float *bias = a->bias ? call->param[1].data : NULL;
  for (int n = 0; n < call->out->shape.n; n++) {
    float *out = yolo_pixel(call->out, n, 0, 0);
    for (int o = 0; o < a->outputs; o++) out[o] = (float)yolo_activate(a->act, output_sum(call, n, o) + (bias ? bias[o] : 0));
  }
  return YOLO_OK;
}

/* dL/d sum(n, o): the activation's slope times what comes from above. */
static double sum_gradient(const yolo_op_call *call, int n, int o) {
  const yolo_linear_attrs *a = call->attrs;
  double up = yolo_pixel(call->grad_out, n, 0, 0)[o];
  if (a->act == YOLO_ACT_linear) return up;
  double sum = output_sum(call, n, o) + (a->bias ? ((const float *)call->param[1].data)[o] : 0);
  return up * yolo_activate_slope(a->act, sum);
}

/* What output o of image n sends back:
 *   dL/d in(n, y, x, c)     += dL/d sum(n, o) weight(o, y, x, c)
 *   dL/d weight(o, y, x, c) += dL/d sum(n, o) in(n, y, x, c) */
static void spread(const yolo_op_call *call, int n, int o, double g) {
  yolo_tensor *grad = yolo_wanted_grad(call, 0), *weights = yolo_wanted_param_grad(call, 0);
  yolo_shape s = call->in[0].shape;
  for (int y = 0; y < s.h; y++)
    for (int x = 0; x < s.w; x++) {
      const float *in = yolo_pixel(&call->in[0], n, y, x), *weight = yolo_pixel(&call->param[0], o, y, x);
      for (int c = 0; c < s.c; c++) {
        if (grad) yolo_put_grad(&yolo_pixel(grad, n, y, x)[c], 1, g * weight[c]);
        if (weights) yolo_put_grad(&yolo_pixel(weights, o, y, x)[c], 1, g * in[c]);
      }
    }
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_linear_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0), *bias = a->bias ? yolo_wanted_param_grad(call, 1) : NULL;
  if (grad) yolo_begin_grad(grad, call->beta[0]);
  for (int o = 0; o < a->outputs; o++) {
    double sum = 0;
    for (int n = 0; n < call->in[0].shape.n; n++) {
      double g = sum_gradient(call, n, o);
      spread(call, n, o, g);
      sum += g;
    }
    if (bias) yolo_put_grad(&((float *)bias->data)[o], 1, sum);
  }
  return YOLO_OK;
}

const yolo_op yolo_op_linear = {.name = "linear",
                                .attrs_size = sizeof(yolo_linear_attrs),
                                .min_in = 1,
                                .max_in = 1,
                                .shape = shape,
                                .params = params,
                                .flops = flops,
                                .backward_reads = YOLO_READS_IN,
                                .forward = forward,
                                .backward = backward};
