/* softmax: vectors, maps, groups, temperatures, inputs whose exp() would overflow. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, GROUPS, T, FLATTEN, RANGE)                                                          \
  {                                                                                                          \
    .attrs = &(const yolo_softmax_attrs){.groups = GROUPS, .temperature = T, .flatten = FLATTEN}, .n_in = 1, \
    .in = {{N, H, W, C}}, .range = RANGE                                                                     \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, 1, 1, false, 0),     CASE(1, 1, 1, 1000, 1, 1, false, 0), CASE(2, 1, 1, 1000, 0, 0, true, 12),
    CASE(1, 7, 5, 17, 1, 1, false, 0),    CASE(1, 13, 13, 85, 5, 1, false, 4), CASE(2, 7, 5, 24, 1, 1, true, 0),
    CASE(3, 7, 5, 12, 3, 0.5f, false, 0), CASE(2, 14, 9, 16, 4, 2, true, 0),   CASE(1, 1, 1, 20, 1, 1, false, 500),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_softmax_attrs *a = c->attrs;
  snprintf(text, size, "groups %d temperature %g%s range %g", a->groups, (double)a->temperature, a->flatten ? " flatten" : "",
           c->range > 0 ? (double)c->range : 2);
}

const yolo_case_table yolo_cases_softmax = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe};
