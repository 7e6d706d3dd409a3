/* The network and its runner: fused against unfused, views against copies, plans that come and go, memory counted.
 * Most of it runs on two backends, see network_fixture.h. */
#include "tests/unit/network_fixture.h"
#include "tests/unit/suite.h"

/* ---- the same numbers whatever the plan ---- */

START_TEST(fused_equals_unfused) {
  for (size_t k = 0; k < 2; k++)
    for (uint64_t seed = 100; seed < 130; seed++) {
      yolo_graph *graph = random_graph(seed, 20);
      yolo_network *fused = load_network(graph, *both[k], false), *plain = load_network(graph, *both[k], true);
      yolo_runner *a = run_new(fused, 2, 8, 8, true), *b = run_new(plain, 2, 8, 8, true);
      compare_runs(a, yolo_network_graph(fused), b, true, true, 2e-5);
      yolo_runner_free(a);
      yolo_runner_free(b);
      yolo_network_free(fused);
      yolo_network_free(plain);
      yolo_graph_free(graph);
    }
}
END_TEST

START_TEST(sharing_memory_changes_nothing) {
  for (size_t k = 0; k < 2; k++)
    for (uint64_t seed = 200; seed < 230; seed++) {
      yolo_graph *graph = random_graph(seed, 25);
      yolo_network *network = load_network(graph, *both[k], seed % 2);
      yolo_runner *a = run_new(network, 2, 8, 8, false), *b = run_new(network, 2, 8, 8, true);
      compare_runs(a, yolo_network_graph(network), b, false, false, 1e-6);
      yolo_runner_free(a);
      yolo_network_options copies = *both[k];
      copies.concat_copies = true;
      yolo_network *copying = load_network(graph, copies, seed % 2);
      a = run_new(copying, 2, 8, 8, false);
      compare_runs(a, yolo_network_graph(copying), b, false, false, 1e-6);
      yolo_runner_free(a);
      yolo_network_free(copying);
      yolo_runner_free(b);
      yolo_network_free(network);
      yolo_graph_free(graph);
    }
}
END_TEST

START_TEST(folding_follows_the_equation) {
  graph_maker m = {0};
  ck_ok(yolo_graph_new((yolo_shape){1, 1, 1, 2}, &m.graph));
  yolo_linear_attrs linear = {.outputs = 3, .bias = true}; /* with a bias of its own */
  yolo_batchnorm_attrs bn = {.eps = 0.5f};
  begin(&m, "connected");
  int a = add(&m, YOLO_OP_linear, &linear, 1, (int[]){0}, NULL);
  add(&m, YOLO_OP_batchnorm, &bn, 1, &a, "bn");
  yolo_network *fused = load_network(m.graph, mock_options, false), *plain = load_network(m.graph, mock_options, true);
  ck_assert_int_eq(yolo_network_graph(fused)->n_nodes, 2);
  yolo_runner *x = run_new(fused, 1, 1, 1, true), *y = run_new(plain, 1, 1, 1, true);
  compare_runs(x, yolo_network_graph(fused), y, true, true, 1e-6);
  yolo_runner_free(x);
  yolo_runner_free(y);
  yolo_network_free(fused);
  yolo_network_free(plain);
  yolo_graph_free(m.graph);
}
END_TEST

/* ---- plans and memory ---- */

static yolo_graph *pyramid(void) {
  graph_maker m = {0};
  ck_ok(yolo_graph_new((yolo_shape){1, 16, 16, 3}, &m.graph));
  int a = add_conv_layer(&m, 0, 8, 3, true, YOLO_ACT_leaky), pool = add_shape_layer(&m, a);
  int b = add_conv_layer(&m, pool, 24, 3, true, YOLO_ACT_mish), c = add_conv_layer(&m, b, 24, 3, true, YOLO_ACT_leaky);
  begin(&m, "shortcut");
  yolo_shortcut_attrs shortcut = {.act = YOLO_ACT_linear};
  int d = add(&m, YOLO_OP_shortcut, &shortcut, 2, (int[]){c, b}, NULL), pool2 = add_shape_layer(&m, d);
  int e = add_conv_layer(&m, pool2, 40, 3, true, YOLO_ACT_leaky);
  begin(&m, "upsample");
  yolo_upsample_attrs up = {.factor = 2, .scale = 1};
  int f = add(&m, YOLO_OP_upsample, &up, 1, &e, NULL);
  begin(&m, "route");
  int g = add(&m, YOLO_OP_concat, NULL, 2, (int[]){f, d}, NULL);
  add_output_layer(&m, add_conv_layer(&m, e, 18, 1, false, YOLO_ACT_linear));
  add_output_layer(&m, add_conv_layer(&m, g, 18, 1, false, YOLO_ACT_linear));
  return m.graph;
}

START_TEST(a_run_allocates_nothing) {
  yolo_graph *graph = pyramid();
  for (size_t k = 0; k < 2; k++) {
    yolo_network *network = load_network(graph, *both[k], false);
    yolo_runner *runner = run_new(network, 2, 32, 16, false);
    int last = yolo_network_graph(network)->n_nodes - 1;
    yolo_tensor input, out;
    ck_ok(yolo_runner_output(runner, last, &out)); /* room in host memory, for good */
    run_once(runner, 1, 16, 16);
    ck_ok(yolo_runner_output(runner, last, &out));
    long calls = yolo_memory_get_stats().calls;
    for (int i = 0; i < 6; i++) { /* known sizes cost nothing either */
      ck_ok(yolo_runner_prepare(runner, 1 + i % 2, 16 + 16 * (i % 2), 16, &input));
      fill(&input, 1);
      ck_ok(yolo_runner_run(runner));
      ck_ok(yolo_runner_output(runner, last, &out));
    }
    ck_assert_int_eq(yolo_memory_get_stats().calls, calls);
    yolo_runner_free(runner);
    yolo_network_free(network);
  }
  yolo_graph_free(graph);
}
END_TEST

START_TEST(many_sizes_one_runner) {
  static const int sides[] = {16, 32, 20, 16, 48, 64, 24, 16};
  yolo_graph *graph = pyramid();
  for (size_t k = 0; k < 2; k++) {
    yolo_network *network = load_network(graph, *both[k], false);
    yolo_runner *runner = run_new(network, 1, 16, 16, false);
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
      yolo_runner *fresh = run_new(network, 1 + (int)i % 3, sides[i], 16, false);
      run_once(runner, 1 + (int)i % 3, sides[i], 16);
      ck_assert_int_eq(yolo_runner_plan(runner)->batch, 1 + (int)i % 3);
      compare_runs(runner, yolo_network_graph(network), fresh, false, false, 0);
      yolo_runner_free(fresh);
    }
    yolo_runner_free(runner);
    yolo_network_free(network);
  }
  yolo_graph_free(graph);
}
END_TEST

/* Rows above a floor come in order, one image like the other; where there are too many, the whole tensor is left. */
START_TEST(watched_rows_are_those_of_the_whole_output) {
  yolo_graph *graph = pyramid();
  yolo_network *network = load_network(graph, mock_options, false);
  yolo_runner *runner = NULL;
  int last = yolo_network_graph(network)->n_nodes - 1, count = 0, found = 0;
  const yolo_row *rows = NULL;
  ck_ok(yolo_runner_new(network, &runner));
  ck_ok(yolo_runner_watch(runner, last, &(yolo_row_filter){.rows = 3, .row = 6, .score = 4, .floor = 0.25f, .capacity = 4096}));
  run_once(runner, 2, 32, 16);
  for (int n = 0; n < 2; n++) {
    yolo_tensor out;
    ck_ok(yolo_runner_output(runner, last, &out));
    ck_assert(yolo_runner_rows(runner, last, n, &rows, &count));
    for (int i = 0, k = 0; i < out.shape.h * out.shape.w * 3; i++) {
      const float *row = yolo_pixel(&out, n, 0, i / 3) + i % 3 * 6;
      if (!(row[4] > 0.25f)) continue;
      ck_assert(k < count && rows[k].index == i && memcmp(rows[k].values, row, 6 * sizeof *row) == 0);
      found = ++k;
    }
    ck_assert_int_eq(found, count);
    ck_assert_int_gt(count, 1);
  }
  ck_ok(yolo_runner_watch(runner, last, &(yolo_row_filter){.rows = 3, .row = 6, .score = 4, .floor = 0.25f, .capacity = 1}));
  run_once(runner, 2, 32, 16);
  ck_assert(!yolo_runner_rows(runner, last, 0, &rows, &count));
  ck_assert_int_eq(yolo_runner_watch(runner, 1, &(yolo_row_filter){.rows = 1, .row = 6, .score = 4, .capacity = 1}),
                   YOLO_EINVAL);
  ck_assert_int_eq(yolo_runner_watch(runner, last, &(yolo_row_filter){.rows = 4, .row = 6, .score = 4, .capacity = 1}),
                   YOLO_EINVAL);
  yolo_runner_free(runner);
  yolo_network_free(network);
  yolo_graph_free(graph);
}
END_TEST

START_TEST(the_device_is_only_reached_through_the_backend) {
  yolo_graph *graph = pyramid();
  memset(&mock, 0, sizeof mock);
  yolo_network *network = load_network(graph, mock_options, false);
  yolo_runner *runner = run_new(network, 1, 16, 16, false);
  yolo_tensor out;
  ck_assert_int_eq(mock.opened, 2);
  ck_assert_int_eq(mock.blocks, 2); /* parameters, activations */
  ck_assert_int_eq(mock.uploads, 1);
  ck_assert_int_eq(mock.downloads, 0);
  ck_ok(yolo_runner_output(runner, yolo_network_graph(network)->n_nodes - 1, &out));
  ck_assert_int_eq(mock.downloads, 1);
  ck_assert_str_eq(yolo_runner_device(runner), "mock");
  yolo_runner_free(runner);
  yolo_network_free(network);
  ck_assert_int_eq(mock.opened, 0);
  ck_assert_int_eq(mock.blocks, 0);
  yolo_graph_free(graph);
}
END_TEST

START_TEST(small_maps_give_up_fast_forms_first) {
  yolo_graph *graph = pyramid();
  double plain = (double)yolo_graph_param_count(graph, false) * sizeof(float);
  yolo_network_options options = mock_options;
  for (int step = 0; step < 4; step++) {
    memset(&mock, 0, sizeof mock);
    mock.smallest_kept = 1000;
    options.max_pack_ratio = step == 0 ? 10 : step == 1 ? 1.95 : step == 2 ? 0.01 : 0;
    yolo_network *network = load_network(graph, options, false);
    double ratio = (double)yolo_network_param_bytes(network) / plain;
    if (step == 0) ck_assert(mock.packed[0] == 6 && ratio > 2.5);
    if (step == 1) ck_assert(ratio <= 1.95 && mock.packed[0] > 0 && mock.packed[0] < 6);
    if (step == 1) ck_assert_int_le(mock.largest_demoted, mock.smallest_kept);
    if (step == 2) ck_assert(mock.packed[2] == 6 && ratio < 1.2);
    if (step == 3) ck_assert_int_eq(mock.packed[0], 6); /* the default saves nothing on a network this small */
    yolo_network_free(network);
  }
  yolo_graph_free(graph);
}
END_TEST

START_TEST(time_goes_to_nodes_that_run) {
  yolo_graph *graph = pyramid();
  yolo_network *network = load_network(graph, cpu_options, false);
  yolo_runner *runner = run_new(network, 1, 16, 16, false);
  const yolo_plan *plan = yolo_runner_plan(runner);
  double times[64];
  ck_assert_int_lt(plan->n_nodes, 64);
  for (int i = 0; i < 64; i++) times[i] = -1;
  yolo_runner_time_nodes(runner, times);
  run_once(runner, 1, 16, 16);
  for (int i = 0; i < plan->n_nodes; i++) ck_assert(plan->places[i].run ? times[i] > 0 : times[i] == 0);
  yolo_runner_time_nodes(runner, NULL);
  times[1] = -1;
  run_once(runner, 1, 16, 16);
  ck_assert(times[1] == -1);
  yolo_runner_free(runner);
  yolo_network_free(network);
  yolo_graph_free(graph);
}
END_TEST

/* ---- what goes wrong ---- */

static yolo_status fetch_badly(void *payload, const yolo_param *param, float *to) {
  if (param->layer == 2) return yolo_fail(YOLO_EFORMAT, "the file ends in %s", param->name);
  return yolo_fetch_random(payload, param, to);
}

static yolo_impl has_no_pooling(yolo_op_id id, yolo_direction direction) {
  return id == YOLO_OP_maxpool ? YOLO_IMPL_NONE : mock_has(id, direction);
}

static yolo_status run_not(yolo_device *device, yolo_direction direction, const yolo_op_call *call) {
  if (call->id == YOLO_OP_upsample) return yolo_fail(YOLO_EDEVICE, "the card fell off");
  return mock_run(device, direction, call);
}

static void expect_message(yolo_status st, const char *words) {
  ck_assert_int_ne(st, YOLO_OK);
  ck_assert_msg(strstr(yolo_error_message(), words), "%s", yolo_error_message());
}

START_TEST(failures_are_sentences) {
  yolo_graph *graph = pyramid();
  yolo_backend backend = mock_backend;
  yolo_network_options options = {.backend = &backend, .device = {.isa = "imaginary"}};
  yolo_network *network = NULL;
  yolo_runner *runner = NULL;
  yolo_tensor t;
  backend.has = has_no_pooling;
  expect_message(yolo_network_new(graph, &options, &network),
                 "layer 1 [maxpool]: op maxpool has no forward on the backend mock");
  ck_assert_ptr_null(network);
  backend.has = mock_has;
  backend.run = run_not;
  ck_ok(yolo_network_new(graph, &options, &network));
  expect_message(yolo_runner_new(network, &runner), "no parameters");
  expect_message(yolo_network_load(network, fetch_badly, &weights_seed), "the file ends in model.2.bn.bias");
  expect_message(yolo_runner_new(network, &runner), "no parameters");
  ck_ok(yolo_network_load(network, yolo_fetch_random, &weights_seed));
  ck_ok(yolo_runner_new(network, &runner));
  expect_message(yolo_runner_run(runner), "nothing is prepared");
  expect_message(yolo_runner_output(runner, 1, &t), "before a run");
  expect_message(yolo_runner_prepare(runner, 0, 16, 16, &t), "batch of 0");
  expect_message(yolo_runner_prepare(runner, 1, 18, 16, &t), "layer 8 [route]");
  ck_ok(yolo_runner_prepare(runner, 1, 16, 16, &t));
  fill(&t, 1);
  expect_message(yolo_runner_run(runner), "layer 7 [upsample]: the card fell off");
  expect_message(yolo_runner_output(runner, 1, &t), "before a run");
  backend.run = mock_run;
  run_once(runner, 1, 16, 16);
  expect_message(yolo_runner_output(runner, -1, &t), "node -1");
  expect_message(yolo_runner_output(runner, 1, &t), "keep_all");
  yolo_runner_free(runner);
  yolo_network_free(network);
  yolo_graph_free(graph);
}
END_TEST

/* Before any kernel is asked how much scratch it wants for them. */
START_TEST(impossible_batches_are_sentences) {
  yolo_graph *graph = pyramid();
  for (size_t k = 0; k < 2; k++) {
    yolo_network *network = load_network(graph, *both[k], false);
    yolo_runner *runner = run_new(network, 1, 16, 16, false);
    yolo_tensor t;
    expect_message(yolo_runner_prepare(runner, 0, 32, 32, &t), "batch of 0");
    expect_message(yolo_runner_prepare(runner, -3, 32, 32, &t), "batch of -3");
    expect_message(yolo_runner_prepare(runner, 1 << 22, 32, 32, &t), "is too large");
    expect_message(yolo_runner_prepare(runner, 1 << 30, 16, 16, &t), "is too large");
    expect_message(yolo_runner_prepare(runner, 1, 1 << 20, 1 << 20, &t), "too large");
    run_once(runner, 1, 16, 16);
    yolo_runner_free(runner);
    yolo_network_free(network);
  }
  yolo_graph_free(graph);
}
END_TEST

static yolo_status everything(const yolo_graph *graph, const yolo_network_options *options) {
  yolo_network *network = NULL;
  yolo_runner *runner = NULL;
  yolo_tensor input, out;
  yolo_status st = yolo_network_new(graph, options, &network);
  if (st == YOLO_OK) st = yolo_network_load(network, yolo_fetch_random, &weights_seed);
  if (st == YOLO_OK) st = yolo_runner_new(network, &runner);
  for (int side = 16; side <= 32 && st == YOLO_OK; side += 16) {
    st = yolo_runner_prepare(runner, 1, side, side, &input);
    if (st == YOLO_OK) fill(&input, 1);
    if (st == YOLO_OK) st = yolo_runner_run(runner);
  }
  if (st == YOLO_OK) st = yolo_runner_output(runner, yolo_network_graph(network)->n_nodes - 1, &out);
  yolo_runner_free(runner);
  yolo_network_free(network);
  return st;
}

START_TEST(short_memory_leaks_nothing) {
  yolo_graph *graph = pyramid();
  for (size_t k = 0; k < 2; k++) {
    long live = yolo_memory_get_stats().live;
    yolo_status st = YOLO_ENOMEM;
    for (long n = 1; st != YOLO_OK; n++) {
      ck_assert_int_lt(n, 1000);
      yolo_memory_fail_at(n);
      st = everything(graph, both[k]);
      yolo_memory_fail_at(0);
      ck_assert(st == YOLO_OK || st == YOLO_ENOMEM);
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
    }
  }
  yolo_graph_free(graph);
}
END_TEST

START_TEST(random_parameters_depend_on_seed_and_name) {
  yolo_param param = {.name = "model.3.conv.weight", .spec = {.name = "weight", .ndim = 4, .dims = {16, 8, 3, 3}}};
  static float a[1152], b[1152];
  uint64_t seed = 1, other = 2;
  double square = 0;
  param.spec.a = 16, param.spec.b = 8, param.spec.s = 9;
  ck_ok(yolo_fetch_random(&seed, &param, a));
  ck_ok(yolo_fetch_random(&seed, &param, b));
  ck_assert_mem_eq(a, b, sizeof a);
  for (int i = 0; i < 1152; i++) square += a[i] * a[i];
  ck_assert_double_eq_tol(square / 1152, 0.81 * 2 / 72, 0.004);
  ck_ok(yolo_fetch_random(&other, &param, b));
  ck_assert_mem_ne(a, b, sizeof a);
  param.name = "model.4.conv.weight";
  ck_ok(yolo_fetch_random(&seed, &param, b));
  ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("network");
  TCase *tc = tcase_create("network");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, fused_equals_unfused);
  tcase_add_test(tc, sharing_memory_changes_nothing);
  tcase_add_test(tc, folding_follows_the_equation);
  tcase_add_test(tc, a_run_allocates_nothing);
  tcase_add_test(tc, many_sizes_one_runner);
  tcase_add_test(tc, the_device_is_only_reached_through_the_backend);
  tcase_add_test(tc, watched_rows_are_those_of_the_whole_output);
  tcase_add_test(tc, small_maps_give_up_fast_forms_first);
  tcase_add_test(tc, time_goes_to_nodes_that_run);
  tcase_add_test(tc, failures_are_sentences);
  tcase_add_test(tc, impossible_batches_are_sentences);
  tcase_add_test(tc, short_memory_leaks_nothing);
  tcase_add_test(tc, random_parameters_depend_on_seed_and_name);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? 0 : 1;
}
