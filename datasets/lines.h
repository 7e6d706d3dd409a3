/* A text file line by line: label files, lists of images, lists of names.
 *
 * Lines end with LF or CRLF; a byte order mark is skipped; blanks at both ends are cut off and empty lines passed over. A file
 * with a NUL byte is no text and is refused. */
#ifndef YOLO_DATASETS_LINES_H
#define YOLO_DATASETS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"
#include "datasets/folder.h"

/* Zero-initialise; yolo_lines_close. */
typedef struct yolo_lines {
  char *bytes; /* owned; cut into lines in place */
  char *next;
  uint64_t number; /* of the line that yolo_lines_next gave last, from 1 */
} yolo_lines;

/* Refuses more than `limit` bytes. */
yolo_status yolo_lines_open(const char *path, size_t limit, yolo_lines *out);
/* The next line that is not empty, or NULL at the end. It lives until the close and may be written to. */
char *yolo_lines_next(yolo_lines *lines);
void yolo_lines_close(yolo_lines *lines);

/* Cuts the next word off *rest (blanks and tabs separate); NULL when there is none. */
char *yolo_next_word(char **rest);

/* All lines of a file, e.g. names of classes. */
yolo_status yolo_read_lines(const char *path, size_t limit, yolo_file_list *out);

#endif
