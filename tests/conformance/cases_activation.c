/* activation: every function near zero, where it bends, and far out, where exp() would overflow. */
#include <math.h>
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(ACT, N, H, W, C, RANGE) \
  { .attrs = &(const yolo_activation_attrs){.act = YOLO_ACT_##ACT}, .n_in = 1, .in = {{N, H, W, C}}, .range = RANGE }

static const yolo_case cases[] = {
#define X(name)                                                                                                         \
  CASE(name, 1, 1, 1, 1, 0), CASE(name, 1, 7, 5, 13, 0), CASE(name, 2, 14, 9, 64, 0), CASE(name, 1, 33, 17, 24, 1e-3f), \
      CASE(name, 1, 13, 13, 24, 0.05f), CASE(name, 1, 13, 13, 255, 12), CASE(name, 1, 26, 26, 17, 100),
    YOLO_ACTIVATION_LIST(X)
#undef X
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_activation_attrs *a = c->attrs;
  snprintf(text, size, "%s range %g", yolo_activation_name(a->act), c->range > 0 ? (double)c->range : 2);
}

/* What each function tends to: value / x far out to the left and right, or the value itself where flat. */
static int check(void) {
  static const struct {
    yolo_activation act;
    double left, right; /* f(-100), f(100) */
  } rows[] = {{YOLO_ACT_linear, -100, 100}, {YOLO_ACT_leaky, -10, 100},
              {YOLO_ACT_relu, 0, 100},      {YOLO_ACT_relu6, 0, 6},
              {YOLO_ACT_logistic, 0, 1},    {YOLO_ACT_tanh, -1, 1},
              {YOLO_ACT_hardtan, -1, 1},    {YOLO_ACT_ramp, -10, 110},
              {YOLO_ACT_elu, -1, 100},      {YOLO_ACT_selu, -1.7580993408473766, 105.07009873554805},
              {YOLO_ACT_gelu, 0, 100},      {YOLO_ACT_swish, 0, 100},
              {YOLO_ACT_mish, 0, 100},      {YOLO_ACT_hard_mish, 0, 100}};
  int failures = 0;
  _Static_assert(sizeof rows / sizeof rows[0] == YOLO_ACT_COUNT, "a row for every activation");
  for (int i = 0; i < YOLO_ACT_COUNT; i++) {
    double left = yolo_activate(rows[i].act, -100), right = yolo_activate(rows[i].act, 100);
    if (fabs(left - rows[i].left) < 1e-9 && fabs(right - rows[i].right) < 1e-9) continue;
    printf("FAIL activation %s: f(-100) = %g, f(100) = %g\n", yolo_activation_name(rows[i].act), left, right);
    failures++;
  }
  return failures;
}

const yolo_case_table yolo_cases_activation = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .check = check};
