/* Text helpers: a growing string, strict number parsing, 'did you mean'. */
#include "backbone/base/text.h"

#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"

/* ---- a growing string ---- */

/* Room for `more` bytes and the terminator; the capacity doubles, so appending is linear in all. */
static yolo_status reserve(yolo_text *text, size_t more) {
  if (more > SIZE_MAX / 2 - text->length - 1)
    return yolo_fail(YOLO_ENOMEM, "out of memory: a text of %zu bytes cannot grow by %zu", text->length, more);
  size_t wanted = text->length + more + 1;
  if (wanted <= text->capacity) return YOLO_OK;
  size_t capacity = text->capacity ? text->capacity : 64;
  while (capacity < wanted) capacity *= 2;
  char *data = yolo_realloc(text->data, capacity);
  if (!data) return YOLO_ENOMEM;
  text->data = data;
  text->capacity = capacity;
  return YOLO_OK;
}

yolo_status yolo_text_append(yolo_text *text, const char *bytes, size_t length) {
  yolo_status st = reserve(text, length);
  if (st != YOLO_OK) return st;
  if (length > 0) memcpy(text->data + text->length, bytes, length);
  text->length += length;
  text->data[text->length] = '\0';
  return YOLO_OK;
}

yolo_status yolo_text_format(yolo_text *text, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int length = vsnprintf(NULL, 0, format, args);
  yolo_status st =
      length < 0 ? yolo_fail(YOLO_EINVAL, "the text '%s' cannot be formatted", format) : reserve(text, (size_t)length);
  if (st == YOLO_OK) {
    vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
    text->length += (size_t)length;
  }
  va_end(again);
  va_end(args);
  return st;
}

void yolo_text_free(yolo_text *text) {
  if (!text) return;
  yolo_free(text->data);
  *text = (yolo_text){NULL, 0, 0};
}

/* ---- JSON strings ---- */

/* Bytes of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), or 0. The text ends with a NUL,
 * which is no continuation byte, so nothing beyond it is read. */
int yolo_utf8_length(const char *text) {
  const unsigned char *p = (const unsigned char *)text;
  unsigned char low = 0x80, high = 0xBF;
  int length = 0;
  if (p[0] < 0x80) return 1;
  if (p[0] >= 0xC2 && p[0] <= 0xDF) length = 2;
  if (p[0] >= 0xE0 && p[0] <= 0xEF) length = 3;
  if (p[0] >= 0xF0 && p[0] <= 0xF4) length = 4;
  if (p[0] == 0xE0) low = 0xA0;  /* shorter forms exist */
  if (p[0] == 0xED) high = 0x9F; /* surrogates */
  if (p[0] == 0xF0) low = 0x90;
  if (p[0] == 0xF4) high = 0x8F; /* beyond U+10FFFF */
  for (int i = 1; i < length; i++, low = 0x80, high = 0xBF) {
    if (p[i] < low || p[i] > high) return 0;
  }
  return length;
}

/* The two-character escape of a byte, or NULL. */
static const char *short_escape(char byte) {
  static const struct {
    char byte;
    const char *escape;
  } table[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}, {'\b', "\\b"}, {'\f', "\\f"}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].byte == byte) return table[i].escape;
  }
  return NULL;
}

/* One character of `value`, escaped; *used tells how many of its bytes it was. */
static yolo_status append_json_character(yolo_text *text, const char *value, int *used) {
  const char *escape = short_escape(*value);
  *used = 1;
  if (escape) return yolo_text_append(text, escape, 2);
  if ((unsigned char)*value < 0x20) return yolo_text_format(text, "\\u%04x", (unsigned)*value);
  int length = yolo_utf8_length(value);
  if (length == 0) return yolo_text_append(text, "\xEF\xBF\xBD", 3);
  *used = length;
  return yolo_text_append(text, value, (size_t)length);
}

yolo_status yolo_text_json_string(yolo_text *text, const char *value) {
  yolo_status st = YOLO_OK;
  int used = 0;
  YOLO_TRY(yolo_text_append(text, "\"", 1));
  for (; *value; value += used) YOLO_TRY(append_json_character(text, value, &used));
  YOLO_TRY(yolo_text_append(text, "\"", 1));
done:
  return st;
}

/* ---- numbers ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static const char *skip_blanks(const char *p) {
  while (is_blank(*p)) p++;
  return p;
}

static const char *skip_digits(const char *p) {
  while (is_digit(*p)) p++;
  return p;
}

bool yolo_parse_int(const char *text, int *out) {
  const char *p = skip_blanks(text);
  bool negative = *p == '-';
  if (*p == '-' || *p == '+') p++;
  if (!is_digit(*p)) return false;
  long long value = 0;
  for (; is_digit(*p); p++) {
    value = value * 10 + (*p - '0');
    if (value > (long long)INT_MAX + 1) return false;
  }
  if (negative) value = -value;
  if (*skip_blanks(p) != '\0' || value > INT_MAX) return false;
  *out = (int)value;
  return true;
}

/* [sign] digits [. digits] [e [sign] digits] with a digit before or after the point; NULL when it is not. */
static const char *skip_decimal(const char *p) {
  if (*p == '-' || *p == '+') p++;
  const char *whole = p;
  p = skip_digits(p);
  int digits = p > whole;
  if (*p == '.') {
    const char *fraction = p + 1;
    p = skip_digits(fraction);
    digits |= p > fraction;
  }
  if (!digits) return NULL;
  if (*p == 'e' || *p == 'E') {
    p++;
    if (*p == '-' || *p == '+') p++;
    if (!is_digit(*p)) return NULL;
    p = skip_digits(p);
  }
  return p;
}

/* The grammar is checked here, because strtod also reads hexadecimal, "nan" and "infinity"; the conversion
 * with correct rounding is strtod's, in the C locale whatever the program chose. */
bool yolo_parse_double(const char *text, double *out) {
  const char *start = skip_blanks(text), *end = skip_decimal(start);
  if (!end || *skip_blanks(end) != '\0') return false;
  locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* glibc hands out a constant: no allocation */
  if (c_locale == (locale_t)0) return false;
  double value = strtod_l(start, NULL, c_locale);
  freelocale(c_locale);
  if (!isfinite(value)) return false;
  *out = value;
  return true;
}

/* printf writes the point of the program's locale, which may be any character: whatever is none of a number's becomes one
 * '.'. The result is shorter than before, never longer. */
static void use_point(char *text) {
  char *write = text;
  for (const char *read = text; *read; read++) {
    bool known = is_digit(*read) || *read == '-' || *read == '+' || *read == 'e';
    if (known) {
      *write++ = *read;
    } else if (write == text || write[-1] != '.') {
      *write++ = '.';
    }
  }
  *write = '\0';
}

yolo_status yolo_text_number(yolo_text *text, double value) {
  char digits[64];
  double back = 0;
  for (int precision = 15; precision <= 17; precision++) { /* 15 always survive the way in, 17 the way out */
    snprintf(digits, sizeof digits, "%.*g", precision, value);
    use_point(digits);
    if (yolo_parse_double(digits, &back) && back == value) break;
  }
  return yolo_text_append(text, digits, strlen(digits));
}

/* ---- did you mean ---- */

enum { LONGEST_WORD = 127 };

static int smaller(int a, int b) { return a < b ? a : b; }

/* Capitals count as small letters: [YOLO] is a spelling of [yolo], not a word four letters away. */
static bool same_letter(char a, char b) {
  if (a >= 'A' && a <= 'Z') a = (char)(a - 'A' + 'a');
  if (b >= 'A' && b <= 'Z') b = (char)(b - 'A' + 'a');
  return a == b;
}

/* Edits that turn a into b: insert, delete, replace, or swap two neighbours ("widht"), each counting 1
 * (optimal string alignment). d(i, j) lies in row i; three rows are enough. */
static int edit_distance(const char *a, const char *b) {
  int rows[3][LONGEST_WORD + 1];
  int n = (int)strlen(a), m = (int)strlen(b);
  for (int j = 0; j <= m; j++) rows[0][j] = j;
  for (int i = 1; i <= n; i++) {
    int *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= m; j++) {
      now[j] = smaller(before[j] + 1, now[j - 1] + 1);
      now[j] = smaller(now[j], before[j - 1] + !same_letter(a[i - 1], b[j - 1]));
      if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]))
        now[j] = smaller(now[j], earlier[j - 2] + 1);
    }
  }
  return rows[n % 3][m];
}

const char *yolo_closest(const char *word, const char *const *candidates, int count) {
  const char *closest = NULL;
  size_t length = strlen(word);
  if (length > LONGEST_WORD) return NULL;
  int allowed = length / 3 > 1 ? (int)(length / 3) : 1;
  for (int i = 0; i < count; i++) {
    if (!candidates[i] || strlen(candidates[i]) > LONGEST_WORD) continue;
    int distance = edit_distance(word, candidates[i]);
    if (distance > allowed) continue;
    allowed = distance - 1; /* only a closer one replaces it: the first of equals wins */
    closest = candidates[i];
  }
  return closest;
}

/* ---- names ---- */

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool yolo_has_suffix(const char *text, const char *suffix) {
  size_t length = strlen(text), tail = strlen(suffix);
  if (tail > length) return false;
  for (size_t i = 0; i < tail; i++) {
    if (lower(text[length - tail + i]) != lower(suffix[i])) return false;
  }
  return true;
}

const char *yolo_basename(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}
