/* dropout: the identity at inference. */
#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, P)                                                                   \
  {                                                                                           \
    .attrs = &(const yolo_dropout_attrs){.probability = P}, .n_in = 1, .in = { {N, H, W, C} } \
  }

static const yolo_case cases[] = {CASE(1, 1, 1, 1, 0.5f), CASE(1, 1, 1, 1024, 0.5f), CASE(2, 7, 5, 17, 0.25f),
                                  CASE(1, 13, 13, 64, 0)};

const yolo_case_table yolo_cases_dropout = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .exact = true};
