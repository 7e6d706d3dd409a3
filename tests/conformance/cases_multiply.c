/* multiply: two maps of one shape. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, ACT)                                                                                     \
  {                                                                                                               \
    .attrs = &(const yolo_multiply_attrs){.act = YOLO_ACT_##ACT}, .n_in = 2, .in = { {N, H, W, C}, {N, H, W, C} } \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, linear), CASE(1, 13, 13, 64, linear),    CASE(1, 7, 5, 17, leaky),
    CASE(2, 14, 9, 24, mish), CASE(1, 33, 17, 255, logistic), CASE(3, 7, 5, 3, linear),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_multiply_attrs *a = c->attrs;
  snprintf(text, size, "%s", yolo_activation_name(a->act));
}

const yolo_case_table yolo_cases_multiply = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe};
