/* Scores of semantic segmentation: one confusion matrix of pixels over the whole set, never a mean of images.
 *
 *   IoU_k = n_kk / (t_k + p_k - n_kk)     Dice_k = 2 n_kk / (t_k + p_k)     pixel accuracy = sum n_kk / sum n
 *   t_k, p_k: pixels that are, and that were said to be, class k                (Long et al. 2015, section 5)
 *
 * Pixels whose truth is the ignore index count nowhere, whatever was said there. Means are over classes that the truth or the
 * prediction has; a class that neither has is undefined and left out. */
#ifndef YOLO_TRAIN_EVAL_SEMANTIC_H
#define YOLO_TRAIN_EVAL_SEMANTIC_H

#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

enum { YOLO_SEMANTIC_VALUES = 256, YOLO_SEMANTIC_NO_IGNORE = -1 };

/* Zero-initialise; yolo_semantic_free. */
typedef struct yolo_semantic {
  uint64_t *counts; /* [truth][prediction], 256 x 256, owned */
  int ignore;       /* a value of the truth; YOLO_SEMANTIC_NO_IGNORE: none */
  uint64_t ignored; /* pixels */
} yolo_semantic;

yolo_status yolo_semantic_new(int ignore, yolo_semantic *out);
void yolo_semantic_add(yolo_semantic *semantic, const uint8_t *truth, const uint8_t *prediction, size_t pixels);
void yolo_semantic_free(yolo_semantic *semantic);

typedef struct yolo_semantic_scores {
  double iou[YOLO_SEMANTIC_VALUES], dice[YOLO_SEMANTIC_VALUES]; /* -1: neither has the class */
  double accuracy[YOLO_SEMANTIC_VALUES];                        /* n_kk / t_k; -1: the truth has no such pixel */
  uint64_t truth[YOLO_SEMANTIC_VALUES], prediction[YOLO_SEMANTIC_VALUES];
  double mean_iou, mean_dice, mean_accuracy, pixel_accuracy; /* -1: there is no pixel */
  uint64_t pixels;                                           /* that count */
  int n_classes;                                             /* that have a value */
} yolo_semantic_scores;
void yolo_semantic_score(const yolo_semantic *semantic, yolo_semantic_scores *out);

#endif
