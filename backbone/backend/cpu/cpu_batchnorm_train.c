/* Batch norm in training (ops/op_batchnorm.c has the formulas).
 *
 * Forward takes the map twice: once for the statistics, once to normalise. A large result is written past the caches, which do
 * not hold it until the next layer anyway: a plain store would first read what it replaces, a fourth pass over memory.
 * Statistics are those of chunks of rows, each with its own mean as origin, joined in double (Chan, Golub & LeVeque,
 * "Algorithms for computing the sample variance", 1983, section 2): sums of squares about 0 would lose the variance of a
 * channel whose mean is large beside it.
 *
 * Backward takes input and gradient twice: once for the two sums, once for dL/d in. What the activation was given is computed
 * again from the input, so that the normalised map is never stored.
 *
 * Chunks are cut by the shape alone and joined in their order: the same bits for any number of threads. */
#include <math.h>
#include <stdint.h>

#include "backbone/backend/cpu/cpu_batchnorm.h"

/* A chunk stays in the second-level cache between two looks. */
enum { CHUNK = 16384 /* floats */, LEAST_ROWS = 64, MOST_ROWS = 1024, BLOCK = 64 /* channels of a task that joins */ };
enum { STREAM_FROM = 4 << 20 /* bytes of a map that no second-level cache holds */, LINE = 16 /* floats of a cache line */ };
enum { PARTS = 3, FACTORS = 5 }; /* arrays of a chunk; arrays of the map */

static int chunk_rows(yolo_shape s) { return yolo_min_int(MOST_ROWS, yolo_max_int(LEAST_ROWS, CHUNK / s.c)); }
static int chunk_count(yolo_shape s) { return yolo_divide_up((int)yolo_shape_pixels(s), chunk_rows(s)); }

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  yolo_shape shape;
  int rows, chunks;
  float *parts; /* (chunks, PARTS, C) */
  float *mean, *scale, *bias, *level, *slant;
} job;

size_t yolo_cpu_batchnorm_work(const yolo_device *device, const yolo_op_call *call) {
  const yolo_shape s = call->in[0].shape;
  (void)device;
  return ((size_t)chunk_count(s) * PARTS + FACTORS) * (size_t)s.c * sizeof(float);
}

static job make_job(const yolo_device *device, const yolo_op_call *call) {
  const yolo_shape s = call->in[0].shape;
  const size_t channels = (size_t)s.c;
  float *at = call->work;
  return (job){.device = device,
               .call = call,
               .shape = s,
               .rows = chunk_rows(s),
               .chunks = chunk_count(s),
               .mean = at,
               .scale = at + channels,
               .bias = at + 2 * channels,
               .level = at + 3 * channels,
               .slant = at + 4 * channels,
               .parts = at + FACTORS * channels};
}

static float *part(const job *j, int chunk, int which) {
  return j->parts + ((size_t)chunk * PARTS + (size_t)which) * (size_t)j->shape.c;
}

/* The rows of one chunk. */
static yolo_norm_rows rows_of(const job *j, int chunk) {
  const yolo_batchnorm_attrs *a = j->call->attrs;
  const int first = chunk * j->rows;
  return (yolo_norm_rows){.x = yolo_nth_pixel(&j->call->in[0], (size_t)first),
                          .ldx = j->call->in[0].stride,
                          .rows = yolo_min_int(j->rows, (int)yolo_shape_pixels(j->shape) - first),
                          .cols = j->shape.c,
                          .act = a->act,
                          .mean = j->mean,
                          .scale = j->scale,
                          .bias = j->bias,
                          .level = j->level,
                          .slant = j->slant};
}

/* ---- forward ---- */

static void measure_chunk(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_norm_rows r = rows_of(j, task);
  (void)thread;
  j->device->isa->moments(r.x, r.ldx, r.rows, r.cols, part(j, task, 0), part(j, task, 1), part(j, task, 2));
}

/* Channel c's statistics; to `saved`, and a step of the running ones toward them. */
static void finish_channel(const job *j, int c, double mean, double spread) {
  const yolo_batchnorm_attrs *a = j->call->attrs;
  const double pixels = (double)yolo_shape_pixels(j->shape), unbiased = spread / (pixels > 1 ? pixels - 1 : 1);
  const yolo_tensor *param = j->call->param;
  float *running_mean = param[2].data, *running_var = param[3].data, *saved = j->call->saved;
  const float inverse = (float)(1 / sqrt(spread / pixels + a->eps));
  saved[c] = j->mean[c] = (float)mean;
  saved[j->shape.c + c] = inverse;
  j->scale[c] = ((const float *)param[0].data)[c] * inverse;
  j->bias[c] = ((const float *)param[1].data)[c];
  running_mean[c] = (float)((1 - (double)a->momentum) * running_mean[c] + a->momentum * mean);
  running_var[c] = (float)((1 - (double)a->momentum) * running_var[c] + a->momentum * unbiased);
}

/* With n_k values of mean m_k and spread q_k in chunk k: m = sum n_k m_k / N, q = sum q_k + n_k (m_k - m)^2. */
static void join_moments(void *payload, int task, int thread) {
  const job *j = payload;
  const int first = task * BLOCK, n = yolo_min_int(BLOCK, j->shape.c - first);
  double mean[BLOCK] = {0}, spread[BLOCK] = {0};
  (void)thread;
  for (int k = 0; k < j->chunks; k++) {
    const float *at = part(j, k, 0) + first, *sum = part(j, k, 1) + first;
    const double rows = rows_of(j, k).rows;
    for (int c = 0; c < n; c++) mean[c] += rows * at[c] + sum[c];
  }
  for (int c = 0; c < n; c++) mean[c] /= (double)yolo_shape_pixels(j->shape);
  for (int k = 0; k < j->chunks; k++) {
    const float *at = part(j, k, 0) + first, *sum = part(j, k, 1) + first, *squares = part(j, k, 2) + first;
    const double rows = rows_of(j, k).rows;
    for (int c = 0; c < n; c++) {
      const double left = sum[c] / rows, away = at[c] + left - mean[c];
      spread[c] += squares[c] - sum[c] * left + rows * away * away;
    }
  }
  for (int c = 0; c < n; c++) finish_channel(j, first + c, mean[c], spread[c]);
}

/* Only where every row is whole cache lines: parts of one would each go to memory. */
static bool passes_caches(const yolo_tensor *to) {
  return yolo_shape_count(to->shape) * sizeof(float) >= STREAM_FROM && to->shape.c % LINE == 0 && to->stride % LINE == 0 &&
         (uintptr_t)to->data % (LINE * sizeof(float)) == 0;
}

static void normalise_chunk(void *payload, int task, int thread) {
  const job *j = payload;
  yolo_norm_rows r = rows_of(j, task);
  (void)thread;
  r.to = yolo_nth_pixel(j->call->out, (size_t)task * (size_t)j->rows);
  r.ldto = j->call->out->stride;
  r.stream = passes_caches(j->call->out);
  j->device->isa->norm_rows(&r);
}

void yolo_cpu_batchnorm_train(const yolo_device *device, const yolo_op_call *call) {
  job j = make_job(device, call);
  yolo_parallel(device->threads, j.chunks, measure_chunk, &j);
  yolo_parallel(device->threads, yolo_divide_up(j.shape.c, BLOCK), join_moments, &j);
  yolo_parallel(device->threads, j.chunks, normalise_chunk, &j);
}

/* ---- backward ---- */

/* The line that forward drew: the batch's own where it trained on it. */
static void recall_line(const job *j) {
  const yolo_batchnorm_attrs *a = j->call->attrs;
  const yolo_tensor *param = j->call->param;
  const float *saved = j->call->saved, *var = param[3].data;
  for (int c = 0; c < j->shape.c; c++) {
    j->mean[c] = j->call->training ? saved[c] : ((const float *)param[2].data)[c];
    const float inverse = j->call->training ? saved[j->shape.c + c] : (float)(1 / sqrt((double)var[c] + a->eps));
    j->scale[c] = ((const float *)param[0].data)[c] * inverse;
    j->bias[c] = ((const float *)param[1].data)[c];
    j->level[c] = j->slant[c] = 0;
  }
}

static yolo_norm_rows back_rows(const job *j, int chunk) {
  const yolo_tensor *up = j->call->grad_out;
  yolo_norm_rows r = rows_of(j, chunk);
  r.up = yolo_nth_pixel(up, (size_t)chunk * (size_t)j->rows);
  r.ldup = up->stride;
  return r;
}

static void sum_chunk(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_norm_rows r = back_rows(j, task);
  (void)thread;
  j->device->isa->norm_sums(&r, part(j, task, 0), part(j, task, 1));
}

/* dot is the sum of g (x - mean): x^ is that times the inverse deviation. */
static void finish_sums(const job *j, int c, double sum, double dot) {
  const yolo_op_call *call = j->call;
  const yolo_batchnorm_attrs *a = call->attrs;
  const float *saved = call->saved, *var = call->param[3].data;
  const double inverse = call->training ? saved[j->shape.c + c] : 1 / sqrt((double)var[c] + a->eps);
  float *weights = call->grad_param ? call->grad_param[0].data : NULL;
  float *biases = call->grad_param ? call->grad_param[1].data : NULL;
  if (weights) weights[c] += (float)(dot * inverse);
  if (biases) biases[c] += (float)sum;
  if (!call->training) return; /* the statistics are no function of the input */
  j->level[c] = (float)(sum / (double)yolo_shape_pixels(j->shape));
  j->slant[c] = (float)(dot * inverse * inverse / (double)yolo_shape_pixels(j->shape));
}

static void join_sums(void *payload, int task, int thread) {
  const job *j = payload;
  const int first = task * BLOCK, n = yolo_min_int(BLOCK, j->shape.c - first);
  double sum[BLOCK] = {0}, dot[BLOCK] = {0};
  (void)thread;
  for (int k = 0; k < j->chunks; k++) {
    const float *s = part(j, k, 0) + first, *d = part(j, k, 1) + first;
    for (int c = 0; c < n; c++) {
      sum[c] += s[c];
      dot[c] += d[c];
    }
  }
  for (int c = 0; c < n; c++) finish_sums(j, first + c, sum[c], dot[c]);
}

static void back_chunk(void *payload, int task, int thread) {
  const job *j = payload;
  yolo_norm_rows r = back_rows(j, task);
  (void)thread;
  r.to = yolo_nth_pixel(&j->call->grad_in[0], (size_t)task * (size_t)j->rows);
  r.ldto = j->call->grad_in[0].stride;
  r.add = j->call->beta[0] != 0;
  j->device->isa->norm_back(&r);
}

void yolo_cpu_batchnorm_back(const yolo_device *device, const yolo_op_call *call) {
  const bool params = call->grad_param && (call->grad_param[0].data || call->grad_param[1].data);
  job j = make_job(device, call);
  recall_line(&j);
  if (params || call->training) {
    yolo_parallel(device->threads, j.chunks, sum_chunk, &j);
    yolo_parallel(device->threads, yolo_divide_up(j.shape.c, BLOCK), join_sums, &j);
  }
  if (call->grad_in && call->grad_in[0].data) yolo_parallel(device->threads, j.chunks, back_chunk, &j);
}
