/* Training passes over whole graphs: gradients against passes with a buffer for every value and the plain loops, in random
 * graphs with every kind of sharing; frozen parts; memory; nothing allocated in a step. */
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

static void plain_call(plain *p, int i, yolo_tensor *in, yolo_tensor *out, yolo_tensor *param, yolo_op_call *call) {
  const yolo_node *node = &p->graph->nodes[i];
  yolo_graph_call(p->graph, i, p->shapes, BATCH, in, out, param, call);
  out->data = p->values[i];
  for (int k = 0; k < node->n_in; k++) in[k].data = p->values[node->in[k]];
  for (int k = 0; k < call->n_param; k++) param[k].data = p->params + yolo_trainer_param_at(p->trainer, node->param[k]).offset;
  call->training = true;
  call->seed = yolo_trainer_node_seed(9, i);
  call->saved = p->saved[i];
}

static void plain_forward(plain *p) {
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

static void plain_backward(plain *p) {
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

static void plain_make(plain *p, const yolo_graph *graph, const yolo_trainer *trainer) {
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

static void plain_free(plain *p) {
  for (int i = 0; i < p->graph->n_nodes; i++) {
    free(p->values[i]);
    free(p->grads[i]);
    free(p->saved[i]);
  }
  free(p->params);
  free(p->param_grads);
}

/* ---- both ways ---- */

static float noise(uint64_t stream, size_t i) {
  yolo_rng rng = {.key = 31, .stream = stream, .position = i};
  return 2 * yolo_rng_uniform(&rng) - 1;
}

static void fill_input(const yolo_tensor *input) {
  for (size_t i = 0; i < yolo_shape_count(input->shape); i++) ((float *)input->data)[i] = noise(1, i);
}

/* L = sum over outputs of noise * value, so dL/d output is the noise. */
static void fill_output_grads(yolo_trainer *t) {
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

static void step(yolo_trainer *t, int height, int width) {
  yolo_tensor input;
  ck_ok(yolo_trainer_prepare(t, BATCH, height, width, &input));
  fill_input(&input);
  ck_ok(yolo_trainer_forward(t, true, 9));
  fill_output_grads(t);
  ck_ok(yolo_trainer_backward(t));
}

static double norm(const float *a, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)a[i] * a[i];
  return sqrt(sum);
}

/* A gradient that is 0 but for rounding (of a bias before a batch norm, of the weight of one before another) is judged against
 * the size of what cancels, for which the norm of all gradients of the graph stands. */
static void expect_close(const char *what, const float *a, const float *b, size_t n, double tolerance, double all) {
  double error = 0, size = norm(b, n);
  for (size_t i = 0; i < n; i++) error += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  ck_assert_msg(sqrt(error) <= tolerance * (size + 0.05 + 0.01 * all), "%s: off by %g of %g", what, sqrt(error), size);
}

static void expect_equal(const char *what, const float *a, const float *b, size_t n, double tolerance) {
  expect_close(what, a, b, n, tolerance, 0);
}

static yolo_trainer *new_trainer(const yolo_graph *graph, yolo_trainer_options options, const char *isa) {
  yolo_trainer *t = NULL;
  uint64_t seed = 4;
  options.device.isa = isa;
  options.device.threads = 2;
  ck_ok(yolo_trainer_new(graph, &options, &t));
  ck_ok(yolo_trainer_load(t, yolo_fetch_random, &seed));
  return t;
}

/* One output node for every value nobody reads, as a head would have. */
static yolo_graph *graph_with_outputs(uint64_t seed, int layers) {
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

static void compare(uint64_t seed, const char *isa, double tolerance) {
  yolo_graph *graph = graph_with_outputs(seed, 4 + (int)(seed % 20));
  yolo_trainer *t = new_trainer(graph, (yolo_trainer_options){.want_input = seed % 3 == 0}, isa);
  plain p;
  plain_make(&p, graph, t);
  yolo_shape in = graph->nodes[0].shape;
  yolo_tensor input = yolo_tensor_dense(p.values[0], p.shapes[0]);
  fill_input(&input);
  plain_forward(&p);
  for (int i = 0; i < graph->n_nodes; i++)
    for (size_t k = 0; graph->nodes[i].kind == YOLO_NODE_OUTPUT && k < yolo_shape_count(p.shapes[i]); k++)
      p.grads[i][k] += noise(100 + (uint64_t)i, k);
  plain_backward(&p);
  step(t, in.h, in.w);
  size_t count;
  yolo_trainer_values(t, &count);
  const double all = norm(p.param_grads, count);
  for (int i = 0; i < graph->n_params; i++) {
    yolo_trainer_param q = yolo_trainer_param_at(t, i);
    if (q.grad) expect_close(graph->params[i].name, q.grad, p.param_grads + q.offset, q.count, tolerance, all);
    if (!q.grad) expect_equal(graph->params[i].name, q.value, p.params + q.offset, q.count, tolerance);
  }
  yolo_tensor g = yolo_trainer_input_grad(t);
  if (seed % 3 == 0 && g.data) expect_equal("dL/d input", g.data, p.grads[0], yolo_shape_count(p.shapes[0]), tolerance);
  plain_free(&p);
  yolo_trainer_free(t);
  yolo_graph_free(graph);
}

START_TEST(random_graphs_have_the_plain_gradients) {
  for (uint64_t seed = 0; seed < 150; seed++) compare(seed, "reference", 1e-5);
}
END_TEST

START_TEST(kernels_have_the_plain_gradients) {
  for (uint64_t seed = 150; seed < 220; seed++) compare(seed, NULL, 1e-4);
}
END_TEST

/* Frozen parameters get no gradient and change none of the others'; what comes before the first that learns is not gone
 * back through. */
START_TEST(frozen_parts_stay_out) {
  for (uint64_t seed = 0; seed < 30; seed++) {
    yolo_graph *graph = graph_with_outputs(seed, 12);
    bool learns[512];
    for (int i = 0; i < graph->n_params; i++) learns[i] = i > graph->n_params / 2;
    yolo_trainer *all = new_trainer(graph, (yolo_trainer_options){0}, NULL);
    yolo_trainer *half = new_trainer(graph, (yolo_trainer_options){.learns = learns}, NULL);
    yolo_trainer_memory a, b;
    yolo_shape in = graph->nodes[0].shape;
    step(all, in.h, in.w);
    step(half, in.h, in.w);
    for (int i = 0; i < graph->n_params; i++) {
      yolo_trainer_param p = yolo_trainer_param_at(all, i), q = yolo_trainer_param_at(half, i);
      ck_assert(q.grad == NULL || learns[i]);
      if (p.grad && q.grad) expect_equal(graph->params[i].name, q.grad, p.grad, p.count, 1e-6);
    }
    ck_ok(yolo_trainer_measure(all, BATCH, in.h, in.w, &a));
    ck_ok(yolo_trainer_measure(half, BATCH, in.h, in.w, &b));
    ck_assert_uint_le(b.activations, a.activations);
    yolo_trainer_free(all);
    yolo_trainer_free(half);
    yolo_graph_free(graph);
  }
}
END_TEST

/* A batch norm that is frozen, named by its node of the graph as written, uses its running statistics in training too and
 * leaves them; the one after it trains on. */
START_TEST(a_frozen_norm_stays) {
  graph_maker m = {.rng = {.key = 1}};
  yolo_tensor input;
  bool frozen[MOST_NODES] = {false};
  ck_ok(yolo_graph_new((yolo_shape){1, 8, 8, 3}, &m.graph));
  int a = add_conv_layer(&m, 0, 4, 3, true, YOLO_ACT_leaky), b = add_conv_layer(&m, a, 4, 3, true, YOLO_ACT_mish);
  int out = add_output_layer(&m, b);
  frozen[a - 1] = true; /* conv, norm, activation */
  yolo_trainer *t = new_trainer(m.graph, (yolo_trainer_options){.frozen_norm = frozen}, NULL);
  ck_assert_int_eq(yolo_trainer_node(t, a - 1), -1); /* joined with its activation */
  ck_assert_int_eq(yolo_trainer_node(t, a), 2);
  ck_assert_int_eq(yolo_trainer_graph(t)->nodes[yolo_trainer_node(t, out)].kind, YOLO_NODE_OUTPUT);
  const int mean_a = m.graph->nodes[a - 1].param[2], mean_b = m.graph->nodes[b - 1].param[2];
  float before_a[4], before_b[4], at_inference[8 * 8 * 4 * BATCH];
  memcpy(before_a, yolo_trainer_param_at(t, mean_a).value, sizeof before_a);
  memcpy(before_b, yolo_trainer_param_at(t, mean_b).value, sizeof before_b);
  ck_ok(yolo_trainer_prepare(t, BATCH, 8, 8, &input));
  fill_input(&input);
  for (int training = 0; training < 2; training++) {
    ck_ok(yolo_trainer_forward(t, training == 1, 1));
    yolo_tensor v = yolo_trainer_output(t, yolo_trainer_node(t, a));
    for (size_t p = 0; p < yolo_shape_pixels(v.shape); p++)
      for (int c = 0; c < 4; c++) {
        float *kept = &at_inference[p * 4 + (size_t)c];
        if (training) ck_assert_float_eq_tol(*kept, yolo_nth_pixel(&v, p)[c], 1e-5f * (1 + fabsf(*kept)));
        *kept = yolo_nth_pixel(&v, p)[c];
      }
  }
  ck_assert_mem_eq(before_a, yolo_trainer_param_at(t, mean_a).value, sizeof before_a);
  ck_assert_mem_ne(before_b, yolo_trainer_param_at(t, mean_b).value, sizeof before_b);
  yolo_trainer_free(t);
  yolo_graph_free(m.graph);
}
END_TEST

/* Gradients add up until they are cleared; a step of a known size allocates nothing; other sizes and back change nothing. */
START_TEST(steps_repeat) {
  yolo_graph *graph = graph_with_outputs(3, 16);
  yolo_trainer *t = new_trainer(graph, (yolo_trainer_options){0}, NULL);
  yolo_shape in = graph->nodes[0].shape;
  size_t n;
  float *values = yolo_trainer_values(t, &n), *kept = malloc(n * sizeof *kept), *first = malloc(n * sizeof *first);
  memcpy(kept, values, n * sizeof *kept);
  step(t, in.h, in.w);
  yolo_trainer_param p = yolo_trainer_param_at(t, 0);
  memcpy(first, p.grad - p.offset, n * sizeof *first);
  memcpy(values, kept, n * sizeof *kept); /* running statistics moved */
  long calls = yolo_memory_get_stats().calls;
  step(t, in.h, in.w);
  ck_assert_int_eq(yolo_memory_get_stats().calls, calls);
  for (size_t i = 0; i < p.count; i++)
    ck_assert_float_eq_tol(p.grad[i], 2 * first[p.offset + i], 1e-5f * (1 + fabsf(p.grad[i])));
  yolo_trainer_clear_gradients(t);
  step(t, 2 * in.h, in.w);
  memcpy(values, kept, n * sizeof *kept);
  yolo_trainer_clear_gradients(t);
  step(t, in.h, in.w);
  ck_assert_mem_eq(p.grad - p.offset, first, n * sizeof *first);
  ck_assert_int_eq(yolo_trainer_backward(t), YOLO_EINVAL);
  free(kept);
  free(first);
  yolo_trainer_free(t);
  yolo_graph_free(graph);
}
END_TEST

START_TEST(parameters_go_in_and_out) {
  yolo_graph *graph = graph_with_outputs(5, 20);
  yolo_trainer *t = new_trainer(graph, (yolo_trainer_options){0}, NULL);
  yolo_trainer_view view = {t, yolo_trainer_values(t, NULL)};
  for (int i = 0; i < graph->n_params; i++) {
    size_t count = yolo_param_count(&graph->params[i].spec);
    float *want = malloc(count * sizeof *want), *have = malloc(count * sizeof *have);
    uint64_t seed = 4;
    ck_ok(yolo_fetch_random(&seed, &graph->params[i], want));
    ck_ok(yolo_trainer_fetch(&view, &graph->params[i], have));
    ck_assert_mem_eq(want, have, count * sizeof *want);
    free(want);
    free(have);
  }
  yolo_trainer_free(t);
  yolo_graph_free(graph);
}
END_TEST

/* A classifier's last layer is no output node: it is named, and then has the gradient that an output node would have. */
START_TEST(named_outputs_are_outputs) {
  float *grads[2];
  size_t n = 0;
  for (int named = 0; named < 2; named++) {
    graph_maker m = {.rng = {.key = 1}};
    yolo_tensor input;
    ck_ok(yolo_graph_new((yolo_shape){1, 8, 8, 3}, &m.graph));
    int last = add_conv_layer(&m, add_conv_layer(&m, 0, 4, 3, true, YOLO_ACT_leaky), 4, 3, true, YOLO_ACT_leaky);
    int node = named ? last : add_output_layer(&m, last);
    yolo_trainer *t = new_trainer(m.graph, (yolo_trainer_options){.outputs = &last, .n_outputs = named}, NULL);
    ck_ok(yolo_trainer_prepare(t, BATCH, 8, 8, &input));
    fill_input(&input);
    ck_ok(yolo_trainer_forward(t, true, 9));
    yolo_tensor g = yolo_trainer_output_grad(t, yolo_trainer_node(t, node));
    ck_assert_ptr_nonnull(g.data);
    for (size_t p = 0; p < yolo_shape_pixels(g.shape); p++)
      for (int c = 0; c < g.shape.c; c++) yolo_nth_pixel(&g, p)[c] += noise(7, p * 4 + (size_t)c);
    ck_ok(yolo_trainer_backward(t));
    yolo_trainer_values(t, &n);
    grads[named] = malloc(n * sizeof(float));
    memcpy(grads[named], yolo_trainer_gradients(t), n * sizeof(float));
    yolo_trainer_free(t);
    yolo_graph_free(m.graph);
  }
  expect_equal("gradients", grads[0], grads[1], n, 1e-6);
  ck_assert(grads[0][0] != 0);
  free(grads[0]);
  free(grads[1]);
}
END_TEST

START_TEST(bad_values_are_found) {
  graph_maker m = {.rng = {.key = 1}};
  yolo_tensor input;
  ck_ok(yolo_graph_new((yolo_shape){1, 8, 8, 3}, &m.graph));
  int conv = add_conv_layer(&m, 0, 4, 3, true, YOLO_ACT_leaky);
  add_output_layer(&m, add_conv_layer(&m, conv, 4, 3, false, YOLO_ACT_linear));
  yolo_trainer *t = new_trainer(m.graph, (yolo_trainer_options){0}, NULL);
  ck_ok(yolo_trainer_prepare(t, BATCH, 8, 8, &input));
  fill_input(&input);
  ck_ok(yolo_trainer_forward(t, true, 1));
  ck_assert_int_eq(yolo_trainer_first_bad_node(t), -1);
  yolo_trainer_param_at(t, 0).value[5] = NAN;
  ck_ok(yolo_trainer_forward(t, true, 1));
  ck_assert_int_eq(yolo_trainer_first_bad_node(t), 1);
  yolo_trainer_free(t);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(short_memory_leaks_nothing) {
  yolo_graph *graph = graph_with_outputs(7, 10);
  long live = yolo_memory_get_stats().live;
  for (long n = 1;; n++) {
    yolo_trainer *t = NULL;
    yolo_trainer_options options = {.device = {.threads = 1}};
    yolo_tensor input;
    uint64_t seed = 4;
    yolo_memory_fail_at(n);
    yolo_status st = yolo_trainer_new(graph, &options, &t);
    if (st == YOLO_OK) st = yolo_trainer_load(t, yolo_fetch_random, &seed);
    if (st == YOLO_OK) st = yolo_trainer_prepare(t, BATCH, 8, 8, &input);
    yolo_memory_fail_at(0);
    yolo_trainer_free(t);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
  }
  yolo_graph_free(graph);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("trainer");
  TCase *tc = tcase_create("trainer");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, random_graphs_have_the_plain_gradients);
  tcase_add_test(tc, kernels_have_the_plain_gradients);
  tcase_add_test(tc, frozen_parts_stay_out);
  tcase_add_test(tc, a_frozen_norm_stays);
  tcase_add_test(tc, steps_repeat);
  tcase_add_test(tc, parameters_go_in_and_out);
  tcase_add_test(tc, named_outputs_are_outputs);
  tcase_add_test(tc, bad_values_are_found);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
