/* The page of a scoring run: what was scored and how, the scores, curves, classes, sizes, and images with truth and detections
 * side by side.
 *
 * A section is a function that appends to a page, so that other pages (a training run's) can hold some of them between their
 * own. Numbers have the digits of the program's text output; "-" stands for what is undefined. */
#ifndef YOLO_TRAIN_REPORT_EVAL_PAGE_H
#define YOLO_TRAIN_REPORT_EVAL_PAGE_H

#include "train/eval/eval_report.h"
#include "train/report/html.h"

/* Everything is borrowed. */
typedef struct yolo_eval_page {
  const yolo_eval_report *report;
  const char *title;
  const yolo_html_fact *facts; /* what was scored, and the protocol */
  int n_facts;
  double load_ms, network_ms, post_ms; /* an image */
  size_t images_run;                   /* 0: no model was run, and there are no times */
  int pictures;                        /* so many of the worst and so many of the best images, which are read again */
} yolo_eval_page;
enum { YOLO_EVAL_PAGE_PICTURES = 6 };

/* All of it, from <!DOCTYPE> to </html>. */
yolo_status yolo_eval_page_write(const yolo_eval_page *page, yolo_text *to);
/* What stands below the facts: the sections that follow, in this order. Title and facts are not looked at. */
yolo_status yolo_eval_page_sections(const yolo_eval_page *page, yolo_text *to);

yolo_status yolo_eval_section_scores(const yolo_eval_page *page, yolo_text *to);  /* eval_scores.c */
yolo_status yolo_eval_section_pace(const yolo_eval_page *page, yolo_text *to);    /* eval_scores.c */
yolo_status yolo_eval_section_curves(const yolo_eval_page *page, yolo_text *to);  /* eval_curves.c */
yolo_status yolo_eval_section_classes(const yolo_eval_page *page, yolo_text *to); /* eval_classes.c */
yolo_status yolo_eval_section_mix_ups(const yolo_eval_page *page, yolo_text *to); /* eval_mix_ups.c: the confusion matrix */
yolo_status yolo_eval_section_sizes(const yolo_eval_page *page, yolo_text *to);   /* eval_sizes.c */
yolo_status yolo_eval_section_images(const yolo_eval_page *page, yolo_text *to);  /* eval_images.c */

#endif
