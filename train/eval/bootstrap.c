/* The bootstrap over images: see bootstrap.h.
 *
 * Most detections are wrong at every threshold. Those between two that are not ("events") only add up, so a draw sums the
 * weights of such a run and then looks at one event. The walk is that of coco_accumulate.c, from the last to the first. */
#include "train/eval/bootstrap.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/threads.h"

typedef struct event {
  uint32_t image, right, wrong; /* right, wrong: a bit for each threshold */
  size_t run_end;               /* the wrong ones before it: from the run_end of the event before */
} event;

/* What all draws share. */
typedef struct plan {
  const yolo_eval_matches *matches;
  event *events;
  size_t *first_event; /* of each class, n_classes + 1 */
  uint32_t *runs;      /* images of detections that are wrong at every threshold */
  size_t n_events, n_runs, most_events;
  int half;     /* index of the threshold 0.5; -1 */
  int capacity; /* threads that have scratch */
  struct scratch *scratch;
  uint64_t seed;
  double *ap, *ap50; /* of each draw */
} plan;

/* One thread's. */
typedef struct scratch {
  uint32_t *weights;  /* of images */
  uint32_t *run_sums; /* of each event of a class: the weight of the run before it */
} scratch;

/* ---- the plan ---- */

static void plan_class(plan *p, int k, uint32_t limit, uint32_t every) {
  const yolo_eval_matches *m = p->matches;
  p->first_event[k] = p->n_events;
  size_t runs_kept = p->n_runs;
  for (size_t i = m->first[k]; i < m->first[k + 1]; ++i) {
    size_t at = i * (size_t)m->params.n_areas;
    uint32_t right = m->hits[at] & ~m->ignored[at], wrong = every & ~m->hits[at] & ~m->ignored[at];
    if (m->items[i].rank >= limit || (right | wrong) == 0) continue;
    if (wrong == every) {
      p->runs[p->n_runs++] = m->items[i].image;
      continue;
    }
    p->events[p->n_events++] = (event){m->items[i].image, right, wrong, p->n_runs};
    runs_kept = p->n_runs;
  }
  p->n_runs = runs_kept; /* what comes after the last event changes no precision that is looked at */
  size_t events = p->n_events - p->first_event[k];
  if (events > p->most_events) p->most_events = events;
}

static yolo_status make_plan(const yolo_eval_matches *m, plan *p) {
  const int hundred = yolo_eval_limit_index(&m->params, 100);
  const uint32_t limit = (uint32_t)m->params.limits[hundred >= 0 ? hundred : m->params.n_limits - 1];
  const uint32_t every = m->params.n_ious == 32 ? UINT32_MAX : ((uint32_t)1 << m->params.n_ious) - 1;
  yolo_status st = YOLO_OK;
  p->matches = m;
  p->half = yolo_eval_iou_index(&m->params, 0.5);
  YOLO_ENOMEM_IF_NULL(p->events = yolo_alloc_array(m->n, sizeof *p->events));
  YOLO_ENOMEM_IF_NULL(p->runs = yolo_alloc_array(m->n, sizeof *p->runs));
  YOLO_ENOMEM_IF_NULL(p->first_event = yolo_calloc((size_t)m->n_classes + 1, sizeof *p->first_event));
  for (int k = 0; k < m->n_classes; ++k) plan_class(p, k, limit, every);
  p->first_event[m->n_classes] = p->n_events;
done:
  return st;
}

static yolo_status make_scratch(plan *p, int threads) {
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(p->scratch = yolo_calloc((size_t)threads, sizeof *p->scratch));
  p->capacity = threads;
  for (int i = 0; i < threads; ++i) {
    YOLO_ENOMEM_IF_NULL(p->scratch[i].weights = yolo_alloc_array(p->matches->n_images, sizeof *p->scratch[i].weights));
    YOLO_ENOMEM_IF_NULL(p->scratch[i].run_sums = yolo_alloc_array(p->most_events, sizeof *p->scratch[i].run_sums));
  }
done:
  return st;
}

static void free_plan(plan *p) {
  for (int i = 0; i < p->capacity; ++i) {
    yolo_free(p->scratch[i].weights);
    yolo_free(p->scratch[i].run_sums);
  }
  yolo_free(p->scratch);
  yolo_free(p->events);
  yolo_free(p->runs);
  yolo_free(p->first_event);
  yolo_free(p->ap);
  yolo_free(p->ap50);
}

/* ---- one draw ---- */

/* Sums of weights at each threshold. What is wrong at all of them is kept once, in `base`. Loops run over all lanes, whose
 * number is fixed, so that the compiler can make vectors of them. */
typedef struct class_sums {
  uint32_t tp[YOLO_EVAL_MOST_THRESHOLDS], fp[YOLO_EVAL_MOST_THRESHOLDS];
  uint32_t base;
} class_sums;

static const uint32_t lane_bits[YOLO_EVAL_MOST_THRESHOLDS] = {
    1u << 0,  1u << 1,  1u << 2,  1u << 3,  1u << 4,  1u << 5,  1u << 6,  1u << 7,  1u << 8,  1u << 9,  1u << 10,
    1u << 11, 1u << 12, 1u << 13, 1u << 14, 1u << 15, 1u << 16, 1u << 17, 1u << 18, 1u << 19, 1u << 20, 1u << 21,
    1u << 22, 1u << 23, 1u << 24, 1u << 25, 1u << 26, 1u << 27, 1u << 28, 1u << 29, 1u << 30, 1u << 31};

static inline void add_where(uint32_t *sums, uint32_t bits, uint32_t weight, int lanes) {
  for (int t = 0; t < lanes; ++t) sums[t] += bits & lane_bits[t] ? weight : 0;
}

static inline void forward(const plan *p, scratch *s, int k, class_sums *n, int lanes) {
  size_t from = p->first_event[k] > 0 ? p->events[p->first_event[k] - 1].run_end : 0;
  *n = (class_sums){{0}, {0}, 0};
  for (size_t e = p->first_event[k]; e < p->first_event[k + 1]; ++e) {
    const event *v = &p->events[e];
    const uint32_t weight = s->weights[v->image];
    uint32_t sum = 0;
    for (; from < v->run_end; ++from) sum += s->weights[p->runs[from]];
    s->run_sums[e - p->first_event[k]] = sum;
    n->base += sum;
    if (weight == 0) continue;
    add_where(n->tp, v->right, weight, lanes);
    add_where(n->fp, v->wrong, weight, lanes);
  }
}

enum { FEW_LANES = 12 };

static void walk_forward(const plan *p, scratch *s, int k, class_sums *n) {
  if (p->matches->params.n_ious <= FEW_LANES) {
    forward(p, s, k, n, FEW_LANES);
  } else {
    forward(p, s, k, n, YOLO_EVAL_MOST_THRESHOLDS);
  }
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

static inline int lowest_bit(uint32_t bits) { return __builtin_ctz(bits); }

/* The recalls that are not settled yet, and the highest precision so far, at each threshold. */
typedef struct walk {
  double envelope[YOLO_EVAL_MOST_THRESHOLDS], sums[YOLO_EVAL_MOST_THRESHOLDS];
  int r[YOLO_EVAL_MOST_THRESHOLDS];
} walk;

static inline void step_back(walk *w, class_sums *n, int t, uint32_t weight, const size_t *need) {
  double precision = (double)n->tp[t] / ((double)(n->tp[t] + n->fp[t] + n->base) + DBL_EPSILON);
  if (precision > w->envelope[t]) w->envelope[t] = precision;
  n->tp[t] -= weight;
  for (; w->r[t] >= 0 && need[w->r[t]] > n->tp[t]; --w->r[t]) w->sums[t] += w->envelope[t];
}

/* Sums of precision over the recalls, at each threshold. */
static void walk_back(const plan *p, const scratch *s, int k, class_sums *n, const size_t *need, walk *w) {
  const yolo_eval_params *params = &p->matches->params;
  for (int t = 0; t < params->n_ious; ++t) {
    w->sums[t] = w->envelope[t] = 0;
    w->r[t] = params->n_recalls - 1;
    while (w->r[t] >= 0 && need[w->r[t]] > n->tp[t]) --w->r[t];
  }
  for (size_t e = p->first_event[k + 1]; e-- > p->first_event[k];) {
    const event *v = &p->events[e];
    const uint32_t weight = s->weights[v->image];
    for (uint32_t bits = weight ? v->right : 0; bits; bits &= bits - 1) step_back(w, n, lowest_bit(bits), weight, need);
    for (uint32_t bits = weight ? v->wrong : 0; bits; bits &= bits - 1) n->fp[lowest_bit(bits)] -= weight;
    n->base -= s->run_sums[e - p->first_event[k]];
  }
  for (int t = 0; t < params->n_ious; ++t) w->sums[t] += w->envelope[t] * (w->r[t] + 1);
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
  walk w;
  size_t need[YOLO_EVAL_MOST_RECALLS];
  int classes = 0;
  for (int k = 0; k < p->matches->n_classes; ++k) {
    class_sums n;
    size_t positives = positives_of(p, s, k);
    if (positives == 0) continue;
    ++classes;
    find_needs(params, positives, need);
    walk_forward(p, s, k, &n);
    walk_back(p, s, k, &n, need, &w);
    for (int t = 0; t < params->n_ious; ++t) all += w.sums[t];
    if (p->half >= 0) half += w.sums[p->half];
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
