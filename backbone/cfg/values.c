/* Typed access to the values of a section: numbers, lists, activations. Numbers are read strictly (the whole
 * text, '.' as decimal point whatever the locale): Darknet's atoi() makes 3 of "3x3" and 0 of "true". */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/cfg/sections.h"

yolo_status yolo_cfg_fail(const yolo_cfg_section *section, const char *key, yolo_status code, const char *format, ...) {
  char sentence[768];
  const yolo_cfg_entry *entry = key ? yolo_cfg_find(section, key) : NULL;
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  return yolo_fail(code, "%s:%d: [%s]: %s", section->file ? section->file : "cfg", entry ? entry->line : section->line,
                   section->name, sentence);
}

const yolo_cfg_entry *yolo_cfg_find(const yolo_cfg_section *section, const char *key) { return yolo_ini_find(section, key); }

const char *yolo_cfg_text(const yolo_cfg_section *section, const char *key, const char *fallback) {
  const yolo_cfg_entry *entry = yolo_cfg_find(section, key);
  return entry ? entry->value : fallback;
}

yolo_status yolo_cfg_int(const yolo_cfg_section *section, const char *key, int fallback, int min, int max, int *out) {
  const yolo_cfg_entry *entry = yolo_cfg_find(section, key);
  int value = fallback;
  if (entry && !yolo_parse_int(entry->value, &value))
    return yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%.60s: a whole number is wanted", key, entry->value);
  if (entry && (value < min || value > max))
    return yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%d is out of range (%d to %d)", key, value, min, max);
  *out = value;
  return YOLO_OK;
}

yolo_status yolo_cfg_float(const yolo_cfg_section *section, const char *key, double fallback, double *out) {
  const yolo_cfg_entry *entry = yolo_cfg_find(section, key);
  double value = fallback;
  if (entry && !yolo_parse_double(entry->value, &value))
    return yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%.60s: a number is wanted", key, entry->value);
  *out = value;
  return YOLO_OK;
}

/* ---- activations ---- */

static yolo_status unknown_activation(const yolo_cfg_section *section, const char *name) {
  const char *names[YOLO_ACT_COUNT];
  for (int i = 0; i < YOLO_ACT_COUNT; i++) names[i] = yolo_activation_name((yolo_activation)i);
  const char *closest = yolo_closest(name, names, YOLO_ACT_COUNT);
  return yolo_cfg_fail(section, "activation", YOLO_EINVAL, "unknown activation '%.60s'%s%s%s", name,
                       closest ? "; did you mean '" : "", closest ? closest : "", closest ? "'?" : "");
}

yolo_status yolo_cfg_activation(const yolo_cfg_section *section, const char *fallback, yolo_activation *out) {
  /* Darknet has these too; no published network of YOLO v1 to v7 uses them. */
  static const char *const refused[] = {"normalize_channels",
                                        "normalize_channels_softmax",
                                        "normalize_channels_softmax_maxval",
                                        "loggy",
                                        "relie",
                                        "plse",
                                        "stair",
                                        "lhtan",
                                        "revleaky"};
  const char *name = yolo_cfg_text(section, "activation", fallback);
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    if (strcmp(name, refused[i]) == 0)
      return yolo_cfg_fail(section, "activation", YOLO_EUNSUPPORTED, "the activation '%s' is not built", name);
  }
  int found = strcmp(name, "silu") == 0 ? (int)YOLO_ACT_swish : yolo_activation_find(name);
  if (found < 0) return unknown_activation(section, name);
  *out = (yolo_activation)found;
  return YOLO_OK;
}

/* ---- lists ---- */

static int count_items(const char *list) {
  int count = 1;
  for (const char *p = list; *p; p++) count += *p == ',';
  return count;
}

/* Copies the item that begins at *list into `item` and steps over its comma; false when it is too long to be
 * a number. */
static bool next_item(const char **list, char item[64]) {
  size_t length = strcspn(*list, ",");
  const char *begin = *list;
  *list += length + ((*list)[length] == ',');
  if (length > 63) return false;
  memcpy(item, begin, length);
  item[length] = '\0';
  return true;
}

/* Both kinds of lists: parse() reads one item into element i of the array. */
static yolo_status parse_list(const yolo_cfg_section *section, const char *key, const char *what, size_t size,
                              bool (*parse)(const char *item, void *array, int i), void **out, int *count) {
  const yolo_cfg_entry *entry = yolo_cfg_find(section, key);
  char item[64];
  *out = NULL;
  *count = 0;
  if (!entry) return YOLO_OK;
  const char *list = entry->value;
  int n = count_items(list);
  void *array = yolo_alloc_array((size_t)n, size);
  if (!array) return YOLO_ENOMEM;
  for (int i = 0; i < n; i++) {
    if (next_item(&list, item) && parse(item, array, i)) continue;
    yolo_free(array);
    return yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%.60s: item %d of the list is not a %s", key, entry->value, i + 1,
                         what);
  }
  *out = array;
  *count = n;
  return YOLO_OK;
}

static bool parse_int_item(const char *item, void *array, int i) { return yolo_parse_int(item, (int *)array + i); }

static bool parse_float_item(const char *item, void *array, int i) {
  double value;
  if (!yolo_parse_double(item, &value) || value > 3e38 || value < -3e38) return false;
  ((float *)array)[i] = (float)value;
  return true;
}

yolo_status yolo_cfg_ints(const yolo_cfg_section *section, const char *key, int **out, int *count) {
  void *array;
  yolo_status st = parse_list(section, key, "whole number", sizeof(int), parse_int_item, &array, count);
  *out = array;
  return st;
}

yolo_status yolo_cfg_floats(const yolo_cfg_section *section, const char *key, float **out, int *count) {
  void *array;
  yolo_status st = parse_list(section, key, "number", sizeof(float), parse_float_item, &array, count);
  *out = array;
  return st;
}
