/* Nearest neighbour upsampling: out(n,y,x,c) = scale * in(n, y/factor, x/factor, c). */
#include <math.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_upsample_attrs *a = attrs;
  yolo_status st = yolo_rule_range("upsample", "factor", a->factor, 1, 1024);
  (void)n_in;
  if (st != YOLO_OK) return st;
  if (a->scale == 0 || !isfinite(a->scale))
    return yolo_fail(YOLO_EINVAL, "upsample: scale is %g; 1 keeps the values, 0 would erase them", (double)a->scale);
  if (in[0].h > YOLO_RULE_MAX_SIDE / a->factor || in[0].w > YOLO_RULE_MAX_SIDE / a->factor)
    return yolo_fail(YOLO_ESHAPE, "upsample: a map of %d x %d is too large to grow %d times", in[0].h, in[0].w, a->factor);
  yolo_shape o = {in[0].n, in[0].h * a->factor, in[0].w * a->factor, in[0].c};
  if ((st = yolo_rule_count("upsample", "output", o)) == YOLO_OK) *out = o;
  return st;
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_upsample_attrs *a = call->attrs;
  yolo_shape s = call->out->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) {
        const float *in = yolo_pixel(&call->in[0], n, y / a->factor, x / a->factor);
        float *out = yolo_pixel(call->out, n, y, x);
        for (int c = 0; c < s.c; c++) out[c] = a->scale * in[c];
      }
  return YOLO_OK;
}

/* dL/d in = scale * sum over the factor x factor copies */
static double block_sum(const yolo_tensor *up, int factor, int n, int y, int x, int c) {
  double sum = 0;
  for (int ky = 0; ky < factor; ky++)
    for (int kx = 0; kx < factor; kx++) sum += yolo_pixel(up, n, y * factor + ky, x * factor + kx)[c];
  return sum;
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_upsample_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  if (!grad) return YOLO_OK;
  yolo_shape s = grad->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++)
        for (int c = 0; c < s.c; c++)
          yolo_put_grad(&yolo_pixel(grad, n, y, x)[c], call->beta[0],
                        a->scale * block_sum(call->grad_out, a->factor, n, y, x, c));
  return YOLO_OK;
}

const yolo_op yolo_op_upsample = {.name = "upsample",
                                  .attrs_size = sizeof(yolo_upsample_attrs),
                                  .min_in = 1,
                                  .max_in = 1,
                                  .shape = shape,
                                  .forward = forward,
                                  .backward = backward};
