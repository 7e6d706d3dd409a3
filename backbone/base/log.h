/* The log sink: the library never prints; what it has to say short of failing goes to a callback. */
#ifndef YOLO_BASE_LOG_H
#define YOLO_BASE_LOG_H

#include "backbone/base/status.h"

typedef void (*yolo_log_sink)(void *payload, const char *sentence);

typedef struct yolo_log {
  yolo_log_sink sink; /* NULL: silence */
  void *payload;
} yolo_log;

void yolo_log_note(const yolo_log *log, const char *format, ...) YOLO_PRINTF(2, 3);

#endif
