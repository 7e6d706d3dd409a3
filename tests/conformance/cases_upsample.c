/* upsample: factors, odd channels, a scale. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, FACTOR, SCALE)                                                                        \
  {                                                                                                            \
    .attrs = &(const yolo_upsample_attrs){.factor = FACTOR, .scale = SCALE}, .n_in = 1, .in = { {N, H, W, C} } \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, 2, 1),    CASE(1, 13, 13, 128, 2, 1), CASE(1, 7, 5, 17, 2, 1), CASE(2, 13, 13, 24, 2, 1),
    CASE(1, 14, 9, 255, 2, 1), CASE(1, 7, 5, 3, 3, 1),     CASE(1, 5, 7, 40, 4, 1), CASE(1, 13, 13, 16, 2, 0.3f),
    CASE(3, 2, 3, 8, 1, 1),    CASE(1, 6, 4, 13, 8, -2),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_upsample_attrs *a = c->attrs;
  snprintf(text, size, "factor %d scale %g", a->factor, (double)a->scale);
}

const yolo_case_table yolo_cases_upsample = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .exact = true};
