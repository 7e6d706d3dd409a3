/* The status codes every function of the library returns.
 *
 * 0 is success, everything negative is a failure whose sentence yolo_error_message() holds (for the
 * calling thread, until its next failing call). The codes only separate what a caller would act on.
 * This file is C99 and C++17 and is installed beside yolo.h. */
#ifndef YOLO_STATUS_H
#define YOLO_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(YOLO_STATIC) || defined(_WIN32)
#define YOLO_API
#else
#define YOLO_API __attribute__((visibility("default")))
#endif

typedef enum yolo_status {
  YOLO_OK = 0,
  YOLO_EINVAL = -1,       /* an argument, a key or an option is wrong */
  YOLO_ENOMEM = -2,       /* memory could not be had, or a cap was hit */
  YOLO_EIO = -3,          /* a file could not be opened, read or written */
  YOLO_EFORMAT = -4,      /* the bytes of a file are not what they should be */
  YOLO_ESHAPE = -5,       /* shapes do not fit together */
  YOLO_EUNSUPPORTED = -6, /* understood, but not built or not available here */
  YOLO_EDEVICE = -7,      /* a device is missing or failed */
  YOLO_ECANCELLED = -8    /* the caller asked to stop */
} yolo_status;

/* The sentence of the last failure in this thread; "" when there was none. Never NULL. The text lives
 * until the next failing call in the same thread. */
YOLO_API const char *yolo_error_message(void);

#ifdef __cplusplus
}
#endif
#endif
