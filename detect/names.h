/* Class names: from a file, or made up from numbers. */
#ifndef YOLO_DETECT_NAMES_H
#define YOLO_DETECT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"

/* A list of names; zero-initialise; owned. */
typedef struct yolo_names {
  char **items;
  int count;
} yolo_names;

yolo_status yolo_names_add(yolo_names *names, const char *text, size_t length);
void yolo_names_free(yolo_names *names);

/* One name a line. Blank lines at the end do not count; one in the middle is an error, since it would shift
 * every class after it. CRLF and a byte order mark are understood. */
yolo_status yolo_names_load(const char *path, yolo_names *out);

/* "class 0", "class 1", ... */
yolo_status yolo_names_number(int count, yolo_names *out);

#endif
