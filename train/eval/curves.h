/* Precision, recall and F1 = 2PR / (P + R) against the confidence from which detections are kept.
 *
 * Right and wrong are COCO's, at one IoU threshold, all areas, the largest limit; what COCO ignores counts neither way. "All"
 * pools the detections of all classes: each counts the same. */
#ifndef YOLO_TRAIN_EVAL_CURVES_H
#define YOLO_TRAIN_EVAL_CURVES_H

#include "train/eval/coco_eval.h"

enum { YOLO_EVAL_CURVE_POINTS = 201 };

/* Where the F1 is highest: keep detections from `confidence` on. */
typedef struct yolo_eval_best {
  double f1, confidence, precision, recall;
  size_t right, wrong;
} yolo_eval_best;

typedef struct yolo_eval_curve {
  size_t truths;                            /* 0: there is no recall, and everything is -1 */
  double precision[YOLO_EVAL_CURVE_POINTS]; /* -1: nothing is kept */
  double recall[YOLO_EVAL_CURVE_POINTS];
  double f1[YOLO_EVAL_CURVE_POINTS];
  yolo_eval_best best; /* exact: all scores are tried, not the points alone */
} yolo_eval_curve;

/* Zero-initialise; yolo_eval_curves_free. */
typedef struct yolo_eval_curves {
  double iou;
  double low, high; /* confidence of the first and the last point: 0 and 1, or what the scores span */
  int n_classes;
  yolo_eval_curve *classes; /* owned */
  yolo_eval_curve all;
} yolo_eval_curves;

/* t: index of the IoU threshold. */
yolo_status yolo_eval_curves_make(const yolo_eval_matches *matches, int t, yolo_eval_curves *out);
void yolo_eval_curves_free(yolo_eval_curves *curves);
double yolo_eval_curve_confidence(const yolo_eval_curves *curves, int point);

#endif
