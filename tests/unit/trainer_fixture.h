/* What the tests of training passes share: the same passes the plain way (a buffer for every value, the plain loops) and what
 * fills networks. */
#ifndef YOLO_TESTS_UNIT_TRAINER_FIXTURE_H
#define YOLO_TESTS_UNIT_TRAINER_FIXTURE_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/graph/trainer.h"
#include "tests/unit/random_graph.h"
#include "tests/unit/suite.h"

enum { BATCH = 2, MOST_NODES = 128 };

/* ---- the plain way: every value and every gradient in memory of its own ---- */

/* It runs the graph as written, in which nothing is fused. */
typedef struct plain {
  const yolo_graph *graph;
  const yolo_trainer *trainer; /* parameters */
  yolo_shape shapes[MOST_NODES];
  float *values[MOST_NODES], *grads[MOST_NODES];
  void *saved[MOST_NODES];
  float *params, *param_grads; /* copies of the block of values; offsets as in the trainer */
} plain;

static inline void plain_call(plain *p, int i, yolo_tensor *in, yolo_tensor *out, yolo_tensor *param, yolo_op_call *call) {
  const yolo_node *node = &p->graph->nodes[i];
  yolo_graph_call(p->graph, i, p->shapes, BATCH, in, out, param, call);
  out->data = p->values[i];
  for (int k = 0; k < node->n_in; k++) in[k].data = p->values[node->in[k]];
  for (int k = 0; k < call->n_param; k++) param[k].data = p->params + yolo_trainer_param_at(p->trainer, node->param[k]).offset;
  call->training = true;
  call->seed = yolo_trainer_node_seed(9, i);
  call->saved = p->saved[i];
}

static inline void plain_forward(plain *p) {
  yolo_tensor in[YOLO_OP_MAX_IN], out, param[YOLO_OP_MAX_PARAM];
  yolo_op_call call;
  for (int i = 1; i < p->graph->n_nodes; i++) {
    const yolo_node *node = &p->graph->nodes[i];
    if (node->kind == YOLO_NODE_OUTPUT) {
      memcpy(p->values[i], p->values[node->in[0]], yolo_shape_count(p->shapes[i]) * sizeof(float));
      continue;
    }
    plain_call(p, i, in, &out, param, &call);
    ck_ok(yolo_op_get(node->op)->forward(&call));
  }
}

static inline void plain_backward(plain *p) {
  yolo_tensor in[YOLO_OP_MAX_IN], out, param[YOLO_OP_MAX_PARAM], up, grad_in[YOLO_OP_MAX_IN], grad_param[YOLO_OP_MAX_PARAM];
  float beta[YOLO_OP_MAX_IN];
  yolo_op_call call;
  for (int i = p->graph->n_nodes - 1; i > 0; i--) {
    const yolo_node *node = &p->graph->nodes[i];
    size_t count = yolo_shape_count(p->shapes[i]);
    if (node->kind == YOLO_NODE_OUTPUT) {
      for (size_t k = 0; k < count; k++) p->grads[node->in[0]][k] += p->grads[i][k];
      continue;
    }
    plain_call(p, i, in, &out, param, &call);
    up = yolo_tensor_dense(p->grads[i], p->shapes[i]);
    for (int k = 0; k < node->n_in; k++) {
      grad_in[k] = yolo_tensor_dense(p->grads[node->in[k]], p->shapes[node->in[k]]);
      beta[k] = 1;
    }
    for (int k = 0; k < call.n_param; k++) {
      grad_param[k] = param[k];
      grad_param[k].data = p->param_grads + yolo_trainer_param_at(p->trainer, node->param[k]).offset;
    }
    call.grad_out = &up;
    call.grad_in = grad_in;
    call.beta = beta;
    call.grad_param = grad_param;
    ck_ok(yolo_op_get(node->op)->backward(&call));
  }
}

static inline void plain_make(plain *p, const yolo_graph *graph, const yolo_trainer *trainer) {
  size_t n;
  const float *values = yolo_trainer_values(trainer, &n);
  memset(p, 0, sizeof *p);
  p->graph = graph;
  p->trainer = trainer;
  ck_assert_int_le(p->graph->n_nodes, MOST_NODES);
  p->params = malloc(n * sizeof(float));
  p->param_grads = calloc(n, sizeof(float));
  memcpy(p->params, values, n * sizeof(float));
  for (int i = 0; i < p->graph->n_nodes; i++) {
    const yolo_node *node = &p->graph->nodes[i];
    yolo_shape in[YOLO_OP_MAX_IN];
    p->shapes[i] = node->shape;
    p->shapes[i].n = BATCH;
    p->values[i] = calloc(yolo_shape_count(p->shapes[i]), sizeof(float));
    p->grads[i] = calloc(yolo_shape_count(p->shapes[i]), sizeof(float));
    for (int k = 0; k < node->n_in; k++) in[k] = p->shapes[node->in[k]];
    bool saves = node->kind == YOLO_NODE_OP && yolo_op_get(node->op)->saved_size;
    p->saved[i] = saves ? calloc(yolo_op_get(node->op)->saved_size(node->attrs, in, p->shapes[i]) + 1, 1) : NULL;
  }
}

static inline void plain_free(plain *p) {
  for (int i = 0; i < p->graph->n_nodes; i++) {
    free(p->values[i]);
    free(p->grads[i]);
    free(p->saved[i]);
  }
  free(p->params);
  free(p->param_grads);
}

/* ---- both ways ---- */

static inline float noise(uint64_t stream, size_t i) {
  yolo_rng rng = {.key = 31, .stream = stream, .position = i};
  return 2 * yolo_rng_uniform(&rng) - 1;
}

static inline void fill_input(const yolo_tensor *input) {
  for (size_t i = 0; i < yolo_shape_count(input->shape); i++) ((float *)input->data)[i] = noise(1, i);
}

/* L = sum over outputs of noise * value, so dL/d output is the noise. */
static inline void fill_output_grads(yolo_trainer *t) {
  const yolo_graph *graph = yolo_trainer_graph(t);
  for (int i = 0; i < graph->n_nodes; i++) {
    if (graph->nodes[i].kind != YOLO_NODE_OUTPUT) continue;
    yolo_tensor g = yolo_trainer_output_grad(t, i);
    if (!g.data) continue;
    for (size_t p = 0; p < yolo_shape_pixels(g.shape); p++)
      for (int c = 0; c < g.shape.c; c++)
        yolo_nth_pixel(&g, p)[c] += noise(100 + (uint64_t)graph->nodes[i].source, p * (size_t)g.shape.c + (size_t)c);
  }
}

static inline void step(yolo_trainer *t, int height, int width) {
  yolo_tensor input;
  ck_ok(yolo_trainer_prepare(t, BATCH, height, width, &input));
  fill_input(&input);
  ck_ok(yolo_trainer_forward(t, true, 9));
  fill_output_grads(t);
  ck_ok(yolo_trainer_backward(t));
}

static inline double norm(const float *a, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * a[i];
  return sqrt(sum);
}

/* A gradient that is 0 but for rounding (of a bias before a batch norm, of the weight of one before another) is judged against
 * the size of what cancels, for which the norm of all gradients of the graph stands. */
static inline void expect_close(const char *what, const float *a, const float *b, size_t n, double tolerance, double all) {
  double error = 0, size = norm(b, n);
  for (size_t i = 0; i < n; i++) error += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  ck_assert_msg(sqrt(error) <= tolerance * (size + 0.05 + 0.01 * all), "%s: off by %g of %g", what, sqrt(error), size);
}

static inline void expect_equal(const char *what, const float *a, const float *b, size_t n, double tolerance) {
  expect_close(what, a, b, n, tolerance, 0);
}

static inline yolo_trainer *new_trainer(const yolo_graph *graph, yolo_trainer_options options, const char *isa) {
  yolo_trainer *t = NULL;
  uint64_t seed = 4;
  options.device.isa = isa;
  options.device.threads = 2;
  ck_ok(yolo_trainer_new(graph, &options, &t));
  ck_ok(yolo_trainer_load(t, yolo_fetch_random, &seed));
  return t;
}

/* One output node for every value nobody reads, as a head would have. */
static inline yolo_graph *graph_with_outputs(uint64_t seed, int layers) {
  graph_maker m = {.graph = random_graph(seed, layers), .rng = {.key = seed + 1000}};
  int n = m.graph->n_nodes;
  for (int i = 1; i < n; i++) {
    bool read = false;
    for (int k = i + 1; k < m.graph->n_nodes; k++)
      for (int j = 0; j < m.graph->nodes[k].n_in; j++) read |= m.graph->nodes[k].in[j] == i;
    if (!read && m.graph->nodes[i].kind == YOLO_NODE_OP) add_output_layer(&m, i);
  }
  return m.graph;
}

#endif
