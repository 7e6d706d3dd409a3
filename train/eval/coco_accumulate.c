/* From matches to precision over recall, as COCOeval.accumulate: for each class, area and limit
 *
 *   tp, fp running over all detections by score     rc = tp / positives     pr = tp / (fp + tp + eps)
 *   pr made monotone from the right                 q[r] = pr at the first detection with rc >= recalls[r], else 0
 *
 * The walk goes from the last detection to the first, so that the envelope is a running maximum and nothing has to be kept.
 * Only right detections are looked at: between two of them recall stands still and precision falls, so neither the first
 * place that reaches a recall nor the maximum can lie there. */
#include <float.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "train/eval/coco_match.h"

typedef struct job {
  const yolo_eval_matches *matches;
  yolo_eval_result *out;
} job;

/* One class, area and limit. */
typedef struct cell {
  const yolo_eval_matches *matches;
  size_t first, end;
  int k, a, m;
  uint32_t every; /* a bit for each threshold */
  double positives;
} cell;

typedef struct counts {
  size_t tp[YOLO_EVAL_MOST_THRESHOLDS], fp[YOLO_EVAL_MOST_THRESHOLDS];
  size_t detections;
} counts;

static bool counts_here(const cell *c, size_t i, uint32_t *right, uint32_t *wrong) {
  const yolo_eval_matches *s = c->matches;
  if (s->items[i].rank >= (uint32_t)s->params.limits[c->m]) return false;
  size_t at = i * (size_t)s->params.n_areas + (size_t)c->a;
  *right = s->hits[at] & ~s->ignored[at];
  *wrong = c->every & ~s->hits[at] & ~s->ignored[at];
  return true;
}

static void count_all(const cell *c, counts *n) {
  const int n_ious = c->matches->params.n_ious;
  size_t wrong_at_all = 0;
  uint32_t right, wrong;
  *n = (counts){0};
  for (size_t i = c->first; i < c->end; ++i) {
    if (!counts_here(c, i, &right, &wrong)) continue;
    ++n->detections;
    if ((right | wrong) == 0) continue;
    if (wrong == c->every) {
      ++wrong_at_all;
      continue;
    }
    for (int t = 0; t < n_ious; ++t) {
      n->tp[t] += right >> t & 1;
      n->fp[t] += wrong >> t & 1;
    }
  }
  for (int t = 0; t < n_ious; ++t) n->fp[t] += wrong_at_all;
}

/* Where precision[t][r] of the cell lies. */
static size_t place(const cell *c, const yolo_eval_result *out, int t, int r) {
  const yolo_eval_params *p = &out->params;
  size_t row = (size_t)t * (size_t)p->n_recalls + (size_t)r;
  return ((row * (size_t)out->n_classes + (size_t)c->k) * (size_t)p->n_areas + (size_t)c->a) * (size_t)p->n_limits +
         (size_t)c->m;
}

static size_t recall_place(const cell *c, const yolo_eval_result *out, int t) {
  const yolo_eval_params *p = &out->params;
  size_t row = (size_t)t * (size_t)out->n_classes + (size_t)c->k;
  return (row * (size_t)p->n_areas + (size_t)c->a) * (size_t)p->n_limits + (size_t)c->m;
}

typedef struct walk {
  int r[YOLO_EVAL_MOST_THRESHOLDS]; /* the highest recall that is not settled yet */
  double envelope[YOLO_EVAL_MOST_THRESHOLDS];
} walk;

static void settle(const cell *c, yolo_eval_result *out, walk *w, int t, double above, double precision, double score) {
  for (; w->r[t] >= 0 && out->params.recalls[w->r[t]] > above; --w->r[t]) {
    size_t at = place(c, out, t, w->r[t]);
    out->precision[at] = precision;
    out->scores[at] = score;
  }
}

static void step_back(const cell *c, yolo_eval_result *out, walk *w, counts *n, int t, double score) {
  double tp = (double)n->tp[t], fp = (double)n->fp[t], precision = tp / (fp + tp + DBL_EPSILON);
  if (precision > w->envelope[t]) w->envelope[t] = precision;
  settle(c, out, w, t, (tp - 1) / c->positives, w->envelope[t], score);
  --n->tp[t];
}

static void fill_cell(const cell *c, yolo_eval_result *out) {
  const yolo_eval_params *p = &out->params;
  counts n;
  walk w = {{0}, {0}};
  uint32_t right, wrong;
  size_t wrong_at_all = 0;
  count_all(c, &n);
  for (int t = 0; t < p->n_ious; ++t) {
    double reached = (double)n.tp[t] / c->positives;
    out->recall[recall_place(c, out, t)] = n.detections ? reached : 0;
    w.r[t] = p->n_recalls - 1;
    settle(c, out, &w, t, n.detections ? reached : -1, 0, 0);
  }
  double score = 0;
  for (size_t i = c->end; i-- > c->first;) {
    if (!counts_here(c, i, &right, &wrong)) continue;
    score = c->matches->items[i].score;
    if ((right | wrong) == 0) continue;
    if (wrong == c->every) {
      ++wrong_at_all;
      continue;
    }
    for (int t = 0; t < p->n_ious; ++t) {
      n.fp[t] -= wrong_at_all;
      if (right >> t & 1) step_back(c, out, &w, &n, t, score);
      n.fp[t] -= wrong >> t & 1;
    }
    wrong_at_all = 0;
  }
  /* Recall 0 is reached by the first detection, right or wrong. */
  for (int t = 0; t < p->n_ious; ++t) settle(c, out, &w, t, -1, w.envelope[t], score);
}

/* A limit that cuts no more than the one before it gives the same numbers. */
static void copy_cell(const cell *c, yolo_eval_result *out) {
  const yolo_eval_params *p = &out->params;
  for (int t = 0; t < p->n_ious; ++t) {
    size_t at = recall_place(c, out, t);
    out->recall[at] = out->recall[at - 1];
    for (int r = 0; r < p->n_recalls; ++r) {
      at = place(c, out, t, r);
      out->precision[at] = out->precision[at - 1];
      out->scores[at] = out->scores[at - 1];
    }
  }
}

/* The most detections that one image has of class k. */
static uint32_t most_of_one_image(const yolo_eval_matches *s, int k) {
  uint32_t most = 0;
  for (size_t i = s->first[k]; i < s->first[k + 1]; ++i) {
    if (s->items[i].rank >= most) most = s->items[i].rank + 1;
  }
  return most;
}

static void fill_class(void *payload, int k, int thread) {
  (void)thread;
  const job *j = payload;
  const yolo_eval_matches *s = j->matches;
  const yolo_eval_params *p = &s->params;
  cell c = {.matches = s, .first = s->first[k], .end = s->first[k + 1], .k = k};
  c.every = yolo_eval_every_iou(p);
  const uint32_t most = most_of_one_image(s, k);
  for (c.a = 0; c.a < p->n_areas; ++c.a) {
    c.positives = (double)s->positives[(size_t)k * (size_t)p->n_areas + (size_t)c.a];
    if (c.positives == 0) continue;
    for (c.m = 0; c.m < p->n_limits; ++c.m) {
      bool same = c.m > 0 && (uint32_t)p->limits[c.m - 1] >= most;
      if (same) {
        copy_cell(&c, j->out);
      } else {
        fill_cell(&c, j->out);
      }
    }
  }
}

static double *undefined(size_t n) {
  double *values = yolo_alloc_array(n, sizeof *values);
  for (size_t i = 0; values && i < n; ++i) values[i] = -1;
  return values;
}

yolo_status yolo_eval_accumulate(const yolo_eval_matches *matches, yolo_eval_result *out) {
  const yolo_eval_params *p = &matches->params;
  size_t n = (size_t)p->n_ious * (size_t)matches->n_classes * (size_t)p->n_areas * (size_t)p->n_limits;
  yolo_status st = YOLO_OK;
  *out = (yolo_eval_result){.params = *p, .n_classes = matches->n_classes};
  job j = {matches, out};
  YOLO_ENOMEM_IF_NULL(out->precision = undefined(n * (size_t)p->n_recalls));
  YOLO_ENOMEM_IF_NULL(out->scores = undefined(n * (size_t)p->n_recalls));
  YOLO_ENOMEM_IF_NULL(out->recall = undefined(n));
  yolo_parallel(p->threads ? p->threads : yolo_threads_available(), matches->n_classes, fill_class, &j);
done:
  if (st != YOLO_OK) yolo_eval_result_free(out);
  return st;
}
