/* Pascal's average precision: see voc_eval.h. */
#include "train/eval/voc_eval.h"

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "train/eval/coco_match.h"
#include "train/eval/score_sort.h"

typedef struct job {
  const yolo_eval_set *set;
  const yolo_voc_options *how;
  const yolo_eval_order *detections, *truths;
  yolo_voc_result *out;
  yolo_status *status;
} job;

typedef enum verdict { VERDICT_IGNORED, VERDICT_RIGHT, VERDICT_WRONG } verdict;

static yolo_status check_masks(const yolo_eval_set *set) {
  bool all = true;
  for (size_t i = 0; all && i < set->n_truths; ++i) all = set->truths[i].mask != NULL;
  for (size_t i = 0; all && i < set->n_detections; ++i) all = set->detections[i].mask != NULL;
  return all ? YOLO_OK : yolo_fail(YOLO_EINVAL, "masks are to be scored, but a truth or a detection has none");
}

/* The truths of a class, by image, and which of them are taken. */
typedef struct truth_list {
  const yolo_eval_set *set;
  const uint32_t *ids;
  bool *taken;
  size_t n;
} truth_list;

static size_t first_of_image(const truth_list *t, uint32_t image) {
  size_t low = 0, high = t->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (t->set->truths[t->ids[middle]].image < image) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

static yolo_status overlap_of(const yolo_eval_detection *d, const yolo_eval_truth *t, yolo_eval_overlap kind, double *iou) {
  if (kind == YOLO_EVAL_MASK) return yolo_rle_iou(d->mask, 1, t->mask, 1, NULL, iou);
  yolo_xywh_iou(&d->box, 1, &t->box, 1, NULL, iou);
  return YOLO_OK;
}

static yolo_status judge(const truth_list *t, const yolo_eval_detection *d, const yolo_voc_options *how, verdict *out) {
  double best = -1;
  size_t at = t->n;
  *out = VERDICT_WRONG;
  for (size_t i = first_of_image(t, d->image); i < t->n && t->set->truths[t->ids[i]].image == d->image; ++i) {
    double iou;
    yolo_status st = overlap_of(d, &t->set->truths[t->ids[i]], how->overlap, &iou);
    if (st != YOLO_OK) return st;
    if (iou > best) {
      best = iou;
      at = i;
    }
  }
  if (at == t->n || best < how->iou) return YOLO_OK;
  const yolo_eval_truth *truth = &t->set->truths[t->ids[at]];
  if (truth->difficult || truth->crowd) {
    *out = VERDICT_IGNORED;
  } else if (!t->taken[at]) {
    t->taken[at] = true;
    *out = VERDICT_RIGHT;
  }
  return YOLO_OK;
}

/* Precision after each right detection; recall there is (i + 1) / truths. Between them precision only falls. */
static double area_under(const double *precision, size_t n, size_t truths) {
  double area = 0, highest = 0;
  for (size_t i = n; i-- > 0;) {
    if (precision[i] > highest) highest = precision[i];
    area += highest / (double)truths;
  }
  return area;
}

/* Whether a recall of i tenths is reached is settled in whole numbers. */
static double eleven_points(const double *precision, size_t n, size_t truths) {
  enum { TENTHS = 10 };
  double sum = 0, highest = 0;
  size_t at = n;
  for (size_t tenth = TENTHS + 1; tenth-- > 0;) {
    for (; at > 0 && at * TENTHS >= tenth * truths; --at) {
      if (precision[at - 1] > highest) highest = precision[at - 1];
    }
    sum += highest;
  }
  return sum / (TENTHS + 1);
}

static yolo_status score_class(const job *j, const yolo_score_key *keys, size_t n, const truth_list *truths, double *precision,
                               yolo_voc_class *out) {
  for (size_t i = 0; i < n; ++i) {
    verdict v;
    yolo_status st = judge(truths, &j->set->detections[keys[i].place], j->how, &v);
    if (st != YOLO_OK) return st;
    switch (v) {
      case VERDICT_WRONG: ++out->wrong; break;
      case VERDICT_RIGHT:
        ++out->right;
        precision[out->right - 1] = (double)out->right / (double)(out->right + out->wrong);
        break;
      case VERDICT_IGNORED: break;
    }
  }
  out->ap = j->how->rule == YOLO_VOC_2007 ? eleven_points(precision, out->right, out->truths)
                                          : area_under(precision, out->right, out->truths);
  return YOLO_OK;
}

static yolo_status run_class(const job *j, int k) {
  const uint32_t *ids = j->detections->items + j->detections->first[k];
  size_t n = j->detections->first[k + 1] - j->detections->first[k];
  truth_list truths = {j->set, j->truths->items + j->truths->first[k], NULL, j->truths->first[k + 1] - j->truths->first[k]};
  yolo_voc_class *out = &j->out->classes[k];
  yolo_score_key *keys = NULL, *room = NULL;
  double *precision = NULL;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < truths.n; ++i) {
    const yolo_eval_truth *t = &j->set->truths[truths.ids[i]];
    out->truths += !t->difficult && !t->crowd;
  }
  out->ap = -1;
  if (out->truths == 0) return YOLO_OK;
  YOLO_ENOMEM_IF_NULL(keys = yolo_alloc_array(n, sizeof *keys));
  YOLO_ENOMEM_IF_NULL(room = yolo_alloc_array(n, sizeof *room));
  YOLO_ENOMEM_IF_NULL(truths.taken = yolo_calloc(truths.n, sizeof *truths.taken));
  YOLO_ENOMEM_IF_NULL(precision = yolo_alloc_array(truths.n, sizeof *precision));
  for (size_t i = 0; i < n; ++i) keys[i] = (yolo_score_key){yolo_score_to_key(j->set->detections[ids[i]].score), ids[i]};
  yolo_score_sort(keys, room, n);
  st = score_class(j, keys, n, &truths, precision, out);
done:
  yolo_free(keys);
  yolo_free(room);
  yolo_free(truths.taken);
  yolo_free(precision);
  return st;
}

static void class_task(void *payload, int k, int thread) {
  (void)thread;
  job *j = payload;
  j->status[k] = run_class(j, k);
}

static double mean_of(const yolo_voc_result *r) {
  double sum = 0;
  int n = 0;
  for (int k = 0; k < r->n_classes; ++k) {
    if (r->classes[k].ap < 0) continue;
    sum += r->classes[k].ap;
    ++n;
  }
  return n ? sum / n : -1;
}

yolo_status yolo_voc_run(const yolo_eval_set *set, const yolo_voc_options *how, yolo_voc_result *out) {
  const int threads = how->threads ? how->threads : yolo_threads_available();
  yolo_eval_order detections = {0}, truths = {0};
  job j = {set, how, &detections, &truths, out, NULL};
  yolo_status st = YOLO_OK;
  *out = (yolo_voc_result){.rule = how->rule, .iou = how->iou, .n_classes = set->n_classes};
  if (how->overlap == YOLO_EVAL_MASK) YOLO_TRY(check_masks(set));
  YOLO_TRY(yolo_eval_order_detections(set, false, &detections));
  YOLO_TRY(yolo_eval_order_truths(set, false, &truths));
  YOLO_ENOMEM_IF_NULL(out->classes = yolo_calloc((size_t)set->n_classes, sizeof *out->classes));
  YOLO_ENOMEM_IF_NULL(j.status = yolo_calloc((size_t)set->n_classes, sizeof *j.status));
  yolo_parallel(threads, set->n_classes, class_task, &j);
  for (int k = 0; k < set->n_classes && st == YOLO_OK; ++k) {
    if (j.status[k] != YOLO_OK) st = yolo_fail(j.status[k], "memory ran short while detections were matched");
  }
  if (st == YOLO_OK) out->mean_ap = mean_of(out);
done:
  yolo_free(j.status);
  yolo_eval_order_free(&detections);
  yolo_eval_order_free(&truths);
  if (st != YOLO_OK) yolo_voc_result_free(out);
  return st;
}

void yolo_voc_result_free(yolo_voc_result *result) {
  yolo_free(result->classes);
  *result = (yolo_voc_result){0};
}
