/* A locally connected layer: a convolution whose weights are not shared between positions,
 *
 *   out(n,y,x,o) = act(bias(y,x,o) + sum_{ky,kx,c} weight(y*OW + x, o, ky*K + kx, c)
 *                                                  in(n, y*stride - pad + ky, x*stride - pad + kx, c))
 *
 * (Taigman et al., "DeepFace", 2014, section 3.2; the last but two layer of the first YOLO in Darknet). */
#include <limits.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_local_attrs *a = attrs;
  yolo_shape o = {in[0].n, 0, 0, a->filters};
  yolo_window window = {a->kernel, a->stride, 1, a->pad, a->pad};
  yolo_status st = yolo_rule_range("local", "filters", a->filters, 1, YOLO_RULE_MAX_SIDE);
  (void)n_in;
  if (st == YOLO_OK) st = yolo_rule_range("local", "kernel", a->kernel, 1, 1024);
  if (st == YOLO_OK) st = yolo_rule_range("local", "activation", (int)a->act, 0, YOLO_ACT_COUNT - 1);
  if (st == YOLO_OK) st = yolo_rule_window("local", "height", in[0].h, window, &o.h);
  if (st == YOLO_OK) st = yolo_rule_window("local", "width", in[0].w, window, &o.w);
  if (st == YOLO_OK) st = yolo_rule_count("local", "output", o);
  if (st != YOLO_OK) return st;
  double positions = (double)o.h * o.w;
  if (positions * a->filters > INT_MAX)
    return yolo_fail(YOLO_ESHAPE, "local: %d filters at each of %d x %d positions are too many", a->filters, o.h, o.w);
  yolo_shape weights = {o.h * o.w, a->filters, a->kernel * a->kernel, in[0].c};
  if ((st = yolo_rule_count("local", "weights", weights)) == YOLO_OK) *out = o;
  return st;
}

static int params(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec) {
  const yolo_local_attrs *a = attrs;
  int cells = a->kernel * a->kernel, channels = in[0].c;
  yolo_shape o = {0, 0, 0, 0};
  if (shape(attrs, n_in, in, &o) != YOLO_OK) return 0; /* the graph has asked the shape rule before */
  int positions = o.h * o.w;
  spec[0] = (yolo_param_spec){.name = "weight",
                              .ndim = 4,
                              .dims = {positions, a->filters, channels, cells},
                              .a = positions * a->filters,
                              .b = channels,
                              .s = cells,
                              .shape = {positions, a->filters, cells, channels},
                              .decay = true};
  spec[1] = (yolo_param_spec){.name = "bias",
                              .ndim = 3,
                              .dims = {a->filters, o.h, o.w},
                              .a = 1,
                              .b = a->filters,
                              .s = positions,
                              .shape = {1, o.h, o.w, a->filters}};
  return 2;
}

static double flops(const void *attrs, const yolo_shape *in, yolo_shape out) {
  const yolo_local_attrs *a = attrs;
  return 2.0 * (double)yolo_shape_count(out) * a->kernel * a->kernel * in[0].c;
}

static double window_sum(const yolo_op_call *call, int n, int y, int x, int o) {
  const yolo_local_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  int position = y * call->param[1].shape.w + x; /* the bias has the output's map */
  double sum = 0;
  for (int ky = 0; ky < a->kernel; ky++) {
    int iy = y * a->stride - a->pad + ky;
    if (iy < 0 || iy >= in->shape.h) continue;
    for (int kx = 0; kx < a->kernel; kx++) {
      int ix = x * a->stride - a->pad + kx;
      if (ix < 0 || ix >= in->shape.w) continue;
      sum += yolo_dot(yolo_pixel(in, n, iy, ix), yolo_pixel(&call->param[0], position, o, ky * a->kernel + kx), in->shape.c);
    }
  }
  return sum;
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_local_attrs *a = call->attrs;
  yolo_shape s = call->out->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) {
        const float *bias = yolo_pixel(&call->param[1], 0, y, x);
        float *out = yolo_pixel(call->out, n, y, x);
        for (int o = 0; o < s.c; o++) out[o] = (float)yolo_activate(a->act, window_sum(call, n, y, x, o) + bias[o]);
      }
  return YOLO_OK;
}

/* What one output value sends back: to its window of the input, and to the weights of its position. */
static void spread(const yolo_op_call *call, int n, int y, int x, int o, double g) {
  const yolo_local_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  yolo_tensor *grad = yolo_wanted_grad(call, 0), *weights = yolo_wanted_param_grad(call, 0);
  int position = y * call->grad_out->shape.w + x;
  for (int cell = 0; cell < a->kernel * a->kernel; cell++) {
    int iy = y * a->stride - a->pad + cell / a->kernel, ix = x * a->stride - a->pad + cell % a->kernel;
    if (iy < 0 || iy >= in->shape.h || ix < 0 || ix >= in->shape.w) continue;
    const float *value = yolo_pixel(in, n, iy, ix), *weight = yolo_pixel(&call->param[0], position, o, cell);
    for (int c = 0; c < in->shape.c; c++) {
      if (grad) yolo_put_grad(&yolo_pixel(grad, n, iy, ix)[c], 1, g * weight[c]);
      if (weights) yolo_put_grad(&yolo_pixel(weights, position, o, cell)[c], 1, g * value[c]);
    }
  }
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_local_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0), *biases = yolo_wanted_param_grad(call, 1);
  yolo_shape s = call->grad_out->shape;
  if (grad) yolo_begin_grad(grad, call->beta[0]);
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++)
        for (int o = 0; o < s.c; o++) {
          double sum = window_sum(call, n, y, x, o) + yolo_pixel(&call->param[1], 0, y, x)[o];
          double g = yolo_pixel(call->grad_out, n, y, x)[o] * yolo_activate_slope(a->act, sum);
          spread(call, n, y, x, o, g);
          if (biases) yolo_put_grad(&yolo_pixel(biases, 0, y, x)[o], 1, g);
        }
  return YOLO_OK;
}

const yolo_op yolo_op_local = {.name = "local",
                               .attrs_size = sizeof(yolo_local_attrs),
                               .min_in = 1,
                               .max_in = 1,
                               .shape = shape,
                               .params = params,
                               .flops = flops,
                               .backward_reads = YOLO_READS_IN,
                               .forward = forward,
                               .backward = backward};
