/* Darknet's rule for heads with anchors of all scales: the common part of yolov3, yolov4 and gaussian.
 *
 * Who answers (Redmon & Farhadi, "YOLOv3", 2018, section 2.1): a truth belongs to the cell of its centre and to the anchor
 * whose shape overlaps it best among all that the section lists; if that is not one of the head's own, another head has it.
 * With iou_thresh below 1 every anchor whose shape overlaps it by more answers too (YOLOv4). Every head decides for itself.
 *
 * Objectness is wanted 1 where a prediction answers and 0 elsewhere, but not where its box overlaps a truth by more than
 * ignore_thresh; above truth_thresh an unasked prediction answers for the truth it overlaps. Classes are wanted where a
 * prediction answers, independently of each other, softened by label_smooth_eps.
 *
 * Darknet writes deltas, the negative gradients by the values, as if every logistic were followed by cross entropy. So
 * objectness and class parts here are the divergences (cross entropy less the entropy of the target) that have exactly those
 * derivatives; what the box part is stands with each loss. With new_coords the logistic comes before the head: half the squared
 * differences. */
#ifndef YOLO_TRAIN_DARKNET_LOSS_H
#define YOLO_TRAIN_DARKNET_LOSS_H

#include "train/grid_loss.h"

enum { YOLO_DARKNET_COORDS = 8 };

/* What a box costs, and the derivatives by its raw values in the order of the row. */
typedef struct yolo_darknet_box {
  double value[2]; /* box; uncertainty (gaussian) */
  double slope[YOLO_DARKNET_COORDS];
} yolo_darknet_box;

typedef struct yolo_darknet_keys {
  double ignore, truth, several; /* ignore_thresh, truth_thresh, iou_thresh */
  yolo_overlap_kind several_kind;
  double box, objectness, class_, uncertainty, all; /* iou_, obj_, cls_, uc_, delta_normalizer */
  double smooth;                                    /* label_smooth_eps */
  double most;                                      /* max_delta */
  bool by_overlap;                                  /* the box term is an overlap: rule; else the coordinates' differences */
  yolo_overlap_rule rule;
  bool sure;            /* ignore only where some class is above 0.25 (AlexeyAB) */
  bool soft;            /* objectness_smooth: what would be ignored is wanted at its overlap */
  bool focal;           /* focal_loss */
  bool mean;            /* truths that share a prediction: the mean of their box terms; else the last one's */
  float class_weight[]; /* from counters_per_class: largest count / count */
} yolo_darknet_keys;

typedef struct yolo_darknet {
  yolo_grid grid;
  yolo_loss_plan plan;
  void (*box)(const yolo_darknet_keys *keys, const yolo_grid_row *row, const yolo_truth *truth, double weight,
              yolo_darknet_box *out);
} yolo_darknet;

/* Room for the attributes, with ignore_thresh and truth_thresh read and everything else neutral. */
yolo_status yolo_darknet_make(const yolo_loss_head *heads, int n_heads, int spread, yolo_darknet **out);
/* The further keys of AlexeyAB's sections. */
yolo_status yolo_darknet_read_keys(const yolo_loss_head *head, yolo_darknet_keys *keys, int classes);
yolo_status yolo_darknet_run(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out);

/* The box term of coordinate differences, weighted by (2 - w h), which gives small boxes their due: divergence for x and y,
 * half the square for w and h. */
void yolo_darknet_box_differences(const yolo_darknet_keys *keys, const yolo_grid_row *row, const yolo_truth *truth,
                                  double weight, yolo_darknet_box *out);
/* weight x (1 - overlap), with the slopes that AlexeyAB gives it (see loss_yolov4.c). */
void yolo_darknet_box_overlap(const yolo_darknet_keys *keys, const yolo_grid_row *row, const yolo_truth *truth, double weight,
                              yolo_darknet_box *out);
/* Where a truth stands for a row: its centre in the row's cell, and the raw w and h that would give its size. */
yolo_centred yolo_darknet_target(const yolo_grid_row *row, const yolo_truth *truth);
double yolo_darknet_clip(const yolo_darknet_keys *keys, double slope);

#endif
