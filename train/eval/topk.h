/* Top-1 and top-5 accuracy of a classifier. Of equal scores the class with the smaller index stands first, so that a network
 * that says the same of all classes is right for class 0 only. */
#ifndef YOLO_TRAIN_EVAL_TOPK_H
#define YOLO_TRAIN_EVAL_TOPK_H

#include <stddef.h>

#include "backbone/base/status.h"

typedef struct yolo_topk_class {
  size_t images, top1, top5;
} yolo_topk_class;

/* Zero-initialise; yolo_topk_free. */
typedef struct yolo_topk {
  int n_classes;
  yolo_topk_class all;
  yolo_topk_class *classes; /* owned, by true class */
  size_t *confusion;        /* [true class][first guess], owned; NULL: more than YOLO_TOPK_MATRIX classes */
} yolo_topk;
enum { YOLO_TOPK_MATRIX = 2048 };

yolo_status yolo_topk_new(int n_classes, yolo_topk *out);
/* The place of `label` among the scores, from 0: 0 is right at the first guess. */
int yolo_topk_add(yolo_topk *topk, const float *scores, int label);
void yolo_topk_free(yolo_topk *topk);

#endif
