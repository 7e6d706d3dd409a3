/* Precision, recall and F1 against confidence: see curves.h. */
#include "train/eval/curves.h"

#include "backbone/base/memory.h"
#include "train/eval/score_sort.h"

double yolo_eval_curve_confidence(const yolo_eval_curves *c, int point) {
  return c->low + (c->high - c->low) * point / (YOLO_EVAL_CURVE_POINTS - 1);
}

static double f1_of(double precision, double recall) {
  return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

/* The point's values when `right` and `wrong` detections are kept. */
static void set_point(yolo_eval_curve *curve, int point, size_t right, size_t wrong) {
  double recall = (double)right / (double)curve->truths;
  double precision = right + wrong ? (double)right / (double)(right + wrong) : -1;
  curve->precision[point] = precision;
  curve->recall[point] = recall;
  curve->f1[point] = precision < 0 ? 0 : f1_of(precision, recall);
}

static void note_best(yolo_eval_curve *curve, size_t right, size_t wrong, double confidence) {
  double precision = (double)right / (double)(right + wrong), recall = (double)right / (double)curve->truths;
  double f1 = f1_of(precision, recall);
  if (f1 > curve->best.f1) curve->best = (yolo_eval_best){f1, confidence, precision, recall, right, wrong};
}

static void undefined(yolo_eval_curve *curve) {
  for (int i = 0; i < YOLO_EVAL_CURVE_POINTS; ++i) curve->precision[i] = curve->recall[i] = curve->f1[i] = -1;
  curve->best = (yolo_eval_best){-1, -1, -1, -1, 0, 0};
}

/* `list` by score, highest first; place: is it right? Equal scores are kept or dropped together. */
static void fill(const yolo_eval_curves *c, const yolo_score_key *list, size_t n, yolo_eval_curve *curve) {
  size_t right = 0, wrong = 0;
  int point = YOLO_EVAL_CURVE_POINTS - 1;
  if (curve->truths == 0) {
    undefined(curve);
    return;
  }
  for (size_t i = 0; i < n;) {
    const uint64_t key = list[i].key;
    const double score = yolo_score_from_key(key);
    for (; point >= 0 && yolo_eval_curve_confidence(c, point) > score; --point) set_point(curve, point, right, wrong);
    for (; i < n && list[i].key == key; ++i) {
      right += list[i].place;
      wrong += !list[i].place;
    }
    note_best(curve, right, wrong, score);
  }
  for (; point >= 0; --point) set_point(curve, point, right, wrong);
}

/* The detections of a class that count, in their order. */
static size_t collect(const yolo_eval_matches *m, int k, int t, yolo_score_key *out) {
  size_t n = 0;
  for (size_t i = m->first[k]; i < m->first[k + 1]; ++i) {
    size_t at = i * (size_t)m->params.n_areas;
    if (m->ignored[at] >> t & 1) continue;
    out[n++] = (yolo_score_key){yolo_score_to_key(m->items[i].score), m->hits[at] >> t & 1};
  }
  return n;
}

static void find_span(const yolo_eval_matches *m, yolo_eval_curves *out) {
  double low = 0, high = 1;
  for (size_t i = 0; i < m->n; ++i) {
    if (m->items[i].score < low) low = m->items[i].score;
    if (m->items[i].score > high) high = m->items[i].score;
  }
  out->low = low;
  out->high = high;
}

yolo_status yolo_eval_curves_make(const yolo_eval_matches *m, int t, yolo_eval_curves *out) {
  yolo_status st = YOLO_OK;
  yolo_score_key *all = NULL, *room = NULL;
  size_t n = 0;
  *out = (yolo_eval_curves){.iou = m->params.ious[t], .n_classes = m->n_classes};
  find_span(m, out);
  YOLO_ENOMEM_IF_NULL(out->classes = yolo_calloc((size_t)m->n_classes, sizeof *out->classes));
  YOLO_ENOMEM_IF_NULL(all = yolo_alloc_array(m->n, sizeof *all));
  YOLO_ENOMEM_IF_NULL(room = yolo_alloc_array(m->n, sizeof *room));
  for (int k = 0; k < m->n_classes; ++k) {
    size_t count = collect(m, k, t, all + n);
    out->classes[k].truths = m->positives[(size_t)k * (size_t)m->params.n_areas];
    out->all.truths += out->classes[k].truths;
    fill(out, all + n, count, &out->classes[k]);
    n += count;
  }
  yolo_score_sort(all, room, n);
  fill(out, all, n, &out->all);
done:
  yolo_free(all);
  yolo_free(room);
  if (st != YOLO_OK) yolo_eval_curves_free(out);
  return st;
}

void yolo_eval_curves_free(yolo_eval_curves *curves) {
  yolo_free(curves->classes);
  *curves = (yolo_eval_curves){0};
}
