/* Tables made cell by cell, and times: see page_pieces.h. */
#include "train/report/page_pieces.h"

#include <stdarg.h>
#include <stdio.h>

#include "backbone/base/memory.h"

static yolo_status add(page_table *t, const char *text, size_t length) {
  if (t->n == t->room) {
    const size_t room = t->room ? 2 * t->room : 64;
    size_t *larger = yolo_realloc(t->starts, room * sizeof *larger);
    if (!larger) return YOLO_ENOMEM;
    t->starts = larger;
    t->room = room;
  }
  const size_t start = t->words.length;
  yolo_status st = yolo_text_append(&t->words, text, length);
  if (st == YOLO_OK) st = yolo_text_append(&t->words, "", 1); /* its NUL */
  if (st == YOLO_OK) t->starts[t->n++] = start;
  return st;
}

yolo_status page_cell(page_table *t, const char *format, ...) {
  yolo_status st = YOLO_OK;
  char *line = NULL;
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  const int length = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (length < 0) {
    st = yolo_fail(YOLO_EINVAL, "'%s' cannot be formatted", format);
    goto done;
  }
  YOLO_ENOMEM_IF_NULL(line = yolo_alloc((size_t)length + 1));
  vsnprintf(line, (size_t)length + 1, format, again);
  st = add(t, line, (size_t)length);
done:
  va_end(again);
  yolo_free(line);
  return st;
}

yolo_status page_cells(page_table *t, const char *const *texts, int n) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < n && st == YOLO_OK; ++i) st = page_cell(t, "%s", texts[i]);
  return st;
}

yolo_status page_number(page_table *t, int decimals, double value) {
  return value < 0 ? page_cell(t, "-") : page_cell(t, "%.*f", decimals, value);
}

yolo_status page_table_put(const page_table *t, int bar_column, const double *bars, yolo_text *to) {
  const int rows = (int)(t->n / (size_t)t->columns);
  const char **cells = yolo_alloc_array(t->n, sizeof *cells);
  if (!cells) return YOLO_ENOMEM;
  for (size_t i = 0; i < t->n; ++i) cells[i] = t->words.data + t->starts[i];
  yolo_status st = yolo_html_table_bars(to, cells, rows, t->columns, bar_column, bars);
  yolo_free(cells);
  return st;
}

void page_table_free(page_table *t) {
  yolo_text_free(&t->words);
  yolo_free(t->starts);
  *t = (page_table){0};
}

yolo_status page_pace(double load_ms, double network_ms, double post_ms, size_t images, yolo_text *to) {
  const double times[] = {load_ms, network_ms, post_ms};
  static const char *const names[] = {"load", "network", "post"};
  static const char *const notes[] = {"read, decode, fit", "forward pass", "what follows"};
  yolo_status st = YOLO_OK;
  if (images == 0) return YOLO_OK;
  YOLO_TRY(yolo_html_heading(to, "Time per image"));
  YOLO_TRY(yolo_html_tiles(to, true));
  for (int i = 0; i < 3; ++i) {
    char text[32];
    snprintf(text, sizeof text, "%.1f ms", times[i]);
    YOLO_TRY(yolo_html_tile(to, names[i], text, notes[i]));
  }
  YOLO_TRY(yolo_html_tiles(to, false));
  st = yolo_html_note(to, "Means over %zu %s.", images, images == 1 ? "image" : "images");
done:
  return st;
}
