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
    {"mask", YOLO_KEY_INTS, YOLO_KEY_MODEL, NULL},
    {"anchors", YOLO_KEY_FLOATS, YOLO_KEY_MODEL, NULL},
    {"classes", YOLO_KEY_INT, YOLO_KEY_MODEL, NULL},
    {"num", YOLO_KEY_INT, YOLO_KEY_MODEL, NULL},
    {"scale_x_y", YOLO_KEY_FLOAT, YOLO_KEY_MODEL, NULL},
    {"new_coords", YOLO_KEY_INT, YOLO_KEY_MODEL, NULL},
    {"nms_kind", YOLO_KEY_TEXT, YOLO_KEY_MODEL, NULL},
    /* Features this program does not have and that would change the result. */
    {"embedding_layer", YOLO_KEY_INT, YOLO_KEY_MODEL, ""},
    {"map", YOLO_KEY_TEXT, YOLO_KEY_TRAINING, NULL},
    {"yolo_point", YOLO_KEY_TEXT, YOLO_KEY_MODEL, "center"},
    /* beta_nms bends Darknet's own variant of DIoU suppression; here DIoU is the paper's, without exponent. */
    {"beta_nms", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"jitter", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"resize", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"random", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"max", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"ignore_thresh", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"truth_thresh", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"iou_thresh", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"iou_thresh_kind", YOLO_KEY_TEXT, YOLO_KEY_TRAINING, NULL},
    {"iou_loss", YOLO_KEY_TEXT, YOLO_KEY_TRAINING, NULL},
    {"iou_normalizer", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"cls_normalizer", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"obj_normalizer", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"delta_normalizer", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"max_delta", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"objectness_smooth", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"label_smooth_eps", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"focal_loss", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"counters_per_class", YOLO_KEY_FLOATS, YOLO_KEY_TRAINING, NULL},
    {"show_details", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"track", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"track_history_size", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"track_ciou_norm", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"sim_thresh", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"dets_for_track", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"dets_for_show", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    /* Left over from [region] in many published files, where Darknet's [yolo] never reads them. */
    {"bias_match", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"coords", YOLO_KEY_INT, YOLO_KEY_MODEL, "4"},
    {"softmax", YOLO_KEY_INT, YOLO_KEY_MODEL, "0"},
    {"rescore", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"absolute", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
    {"thresh", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"object_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"noobject_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"class_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {"coord_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
    {NULL, YOLO_KEY_INT, YOLO_KEY_MODEL, NULL}};

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

/* The box of raw values t of anchor `prior` at cell (x, y); `cell` is the size of a cell in input pixels. */
static yolo_box decode_box(const yolo_anchor_attrs *attrs, const float *t, const float *prior, int x, int y,
                           const double *cell) {
  double s = attrs->scale_x_y, shift = (s - 1) / 2;
  if (attrs->new_coords)
    return yolo_box_centred((x + s * t[0] - shift) * cell[0], (y + s * t[1] - shift) * cell[1], 4.0 * t[2] * t[2] * prior[0],
                            4.0 * t[3] * t[3] * prior[1]);
  return yolo_box_centred((x + s * yolo_logistic(t[0]) - shift) * cell[0], (y + s * yolo_logistic(t[1]) - shift) * cell[1],
                          exp(t[2]) * prior[0], exp(t[3]) * prior[1]);
}

static yolo_status decode(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how, yolo_boxes *out) {
  const yolo_anchor_attrs *attrs = head->attrs;
  const double cell[2] = {(double)how->input_w / tensor->shape.w, (double)how->input_h / tensor->shape.h};
  const yolo_score_link link = attrs->new_coords ? YOLO_SCORES_PLAIN : YOLO_SCORES_LOGISTIC;
  const double floor = attrs->new_coords ? how->confidence : yolo_logit_below(how->confidence);
  for (int y = 0; y < tensor->shape.h; y++)
    for (int x = 0; x < tensor->shape.w; x++) {
      const float *t = yolo_pixel(tensor, n, y, x);
      for (int a = 0; a < attrs->n; a++, t += PER_ANCHOR + head->classes) {
        if (!(t[4] > floor)) continue; /* most cells see nothing */
        double objectness = attrs->new_coords ? t[4] : yolo_logistic(t[4]);
        yolo_box box = decode_box(attrs, t, &attrs->anchors[2 * a], x, y, cell);
        yolo_status st = yolo_candidates_add(out, box, objectness, t + PER_ANCHOR, head->classes, link, how);
        if (st != YOLO_OK) return st;
      }
    }
  return YOLO_OK;
}

const yolo_head_def yolo_head_yolo = {{"yolo", {NULL, NULL, NULL}, keys, yolo_head_build}, parse, decode, NULL};
