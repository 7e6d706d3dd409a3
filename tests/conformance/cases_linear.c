/* linear: vectors and maps as input, outputs on both sides of the vector widths. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, OUTPUTS, BIAS, ACT)                                                                         \
  {                                                                                                                  \
    .attrs = &(const yolo_linear_attrs){.outputs = OUTPUTS, .bias = BIAS, .act = YOLO_ACT_##ACT}, .n_in = 1, .in = { \
      {N, H, W, C}                                                                                                   \
    }                                                                                                                \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, 1, true, linear),      CASE(1, 1, 1, 512, 1000, true, linear), CASE(1, 1, 1, 17, 24, true, leaky),
    CASE(1, 1, 1, 2048, 13, false, linear), CASE(1, 7, 5, 3, 8, true, relu),        CASE(1, 7, 7, 40, 255, true, leaky),
    CASE(2, 1, 1, 64, 17, true, mish),      CASE(3, 7, 5, 16, 48, false, logistic), CASE(5, 2, 3, 13, 2, true, tanh),
    CASE(17, 1, 1, 24, 16, true, swish),    CASE(2, 13, 13, 17, 1, true, linear),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_linear_attrs *a = c->attrs;
  snprintf(text, size, "%d outputs%s %s", a->outputs, a->bias ? " bias" : "", yolo_activation_name(a->act));
}

const yolo_case_table yolo_cases_linear = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe};
