/* A progress bar with rate and time left, on standard error and only where that is a terminal. */
#ifndef YOLO_CLI_PROGRESS_H
#define YOLO_CLI_PROGRESS_H

#include <stdbool.h>

typedef struct progress {
  bool on;
  int total, first; /* what was done at first_ms */
  double first_ms, last_ms;
} progress;

/* `wanted` false, few items, or no terminal: everything below does nothing. */
void progress_start(progress *bar, int total, bool wanted);
void progress_show(progress *bar, int done);

#endif
