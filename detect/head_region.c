/* [region]: the head of YOLOv2.
 *
 * As [yolo], with three differences: anchors (pw, ph) are in grid cells, classes exclude each other (softmax),
 * and every anchor belongs to the one map.
 *   x = (i + g(tx)) / W    w = pw exp(tw) / W    P(class k) = g(to) softmax(c)_k
 * softmax=0 gives independent logistic scores (the original Darknet's reading).
 *
 * Redmon & Farhadi, "YOLO9000: Better, Faster, Stronger", CVPR 2017, section 2. Candidates come in the order
 * row, column, anchor, class. */
#include "detect/anchors.h"

static const yolo_cfg_key keys[] = {
    YOLO_CFG_KEY("anchors", FLOATS), YOLO_CFG_KEY("classes", INT), YOLO_CFG_KEY("num", INT), YOLO_CFG_ONLY("coords", INT, "4"),
    YOLO_CFG_KEY("softmax", INT),
    /* Features this program does not have and that would change the result. */
    YOLO_CFG_ONLY("background", INT, "0"), YOLO_CFG_ONLY("tree", TEXT, ""), YOLO_CFG_ONLY("softmax_tree", TEXT, ""),
    YOLO_CFG_TRAIN("map", TEXT), YOLO_CFG_TRAIN("log", INT), YOLO_CFG_TRAIN("sqrt", INT), YOLO_CFG_TRAIN("bias_match", INT),
    YOLO_CFG_TRAIN("loss", TEXT), YOLO_CFG_TRAIN("jitter", FLOAT), YOLO_CFG_TRAIN("resize", FLOAT),
    YOLO_CFG_TRAIN("random", FLOAT), YOLO_CFG_TRAIN("max", INT), YOLO_CFG_TRAIN("rescore", INT),
    YOLO_CFG_TRAIN("thresh", FLOAT), YOLO_CFG_TRAIN("classfix", INT), YOLO_CFG_TRAIN("absolute", INT),
    YOLO_CFG_TRAIN("focal_loss", INT), YOLO_CFG_TRAIN("small_object", INT), YOLO_CFG_TRAIN("object_scale", FLOAT),
    YOLO_CFG_TRAIN("noobject_scale", FLOAT), YOLO_CFG_TRAIN("class_scale", FLOAT), YOLO_CFG_TRAIN("coord_scale", FLOAT),
    YOLO_CFG_TRAIN("mask_scale", FLOAT), YOLO_CFG_END};

enum { PER_ANCHOR = 5 }; /* tx ty tw th to */

static yolo_status parse(const yolo_cfg_section *section, yolo_shape in, yolo_head *head) {
  int softmax = 0;
  yolo_status st = yolo_anchors_parse(section, false, PER_ANCHOR, in, head);
  if (st == YOLO_OK) st = yolo_cfg_int(section, "softmax", 0, 0, 1, &softmax);
  if (st != YOLO_OK) return st;
  yolo_anchor_attrs *attrs = head->attrs;
  attrs->softmax = softmax != 0;
  return YOLO_OK;
}

static void rows(const yolo_head *head, const yolo_decode *how, yolo_row_filter *out) {
  yolo_anchors_filter(head, PER_ANCHOR, yolo_logit_below(how->confidence), out);
}

static yolo_status decode_row(const yolo_head *head, const yolo_cell *cell, const float *t, const yolo_decode *how,
                              yolo_boxes *out) {
  const yolo_anchor_attrs *attrs = head->attrs;
  const yolo_score_link link = attrs->softmax ? YOLO_SCORES_SOFTMAX : YOLO_SCORES_LOGISTIC;
  const float *prior = &attrs->anchors[2 * cell->row];
  yolo_box box = yolo_box_centred((cell->x + yolo_logistic(t[0])) * cell->width, (cell->y + yolo_logistic(t[1])) * cell->height,
                                  exp(t[2]) * prior[0] * cell->width, exp(t[3]) * prior[1] * cell->height);
  return yolo_candidates_add(out, box, yolo_logistic(t[4]), t + PER_ANCHOR, head->classes, link, how);
}

const yolo_head_def yolo_head_region = {.section = {"region", {NULL, NULL, NULL}, keys, yolo_head_build},
                                        .parse = parse,
                                        .decode = yolo_head_decode_map,
                                        .rows = rows,
                                        .decode_row = decode_row};
