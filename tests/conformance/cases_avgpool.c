/* avgpool: the whole map, and windows cut at the border. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define GLOBAL(N, H, W, C)                                                                  \
  {                                                                                         \
    .attrs = &(const yolo_avgpool_attrs){.global = true}, .n_in = 1, .in = { {N, H, W, C} } \
  }
#define CASE(N, H, W, C, KH, KW, SH, SW, T, L, B, R)                                                                           \
  {                                                                                                                            \
    .attrs = &(const yolo_avgpool_attrs){.kernel_h = KH, .kernel_w = KW, .stride_h = SH, .stride_w = SW, .pad = {T, L, B, R}}, \
    .n_in = 1, .in = {                                                                                                         \
      {N, H, W, C}                                                                                                             \
    }                                                                                                                          \
  }

static const yolo_case cases[] = {
    GLOBAL(1, 1, 1, 1),
    GLOBAL(1, 7, 5, 3),
    GLOBAL(1, 13, 13, 17),
    GLOBAL(2, 14, 9, 64),
    GLOBAL(1, 8, 8, 1024),
    GLOBAL(3, 33, 17, 255),
    GLOBAL(1, 26, 26, 24),
    CASE(1, 13, 13, 16, 2, 2, 2, 2, 0, 0, 0, 0),
    CASE(1, 13, 13, 17, 3, 3, 1, 1, 1, 1, 1, 1),
    CASE(2, 14, 9, 24, 3, 3, 2, 2, 1, 1, 1, 1),
    CASE(1, 7, 5, 255, 5, 5, 1, 1, 2, 2, 2, 2),
    CASE(1, 33, 17, 3, 2, 3, 2, 1, 0, 2, 1, 0),
    CASE(1, 7, 7, 40, 7, 7, 1, 1, 0, 0, 0, 0),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_avgpool_attrs *a = c->attrs;
  if (a->global)
    snprintf(text, size, "global");
  else
    snprintf(text, size, "%dx%d stride %dx%d pads %d,%d,%d,%d", a->kernel_h, a->kernel_w, a->stride_h, a->stride_w, a->pad.top,
             a->pad.left, a->pad.bottom, a->pad.right);
}

const yolo_case_table yolo_cases_avgpool = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe};
