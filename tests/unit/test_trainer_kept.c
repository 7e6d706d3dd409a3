/* Training passes of which values and gradients are looked at afterwards, and those that give what inference gives: against the
 * plain loops, in random graphs with every kind of sharing. */
#include "tests/unit/trainer_fixture.h"

static void expect_tensor(const char *what, const yolo_tensor *have, const float *want, double tolerance) {
  for (size_t p = 0, c = (size_t)have->shape.c; p < yolo_shape_pixels(have->shape); p++)
    expect_equal(what, yolo_nth_pixel(have, p), want + p * c, c, tolerance);
}

/* What is kept has its value and its whole gradient after the backward pass, whether parameters learn or none does. */
static void compare_kept(uint64_t seed) {
  yolo_graph *graph = graph_with_outputs(seed, 4 + (int)(seed % 20));
  bool learns[512] = {false};
  int kept[MOST_NODES], n = 0;
  for (int i = 1 + (int)(seed % 3); i < graph->n_nodes; i += 1 + (int)(seed % 4)) kept[n++] = i;
  yolo_trainer_options options = {.kept = kept, .n_kept = n, .learns = seed % 2 ? learns : NULL};
  yolo_trainer *t = new_trainer(graph, options, "reference");
  plain p;
  plain_make(&p, graph, t);
  yolo_tensor input = yolo_tensor_dense(p.values[0], p.shapes[0]);
  fill_input(&input);
  plain_forward(&p);
  for (int i = 0; i < graph->n_nodes; i++)
    for (size_t k = 0; graph->nodes[i].kind == YOLO_NODE_OUTPUT && k < yolo_shape_count(p.shapes[i]); k++)
      p.grads[i][k] += noise(100 + (uint64_t)i, k);
  plain_backward(&p);
  step(t, graph->nodes[0].shape.h, graph->nodes[0].shape.w);
  for (int k = 0; k < n; k++) {
    const int node = yolo_trainer_node(t, kept[k]);
    if (node < 0 || graph->nodes[kept[k]].kind == YOLO_NODE_OUTPUT) continue; /* taken in by the node after it; passed on */
    const yolo_tensor value = yolo_trainer_output(t, node), grad = yolo_trainer_output_grad(t, node);
    expect_tensor("a kept value", &value, p.values[kept[k]], 1e-4);
    ck_assert_msg(grad.data != NULL, "node %d of seed %d has no gradient", kept[k], (int)seed);
    expect_tensor("a kept gradient", &grad, p.grads[kept[k]], 1e-4);
  }
  plain_free(&p);
  yolo_trainer_free(t);
  yolo_graph_free(graph);
}

START_TEST(kept_nodes_stay) {
  for (uint64_t seed = 0; seed < 120; seed++) compare_kept(seed);
}
END_TEST

static void run_as(yolo_trainer *t, bool training, yolo_shape in) {
  yolo_tensor input;
  ck_ok(yolo_trainer_prepare(t, BATCH, in.h, in.w, &input));
  fill_input(&input);
  ck_ok(yolo_trainer_forward(t, training, 9));
}

/* A training pass as at inference: the same values, no statistics moved, nothing dropped; and it can be gone back through. */
START_TEST(a_pass_as_at_inference) {
  for (uint64_t seed = 0; seed < 30; seed++) {
    yolo_graph *graph = graph_with_outputs(seed, 12);
    const int out = graph->n_nodes - 1;
    yolo_trainer *t = new_trainer(graph, (yolo_trainer_options){.as_inference = true}, "reference");
    size_t n;
    float *values = yolo_trainer_values(t, &n), *before = malloc(n * sizeof *before);
    const yolo_shape in = graph->nodes[0].shape;
    memcpy(before, values, n * sizeof *before);
    run_as(t, false, in);
    const int node = yolo_trainer_node(t, out);
    yolo_tensor v = yolo_trainer_output(t, node);
    const size_t pixels = yolo_shape_pixels(v.shape), c = (size_t)v.shape.c;
    float *want = malloc(pixels * c * sizeof *want);
    for (size_t p = 0; p < pixels; p++) memcpy(want + p * c, yolo_nth_pixel(&v, p), c * sizeof *want);
    run_as(t, true, in);
    for (size_t p = 0; p < pixels; p++) ck_assert_mem_eq(yolo_nth_pixel(&v, p), want + p * c, c * sizeof *want);
    ck_ok(yolo_trainer_backward(t));
    ck_assert_mem_eq(values, before, n * sizeof *before);
    free(before);
    free(want);
    yolo_trainer_free(t);
    yolo_graph_free(graph);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("trainer_kept");
  TCase *tc = tcase_create("trainer_kept");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, kept_nodes_stay);
  tcase_add_test(tc, a_pass_as_at_inference);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? 0 : 1;
}
