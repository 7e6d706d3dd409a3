/* [Gaussian_yolo]: YOLOv3 that also says how sure it is of every coordinate.
 *
 * Per anchor: tx sx ty sy tw sw th sh to c1..cK; each s becomes a standard deviation in 0..1 by the logistic g:
 *   box as in [yolo];   P(class k) = g(to) g(ck) (1 - (g(sx) + g(sy) + g(sw) + g(sh)) / 4)
 *
 * Choi et al., "Gaussian YOLOv3: An Accurate and Fast Object Detector Using Localization Uncertainty for
 * Autonomous Driving", ICCV 2019, sections 3.1 and 3.3. Candidates come in the order row, column, anchor, class. */
#include "detect/anchors.h"

static const yolo_cfg_key keys[] = {YOLO_CFG_KEY("mask", INTS),
                                    YOLO_CFG_KEY("anchors", FLOATS),
                                    YOLO_CFG_KEY("classes", INT),
                                    YOLO_CFG_KEY("num", INT),
                                    YOLO_CFG_KEY("scale_x_y", FLOAT),
                                    YOLO_CFG_KEY("nms_kind", TEXT),
                                    YOLO_CFG_ONLY("yolo_point", TEXT, "center"),
                                    YOLO_CFG_TRAIN("map", TEXT),
                                    YOLO_CFG_TRAIN("beta_nms", FLOAT),
                                    YOLO_CFG_TRAIN("loss", TEXT),
                                    YOLO_CFG_TRAIN("jitter", FLOAT),
                                    YOLO_CFG_TRAIN("resize", FLOAT),
                                    YOLO_CFG_TRAIN("random", FLOAT),
                                    YOLO_CFG_TRAIN("max", INT),
                                    YOLO_CFG_TRAIN("ignore_thresh", FLOAT),
                                    YOLO_CFG_TRAIN("truth_thresh", FLOAT),
                                    YOLO_CFG_TRAIN("iou_thresh", FLOAT),
                                    YOLO_CFG_TRAIN("iou_thresh_kind", TEXT),
                                    YOLO_CFG_TRAIN("iou_loss", TEXT),
                                    YOLO_CFG_TRAIN("iou_normalizer", FLOAT),
                                    YOLO_CFG_TRAIN("uc_normalizer", FLOAT),
                                    YOLO_CFG_TRAIN("cls_normalizer", FLOAT),
                                    YOLO_CFG_TRAIN("obj_normalizer", FLOAT),
                                    YOLO_CFG_TRAIN("delta_normalizer", FLOAT),
                                    YOLO_CFG_TRAIN("max_delta", FLOAT),
                                    YOLO_CFG_TRAIN("objectness_smooth", FLOAT),
                                    YOLO_CFG_TRAIN("label_smooth_eps", FLOAT),
                                    YOLO_CFG_TRAIN("focal_loss", INT),
                                    YOLO_CFG_TRAIN("counters_per_class", FLOATS),
                                    YOLO_CFG_TRAIN("show_details", INT),
                                    YOLO_CFG_END};

enum { PER_ANCHOR = 9 }; /* tx sx ty sy tw sw th sh to */

static yolo_status parse(const yolo_cfg_section *section, yolo_shape in, yolo_head *head) {
  yolo_status st = YOLO_OK;
  double scale = 1;
  YOLO_TRY(yolo_anchors_parse(section, true, PER_ANCHOR, in, head));
  YOLO_TRY(yolo_anchors_parse_nms(section, &head->nms));
  YOLO_TRY(yolo_cfg_float(section, "scale_x_y", 1, &scale));
  yolo_anchor_attrs *attrs = head->attrs;
  attrs->scale_x_y = (float)scale;
done:
  return st;
}

static double certainty(const float *t) {
  return 1 - (yolo_logistic(t[1]) + yolo_logistic(t[3]) + yolo_logistic(t[5]) + yolo_logistic(t[7])) / 4;
}

static yolo_box decode_box(double scale, const float *t, const float *prior, const yolo_cell *cell) {
  double shift = (scale - 1) / 2;
  return yolo_box_centred((cell->x + scale * yolo_logistic(t[0]) - shift) * cell->width,
                          (cell->y + scale * yolo_logistic(t[2]) - shift) * cell->height, exp(t[4]) * prior[0],
                          exp(t[6]) * prior[1]);
}

static void rows(const yolo_head *head, const yolo_decode *how, yolo_row_filter *out) {
  yolo_anchors_filter(head, PER_ANCHOR, yolo_logit_below(how->confidence), out);
}

static yolo_status decode_row(const yolo_head *head, const yolo_cell *cell, const float *t, const yolo_decode *how,
                              yolo_boxes *out) {
  const yolo_anchor_attrs *attrs = head->attrs;
  yolo_box box = decode_box(attrs->scale_x_y, t, &attrs->anchors[2 * cell->row], cell);
  return yolo_candidates_add(out, box, yolo_logistic(t[8]) * certainty(t), t + PER_ANCHOR, head->classes, YOLO_SCORES_LOGISTIC,
                             how);
}

const yolo_head_def yolo_head_gaussian = {.section = {"Gaussian_yolo", {"gaussian_yolo", NULL, NULL}, keys, yolo_head_build},
                                          .parse = parse,
                                          .decode = yolo_head_decode_map,
                                          .rows = rows,
                                          .decode_row = decode_row};
