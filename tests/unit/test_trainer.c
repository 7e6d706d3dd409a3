/* Training passes over whole graphs: gradients against passes with a buffer for every value and the plain loops, in random
 * graphs with every kind of sharing; frozen parts; memory; nothing allocated in a step. */
#include "tests/unit/trainer_fixture.h"

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
