/* What the anchor-based heads ([yolo], [region], [Gaussian_yolo]) share: reading their anchors from the cfg and
 * turning class scores into candidates. */
#ifndef YOLO_DETECT_ANCHORS_H
#define YOLO_DETECT_ANCHORS_H

#include <math.h>

#include "backbone/ops/activation.h" /* yolo_logistic() */
#include "detect/head.h"

typedef struct yolo_anchor_attrs {
  int n;           /* anchors of this head: those that `mask` selects */
  float scale_x_y; /* stretches the centre beyond its cell (YOLOv4) */
  bool new_coords; /* scaled YOLOv4 and YOLOv7: the layer before has already applied the logistic */
  bool softmax;    /* classes exclude each other (YOLOv2) */
  float anchors[]; /* n pairs (width, height) */
} yolo_anchor_attrs;

/* The build function of a head: an output node over the layer before. */
yolo_status yolo_head_build(yolo_cfg_build *build, const yolo_cfg_section *section, int *out);

/* Reads num, anchors, classes and (with `masked`) mask, checks them against each other and against a tensor
 * whose channels are n x (per_anchor + classes), and sets head->attrs and head->classes. */
yolo_status yolo_anchors_parse(const yolo_cfg_section *section, bool masked, int per_anchor, yolo_shape in, yolo_head *head);

/* nms_kind: "default" and "greedynms" are plain IoU, "diounms" is DIoU. */
yolo_status yolo_anchors_parse_nms(const yolo_cfg_section *section, yolo_nms *out);

/* The raw value whose logistic is just below `probability`: comparing with it saves the exp() of the thousands
 * of values that cannot matter. Slightly low on purpose; the exact comparison follows. */
static inline double yolo_logit_below(double probability) {
  double p = probability - 1e-6;
  return p <= 0 ? -INFINITY : p >= 1 ? INFINITY : log(p / (1 - p));
}

/* A row filter of an anchor head, whose rows hold per_anchor values (the objectness last) and the classes. The floor is
 * the largest float that is not above `floor`: no float lies between them, so both let the same values pass. */
void yolo_anchors_filter(const yolo_head *head, int per_anchor, double floor, yolo_row_filter *out);

/* How raw class scores become probabilities. */
typedef enum yolo_score_link { YOLO_SCORES_PLAIN, YOLO_SCORES_LOGISTIC, YOLO_SCORES_SOFTMAX } yolo_score_link;

/* Appends a candidate for every class with objectness x P(class) above how->confidence (or only the best of
 * them). `box` brings the corners. */
yolo_status yolo_candidates_add(yolo_boxes *out, yolo_box box, double objectness, const float *scores, int classes,
                                yolo_score_link link, const yolo_decode *how);

/* Corners from a centre and a size. */
static inline yolo_box yolo_box_centred(double x, double y, double w, double h) {
  yolo_box box = {(float)(x - w / 2), (float)(y - h / 2), (float)(x + w / 2), (float)(y + h / 2), 0, 0, 0, 0};
  return box;
}

#endif
