/* Space to depth: a map (H, W, C) becomes (H/s, W/s, C s^2); `reverse` is the inverse. Two permutations:
 *
 * - the one meant, [reorg3d] (the passthrough of Redmon & Farhadi, "YOLO9000", 2017, section 2):
 *     out(y, x, (ky*s + kx)*C + c) = in(y*s + ky, x*s + kx, c)
 * - the one Darknet's [reorg] computes and published weights are trained with. It walks the input's planar
 *   memory as if it had the output's channel count, and the values land where the walk ends:
 *     with D = C/s^2 and the planar index (k, j, i) of size (C, H, W),
 *     o = k / D:   out_planar[k][j][i] = in_flat[(i*s + o%s) + W*s*((j*s + o/s) + H*s*(k%D))]
 *     and out_planar, C*H*W numbers in a row, is then read as (C s^2, H/s, W/s).
 *
 * Tensors here are channels last, so each index is computed in planar terms and translated. */
#include "backbone/ops/rules.h"

/* A place in one image. */
typedef struct place {
  int y, x, c;
} place;

static size_t planar_index(yolo_shape s, place p) {
  return ((size_t)p.c * (size_t)s.h + (size_t)p.y) * (size_t)s.w + (size_t)p.x;
}

static place planar_place(yolo_shape s, size_t index) {
  size_t w = (size_t)s.w, h = (size_t)s.h;
  place p = {(int)(index / w % h), (int)(index % w), (int)(index / w / h)};
  return p;
}

/* Where a place of the deep map (C s^2 channels) lies in the wide map (H, W, C). */
static place straight(int stride, yolo_shape wide, place deep) {
  int o = deep.c / wide.c;
  place p = {deep.y * stride + o / stride, deep.x * stride + o % stride, deep.c % wide.c};
  return p;
}

static place darknet(int stride, yolo_shape wide, yolo_shape deep_shape, place deep) {
  int depth = wide.c / (stride * stride);
  place walk = planar_place(wide, planar_index(deep_shape, deep)); /* (k, j, i) of the comment above */
  int o = walk.c / depth;
  yolo_shape grown = {1, wide.h * stride, wide.w * stride, depth};
  place source = {walk.y * stride + o / stride, walk.x * stride + o % stride, walk.c % depth};
  return planar_place(wide, planar_index(grown, source));
}

static yolo_status forward_shape(const yolo_reorg_attrs *a, yolo_shape in, yolo_shape *out) {
  int s = a->stride;
  if (in.h % s || in.w % s)
    return yolo_fail(YOLO_ESHAPE, "reorg: a map of %d x %d does not divide by the stride %d", in.h, in.w, s);
  if (a->darknet && in.c % (s * s))
    return yolo_fail(YOLO_ESHAPE, "reorg: %d channels do not divide by %d, the square of the stride", in.c, s * s);
  if (in.c > YOLO_RULE_MAX_SIDE) return yolo_fail(YOLO_ESHAPE, "reorg: %d channels are too many", in.c);
  *out = (yolo_shape){in.n, in.h / s, in.w / s, in.c * s * s};
  return YOLO_OK;
}

static yolo_status reverse_shape(const yolo_reorg_attrs *a, yolo_shape in, yolo_shape *out) {
  int s = a->stride, divisor = a->darknet ? s * s * s * s : s * s;
  if (in.c % divisor)
    return yolo_fail(YOLO_ESHAPE, "reorg: %d channels do not divide by %d, stride %d reversed", in.c, divisor, s);
  if (in.h > YOLO_RULE_MAX_SIDE || in.w > YOLO_RULE_MAX_SIDE)
    return yolo_fail(YOLO_ESHAPE, "reorg: a map of %d x %d is too large to grow", in.h, in.w);
  *out = (yolo_shape){in.n, in.h * s, in.w * s, in.c / (s * s)};
  return YOLO_OK;
}

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_reorg_attrs *a = attrs;
  yolo_shape o = in[0];
  yolo_status st = yolo_rule_range("reorg", "stride", a->stride, 1, 8);
  (void)n_in;
  if (st == YOLO_OK) st = a->reverse ? reverse_shape(a, in[0], &o) : forward_shape(a, in[0], &o);
  if (st == YOLO_OK) st = yolo_rule_count("reorg", "output", o);
  if (st == YOLO_OK) *out = o;
  return st;
}

/* Where channel c of pixel (n, y, x) of the deep map lies in the wide one. */
static float *wide_value(const yolo_reorg_attrs *a, const yolo_tensor *deep, const yolo_tensor *wide, int n, place d) {
  place w = a->darknet ? darknet(a->stride, wide->shape, deep->shape, d) : straight(a->stride, wide->shape, d);
  return &yolo_pixel(wide, n, w.y, w.x)[w.c];
}

static void move_pixel(const yolo_op_call *call, const yolo_tensor *deep, const yolo_tensor *wide, int n, int y, int x) {
  const yolo_reorg_attrs *a = call->attrs;
  float *pixel = yolo_pixel(deep, n, y, x);
  for (int c = 0; c < deep->shape.c; c++) {
    float *value = wide_value(a, deep, wide, n, (place){y, x, c});
    if (a->reverse)
      *value = pixel[c];
    else
      pixel[c] = *value;
  }
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_reorg_attrs *a = call->attrs;
  const yolo_tensor *deep = a->reverse ? &call->in[0] : call->out;
  const yolo_tensor *wide = a->reverse ? call->out : &call->in[0];
  yolo_shape s = deep->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) move_pixel(call, deep, wide, n, y, x);
  return YOLO_OK;
}

/* A permutation: every gradient goes back to where its value came from. */
static void return_pixel(const yolo_op_call *call, yolo_tensor *grad, int n, int y, int x) {
  const yolo_reorg_attrs *a = call->attrs;
  const yolo_tensor *deep = a->reverse ? grad : call->grad_out, *wide = a->reverse ? call->grad_out : grad;
  float *pixel = yolo_pixel(deep, n, y, x);
  for (int c = 0; c < deep->shape.c; c++) {
    float *value = wide_value(a, deep, wide, n, (place){y, x, c});
    if (a->reverse)
      yolo_put_grad(&pixel[c], call->beta[0], *value);
    else
      yolo_put_grad(value, call->beta[0], pixel[c]);
  }
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_reorg_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  if (!grad) return YOLO_OK;
  yolo_shape s = a->reverse ? grad->shape : call->grad_out->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) return_pixel(call, grad, n, y, x);
  return YOLO_OK;
}

const yolo_op yolo_op_reorg = {.name = "reorg",
                               .attrs_size = sizeof(yolo_reorg_attrs),
                               .min_in = 1,
                               .max_in = 1,
                               .shape = shape,
                               .forward = forward,
                               .backward = backward};
