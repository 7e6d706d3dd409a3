/* scale_channels: a factor a channel, a factor a pixel. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, ACT)                                                                                           \
  {                                                                                                                     \
    .attrs = &(const yolo_scale_channels_attrs){.act = YOLO_ACT_##ACT}, .n_in = 2, .in = { {N, H, W, C}, {N, 1, 1, C} } \
  }
#define BY_PIXEL(N, H, W, C, ACT)                                                                            \
  {                                                                                                          \
    .attrs = &(const yolo_scale_channels_attrs){.act = YOLO_ACT_##ACT, .scale_wh = true}, .n_in = 2, .in = { \
      {N, H, W, C},                                                                                          \
      {N, H, W, 1}                                                                                           \
    }                                                                                                        \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, linear),       CASE(1, 13, 13, 64, linear),    CASE(1, 7, 5, 17, linear),
    CASE(2, 14, 9, 24, linear),     CASE(1, 33, 17, 255, relu),     CASE(3, 7, 5, 13, leaky),
    CASE(1, 13, 13, 120, swish),    BY_PIXEL(1, 1, 1, 3, linear),   BY_PIXEL(1, 13, 13, 32, linear),
    BY_PIXEL(2, 14, 9, 17, linear), BY_PIXEL(1, 7, 5, 1, logistic), BY_PIXEL(1, 26, 26, 40, mish),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_scale_channels_attrs *a = c->attrs;
  snprintf(text, size, "%s %s", a->scale_wh ? "by pixel" : "by channel", yolo_activation_name(a->act));
}

const yolo_case_table yolo_cases_scale_channels = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe};
