/* All that a scoring run knows, in one struct: what the program prints, writes as JSON and draws as a page. */
#ifndef YOLO_TRAIN_EVAL_EVAL_REPORT_H
#define YOLO_TRAIN_EVAL_EVAL_REPORT_H

#include "train/eval/bootstrap.h"
#include "train/eval/coco_eval.h"
#include "train/eval/confusion.h"
#include "train/eval/curves.h"
#include "train/eval/results.h"
#include "train/eval/truth.h"
#include "train/eval/voc_eval.h"

typedef struct yolo_eval_report_options {
  bool boxes, masks;       /* which kinds are scored */
  yolo_eval_params params; /* overlap is set for each kind */
  int draws;               /* of the bootstrap; 0: none */
  uint64_t seed;
  double confidence; /* of the confusion matrix, sizes and images; below 0: where F1 is best (no truth: 0) */
} yolo_eval_report_options;

/* One kind of overlap. */
typedef struct yolo_eval_kind {
  bool scored;
  yolo_eval_matches matches;
  yolo_eval_result result;
  double numbers[YOLO_EVAL_NUMBERS];
  double (*class_numbers)[YOLO_EVAL_NUMBERS]; /* [n_classes], owned */
  yolo_eval_bootstrap bootstrap;              /* draws 0: there was none */
  yolo_voc_result voc;                        /* classes NULL: not asked for; the caller's to fill, freed with the report */
} yolo_eval_kind;

/* How an image fared, at curves.iou and the report's confidence. */
typedef struct yolo_eval_image_score {
  uint32_t image; /* index in truths */
  uint32_t right, wrong, missed;
  double f1; /* 1 where there is nothing to find and nothing was found */
} yolo_eval_image_score;

/* Truths by size: the square root of their area. */
enum { YOLO_EVAL_SIZE_BINS = 12 };
extern const double yolo_eval_size_edges[YOLO_EVAL_SIZE_BINS]; /* where each begins; the last has no end */
typedef struct yolo_eval_size_bin {
  size_t truths, found;
} yolo_eval_size_bin;

/* Zero-initialise; yolo_eval_report_free. truths and results are borrowed. */
typedef struct yolo_eval_report {
  const yolo_eval_truths *truths;
  const yolo_eval_results *results;
  yolo_eval_report_options options;
  yolo_eval_set set;
  int n_classes;           /* as scored: 1 when class_agnostic */
  yolo_eval_kind kinds[2]; /* by yolo_eval_overlap */
  int main_kind;           /* what follows is of: masks where they were scored */
  yolo_eval_curves curves; /* at 0.5, or the first threshold */
  double confidence;       /* of what follows */
  yolo_eval_confusion confusion;
  yolo_eval_image_score *images; /* [n_images], owned; the worst first, ties by id */
  yolo_eval_size_bin sizes[YOLO_EVAL_SIZE_BINS];
} yolo_eval_report;

/* Sets masks of truths and results where they are scored. */
yolo_status yolo_eval_report_make(yolo_eval_truths *truths, yolo_eval_results *results, const yolo_eval_report_options *options,
                                  yolo_eval_report *out);
void yolo_eval_report_free(yolo_eval_report *report);

/* Does match i of the report's main kind count at its confidence; is it right, wrong, or neither (ignored)? For pictures. */
typedef enum yolo_eval_verdict { YOLO_EVAL_RIGHT, YOLO_EVAL_WRONG, YOLO_EVAL_IGNORED, YOLO_EVAL_BELOW } yolo_eval_verdict;
yolo_eval_verdict yolo_eval_report_verdict(const yolo_eval_report *report, size_t i);

#endif
