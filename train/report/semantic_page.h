/* The page of label maps that were scored: mIoU and its relatives, a table of the classes, the confusion of pixels. */
#ifndef YOLO_TRAIN_REPORT_SEMANTIC_PAGE_H
#define YOLO_TRAIN_REPORT_SEMANTIC_PAGE_H

#include "train/eval/semantic.h"
#include "train/report/html.h"

/* Everything is borrowed. Classes have no names: they are called by their index. */
typedef struct yolo_semantic_page {
  const char *title;
  const yolo_html_fact *facts;
  int n_facts;
  const yolo_semantic *semantic;
  const yolo_semantic_scores *scores;
} yolo_semantic_page;
yolo_status yolo_semantic_page_write(const yolo_semantic_page *page, yolo_text *to);

#endif
