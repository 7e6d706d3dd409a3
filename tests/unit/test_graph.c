/* The graph: names, Darknet file order, shapes, bad input; and what fusion makes of it. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/graph/fuse.h"
#include "tests/unit/random_graph.h"
#include "tests/unit/suite.h"

static graph_maker start(int channels) {
  graph_maker m = {0};
  ck_ok(yolo_graph_new((yolo_shape){1, 8, 8, channels}, &m.graph));
  return m;
}

static void expect_order(const yolo_graph *graph, const char *const *names, int count) {
  ck_assert_int_eq(graph->n_order, count);
  ck_assert_int_eq(graph->n_params, count);
  for (int k = 0; k < count; k++) ck_assert_str_eq(graph->params[graph->order[k]].name, names[k]);
}

/* FACTS of the format: see the head of graph.c. */
START_TEST(parameters_in_darknet_order) {
  static const char *const names[] = {
      "model.0.bn.bias",        "model.0.bn.weight", "model.0.bn.running_mean", "model.0.bn.running_var",
      "model.0.conv.weight",    "model.1.conv.bias", "model.1.conv.weight", /* plain */
      "model.2.bias",           "model.2.weight",                           /* local */
      "model.3.weight",                                                     /* shortcut */
      "model.4.bn.bias",        "model.4.weight",    "model.4.bn.weight",       "model.4.bn.running_mean",
      "model.4.bn.running_var", "model.5.bias",      "model.5.weight",          "model.5.running_mean",
      "model.5.running_var"}; /* batchnorm */
  graph_maker m = start(3);
  yolo_batchnorm_attrs bn = {.eps = 1e-5f};
  yolo_local_attrs local = {.filters = 4, .kernel = 3, .stride = 1, .pad = 1};
  yolo_shortcut_attrs shortcut = {.weights_per = 1};
  yolo_linear_attrs linear = {.outputs = 10};
  int a = add_conv_layer(&m, 0, 4, 3, true, YOLO_ACT_leaky), b = add_conv_layer(&m, a, 4, 1, false, YOLO_ACT_linear);
  begin(&m, "local");
  int c = add(&m, YOLO_OP_local, &local, 1, &b, NULL);
  begin(&m, "shortcut");
  int d = add(&m, YOLO_OP_shortcut, &shortcut, 2, (int[]){c, a}, NULL);
  begin(&m, "connected");
  int e = add(&m, YOLO_OP_linear, &linear, 1, &d, NULL), f = add(&m, YOLO_OP_batchnorm, &bn, 1, &e, "bn");
  begin(&m, "batchnorm");
  add(&m, YOLO_OP_batchnorm, &bn, 1, &f, NULL);
  expect_order(m.graph, names, (int)(sizeof names / sizeof *names));
  ck_assert_int_eq(m.graph->params[m.graph->order[0]].layer, 0);
  ck_assert_uint_eq(yolo_graph_param_count(m.graph, false) - yolo_graph_param_count(m.graph, true), 2 * (4 + 10 + 10));
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(layers_know_their_nodes) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 4, 3, true, YOLO_ACT_leaky), b = add_conv_layer(&m, a, 5, 1, false, YOLO_ACT_linear);
  int out = add_output_layer(&m, b);
  ck_assert_int_eq(m.graph->n_layers, 3);
  ck_assert_int_eq(m.graph->layers[0].first, 1);
  ck_assert_int_eq(m.graph->layers[0].last, a);
  ck_assert_int_eq(m.graph->layers[1].first, b);
  ck_assert_int_eq(m.graph->layers[2].last, out);
  ck_assert_int_eq(m.graph->nodes[out].shape.c, 5);
  ck_assert_double_eq(yolo_graph_flops(m.graph, (yolo_shape[]){{1, 8, 8, 3}, {1, 8, 8, 4}}, 1), 2.0 * 8 * 8 * 4 * 27);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(shapes_follow_the_input) {
  graph_maker m = start(3);
  yolo_shape shapes[8];
  int a = add_conv_layer(&m, 0, 4, 3, false, YOLO_ACT_linear), b = add_shape_layer(&m, a);
  ck_ok(yolo_graph_infer(m.graph, 12, 20, shapes));
  ck_assert_int_eq(shapes[b].h, 6);
  ck_assert_int_eq(shapes[b].w, 10);
  ck_assert_int_eq(m.graph->nodes[b].shape.h, 4); /* its own size is not touched */

  yolo_linear_attrs linear = {.outputs = 10, .bias = true};
  begin(&m, "connected");
  add(&m, YOLO_OP_linear, &linear, 1, &b, NULL);
  ck_ok(yolo_graph_infer(m.graph, 8, 8, shapes));
  ck_assert_int_eq(yolo_graph_infer(m.graph, 12, 20, shapes), YOLO_ESHAPE);
  ck_assert_msg(strstr(yolo_error_message(), "layer 2 [connected]: its weight"), "%s", yolo_error_message());
  ck_assert_int_eq(yolo_graph_infer(m.graph, 0, 20, shapes), YOLO_ESHAPE);
  ck_assert_int_eq(yolo_graph_infer(m.graph, 2147483647, 2147483647, shapes), YOLO_ESHAPE);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(a_call_has_shapes_and_no_data) {
  graph_maker m = start(3);
  yolo_tensor in[YOLO_OP_MAX_IN], out, param[YOLO_OP_MAX_PARAM];
  yolo_shape shapes[] = {{1, 8, 8, 3}, {1, 8, 8, 4}};
  yolo_op_call call;
  int a = add_conv_layer(&m, 0, 4, 3, false, YOLO_ACT_linear);
  yolo_graph_call(m.graph, a, shapes, 5, in, &out, param, &call);
  ck_assert_int_eq(call.n_in, 1);
  ck_assert_int_eq(call.n_param, 2);
  ck_assert(yolo_shape_equal(in[0].shape, (yolo_shape){5, 8, 8, 3}) && in[0].data == NULL);
  ck_assert(yolo_shape_equal(call.out->shape, (yolo_shape){5, 8, 8, 4}) && out.stride == 4);
  ck_assert_uint_eq(yolo_shape_count(param[0].shape), 4 * 27);
  yolo_graph_free(m.graph);
}
END_TEST

/* ---- what is refused ---- */

static yolo_status no_layer(graph_maker *m) {
  return yolo_graph_add_op(m->graph, YOLO_OP_concat, NULL, 1, (int[]){0}, NULL, NULL);
}
static yolo_status late_input(graph_maker *m) {
  begin(m, "route");
  return yolo_graph_add_op(m->graph, YOLO_OP_concat, NULL, 2, (int[]){0, 1}, NULL, NULL);
}
static yolo_status negative_input(graph_maker *m) {
  begin(m, "route");
  return yolo_graph_add_output(m->graph, -1, NULL);
}
static yolo_status too_many_inputs(graph_maker *m) {
  int in[YOLO_OP_MAX_IN + 1] = {0};
  begin(m, "route");
  return yolo_graph_add_op(m->graph, YOLO_OP_concat, NULL, YOLO_OP_MAX_IN + 1, in, NULL, NULL);
}
static yolo_status unknown_op(graph_maker *m) {
  begin(m, "route");
  return yolo_graph_add_op(m->graph, YOLO_OP_COUNT, NULL, 1, (int[]){0}, NULL, NULL);
}
static yolo_status same_role(graph_maker *m) {
  yolo_batchnorm_attrs bn = {.eps = 1e-5f};
  begin(m, "batchnorm");
  int a = add(m, YOLO_OP_batchnorm, &bn, 1, (int[]){0}, "bn");
  return yolo_graph_add_op(m->graph, YOLO_OP_batchnorm, &bn, 1, &a, "bn", NULL);
}
static yolo_status huge_map(graph_maker *m) {
  yolo_upsample_attrs up = {.factor = 1024, .scale = 1};
  int a = add_conv_layer(m, 0, 40, 1, false, YOLO_ACT_linear);
  begin(m, "upsample");
  return yolo_graph_add_op(m->graph, YOLO_OP_upsample, &up, 1, &a, NULL, NULL);
}
static yolo_status huge_kernel(graph_maker *m) {
  yolo_linear_attrs linear = {.outputs = 1 << 24};
  begin(m, "connected");
  return yolo_graph_add_op(m->graph, YOLO_OP_linear, &linear, 1, (int[]){0}, NULL, NULL);
}

START_TEST(bad_nodes_are_refused) {
  static const struct {
    yolo_status (*make)(graph_maker *m);
    const char *words;
  } rows[] = {{no_layer, "no layer"},         {late_input, "node 1, which does not come before"},
              {negative_input, "node -1"},    {too_many_inputs, "33 inputs"},
              {unknown_op, "does not exist"}, {same_role, "both called model.0.bn.weight"},
              {huge_map, "too large"},        {huge_kernel, "weight"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    graph_maker m = start(3);
    ck_assert_int_ne(rows[i].make(&m), YOLO_OK);
    ck_assert_msg(strstr(yolo_error_message(), rows[i].words), "row %zu: %s", i, yolo_error_message());
    yolo_graph_free(m.graph);
  }
  yolo_graph *graph = NULL;
  ck_assert_int_eq(yolo_graph_new((yolo_shape){1, 0, 8, 3}, &graph), YOLO_ESHAPE);
  ck_assert_ptr_null(graph);
}
END_TEST

/* ---- fusion ---- */

static yolo_graph *fuse(graph_maker *m) {
  yolo_graph *fused = NULL;
  ck_ok(yolo_graph_fuse(m->graph, &fused));
  ck_assert_int_eq(fused->n_params, m->graph->n_params);
  ck_assert_int_eq(fused->n_layers, m->graph->n_layers);
  yolo_graph_free(m->graph); /* a fused graph shares nothing with its source */
  return fused;
}

START_TEST(a_convolutional_layer_becomes_one_node) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 4, 3, true, YOLO_ACT_mish);
  add_output_layer(&m, a);
  yolo_graph *fused = fuse(&m);
  const yolo_conv2d_attrs *conv = fused->nodes[1].attrs;
  ck_assert_int_eq(fused->n_nodes, 3);
  ck_assert(conv->bias && conv->act1 == YOLO_ACT_mish && !conv->residual);
  ck_assert_int_eq(fused->nodes[1].fold_bn, 2);
  ck_assert_float_eq(fused->nodes[1].fold_eps, 1e-5f);
  ck_assert_int_eq(fused->nodes[1].source, a);
  ck_assert_int_eq(fused->nodes[1].param[1], -1);
  ck_assert_str_eq(fused->params[fused->nodes[1].param[0]].name, "model.0.conv.weight");
  ck_assert_int_eq(fused->nodes[2].kind, YOLO_NODE_OUTPUT);
  ck_assert_int_eq(fused->nodes[2].in[0], 1);
  ck_assert_int_eq(fused->layers[0].last, 1);
  yolo_graph_free(fused);
}
END_TEST

START_TEST(a_value_with_two_readers_stays) {
  graph_maker m = start(3);
  yolo_conv2d_attrs conv = conv_attrs(4, 3, false);
  yolo_batchnorm_attrs bn = {.eps = 1e-5f};
  begin(&m, "convolutional");
  int a = add(&m, YOLO_OP_conv2d, &conv, 1, (int[]){0}, "conv"), b = add(&m, YOLO_OP_batchnorm, &bn, 1, &a, "bn");
  int out = add_output_layer(&m, a), c = add_simple_layer(&m, YOLO_OP_activation, b), d = add_output_layer(&m, b);
  yolo_graph *fused = fuse(&m);
  ck_assert_int_eq(fused->n_nodes, d + 1);
  ck_assert_int_eq(fused->nodes[a].fold_bn, -1);
  ck_assert_int_eq(fused->nodes[out].in[0], a);
  ck_assert_int_eq(fused->nodes[c].in[0], b);
  yolo_graph_free(fused);
}
END_TEST

static int add_shortcut(graph_maker *m, int a, int b, yolo_activation act) {
  yolo_shortcut_attrs shortcut = {.act = act};
  begin(m, "shortcut");
  return add(m, YOLO_OP_shortcut, &shortcut, 2, (int[]){a, b}, NULL);
}

START_TEST(a_residual_joins_the_later_convolution) {
  graph_maker m = start(3);
  int stem = add_conv_layer(&m, 0, 8, 3, true, YOLO_ACT_relu);
  int left = add_conv_layer(&m, stem, 8, 3, true, YOLO_ACT_linear),
      right = add_conv_layer(&m, stem, 8, 1, true, YOLO_ACT_linear);
  int sum = add_shortcut(&m, right, left, YOLO_ACT_relu);
  add_output_layer(&m, sum);
  yolo_graph *fused = fuse(&m);
  ck_assert_int_eq(fused->n_nodes, 5); /* input, stem, left, right + sum, output */
  const yolo_node *node = &fused->nodes[3];
  const yolo_conv2d_attrs *conv = node->attrs;
  ck_assert(conv->residual && conv->act1 == YOLO_ACT_linear && conv->act2 == YOLO_ACT_relu);
  ck_assert_int_eq(node->n_in, 2);
  ck_assert_int_eq(node->in[0], 1);
  ck_assert_int_eq(node->in[1], 2);
  ck_assert_int_eq(node->source, sum);
  ck_assert_int_eq(fused->layers[2].last, -1); /* the sum of layer 3 is computed there now */
  ck_assert_int_eq(fused->layers[2].first, 3);
  ck_assert_int_eq(fused->layers[3].last, 3);
  ck_assert_int_eq(fused->layers[3].first, -1);
  yolo_graph_free(fused);
}
END_TEST

START_TEST(some_shortcuts_stay) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 8, 3, false, YOLO_ACT_linear), b = add_conv_layer(&m, a, 8, 3, false, YOLO_ACT_linear);
  int pool = add_shape_layer(&m, b), c = add_conv_layer(&m, pool, 8, 1, false, YOLO_ACT_linear);
  yolo_maxpool_attrs same = {.kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1};
  begin(&m, "maxpool");
  int later = add(&m, YOLO_OP_maxpool, &same, 1, &pool, NULL);
  int unready = add_shortcut(&m, c, later, YOLO_ACT_linear); /* `later` does not exist yet when c runs */
  int twice = add_shortcut(&m, unready, unready, YOLO_ACT_linear);
  int weighted = 0, n_in = 2;
  yolo_shortcut_attrs attrs = {.weights_per = 1};
  int d = add_conv_layer(&m, twice, 8, 1, false, YOLO_ACT_linear);
  begin(&m, "shortcut");
  weighted = add(&m, YOLO_OP_shortcut, &attrs, n_in, (int[]){d, twice}, NULL);
  yolo_graph *fused = fuse(&m);
  ck_assert_int_eq(fused->n_nodes, weighted + 1);
  for (int i = 0; i < fused->n_nodes; i++) ck_assert_int_eq(fused->nodes[i].source, i);
  yolo_graph_free(fused);
}
END_TEST

/* For training an activation joins the batch norm that it alone reads, across layers too; nothing else is joined. */
START_TEST(a_batchnorm_takes_its_activation_along) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 8, 3, true, YOLO_ACT_leaky); /* nodes 1 2 3 */
  int b = add_conv_layer(&m, a, 8, 3, true, YOLO_ACT_linear), c = add_simple_layer(&m, YOLO_OP_activation, b);
  int d = add_simple_layer(&m, YOLO_OP_batchnorm, c), e = add_simple_layer(&m, YOLO_OP_activation, d);
  int sum[2] = {d, e}, f = add(&m, YOLO_OP_shortcut, NULL, 2, sum, NULL);
  yolo_graph *joined = NULL;
  ck_ok(yolo_graph_fuse_training(m.graph, &joined));
  ck_assert_int_eq(joined->n_nodes, m.graph->n_nodes - 2);
  ck_assert_int_eq(joined->nodes[2].op, YOLO_OP_batchnorm);
  ck_assert_int_eq(((const yolo_batchnorm_attrs *)joined->nodes[2].attrs)->act, YOLO_ACT_leaky);
  ck_assert_int_eq(joined->nodes[2].source, a);
  ck_assert_int_eq(joined->nodes[4].source, c);
  ck_assert_int_eq(joined->nodes[5].source, d); /* read twice */
  ck_assert_int_eq(((const yolo_batchnorm_attrs *)joined->nodes[5].attrs)->act, YOLO_ACT_linear);
  ck_assert_int_eq(joined->nodes[6].source, e);
  ck_assert_int_eq(joined->nodes[7].source, f);
  ck_assert_int_eq(joined->n_params, m.graph->n_params);
  for (int k = 0; k < joined->nodes[2].n_param; k++) ck_assert_int_eq(joined->nodes[2].param[k], m.graph->nodes[2].param[k]);
  yolo_graph_free(joined);
  yolo_graph_free(m.graph);
}
END_TEST

/* At inference a convolution takes in the batch norm with the activation that has. */
START_TEST(a_convolution_takes_both) {
  graph_maker m = start(3);
  yolo_conv2d_attrs conv = conv_attrs(8, 3, false);
  yolo_batchnorm_attrs norm = {.eps = 1e-5f, .act = YOLO_ACT_mish};
  begin(&m, "convolutional");
  int a = add(&m, YOLO_OP_conv2d, &conv, 1, (int[]){0}, "conv");
  add(&m, YOLO_OP_batchnorm, &norm, 1, &a, "bn");
  yolo_graph *fused = fuse(&m);
  ck_assert_int_eq(fused->n_nodes, 2);
  ck_assert_int_eq(((const yolo_conv2d_attrs *)fused->nodes[1].attrs)->act1, YOLO_ACT_mish);
  yolo_graph_free(fused);
}
END_TEST

START_TEST(dropout_disappears) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 8, 3, false, YOLO_ACT_linear), b = add_simple_layer(&m, YOLO_OP_dropout, a);
  int c = add_simple_layer(&m, YOLO_OP_activation, b); /* joins the convolution through the dropout */
  int d = add_simple_layer(&m, YOLO_OP_dropout, c), e = add_simple_layer(&m, YOLO_OP_batchnorm, d);
  add_conv_layer(&m, d, 4, 1, false, YOLO_ACT_linear);
  yolo_graph *fused = fuse(&m);
  ck_assert_int_eq(fused->n_nodes, 4); /* input, conv + activation, batchnorm of another layer, conv */
  ck_assert_int_eq(fused->layers[0].last, -1);
  ck_assert_int_eq(fused->layers[1].last, -1);
  ck_assert_int_eq(fused->layers[2].last, 1);
  ck_assert_int_eq(fused->layers[3].last, 1);
  ck_assert_int_eq(fused->nodes[2].source, e);
  yolo_graph_free(fused);
}
END_TEST

START_TEST(copies_are_equal) {
  yolo_graph *graph = random_graph(11, 40), *copy = NULL;
  ck_ok(yolo_graph_copy(graph, &copy));
  ck_assert_int_eq(copy->n_nodes, graph->n_nodes);
  for (int i = 0; i < graph->n_nodes; i++) {
    const yolo_node *a = &graph->nodes[i], *b = &copy->nodes[i];
    ck_assert(a->kind == b->kind && a->n_in == b->n_in && yolo_shape_equal(a->shape, b->shape) && a->layer == b->layer);
    ck_assert_int_eq(b->source, i);
    for (int k = 0; k < a->n_in; k++) ck_assert_int_eq(a->in[k], b->in[k]);
    if (a->kind == YOLO_NODE_OP) ck_assert_mem_eq(a->attrs, b->attrs, yolo_op_get(a->op)->attrs_size);
  }
  for (int k = 0; k < graph->n_order; k++) ck_assert_int_eq(graph->order[k], copy->order[k]);
  for (int i = 0; i < graph->n_layers; i++) ck_assert_int_eq(graph->layers[i].last, copy->layers[i].last);
  yolo_graph_free(graph);
  yolo_graph_free(copy);
}
END_TEST

/* ---- short memory ---- */

static yolo_status build_some(yolo_graph **out) {
  yolo_conv2d_attrs conv = conv_attrs(4, 3, false);
  yolo_batchnorm_attrs bn = {.eps = 1e-5f};
  yolo_graph *graph = NULL;
  int a = 0, b = 0;
  yolo_status st = yolo_graph_new((yolo_shape){1, 8, 8, 3}, &graph);
  for (int i = 0; i < 12 && st == YOLO_OK; i++) {
    st = yolo_graph_begin_layer(graph, "convolutional", i);
    if (st == YOLO_OK) st = yolo_graph_add_op(graph, YOLO_OP_conv2d, &conv, 1, &b, "conv", &a);
    if (st == YOLO_OK) st = yolo_graph_add_op(graph, YOLO_OP_batchnorm, &bn, 1, &a, "bn", &b);
  }
  if (st == YOLO_OK) st = yolo_graph_add_output(graph, b, NULL);
  if (st == YOLO_OK) st = yolo_graph_fuse(graph, out);
  yolo_graph_free(graph);
  return st;
}

START_TEST(short_memory_leaks_nothing) {
  long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  for (long n = 1; st != YOLO_OK; n++) {
    yolo_graph *graph = NULL;
    ck_assert_int_lt(n, 2000);
    yolo_memory_fail_at(n);
    st = build_some(&graph);
    yolo_memory_fail_at(0);
    ck_assert(st == YOLO_OK || (st == YOLO_ENOMEM && graph == NULL));
    yolo_graph_free(graph);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("graph");
  TCase *tc = tcase_create("graph");
  tcase_add_test(tc, parameters_in_darknet_order);
  tcase_add_test(tc, layers_know_their_nodes);
  tcase_add_test(tc, shapes_follow_the_input);
  tcase_add_test(tc, a_call_has_shapes_and_no_data);
  tcase_add_test(tc, bad_nodes_are_refused);
  tcase_add_test(tc, a_convolutional_layer_becomes_one_node);
  tcase_add_test(tc, a_value_with_two_readers_stays);
  tcase_add_test(tc, a_residual_joins_the_later_convolution);
  tcase_add_test(tc, some_shortcuts_stay);
  tcase_add_test(tc, a_batchnorm_takes_its_activation_along);
  tcase_add_test(tc, a_convolution_takes_both);
  tcase_add_test(tc, dropout_disappears);
  tcase_add_test(tc, copies_are_equal);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? 0 : 1;
}
