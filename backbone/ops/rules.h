/* What the op files share: checks of their shape rules and two helpers of their plain loops. Private to ops/.
 *
 * Shape rules see hostile numbers (a cfg is a file from anywhere), so every check computes in 64 bits and
 * every message carries the numbers that do not fit. */
#ifndef YOLO_OPS_RULES_H
#define YOLO_OPS_RULES_H

#include "backbone/ops/op.h"

/* For "%d x %d x %d x %d": the four numbers of a shape. */
#define YOLO_DIMS(s) (s).n, (s).h, (s).w, (s).c

enum { YOLO_RULE_MAX_SIDE = 1 << 24 }; /* the largest kernel, stride, pad, filter count: far beyond any use */

yolo_status yolo_rule_range(const char *op, const char *what, int value, int min, int max);

/* One axis of a sliding window: *out = (in + before + after - dilation * (kernel - 1) - 1) / stride + 1. */
typedef struct yolo_window {
  int kernel, stride, dilation, before, after;
} yolo_window;
yolo_status yolo_rule_window(const char *op, const char *axis, int in, yolo_window window, int *out);

/* A pad as large as the kernel would let a window see nothing but outside: no maximum, no mean. */
yolo_status yolo_rule_pool_pads(const char *op, const yolo_pool_attrs *attrs);

/* Refuses empty shapes and more than 2^40 elements; `what` is "output", "weights" ... */
yolo_status yolo_rule_count(const char *op, const char *what, yolo_shape shape);

/* Input `index` must have the n, h, w (and c, unless any_channels) of `want`. */
yolo_status yolo_rule_agree(const char *op, int index, yolo_shape have, yolo_shape want, bool any_channels);

/* sum_i a_i b_i in double. Four partial sums, because one long chain of additions is what a processor is
 * slowest at; at 53 bits their order does not matter. */
static inline double yolo_dot(const float *a, const float *b, int n) {
  double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    s0 += (double)a[i] * b[i];
    s1 += (double)a[i + 1] * b[i + 1];
    s2 += (double)a[i + 2] * b[i + 2];
    s3 += (double)a[i + 3] * b[i + 3];
  }
  for (; i < n; i++) s0 += (double)a[i] * b[i];
  return (s0 + s1) + (s2 + s3);
}

/* How a gradient arrives: beta 0 writes (what lies there is never read: it may be NaN), 1 adds. */
static inline void yolo_put_grad(float *to, float beta, double value) { *to = (float)(beta != 0 ? *to + value : value); }

/* dL/d in[i], and NULL where nobody wants it. */
static inline yolo_tensor *yolo_wanted_grad(const yolo_op_call *call, int i) {
  return call->grad_in && call->grad_in[i].data ? &call->grad_in[i] : NULL;
}
static inline yolo_tensor *yolo_wanted_param_grad(const yolo_op_call *call, int i) {
  return call->grad_param && call->grad_param[i].data ? &call->grad_param[i] : NULL;
}

/* beta 0: clears a gradient that is then added to. */
void yolo_begin_grad(yolo_tensor *grad, float beta);

#endif
