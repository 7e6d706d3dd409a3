/* Max pooling: out(n,y,x,c) = max over the window of in; cells outside the map count as minus infinity.
 *
 *   out size = (in + pad before + pad after - kernel) / stride + 1
 *
 * Darknet pads kernel - 1 in total, so that a 2x2 window of stride 1 keeps the size (it looks right and
 * down). When `saved` is given, the place of each maximum (y*W + x) is left there for the gradient. */
#include <math.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_maxpool_attrs *a = attrs;
  yolo_shape o = {in[0].n, 0, 0, in[0].c};
  yolo_window rows = {a->kernel_h, a->stride_h, 1, a->pad.top, a->pad.bottom};
  yolo_window columns = {a->kernel_w, a->stride_w, 1, a->pad.left, a->pad.right};
  yolo_status st;
  (void)n_in;
  if ((double)in[0].h * in[0].w > INT32_MAX)
    return yolo_fail(YOLO_ESHAPE, "maxpool: a map of %d x %d is too large", in[0].h, in[0].w);
  if (a->global) return yolo_fail(YOLO_EINVAL, "maxpool: `global` is for avgpool; give the size of the map as kernel");
  if ((st = yolo_rule_window("maxpool", "height", in[0].h, rows, &o.h)) != YOLO_OK) return st;
  if ((st = yolo_rule_window("maxpool", "width", in[0].w, columns, &o.w)) != YOLO_OK) return st;
  if ((st = yolo_rule_pool_pads("maxpool", a)) != YOLO_OK) return st;
  if ((st = yolo_rule_count("maxpool", "output", o)) != YOLO_OK) return st;
  *out = o;
  return YOLO_OK;
}

static size_t saved_size(const void *attrs, const yolo_shape *in, yolo_shape out) {
  (void)attrs;
  (void)in;
  return yolo_shape_count(out) * sizeof(int32_t);
}

/* The largest value of channel c in the window at (y, x) and where it is. */
static float window_max(const yolo_op_call *call, int n, int y, int x, int c, int32_t *where) {
  const yolo_maxpool_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  float best = -INFINITY;
  *where = -1;
  for (int ky = 0; ky < a->kernel_h; ky++) {
    int iy = y * a->stride_h - a->pad.top + ky;
    if (iy < 0 || iy >= in->shape.h) continue;
    for (int kx = 0; kx < a->kernel_w; kx++) {
      int ix = x * a->stride_w - a->pad.left + kx;
      if (ix < 0 || ix >= in->shape.w) continue;
      float value = yolo_pixel(in, n, iy, ix)[c];
      if (*where >= 0 && !(value > best)) continue;
      best = value;
      *where = iy * in->shape.w + ix;
    }
  }
  return best;
}

static yolo_status forward(const yolo_op_call *call) {
  yolo_shape s = call->out->shape;
  int32_t *saved = call->saved, where;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) {
        float *out = yolo_pixel(call->out, n, y, x);
        for (int c = 0; c < s.c; c++) {
          out[c] = window_max(call, n, y, x, c, &where);
          if (saved) *saved++ = where;
        }
      }
  return YOLO_OK;
}

/* The gradient goes to where the maximum was. */
static yolo_status backward(const yolo_op_call *call) {
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  const int32_t *saved = call->saved;
  yolo_shape s = call->grad_out->shape;
  if (!grad) return YOLO_OK;
  yolo_begin_grad(grad, call->beta[0]);
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) {
        const float *up = yolo_pixel(call->grad_out, n, y, x);
        for (int c = 0; c < s.c; c++, saved++) yolo_pixel(grad, n, 0, 0)[(size_t)*saved * grad->stride + (size_t)c] += up[c];
      }
  return YOLO_OK;
}

const yolo_op yolo_op_maxpool = {.name = "maxpool",
                                 .attrs_size = sizeof(yolo_maxpool_attrs),
                                 .min_in = 1,
                                 .max_in = 1,
                                 .shape = shape,
                                 .backward_reads = YOLO_READS_SAVED,
                                 .saved_size = saved_size,
                                 .forward = forward,
                                 .backward = backward};
