/* Options of the command line: tables in, values out.
 *
 * A command describes its options in groups of rows; the same rows parse the command line and print the help
 * screen, so neither can forget the other. Accepted: --name=value, --name value, --flag, -x; options and words
 * in any order; `--` ends the options; a lone `-` is a word. */
#ifndef YOLO_CLI_ARGS_H
#define YOLO_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"

typedef enum args_kind {
  ARGS_FLAG,   /* bool: true */
  ARGS_TEXT,   /* const char *: points into argv */
  ARGS_TEXTS,  /* args_texts: may be given several times; each points into argv */
  ARGS_INT,    /* int, in [min, max] */
  ARGS_REAL,   /* double, in [min, max] */
  ARGS_CHOICE, /* int: 1 for the first of choices "a|b|c", 2 for the second ...; 0 stays "not given" */
  ARGS_SIZE    /* int[2]: "416" or "608x352" -> width, height, each in [min, max] */
} args_kind;

enum { ARGS_MOST_TEXTS = 64 };
typedef struct args_texts {
  const char *items[ARGS_MOST_TEXTS]; /* in their order */
  int count;
} args_texts;

typedef struct args_option {
  const char *name;
  char letter; /* -x, or 0 */
  args_kind kind;
  size_t offset; /* of the value in the group's struct */
  double min, max;
  const char *choices;
  const char *show; /* left column of the help, e.g. "--conf N"; NULL: another row's line speaks for it */
  const char *help; /* right column; a newline starts a second line; NULL: the build decides, see help.c */
} args_option;

typedef struct args_group {
  const char *title;          /* "": the group before goes on */
  const args_option *options; /* ends with name NULL */
  size_t offset;              /* of the group's struct in the command's struct */
} args_group;

typedef struct args_words {
  char **items; /* argv, with the words moved to the front in their order */
  int count;
  bool help; /* --help or -h was met: the rest was not looked at */
} args_words;

/* Defaults are what `to` holds before. The sentence of a failure names the option and what it wants. */
yolo_status args_parse(const args_group *groups, int argc, char **argv, void *to, args_words *words);

#endif
