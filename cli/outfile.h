/* A text file written piece by piece that appears whole or not at all: yolo_output behind a buffer, and "-" for
 * standard output. */
#ifndef YOLO_CLI_OUTFILE_H
#define YOLO_CLI_OUTFILE_H

#include <stdbool.h>

#include "backbone/base/output.h"
#include "backbone/base/text.h"

/* Zero-initialise; outfile_close. Append to `text` and call outfile_flush now and then. */
typedef struct outfile {
  yolo_output *output;
  yolo_text text; /* what was not written yet */
  bool is_stdout;
} outfile;

bool outfile_is_stdout(const char *path); /* "-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1" */
yolo_status outfile_open(const char *path, outfile *out);
/* Hands the buffer on once it is large. */
yolo_status outfile_flush(outfile *file);
/* The rest, then into its place. */
yolo_status outfile_commit(outfile *file);
/* Without a commit: nothing is left behind. */
void outfile_close(outfile *file);

#endif
