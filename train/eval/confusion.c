/* The confusion matrix: see confusion.h. */
#include "train/eval/confusion.h"

#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "train/eval/coco_match.h"

typedef struct pair {
  double iou;
  uint32_t detection, truth; /* in the image */
  bool same_class;
} pair;

static int nearest_first(const void *a, const void *b) {
  const pair *x = a, *y = b;
  if (x->iou != y->iou) return x->iou > y->iou ? -1 : 1;
  if (x->same_class != y->same_class) return x->same_class ? -1 : 1;
  if (x->detection != y->detection) return x->detection < y->detection ? -1 : 1;
  return (x->truth > y->truth) - (x->truth < y->truth);
}

/* One image after another; the lists grow to the largest. */
typedef struct work {
  const yolo_eval_set *set;
  yolo_eval_confusion *out;
  const uint32_t *detections, *truths; /* of the image */
  size_t n_detections, n_truths, n_pairs;
  pair *pairs;
  size_t room;
  bool *seen, *found; /* detections and truths with a partner */
} work;

static yolo_status add_pair(work *w, const pair *p) {
  if (w->n_pairs == w->room) {
    size_t room = w->room ? w->room * 2 : 256;
    if (room > SIZE_MAX / sizeof *w->pairs) return yolo_fail(YOLO_ENOMEM, "out of memory: %zu pairs", room);
    void *pairs = yolo_realloc(w->pairs, room * sizeof *w->pairs);
    if (!pairs) return YOLO_ENOMEM;
    w->pairs = pairs;
    w->room = room;
  }
  w->pairs[w->n_pairs++] = *p;
  return YOLO_OK;
}

static double overlap(const yolo_eval_detection *d, const yolo_eval_truth *t) {
  double iou;
  uint8_t crowd = t->crowd;
  yolo_xywh_iou(&d->box, 1, &t->box, 1, &crowd, &iou);
  return iou;
}

static bool is_kept(const work *w, size_t d) { return w->set->detections[w->detections[d]].score >= w->out->confidence; }

static bool on_crowd(const work *w, const yolo_eval_detection *d) {
  for (size_t i = 0; i < w->n_truths; ++i) {
    const yolo_eval_truth *t = &w->set->truths[w->truths[i]];
    if (t->crowd && overlap(d, t) >= w->out->iou) return true;
  }
  return false;
}

static yolo_status find_pairs(work *w) {
  yolo_status st = YOLO_OK;
  w->n_pairs = 0;
  for (size_t d = 0; d < w->n_detections && st == YOLO_OK; ++d) {
    const yolo_eval_detection *detection = &w->set->detections[w->detections[d]];
    w->seen[d] = false;
    if (!is_kept(w, d)) continue;
    for (size_t t = 0; t < w->n_truths && st == YOLO_OK; ++t) {
      const yolo_eval_truth *truth = &w->set->truths[w->truths[t]];
      if (truth->crowd) continue;
      pair p = {overlap(detection, truth), (uint32_t)d, (uint32_t)t, truth->class_index == detection->class_index};
      if (p.iou >= w->out->iou) st = add_pair(w, &p);
    }
  }
  return st;
}

static size_t *cell(const work *w, int truth, int detection) { return &w->out->counts[truth * w->out->n + detection]; }

static yolo_status count_image(work *w) {
  const int background = w->out->n - 1;
  yolo_status st = find_pairs(w);
  if (st != YOLO_OK) return st;
  for (size_t t = 0; t < w->n_truths; ++t) w->found[t] = false;
  if (w->n_pairs > 1) qsort(w->pairs, w->n_pairs, sizeof *w->pairs, nearest_first);
  for (size_t i = 0; i < w->n_pairs; ++i) {
    const pair *p = &w->pairs[i];
    if (w->seen[p->detection] || w->found[p->truth]) continue;
    w->seen[p->detection] = w->found[p->truth] = true;
    ++*cell(w, w->set->truths[w->truths[p->truth]].class_index, w->set->detections[w->detections[p->detection]].class_index);
  }
  for (size_t t = 0; t < w->n_truths; ++t) {
    const yolo_eval_truth *truth = &w->set->truths[w->truths[t]];
    if (!w->found[t] && !truth->crowd) ++*cell(w, truth->class_index, background);
  }
  for (size_t d = 0; d < w->n_detections; ++d) {
    const yolo_eval_detection *detection = &w->set->detections[w->detections[d]];
    if (is_kept(w, d) && !w->seen[d] && !on_crowd(w, detection)) ++*cell(w, background, detection->class_index);
  }
  return YOLO_OK;
}

static yolo_status count_all(work *w, const yolo_eval_order *detections, const yolo_eval_order *truths) {
  size_t d = 0, t = 0, d_end = detections->first[1], t_end = truths->first[1];
  yolo_status st = YOLO_OK;
  while (st == YOLO_OK && (d < d_end || t < t_end)) {
    uint32_t d_image = d < d_end ? w->set->detections[detections->items[d]].image : UINT32_MAX;
    uint32_t t_image = t < t_end ? w->set->truths[truths->items[t]].image : UINT32_MAX;
    uint32_t image = d_image < t_image ? d_image : t_image;
    w->detections = detections->items + d;
    w->truths = truths->items + t;
    while (d < d_end && w->set->detections[detections->items[d]].image == image) ++d;
    while (t < t_end && w->set->truths[truths->items[t]].image == image) ++t;
    w->n_detections = (size_t)(detections->items + d - w->detections);
    w->n_truths = (size_t)(truths->items + t - w->truths);
    st = count_image(w);
  }
  return st;
}

yolo_status yolo_eval_confusion_make(const yolo_eval_set *set, double iou, double confidence, yolo_eval_confusion *out) {
  yolo_eval_order detections = {0}, truths = {0};
  work w = {.set = set, .out = out};
  yolo_status st = YOLO_OK;
  *out = (yolo_eval_confusion){.n = set->n_classes + 1, .iou = iou, .confidence = confidence};
  YOLO_TRY(yolo_eval_order_detections(set, true, &detections));
  YOLO_TRY(yolo_eval_order_truths(set, true, &truths));
  YOLO_ENOMEM_IF_NULL(out->counts = yolo_calloc((size_t)out->n * (size_t)out->n, sizeof *out->counts));
  YOLO_ENOMEM_IF_NULL(w.seen = yolo_alloc_array(set->n_detections, sizeof *w.seen));
  YOLO_ENOMEM_IF_NULL(w.found = yolo_alloc_array(set->n_truths, sizeof *w.found));
  YOLO_TRY(count_all(&w, &detections, &truths));
done:
  yolo_free(w.pairs);
  yolo_free(w.seen);
  yolo_free(w.found);
  yolo_eval_order_free(&detections);
  yolo_eval_order_free(&truths);
  if (st != YOLO_OK) yolo_eval_confusion_free(out);
  return st;
}

void yolo_eval_confusion_free(yolo_eval_confusion *confusion) {
  yolo_free(confusion->counts);
  *confusion = (yolo_eval_confusion){0};
}

int yolo_eval_confusion_worst(const yolo_eval_confusion *c, yolo_eval_mix_up *out, int most) {
  int n = 0;
  for (int t = 0; t < c->n - 1; ++t) {
    for (int d = 0; d < c->n - 1; ++d) {
      size_t count = c->counts[t * c->n + d];
      if (t == d || count == 0) continue;
      int at = n;
      while (at > 0 && out[at - 1].count < count) --at;
      if (at >= most) continue;
      if (n < most) ++n;
      memmove(&out[at + 1], &out[at], (size_t)(n - 1 - at) * sizeof *out);
      out[at] = (yolo_eval_mix_up){t, d, count};
    }
  }
  return n;
}
