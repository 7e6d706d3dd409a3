/* The two 16-bit formats: every pattern there and back, every place where rounding decides, against a slow definition (the
 * nearest of all numbers, of two equally near ones the even) and, where the processor has them, its own conversions. */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>

#include "backbone/base/half.h"
#include "backbone/base/rng.h"
#include "tests/sanitized.h"
#include "tests/unit/suite.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* ---- the definition ---- */

typedef struct format {
  const char *name;
  int fraction; /* bits */
  int bias;
  uint16_t infinity;
  float (*to_float)(uint16_t bits);
  uint16_t (*of_float)(float x);
} format;

static const format half = {"half", 10, 15, 0x7c00, yolo_float_of_half, yolo_half_of_float};
static const format bfloat = {"bfloat", 7, 127, 0x7f80, yolo_float_of_bfloat, yolo_bfloat_of_float};

/* The number behind a pattern without its sign; what would come after the largest one stands for infinity. */
static double value_of(const format *f, uint16_t bits) {
  int exponent = bits >> f->fraction, fraction = bits & ((1 << f->fraction) - 1);
  if (exponent == 0) return ldexp(fraction, 1 - f->bias - f->fraction);
  return ldexp((1 << f->fraction) + fraction, exponent - f->bias - f->fraction);
}

/* Patterns without sign are in the order of their numbers. */
static uint16_t nearest(const format *f, float x) {
  const uint16_t sign = signbit(x) ? 0x8000 : 0;
  const double size = fabs((double)x);
  uint16_t low = 0, high = f->infinity;
  if (size >= value_of(f, high)) return sign | f->infinity;
  while (high - low > 1) { /* value_of(low) <= size < value_of(high) */
    uint16_t middle = (uint16_t)((low + high) / 2);
    if (value_of(f, middle) <= size)
      low = middle;
    else
      high = middle;
  }
  double down = size - value_of(f, low), up = value_of(f, high) - size;
  return (uint16_t)(sign | (down < up || (down == up && low % 2 == 0) ? low : high));
}

static void expect_nearest(const format *f, float x) {
  uint16_t got = f->of_float(x), want = nearest(f, x);
  ck_assert_msg(got == want, "%s of %a (%08x): %04x, not %04x", f->name, (double)x, yolo_float_bits(x), got, want);
}

/* ---- tests ---- */

static const format *const formats[] = {&half, &bfloat};

static int is_nan_pattern(const format *f, uint16_t bits) { return (bits & 0x7fff) > f->infinity; }

START_TEST(every_pattern_there_and_back) {
  const format *f = formats[_i];
  for (uint32_t i = 0; i < 0x10000; i++) {
    const uint16_t bits = (uint16_t)i;
    const float x = f->to_float(bits);
    ck_assert_int_eq(signbit(x) != 0, bits >> 15);
    if (is_nan_pattern(f, bits)) {
      ck_assert_msg(isnan(x), "%s %04x is no NaN as a float", f->name, bits);
      ck_assert_msg(is_nan_pattern(f, f->of_float(x)), "%s %04x is no NaN after the way back", f->name, bits);
      ck_assert_int_eq(f->of_float(x) >> 15, bits >> 15);
      continue;
    }
    if ((bits & 0x7fff) == f->infinity)
      ck_assert(isinf(x));
    else
      ck_assert_msg(fabs((double)x) == value_of(f, bits & 0x7fff), "%s %04x is %a", f->name, bits, (double)x);
    ck_assert_msg(f->of_float(x) == bits, "%s %04x comes back as %04x", f->name, bits, f->of_float(x));
  }
}
END_TEST

/* Between each two neighbours: the middle, where the even one wins, and the floats right beside it. */
START_TEST(ties_go_to_even) {
  const format *f = formats[_i];
  for (uint16_t bits = 0; bits < f->infinity; bits++) {
    const float middle = (float)((value_of(f, bits) + value_of(f, bits + 1)) / 2);
    const uint16_t even = (uint16_t)(bits + bits % 2);
    ck_assert_msg(f->of_float(middle) == even, "%s of %a is %04x", f->name, (double)middle, f->of_float(middle));
    ck_assert_int_eq(f->of_float(-middle), 0x8000 | even);
    ck_assert_int_eq(f->of_float(nextafterf(middle, 0)), bits);
    ck_assert_int_eq(f->of_float(nextafterf(middle, INFINITY)), bits + 1);
    expect_nearest(f, middle);
    expect_nearest(f, nextafterf(-middle, -INFINITY));
  }
}
END_TEST

START_TEST(the_ends) {
  ck_assert_int_eq(yolo_half_of_float(65504), 0x7bff);
  ck_assert_int_eq(yolo_half_of_float(nextafterf(65520, 0)), 0x7bff);
  ck_assert_int_eq(yolo_half_of_float(65520), 0x7c00);
  ck_assert_int_eq(yolo_half_of_float(-1e30f), 0xfc00);
  ck_assert_int_eq(yolo_half_of_float(0x1p-24f), 1);
  ck_assert_int_eq(yolo_half_of_float(0x1p-25f), 0);
  ck_assert_int_eq(yolo_half_of_float(nextafterf(0x1p-25f, 1)), 1);
  ck_assert_int_eq(yolo_half_of_float(-0x1p-149f), 0x8000);
  ck_assert_int_eq(yolo_half_of_float(nextafterf(0x1p-14f, 0)), 0x0400); /* rounds up out of the subnormals */
  ck_assert_int_eq(yolo_bfloat_of_float(3.40282347e38f), 0x7f80);
  ck_assert_int_eq(yolo_bfloat_of_float(-3.38953139e38f), 0xff7f);
  ck_assert_int_eq(yolo_bfloat_of_float(0x1p-149f), 0);
  ck_assert_int_eq(yolo_bfloat_of_float(0x1p-133f), 1);
  for (int i = 0; i < 2; i++) {
    const format *f = formats[i];
    ck_assert_int_eq(f->of_float(0.0f), 0);
    ck_assert_int_eq(f->of_float(-0.0f), 0x8000);
    ck_assert_int_eq(f->of_float(INFINITY), f->infinity);
    ck_assert_int_eq(f->of_float(-INFINITY), 0x8000 | f->infinity);
  }
}
END_TEST

/* Whatever its payload, and also one whose upper bits are all zero, which cutting would turn into infinity. */
START_TEST(nan_stays_nan) {
  const format *f = formats[_i];
  yolo_rng rng = {.key = 5};
  for (int i = 0; i < 100000; i++) {
    uint32_t payload = i < 23 ? 1u << i : yolo_rng_u32(&rng) & 0x7fffff;
    if (payload == 0) continue;
    for (uint32_t sign = 0; sign < 2; sign++) {
      uint16_t bits = f->of_float(yolo_float_of_bits(sign << 31 | 0x7f800000 | payload));
      ck_assert_msg(is_nan_pattern(f, bits) && bits >> 15 == sign, "payload %x becomes %04x", payload, bits);
    }
  }
}
END_TEST

/* Every exponent, and floats of any bits. */
START_TEST(any_float) {
  const format *f = formats[_i];
  yolo_rng rng = {.key = 7};
  for (uint32_t exponent = 0; exponent < 255; exponent++)
    for (int i = 0; i < 2000; i++) {
      uint32_t bits = yolo_rng_u32(&rng);
      if (i % 4 == 0) bits &= 0xffffe000; /* few bits: ties are likely */
      expect_nearest(f, yolo_float_of_bits((bits & 0x807fffff) | exponent << 23));
    }
}
END_TEST

#if defined(__x86_64__)
__attribute__((target("f16c"))) static uint16_t processor_half(float x) { return _cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT); }
__attribute__((target("f16c"))) static float processor_float(uint16_t bits) { return _cvtsh_ss(bits); }

START_TEST(as_the_processor) {
  if (!__builtin_cpu_supports("avx2")) { /* these all have the conversions */
    printf("SKIP: this processor has no conversions of half\n");
    return;
  }
  yolo_rng rng = {.key = 11};
  for (uint32_t i = 0; i < 0x10000; i++) {
    float ours = yolo_float_of_half((uint16_t)i), theirs = processor_float((uint16_t)i);
    ck_assert_msg(isnan(ours) ? isnan(theirs) : yolo_float_bits(ours) == yolo_float_bits(theirs), "%04x", i);
  }
  for (int i = 0; i < (SANITIZED ? 200000 : 4000000); i++) {
    uint32_t bits = yolo_rng_u32(&rng);
    if (i % 2) bits = (bits & 0x87ffffff) + 0x33000000; /* half's own range and a little more */
    float x = yolo_float_of_bits(bits);
    ck_assert_msg(yolo_half_of_float(x) == processor_half(x), "%08x: %04x, not %04x", bits, yolo_half_of_float(x),
                  processor_half(x));
  }
}
END_TEST
#endif

int main(void) {
  Suite *suite = suite_create("half");
  TCase *tcase = tcase_create("half");
  tcase_set_timeout(tcase, 60);
  tcase_add_loop_test(tcase, every_pattern_there_and_back, 0, 2);
  tcase_add_loop_test(tcase, ties_go_to_even, 0, 2);
  tcase_add_test(tcase, the_ends);
  tcase_add_loop_test(tcase, nan_stays_nan, 0, 2);
  tcase_add_loop_test(tcase, any_float, 0, 2);
#if defined(__x86_64__)
  tcase_add_test(tcase, as_the_processor);
#endif
  suite_add_tcase(suite, tcase);
  return suite_run(suite) == 0 ? 0 : 1;
}
