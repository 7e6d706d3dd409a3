/* One value of a setting: text to value and back. Numbers are read strictly: the whole text, '.' as the decimal point whatever
 * the locale. Texts and lists are setting_texts.c's. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/setting_texts.h"
#include "backbone/base/settings.h"

static bool has_limits(const yolo_setting *row) { return row->min != 0 || row->max != 0; }
static bool inside(const yolo_setting *row, double number) {
  return !has_limits(row) || (number >= row->min && number <= row->max);
}

/* "a number", or "a number from 0 to 1". */
static yolo_status fail_number(const yolo_setting *row, const char *what) {
  if (!has_limits(row)) return yolo_fail(YOLO_EINVAL, "%s is wanted", what);
  return yolo_fail(YOLO_EINVAL, "%s from %.10g to %.10g is wanted", what, row->min, row->max);
}

/* ---- reading ---- */

static yolo_status read_bool(const char *text, bool *to) {
  static const char *const words[2][4] = {{"off", "no", "false", "0"}, {"on", "yes", "true", "1"}};
  for (int i = 0; i < 8; ++i) {
    if (strcmp(text, words[i / 4][i % 4]) != 0) continue;
    *to = i >= 4;
    return YOLO_OK;
  }
  return yolo_fail(YOLO_EINVAL, "on or off is wanted");
}

static yolo_status read_int(const yolo_setting *row, const char *text, int *to) {
  int number;
  if (!yolo_parse_int(text, &number) || !inside(row, number)) return fail_number(row, "a whole number");
  *to = number;
  return YOLO_OK;
}

static yolo_status read_real(const yolo_setting *row, const char *text, double *to) {
  double number;
  if (!yolo_parse_double(text, &number) || !inside(row, number)) return fail_number(row, "a number");
  *to = number;
  return YOLO_OK;
}

/* Cuts "a SEPARATOR b" in two; without a separator both are the text. False when a part is longer than a number can be. */
static bool cut_pair(const char *text, const char *separators, char parts[2][32]) {
  size_t n = strcspn(text, separators);
  const char *second = text[n] ? text + n + 1 : text;
  if (n >= sizeof parts[0] || strlen(second) >= sizeof parts[1]) return false;
  snprintf(parts[0], sizeof parts[0], "%.*s", (int)n, text);
  snprintf(parts[1], sizeof parts[1], "%s", second);
  return true;
}

static yolo_status read_range(const yolo_setting *row, const char *text, double to[2]) {
  char parts[2][32];
  double pair[2];
  if (!cut_pair(text, ",", parts) || !yolo_parse_double(parts[0], &pair[0]) || !yolo_parse_double(parts[1], &pair[1]) ||
      !inside(row, pair[0]) || !inside(row, pair[1])) {
    return fail_number(row, "a range such as \"a, b\", or one number,");
  }
  if (pair[0] > pair[1]) return yolo_fail(YOLO_EINVAL, "the first number of a range is not above the second");
  memcpy(to, pair, sizeof pair);
  return YOLO_OK;
}

static yolo_status read_size(const yolo_setting *row, const char *text, int to[2]) {
  char parts[2][32];
  int pair[2] = {0, 0};
  bool empty = *text == '\0';
  if (!empty && (!cut_pair(text, "xX", parts) || !yolo_parse_int(parts[0], &pair[0]) || !yolo_parse_int(parts[1], &pair[1]) ||
                 !inside(row, pair[0]) || !inside(row, pair[1]))) {
    return fail_number(row, "a size such as 416 or 608x352 (width x height)");
  }
  memcpy(to, pair, sizeof pair);
  return YOLO_OK;
}

enum { MOST_CHOICES = 32, LONGEST_CHOICE = 32 };

/* The choice closest to a misspelt one. */
static yolo_status fail_choice(const yolo_setting *row, const char *text) {
  char words[MOST_CHOICES][LONGEST_CHOICE];
  const char *names[MOST_CHOICES];
  int count = 0;
  for (const char *p = row->choices; *p && count < MOST_CHOICES; ++count) {
    size_t n = strcspn(p, "|");
    snprintf(words[count], sizeof words[count], "%.*s", (int)n, p);
    names[count] = words[count];
    p += n + (p[n] == '|');
  }
  const char *closest = yolo_closest(text, names, count);
  return yolo_fail(YOLO_EINVAL, "one of %s is wanted%s%s%s", row->choices, closest ? "; did you mean '" : "",
                   closest ? closest : "", closest ? "'?" : "");
}

static yolo_status read_choice(const yolo_setting *row, const char *text, int *to) {
  size_t length = strlen(text);
  int index = 0;
  for (const char *p = row->choices; *p; ++index) {
    size_t n = strcspn(p, "|");
    if (n == length && memcmp(p, text, n) == 0) {
      *to = index;
      return YOLO_OK;
    }
    p += n + (p[n] == '|');
  }
  return fail_choice(row, text);
}

yolo_status yolo_setting_read(const yolo_setting *row, const char *text, const char *folder, void *to) {
  switch (row->type) {
    case YOLO_SETTING_BOOL: return read_bool(text, to);
    case YOLO_SETTING_INT: return read_int(row, text, to);
    case YOLO_SETTING_REAL: return read_real(row, text, to);
    case YOLO_SETTING_RANGE: return read_range(row, text, to);
    case YOLO_SETTING_CHOICE: return read_choice(row, text, to);
    case YOLO_SETTING_SIZE: return read_size(row, text, to);
    case YOLO_SETTING_TEXT: return yolo_setting_read_text(text, NULL, to);
    case YOLO_SETTING_PATH: return yolo_setting_read_text(text, folder, to);
    case YOLO_SETTING_PATHS: return yolo_setting_read_list(text, folder, to);
    case YOLO_SETTING_LIST: return yolo_setting_read_list(text, NULL, to);
  }
  return YOLO_OK;
}

void yolo_setting_clear(const yolo_setting *row, void *value) {
  if (row->type == YOLO_SETTING_TEXT || row->type == YOLO_SETTING_PATH) {
    char **text = value;
    yolo_free(*text);
    *text = NULL;
  } else if (row->type == YOLO_SETTING_PATHS || row->type == YOLO_SETTING_LIST) {
    yolo_setting_list_free(value);
  }
}

/* ---- showing ---- */

static yolo_status show_choice(const yolo_setting *row, int index, yolo_text *out) {
  const char *p = row->choices;
  while (index-- > 0 && *p) {
    p += strcspn(p, "|");
    p += *p == '|';
  }
  return yolo_text_append(out, p, strcspn(p, "|"));
}

static yolo_status show_range(const double pair[2], yolo_text *out) {
  yolo_status st = yolo_text_number(out, pair[0]);
  if (st == YOLO_OK) st = yolo_text_append(out, ", ", 2);
  return st == YOLO_OK ? yolo_text_number(out, pair[1]) : st;
}

static yolo_status show_size(const int pair[2], yolo_text *out) {
  if (pair[0] == 0 && pair[1] == 0) return YOLO_OK;
  return pair[0] == pair[1] ? yolo_text_format(out, "%d", pair[0]) : yolo_text_format(out, "%dx%d", pair[0], pair[1]);
}

yolo_status yolo_settings_show(const yolo_setting *row, const void *section_struct, yolo_text *out) {
  const void *value = (const char *)section_struct + row->offset;
  switch (row->type) {
    case YOLO_SETTING_BOOL: return yolo_text_format(out, "%s", *(const bool *)value ? "on" : "off");
    case YOLO_SETTING_INT: return yolo_text_format(out, "%d", *(const int *)value);
    case YOLO_SETTING_REAL: return yolo_text_number(out, *(const double *)value);
    case YOLO_SETTING_RANGE: return show_range(value, out);
    case YOLO_SETTING_CHOICE: return show_choice(row, *(const int *)value, out);
    case YOLO_SETTING_SIZE: return show_size(value, out);
    case YOLO_SETTING_TEXT:
    case YOLO_SETTING_PATH: return yolo_setting_show_text(*(char *const *)value, out);
    case YOLO_SETTING_PATHS:
    case YOLO_SETTING_LIST: return yolo_setting_show_list(value, out);
  }
  return YOLO_OK;
}
