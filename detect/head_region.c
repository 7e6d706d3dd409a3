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

static const yolo_cfg_key keys[] = {{"anchors", YOLO_KEY_FLOATS, YOLO_KEY_MODEL, NULL},
                                    {"classes", YOLO_KEY_INT, YOLO_KEY_MODEL, NULL},
                                    {"num", YOLO_KEY_INT, YOLO_KEY_MODEL, NULL},
                                    {"coords", YOLO_KEY_INT, YOLO_KEY_MODEL, "4"},
                                    {"softmax", YOLO_KEY_INT, YOLO_KEY_MODEL, NULL},
                                    /* Features this program does not have and that would change the result. */
                                    {"background", YOLO_KEY_INT, YOLO_KEY_MODEL, "0"},
                                    {"tree", YOLO_KEY_TEXT, YOLO_KEY_MODEL, ""},
                                    {"softmax_tree", YOLO_KEY_TEXT, YOLO_KEY_MODEL, ""},
                                    {"map", YOLO_KEY_TEXT, YOLO_KEY_TRAINING, NULL},
                                    {"log", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"sqrt", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"bias_match", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"jitter", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"resize", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"random", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"max", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"rescore", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"thresh", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"classfix", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"absolute", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"focal_loss", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"small_object", YOLO_KEY_INT, YOLO_KEY_TRAINING, NULL},
                                    {"object_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"noobject_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"class_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"coord_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {"mask_scale", YOLO_KEY_FLOAT, YOLO_KEY_TRAINING, NULL},
                                    {NULL, YOLO_KEY_INT, YOLO_KEY_MODEL, NULL}};

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

static yolo_status decode(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how, yolo_boxes *out) {
  const yolo_anchor_attrs *attrs = head->attrs;
  const double cell_w = (double)how->input_w / tensor->shape.w, cell_h = (double)how->input_h / tensor->shape.h;
  const yolo_score_link link = attrs->softmax ? YOLO_SCORES_SOFTMAX : YOLO_SCORES_LOGISTIC;
  const double floor = yolo_logit_below(how->confidence);
  for (int y = 0; y < tensor->shape.h; y++)
    for (int x = 0; x < tensor->shape.w; x++) {
      const float *t = yolo_pixel(tensor, n, y, x);
      for (int a = 0; a < attrs->n; a++, t += PER_ANCHOR + head->classes) {
        if (!(t[4] > floor)) continue;
        const float *prior = &attrs->anchors[2 * a];
        yolo_box box = yolo_box_centred((x + yolo_logistic(t[0])) * cell_w, (y + yolo_logistic(t[1])) * cell_h,
                                        exp(t[2]) * prior[0] * cell_w, exp(t[3]) * prior[1] * cell_h);
        yolo_status st = yolo_candidates_add(out, box, yolo_logistic(t[4]), t + PER_ANCHOR, head->classes, link, how);
        if (st != YOLO_OK) return st;
      }
    }
  return YOLO_OK;
}

const yolo_head_def yolo_head_region = {{"region", {NULL, NULL, NULL}, keys, yolo_head_build}, parse, decode, NULL};
