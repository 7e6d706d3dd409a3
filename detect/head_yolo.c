/* [yolo]: the head of YOLOv3, YOLOv4, scaled YOLOv4 and YOLOv7.
 *
 * A cell (i, j) of the W x H grid carries, for every anchor (pw, ph), the values tx ty tw th to c1..cK:
 *   x = (i + s g(tx) - (s-1)/2) / W     y likewise      s = scale_x_y, g the logistic function
 *   w = pw exp(tw)                      h = ph exp(th)
 *   P(class k in this box) = g(to) g(ck)
 * With new_coords=1 the layer before has applied the logistic already, and w = pw (2 tw)^2.
 * Anchors are in pixels of the network's input.
 *
 * Redmon & Farhadi, "YOLOv3: An Incremental Improvement", 2018, section 2; scale_x_y: Bochkovskiy et al.,
 * "YOLOv4", 2020, section 3.4 ("eliminate grid sensitivity"); new_coords: Wang et al., "Scaled-YOLOv4", 2021.
 *
 * Candidates come in the order row, column, anchor, class. */
#include "detect/anchors.h"

static const yolo_cfg_key keys[] = {
    YOLO_CFG_KEY("mask", INTS), YOLO_CFG_KEY("anchors", FLOATS), YOLO_CFG_KEY("classes", INT), YOLO_CFG_KEY("num", INT),
    YOLO_CFG_KEY("scale_x_y", FLOAT), YOLO_CFG_KEY("new_coords", INT), YOLO_CFG_KEY("nms_kind", TEXT),
    /* Features this program does not have and that would change the result. */
    YOLO_CFG_ONLY("embedding_layer", INT, ""), YOLO_CFG_TRAIN("map", TEXT), YOLO_CFG_ONLY("yolo_point", TEXT, "center"),
    /* beta_nms bends Darknet's own variant of DIoU suppression; here DIoU is the paper's, without exponent. */
    YOLO_CFG_TRAIN("beta_nms", FLOAT), YOLO_CFG_TRAIN("loss", TEXT), YOLO_CFG_TRAIN("jitter", FLOAT),
    YOLO_CFG_TRAIN("resize", FLOAT), YOLO_CFG_TRAIN("random", FLOAT), YOLO_CFG_TRAIN("max", INT),
    YOLO_CFG_TRAIN("ignore_thresh", FLOAT), YOLO_CFG_TRAIN("truth_thresh", FLOAT), YOLO_CFG_TRAIN("iou_thresh", FLOAT),
    YOLO_CFG_TRAIN("iou_thresh_kind", TEXT), YOLO_CFG_TRAIN("iou_loss", TEXT), YOLO_CFG_TRAIN("iou_normalizer", FLOAT),
    YOLO_CFG_TRAIN("cls_normalizer", FLOAT), YOLO_CFG_TRAIN("obj_normalizer", FLOAT), YOLO_CFG_TRAIN("delta_normalizer", FLOAT),
    YOLO_CFG_TRAIN("max_delta", FLOAT), YOLO_CFG_TRAIN("objectness_smooth", FLOAT), YOLO_CFG_TRAIN("label_smooth_eps", FLOAT),
    YOLO_CFG_TRAIN("focal_loss", INT), YOLO_CFG_TRAIN("counters_per_class", FLOATS), YOLO_CFG_TRAIN("show_details", INT),
    YOLO_CFG_TRAIN("track", INT), YOLO_CFG_TRAIN("track_history_size", INT), YOLO_CFG_TRAIN("track_ciou_norm", FLOAT),
    YOLO_CFG_TRAIN("box_gain", FLOAT), YOLO_CFG_TRAIN("obj_gain", FLOAT), YOLO_CFG_TRAIN("cls_gain", FLOAT),
    YOLO_CFG_TRAIN("sim_thresh", FLOAT), YOLO_CFG_TRAIN("dets_for_track", INT), YOLO_CFG_TRAIN("dets_for_show", INT),
    /* Left over from [region] in many published files, where Darknet's [yolo] never reads them. */
    YOLO_CFG_TRAIN("bias_match", INT), YOLO_CFG_ONLY("coords", INT, "4"), YOLO_CFG_ONLY("softmax", INT, "0"),
    YOLO_CFG_TRAIN("rescore", INT), YOLO_CFG_TRAIN("absolute", INT), YOLO_CFG_TRAIN("thresh", FLOAT),
    YOLO_CFG_TRAIN("object_scale", FLOAT), YOLO_CFG_TRAIN("noobject_scale", FLOAT), YOLO_CFG_TRAIN("class_scale", FLOAT),
    YOLO_CFG_TRAIN("coord_scale", FLOAT), YOLO_CFG_END};

enum { PER_ANCHOR = 5 }; /* tx ty tw th to */

static yolo_status parse(const yolo_cfg_section *section, yolo_shape in, yolo_head *head) {
  yolo_status st = YOLO_OK;
  int new_coords = 0;
  double scale = 1;
  YOLO_TRY(yolo_anchors_parse(section, true, PER_ANCHOR, in, head));
  YOLO_TRY(yolo_anchors_parse_nms(section, &head->nms));
  YOLO_TRY(yolo_cfg_float(section, "scale_x_y", 1, &scale));
  YOLO_TRY(yolo_cfg_int(section, "new_coords", 0, 0, 1, &new_coords));
  yolo_anchor_attrs *attrs = head->attrs;
  attrs->scale_x_y = (float)scale;
  attrs->new_coords = new_coords != 0;
done:
  return st;
}

/* The box of raw values t of anchor `prior`. */
static yolo_box decode_box(const yolo_anchor_attrs *attrs, const float *t, const float *prior, const yolo_cell *cell) {
  double s = attrs->scale_x_y, shift = (s - 1) / 2;
  if (attrs->new_coords)
    return yolo_box_centred((cell->x + s * t[0] - shift) * cell->width, (cell->y + s * t[1] - shift) * cell->height,
                            4.0 * t[2] * t[2] * prior[0], 4.0 * t[3] * t[3] * prior[1]);
  return yolo_box_centred((cell->x + s * yolo_logistic(t[0]) - shift) * cell->width,
                          (cell->y + s * yolo_logistic(t[1]) - shift) * cell->height, exp(t[2]) * prior[0],
                          exp(t[3]) * prior[1]);
}

static void rows(const yolo_head *head, const yolo_decode *how, yolo_row_filter *out) {
  const yolo_anchor_attrs *attrs = head->attrs;
  yolo_anchors_filter(head, PER_ANCHOR, attrs->new_coords ? how->confidence : yolo_logit_below(how->confidence), out);
}

static yolo_status decode_row(const yolo_head *head, const yolo_cell *cell, const float *t, const yolo_decode *how,
                              yolo_boxes *out) {
  const yolo_anchor_attrs *attrs = head->attrs;
  const yolo_score_link link = attrs->new_coords ? YOLO_SCORES_PLAIN : YOLO_SCORES_LOGISTIC;
  double objectness = attrs->new_coords ? t[4] : yolo_logistic(t[4]);
  yolo_box box = decode_box(attrs, t, &attrs->anchors[2 * cell->row], cell);
  return yolo_candidates_add(out, box, objectness, t + PER_ANCHOR, head->classes, link, how);
}

const yolo_head_def yolo_head_yolo = {.section = {"yolo", {NULL, NULL, NULL}, keys, yolo_head_build},
                                      .parse = parse,
                                      .decode = yolo_head_decode_map,
                                      .rows = rows,
                                      .decode_row = decode_row};
