/* local: weights of their own at every position. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, O, K, S, P, ACT)                                                                                   \
  {                                                                                                                         \
    .attrs = &(const yolo_local_attrs){.filters = O, .kernel = K, .stride = S, .pad = P, .act = YOLO_ACT_##ACT}, .n_in = 1, \
    .in = {                                                                                                                 \
      {N, H, W, C}                                                                                                          \
    }                                                                                                                       \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, 1, 1, 1, 0, linear),   CASE(1, 7, 7, 16, 24, 3, 1, 1, leaky), CASE(2, 7, 5, 17, 8, 3, 1, 1, linear),
    CASE(1, 13, 13, 3, 17, 3, 2, 1, leaky), CASE(1, 14, 9, 13, 2, 5, 1, 0, relu),  CASE(3, 7, 5, 8, 16, 1, 1, 0, mish),
    CASE(1, 7, 7, 4, 5, 2, 3, 2, linear),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_local_attrs *a = c->attrs;
  snprintf(text, size, "%dx%d stride %d pad %d filters %d %s", a->kernel, a->kernel, a->stride, a->pad, a->filters,
           yolo_activation_name(a->act));
}

const yolo_case_table yolo_cases_local = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe};
