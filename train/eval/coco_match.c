/* Every class's detections against its truths: groups of one image and class are matched (coco_pairs.c), then the class's
 * detections are put in the order of their scores. Classes are independent, so they are shared among threads; what one class
 * writes has its place before any starts, and no sum crosses classes. */
#include "train/eval/coco_match.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "train/eval/score_sort.h"

/* ---- one class ---- */

typedef struct job {
  const yolo_eval_set *set;
  const yolo_eval_order *detections, *truths;
  yolo_eval_matches *out;
  yolo_status *status; /* of each class */
} job;

/* What one class needs while it is worked on; detections stand by image, then by score. */
typedef struct class_work {
  const job *job;
  int k;
  size_t kept; /* detections so far */
  yolo_eval_tally *tally;
  yolo_score_key *keys, *room;            /* [all of the class] */
  uint32_t *ids, *ranks;                  /* [kept] */
  uint32_t *hits, *ignored, *partners;    /* [kept][areas], [kept] */
  size_t positives[YOLO_EVAL_MOST_AREAS]; /* of one group */
  yolo_eval_scratch scratch;
} class_work;

static size_t most_kept(const yolo_eval_params *p) { return (size_t)p->limits[p->n_limits - 1]; }

static uint32_t image_of_detection(const yolo_eval_set *set, uint32_t id) { return set->detections[id].image; }
static uint32_t image_of_truth(const yolo_eval_set *set, uint32_t id) { return set->truths[id].image; }

/* A run of entries of one image: [*from, *to). */
static size_t run_end(const yolo_eval_set *set, const yolo_eval_order *order, size_t from, size_t end,
                      uint32_t (*image_of)(const yolo_eval_set *, uint32_t)) {
  size_t to = from;
  uint32_t image = from < end ? image_of(set, order->items[from]) : 0;
  while (to < end && image_of(set, order->items[to]) == image) ++to;
  return to;
}

/* The best of a group's detections by score; ties keep their order. Returns how many. */
static size_t take_best(class_work *w, size_t from, size_t to) {
  const job *j = w->job;
  size_t n = to - from, most = most_kept(&j->out->params);
  for (size_t i = 0; i < n; ++i) {
    uint32_t id = j->detections->items[from + i];
    w->keys[i] = (yolo_score_key){yolo_score_to_key(j->set->detections[id].score), (uint32_t)i};
  }
  yolo_score_sort(w->keys, w->room, n);
  if (n > most) n = most;
  for (size_t i = 0; i < n; ++i) {
    w->ids[w->kept + i] = j->detections->items[from + w->keys[i].place];
    w->ranks[w->kept + i] = (uint32_t)i;
  }
  return n;
}

static yolo_status match_image(class_work *w, size_t d, size_t d_end, size_t t, size_t t_end) {
  const job *j = w->job;
  const yolo_eval_params *p = &j->out->params;
  size_t n = take_best(w, d, d_end), a_row = w->kept * (size_t)p->n_areas;
  const yolo_eval_group group = {p, j->set, w->ids + w->kept, j->truths->items + t, n, t_end - t};
  const yolo_eval_group_out out = {w->hits + a_row, w->ignored + a_row, w->partners + w->kept, w->positives};
  yolo_status st = yolo_eval_match_group(&group, &w->scratch, &out);
  if (st != YOLO_OK) return st;
  for (int a = 0; a < p->n_areas; ++a) j->out->positives[(size_t)w->k * (size_t)p->n_areas + (size_t)a] += w->positives[a];
  if (t_end > t) *w->tally++ = (yolo_eval_tally){image_of_truth(j->set, j->truths->items[t]), (uint32_t)w->positives[0]};
  w->kept += n;
  return YOLO_OK;
}

/* Calls back for every image that has detections or truths of class k, in order. */
typedef yolo_status (*image_visitor)(void *payload, size_t d, size_t d_end, size_t t, size_t t_end);
static yolo_status each_image(const job *j, int k, image_visitor visit, void *payload) {
  size_t d = j->detections->first[k], d_last = j->detections->first[k + 1];
  size_t t = j->truths->first[k], t_last = j->truths->first[k + 1];
  yolo_status st = YOLO_OK;
  while (st == YOLO_OK && (d < d_last || t < t_last)) {
    size_t d_end = run_end(j->set, j->detections, d, d_last, image_of_detection);
    size_t t_end = run_end(j->set, j->truths, t, t_last, image_of_truth);
    uint32_t d_image = d < d_last ? image_of_detection(j->set, j->detections->items[d]) : UINT32_MAX;
    uint32_t t_image = t < t_last ? image_of_truth(j->set, j->truths->items[t]) : UINT32_MAX;
    if (d_image > t_image) d_end = d;
    if (t_image > d_image) t_end = t;
    st = visit(payload, d, d_end, t, t_end);
    d = d_end;
    t = t_end;
  }
  return st;
}

static yolo_status visit_image(void *payload, size_t d, size_t d_end, size_t t, size_t t_end) {
  return match_image(payload, d, d_end, t, t_end);
}

/* How large the groups of a class get, and what it keeps. */
typedef struct extents {
  size_t most, kept, images_with_truth;    /* most: the limit */
  size_t detections, truths, pairs, group; /* group: detections before the limit */
} extents;

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static yolo_status measure_image(void *payload, size_t d, size_t d_end, size_t t, size_t t_end) {
  extents *e = payload;
  size_t n = d_end - d < e->most ? d_end - d : e->most;
  e->kept += n;
  e->images_with_truth += t_end > t;
  e->group = larger(e->group, d_end - d);
  e->detections = larger(e->detections, n);
  e->truths = larger(e->truths, t_end - t);
  e->pairs = larger(e->pairs, n * (t_end - t));
  return YOLO_OK;
}

/* From the order by image to the order by score. */
static void put_in_order(class_work *w) {
  yolo_eval_matches *out = w->job->out;
  const yolo_eval_set *set = w->job->set;
  size_t first = out->first[w->k], areas = (size_t)out->params.n_areas;
  for (size_t i = 0; i < w->kept; ++i)
    w->keys[i] = (yolo_score_key){yolo_score_to_key(set->detections[w->ids[i]].score), (uint32_t)i};
  yolo_score_sort(w->keys, w->room, w->kept);
  for (size_t i = 0; i < w->kept; ++i) {
    size_t from = w->keys[i].place;
    const yolo_eval_detection *d = &set->detections[w->ids[from]];
    out->items[first + i] = (yolo_eval_match){d->score, w->ids[from], d->image, w->ranks[from], w->partners[from]};
    memcpy(out->hits + (first + i) * areas, w->hits + from * areas, areas * sizeof *out->hits);
    memcpy(out->ignored + (first + i) * areas, w->ignored + from * areas, areas * sizeof *out->ignored);
  }
}

static yolo_status match_class(const job *j, int k) {
  const size_t areas = (size_t)j->out->params.n_areas;
  extents e = {.most = most_kept(&j->out->params)};
  class_work w = {.job = j, .k = k, .tally = j->out->tallies + j->out->first_tally[k]};
  each_image(j, k, measure_image, &e);
  yolo_status st = yolo_eval_scratch_make(e.detections, e.truths, e.pairs, &w.scratch);
  if (st != YOLO_OK) return st;
  YOLO_ENOMEM_IF_NULL(w.keys = yolo_alloc_array(larger(e.kept, e.group), sizeof *w.keys));
  YOLO_ENOMEM_IF_NULL(w.room = yolo_alloc_array(larger(e.kept, e.group), sizeof *w.room));
  YOLO_ENOMEM_IF_NULL(w.ids = yolo_alloc_array(e.kept, sizeof *w.ids));
  YOLO_ENOMEM_IF_NULL(w.ranks = yolo_alloc_array(e.kept, sizeof *w.ranks));
  YOLO_ENOMEM_IF_NULL(w.hits = yolo_alloc_array(e.kept * areas, sizeof *w.hits));
  YOLO_ENOMEM_IF_NULL(w.ignored = yolo_alloc_array(e.kept * areas, sizeof *w.ignored));
  YOLO_ENOMEM_IF_NULL(w.partners = yolo_alloc_array(e.kept, sizeof *w.partners));
  YOLO_TRY(each_image(j, k, visit_image, &w));
  put_in_order(&w);
done:
  yolo_eval_scratch_free(&w.scratch);
  yolo_free(w.keys);
  yolo_free(w.room);
  yolo_free(w.ids);
  yolo_free(w.ranks);
  yolo_free(w.hits);
  yolo_free(w.ignored);
  yolo_free(w.partners);
  return st;
}

static void match_task(void *payload, int k, int thread) {
  (void)thread;
  job *j = payload;
  j->status[k] = match_class(j, k);
}

/* ---- all classes ---- */

static yolo_status check(const yolo_eval_set *set, const yolo_eval_params *p) {
  bool fits = p->n_ious >= 1 && p->n_ious <= YOLO_EVAL_MOST_THRESHOLDS && p->n_areas >= 1 &&
              p->n_areas <= YOLO_EVAL_MOST_AREAS && p->n_limits >= 1 && p->n_limits <= YOLO_EVAL_MOST_LIMITS &&
              p->n_recalls >= 1 && p->n_recalls <= YOLO_EVAL_MOST_RECALLS;
  for (int m = 0; fits && m < p->n_limits; ++m) fits = p->limits[m] > (m ? p->limits[m - 1] : 0);
  for (int t = 1; fits && t < p->n_ious; ++t) fits = p->ious[t] > p->ious[t - 1];
  for (int r = 1; fits && r < p->n_recalls; ++r) fits = p->recalls[r] > p->recalls[r - 1];
  if (!fits)
    return yolo_fail(YOLO_EINVAL,
                     "scores take 1 to %d IoU thresholds, 1 to %d areas and 1 to %d limits of detections, ascending",
                     YOLO_EVAL_MOST_THRESHOLDS, YOLO_EVAL_MOST_AREAS, YOLO_EVAL_MOST_LIMITS);
  if (p->overlap != YOLO_EVAL_MASK) return YOLO_OK;
  for (size_t i = 0; fits && i < set->n_truths; ++i) fits = set->truths[i].mask != NULL;
  if (!fits) return yolo_fail(YOLO_EINVAL, "masks are to be scored, but a truth has none");
  for (size_t i = 0; fits && i < set->n_detections; ++i) fits = set->detections[i].mask != NULL;
  return fits ? YOLO_OK : yolo_fail(YOLO_EINVAL, "masks are to be scored, but a detection has none");
}

/* Where each class's results begin. */
static yolo_status lay_out(const job *j) {
  yolo_eval_matches *out = j->out;
  const size_t classes = (size_t)out->n_classes, areas = (size_t)out->params.n_areas;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(out->first = yolo_calloc(classes + 1, sizeof *out->first));
  YOLO_ENOMEM_IF_NULL(out->first_tally = yolo_calloc(classes + 1, sizeof *out->first_tally));
  for (size_t k = 0; k < classes; ++k) {
    extents e = {.most = most_kept(&out->params)};
    each_image(j, (int)k, measure_image, &e);
    out->first[k + 1] = out->first[k] + e.kept;
    out->first_tally[k + 1] = out->first_tally[k] + e.images_with_truth;
  }
  out->n = out->first[classes];
  YOLO_ENOMEM_IF_NULL(out->items = yolo_alloc_array(out->n, sizeof *out->items));
  YOLO_ENOMEM_IF_NULL(out->hits = yolo_alloc_array(out->n * areas, sizeof *out->hits));
  YOLO_ENOMEM_IF_NULL(out->ignored = yolo_alloc_array(out->n * areas, sizeof *out->ignored));
  YOLO_ENOMEM_IF_NULL(out->positives = yolo_calloc(classes * areas, sizeof *out->positives));
  YOLO_ENOMEM_IF_NULL(out->tallies = yolo_alloc_array(out->first_tally[classes], sizeof *out->tallies));
done:
  return st;
}

yolo_status yolo_eval_match_all(const yolo_eval_set *set, const yolo_eval_params *p, yolo_eval_matches *out) {
  yolo_eval_order detections = {0}, truths = {0};
  job j = {set, &detections, &truths, out, NULL};
  *out = (yolo_eval_matches){.params = *p, .n_images = set->n_images};
  out->n_classes = p->class_agnostic ? 1 : set->n_classes;
  yolo_status st = check(set, p);
  if (st != YOLO_OK) return st;
  YOLO_TRY(yolo_eval_order_detections(set, p->class_agnostic, &detections));
  YOLO_TRY(yolo_eval_order_truths(set, p->class_agnostic, &truths));
  YOLO_TRY(lay_out(&j));
  YOLO_ENOMEM_IF_NULL(j.status = yolo_calloc((size_t)out->n_classes, sizeof *j.status));
  yolo_parallel(p->threads ? p->threads : yolo_threads_available(), out->n_classes, match_task, &j);
  for (int k = 0; k < out->n_classes && st == YOLO_OK; ++k) {
    if (j.status[k] != YOLO_OK) st = yolo_fail(j.status[k], "memory ran short while detections were matched");
  }
done:
  yolo_free(j.status);
  yolo_eval_order_free(&detections);
  yolo_eval_order_free(&truths);
  if (st != YOLO_OK) yolo_eval_matches_free(out);
  return st;
}

void yolo_eval_matches_free(yolo_eval_matches *matches) {
  yolo_free(matches->items);
  yolo_free(matches->first);
  yolo_free(matches->hits);
  yolo_free(matches->ignored);
  yolo_free(matches->positives);
  yolo_free(matches->tallies);
  yolo_free(matches->first_tally);
  *matches = (yolo_eval_matches){0};
}
