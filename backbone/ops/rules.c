/* Checks that several shape rules share; see rules.h. */
#include "backbone/ops/rules.h"

#include <string.h>

yolo_status yolo_rule_range(const char *op, const char *what, int value, int min, int max) {
  if (value >= min && value <= max) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "%s: %s is %d and must be %d to %d", op, what, value, min, max);
}

yolo_status yolo_rule_window(const char *op, const char *axis, int in, yolo_window w, int *out) {
  struct {
    const char *what;
    int value, min;
  } rows[] = {{"kernel", w.kernel, 1},     {"stride", w.stride, 1},   {"dilation", w.dilation, 1},
              {"pad before", w.before, 0}, {"pad after", w.after, 0}, {"input", in, 1}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].value >= rows[i].min && rows[i].value <= YOLO_RULE_MAX_SIDE) continue;
    return yolo_fail(YOLO_EINVAL, "%s: %s along the %s is %d and must be %d to %d", op, rows[i].what, axis, rows[i].value,
                     rows[i].min, YOLO_RULE_MAX_SIDE);
  }
  long long reach = (long long)w.dilation * (w.kernel - 1) + 1, padded = (long long)in + w.before + w.after;
  if (reach > padded)
    return yolo_fail(YOLO_ESHAPE, "%s: a window of %lld (kernel %d, dilation %d) does not fit a %s of %d with pads %d and %d",
                     op, reach, w.kernel, w.dilation, axis, in, w.before, w.after);
  *out = (int)((padded - reach) / w.stride + 1);
  return YOLO_OK;
}

yolo_status yolo_rule_pool_pads(const char *op, const yolo_pool_attrs *a) {
  const int pads[4] = {a->pad.top, a->pad.bottom, a->pad.left, a->pad.right};
  for (int i = 0; i < 4; i++) {
    const int kernel = i < 2 ? a->kernel_h : a->kernel_w;
    if (pads[i] >= kernel)
      return yolo_fail(YOLO_ESHAPE, "%s: a pad of %d leaves windows of %d that see nothing of the map", op, pads[i], kernel);
  }
  return YOLO_OK;
}

yolo_status yolo_rule_count(const char *op, const char *what, yolo_shape s) {
  const long long limit = 1LL << 40;
  int dims[] = {s.n, s.h, s.w, s.c};
  long long count = 1;
  for (int i = 0; i < 4; i++) {
    if (dims[i] < 1) return yolo_fail(YOLO_ESHAPE, "%s: %s of %d x %d x %d x %d is empty", op, what, YOLO_DIMS(s));
    if (count > limit / dims[i])
      return yolo_fail(YOLO_ESHAPE, "%s: %s of %d x %d x %d x %d is too large", op, what, YOLO_DIMS(s));
    count *= dims[i];
  }
  return YOLO_OK;
}

yolo_status yolo_rule_agree(const char *op, int index, yolo_shape have, yolo_shape want, bool any_channels) {
  if (have.n == want.n && have.h == want.h && have.w == want.w && (any_channels || have.c == want.c)) return YOLO_OK;
  return yolo_fail(YOLO_ESHAPE, "%s: input %d is %d x %d x %d x %d but %d x %d x %d x %d is needed%s", op, index,
                   YOLO_DIMS(have), YOLO_DIMS(want), any_channels ? " (any number of channels)" : "");
}

void yolo_begin_grad(yolo_tensor *grad, float beta) {
  size_t pixels = yolo_shape_pixels(grad->shape);
  for (size_t p = 0; p < pixels && beta == 0; p++) memset(yolo_nth_pixel(grad, p), 0, (size_t)grad->shape.c * sizeof(float));
}
