/* [detection]: the head of the first YOLO.
 *
 * One flat vector describes an S x S grid whose cells each have one distribution over the K classes and B boxes:
 *   [S*S*K class probabilities][S*S*B confidences][S*S*B x (x, y, w, h)]
 *   x = (column + px) / S,  w = pw^2 when sqrt=1,  P(class k) = confidence x class probability
 * All values are used as they are; softmax=1 applies a softmax over the classes of a cell.
 *
 * Redmon et al., "You Only Look Once: Unified, Real-Time Object Detection", CVPR 2016, section 2. Candidates come
 * in the order row, column, box, class. */
#include "backbone/base/memory.h"
#include "detect/anchors.h"

static const yolo_cfg_key keys[] = {YOLO_CFG_KEY("classes", INT),
                                    YOLO_CFG_ONLY("coords", INT, "4"),
                                    YOLO_CFG_KEY("num", INT),
                                    YOLO_CFG_KEY("side", INT),
                                    YOLO_CFG_KEY("softmax", INT),
                                    YOLO_CFG_KEY("sqrt", INT),
                                    YOLO_CFG_ONLY("reorg", INT, "0"),
                                    YOLO_CFG_TRAIN("rescore", INT),
                                    YOLO_CFG_TRAIN("forced", INT),
                                    YOLO_CFG_TRAIN("loss", TEXT),
                                    YOLO_CFG_TRAIN("jitter", FLOAT),
                                    YOLO_CFG_TRAIN("resize", FLOAT),
                                    YOLO_CFG_TRAIN("random", FLOAT),
                                    YOLO_CFG_TRAIN("max", INT),
                                    YOLO_CFG_TRAIN("object_scale", FLOAT),
                                    YOLO_CFG_TRAIN("noobject_scale", FLOAT),
                                    YOLO_CFG_TRAIN("class_scale", FLOAT),
                                    YOLO_CFG_TRAIN("coord_scale", FLOAT),
                                    YOLO_CFG_END};

enum { MAX_SIDE = 1024, MAX_BOXES = 1024, MAX_CLASSES = 4096 };

typedef struct detection_attrs {
  int side, num, softmax, square;
} detection_attrs;

static yolo_status parse(const yolo_cfg_section *section, yolo_shape in, yolo_head *head) {
  yolo_status st = YOLO_OK;
  detection_attrs *attrs = yolo_calloc(1, sizeof *attrs);
  YOLO_ENOMEM_IF_NULL(attrs);
  head->attrs = attrs;
  head->nms = YOLO_NMS_BY_IOU;
  YOLO_TRY(yolo_cfg_int(section, "classes", 1, 1, MAX_CLASSES, &head->classes));
  YOLO_TRY(yolo_cfg_int(section, "side", 7, 1, MAX_SIDE, &attrs->side));
  YOLO_TRY(yolo_cfg_int(section, "num", 1, 1, MAX_BOXES, &attrs->num));
  YOLO_TRY(yolo_cfg_int(section, "softmax", 0, 0, 1, &attrs->softmax));
  YOLO_TRY(yolo_cfg_int(section, "sqrt", 0, 0, 1, &attrs->square));
  long long wanted = (long long)attrs->side * attrs->side * (head->classes + 5 * attrs->num);
  if (wanted != (long long)in.h * in.w * in.c)
    st = yolo_cfg_fail(section, "side", YOLO_ESHAPE,
                       "side %d, %d boxes and %d classes need %lld values, but the layer before gives %d x %d x %d",
                       attrs->side, attrs->num, head->classes, wanted, in.w, in.h, in.c);
done:
  return st;
}

/* Value k of the flat vector. A map is read in Darknet's order (channel, row, column). */
static float flat(const yolo_tensor *tensor, int n, size_t k) {
  size_t map = (size_t)tensor->shape.h * (size_t)tensor->shape.w, pixel = k % map;
  size_t y = pixel / (size_t)tensor->shape.w, x = pixel % (size_t)tensor->shape.w;
  return yolo_pixel(tensor, n, (int)y, (int)x)[k / map];
}

static void read_classes(const yolo_tensor *tensor, int n, size_t cell, int classes, float *out) {
  for (int k = 0; k < classes; k++) out[k] = flat(tensor, n, cell * (size_t)classes + (size_t)k);
}

static yolo_box read_box(const yolo_head *head, const yolo_tensor *tensor, int n, size_t cell, int b, const yolo_decode *how) {
  const detection_attrs *attrs = head->attrs;
  size_t side = (size_t)attrs->side, num = (size_t)attrs->num;
  size_t at = side * side * ((size_t)head->classes + num) + (cell * num + (size_t)b) * 4;
  double x = flat(tensor, n, at), y = flat(tensor, n, at + 1), w = flat(tensor, n, at + 2), h = flat(tensor, n, at + 3);
  if (attrs->square) w *= w, h *= h;
  return yolo_box_centred((x + (double)(cell % side)) / attrs->side * how->input_w,
                          (y + (double)(cell / side)) / attrs->side * how->input_h, w * how->input_w, h * how->input_h);
}

static yolo_status decode(const yolo_head *head, const yolo_tensor *tensor, int n, const yolo_decode *how, yolo_boxes *out) {
  const detection_attrs *attrs = head->attrs;
  yolo_status st = YOLO_OK;
  size_t cells = (size_t)attrs->side * (size_t)attrs->side;
  yolo_score_link link = attrs->softmax ? YOLO_SCORES_SOFTMAX : YOLO_SCORES_PLAIN;
  float *scores = yolo_alloc_array((size_t)head->classes, sizeof *scores);
  YOLO_ENOMEM_IF_NULL(scores);
  for (size_t cell = 0; cell < cells; cell++) {
    read_classes(tensor, n, cell, head->classes, scores);
    for (int b = 0; b < attrs->num; b++) {
      float confidence = flat(tensor, n, cells * (size_t)head->classes + cell * (size_t)attrs->num + (size_t)b);
      /* Nothing bounds these raw outputs to 0..1, so the confidence alone decides nothing but its sign. */
      if (!(confidence > 0)) continue;
      yolo_box box = read_box(head, tensor, n, cell, b, how);
      YOLO_TRY(yolo_candidates_add(out, box, confidence, scores, head->classes, link, how));
    }
  }
done:
  yolo_free(scores);
  return st;
}

const yolo_head_def yolo_head_detection = {
    .section = {"detection", {NULL, NULL, NULL}, keys, yolo_head_build}, .parse = parse, .decode = decode};
