/* batchnorm: one line a channel, so channels around every vector width. */
#include <stdio.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, EPS) ACT(linear, N, H, W, C, EPS)
#define ACT(NAME, N, H, W, C, EPS)                                                                                   \
  {                                                                                                                  \
    .attrs = &(const yolo_batchnorm_attrs){.eps = EPS, .momentum = 0.1f, .act = YOLO_ACT_##NAME}, .n_in = 1, .in = { \
      {N, H, W, C}                                                                                                   \
    }                                                                                                                \
  }

static const yolo_case cases[] = {
    CASE(1, 1, 1, 1, 1e-5f),
    CASE(1, 7, 5, 3, 1e-5f),
    CASE(1, 7, 5, 8, 1e-5f),
    CASE(1, 13, 13, 16, 1e-5f),
    CASE(1, 13, 13, 17, 1e-3f),
    CASE(2, 14, 9, 24, 1e-3f),
    CASE(1, 33, 17, 40, 1e-5f),
    CASE(1, 26, 26, 64, 1e-6f),
    CASE(3, 7, 5, 120, 1e-5f),
    CASE(1, 13, 13, 255, 1e-5f),
    CASE(2, 1, 1, 1024, 0.5f),
#define X(name) ACT(name, 2, 2, 3, 19, 1e-5f), ACT(name, 2, 9, 7, 17, 1e-5f),
    YOLO_ACTIVATION_LIST(X)
#undef X
        ACT(leaky, 2, 52, 40, 64, 1e-5f),
    ACT(mish, 1, 13, 13, 512, 1e-5f),
    ACT(leaky, 2, 1, 1, 33, 1e-5f),
    ACT(leaky, 1, 128, 256, 32, 1e-5f), /* so large that the CPU writes past its caches */
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_batchnorm_attrs *a = c->attrs;
  snprintf(text, size, "eps %g %s", (double)a->eps, yolo_activation_name(a->act));
}

const yolo_case_table yolo_cases_batchnorm = {.cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe};
