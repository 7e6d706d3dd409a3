/* Settings of a configuration file, section by section: see settings.h. One value is the business of setting_values.c. */
#include "backbone/base/settings.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"

enum { MOST_ROWS = 128, COMMENT_COLUMN = 32 };

static void *value_of(const yolo_setting_section *section, void *whole, const yolo_setting *row) {
  return (char *)whole + section->offset + row->offset;
}

const yolo_setting *yolo_settings_find(const yolo_setting_section *section, const char *key) {
  for (const yolo_setting *row = section->rows; row->name; ++row) {
    if (strcmp(row->name, key) == 0) return row;
  }
  return NULL;
}

yolo_status yolo_settings_defaults(const yolo_setting_section *section, void *whole) {
  for (const yolo_setting *row = section->rows; row->name; ++row) {
    if (!row->fallback) continue;
    yolo_status st = yolo_setting_read(row, row->fallback, NULL, value_of(section, whole, row));
    if (st != YOLO_OK) return yolo_error_prefix(st, "the default of %s.%s: ", section->name, row->name);
  }
  return YOLO_OK;
}

static yolo_status fail_unknown(const yolo_setting_section *section, const char *key, const char *where) {
  const char *names[MOST_ROWS];
  int count = 0;
  for (const yolo_setting *row = section->rows; row->name && count < MOST_ROWS; ++row) names[count++] = row->name;
  const char *closest = yolo_closest(key, names, count);
  return yolo_fail(YOLO_EINVAL, "%s: [%s]: unknown key '%.60s'%s%s%s", where, section->name, key,
                   closest ? "; did you mean '" : "", closest ? closest : "", closest ? "'?" : "");
}

yolo_status yolo_settings_put(const yolo_setting_section *section, void *whole, const char *key, const char *value,
                              const char *where, const char *folder) {
  const yolo_setting *row = yolo_settings_find(section, key);
  if (!row) return fail_unknown(section, key, where);
  yolo_status st = yolo_setting_read(row, value, folder, value_of(section, whole, row));
  if (st == YOLO_OK || st == YOLO_ENOMEM) return st;
  return yolo_error_prefix(st, "%s: [%s]: %s=%.60s: ", where, section->name, key, value);
}

void yolo_settings_release(const yolo_setting_section *section, void *whole) {
  for (const yolo_setting *row = section->rows; row->name; ++row) yolo_setting_clear(row, value_of(section, whole, row));
}

/* ---- the file ---- */

static yolo_status print_range(const yolo_setting *row, yolo_text *out) {
  if (row->type == YOLO_SETTING_CHOICE) return yolo_text_format(out, " (%s)", row->choices);
  if (row->type == YOLO_SETTING_BOOL) return yolo_text_format(out, " (on|off)");
  if (row->min == 0 && row->max == 0) return YOLO_OK;
  return yolo_text_format(out, " (%.10g to %.10g)", row->min, row->max);
}

static yolo_status print_row(const yolo_setting *row, const void *section_struct, yolo_text *out) {
  yolo_status st = YOLO_OK;
  size_t begin = out->length;
  YOLO_TRY(yolo_text_format(out, "%s = ", row->name));
  YOLO_TRY(yolo_settings_show(row, section_struct, out));
  size_t width = out->length - begin;
  int pad = width < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - width) : 1;
  YOLO_TRY(yolo_text_format(out, "%*s# %s", pad, "", row->help));
  YOLO_TRY(print_range(row, out));
  YOLO_TRY(yolo_text_append(out, "\n", 1));
done:
  return st;
}

yolo_status yolo_settings_print(const yolo_setting_section *section, const void *whole, yolo_text *out) {
  const char *section_struct = (const char *)whole + section->offset;
  yolo_status st =
      yolo_text_format(out, "[%s]%*s# %s\n", section->name, COMMENT_COLUMN - 2 - (int)strlen(section->name), "", section->help);
  for (const yolo_setting *row = section->rows; row->name && st == YOLO_OK; ++row) st = print_row(row, section_struct, out);
  return st;
}

/* ---- paths ---- */

static yolo_status make_absolute(char **path) {
  char *absolute = NULL;
  if (!*path || **path == '/') return YOLO_OK;
  yolo_status st = yolo_path_absolute(*path, &absolute);
  if (st != YOLO_OK) return st;
  yolo_free(*path);
  *path = absolute;
  return YOLO_OK;
}

yolo_status yolo_settings_make_absolute(const yolo_setting_section *section, void *whole) {
  yolo_status st = YOLO_OK;
  for (const yolo_setting *row = section->rows; row->name && st == YOLO_OK; ++row) {
    if (row->type == YOLO_SETTING_PATH) st = make_absolute(value_of(section, whole, row));
    if (row->type != YOLO_SETTING_PATHS) continue;
    const yolo_setting_list *list = value_of(section, whole, row);
    for (int i = 0; i < list->count && st == YOLO_OK; ++i) st = make_absolute(&list->items[i]);
  }
  return st;
}
