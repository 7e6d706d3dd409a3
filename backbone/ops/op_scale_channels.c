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

const yolo_op yolo_op_scale_channels = {.name = "scale_channels",
                                        .attrs_size = sizeof(yolo_scale_channels_attrs),
                                        .min_in = 2,
                                        .max_in = 2,
                                        .shape = shape,
                                        .inplace = true,
                                        .backward_reads = YOLO_READS_IN,
                                        .forward = forward};
