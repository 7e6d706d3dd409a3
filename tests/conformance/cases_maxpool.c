/* maxpool: Darknet's pads (kernel - 1 in total), the spatial pyramid's large windows, none at all. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, KH, KW, SH, SW, T, L, B, R)                                                                           \
  {                                                                                                                            \
    .attrs = &(const yolo_maxpool_attrs){.kernel_h = KH, .kernel_w = KW, .stride_h = SH, .stride_w = SW, .pad = {T, L, B, R}}, \
    .n_in = 1, .in = {                                                                                                         \
      {N, H, W, C}                                                                                                             \
    }                                                                                                                          \
  }
#define SQUARE(N, H, W, C, K, S) CASE(N, H, W, C, K, K, S, S, ((K)-1) / 2, ((K)-1) / 2, (K) / 2, (K) / 2)
#define BARE(N, H, W, C, K, S)   CASE(N, H, W, C, K, K, S, S, 0, 0, 0, 0)

static const yolo_case cases[] = {
    SQUARE(1, 1, 1, 1, 2, 1),
    SQUARE(1, 13, 13, 64, 2, 1),
    SQUARE(1, 13, 13, 17, 2, 2),
    SQUARE(1, 26, 26, 16, 2, 2),
    SQUARE(1, 33, 17, 3, 2, 2),
    SQUARE(2, 14, 9, 24, 3, 2),
    SQUARE(1, 14, 9, 13, 3, 1),
    SQUARE(1, 13, 13, 40, 5, 1),
    SQUARE(1, 13, 13, 32, 9, 1),
    SQUARE(1, 13, 13, 48, 13, 1),
    SQUARE(2, 7, 5, 255, 5, 1),
    SQUARE(1, 7, 5, 8, 13, 1),
    SQUARE(1, 26, 26, 120, 3, 3),
    BARE(1, 26, 26, 64, 2, 2),
    BARE(1, 33, 17, 17, 3, 2),
    BARE(2, 13, 13, 3, 2, 1),
    BARE(1, 7, 7, 16, 7, 7),
    CASE(1, 14, 9, 24, 2, 3, 2, 1, 0, 1, 0, 1),
    CASE(1, 13, 13, 16, 3, 2, 1, 2, 2, 0, 1, 1),
    CASE(1, 13, 13, 24, 2, 2, 1, 1, 1, 1, 0, 0),
    CASE(1, 14, 9, 8, 3, 3, 2, 2, 1, 1, 1, 1),
    SQUARE(1, 19, 20, 18, 17, 1), /* more cells than one look takes */
    BARE(2, 17, 14, 19, 2, 3),    /* cells that no window holds */
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_maxpool_attrs *a = c->attrs;
  snprintf(text, size, "%dx%d stride %dx%d pads %d,%d,%d,%d", a->kernel_h, a->kernel_w, a->stride_h, a->stride_w, a->pad.top,
           a->pad.left, a->pad.bottom, a->pad.right);
}

const yolo_case_table yolo_cases_maxpool = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .exact = true};
