/* Convolution (strictly: cross-correlation, as every framework computes it) with a fused epilogue:
 *
 *   s(n,y,x,o) = sum_{ky,kx,c} in(n, y*stride_h - top + ky*dilation, x*stride_w - left + kx*dilation, g*I + c)
 *                              * weight(o, ky, kx, c)          I = C/groups, g = the group that o belongs to
 *   out = act2(act1(s + bias(o)) + residual(n,y,x,o))
 *
 * Cells outside the map count as zero. groups = C makes it depthwise (Howard et al., "MobileNets", 2017,
 * section 3.1). Dumoulin & Visin, "A guide to convolution arithmetic", 2016, derive the output sizes. */
#include "backbone/ops/rules.h"

static yolo_status check_attrs(const yolo_conv2d_attrs *a, yolo_shape in) {
  yolo_status st = yolo_rule_range("conv2d", "filters", a->filters, 1, YOLO_RULE_MAX_SIDE);
  if (st == YOLO_OK) st = yolo_rule_range("conv2d", "groups", a->groups, 1, YOLO_RULE_MAX_SIDE);
  if (st == YOLO_OK) st = yolo_rule_range("conv2d", "kernel height", a->kernel_h, 1, 1024);
  if (st == YOLO_OK) st = yolo_rule_range("conv2d", "kernel width", a->kernel_w, 1, 1024);
  if (st != YOLO_OK) return st;
  if ((unsigned)a->act1 >= YOLO_ACT_COUNT || (unsigned)a->act2 >= YOLO_ACT_COUNT)
    return yolo_fail(YOLO_EINVAL, "conv2d: activations %d and %d, of which one is unknown", (int)a->act1, (int)a->act2);
  if (in.c % a->groups || a->filters % a->groups)
    return yolo_fail(YOLO_ESHAPE, "conv2d: %d groups must divide both %d input channels and %d filters", a->groups, in.c,
                     a->filters);
  return YOLO_OK;
}

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_conv2d_attrs *a = attrs;
  yolo_status st = check_attrs(a, in[0]);
  if (st != YOLO_OK) return st;
  yolo_shape o = {in[0].n, 0, 0, a->filters};
  yolo_window rows = {a->kernel_h, a->stride_h, a->dilation, a->pad.top, a->pad.bottom};
  yolo_window columns = {a->kernel_w, a->stride_w, a->dilation, a->pad.left, a->pad.right};
  if ((st = yolo_rule_window("conv2d", "height", in[0].h, rows, &o.h)) != YOLO_OK) return st;
  if ((st = yolo_rule_window("conv2d", "width", in[0].w, columns, &o.w)) != YOLO_OK) return st;
  yolo_shape weights = {a->filters, a->kernel_h, a->kernel_w, in[0].c / a->groups};
  if ((st = yolo_rule_count("conv2d", "weights", weights)) != YOLO_OK) return st;
  if ((st = yolo_rule_count("conv2d", "output", o)) != YOLO_OK) return st;
  if (n_in != (a->residual ? 2 : 1))
    return yolo_fail(YOLO_ESHAPE, "conv2d: %d inputs, but %d %s a residual", n_in, a->residual ? 2 : 1,
                     a->residual ? "with" : "without");
  if (a->residual && (st = yolo_rule_agree("conv2d", 1, in[1], o, false)) != YOLO_OK) return st;
  *out = o;
  return YOLO_OK;
}

static int params(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec) {
  const yolo_conv2d_attrs *a = attrs;
  int per_group = in[0].c / a->groups;
  (void)n_in;
  spec[0] = (yolo_param_spec){.name = "weight",
                              .ndim = 4,
                              .dims = {a->filters, per_group, a->kernel_h, a->kernel_w},
                              .a = a->filters,
                              .b = per_group,
                              .s = a->kernel_h * a->kernel_w,
                              .shape = {a->filters, a->kernel_h, a->kernel_w, per_group},
                              .decay = true};
  if (!a->bias) return 1;
  spec[1] = (yolo_param_spec){
      .name = "bias", .ndim = 1, .dims = {a->filters}, .a = 1, .b = a->filters, .s = 1, .shape = {1, 1, 1, a->filters}};
  return 2;
}

static double flops(const void *attrs, const yolo_shape *in, yolo_shape out) {
  const yolo_conv2d_attrs *a = attrs;
  return 2.0 * (double)yolo_shape_count(out) * a->kernel_h * a->kernel_w * (in[0].c / a->groups);
}

/* One output value before the epilogue: the window of (y, x) against filter o. */
static double window_sum(const yolo_op_call *call, int n, int y, int x, int o) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0], *weight = &call->param[0];
  int per_group = in->shape.c / a->groups;
  int first = o / (a->filters / a->groups) * per_group; /* the first channel this filter sees */
  double sum = 0;
  for (int ky = 0; ky < a->kernel_h; ky++) {
    int iy = y * a->stride_h - a->pad.top + ky * a->dilation;
    if (iy < 0 || iy >= in->shape.h) continue;
    for (int kx = 0; kx < a->kernel_w; kx++) {
      int ix = x * a->stride_w - a->pad.left + kx * a->dilation;
      if (ix < 0 || ix >= in->shape.w) continue;
      sum += yolo_dot(yolo_pixel(in, n, iy, ix) + first, yolo_pixel(weight, o, ky, kx), per_group);
    }
  }
  return sum;
}

static void filter_pixel(const yolo_op_call *call, int n, int y, int x) {
  const yolo_conv2d_attrs *a = call->attrs;
  const float *bias = a->bias ? call->param[1].data : NULL;
  const float *residual = a->residual ? yolo_pixel(&call->in[1], n, y, x) : NULL;
  float *out = yolo_pixel(call->out, n, y, x);
  for (int o = 0; o < a->filters; o++) {
    double v = window_sum(call, n, y, x, o) + (bias ? bias[o] : 0);
    v = yolo_activate(a->act1, v) + (residual ? residual[o] : 0);
    out[o] = (float)yolo_activate(a->act2, v);
  }
}

static yolo_status forward(const yolo_op_call *call) {
  yolo_shape s = call->out->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) filter_pixel(call, n, y, x);
  return YOLO_OK;
}

/* ---- gradients, without the epilogue: training runs activation and residual as ops of their own ---- */

/* Which output position sees input position `i` through kernel position `k`; -1: none. */
static int seen_from(int i, int k, int pad, int stride, int dilation, int size) {
  int at = i + pad - k * dilation;
  return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : -1;
}

/* dL/d in(n, iy, ix, c) = sum over ky, kx, o of dL/d out(n, y, x, o) weight(o, ky, kx, c) */
static double input_gradient(const yolo_op_call *call, int n, int iy, int ix, int c) {
  const yolo_conv2d_attrs *a = call->attrs;
  yolo_shape s = call->grad_out->shape;
  int per_group = call->in[0].shape.c / a->groups, filters = a->filters / a->groups, g = c / per_group;
  double sum = 0;
  for (int ky = 0; ky < a->kernel_h; ky++) {
    int y = seen_from(iy, ky, a->pad.top, a->stride_h, a->dilation, s.h);
    for (int kx = 0; kx < a->kernel_w && y >= 0; kx++) {
      int x = seen_from(ix, kx, a->pad.left, a->stride_w, a->dilation, s.w);
      if (x < 0) continue;
      const float *up = yolo_pixel(call->grad_out, n, y, x);
      for (int o = g * filters; o < (g + 1) * filters; o++)
        sum += (double)up[o] * yolo_pixel(&call->param[0], o, ky, kx)[c % per_group];
    }
  }
  return sum;
}

/* dL/d weight(o, ky, kx, c) = sum over n, y, x of dL/d out(n, y, x, o) in(n, iy, ix, g*I + c) */
static double weight_gradient(const yolo_op_call *call, int o, int ky, int kx, int c) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  yolo_shape s = call->grad_out->shape;
  int channel = o / (a->filters / a->groups) * (in->shape.c / a->groups) + c;
  double sum = 0;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++) {
      int iy = y * a->stride_h - a->pad.top + ky * a->dilation;
      for (int x = 0; x < s.w && iy >= 0 && iy < in->shape.h; x++) {
        int ix = x * a->stride_w - a->pad.left + kx * a->dilation;
        if (ix >= 0 && ix < in->shape.w)
          sum += (double)yolo_pixel(call->grad_out, n, y, x)[o] * yolo_pixel(in, n, iy, ix)[channel];
      }
    }
  return sum;
}

static double bias_gradient(const yolo_op_call *call, int o) {
  size_t pixels = yolo_shape_pixels(call->grad_out->shape);
  double sum = 0;
  for (size_t p = 0; p < pixels; p++) sum += yolo_nth_pixel(call->grad_out, p)[o];
  return sum;
}

static void input_gradients(const yolo_op_call *call, yolo_tensor *grad) {
  yolo_shape s = grad->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++)
        for (int c = 0; c < s.c; c++)
          yolo_put_grad(&yolo_pixel(grad, n, y, x)[c], call->beta[0], input_gradient(call, n, y, x, c));
}

static void weight_gradients(const yolo_op_call *call, yolo_tensor *grad) {
  yolo_shape s = grad->shape;
  for (int o = 0; o < s.n; o++)
    for (int ky = 0; ky < s.h; ky++)
      for (int kx = 0; kx < s.w; kx++)
        for (int c = 0; c < s.c; c++) yolo_put_grad(&yolo_pixel(grad, o, ky, kx)[c], 1, weight_gradient(call, o, ky, kx, c));
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0), *weight = yolo_wanted_param_grad(call, 0);
  yolo_tensor *bias = a->bias ? yolo_wanted_param_grad(call, 1) : NULL;
  if (a->act1 != YOLO_ACT_linear || a->act2 != YOLO_ACT_linear || a->residual)
    return yolo_fail(YOLO_EUNSUPPORTED, "conv2d: there is no gradient of a fused epilogue; train the graph as written");
  if (grad) input_gradients(call, grad);
  if (weight) weight_gradients(call, weight);
  for (int o = 0; o < a->filters && bias; o++) yolo_put_grad(&((float *)bias->data)[o], 1, bias_gradient(call, o));
  return YOLO_OK;
}

const yolo_op yolo_op_conv2d = {.name = "conv2d",
                                .attrs_size = sizeof(yolo_conv2d_attrs),
                                .min_in = 1,
                                .max_in = 2,
                                .shape = shape,
                                .params = params,
                                .flops = flops,
                                .backward_reads = YOLO_READS_IN,
                                .forward = forward,
                                .backward = backward};
