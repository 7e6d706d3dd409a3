/* conv2d: odd maps, channel counts on both sides of every vector width, all kinds of windows, groups,
 * depthwise, deep sums, the epilogue with every activation. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define OUT_SIZE(in, before, after, k, s, d) (((in) + (before) + (after) - (d) * ((k)-1) - 1) / (s) + 1)

/* Everything spelled out; a residual has the output's shape and is ignored unless RES is 1. */
#define FULL(N, H, W, C, O, KH, KW, SH, SW, D, G, T, L, B, R, BIAS, RES, A1, A2, RANGE)                                       \
  {                                                                                                                           \
    .attrs = &(const yolo_conv2d_attrs){.filters = O,                                                                         \
                                        .kernel_h = KH,                                                                       \
                                        .kernel_w = KW,                                                                       \
                                        .stride_h = SH,                                                                       \
                                        .stride_w = SW,                                                                       \
                                        .dilation = D,                                                                        \
                                        .groups = G,                                                                          \
                                        .pad = {T, L, B, R},                                                                  \
                                        .bias = BIAS,                                                                         \
                                        .residual = RES,                                                                      \
                                        .act1 = YOLO_ACT_##A1,                                                                \
                                        .act2 = YOLO_ACT_##A2},                                                               \
    .n_in = 1 + RES, .in = {{N, H, W, C}, {N, OUT_SIZE(H, T, B, KH, SH, D), OUT_SIZE(W, L, R, KW, SW, D), O}}, .range = RANGE \
  }

/* Square window K, stride S, "same" pads, one group, bias. */
#define SAME(N, H, W, C, O, K, S, A1) \
  FULL(N, H, W, C, O, K, K, S, S, 1, 1, (K) / 2, (K) / 2, (K) / 2, (K) / 2, 1, 0, A1, linear, 0)
#define GROUPED(N, H, W, C, O, K, S, G, BIAS) \
  FULL(N, H, W, C, O, K, K, S, S, 1, G, (K) / 2, (K) / 2, (K) / 2, (K) / 2, BIAS, 0, leaky, linear, 0)
#define ATROUS(N, H, W, C, O, K, D, G) \
  FULL(N, H, W, C, O, K, K, 1, 1, D, G, (K) / 2 * (D), (K) / 2 * (D), (K) / 2 * (D), (K) / 2 * (D), 1, 0, relu, linear, 0)
#define RESIDUAL(N, H, W, C, O, K, S, G, BIAS, A1, A2) \
  FULL(N, H, W, C, O, K, K, S, S, 1, G, (K) / 2, (K) / 2, (K) / 2, (K) / 2, BIAS, 1, A1, A2, 0)

static const yolo_case cases[] = {
    /* 1x1: the plain matrix product */
    SAME(1, 1, 1, 1, 1, 1, 1, linear), SAME(1, 1, 1, 255, 255, 1, 1, linear), SAME(1, 1, 1, 17, 2, 1, 1, leaky),
    SAME(1, 7, 5, 3, 8, 1, 1, leaky), SAME(1, 7, 5, 16, 16, 1, 1, mish), SAME(1, 13, 13, 32, 255, 1, 1, linear),
    SAME(1, 13, 13, 255, 64, 1, 1, linear), SAME(1, 13, 13, 64, 17, 1, 1, swish), SAME(1, 14, 9, 40, 24, 1, 1, relu),
    SAME(1, 14, 9, 13, 1, 1, 1, leaky), SAME(1, 26, 26, 24, 48, 1, 1, leaky), SAME(1, 26, 26, 96, 24, 1, 1, linear),
    SAME(1, 33, 17, 120, 16, 1, 1, relu6), SAME(1, 33, 17, 4, 2, 1, 1, linear), SAME(1, 33, 17, 17, 64, 1, 1, leaky),
    SAME(2, 7, 5, 13, 17, 1, 1, leaky), SAME(3, 13, 13, 32, 48, 1, 1, mish), SAME(1, 13, 13, 2048, 24, 1, 1, linear),
    SAME(1, 3, 2, 1024, 255, 1, 1, leaky),
    /* 1x1 with stride, with pads, without bias */
    SAME(1, 14, 9, 24, 17, 1, 2, leaky), SAME(2, 13, 13, 64, 48, 1, 2, linear), SAME(1, 33, 17, 3, 16, 1, 3, linear),
    FULL(1, 7, 5, 16, 24, 1, 1, 1, 1, 1, 1, 1, 0, 2, 1, 1, 0, leaky, linear, 0),
    FULL(1, 13, 13, 40, 64, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, linear, linear, 0),
    FULL(1, 26, 26, 17, 17, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, mish, linear, 0),
    /* 3x3, stride 1: where Winograd may be chosen */
    SAME(1, 1, 1, 16, 16, 3, 1, linear), SAME(1, 7, 5, 16, 16, 3, 1, leaky), SAME(1, 7, 5, 17, 24, 3, 1, leaky),
    SAME(1, 13, 13, 32, 64, 3, 1, leaky), SAME(1, 13, 13, 64, 17, 3, 1, mish), SAME(1, 13, 13, 13, 255, 3, 1, linear),
    SAME(1, 14, 9, 24, 48, 3, 1, relu), SAME(1, 14, 9, 96, 16, 3, 1, leaky), SAME(1, 16, 16, 40, 24, 3, 1, swish),
    SAME(1, 20, 20, 32, 32, 3, 1, leaky), SAME(1, 26, 26, 16, 64, 3, 1, leaky), SAME(1, 26, 26, 17, 17, 3, 1, mish),
    SAME(1, 26, 26, 64, 48, 3, 1, linear), SAME(1, 33, 17, 120, 24, 3, 1, leaky), SAME(1, 33, 17, 24, 255, 3, 1, linear),
    SAME(1, 33, 17, 3, 16, 3, 1, leaky), SAME(1, 33, 17, 1, 8, 3, 1, linear), SAME(1, 26, 26, 4, 2, 3, 1, leaky),
    SAME(1, 13, 13, 255, 1, 3, 1, linear), SAME(2, 13, 13, 16, 24, 3, 1, leaky), SAME(2, 26, 26, 24, 16, 3, 1, mish),
    SAME(3, 7, 5, 32, 17, 3, 1, relu), SAME(1, 7, 5, 512, 24, 3, 1, linear), SAME(1, 20, 21, 512, 16, 3, 1, leaky),
    SAME(1, 2, 64, 16, 16, 3, 1, leaky), SAME(1, 64, 2, 16, 16, 3, 1, leaky), SAME(1, 3, 3, 48, 48, 3, 1, linear),
    FULL(1, 13, 13, 32, 32, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, leaky, linear, 0),
    FULL(1, 26, 26, 24, 17, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, linear, linear, 0),
    FULL(1, 26, 26, 16, 16, 3, 3, 1, 1, 1, 1, 2, 0, 1, 3, 1, 0, leaky, linear, 0),
    FULL(2, 14, 9, 40, 24, 3, 3, 1, 1, 1, 1, 0, 1, 2, 0, 0, 0, mish, linear, 0),
    /* 3x3, stride 2 and 3 */
    SAME(1, 1, 1, 3, 8, 3, 2, leaky), SAME(1, 7, 5, 16, 17, 3, 2, leaky), SAME(1, 13, 13, 64, 48, 3, 2, mish),
    SAME(1, 14, 9, 13, 24, 3, 2, linear), SAME(1, 26, 26, 32, 64, 3, 2, leaky), SAME(1, 33, 17, 3, 32, 3, 2, leaky),
    SAME(1, 33, 17, 40, 16, 3, 2, relu), SAME(2, 26, 26, 17, 16, 3, 2, swish), SAME(1, 13, 13, 255, 24, 3, 2, linear),
    SAME(1, 33, 17, 24, 17, 3, 3, leaky), SAME(1, 14, 9, 4, 2, 3, 3, linear),
    FULL(1, 14, 9, 16, 24, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0, leaky, linear, 0),
    FULL(1, 13, 13, 24, 16, 3, 3, 1, 2, 1, 1, 1, 0, 1, 2, 1, 0, linear, linear, 0),
    FULL(1, 32, 32, 3, 16, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 1, 0, swish, linear, 0),
    /* other windows */
    SAME(1, 13, 13, 16, 24, 5, 1, leaky), SAME(1, 14, 9, 17, 8, 5, 2, linear), SAME(1, 33, 17, 3, 64, 7, 2, relu),
    SAME(1, 13, 13, 8, 17, 7, 1, leaky), SAME(1, 7, 5, 4, 16, 7, 1, linear), SAME(2, 7, 5, 24, 16, 5, 1, mish),
    FULL(1, 13, 13, 16, 24, 1, 3, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, leaky, linear, 0),
    FULL(1, 14, 9, 40, 17, 3, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0, relu, linear, 0),
    FULL(2, 7, 5, 17, 16, 1, 3, 1, 2, 1, 1, 0, 1, 0, 1, 0, 0, linear, linear, 0),
    FULL(1, 33, 17, 13, 8, 3, 1, 2, 1, 1, 1, 1, 0, 1, 0, 1, 0, leaky, linear, 0),
    FULL(1, 13, 13, 16, 24, 2, 2, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, leaky, linear, 0),
    FULL(1, 14, 9, 17, 17, 2, 2, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, linear, linear, 0),
    FULL(1, 26, 26, 32, 48, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 1, 0, leaky, linear, 0),
    FULL(1, 7, 5, 3, 16, 2, 2, 2, 2, 1, 1, 0, 1, 1, 0, 0, 0, linear, linear, 0),
    FULL(1, 13, 13, 24, 32, 4, 3, 2, 3, 1, 1, 2, 1, 1, 0, 1, 0, mish, linear, 0),
    FULL(1, 7, 7, 64, 40, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, linear, linear, 0), /* the whole map at once */
    FULL(1, 2, 2, 16, 16, 3, 3, 1, 1, 1, 1, 4, 4, 4, 4, 1, 0, leaky, linear, 0),  /* windows that see only padding */
    /* dilation */
    ATROUS(1, 13, 13, 16, 24, 3, 2, 1), ATROUS(1, 14, 9, 17, 17, 3, 2, 1), ATROUS(1, 33, 17, 3, 8, 3, 3, 1),
    ATROUS(2, 7, 5, 40, 16, 3, 2, 1), ATROUS(1, 13, 13, 24, 24, 3, 2, 24), ATROUS(1, 14, 9, 32, 48, 3, 2, 4),
    FULL(1, 26, 26, 8, 16, 3, 3, 2, 2, 2, 1, 2, 2, 2, 2, 0, 0, linear, linear, 0),
    FULL(1, 14, 9, 13, 17, 1, 3, 1, 1, 2, 1, 0, 2, 0, 2, 1, 0, leaky, linear, 0),
    /* groups */
    GROUPED(1, 13, 13, 16, 16, 3, 1, 2, 1), GROUPED(1, 14, 9, 24, 48, 3, 1, 2, 1), GROUPED(1, 13, 13, 64, 64, 3, 1, 4, 1),
    GROUPED(1, 7, 5, 40, 24, 1, 1, 4, 0), GROUPED(2, 13, 13, 32, 16, 1, 1, 2, 1), GROUPED(1, 26, 26, 8, 16, 3, 2, 4, 1),
    GROUPED(1, 33, 17, 6, 4, 5, 1, 2, 0), GROUPED(1, 13, 13, 96, 255 * 3, 1, 1, 3, 1), GROUPED(1, 7, 5, 34, 34, 3, 1, 2, 1),
    GROUPED(2, 14, 9, 120, 24, 3, 2, 8, 1),
    /* depthwise, also with two filters a channel */
    GROUPED(1, 1, 1, 16, 16, 3, 1, 16, 1), GROUPED(1, 7, 5, 3, 3, 3, 1, 3, 1), GROUPED(1, 13, 13, 17, 17, 3, 1, 17, 1),
    GROUPED(1, 14, 9, 24, 24, 3, 2, 24, 1), GROUPED(1, 26, 26, 96, 96, 3, 1, 96, 1), GROUPED(1, 33, 17, 120, 120, 3, 2, 120, 0),
    GROUPED(2, 13, 13, 40, 40, 3, 1, 40, 1), GROUPED(1, 13, 13, 255, 255, 3, 1, 255, 1), GROUPED(1, 14, 9, 32, 32, 5, 1, 32, 1),
    GROUPED(1, 33, 17, 13, 13, 5, 2, 13, 1), GROUPED(2, 7, 5, 64, 64, 5, 1, 64, 0), GROUPED(1, 13, 13, 8, 8, 7, 1, 8, 1),
    GROUPED(1, 13, 13, 16, 32, 3, 1, 16, 1), GROUPED(1, 14, 9, 17, 34, 3, 2, 17, 1), GROUPED(1, 26, 26, 24, 48, 5, 1, 24, 0),
    GROUPED(1, 26, 26, 48, 48, 1, 1, 48, 1), GROUPED(1, 9, 9, 16, 16, 9, 1, 16, 1),
    FULL(1, 13, 13, 24, 24, 3, 3, 2, 2, 1, 24, 0, 0, 1, 1, 1, 0, swish, linear, 0),
    FULL(1, 14, 9, 40, 40, 3, 3, 2, 1, 1, 40, 1, 2, 0, 1, 1, 0, relu6, linear, 0),
    FULL(1, 7, 5, 16, 16, 1, 3, 1, 1, 1, 16, 0, 1, 0, 1, 0, 0, mish, linear, 0),
    FULL(1, 2, 2, 32, 32, 5, 5, 1, 1, 1, 32, 2, 2, 2, 2, 1, 0, linear, linear, 0),
    /* residual, before and after an activation */
    RESIDUAL(1, 13, 13, 16, 32, 1, 1, 1, 1, leaky, linear), RESIDUAL(1, 13, 13, 32, 32, 3, 1, 1, 1, leaky, linear),
    RESIDUAL(1, 26, 26, 24, 24, 3, 1, 1, 1, mish, linear), RESIDUAL(2, 14, 9, 17, 17, 3, 1, 1, 1, linear, relu),
    RESIDUAL(1, 7, 5, 64, 255, 1, 1, 1, 1, linear, leaky), RESIDUAL(1, 26, 26, 16, 48, 3, 2, 1, 0, relu, mish),
    RESIDUAL(2, 13, 13, 24, 24, 3, 1, 24, 1, swish, relu6), RESIDUAL(1, 33, 17, 8, 8, 3, 1, 2, 1, linear, swish),
    RESIDUAL(1, 14, 9, 40, 13, 5, 1, 1, 1, leaky, logistic),
    /* both activations and nothing between them */
    FULL(1, 13, 13, 24, 32, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, leaky, relu, 0),
    FULL(1, 26, 26, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, linear, relu, 0),
    FULL(1, 9, 7, 24, 24, 3, 3, 1, 1, 1, 24, 1, 1, 1, 1, 1, 0, leaky, relu, 0),
    /* depthwise windows that a kernel for other ones must not mistake for its own: kernel + stride alike in digits */
    FULL(1, 5, 60, 24, 24, 3, 2, 1, 11, 1, 24, 1, 1, 1, 1, 1, 0, leaky, linear, 0),
    FULL(1, 5, 70, 24, 24, 3, 2, 1, 12, 1, 24, 1, 1, 1, 1, 0, 0, linear, linear, 0),
    FULL(1, 5, 90, 17, 17, 1, 4, 1, 11, 1, 17, 0, 1, 0, 1, 1, 0, linear, linear, 0),
/* every activation in every kind of kernel; one run of each with sums far into its flat ends */
#define X(name)                                                                                              \
  SAME(1, 7, 5, 17, 24, 1, 1, name), SAME(1, 7, 7, 16, 17, 3, 1, name), SAME(1, 20, 20, 16, 16, 3, 1, name), \
      FULL(1, 7, 5, 24, 24, 3, 3, 1, 1, 1, 24, 1, 1, 1, 1, 1, 0, name, linear, 0),                           \
      FULL(1, 7, 5, 16, 17, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, linear, name, 0),                            \
      FULL(1, 9, 6, 16, 24, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0, name, linear, 60),
    YOLO_ACTIVATION_LIST(X)
#undef X
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_conv2d_attrs *a = c->attrs;
  snprintf(text, size, "%dx%d stride %dx%d dilation %d groups %d pads %d,%d,%d,%d filters %d%s %s%s%s", a->kernel_h,
           a->kernel_w, a->stride_h, a->stride_w, a->dilation, a->groups, a->pad.top, a->pad.left, a->pad.bottom, a->pad.right,
           a->filters, a->bias ? " bias" : "", yolo_activation_name(a->act1), a->residual ? " +residual " : " ",
           yolo_activation_name(a->act2));
}

/* Winograd's transforms round more than a direct sum does. */
static double tolerance(const yolo_case *c) {
  const yolo_conv2d_attrs *a = c->attrs;
  bool winograd =
      a->kernel_h == 3 && a->kernel_w == 3 && a->stride_h == 1 && a->stride_w == 1 && a->dilation == 1 && a->groups == 1;
  return winograd ? 1e-5 : 1e-6;
}

const yolo_case_table yolo_cases_conv2d = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .tolerance = tolerance, .resizable = true};
