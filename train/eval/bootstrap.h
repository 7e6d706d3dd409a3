/* How much AP would differ on another sample of images: the percentile bootstrap (Efron & Tibshirani, "An Introduction to the
 * Bootstrap", 1993, chapter 13). Images are drawn with replacement, as many as there are, and scored again.
 *
 * Such a draw holds only 63% of the images, some of them several times, and interpolated precision is a maximum: AP of draws
 * lies systematically above AP of the set. What is wanted is their spread, so the interval from the 2.5th to the 97.5th
 * percentile is moved until the mean of the draws stands on the score.
 *
 * Nothing is matched again: an image that is drawn w times counts w times, so matches are walked with weights. Draw b of seed
 * s is a pure function of (s, b): the same numbers for any number of threads. */
#ifndef YOLO_TRAIN_EVAL_BOOTSTRAP_H
#define YOLO_TRAIN_EVAL_BOOTSTRAP_H

#include "train/eval/coco_eval.h"

typedef struct yolo_eval_interval {
  double low, high; /* of 95%; -1: undefined */
} yolo_eval_interval;

typedef struct yolo_eval_bootstrap {
  int draws;
  uint64_t seed;
  yolo_eval_interval ap, ap50; /* ap50: at the first threshold that is 0.5, else undefined */
} yolo_eval_bootstrap;

/* Of areas[0], at limit 100 where there is one, else the last. draws: at most YOLO_EVAL_MOST_DRAWS. */
enum { YOLO_EVAL_MOST_DRAWS = 100000 };
yolo_status yolo_eval_bootstrap_run(const yolo_eval_matches *matches, int draws, uint64_t seed, yolo_eval_bootstrap *out);

/* AP and AP50 where image i counts weights[i] times; NULL: each once. */
yolo_status yolo_eval_weighted_ap(const yolo_eval_matches *matches, const uint32_t *weights, double *ap, double *ap50);

#endif
