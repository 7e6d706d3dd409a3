/* The excitation of squeeze-and-excitation: a map times one factor a channel,
 *
 *   out(n,y,x,c) = act(in0(n,y,x,c) * in1(n,0,0,c))
 *
 * (Hu et al., "Squeeze-and-Excitation Networks", 2018, equation 4), or, with scale_wh, times one factor a
 * pixel, in1(n,y,x,0). */
#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_scale_channels_attrs *a = attrs;
  yolo_shape factors = {in[0].n, 1, 1, in[0].c};
  yolo_status st = yolo_rule_range("scale_channels", "activation", (int)a->act, 0, YOLO_ACT_COUNT - 1);
  (void)n_in;
  if (a->scale_wh) factors = (yolo_shape){in[0].n, in[0].h, in[0].w, 1};
  if (st == YOLO_OK) st = yolo_rule_agree("scale_channels", 1, in[1], factors, false);
  if (st == YOLO_OK) *out = in[0];
  return st;
}

static void scale_pixel(const yolo_op_call *call, int n, int y, int x) {
  const yolo_scale_channels_attrs *a = call->attrs;
  const float *in = yolo_pixel(&call->in[0], n, y, x);
  const float *factors = a->scale_wh ? yolo_pixel(&call->in[1], n, y, x) : yolo_pixel(&call->in[1], n, 0, 0);
  float *out = yolo_pixel(call->out, n, y, x);
  for (int c = 0; c < call->out->shape.c; c++)
    out[c] = (float)yolo_activate(a->act, (double)in[c] * factors[a->scale_wh ? 0 : c]);
}

static yolo_status forward(const yolo_op_call *call) {
  yolo_shape s = call->out->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) scale_pixel(call, n, y, x);
  return YOLO_OK;
}

static int factor_channel(const yolo_op_call *call, int c) {
  return ((const yolo_scale_channels_attrs *)call->attrs)->scale_wh ? 0 : c;
}

static double factor_at(const yolo_op_call *call, int n, int y, int x, int c) {
  const yolo_scale_channels_attrs *a = call->attrs;
  return (a->scale_wh ? yolo_pixel(&call->in[1], n, y, x) : yolo_pixel(&call->in[1], n, 0, 0))[factor_channel(call, c)];
}

/* dL/d u, u = in0 * in1. */
static double product_gradient(const yolo_op_call *call, int n, int y, int x, int c) {
  const yolo_scale_channels_attrs *a = call->attrs;
  double u = yolo_pixel(&call->in[0], n, y, x)[c] * factor_at(call, n, y, x, c);
  return yolo_pixel(call->grad_out, n, y, x)[c] * yolo_activate_slope(a->act, u);
}

/* dL/d in0 = dL/d u * in1 */
static void map_gradient(const yolo_op_call *call, yolo_tensor *grad, int n, int y, int x) {
  for (int c = 0; c < grad->shape.c; c++)
    yolo_put_grad(&yolo_pixel(grad, n, y, x)[c], call->beta[0],
                  product_gradient(call, n, y, x, c) * factor_at(call, n, y, x, c));
}

/* dL/d in1 = the sum of dL/d u * in0 over all that share the factor. */
static double factor_gradient(const yolo_op_call *call, int n, int y0, int y1, int x0, int x1, int c0, int c1) {
  double sum = 0;
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++)
      for (int c = c0; c < c1; c++) sum += product_gradient(call, n, y, x, c) * yolo_pixel(&call->in[0], n, y, x)[c];
  return sum;
}

static void pixel_factors(const yolo_op_call *call, yolo_tensor *grad, int n) {
  yolo_shape s = call->grad_out->shape;
  for (int y = 0; y < s.h; y++)
    for (int x = 0; x < s.w; x++)
      yolo_put_grad(yolo_pixel(grad, n, y, x), call->beta[1], factor_gradient(call, n, y, y + 1, x, x + 1, 0, s.c));
}

static void channel_factors(const yolo_op_call *call, yolo_tensor *grad, int n) {
  yolo_shape s = call->grad_out->shape;
  for (int c = 0; c < s.c; c++)
    yolo_put_grad(&yolo_pixel(grad, n, 0, 0)[c], call->beta[1], factor_gradient(call, n, 0, s.h, 0, s.w, c, c + 1));
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_scale_channels_attrs *a = call->attrs;
  yolo_tensor *map = yolo_wanted_grad(call, 0), *factors = yolo_wanted_grad(call, 1);
  yolo_shape s = call->grad_out->shape;
  for (int n = 0; n < s.n; n++) {
    for (int y = 0; y < s.h && map; y++)
      for (int x = 0; x < s.w; x++) map_gradient(call, map, n, y, x);
    if (factors && a->scale_wh) pixel_factors(call, factors, n);
    if (factors && !a->scale_wh) channel_factors(call, factors, n);
  }
  return YOLO_OK;
}

const yolo_op yolo_op_scale_channels = {.name = "scale_channels",
                                        .attrs_size = sizeof(yolo_scale_channels_attrs),
                                        .min_in = 2,
                                        .max_in = 2,
                                        .shape = shape,
                                        .inplace = true,
                                        .backward_reads = YOLO_READS_IN,
                                        .forward = forward,
                                        .backward = backward};
