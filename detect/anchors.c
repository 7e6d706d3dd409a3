/* What the anchor-based heads share. See anchors.h.
 *
 * An anchor head reads a map of n x (coordinates + objectness + classes) channels: every cell of the grid carries
 * n boxes, each a correction of one prior shape, its anchor (Redmon & Farhadi, "YOLO9000", CVPR 2017, section 2). */
#include "detect/anchors.h"

#include <string.h>

#include "backbone/base/memory.h"

enum { MAX_ANCHORS = 1024, MAX_CLASSES = 1 << 20 };

yolo_status yolo_head_build(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  (void)section;
  return yolo_graph_add_output(build->graph, build->previous, out);
}

/* ---- the cfg ---- */

static yolo_status check_anchors(const yolo_cfg_section *section, const float *anchors, int n_values, int num) {
  if (n_values != 2 * num)
    return yolo_cfg_fail(section, "anchors", YOLO_EINVAL, "num=%d needs %d numbers in anchors=, but it has %d", num, 2 * num,
                         n_values);
  for (int i = 0; i < n_values; i++)
    if (!(anchors[i] > 0))
      return yolo_cfg_fail(section, "anchors", YOLO_EINVAL, "anchors= has %g; widths and heights must be positive", anchors[i]);
  return YOLO_OK;
}

/* Copies the anchors that mask (n_mask 0: all of them) selects. */
static yolo_status select_anchors(const yolo_cfg_section *section, const float *anchors, int num, const int *mask, int n_mask,
                                  yolo_anchor_attrs **out) {
  int n = n_mask ? n_mask : num;
  yolo_anchor_attrs *attrs = yolo_calloc(1, sizeof *attrs + (size_t)n * 2 * sizeof(float));
  if (!attrs) return YOLO_ENOMEM;
  attrs->n = n;
  for (int i = 0; i < n; i++) {
    int from = n_mask ? mask[i] : i;
    if (from < 0 || from >= num) {
      yolo_free(attrs);
      return yolo_cfg_fail(section, "mask", YOLO_EINVAL, "mask= names anchor %d, but there are anchors 0 to %d", from, num - 1);
    }
    memcpy(&attrs->anchors[2 * i], &anchors[2 * from], 2 * sizeof(float));
  }
  *out = attrs;
  return YOLO_OK;
}

static yolo_status check_channels(const yolo_cfg_section *section, int n, int per_anchor, int classes, int channels) {
  long long wanted = (long long)n * (per_anchor + classes);
  if (wanted == channels) return YOLO_OK;
  return yolo_cfg_fail(section, "classes", YOLO_ESHAPE,
                       "%d anchors x (%d + %d classes) need %lld channels, but the layer before gives %d; "
                       "set its filters=%lld or correct classes=",
                       n, per_anchor, classes, wanted, channels, wanted);
}

yolo_status yolo_anchors_parse(const yolo_cfg_section *section, bool masked, int per_anchor, yolo_shape in, yolo_head *head) {
  yolo_status st = YOLO_OK;
  yolo_anchor_attrs *attrs = NULL;
  float *anchors = NULL;
  int *mask = NULL;
  int num = 0, n_anchors = 0, n_mask = 0;
  YOLO_TRY(yolo_cfg_int(section, "classes", 20, 1, MAX_CLASSES, &head->classes));
  YOLO_TRY(yolo_cfg_int(section, "num", 1, 1, MAX_ANCHORS, &num));
  YOLO_TRY(yolo_cfg_floats(section, "anchors", &anchors, &n_anchors));
  if (masked) YOLO_TRY(yolo_cfg_ints(section, "mask", &mask, &n_mask));
  YOLO_TRY(check_anchors(section, anchors, n_anchors, num));
  YOLO_TRY(check_channels(section, n_mask ? n_mask : num, per_anchor, head->classes, in.c));
  YOLO_TRY(select_anchors(section, anchors, num, mask, n_mask, &attrs));
  attrs->scale_x_y = 1;
  head->attrs = attrs;
  head->nms = YOLO_NMS_BY_IOU;
done:
  yolo_free(anchors);
  yolo_free(mask);
  return st;
}

yolo_status yolo_anchors_parse_nms(const yolo_cfg_section *section, yolo_nms *out) {
  const char *kind = yolo_cfg_text(section, "nms_kind", "default");
  if (strcmp(kind, "default") == 0 || strcmp(kind, "greedynms") == 0)
    *out = YOLO_NMS_BY_IOU;
  else if (strcmp(kind, "diounms") == 0)
    *out = YOLO_NMS_BY_DIOU;
  else
    return yolo_cfg_fail(section, "nms_kind", YOLO_EINVAL, "nms_kind=%s is unknown; default, greedynms and diounms exist",
                         kind);
  return YOLO_OK;
}

/* ---- candidates ---- */

void yolo_anchors_filter(const yolo_head *head, int per_anchor, double floor, yolo_row_filter *out) {
  const yolo_anchor_attrs *attrs = head->attrs;
  float down = (float)floor;
  if ((double)down > floor) down = nextafterf(down, -INFINITY);
  *out = (yolo_row_filter){
      .rows = attrs->n, .row = per_anchor + head->classes, .score = per_anchor - 1, .floor = down, .capacity = 0};
}

typedef struct softmax_sums {
  double largest, sum;
} softmax_sums;

static softmax_sums softmax_of(const float *scores, int classes) {
  softmax_sums s = {scores[0], 0};
  for (int k = 1; k < classes; k++)
    if (scores[k] > s.largest) s.largest = scores[k];
  for (int k = 0; k < classes; k++) s.sum += exp(scores[k] - s.largest);
  return s;
}

static double probability(yolo_score_link link, double score, softmax_sums sums) {
  switch (link) {
    case YOLO_SCORES_LOGISTIC: return yolo_logistic(score);
    case YOLO_SCORES_SOFTMAX: return exp(score - sums.largest) / sums.sum;
    case YOLO_SCORES_PLAIN: break;
  }
  return score;
}

yolo_status yolo_candidates_add(yolo_boxes *out, yolo_box box, double objectness, const float *scores, int classes,
                                yolo_score_link link, const yolo_decode *how) {
  softmax_sums sums = {0, 1};
  if (link == YOLO_SCORES_SOFTMAX) sums = softmax_of(scores, classes);
  double floor = link == YOLO_SCORES_LOGISTIC ? yolo_logit_below(how->confidence / objectness) : -INFINITY;
  yolo_box best = box;
  best.confidence = how->confidence;
  best.class_id = -1;
  box.source = best.source = out->count;
  for (int k = 0; k < classes; k++) {
    if (!(scores[k] > floor)) continue;
    box.confidence = (float)(objectness * probability(link, scores[k], sums));
    box.class_id = k;
    if (how->best_class) {
      if (box.confidence > best.confidence) best = box;
    } else if (box.confidence > how->confidence) {
      yolo_status st = yolo_boxes_add(out, &box);
      if (st != YOLO_OK) return st;
    }
  }
  return best.class_id < 0 ? YOLO_OK : yolo_boxes_add(out, &best);
}
