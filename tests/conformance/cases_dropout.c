/* dropout: the identity at inference; in training single values, or squares of a channel (DropBlock). */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, P)                                                                   \
  {                                                                                           \
    .attrs = &(const yolo_dropout_attrs){.probability = P}, .n_in = 1, .in = { {N, H, W, C} } \
  }

#define SQUARES(N, H, W, C, P, ...)                                                                                           \
  {                                                                                                                           \
    .attrs = &(const yolo_dropout_attrs){.probability = P, .dropblock = true, __VA_ARGS__}, .n_in = 1, .in = { {N, H, W, C} } \
  }

static const yolo_case cases[] = {CASE(1, 1, 1, 1, 0.5f),
                                  CASE(1, 1, 1, 1024, 0.5f),
                                  CASE(2, 7, 5, 17, 0.25f),
                                  CASE(1, 13, 13, 64, 0),
                                  CASE(2, 13, 13, 33, 0.9f),
                                  SQUARES(2, 13, 13, 32, 0.1f, .block = 7),
                                  SQUARES(3, 9, 14, 17, 0.3f, .block = 3),
                                  SQUARES(1, 7, 5, 5, 0.5f, .block = 9),
                                  SQUARES(2, 26, 26, 7, 0.2f, .block_share = 0.25f),
                                  SQUARES(2, 1, 1, 40, 0.5f, .block = 7),
                                  SQUARES(1, 1, 1, 1, 0.99f, .block = 1)};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_dropout_attrs *a = c->attrs;
  snprintf(text, size, "%g %s %d %g", (double)a->probability, a->dropblock ? "squares" : "values", a->block,
           (double)a->block_share);
}

const yolo_case_table yolo_cases_dropout = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .exact = true};
