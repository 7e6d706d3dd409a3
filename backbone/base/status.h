/* Errors are values: a negative yolo_status and one thread-local sentence.
 *
 *   if (bad) return yolo_fail(YOLO_ESHAPE, "conv2d '%s': %d input channels, %d groups", ...);
 *   if ((st = inner()) != YOLO_OK) return yolo_error_prefix(st, "%s:%d: ", file, line);
 *
 * Function bodies have one shape: owned things start as NULL, failures go to one `done:` label. */
#ifndef YOLO_BASE_STATUS_H
#define YOLO_BASE_STATUS_H

#include "backbone/base/yolo_status.h"

#if defined(__GNUC__)
#define YOLO_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define YOLO_PRINTF(fmt, args)
#endif

/* Sets the sentence and returns `code`. Texts longer than 1023 bytes are cut at a UTF-8 boundary. */
yolo_status yolo_fail(yolo_status code, const char *format, ...) YOLO_PRINTF(2, 3);

/* Puts more context in front of the sentence that is already there; returns `code`. */
yolo_status yolo_error_prefix(yolo_status code, const char *format, ...) YOLO_PRINTF(2, 3);

void yolo_error_clear(void);

/* For bodies with a local `yolo_status st` and a `done:` label. */
#define YOLO_TRY(call)                          \
  do {                                          \
    if ((st = (call)) != YOLO_OK) goto done;    \
  } while (0)

#endif
