/* k-means with 1 - IoU: see anchors.h.
 *
 * Several restarts, each from its own seeds (k-means++, Arthur & Vassilvitskii 2007, section 2.2: a new seed is drawn with
 * probability proportional to the squared distance from those there are) on a sample of the boxes; the best is refined on all
 * of them. Means do not minimise 1 - IoU exactly, so a round may make it worse: the best round counts, not the last. Sums run
 * over fixed chunks, added in their order: the result is the same for any number of threads. */
#include "train/anchors.h"

#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/threads.h"

enum { CHUNK = 8192, SAMPLE = 20000, MOST_ROUNDS = 300, PATIENCE = 10, RESTARTS = 50, SAMPLE_STREAM = 1 << 20 };

/* Of two boxes with one centre. */
static double iou_of_sizes(yolo_box_size a, yolo_box_size b) {
  double w = a.width < b.width ? a.width : b.width, h = a.height < b.height ? a.height : b.height;
  return w * h / (a.width * a.height + b.width * b.height - w * h);
}

static int best_anchor(yolo_box_size box, const yolo_box_size *anchors, int k, double *iou) {
  int best = 0;
  *iou = -1;
  for (int i = 0; i < k; ++i) {
    double with = iou_of_sizes(box, anchors[i]);
    if (with <= *iou) continue;
    *iou = with;
    best = i;
  }
  return best;
}

/* ---- one round: every box goes to its best anchor ---- */

typedef struct chunk_sums {
  double iou, width[YOLO_MOST_ANCHORS], height[YOLO_MOST_ANCHORS];
  size_t count[YOLO_MOST_ANCHORS];
} chunk_sums;

typedef struct round_state {
  const yolo_box_size *boxes;
  size_t n;
  const yolo_box_size *anchors;
  int k;
  chunk_sums *sums; /* one a chunk */
} round_state;

static int chunks_of(size_t n) { return (int)((n + CHUNK - 1) / CHUNK); }

static void sum_chunk(void *payload, int task, int thread) {
  round_state *r = payload;
  chunk_sums *sums = &r->sums[task];
  size_t end = (size_t)(task + 1) * CHUNK;
  (void)thread;
  *sums = (chunk_sums){0};
  for (size_t i = (size_t)task * CHUNK; i < end && i < r->n; ++i) {
    double iou;
    int best = best_anchor(r->boxes[i], r->anchors, r->k, &iou);
    sums->iou += iou;
    sums->width[best] += r->boxes[i].width;
    sums->height[best] += r->boxes[i].height;
    sums->count[best]++;
  }
}

/* The average IoU with `anchors`; `next` are the means of what each of them drew (one that drew nothing stays). */
static double run_round(round_state *r, int threads, yolo_box_size *next) {
  chunk_sums all = {0};
  int chunks = chunks_of(r->n);
  yolo_parallel(threads, chunks, sum_chunk, r);
  for (int c = 0; c < chunks; ++c) {
    all.iou += r->sums[c].iou;
    for (int i = 0; i < r->k; ++i) {
      all.width[i] += r->sums[c].width[i];
      all.height[i] += r->sums[c].height[i];
      all.count[i] += r->sums[c].count[i];
    }
  }
  for (int i = 0; i < r->k; ++i) {
    double count = (double)all.count[i];
    next[i] = all.count[i] ? (yolo_box_size){all.width[i] / count, all.height[i] / count} : r->anchors[i];
  }
  return all.iou / (double)r->n;
}

/* Rounds from `anchors` until nothing moves or nothing got better for a while; leaves the best there. */
static yolo_status refine(const yolo_box_size *boxes, size_t n, int k, int threads, yolo_box_size *anchors, double *average) {
  yolo_box_size now[YOLO_MOST_ANCHORS], next[YOLO_MOST_ANCHORS];
  size_t bytes = (size_t)k * sizeof *now;
  round_state r = {boxes, n, now, k, yolo_alloc_array((size_t)chunks_of(n), sizeof *r.sums)};
  if (!r.sums) return YOLO_ENOMEM;
  memcpy(now, anchors, bytes);
  *average = -1;
  for (int round = 0, worse = 0; round < MOST_ROUNDS && worse < PATIENCE; ++round) {
    double iou = run_round(&r, threads, next);
    worse = iou > *average ? 0 : worse + 1;
    if (iou > *average) {
      *average = iou;
      memcpy(anchors, now, bytes);
    }
    if (memcmp(now, next, bytes) == 0) break;
    memcpy(now, next, bytes);
  }
  yolo_free(r.sums);
  return YOLO_OK;
}

/* ---- seeds ---- */

/* A number in [0, 1) with 53 bits. */
static double draw(yolo_rng *rng) {
  uint64_t high = yolo_rng_u32(rng) >> 5, low = yolo_rng_u32(rng) >> 6;
  return (double)(high << 26 | low) * 0x1p-53;
}

/* How many seeds there are: less than k when there are no more different boxes. `far` has room for n. */
static int draw_seeds(const yolo_box_size *boxes, size_t n, int k, yolo_rng *rng, double *far, yolo_box_size *seeds) {
  seeds[0] = boxes[(size_t)(draw(rng) * (double)n)];
  for (size_t i = 0; i < n; ++i) far[i] = 1;
  for (int have = 1; have < k; ++have) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
      double distance = 1 - iou_of_sizes(boxes[i], seeds[have - 1]);
      if (distance * distance < far[i]) far[i] = distance * distance;
      sum += far[i];
    }
    if (sum <= 0) return have;
    double target = draw(rng) * sum;
    size_t chosen = n;
    for (size_t i = 0; i < n && (chosen == n || target >= 0); ++i) {
      target -= far[i];
      if (far[i] > 0) chosen = i; /* the last that can be drawn, should rounding leave something */
    }
    seeds[have] = boxes[chosen];
  }
  return k;
}

/* ---- restarts ---- */

typedef struct attempt {
  yolo_box_size anchors[YOLO_MOST_ANCHORS];
  double average;
  int found; /* anchors */
  yolo_status status;
} attempt;

typedef struct search {
  const yolo_box_size *boxes; /* the sample */
  size_t n;
  int k;
  uint64_t seed;
  attempt *attempts;
} search;

static void try_once(void *payload, int task, int thread) {
  search *s = payload;
  attempt *a = &s->attempts[task];
  yolo_rng rng = {.key = s->seed, .stream = (uint64_t)task};
  double *far = yolo_alloc_array(s->n, sizeof *far);
  (void)thread;
  a->status = far ? YOLO_OK : YOLO_ENOMEM;
  if (far) a->found = draw_seeds(s->boxes, s->n, s->k, &rng, far, a->anchors);
  yolo_free(far);
  if (a->status == YOLO_OK) a->status = refine(s->boxes, s->n, a->found, 1, a->anchors, &a->average);
}

/* The best attempt, the first of equals; a failure of any is the search's. */
static yolo_status best_attempt(const search *s, int restarts, const attempt **out) {
  const attempt *best = &s->attempts[0];
  for (int i = 0; i < restarts; ++i) {
    const attempt *a = &s->attempts[i];
    if (a->status != YOLO_OK) return yolo_fail(a->status, "out of memory while anchors are searched");
    if (a->average > best->average) best = a;
  }
  *out = best;
  if (best->found == s->k) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "%d clusters are wanted, but there are only %d different box sizes", s->k, best->found);
}

/* All boxes, or so many drawn from them (with putting back: boxes are many). *out: yolo_free. */
static yolo_status take_sample(const yolo_box_size *boxes, size_t n, uint64_t seed, yolo_box_size **out, size_t *count) {
  yolo_rng rng = {.key = seed, .stream = SAMPLE_STREAM};
  *count = n <= SAMPLE ? n : SAMPLE;
  *out = yolo_alloc_array(*count, sizeof **out);
  if (!*out) return YOLO_ENOMEM;
  for (size_t i = 0; i < *count; ++i) (*out)[i] = boxes[n <= SAMPLE ? i : (size_t)(draw(&rng) * (double)n)];
  return YOLO_OK;
}

static int by_area(const void *a, const void *b) {
  const yolo_box_size *x = a, *y = b;
  double first = x->width * x->height, second = y->width * y->height;
  if (first != second) return first < second ? -1 : 1;
  return (x->width > y->width) - (x->width < y->width);
}

yolo_status yolo_anchors_find(const yolo_box_size *boxes, size_t n, const yolo_anchor_search *how, yolo_box_size *anchors) {
  yolo_status st = YOLO_OK;
  yolo_box_size *sample = NULL;
  int restarts = how->restarts > 0 ? how->restarts : RESTARTS;
  int threads = how->threads > 0 ? how->threads : yolo_threads_available();
  search s = {.k = how->clusters, .seed = how->seed};
  const attempt *best = NULL;
  double average;
  if (s.k < 1 || s.k > YOLO_MOST_ANCHORS)
    return yolo_fail(YOLO_EINVAL, "%d clusters: 1 to %d are possible", s.k, YOLO_MOST_ANCHORS);
  if (n == 0) return yolo_fail(YOLO_EINVAL, "there are no boxes to find anchors for");
  YOLO_TRY(take_sample(boxes, n, how->seed, &sample, &s.n));
  s.boxes = sample;
  s.attempts = yolo_calloc((size_t)restarts, sizeof *s.attempts);
  YOLO_ENOMEM_IF_NULL(s.attempts);
  yolo_parallel(threads, restarts, try_once, &s);
  YOLO_TRY(best_attempt(&s, restarts, &best));
  memcpy(anchors, best->anchors, (size_t)s.k * sizeof *anchors);
  if (n > s.n) YOLO_TRY(refine(boxes, n, s.k, threads, anchors, &average));
  qsort(anchors, (size_t)s.k, sizeof *anchors, by_area);
done:
  yolo_free(sample);
  yolo_free(s.attempts);
  return st;
}

/* ---- how well they cover ---- */

/* max(w/w', w'/w, h/h', h'/h) */
static double worst_ratio(yolo_box_size a, yolo_box_size b) {
  double w = a.width > b.width ? a.width / b.width : b.width / a.width;
  double h = a.height > b.height ? a.height / b.height : b.height / a.height;
  return w > h ? w : h;
}

void yolo_anchors_judge(const yolo_box_size *boxes, size_t n, const yolo_box_size *anchors, int clusters,
                        yolo_anchor_fit *out) {
  size_t by_ratio = 0, by_iou = 0, counts[YOLO_MOST_ANCHORS] = {0};
  double sum = 0;
  *out = (yolo_anchor_fit){0};
  if (n == 0) return;
  for (size_t i = 0; i < n; ++i) {
    double iou, ratio = worst_ratio(boxes[i], anchors[0]);
    counts[best_anchor(boxes[i], anchors, clusters, &iou)]++;
    for (int k = 1; k < clusters; ++k) {
      double other = worst_ratio(boxes[i], anchors[k]);
      if (other < ratio) ratio = other;
    }
    sum += iou;
    by_iou += iou > 0.5;
    by_ratio += ratio < 4;
  }
  out->average_iou = sum / (double)n;
  out->ratio_recall = (double)by_ratio / (double)n;
  out->iou_recall = (double)by_iou / (double)n;
  for (int k = 0; k < clusters; ++k) out->shares[k] = (double)counts[k] / (double)n;
}
