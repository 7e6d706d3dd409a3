/* shortcut: equal and unequal channels, weights and their normalisations, other map sizes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/conformance/conformance.h"

#define TWO(N, H, W, A, B, ACT)                                                                                   \
  {                                                                                                               \
    .attrs = &(const yolo_shortcut_attrs){.act = YOLO_ACT_##ACT}, .n_in = 2, .in = { {N, H, W, A}, {N, H, W, B} } \
  }
#define WEIGHTED(N, H, W, A, B, C, ACT, PER, NORM)                                                                            \
  {                                                                                                                           \
    .attrs = &(const yolo_shortcut_attrs){.act = YOLO_ACT_##ACT, .weights_per = PER, .norm = YOLO_WEIGHTS_##NORM}, .n_in = 3, \
    .in = {                                                                                                                   \
      {N, H, W, A},                                                                                                           \
      {N, H, W, B},                                                                                                           \
      {N, H, W, C}                                                                                                            \
    }                                                                                                                         \
  }
#define SAMPLED(N, H, W, A, H2, W2, B, ACT)                                                             \
  {                                                                                                     \
    .attrs = &(const yolo_shortcut_attrs){.act = YOLO_ACT_##ACT, .subsample = true}, .n_in = 2, .in = { \
      {N, H, W, A},                                                                                     \
      {N, H2, W2, B}                                                                                    \
    }                                                                                                   \
  }

static const yolo_case cases[] = {
    TWO(1, 1, 1, 1, 1, linear),
    TWO(1, 13, 13, 64, 64, linear),
    TWO(2, 14, 9, 17, 17, leaky),
    TWO(1, 7, 5, 255, 255, mish),
    TWO(1, 26, 26, 24, 24, relu),
    TWO(1, 13, 13, 16, 24, linear),
    TWO(1, 13, 13, 24, 16, linear),
    TWO(2, 7, 5, 33, 13, leaky),
    TWO(1, 33, 17, 40, 1, swish),
    WEIGHTED(1, 7, 5, 16, 16, 16, linear, 0, PLAIN),
    WEIGHTED(1, 7, 5, 17, 24, 3, relu, 0, PLAIN),
    WEIGHTED(1, 13, 13, 24, 24, 24, linear, 1, PLAIN),
    WEIGHTED(2, 7, 5, 17, 17, 17, linear, 1, RELU),
    WEIGHTED(1, 7, 5, 32, 32, 32, mish, 1, SOFTMAX),
    WEIGHTED(1, 14, 9, 40, 40, 40, linear, 2, PLAIN),
    WEIGHTED(2, 7, 5, 13, 24, 8, linear, 2, RELU),
    WEIGHTED(1, 13, 13, 64, 17, 64, leaky, 2, SOFTMAX),
    SAMPLED(1, 13, 13, 16, 13, 13, 16, leaky),
    SAMPLED(2, 7, 5, 24, 14, 10, 16, linear),
    SAMPLED(1, 7, 7, 17, 13, 13, 17, linear),
    SAMPLED(1, 14, 10, 8, 7, 5, 24, relu),
    SAMPLED(1, 4, 4, 3, 12, 12, 5, linear),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  static const char *const norms[] = {"plain", "relu", "softmax"};
  const yolo_shortcut_attrs *a = c->attrs;
  snprintf(text, size, "%s weights_per %d %s%s", yolo_activation_name(a->act), a->weights_per, norms[a->norm],
           a->subsample ? " subsample" : "");
}

/* One pixel, one channel, inputs 1, 10, 100 and weights 1, -1, 2: sums worked out by hand. */
static int check_weights(void) {
  static const double e1 = 0.36787944117144233, e3 = 0.049787068367863944; /* exp(-1), exp(-3) */
  float in[3] = {1, 10, 100}, weights[3] = {1, -1, 2}, out;
  double soft = 1e-4 + e1 + e3 + 1;
  double want[3] = {1 - 10 + 200, (1 + 2 * 100) / 3.0001, (e1 * 1 + e3 * 10 + 100) / soft};
  int failures = 0;
  for (int norm = 0; norm < 3; norm++) {
    yolo_shape one = {1, 1, 1, 1}, vector = {1, 1, 3, 1};
    yolo_shortcut_attrs attrs = {.weights_per = 1, .norm = (yolo_weight_norm)norm};
    yolo_tensor ins[3], o = yolo_tensor_dense(&out, one), param = yolo_tensor_dense(weights, vector);
    for (int i = 0; i < 3; i++) ins[i] = yolo_tensor_dense(&in[i], one);
    yolo_op_call call = {
        .id = YOLO_OP_shortcut, .attrs = &attrs, .n_in = 3, .n_param = 1, .in = ins, .out = &o, .param = &param};
    if (yolo_op_shortcut.forward(&call) == YOLO_OK && fabs(out - want[norm]) < 1e-6 * fabs(want[norm])) continue;
    printf("FAIL shortcut: norm %d of weights 1, -1, 2 gives %g, not %g\n", norm, (double)out, want[norm]);
    failures++;
  }
  return failures;
}

/* Maps of another size on one channel: of a map 2 x larger every second value, a 2 x smaller one spread out. */
static int check_subsample(void) {
  static const float small[4] = {1, 2, 3, 4}, zeros[16] = {0};
  static const float large[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  static const float taken[4] = {1, 3, 9, 11}, spread[16] = {1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0};
  yolo_shape two = {1, 2, 2, 1}, four = {1, 4, 4, 1};
  yolo_shortcut_attrs attrs = {.subsample = true};
  float base[16] = {0}, other[16], out[16];
  int failures = 0;
  for (int grow = 0; grow < 2; grow++) {
    yolo_shape mine = grow ? four : two, theirs = grow ? two : four;
    for (int i = 0; i < 16; i++) other[i] = grow ? (i < 4 ? small[i] : 0) : large[i];
    for (int i = 0; i < 16; i++) base[i] = zeros[i];
    yolo_tensor ins[2] = {yolo_tensor_dense(base, mine), yolo_tensor_dense(other, theirs)}, o = yolo_tensor_dense(out, mine);
    yolo_op_call call = {.id = YOLO_OP_shortcut, .attrs = &attrs, .n_in = 2, .in = ins, .out = &o};
    yolo_status st = yolo_op_shortcut.forward(&call);
    for (int i = 0; i < (grow ? 16 : 4); i++) {
      if (st == YOLO_OK && out[i] == (grow ? spread[i] : taken[i])) continue;
      printf("FAIL shortcut: subsample, value %d of a %s map is %g\n", i, grow ? "smaller" : "larger", (double)out[i]);
      failures++;
    }
  }
  return failures;
}

static int check(void) { return check_weights() + check_subsample(); }

const yolo_case_table yolo_cases_shortcut = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .check = check};
