/* The page of a training: what was trained and how, curves over its epochs, and the sections of an evaluation for the best
 * model.
 *
 * It holds nothing that differs between equal runs: no date, no duration, no path. */
#ifndef YOLO_TRAIN_REPORT_TRAIN_PAGE_H
#define YOLO_TRAIN_REPORT_TRAIN_PAGE_H

#include "train/report/html.h"

/* Everything is borrowed. */
typedef struct yolo_train_page {
  const char *title;
  const yolo_html_fact *facts; /* what was trained, on what, how */
  int n_facts;
  const char *csv;    /* results.csv */
  int best_epoch;     /* of the best model, from 1; 0: nothing was validated */
  const char *judged; /* sections that show that model's validation, as HTML; NULL: there are none */
} yolo_train_page;
yolo_status yolo_train_page_write(const yolo_train_page *page, yolo_text *to);

/* Curves from the text of a results.csv; columns that are empty or zero throughout are left out (train_curves.c). */
yolo_status yolo_train_section_curves(const char *csv, int best_epoch, yolo_text *to);

#endif
