/* Dropout (Srivastava et al., 2014): the identity at inference. In training each value is zeroed with
 * probability p and the others are scaled by 1/(1-p), so that the expectation stays ("inverted" dropout).
 * Which ones is a pure function of the call's seed; one byte each goes to `saved` for the gradient.
 *
 * DropBlock (Ghiasi, Lin & Le, 2018, algorithm 1) zeroes whole squares of a channel instead, because neighbouring values of a
 * map tell the same: what one dropped value hides the next one gives away. Every channel has squares of its own; they lie
 * inside the map and may overlap. The values that are left are scaled by all / kept, counted over an image. */
#include <string.h>

#include "backbone/base/rng.h"
#include "backbone/ops/dropout.h"
#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_dropout_attrs *a = attrs;
  (void)n_in;
  if (!(a->probability >= 0 && a->probability < 1))
    return yolo_fail(YOLO_EINVAL, "dropout: probability is %g and must be 0 or more and below 1", (double)a->probability);
  if (a->block < 0 || !(a->block_share >= 0 && a->block_share <= 1))
    return yolo_fail(YOLO_EINVAL, "dropout: a block of %d cells or %g of the map; at least 0, and at most 1 of it", a->block,
                     (double)a->block_share);
  *out = in[0];
  return YOLO_OK;
}

static size_t saved_size(const void *attrs, const yolo_shape *in, yolo_shape out) {
  const yolo_dropout_attrs *a = attrs;
  size_t count = yolo_shape_count(out);
  (void)in;
  return a->dropblock ? (count + 3) / 4 * 4 + (size_t)out.n * sizeof(float) : count;
}

/* Of element i in (N, H, W, C) order: a draw of its own. */
static bool hit(const yolo_op_call *call, size_t i, double probability) {
  yolo_rng rng = {.key = call->seed, .position = i};
  return yolo_rng_uniform(&rng) < probability;
}

/* ---- squares ---- */

static size_t index_of(yolo_shape s, int n, int y, int x, int c) {
  return (((size_t)n * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c + (size_t)c;
}

static void clear_square(uint8_t *keep, yolo_shape s, int block, int n, int y, int x, int c) {
  for (int ky = 0; ky < block; ky++)
    for (int kx = 0; kx < block; kx++) keep[index_of(s, n, y + ky, x + kx, c)] = 0;
}

static void choose_squares(const yolo_op_call *call) {
  const yolo_dropout_attrs *a = call->attrs;
  yolo_shape s = call->out->shape;
  uint8_t *keep = call->saved;
  int block = yolo_dropblock_size(a, s);
  double gamma = yolo_dropblock_gamma(a, s);
  memset(keep, 1, yolo_shape_count(s));
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y + block <= s.h; y++)
      for (int x = 0; x + block <= s.w; x++)
        for (int c = 0; c < s.c; c++)
          if (hit(call, index_of(s, n, y, x, c), gamma)) clear_square(keep, s, block, n, y, x, c);
}

static void choose_scales(const yolo_op_call *call) {
  yolo_shape s = call->out->shape;
  const uint8_t *keep = call->saved;
  size_t image = yolo_shape_count(s) / (size_t)s.n;
  for (int n = 0; n < s.n; n++) {
    size_t kept = 0;
    for (size_t i = 0; i < image; i++) kept += *keep++;
    yolo_dropblock_scales(call->saved, s)[n] = yolo_dropblock_scale(image, kept);
  }
}

/* ---- both ---- */

static void choose(const yolo_op_call *call) {
  const yolo_dropout_attrs *a = call->attrs;
  uint8_t *keep = call->saved;
  if (a->dropblock) {
    choose_squares(call);
    choose_scales(call);
    return;
  }
  for (size_t i = 0; i < yolo_shape_count(call->out->shape); i++) keep[i] = !hit(call, i, a->probability);
}

static double scale_of(const yolo_op_call *call, size_t image) {
  const yolo_dropout_attrs *a = call->attrs;
  return a->dropblock ? yolo_dropblock_scales(call->saved, call->out->shape)[image] : 1 / (1.0 - a->probability);
}

/* to = (beta to +) keep scale from */
static void apply(const yolo_op_call *call, const yolo_tensor *from, yolo_tensor *to, float beta) {
  const uint8_t *keep = call->saved;
  size_t pixels = yolo_shape_pixels(to->shape), map = (size_t)to->shape.h * (size_t)to->shape.w;
  for (size_t p = 0; p < pixels; p++)
    for (int c = 0; c < to->shape.c; c++) {
      bool kept = !call->training || *keep++;
      double scale = call->training ? scale_of(call, p / map) : 1;
      yolo_put_grad(&yolo_nth_pixel(to, p)[c], beta, kept ? yolo_nth_pixel(from, p)[c] * scale : 0);
    }
}

static yolo_status forward(const yolo_op_call *call) {
  if (call->training) {
    if (!call->saved) return yolo_fail(YOLO_EINVAL, "dropout: training needs room for what is dropped");
    choose(call);
  }
  if (call->training || call->out->data != call->in[0].data) apply(call, &call->in[0], call->out, 0);
  return YOLO_OK;
}

static yolo_status backward(const yolo_op_call *call) {
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  if (grad) apply(call, call->grad_out, grad, call->beta[0]);
  return YOLO_OK;
}

const yolo_op yolo_op_dropout = {.name = "dropout",
                                 .attrs_size = sizeof(yolo_dropout_attrs),
                                 .min_in = 1,
                                 .max_in = 1,
                                 .shape = shape,
                                 .inplace = true,
                                 .grad_inplace = true,
                                 .backward_reads = YOLO_READS_SAVED,
                                 .saved_size = saved_size,
                                 .forward = forward,
                                 .backward = backward};
