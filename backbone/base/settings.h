/* Settings of a configuration file: tables in, values out.
 *
 * A module describes its settings as rows (name, type, where the value lies in its struct, default, range, one line of help).
 * The same rows set the defaults, parse "section.key=value" from a file or the command line, print the documented file and the
 * resolved one, so that none of them can forget the other.
 *
 * Texts, paths and items of lists may stand in double quotes, with a quote inside doubled: so they may hold commas, blanks at
 * their ends and a " #". */
#ifndef YOLO_BASE_SETTINGS_H
#define YOLO_BASE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"
#include "backbone/base/text.h"

typedef enum yolo_setting_type {
  YOLO_SETTING_BOOL,   /* bool: on/off, yes/no, true/false, 1/0 */
  YOLO_SETTING_INT,    /* int in [min, max] */
  YOLO_SETTING_REAL,   /* double in [min, max] */
  YOLO_SETTING_RANGE,  /* double[2], each in [min, max], the first not above the second: "0.5, 1.5"; one number: both */
  YOLO_SETTING_TEXT,   /* char *, owned; "" is NULL */
  YOLO_SETTING_PATH,   /* char *, owned; "" is NULL; a relative one is taken from the file's folder */
  YOLO_SETTING_CHOICE, /* int: 0 for the first of choices "a|b|c" ... */
  YOLO_SETTING_PATHS,  /* yolo_setting_list: comma-separated; relative ones are taken from the file's folder */
  YOLO_SETTING_LIST,   /* yolo_setting_list: comma-separated texts */
  YOLO_SETTING_SIZE    /* int[2]: "416" or "608x352" -> width, height, each in [min, max]; "": 0, 0 */
} yolo_setting_type;

typedef struct yolo_setting_list {
  char **items; /* owned */
  int count;
} yolo_setting_list;

typedef struct yolo_setting {
  const char *name;
  yolo_setting_type type;
  size_t offset;        /* of the value in the section's struct */
  const char *fallback; /* the default, as one would write it; NULL: zero */
  double min, max;      /* both 0: no limits */
  const char *choices;
  const char *help; /* one line */
} yolo_setting;

typedef struct yolo_setting_section {
  const char *name; /* "augment" */
  const char *help;
  const yolo_setting *rows; /* ends with name NULL */
  size_t offset;            /* of the section's struct in the whole */
} yolo_setting_section;

/* Sets every row of `section` in `whole` to its default (for a zeroed struct). */
yolo_status yolo_settings_defaults(const yolo_setting_section *section, void *whole);
/* Sets one value. `where` ("data.cfg:12" or "--set") begins the sentence of a failure; `folder` is what relative paths are
 * taken from (NULL: as they are). An unknown key fails with the closest one. */
yolo_status yolo_settings_put(const yolo_setting_section *section, void *whole, const char *key, const char *value,
                              const char *where, const char *folder);
/* NULL: the section has no such key. */
const yolo_setting *yolo_settings_find(const yolo_setting_section *section, const char *key);
/* Appends the value as one would write it; put() reads it back as the same. */
yolo_status yolo_settings_show(const yolo_setting *row, const void *section_struct, yolo_text *out);
/* Appends the section as a file holds it: "[name]", then every key with its value and, behind a '#', its help and range. */
yolo_status yolo_settings_print(const yolo_setting_section *section, const void *whole, yolo_text *out);
/* Makes relative paths absolute, so that the section may be written into another folder. */
yolo_status yolo_settings_make_absolute(const yolo_setting_section *section, void *whole);
void yolo_settings_release(const yolo_setting_section *section, void *whole); /* frees owned values */

/* ---- for the files of this module (setting_values.c reads, setting_texts.c holds what is owned) ---- */

/* Reads `text` into the value at `to`, which stays as it was when it fails: "a whole number from 1 to 9 is wanted". */
yolo_status yolo_setting_read(const yolo_setting *row, const char *text, const char *folder, void *to);
void yolo_setting_clear(const yolo_setting *row, void *value); /* frees what is owned, and zeroes */

#endif
