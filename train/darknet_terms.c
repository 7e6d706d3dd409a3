/* Keys and box terms of Darknet's rule. See darknet_loss.h. */
#include <string.h>

#include "backbone/base/memory.h"
#include "train/darknet_loss.h"

/* ---- keys ---- */

static yolo_status read_kind(const yolo_cfg_section *section, const char *key, yolo_overlap_kind *out) {
  static const char *const names[] = {"iou", "giou", "diou", "ciou"};
  const char *text = yolo_cfg_text(section, key, "iou");
  for (int k = 0; k < 4; k++)
    if (strcmp(text, names[k]) == 0) {
      *out = (yolo_overlap_kind)k;
      return YOLO_OK;
    }
  return yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%.40s is unknown; iou, giou, diou and ciou exist", key, text);
}

/* Rare classes count more: largest count / count (AlexeyAB). */
static yolo_status read_counters(const yolo_cfg_section *section, int classes, float *weight) {
  float *counters = NULL, largest = 0;
  int count = 0;
  yolo_status st = yolo_cfg_floats(section, "counters_per_class", &counters, &count);
  if (st == YOLO_OK && count != 0 && count != classes)
    st = yolo_cfg_fail(section, "counters_per_class", YOLO_EINVAL, "counters_per_class= has %d numbers for %d classes", count,
                       classes);
  for (int k = 0; st == YOLO_OK && k < count; k++) {
    if (!(counters[k] >= 1))
      st = yolo_cfg_fail(section, "counters_per_class", YOLO_EINVAL, "counters_per_class= has %g; counts begin at 1",
                         (double)counters[k]);
    if (counters[k] > largest) largest = counters[k];
  }
  for (int k = 0; st == YOLO_OK && k < count; k++) weight[k] = largest / counters[k];
  yolo_free(counters);
  return st;
}

static yolo_status read_box_loss(const yolo_cfg_section *section, yolo_darknet_keys *keys) {
  keys->by_overlap = strcmp(yolo_cfg_text(section, "iou_loss", "mse"), "mse") != 0;
  keys->rule = (yolo_overlap_rule){.eps = 0, .eps_aspect = 1e-6, .plain_aspect = true};
  if (!keys->by_overlap) return YOLO_OK;
  return read_kind(section, "iou_loss", &keys->rule.kind);
}

yolo_status yolo_darknet_read_keys(const yolo_loss_head *head, yolo_darknet_keys *keys, int classes) {
  static const double most = 1e6;
  const yolo_cfg_section *section = head->section;
  yolo_status st = YOLO_OK;
  int flag = 0;
  YOLO_TRY(read_box_loss(section, keys));
  YOLO_TRY(read_kind(section, "iou_thresh_kind", &keys->several_kind));
  YOLO_TRY(yolo_loss_key(section, "iou_thresh", 1, 0, 1, &keys->several));
  YOLO_TRY(yolo_loss_key(section, "iou_normalizer", 0.75, 0, most, &keys->box));
  YOLO_TRY(yolo_loss_key(section, "obj_normalizer", 1, 0, most, &keys->objectness));
  YOLO_TRY(yolo_loss_key(section, "cls_normalizer", 1, 0, most, &keys->class_));
  YOLO_TRY(yolo_loss_key(section, "uc_normalizer", 1, 0, most, &keys->uncertainty));
  YOLO_TRY(yolo_loss_key(section, "delta_normalizer", 1, 0, most, &keys->all));
  if (yolo_cfg_find(section, "max_delta")) YOLO_TRY(yolo_loss_key(section, "max_delta", 1, 1e-9, 3.5e38, &keys->most));
  YOLO_TRY(yolo_cfg_int(section, "focal_loss", 0, 0, 1, &flag));
  keys->focal = flag != 0;
  YOLO_TRY(yolo_cfg_int(section, "objectness_smooth", 0, 0, 1, &flag));
  keys->soft = flag != 0;
  YOLO_TRY(read_counters(section, classes, keys->class_weight));
  keys->sure = keys->mean = true;
done:
  return st;
}

/* ---- box terms ---- */

double yolo_darknet_clip(const yolo_darknet_keys *keys, double slope) {
  if (!isfinite(slope)) return 0;
  return slope > keys->most ? keys->most : slope < -keys->most ? -keys->most : slope;
}

yolo_centred yolo_darknet_target(const yolo_grid_row *row, const yolo_truth *truth) {
  const double w = (double)truth->w / row->prior_w, h = (double)truth->h / row->prior_h;
  const bool roots = row->head->new_coords;
  return (yolo_centred){(double)truth->x * row->w - row->cx, (double)truth->y * row->h - row->cy, roots ? sqrt(w / 4) : log(w),
                        roots ? sqrt(h / 4) : log(h)};
}

/* A centre stretched by s = scale_x_y misses its target by s g(t) - shift - target; that is the derivative of s times the
 * divergence of g(t) from (target + shift) / s. Where the logistic came before: half the square, over s.
 * A target beyond reach (it stands in another cell: truth_thresh) is wanted as near as the cell allows. */
static double centre_miss(const yolo_grid_head *head, double value, double target, double *slope) {
  const double s = head->scale;
  const double wanted = fmin(fmax((target + (s - 1) / 2) / s, 0), 1);
  double inner;
  const double miss = s * yolo_grid_miss(head, value, wanted, &inner);
  *slope = s * inner;
  return miss;
}

void yolo_darknet_box_differences(const yolo_darknet_keys *keys, const yolo_grid_row *row, const yolo_truth *truth,
                                  double weight, yolo_darknet_box *out) {
  const yolo_centred target = yolo_darknet_target(row, truth);
  const double w = (double)row->value[2], h = (double)row->value[3];
  weight *= keys->box * (2 - (double)truth->w * (double)truth->h);
  out->value[0] = centre_miss(row->head, (double)row->value[0], target.x, &out->slope[0]) +
                  centre_miss(row->head, (double)row->value[1], target.y, &out->slope[1]) +
                  ((w - target.w) * (w - target.w) + (h - target.h) * (h - target.h)) / 2;
  out->slope[2] = w - target.w;
  out->slope[3] = h - target.h;
  out->value[0] *= weight;
  for (int k = 0; k < 4; k++) out->slope[k] *= weight;
}

void yolo_darknet_box_overlap(const yolo_darknet_keys *keys, const yolo_grid_row *row, const yolo_truth *truth, double weight,
                              yolo_darknet_box *out) {
  const int spread = row->head->spread;
  const yolo_centred box = yolo_grid_box(row), wanted = yolo_truth_box(truth);
  const yolo_overlap overlap = yolo_overlap_of(&keys->rule, &box, &wanted);
  const bool plain = row->head->new_coords;
  weight *= keys->box;
  out->value[0] = weight * (1 - overlap.value);
  out->slope[0] = yolo_darknet_clip(keys, -weight * overlap.dx);
  out->slope[spread] = yolo_darknet_clip(keys, -weight * overlap.dy);
  out->slope[2 * spread] = yolo_darknet_clip(keys, -weight * overlap.dw * (plain ? 1 : exp((double)row->value[2 * spread])));
  out->slope[3 * spread] = yolo_darknet_clip(keys, -weight * overlap.dh * (plain ? 1 : exp((double)row->value[3 * spread])));
}
