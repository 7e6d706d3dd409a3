/* A file that is written whole or not at all.
 *
 * The bytes go to PATH.tmp-PID beside the target; commit() flushes them to the disk and renames. Until
 * then PATH is the old file; a close() without commit() leaves nothing behind. A symbolic link keeps
 * pointing at the file it names. Special files (/dev/stdout, /dev/full, pipes) are written directly. */
#ifndef YOLO_BASE_OUTPUT_H
#define YOLO_BASE_OUTPUT_H

#include <stddef.h>

#include "backbone/base/status.h"

typedef struct yolo_output yolo_output;
yolo_status yolo_output_open(const char *path, yolo_output **out);
yolo_status yolo_output_write(yolo_output *output, const void *bytes, size_t length);
yolo_status yolo_output_commit(yolo_output *output); /* close() is still due */
void yolo_output_close(yolo_output *output);         /* NULL is fine */

#endif
