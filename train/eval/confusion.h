/* Which classes are taken for which: a matrix with "background" as one class more.
 *
 * Of each image, detections from a confidence on and truths of any class are paired one to one, the largest overlap first
 * (equal: the right class first). A pair counts at [class of the truth][class of the detection]; a truth without a partner
 * was taken for background, a detection without one is background taken for something. A detection that is left over and lies
 * on a crowd is not counted; crowds are not missed. Overlaps are those of boxes. */
#ifndef YOLO_TRAIN_EVAL_CONFUSION_H
#define YOLO_TRAIN_EVAL_CONFUSION_H

#include "train/eval/coco_eval.h"

/* Zero-initialise; yolo_eval_confusion_free. */
typedef struct yolo_eval_confusion {
  int n; /* classes + 1; the last row and column are background */
  double iou, confidence;
  size_t *counts; /* [truth][detection], owned */
} yolo_eval_confusion;

yolo_status yolo_eval_confusion_make(const yolo_eval_set *set, double iou, double confidence, yolo_eval_confusion *out);
void yolo_eval_confusion_free(yolo_eval_confusion *confusion);

/* Two classes that were mixed up; the most frequent first. Returns how many, at most `most`. */
typedef struct yolo_eval_mix_up {
  int truth, detection;
  size_t count;
} yolo_eval_mix_up;
int yolo_eval_confusion_worst(const yolo_eval_confusion *confusion, yolo_eval_mix_up *out, int most);

#endif
