/* slice: from the first, a middle and the last channel. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, FIRST, COUNT)                                                                    \
  {                                                                                                       \
    .attrs = &(const yolo_slice_attrs){.first = FIRST, .count = COUNT}, .n_in = 1, .in = { {N, H, W, C} } \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, 0, 1),    CASE(1, 13, 13, 64, 32, 32),  CASE(1, 13, 13, 64, 0, 32), CASE(1, 7, 5, 17, 5, 7),
    CASE(2, 14, 9, 24, 23, 1), CASE(1, 33, 17, 255, 85, 85), CASE(3, 7, 5, 13, 1, 12),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_slice_attrs *a = c->attrs;
  snprintf(text, size, "%d channels from %d", a->count, a->first);
}

const yolo_case_table yolo_cases_slice = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .exact = true};
