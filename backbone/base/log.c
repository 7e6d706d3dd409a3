/* The log sink: one formatted sentence, handed to whoever listens. */
#include "backbone/base/log.h"

#include <stdarg.h>
#include <stdio.h>

void yolo_log_note(const yolo_log *log, const char *format, ...) {
  if (!log || !log->sink) return;
  char sentence[1024];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  if (length >= 0) log->sink(log->payload, sentence);
}
