/* implicit: a learned vector, once an image. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, ATOMS, FILTERS)                                                                                  \
  {                                                                                                              \
    .attrs = &(const yolo_implicit_attrs){.filters = FILTERS, .atoms = ATOMS}, .n_in = 1, .in = { {N, 3, 2, 5} } \
  }

static const yolo_case cases[] = {CASE(1, 1, 1), CASE(1, 1, 255), CASE(2, 1, 256), CASE(3, 4, 17)};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_implicit_attrs *a = c->attrs;
  snprintf(text, size, "%d x %d", a->atoms, a->filters);
}

const yolo_case_table yolo_cases_implicit = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .exact = true};
