/* COCOeval's parameters and its two steps: match, accumulate. See coco_eval.h. */
#include "train/eval/coco_eval.h"

#include "backbone/base/memory.h"

/* numpy.linspace: start + i * step, the last one exactly. arange would give values a little above, and 0.75 would not be
 * among them. */
void yolo_eval_linspace(double first, double last, int n, double *out) {
  double step = n > 1 ? (last - first) / (n - 1) : 0;
  for (int i = 0; i < n; ++i) out[i] = i * step + first;
  if (n > 1) out[n - 1] = last;
}

void yolo_eval_params_coco(yolo_eval_params *params, yolo_eval_overlap overlap) {
  static const struct {
    const char *name;
    double low, high;
  } areas[] = {{"all", 0, 1e10}, {"small", 0, 1024}, {"medium", 1024, 9216}, {"large", 9216, 1e10}};
  *params = (yolo_eval_params){.overlap = overlap, .n_ious = 10, .n_recalls = 101, .n_areas = 4, .n_limits = 3};
  yolo_eval_linspace(0.5, 0.95, params->n_ious, params->ious);
  yolo_eval_linspace(0, 1, params->n_recalls, params->recalls);
  for (int a = 0; a < params->n_areas; ++a) {
    params->areas[a][0] = areas[a].low;
    params->areas[a][1] = areas[a].high;
    params->area_names[a] = areas[a].name;
  }
  for (int m = 0, limit = 1; m < params->n_limits; ++m, limit *= 10) params->limits[m] = limit;
}

int yolo_eval_iou_index(const yolo_eval_params *params, double iou) {
  for (int t = 0; t < params->n_ious; ++t) {
    if (params->ious[t] == iou) return t;
  }
  return -1;
}

int yolo_eval_main_iou(const yolo_eval_params *params) {
  const int t = yolo_eval_iou_index(params, 0.5);
  return t < 0 ? 0 : t;
}

int yolo_eval_limit_index(const yolo_eval_params *params, int limit) {
  for (int m = 0; m < params->n_limits; ++m) {
    if (params->limits[m] == limit) return m;
  }
  return -1;
}

yolo_status yolo_eval_run(const yolo_eval_set *set, const yolo_eval_params *params, yolo_eval_result *out) {
  yolo_eval_matches matches;
  *out = (yolo_eval_result){0};
  yolo_status st = yolo_eval_match_all(set, params, &matches);
  if (st == YOLO_OK) st = yolo_eval_accumulate(&matches, out);
  yolo_eval_matches_free(&matches);
  return st;
}

void yolo_eval_result_free(yolo_eval_result *result) {
  yolo_free(result->precision);
  yolo_free(result->recall);
  yolo_free(result->scores);
  *result = (yolo_eval_result){0};
}
