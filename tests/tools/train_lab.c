/* The memory-bound passes of training, one by one: milliseconds, how many bytes a second they move, and how many times faster
 * than the plain loops they are.
 *
 *     train_lab [THREADS] [OP]
 *
 * "GB/s" counts every map that a pass has to read or write once (a batch norm reads its input twice); the first line says what
 * adding one large map to another moves. On a machine with other work only the ratios mean something. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/backend/backend.h"
#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/text.h"
#include "backbone/base/threads.h"

static const double PATIENCE = 400; /* ms a pass is repeated for: the best counts */

typedef struct row {
  yolo_op_id op;
  const void *attrs;
  int n_in;
  yolo_shape in[2];
  /* Passes over the input's and the output's map: forward, backward. */
  double forward_in, forward_out, backward_in, backward_out;
} row;

#define NORM(ACT) YOLO_OP_batchnorm, &(const yolo_batchnorm_attrs){.eps = 1e-5f, .momentum = 0.1f, .act = YOLO_ACT_##ACT}, 1
#define POOL(K, S)                                                                                                  \
  YOLO_OP_maxpool,                                                                                                  \
      &(const yolo_maxpool_attrs){.kernel_h = K,                                                                    \
                                  .kernel_w = K,                                                                    \
                                  .stride_h = S,                                                                    \
                                  .stride_w = S,                                                                    \
                                  .pad = {((K)-1) / 2, ((K)-1) / 2, (K) / 2 - 1 + (S) % 2, (K) / 2 - 1 + (S) % 2}}, \
      1
#define ACT(NAME) YOLO_OP_activation, &(const yolo_activation_attrs){YOLO_ACT_##NAME}, 1
#define ADD(NAME) YOLO_OP_shortcut, &(const yolo_shortcut_attrs){.act = YOLO_ACT_##NAME}, 2

static const row rows[] = {
    {NORM(leaky), {{8, 104, 104, 64}}, 2, 1, 2, 3},
    {NORM(leaky), {{8, 13, 13, 512}}, 2, 1, 2, 3},
    {NORM(mish), {{8, 104, 104, 64}}, 2, 1, 2, 3},
    {NORM(linear), {{8, 104, 104, 64}}, 2, 1, 2, 3},
    {NORM(leaky), {{8, 208, 208, 16}}, 2, 1, 2, 3},
    {ACT(leaky), {{8, 104, 104, 64}}, 1, 1, 1, 2},
    {ACT(mish), {{8, 104, 104, 64}}, 1, 1, 1, 2},
    {POOL(2, 2), {{8, 208, 208, 32}}, 1, 2, 1, 2},
    {POOL(3, 2), {{8, 112, 112, 64}}, 1, 2, 1, 2},
    {POOL(13, 1), {{8, 13, 13, 256}}, 1, 2, 1, 2},
    {YOLO_OP_avgpool, &(const yolo_avgpool_attrs){.global = true}, 1, {{8, 28, 28, 256}}, 1, 0, 1, 0},
    {YOLO_OP_upsample, &(const yolo_upsample_attrs){2, 1}, 1, {{8, 26, 26, 256}}, 1, 1, 1, 1},
    {YOLO_OP_concat, &(const yolo_concat_attrs){0}, 2, {{8, 52, 52, 128}, {8, 52, 52, 128}}, 2, 1, 2, 1},
    {YOLO_OP_slice, &(const yolo_slice_attrs){64, 64}, 1, {{8, 52, 52, 128}}, 0.5, 1, 1, 1},
    {ADD(linear), {{8, 56, 56, 128}, {8, 56, 56, 128}}, 2, 1, 2, 2},
    {ADD(relu), {{8, 56, 56, 128}, {8, 56, 56, 128}}, 2, 1, 2, 2},
    {YOLO_OP_scale_channels,
     &(const yolo_scale_channels_attrs){.act = YOLO_ACT_linear},
     2,
     {{8, 52, 52, 128}, {8, 1, 1, 128}},
     1,
     1,
     2,
     1},
    {YOLO_OP_dropout, &(const yolo_dropout_attrs){.probability = 0.5f}, 1, {{8, 26, 26, 256}}, 1, 1.25, 1, 1.25},
    {YOLO_OP_dropout,
     &(const yolo_dropout_attrs){.probability = 0.1f, .dropblock = true, .block = 7},
     1,
     {{8, 26, 26, 256}},
     1,
     1.25,
     1,
     1.25},
};

/* ---- one op's memory ---- */

typedef struct stage {
  yolo_tensor in[2], out, param[YOLO_OP_MAX_PARAM], grad_in[2], grad_out, grad_param[YOLO_OP_MAX_PARAM];
  float beta[2];
  void *saved, *work;
  yolo_op_call call;
} stage;

static yolo_tensor new_tensor(yolo_shape shape, uint64_t key) {
  const size_t count = yolo_shape_count(shape);
  yolo_rng rng = {.key = key};
  float *values = yolo_alloc_array(count, sizeof *values);
  if (!values) exit(1);
  for (size_t i = 0; i < count; i++) values[i] = 2 * yolo_rng_uniform(&rng) - 1;
  return yolo_tensor_dense(values, shape);
}

static void make_params(stage *s, const yolo_op *op, const row *r) {
  yolo_param_spec spec[YOLO_OP_MAX_PARAM];
  s->call.n_param = op->params ? op->params(r->attrs, r->n_in, r->in, spec) : 0;
  for (int i = 0; i < s->call.n_param; i++) {
    s->param[i] = new_tensor(spec[i].shape, 40 + (uint64_t)i);
    s->grad_param[i] = new_tensor(spec[i].shape, 50 + (uint64_t)i);
  }
}

static void stage_make(stage *s, const yolo_backend *backend, yolo_device *device, const row *r) {
  const yolo_op *op = yolo_op_get(r->op);
  yolo_shape out;
  memset(s, 0, sizeof *s);
  if (op->shape(r->attrs, r->n_in, r->in, &out) != YOLO_OK) exit(1);
  s->call = (yolo_op_call){.id = r->op, .attrs = r->attrs, .n_in = r->n_in, .training = true, .seed = 5};
  for (int i = 0; i < r->n_in; i++) {
    s->in[i] = new_tensor(r->in[i], (uint64_t)i);
    s->grad_in[i] = new_tensor(r->in[i], 10 + (uint64_t)i);
  }
  s->out = new_tensor(out, 20);
  s->grad_out = new_tensor(out, 30);
  make_params(s, op, r);
  s->call.in = s->in;
  s->call.out = &s->out;
  s->call.param = s->param;
  s->call.grad_out = &s->grad_out;
  s->call.grad_in = s->grad_in;
  s->call.beta = s->beta;
  s->call.grad_param = s->grad_param;
  s->call.saved = yolo_alloc_arena(op->saved_size ? op->saved_size(r->attrs, r->in, out) : 1);
  size_t work = backend->sizes(device, &s->call, 0).work, back = backend->backward_work(device, &s->call);
  s->call.work = yolo_alloc_arena((work > back ? work : back) + 1);
  if (!s->call.saved || !s->call.work) exit(1);
}

static void stage_free(stage *s) {
  for (int i = 0; i < 2; i++) {
    yolo_free(s->in[i].data);
    yolo_free(s->grad_in[i].data);
  }
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) {
    yolo_free(s->param[i].data);
    yolo_free(s->grad_param[i].data);
  }
  yolo_free(s->out.data);
  yolo_free(s->grad_out.data);
  yolo_free(s->call.saved);
  yolo_free(s->call.work);
}

/* ---- timing ---- */

typedef struct pass {
  const yolo_backend *backend;
  yolo_device *device;
  const stage *s;
  yolo_direction direction;
} pass;

static yolo_status run_pass(void *payload) {
  const pass *p = payload;
  return p->backend->run(p->device, p->direction, &p->s->call);
}

static double best_ms(const yolo_backend *backend, yolo_device *device, const stage *s, yolo_direction direction,
                      double patience) {
  pass p = {backend, device, s, direction};
  double best = 1e30, end = yolo_now_ms() + patience;
  for (int i = 0; i < 2 || yolo_now_ms() < end; i++) {
    const double start = yolo_now_ms();
    if (backend->pass(device, 0, run_pass, &p) != YOLO_OK) {
      fprintf(stderr, "train_lab: %s\n", yolo_error_message());
      exit(1);
    }
    const double ms = yolo_now_ms() - start;
    if (ms < best) best = ms;
  }
  return best;
}

static void measure(const row *r, const yolo_backend *backend, yolo_device *fast, yolo_device *plain) {
  stage s;
  stage_make(&s, backend, fast, r);
  const double in = (double)yolo_shape_count(r->in[0]) * 4e-6, out = (double)yolo_shape_count(s.out.shape) * 4e-6; /* MB */
  /* dL/d in over dL/d out, as the planner lays it */
  const bool over = yolo_op_get(r->op)->grad_inplace && yolo_shape_equal(s.out.shape, r->in[0]);
  const yolo_tensor apart = s.grad_in[0];
  if (over) s.grad_in[0] = s.grad_out;
  const double forward = best_ms(backend, fast, &s, YOLO_FORWARD, PATIENCE);
  const double backward = best_ms(backend, fast, &s, YOLO_BACKWARD, PATIENCE);
  const double plain_forward = best_ms(backend, plain, &s, YOLO_FORWARD, 0);
  const double plain_backward = best_ms(backend, plain, &s, YOLO_BACKWARD, 0);
  s.grad_in[0] = apart;
  printf("%-14s %2dx%3dx%3dx%3d  forward %7.2f ms %5.1f GB/s %6.0fx   backward %7.2f ms %5.1f GB/s %6.0fx\n",
         yolo_op_get(r->op)->name, r->in[0].n, r->in[0].h, r->in[0].w, r->in[0].c, forward,
         (r->forward_in * in + r->forward_out * out) / forward, plain_forward / forward, backward,
         (r->backward_in * in + r->backward_out * out) / backward, plain_backward / backward);
  fflush(stdout);
  stage_free(&s);
}

static void say_bandwidth(const yolo_backend *backend, yolo_device *device) {
  const row r = {ADD(linear), {{8, 208, 208, 64}, {8, 208, 208, 64}}, 2, 1, 2, 1};
  stage s;
  stage_make(&s, backend, device, &r);
  const double ms = best_ms(backend, device, &s, YOLO_FORWARD, PATIENCE);
  printf("adding two maps: %.1f GB/s\n", 3 * (double)yolo_shape_count(r.in[0]) * 4e-6 / ms);
  stage_free(&s);
}

static yolo_device *open_cpu(const yolo_backend *backend, int threads, const char *isa) {
  const yolo_device_options options = {.threads = threads, .isa = isa};
  yolo_device *device = NULL;
  if (backend->open(&options, &device) == YOLO_OK) return device;
  fprintf(stderr, "train_lab: %s\n", yolo_error_message());
  exit(1);
}

int main(int argc, char **argv) {
  const yolo_backend *backend = &yolo_backend_cpu;
  int threads = yolo_threads_available();
  if (argc > 1 && !yolo_parse_int(argv[1], &threads)) {
    fprintf(stderr, "usage: train_lab [THREADS] [OP]\n");
    return 2;
  }
  yolo_device *fast = open_cpu(backend, threads, NULL), *plain = open_cpu(backend, 1, "reference");
  printf("%s\n", backend->describe(fast));
  say_bandwidth(backend, fast);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (argc > 2 && strcmp(argv[2], yolo_op_get(rows[i].op)->name) != 0) continue;
    measure(&rows[i], backend, fast, plain);
  }
  backend->close(fast);
  backend->close(plain);
  return 0;
}
