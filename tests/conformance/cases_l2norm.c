/* l2norm: one length a pixel, so channels around every vector width and around a warp; the check holds pixels against lengths
 * that are known. */
#include <math.h>
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, EPS, RANGE) \
  { .attrs = &(const yolo_l2norm_attrs){.eps = EPS, .scale = 20}, .n_in = 1, .in = {{N, H, W, C}}, .range = RANGE }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, 1e-2f, 0),    CASE(1, 7, 5, 3, 1e-10f, 0),     CASE(1, 7, 5, 8, 1e-10f, 0),
    CASE(2, 5, 3, 31, 1e-10f, 0),  CASE(1, 13, 13, 32, 1e-6f, 0),   CASE(2, 9, 7, 33, 1e-10f, 8),
    CASE(3, 4, 5, 100, 0.5f, 0),   CASE(1, 38, 38, 512, 1e-10f, 0), CASE(2, 3, 2, 513, 1e-10f, 0),
    CASE(1, 2, 2, 1024, 1e-3f, 0), CASE(1, 3, 3, 64, 1e-10f, 300),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_l2norm_attrs *a = c->attrs;
  snprintf(text, size, "eps %g range %g", (double)a->eps, c->range > 0 ? (double)c->range : 2);
}

/* (3, -4) has length 5, (1.5, 2) half of it; a pixel of zeros stays one. */
static int check(void) {
  float in[] = {3, -4, 0, 0, 1.5f, 2}, weight[] = {20, 0.5f}, out[6];
  const float want[] = {12, -0.4f, 0, 0, 12, 0.4f};
  const yolo_shape shape = {1, 1, 3, 2}, vector = {1, 1, 1, 2};
  const yolo_l2norm_attrs attrs = {.eps = 1e-10f, .scale = 20};
  yolo_tensor x = yolo_tensor_dense(in, shape), w = yolo_tensor_dense(weight, vector), y = yolo_tensor_dense(out, shape);
  const yolo_op_call call = {.id = YOLO_OP_l2norm, .attrs = &attrs, .n_in = 1, .n_param = 1, .in = &x, .out = &y, .param = &w};
  int failures = yolo_op_l2norm.forward(&call) != YOLO_OK;
  for (int i = 0; i < 6; i++) {
    if (fabsf(out[i] - want[i]) <= 1e-6f * (1 + fabsf(want[i]))) continue;
    printf("FAIL l2norm: value %d is %.9g, not %g\n", i, (double)out[i], (double)want[i]);
    failures++;
  }
  return failures;
}

const yolo_case_table yolo_cases_l2norm = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .check = check};
