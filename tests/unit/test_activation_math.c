/* The activations in float, which CUDA devices compute with, against the same text in double: over floats of every size
 * and sign, the ends of the range, and numbers that are none. It runs on the host: both compile from one text. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "backbone/base/half.h"
#include "backbone/ops/activation.h"
#include "tests/unit/suite.h"

enum { STEP = 32771 }; /* every so many-th of the 2^32 patterns of a float; a prime, so that all low bits change */

/* How far apart the two may be: four times the float's precision. The exponential of gelu magnifies the rounding of its
 * argument v = 2u by |v|; below the normal numbers what is left of exp() counts in steps of the smallest float. */
static double bound(yolo_activation act, double x, double want) {
  double steps = 4, v = 2 * 0.7978845608028654 * (x + 0.044715 * x * x * x);
  if (act == YOLO_ACT_gelu && v < 0) steps += 4 * -v;
  double bits = steps * FLT_EPSILON * fabs(want);
  return isfinite(bits) ? bits + (1 + fabs(x)) * 0x1p-148 : 0x1p-148;
}

static void compare(yolo_activation act, float x) {
  double want = yolo_activate(act, x);
  float have = yolo_activate_f(act, x);
  bool same = fabs(want) > FLT_MAX ? have == (float)want : fabs(have - want) <= bound(act, x, want);
  if (!same) /* asserting a million times costs more than the functions */
    ck_abort_msg("%s(%.9g) = %.9g, not %.9g; %.3g apart may be", yolo_activation_name(act), (double)x, (double)have, want,
                 bound(act, x, want));
}

START_TEST(float_agrees_with_double) {
  for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += STEP) {
    float x = yolo_float_of_bits((uint32_t)bits);
    if (isfinite(x)) compare((yolo_activation)_i, x);
  }
}
END_TEST

START_TEST(float_agrees_where_it_matters) {
  for (int k = -60000; k <= 60000; k++) compare((yolo_activation)_i, (float)k / 3000); /* -20 .. 20 */
}
END_TEST

/* The corners of the formulas, and what a broken layer may hand over. */
START_TEST(ends_of_the_range) {
  static const float xs[] = {0,   -0.0f, 1,    -1,    -2,    6,      20,      20.000002f, 88.7f,   -87.4f,
                             -88, -103,  -104, 1e10f, 1e20f, -1e20f, FLT_MAX, -FLT_MAX,   FLT_MIN, 0x1p-149f};
  for (size_t i = 0; i < sizeof xs / sizeof *xs; i++) {
    compare((yolo_activation)_i, xs[i]);
    if (fabsf(xs[i]) <= 1e20f) ck_assert(isfinite(yolo_activate_f((yolo_activation)_i, xs[i])));
  }
  ck_assert(isnan(yolo_activate((yolo_activation)_i, NAN)));
  ck_assert(isnan(yolo_activate_f((yolo_activation)_i, NAN)));
  double top = yolo_activate((yolo_activation)_i, INFINITY);
  ck_assert((double)yolo_activate_f((yolo_activation)_i, INFINITY) == top);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("activation_math");
  TCase *tests = tcase_create("activation_math");
  tcase_add_loop_test(tests, float_agrees_with_double, 0, YOLO_ACT_COUNT);
  tcase_add_loop_test(tests, float_agrees_where_it_matters, 0, YOLO_ACT_COUNT);
  tcase_add_loop_test(tests, ends_of_the_range, 0, YOLO_ACT_COUNT);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? 0 : 1;
}
