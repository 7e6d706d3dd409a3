/* Text helpers: a growing string, strict locale-independent number parsing, 'did you mean'. */
#ifndef YOLO_BASE_TEXT_H
#define YOLO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"

/* A growing string. Zero-initialise; free with yolo_text_free. `data` is always terminated once non-NULL. */
typedef struct yolo_text {
  char *data;
  size_t length, capacity;
} yolo_text;
yolo_status yolo_text_append(yolo_text *text, const char *bytes, size_t length);
yolo_status yolo_text_format(yolo_text *text, const char *format, ...) YOLO_PRINTF(2, 3);
yolo_status yolo_text_json_string(yolo_text *text, const char *value); /* quoted and escaped; bad UTF-8 becomes U+FFFD */
/* The shortest decimal text that reads back as the same double; '.' is the point whatever the locale. Finite numbers only. */
yolo_status yolo_text_number(yolo_text *text, double value);
void yolo_text_free(yolo_text *text);

/* Bytes of the character that `text` begins with; 0 where they are no well-formed UTF-8. */
int yolo_utf8_length(const char *text);

/* The whole text must be one number (surrounding blanks allowed); '.' is the decimal point whatever the
 * locale; NaN, infinity and overflow are refused. Return false without touching *out. */
bool yolo_parse_int(const char *text, int *out);
bool yolo_parse_double(const char *text, double *out);

/* The candidate closest to `word` (edit distance at most a third of its length, at least 1), or NULL. */
const char *yolo_closest(const char *word, const char *const *candidates, int count);

/* Reads a whole file, terminated by a NUL that does not count. Refuses more than `limit` bytes.
 * *out is the caller's (yolo_free). */
yolo_status yolo_read_file(const char *path, size_t limit, char **out, size_t *length);

/* Writes bytes to PATH.tmp-PID, fsyncs and renames: PATH is either the old or the whole new file.
 * Special files (/dev/stdout, /dev/full, pipes) are written directly. */
yolo_status yolo_write_file(const char *path, const void *bytes, size_t length);

bool yolo_has_suffix(const char *text, const char *suffix); /* ASCII case-insensitive */
const char *yolo_basename(const char *path);                /* points into path */

#endif
