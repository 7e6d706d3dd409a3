/* Pieces that several pages have: a table that is made cell by cell, and times per image. */
#ifndef YOLO_TRAIN_REPORT_PAGE_PIECES_H
#define YOLO_TRAIN_REPORT_PAGE_PIECES_H

#include "train/report/html.h"

/* Set columns, the rest to zero; page_table_free. */
typedef struct page_table {
  int columns;
  yolo_text words; /* of all cells, each with its NUL */
  size_t *starts;  /* of cells in `words`, owned */
  size_t n, room;
} page_table;

yolo_status page_cell(page_table *table, const char *format, ...) YOLO_PRINTF(2, 3);
yolo_status page_cells(page_table *table, const char *const *texts, int n);
/* With so many decimals; "-" below 0. */
yolo_status page_number(page_table *table, int decimals, double value);
/* Full rows only; bars as in yolo_html_table_bars, or NULL. */
yolo_status page_table_put(const page_table *table, int bar_column, const double *bars, yolo_text *to);
void page_table_free(page_table *table);

/* Means over so many images; nothing where there are none. */
yolo_status page_pace(double load_ms, double network_ms, double post_ms, size_t images, yolo_text *to);

#endif
