/* The bootstrap over images: see bootstrap.h.
 *
 * Precision is looked at where a detection is right, tp / (tp + fp). There tp + fp is the weight of all detections up to it
 * but the ignored ones, which is one running sum for all thresholds; what is left to do at each threshold is a walk over the
 * right detections alone. It goes from the last to the first, as in coco_accumulate.c. */
#include "train/eval/bootstrap.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/threads.h"
#include "train/eval/coco_match.h"

/* Places of detections in a class, counted from its first: right (or ignored) at one threshold. */
typedef struct places {
  const uint32_t *at;
  size_t n;
} places;

/* One thread's. */
typedef struct scratch {
  uint32_t *weights; /* of images */
  uint32_t *sums;    /* [most_kept]: weight of a class's detections up to and with each */
} scratch;

/* What all draws share. */
typedef struct plan {
  const yolo_eval_matches *matches;
  uint32_t *images; /* of the detections that are kept, by class: those that count at some threshold, up to the last right */
  size_t *first;    /* [n_classes + 1] */
  uint32_t *at;     /* what the places point into */
  places *right;    /* [n_classes][n_ious] */
  places *ignored;  /* [n_classes][n_ious], of those kept */
  size_t most_kept; /* of one class */
  int half;         /* index of the threshold 0.5; -1 */
  int capacity;     /* threads that have scratch */
  scratch *scratch;
  uint64_t seed;
  double *ap, *ap50; /* of each draw */
} plan;

/* ---- the plan ---- */

static uint32_t limit_of(const yolo_eval_params *p) {
  const int hundred = yolo_eval_limit_index(p, 100);
  return (uint32_t)p->limits[hundred >= 0 ? hundred : p->n_limits - 1];
}

/* Bits of detection i; false when it counts at no threshold. */
static bool look(const yolo_eval_matches *m, size_t i, uint32_t limit, uint32_t *right, uint32_t *ignored) {
  size_t at = i * (size_t)m->params.n_areas;
  *right = m->hits[at] & ~m->ignored[at];
  *ignored = m->ignored[at];
  return m->items[i].rank < limit && (~*ignored & yolo_eval_every_iou(&m->params)) != 0;
}

/* Images of the detections of class k that are kept. */
static void keep_class(plan *p, int k, uint32_t limit) {
  const yolo_eval_matches *m = p->matches;
  size_t n = p->first[k], last = n;
  uint32_t right, ignored;
  for (size_t i = m->first[k]; i < m->first[k + 1]; ++i) {
    if (!look(m, i, limit, &right, &ignored)) continue;
    p->images[n++] = m->items[i].image;
    if (right) last = n;
  }
  p->first[k + 1] = last;
  if (last - p->first[k] > p->most_kept) p->most_kept = last - p->first[k];
}

/* Writes the places of class k at threshold t to `to`; returns how many of both there are. */
static size_t list_places(plan *p, int k, int t, uint32_t limit, uint32_t *to) {
  const yolo_eval_matches *m = p->matches;
  const size_t kept = p->first[k + 1] - p->first[k], cell = (size_t)k * (size_t)m->params.n_ious + (size_t)t;
  size_t n = 0, place, i;
  uint32_t right, ignored;
  for (int turn = 0; turn < 2; ++turn) {
    size_t before = n;
    for (i = m->first[k], place = 0; place < kept; ++i) {
      if (!look(m, i, limit, &right, &ignored)) continue;
      if ((turn ? ignored : right) >> t & 1) to[n++] = (uint32_t)place;
      ++place;
    }
    (turn ? p->ignored : p->right)[cell] = (places){to + before, n - before};
  }
  return n;
}

static size_t count_places(const plan *p, uint32_t limit) {
  const yolo_eval_matches *m = p->matches;
  size_t n = 0;
  uint32_t right, ignored;
  for (size_t i = 0; i < m->n; ++i) {
    if (!look(m, i, limit, &right, &ignored)) continue;
    for (uint32_t bits = (right | ignored) & yolo_eval_every_iou(&m->params); bits; bits &= bits - 1) ++n;
  }
  return n;
}

static yolo_status make_plan(const yolo_eval_matches *m, plan *p) {
  const uint32_t limit = limit_of(&m->params);
  const size_t cells = (size_t)m->n_classes * (size_t)m->params.n_ious;
  size_t n = 0;
  yolo_status st = YOLO_OK;
  p->matches = m;
  p->half = yolo_eval_iou_index(&m->params, 0.5);
  YOLO_ENOMEM_IF_NULL(p->images = yolo_alloc_array(m->n, sizeof *p->images));
  YOLO_ENOMEM_IF_NULL(p->first = yolo_calloc((size_t)m->n_classes + 1, sizeof *p->first));
  YOLO_ENOMEM_IF_NULL(p->at = yolo_alloc_array(count_places(p, limit), sizeof *p->at));
  YOLO_ENOMEM_IF_NULL(p->right = yolo_alloc_array(cells, sizeof *p->right));
  YOLO_ENOMEM_IF_NULL(p->ignored = yolo_alloc_array(cells, sizeof *p->ignored));
  for (int k = 0; k < m->n_classes; ++k) keep_class(p, k, limit);
  for (int k = 0; k < m->n_classes; ++k) {
    for (int t = 0; t < m->params.n_ious; ++t) n += list_places(p, k, t, limit, p->at + n);
  }
done:
  return st;
}

static yolo_status make_scratch(plan *p, int threads) {
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(p->scratch = yolo_calloc((size_t)threads, sizeof *p->scratch));
  p->capacity = threads;
  for (int i = 0; i < threads; ++i) {
    YOLO_ENOMEM_IF_NULL(p->scratch[i].weights = yolo_alloc_array(p->matches->n_images, sizeof *p->scratch[i].weights));
    YOLO_ENOMEM_IF_NULL(p->scratch[i].sums = yolo_alloc_array(p->most_kept, sizeof *p->scratch[i].sums));
  }
done:
  return st;
}

static void free_plan(plan *p) {
  for (int i = 0; i < p->capacity; ++i) {
    yolo_free(p->scratch[i].weights);
    yolo_free(p->scratch[i].sums);
  }
  yolo_free(p->scratch);
  yolo_free(p->images);
  yolo_free(p->first);
  yolo_free(p->at);
  yolo_free(p->right);
  yolo_free(p->ignored);
  yolo_free(p->ap);
  yolo_free(p->ap50);
}

/* ---- one draw ---- */

static void add_up(const plan *p, scratch *s, int k) {
  const uint32_t *images = p->images + p->first[k];
  size_t n = p->first[k + 1] - p->first[k];
  uint32_t sum = 0;
  for (size_t i = 0; i < n; ++i) s->sums[i] = sum += s->weights[images[i]];
}

static uint32_t weight_of(const plan *p, const scratch *s, int k, const places *list) {
  const uint32_t *images = p->images + p->first[k];
  uint32_t sum = 0;
  for (size_t i = 0; i < list->n; ++i) sum += s->weights[images[list->at[i]]];
  return sum;
}

/* need[r]: the fewest right detections with right / positives >= recalls[r]. */
static void find_needs(const yolo_eval_params *p, size_t positives, size_t *need) {
  for (int r = 0; r < p->n_recalls; ++r) {
    size_t n = (size_t)(p->recalls[r] * (double)positives);
    while (n > 0 && (double)(n - 1) / (double)positives >= p->recalls[r]) --n;
    while ((double)n / (double)positives < p->recalls[r]) ++n;
    need[r] = n;
  }
}

/* The sum of precision over the recalls, at threshold t. */
static double walk_back(const plan *p, const scratch *s, int k, int t, const size_t *need) {
  const size_t cell = (size_t)k * (size_t)p->matches->params.n_ious + (size_t)t;
  const places *right = &p->right[cell], *ignored = &p->ignored[cell];
  const uint32_t *images = p->images + p->first[k];
  uint32_t tp = weight_of(p, s, k, right), passed_over = weight_of(p, s, k, ignored);
  size_t left = ignored->n;
  double envelope = 0, sum = 0;
  int r = p->matches->params.n_recalls - 1;
  while (r >= 0 && need[r] > tp) --r;
  for (size_t i = right->n; i-- > 0;) {
    /* A detection that was not drawn has weight 0: it changes nothing, and costs less than a branch that nobody can predict. */
    const uint32_t at = right->at[i], weight = s->weights[images[at]];
    while (left > 0 && ignored->at[left - 1] > at) passed_over -= s->weights[images[ignored->at[--left]]];
    double precision = (double)tp / ((double)(s->sums[at] - passed_over) + DBL_EPSILON);
    if (precision > envelope) envelope = precision;
    tp -= weight;
    for (; r >= 0 && need[r] > tp; --r) sum += envelope;
  }
  return sum + envelope * (r + 1);
}

static size_t positives_of(const plan *p, const scratch *s, int k) {
  size_t n = 0;
  for (size_t i = p->matches->first_tally[k]; i < p->matches->first_tally[k + 1]; ++i) {
    const yolo_eval_tally *tally = &p->matches->tallies[i];
    n += (size_t)s->weights[tally->image] * tally->count;
  }
  return n;
}

static void score_draw(const plan *p, scratch *s, double *ap, double *ap50) {
  const yolo_eval_params *params = &p->matches->params;
  double all = 0, half = 0;
  size_t need[YOLO_EVAL_MOST_RECALLS];
  int classes = 0;
  for (int k = 0; k < p->matches->n_classes; ++k) {
    size_t positives = positives_of(p, s, k);
    if (positives == 0) continue;
    ++classes;
    find_needs(params, positives, need);
    add_up(p, s, k);
    for (int t = 0; t < params->n_ious; ++t) {
      double sum = walk_back(p, s, k, t, need);
      all += sum;
      if (t == p->half) half += sum;
    }
  }
  double each = (double)classes * params->n_recalls;
  *ap = classes ? all / (each * params->n_ious) : -1;
  *ap50 = classes && p->half >= 0 ? half / each : -1;
}

static void draw_images(uint64_t seed, int draw, uint32_t n, uint32_t *weights) {
  yolo_rng rng = {.key = seed, .stream = (uint64_t)draw};
  memset(weights, 0, n * sizeof *weights);
  for (uint32_t i = 0; i < n; ++i) ++weights[(uint64_t)yolo_rng_u32(&rng) * n >> 32];
}

static void draw_task(void *payload, int draw, int thread) {
  plan *p = payload;
  scratch *s = &p->scratch[thread];
  draw_images(p->seed, draw, p->matches->n_images, s->weights);
  score_draw(p, s, &p->ap[draw], &p->ap50[draw]);
}

/* ---- intervals ---- */

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(const double *sorted, int n, double q) {
  double at = q * (n - 1);
  int below = (int)floor(at), above = below + 1 < n ? below + 1 : below;
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

static double within(double value) { return value < 0 ? 0 : value > 1 ? 1 : value; }

/* Draws without any truth are undefined and left out. */
static yolo_eval_interval interval_of(double *values, int n, double score) {
  double mean = 0;
  qsort(values, (size_t)n, sizeof *values, ascending);
  while (n > 0 && *values < 0) ++values, --n;
  if (n == 0) return (yolo_eval_interval){-1, -1};
  for (int i = 0; i < n; ++i) mean += values[i] / n;
  double shift = score - mean;
  return (yolo_eval_interval){within(quantile(values, n, 0.025) + shift), within(quantile(values, n, 0.975) + shift)};
}

yolo_status yolo_eval_bootstrap_run(const yolo_eval_matches *m, int draws, uint64_t seed, yolo_eval_bootstrap *out) {
  const int threads = m->params.threads ? m->params.threads : yolo_threads_available();
  plan p = {.seed = seed};
  double ap, ap50;
  yolo_status st = YOLO_OK;
  *out = (yolo_eval_bootstrap){draws, seed, {-1, -1}, {-1, -1}};
  if (draws < 1 || draws > YOLO_EVAL_MOST_DRAWS)
    return yolo_fail(YOLO_EINVAL, "%d draws: 1 to %d", draws, YOLO_EVAL_MOST_DRAWS);
  if (m->n_images == 0) return YOLO_OK;
  YOLO_TRY(make_plan(m, &p));
  YOLO_TRY(make_scratch(&p, threads));
  YOLO_ENOMEM_IF_NULL(p.ap = yolo_alloc_array((size_t)draws, sizeof *p.ap));
  YOLO_ENOMEM_IF_NULL(p.ap50 = yolo_alloc_array((size_t)draws, sizeof *p.ap50));
  yolo_parallel(threads, draws, draw_task, &p);
  YOLO_TRY(yolo_eval_weighted_ap(m, NULL, &ap, &ap50));
  out->ap = interval_of(p.ap, draws, ap);
  out->ap50 = interval_of(p.ap50, draws, ap50);
done:
  free_plan(&p);
  return st;
}

yolo_status yolo_eval_weighted_ap(const yolo_eval_matches *m, const uint32_t *weights, double *ap, double *ap50) {
  plan p = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(make_plan(m, &p));
  YOLO_TRY(make_scratch(&p, 1));
  for (uint32_t i = 0; i < m->n_images; ++i) p.scratch->weights[i] = weights ? weights[i] : 1;
  score_draw(&p, p.scratch, ap, ap50);
done:
  free_plan(&p);
  return st;
}
