/* How good a model is on a split, through the path of `yolo detect`: each image as the data set has it, the model's own
 * resizing, decoding and suppression; then COCOeval, or top-1 and top-5 for a classifier. */
#ifndef YOLO_TRAIN_VALIDATE_H
#define YOLO_TRAIN_VALIDATE_H

#include "detect/model.h"
#include "detect/context_set.h"
#include "train/eval/eval_report.h"
#include "train/eval/topk.h"

/* What lies behind the numbers, for a page. Zero-initialise; yolo_validation_details_release. */
typedef struct yolo_validation_details {
  yolo_eval_results results;
  yolo_eval_report report; /* detectors; borrows the results above and the truths; no intervals */
  yolo_topk topk;          /* classifiers */
} yolo_validation_details;
void yolo_validation_details_release(yolo_validation_details *details);

typedef struct yolo_validation_options {
  float confidence, iou;                                  /* 0: 0.001 and 0.45, as `yolo eval` */
  int threads;                                            /* that decode; 0: every core it may use */
  bool (*stop)(void *payload, size_t done, size_t total); /* NULL: nobody asks; true: give up (YOLO_ECANCELLED) */
  void *payload;
  const yolo_context_set *contexts; /* of the model; NULL: some are opened for this validation alone */
  yolo_validation_details *details; /* NULL: not wanted; stays where it is while its report is read */
} yolo_validation_options;

typedef struct yolo_validation {
  bool classifier;
  size_t images;
  double score;                      /* what models are compared by: AP (mAP50-95), or top-1 */
  double numbers[YOLO_EVAL_NUMBERS]; /* detectors; -1: undefined */
  double top1, top5;                 /* classifiers */
  double network_ms;                 /* an image */
} yolo_validation;

/* `truths` are those of `dataset`; classes of model and data set are the same, in the same order. */
yolo_status yolo_validate(const yolo_model *model, const yolo_dataset *dataset, yolo_eval_truths *truths,
                          const yolo_validation_options *options, yolo_validation *out);

#endif
