/* Between grouping and matching (coco_group.c, coco_pairs.c, coco_match.c): detections and truths of one image and class, side
 * by side. */
#ifndef YOLO_TRAIN_EVAL_COCO_MATCH_H
#define YOLO_TRAIN_EVAL_COCO_MATCH_H

#include "train/eval/coco_eval.h"

/* A bit for each threshold. */
static inline uint32_t yolo_eval_every_iou(const yolo_eval_params *params) {
  return params->n_ious == 32 ? UINT32_MAX : ((uint32_t)1 << params->n_ious) - 1;
}

/* Indices into the set, ordered by class, image and place in the file; those of class k begin at first[k]. */
typedef struct yolo_eval_order {
  uint32_t *items; /* owned */
  size_t *first;   /* n_classes + 1, owned */
} yolo_eval_order;

/* Two stable counting sorts: by image, then by class. Entries with an image or a class out of range are left out. */
yolo_status yolo_eval_order_truths(const yolo_eval_set *set, bool class_agnostic, yolo_eval_order *out);
yolo_status yolo_eval_order_detections(const yolo_eval_set *set, bool class_agnostic, yolo_eval_order *out);
void yolo_eval_order_free(yolo_eval_order *order);

/* One image and class. Detections are the best of them by score, truths are in the order of the file. */
typedef struct yolo_eval_group {
  const yolo_eval_params *params;
  const yolo_eval_set *set;
  const uint32_t *detections, *truths; /* indices into the set */
  size_t n_detections, n_truths;
} yolo_eval_group;

/* Room for one group, reused. Zero-initialise; yolo_eval_scratch_free. */
typedef struct yolo_eval_scratch {
  double *iou;  /* [truth][detection] */
  double *best; /* [detection] */
  double (*dt_boxes)[4], (*gt_boxes)[4];
  yolo_rle *dt_masks, *gt_masks; /* borrowed runs */
  uint8_t *crowd;
  uint32_t *order, *taken;
  bool *ignore;
} yolo_eval_scratch;
/* n_pairs: the largest product of both in one group. */
yolo_status yolo_eval_scratch_make(size_t n_detections, size_t n_truths, size_t n_pairs, yolo_eval_scratch *out);
void yolo_eval_scratch_free(yolo_eval_scratch *scratch);

/* Sets hits and ignored ([n_detections][n_areas]), the partners, and how many truths count: positives ([n_areas]). */
typedef struct yolo_eval_group_out {
  uint32_t *hits, *ignored, *partners;
  size_t *positives;
} yolo_eval_group_out;
yolo_status yolo_eval_match_group(const yolo_eval_group *group, yolo_eval_scratch *scratch, const yolo_eval_group_out *out);

#endif
