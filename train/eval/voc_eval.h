/* Average precision as Pascal VOC defined it (Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV 2010,
 * section 4.2, and the devkit's VOCevaldet.m).
 *
 * Unlike COCO's: one threshold of overlap; detections of a class are taken by score over all images, and each is tied to the
 * truth it overlaps most, so a second one on the same truth is wrong even where another truth would be free; objects marked
 * difficult (and crowds) count neither way. There is no limit of detections.
 *
 * The devkit's corners are pixels that belong to the box, hence its "+ 1". Boxes here are [x, x + width) with x = xmin - 1 and
 * width = xmax - xmin + 1, as the VOC reader gives them: the same overlap without a "+ 1".
 *
 * Of masks it is the same with the overlap of pixels: AP^r of Hariharan et al., "Simultaneous Detection and Segmentation",
 * ECCV 2014, section 5. */
#ifndef YOLO_TRAIN_EVAL_VOC_EVAL_H
#define YOLO_TRAIN_EVAL_VOC_EVAL_H

#include "train/eval/coco_eval.h"

typedef enum yolo_voc_rule {
  YOLO_VOC_2007, /* the mean of 11 precisions, at recalls 0, 0.1 ... 1, each the largest from there on */
  YOLO_VOC_2012  /* (since 2010) the area under the curve, made monotone from the right */
} yolo_voc_rule;

typedef struct yolo_voc_class {
  double ap;     /* -1: no truth counts */
  size_t truths; /* that count */
  size_t right, wrong;
} yolo_voc_class;

/* Zero-initialise; yolo_voc_result_free. */
typedef struct yolo_voc_result {
  yolo_voc_rule rule;
  double iou;
  int n_classes;
  yolo_voc_class *classes; /* owned */
  double mean_ap;          /* over classes with truths; -1: there are none */
} yolo_voc_result;

/* A detection is right from an overlap of `iou` on (the devkit's 0.5). For masks all truths and detections have one. */
typedef struct yolo_voc_options {
  yolo_voc_rule rule;
  yolo_eval_overlap overlap;
  double iou;
  int threads; /* 0: all */
} yolo_voc_options;
yolo_status yolo_voc_run(const yolo_eval_set *set, const yolo_voc_options *options, yolo_voc_result *out);
void yolo_voc_result_free(yolo_voc_result *result);

#endif
