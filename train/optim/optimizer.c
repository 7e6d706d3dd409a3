/* Optimisers: see optimizer.h. */
#include "train/optim/optimizer.h"

#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"

enum { CHUNK = 1 << 14 }; /* elements of one task: a fixed size, so that sums do not depend on threads */

yolo_optimizer_options yolo_optimizer_defaults(yolo_optimizer_kind kind) {
  yolo_optimizer_options o = {.kind = kind, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
  if (kind == YOLO_OPTIMIZER_RMSPROP) o.beta2 = 0.99;
  if (kind == YOLO_OPTIMIZER_ADAGRAD) o.eps = 1e-10;
  if (kind == YOLO_OPTIMIZER_ADADELTA) o.beta2 = 0.9, o.eps = 1e-6;
  return o;
}

int yolo_optimizer_moments(yolo_optimizer_kind kind) {
  static const int moments[] = {1, 2, 2, 2, 1, 2};
  return moments[kind];
}

yolo_status yolo_optimizer_new(const yolo_optimizer_options *options, size_t count, yolo_optimizer *out) {
  *out = (yolo_optimizer){.options = *options, .n_moments = yolo_optimizer_moments(options->kind), .count = count};
  for (int i = 0; i < out->n_moments; ++i) {
    out->moments[i] = yolo_alloc_arena(count * sizeof(float));
    if (!out->moments[i]) {
      yolo_optimizer_release(out);
      return YOLO_ENOMEM;
    }
    memset(out->moments[i], 0, count * sizeof(float));
  }
  return YOLO_OK;
}

void yolo_optimizer_release(yolo_optimizer *optimizer) {
  for (int i = 0; i < YOLO_OPTIMIZER_MOST_MOMENTS; ++i) yolo_free(optimizer->moments[i]);
  *optimizer = (yolo_optimizer){0};
}

/* ---- the formulas, over n elements ---- */

typedef struct span {
  float *w, *m, *s; /* values, first and second moment (where the kind has them) */
  const float *g;
  size_t n;
} span;

/* What is the same for every element of a range. */
typedef struct rule {
  const yolo_optimizer_options *options;
  float lr, momentum, decay, clip;
  float correction1, correction2; /* adam: 1 - beta^t */
} rule;

static void sgd(const rule *r, const span *p) {
  for (size_t i = 0; i < p->n; ++i) {
    float g = p->g[i] * r->clip + r->decay * p->w[i];
    float v = p->m[i] = r->momentum * p->m[i] + g;
    p->w[i] -= r->lr * (r->options->nesterov ? g + r->momentum * v : v);
  }
}

static void adam(const rule *r, const span *p) {
  const bool decoupled = r->options->kind == YOLO_OPTIMIZER_ADAMW;
  const float b1 = (float)r->options->beta1, b2 = (float)r->options->beta2, eps = (float)r->options->eps;
  const float root = sqrtf(r->correction2), step = r->lr / r->correction1;
  for (size_t i = 0; i < p->n; ++i) {
    float w = p->w[i], g = p->g[i] * r->clip;
    if (decoupled)
      w -= r->lr * r->decay * w;
    else
      g += r->decay * w;
    float m = p->m[i] = b1 * p->m[i] + (1 - b1) * g, s = p->s[i] = b2 * p->s[i] + (1 - b2) * g * g;
    p->w[i] = w - step * m / (sqrtf(s) / root + eps);
  }
}

static void rmsprop(const rule *r, const span *p) {
  const float alpha = (float)r->options->beta2, eps = (float)r->options->eps;
  for (size_t i = 0; i < p->n; ++i) {
    float g = p->g[i] * r->clip + r->decay * p->w[i], s = p->s[i] = alpha * p->s[i] + (1 - alpha) * g * g;
    float v = p->m[i] = r->momentum * p->m[i] + g / (sqrtf(s) + eps);
    p->w[i] -= r->lr * v;
  }
}

static void adagrad(const rule *r, const span *p) {
  const float eps = (float)r->options->eps;
  for (size_t i = 0; i < p->n; ++i) {
    float g = p->g[i] * r->clip + r->decay * p->w[i], s = p->m[i] += g * g;
    p->w[i] -= r->lr * g / (sqrtf(s) + eps);
  }
}

static void adadelta(const rule *r, const span *p) {
  const float rho = (float)r->options->beta2, eps = (float)r->options->eps;
  for (size_t i = 0; i < p->n; ++i) {
    float g = p->g[i] * r->clip + r->decay * p->w[i], s = p->s[i] = rho * p->s[i] + (1 - rho) * g * g;
    float d = sqrtf(p->m[i] + eps) / sqrtf(s + eps) * g;
    p->m[i] = rho * p->m[i] + (1 - rho) * d * d;
    p->w[i] -= r->lr * d;
  }
}

/* By kind. */
static void (*const formulas[])(const rule *, const span *) = {sgd, adam, adam, rmsprop, adagrad, adadelta};

/* ---- ranges in chunks ---- */

typedef struct job {
  yolo_optimizer *optimizer;
  float *values;
  const float *grads;
  const yolo_optimizer_range *range;
  rule rule;
  double *sums; /* of squares, one a chunk */
} job;

static int chunks_of(size_t count) { return (int)((count + CHUNK - 1) / CHUNK); }
static size_t chunk_length(size_t count, int chunk) {
  size_t first = (size_t)chunk * CHUNK;
  return count - first < CHUNK ? count - first : CHUNK;
}

static void step_chunk(void *payload, int task, int thread) {
  const job *j = payload;
  size_t at = j->range->offset + (size_t)task * CHUNK;
  (void)thread;
  span p = {.w = j->values + at, .g = j->grads + at, .n = chunk_length(j->range->count, task)};
  p.m = j->optimizer->moments[0] + at;
  p.s = j->optimizer->moments[1] ? j->optimizer->moments[1] + at : NULL;
  formulas[j->optimizer->options.kind](&j->rule, &p);
}

void yolo_optimizer_step(yolo_optimizer *o, float *values, const float *grads, const yolo_optimizer_range *ranges, int n,
                         double clip, int threads) {
  double t = (double)++o->steps;
  for (int i = 0; i < n; ++i) {
    job j = {.optimizer = o, .values = values, .grads = grads, .range = &ranges[i]};
    j.rule = (rule){.options = &o->options,
                    .lr = (float)ranges[i].lr,
                    .momentum = (float)ranges[i].momentum,
                    .decay = (float)ranges[i].decay,
                    .clip = (float)clip,
                    .correction1 = (float)(1 - pow(o->options.beta1, t)),
                    .correction2 = (float)(1 - pow(o->options.beta2, t))};
    yolo_parallel(threads, chunks_of(ranges[i].count), step_chunk, &j);
  }
}

/* Four partial sums, in double: the order is fixed. */
static void square_chunk(void *payload, int task, int thread) {
  const job *j = payload;
  const float *g = j->grads + j->range->offset + (size_t)task * CHUNK;
  size_t n = chunk_length(j->range->count, task);
  double s[4] = {0};
  (void)thread;
  for (size_t i = 0; i < n; ++i) s[i % 4] += (double)g[i] * g[i];
  j->sums[task] = (s[0] + s[1]) + (s[2] + s[3]);
}

double yolo_gradient_norm(const float *grads, const yolo_optimizer_range *ranges, int n, int threads) {
  enum { AT_ONCE = 256 };
  double sums[AT_ONCE], total = 0;
  for (int i = 0; i < n; ++i) {
    for (size_t done = 0; done < ranges[i].count; done += (size_t)AT_ONCE * CHUNK) {
      yolo_optimizer_range part = {.offset = ranges[i].offset + done, .count = ranges[i].count - done};
      if (part.count > (size_t)AT_ONCE * CHUNK) part.count = (size_t)AT_ONCE * CHUNK;
      job j = {.grads = grads, .range = &part, .sums = sums};
      yolo_parallel(threads, chunks_of(part.count), square_chunk, &j);
      for (int k = 0; k < chunks_of(part.count); ++k) total += sums[k];
    }
  }
  return sqrt(total);
}

typedef struct ema_job {
  float *ema;
  const float *values;
  size_t count;
  float rate;
} ema_job;

static void ema_chunk(void *payload, int task, int thread) {
  const ema_job *j = payload;
  size_t first = (size_t)task * CHUNK, n = chunk_length(j->count, task);
  (void)thread;
  for (size_t i = first; i < first + n; ++i) j->ema[i] += j->rate * (j->values[i] - j->ema[i]);
}

void yolo_ema_update(float *ema, const float *values, size_t count, uint64_t steps, double decay, double tau, int threads) {
  double d = decay * (tau > 0 ? 1 - exp(-(double)steps / tau) : 1);
  ema_job j = {ema, values, count, (float)(1 - d)};
  yolo_parallel(threads, chunks_of(count), ema_chunk, &j);
}
