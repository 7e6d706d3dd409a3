/* The page of a classifier that was scored: top-1, top-5, the confusion matrix, and a table of the classes. */
#ifndef YOLO_TRAIN_REPORT_CLASSIFY_PAGE_H
#define YOLO_TRAIN_REPORT_CLASSIFY_PAGE_H

#include "train/eval/topk.h"
#include "train/report/html.h"

/* Everything is borrowed. */
typedef struct yolo_classify_page {
  const char *title;
  const yolo_html_fact *facts;
  int n_facts;
  const yolo_topk *topk;
  const char *const *names;            /* of the classes */
  size_t failed;                       /* images that could not be read: counted as wrong */
  double load_ms, network_ms, post_ms; /* an image */
  size_t images_run;                   /* 0: there are no times */
} yolo_classify_page;
/* What stands below the facts. */
yolo_status yolo_classify_page_sections(const yolo_classify_page *page, yolo_text *to);
yolo_status yolo_classify_page_write(const yolo_classify_page *page, yolo_text *to);

#endif
