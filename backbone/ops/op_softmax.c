/* Softmax with temperature T: out_c = exp((in_c - max in) / T) / sum_k exp((in_k - max in) / T).
 *
 * The sum runs over the channels of one pixel, in `groups` equal parts, or, with `flatten`, over a part's
 * channels of the whole map (a classifier's vector). Subtracting the maximum changes nothing but keeps exp()
 * from overflowing (Goodfellow et al., "Deep Learning", 2016, section 4.1). */
#include <math.h>

#include "backbone/ops/rules.h"

/* The values that share one sum: channels [first, first + count) of pixels [p0, p1). */
typedef struct part {
  size_t p0, p1;
  int first, count;
} part;

static int group_count(const yolo_softmax_attrs *a) { return a->groups ? a->groups : 1; }

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_softmax_attrs *a = attrs;
  yolo_status st = yolo_rule_range("softmax", "groups", group_count(a), 1, YOLO_RULE_MAX_SIDE);
  (void)n_in;
  if (st != YOLO_OK) return st;
  if (in[0].c % group_count(a))
    return yolo_fail(YOLO_ESHAPE, "softmax: %d groups do not divide %d channels", group_count(a), in[0].c);
  if (!(a->temperature >= 0) || !isfinite(a->temperature))
    return yolo_fail(YOLO_EINVAL, "softmax: temperature is %g and must be positive", (double)a->temperature);
  *out = in[0];
  return YOLO_OK;
}

static double part_max(const yolo_tensor *in, part s) {
  double max = -INFINITY;
  for (size_t p = s.p0; p < s.p1; p++)
    for (int c = s.first; c < s.first + s.count; c++) {
      double x = yolo_nth_pixel(in, p)[c];
      if (x > max) max = x;
    }
  return max;
}

static void part_softmax(const yolo_op_call *call, part s) {
  const yolo_softmax_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  double temperature = a->temperature > 0 ? a->temperature : 1, max = part_max(in, s), sum = 0;
  for (size_t p = s.p0; p < s.p1; p++)
    for (int c = s.first; c < s.first + s.count; c++) sum += exp((yolo_nth_pixel(in, p)[c] - max) / temperature);
  for (size_t p = s.p0; p < s.p1; p++)
    for (int c = s.first; c < s.first + s.count; c++)
      yolo_nth_pixel(call->out, p)[c] = (float)(exp((yolo_nth_pixel(in, p)[c] - max) / temperature) / sum);
}

/* dL/d in_c = out_c (dL/d out_c - sum_k dL/d out_k out_k) / T */
static void part_gradient(const yolo_op_call *call, part s) {
  const yolo_softmax_attrs *a = call->attrs;
  double temperature = a->temperature > 0 ? a->temperature : 1, sum = 0;
  for (size_t p = s.p0; p < s.p1; p++)
    for (int c = s.first; c < s.first + s.count; c++)
      sum += (double)yolo_nth_pixel(call->grad_out, p)[c] * yolo_nth_pixel(call->out, p)[c];
  for (size_t p = s.p0; p < s.p1; p++)
    for (int c = s.first; c < s.first + s.count; c++) {
      double out = yolo_nth_pixel(call->out, p)[c], up = yolo_nth_pixel(call->grad_out, p)[c];
      yolo_put_grad(&yolo_nth_pixel(&call->grad_in[0], p)[c], call->beta[0], out * (up - sum) / temperature);
    }
}

static void each_part(const yolo_op_call *call, void (*visit)(const yolo_op_call *call, part s)) {
  const yolo_softmax_attrs *a = call->attrs;
  yolo_shape s = call->out->shape;
  int count = s.c / group_count(a);
  size_t pixels = yolo_shape_pixels(s), step = a->flatten ? (size_t)s.h * (size_t)s.w : 1;
  for (size_t p = 0; p < pixels; p += step)
    for (int first = 0; first < s.c; first += count) visit(call, (part){p, p + step, first, count});
}

static yolo_status backward(const yolo_op_call *call) {
  if (yolo_wanted_grad(call, 0)) each_part(call, part_gradient);
  return YOLO_OK;
}

static yolo_status forward(const yolo_op_call *call) {
  each_part(call, part_softmax);
  return YOLO_OK;
}

const yolo_op yolo_op_softmax = {.name = "softmax",
                                 .attrs_size = sizeof(yolo_softmax_attrs),
                                 .min_in = 1,
                                 .max_in = 1,
                                 .shape = shape,
                                 .inplace = true,
                                 .grad_inplace = true,
                                 .backward_reads = YOLO_READS_OUT,
                                 .forward = forward,
                                 .backward = backward};
