/* What the sections of an evaluation's page share. */
#ifndef YOLO_TRAIN_REPORT_EVAL_PARTS_H
#define YOLO_TRAIN_REPORT_EVAL_PARTS_H

#include "train/report/eval_page.h"

extern const char *const page_kind_names[2];    /* "boxes", "masks": by yolo_eval_overlap */
extern const char *const page_kind_headings[2]; /* "Boxes", "Masks" */

/* Of class k as it was scored: "all classes" where they were scored as one. */
const char *page_class_name(const yolo_eval_report *report, int k);
/* The limit of detections that AP is read at: 100 where it is one, else the third, else the last. An index. */
int page_limit(const yolo_eval_params *params);

/* ---- one image: what became of its truths and detections (eval_findings.c) ---- */

typedef enum page_fate {
  PAGE_FOUND,
  PAGE_MISSED,
  PAGE_NOT_SCORED, /* a crowd */
} page_fate;
typedef struct page_truth {
  const yolo_eval_truth *truth;
  page_fate fate;
} page_truth;

/* Why a detection is wrong. */
typedef enum page_reason {
  PAGE_TWICE,    /* its truth was found by a better one */
  PAGE_OTHER,    /* it lies on a truth of another class */
  PAGE_INEXACT,  /* it overlaps a truth of its class, too little */
  PAGE_NOTHING,  /* nothing is there */
  PAGE_NO_REASON /* it is not wrong */
} page_reason;
typedef struct page_detection {
  const yolo_eval_detection *detection;
  yolo_eval_verdict verdict; /* never BELOW: those are left out */
  page_reason reason;
  double overlap;               /* with `close` */
  const yolo_eval_truth *close; /* the truth that the reason speaks of; NULL: none */
} page_detection;

/* Zero-initialise; page_findings_free. */
typedef struct page_findings {
  page_truth *truths;         /* owned, in the file's order */
  page_detection *detections; /* owned, the best first */
  size_t n_truths, n_detections;
} page_findings;
yolo_status page_find(const yolo_eval_report *report, uint32_t image, page_findings *out);
void page_findings_free(page_findings *findings);
/* "2 right, 1 missed (dog), 1 false: cat 0.81, which is a dog" */
yolo_status page_tell(const yolo_eval_report *report, const page_findings *findings, yolo_text *to);

/* ---- and how they look (eval_pictures.c) ---- */

/* The picture made smaller or larger to stand side by side with another. yolo_image_release. */
yolo_status page_fit(const yolo_image *picture, yolo_image *out);
/* From pixels of the image to those of its fitted picture. */
typedef struct page_scale {
  double x, y;
} page_scale;
/* Both draw on such a picture. */
yolo_status page_draw_truths(const yolo_eval_report *report, const page_findings *findings, page_scale scale, yolo_image *on);
yolo_status page_draw_detections(const yolo_eval_report *report, const page_findings *findings, page_scale scale,
                                 yolo_image *on);

#endif
