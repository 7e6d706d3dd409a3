/* From the words after `yolo detect` to a list of image files.
 *
 *   photo.jpg        one image, whatever its suffix
 *   photos/          every image below it (by suffix), hidden files and linked folders left out
 *   'photos/d*.jpg'  a pattern the shell did not expand
 *   list.txt         one path a line, relative to the current folder or to the list's own
 *   -                the same list on standard input
 *
 * Words keep their order; inside a folder or a pattern the order is natural (img2 before img10), so it is the
 * same on every machine. A file named twice is listed once. */
#ifndef YOLO_CLI_SOURCES_H
#define YOLO_CLI_SOURCES_H

#include "backbone/base/status.h"
#include "backbone/base/strmap.h"

typedef struct source_item {
  char *path;     /* as the user would write it */
  char *absolute; /* from /, without "." and ".."; for names of outputs */
  char *problem;  /* why it cannot be read, when that is known already; else NULL */
  char *stem;     /* targets.h: name of its outputs below the output folder, without suffix */
} source_item;

/* Zero-initialise; sources_free. */
typedef struct source_list {
  source_item *items;
  int count, capacity;
  int problems;     /* items with a problem */
  char *common;     /* the folder that holds every image's source folder (absolute) */
  const char *skip; /* a folder that walks leave out: our own output; may be NULL */
  yolo_strmap known;
} source_list;

/* Fails when nothing at all can be found. A missing file among others becomes an item with a problem. */
yolo_status sources_expand(char *const *words, int count, source_list *out);
void sources_free(source_list *list);

#endif
