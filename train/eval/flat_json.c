/* Results without a tree: see flat_json.h.
 *
 * Numbers: digits are gathered as a whole number m, so the value is m * 10^e. Where m < 2^53 and |e| <= 22 both factors are
 * doubles and one multiplication or division rounds once, which is right (Clinger, "How to read floating point numbers
 * accurately", PLDI 1990). With a 64-bit long double the same holds for m < 2^64 and e >= -27, but then the result is rounded
 * a second time, to a double: that is wrong only where the first result lies exactly between two doubles, and those go to
 * strtod's correct arithmetic. */
#include "train/eval/flat_json.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "backbone/base/text.h"

enum { MOST_DIGITS = 19, MOST_EXPONENT = 400, LONGEST_NUMBER = 64 };

static bool is_digit(const char *at, const char *end) { return at < end && *at >= '0' && *at <= '9'; }

typedef struct decimal {
  uint64_t digits;
  int count, exponent; /* count: digits from the first that is not 0 */
  bool negative;
} decimal;

static void take_digits(const char **at, const char *end, decimal *d) {
  for (; is_digit(*at, end); ++*at) {
    if (d->count < MOST_DIGITS) d->digits = d->digits * 10 + (uint64_t)(**at - '0');
    d->count += d->count > 0 || **at != '0';
  }
}

static bool take_exponent(const char **at, const char *end, decimal *d) {
  if (*at >= end || (**at != 'e' && **at != 'E')) return true;
  ++*at;
  bool negative = *at < end && **at == '-';
  if (*at < end && (**at == '-' || **at == '+')) ++*at;
  if (!is_digit(*at, end)) return false;
  int value = 0;
  for (; is_digit(*at, end); ++*at) {
    if (value < MOST_EXPONENT) value = value * 10 + (**at - '0');
  }
  d->exponent += negative ? -value : value;
  return true;
}

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool take_decimal(const char **at, const char *end, decimal *d) {
  *d = (decimal){.negative = *at < end && **at == '-'};
  *at += d->negative;
  if (!is_digit(*at, end)) return false;
  if (**at == '0') {
    ++*at;
    if (is_digit(*at, end)) return false;
  } else {
    take_digits(at, end, d);
  }
  if (*at < end && **at == '.') {
    const char *start = ++*at;
    if (!is_digit(*at, end)) return false;
    take_digits(at, end, d);
    d->exponent = -(int)(*at - start < MOST_EXPONENT ? *at - start : MOST_EXPONENT);
  }
  return take_exponent(at, end, d);
}

static bool exact(const decimal *d, double *out) {
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  const int most = sizeof powers / sizeof *powers - 1;
  if (d->digits >> 53 || d->exponent > most || d->exponent < -most) return false;
  double value = (double)d->digits;
  *out = d->exponent < 0 ? value / powers[-d->exponent] : value * powers[d->exponent];
  return true;
}

static bool nearly_exact(const decimal *d, double *out) {
#if LDBL_MANT_DIG == 64
  static const long double powers[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                       1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                       1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
  const int most = sizeof powers / sizeof *powers - 1;
  if (d->exponent > 0 || d->exponent < -most) return false;
  long double value = (long double)d->digits / powers[-d->exponent];
  uint64_t mantissa;
  memcpy(&mantissa, &value, sizeof mantissa);
  if ((mantissa & 0x7ff) == 0x400) return false; /* half way between two doubles */
  *out = (double)value;
  return true;
#else
  (void)d;
  (void)out;
  return false;
#endif
}

bool yolo_flat_number(const char **at, const char *end, double *out) {
  const char *start = *at;
  char copy[LONGEST_NUMBER];
  decimal d;
  if (!take_decimal(at, end, &d)) return false;
  if (d.count <= MOST_DIGITS && (exact(&d, out) || nearly_exact(&d, out))) {
    if (d.negative) *out = -*out;
    return true;
  }
  size_t length = (size_t)(*at - start);
  if (length >= sizeof copy) return false;
  memcpy(copy, start, length);
  copy[length] = '\0';
  return yolo_parse_double(copy, out);
}

/* ---- the element ---- */

static void skip_blanks(const char **at, const char *end) {
  while (*at < end && (**at == ' ' || **at == '\n' || **at == '\t' || **at == '\r')) ++*at;
}

static bool take(const char **at, const char *end, char wanted) {
  skip_blanks(at, end);
  if (*at >= end || **at != wanted) return false;
  ++*at;
  return true;
}

static bool take_box(const char **at, const char *end, double box[4]) {
  for (int i = 0; i < 4; ++i) {
    if (!take(at, end, i ? ',' : '[')) return false;
    skip_blanks(at, end);
    if (!yolo_flat_number(at, end, &box[i])) return false;
  }
  return take(at, end, ']');
}

enum { IMAGE = 1, CATEGORY = 2, SCORE = 4, BOX = 8, EVERYTHING = 15 };

static int key_at(const char **at, const char *end) {
  static const struct {
    const char *text;
    int which;
  } keys[] = {{"\"image_id\"", IMAGE}, {"\"category_id\"", CATEGORY}, {"\"score\"", SCORE}, {"\"bbox\"", BOX}};
  skip_blanks(at, end);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; ++i) {
    size_t length = strlen(keys[i].text);
    if ((size_t)(end - *at) <= length || memcmp(*at, keys[i].text, length) != 0) continue;
    *at += length;
    return keys[i].which;
  }
  return 0;
}

static bool take_value(const char **at, const char *end, int which, yolo_flat_result *out) {
  double *number = which == IMAGE ? &out->image_id : which == CATEGORY ? &out->category_id : &out->score;
  skip_blanks(at, end);
  return which == BOX ? take_box(at, end, out->box) : yolo_flat_number(at, end, number);
}

bool yolo_flat_result_read(const char *text, size_t length, yolo_flat_result *out) {
  const char *at = text, *end = text + length;
  int seen = 0;
  do {
    int which;
    if (!take(&at, end, seen ? ',' : '{') || !(which = key_at(&at, end)) || seen & which) return false;
    if (!take(&at, end, ':') || !take_value(&at, end, which, out)) return false;
    seen |= which;
  } while (seen != EVERYTHING);
  if (!take(&at, end, '}')) return false;
  skip_blanks(&at, end);
  return at == end;
}
