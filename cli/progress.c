/* The progress bar: see progress.h. */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli.h"

enum { PROGRESS_MIN_ITEMS = 8, PROGRESS_EVERY_MS = 100, PROGRESS_MAX_BAR = 40, PROGRESS_TEXT = 48 };

void progress_start(progress *bar, int total, bool wanted) {
  const char *terminal = getenv("TERM");
  bool can = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
  *bar = (progress){.on = wanted && can && total >= PROGRESS_MIN_ITEMS, .total = total};
}

static int bar_width(void) {
  struct winsize size;
  int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  int width = columns - PROGRESS_TEXT;
  return width > PROGRESS_MAX_BAR ? PROGRESS_MAX_BAR : width < 0 ? 0 : width;
}

void progress_show(progress *bar, int done) {
  double now = yolo_now_ms();
  if (!bar->on || now - bar->last_ms < PROGRESS_EVERY_MS) return;
  if (bar->last_ms == 0) { /* the clock starts behind what the first call reports: a training's first step is done by then */
    bar->first = done;
    bar->first_ms = bar->last_ms = now;
    return;
  }
  if (done == bar->first) return;
  double rate = (done - bar->first) / ((now - bar->first_ms) * 1e-3 + 1e-9);
  int left = rate > 0 ? (int)((bar->total - done) / rate + 0.5) : 0;
  int width = bar_width(), filled = (int)((double)width * done / bar->total);
  fflush(stdout);
  fputs("\r[", stderr);
  for (int i = 0; i < width; ++i) fputc(i < filled ? '#' : '.', stderr);
  fprintf(stderr, "] %d/%d  %.1f images/s  %d:%02d:%02d left\033[K", done, bar->total, rate, left / 3600, left / 60 % 60,
          left % 60);
  fflush(stderr);
  cli_bar_shown();
  bar->last_ms = now;
}
