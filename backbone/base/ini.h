/* Files of sections: lines in, sections with their keys and values out, each with its line.
 *
 *   [section]          opens a section
 *   key = value        blanks around either are dropped
 *   # text, ; text     a comment, on a line of its own or behind a blank
 *
 * Darknet's model language and data.cfg are both such files. Nothing here knows what a section means; what differs between
 * the two is said by yolo_ini_rules. A line that cannot be read is an error with its number: a key that is silently dropped
 * is a network or a training run that silently differs. */
#ifndef YOLO_BASE_INI_H
#define YOLO_BASE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"

enum { YOLO_INI_MAX_BYTES = 1 << 20, YOLO_INI_MAX_SECTIONS = 4096, YOLO_INI_MAX_KEYS = 512 /* in one section */ };

typedef struct yolo_ini_entry {
  const char *key, *value; /* point into the file's own copy of the text */
  int line;
} yolo_ini_entry;

typedef struct yolo_ini_section {
  const char *name; /* "convolutional" */
  int line;
  int n_entries;
  yolo_ini_entry *entries;
  const char *file; /* for messages */
} yolo_ini_section;

typedef struct yolo_ini {
  char *file;           /* for messages */
  char *source;         /* the text as read */
  char *text;           /* cut into pieces */
  yolo_ini_entry *pool; /* the entries of all sections, one section after another */
  int n_sections;
  yolo_ini_section *sections;
} yolo_ini;

typedef struct yolo_ini_rules {
  const char *what;   /* for sentences: "cfg" */
  const char *begins; /* how one begins: "a cfg begins with [net]" */
  bool once;          /* a section and a key may stand once; else a key that is repeated with its value is dropped, and with
                         another value kept behind the first */
  bool empty_values;  /* "key =" has the value ""; else it is an error */
  bool quotes;        /* a value, or an item of a list, may stand in double quotes, and then hold a " #" (settings.h) */
  /* Judges a section that opens (and may give it another name); the ones before are in `ini`. NULL: every name is fine. */
  yolo_status (*open)(const yolo_ini *ini, yolo_ini_section *section);
} yolo_ini_rules;

/* Parses text; failures name file and line. *out: yolo_ini_free. */
yolo_status yolo_ini_parse(const char *text, size_t length, const char *file, const yolo_ini_rules *rules, yolo_ini **out);
yolo_status yolo_ini_load(const char *path, const yolo_ini_rules *rules, yolo_ini **out);
void yolo_ini_free(yolo_ini *ini);

/* The first entry with this key; NULL: none. */
const yolo_ini_entry *yolo_ini_find(const yolo_ini_section *section, const char *key);
/* The section with this name; NULL: none. */
const yolo_ini_section *yolo_ini_section_named(const yolo_ini *ini, const char *name);

#endif
