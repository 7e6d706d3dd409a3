/* concat: one to four inputs whose channels begin anywhere. */
#include "tests/conformance/conformance.h"

#define ONE(N, H, W, A)                                                       \
  {                                                                           \
    .attrs = &(const yolo_concat_attrs){0}, .n_in = 1, .in = { {N, H, W, A} } \
  }
#define TWO(N, H, W, A, B)                                                                  \
  {                                                                                         \
    .attrs = &(const yolo_concat_attrs){0}, .n_in = 2, .in = { {N, H, W, A}, {N, H, W, B} } \
  }
#define FOUR(N, H, W, A, B, C, D)                                                                                       \
  {                                                                                                                     \
    .attrs = &(const yolo_concat_attrs){0}, .n_in = 4, .in = { {N, H, W, A}, {N, H, W, B}, {N, H, W, C}, {N, H, W, D} } \
  }

static const yolo_case cases[] = {
    ONE(1, 7, 5, 13),
    ONE(2, 13, 13, 64),
    TWO(1, 1, 1, 1, 1),
    TWO(1, 13, 13, 256, 128),
    TWO(1, 14, 9, 17, 24),
    TWO(2, 7, 5, 3, 255),
    TWO(1, 26, 26, 16, 8),
    FOUR(1, 13, 13, 16, 32, 64, 24),
    FOUR(1, 33, 17, 1, 3, 5, 7),
    FOUR(3, 7, 5, 40, 1, 120, 13),
};

const yolo_case_table yolo_cases_concat = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .exact = true, .joins = true};
