/* The planner, judged by playing its plans: every float of ACT holds a tag that says which value it is. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/graph/plan.h"
#include "tests/unit/random_graph.h"
#include "tests/unit/suite.h"

/* ---- playing a plan ----
 * Plain ifs in the inner loops: Check notes every passing ck_assert in a file. */

typedef struct player {
  const yolo_graph *graph;
  const yolo_plan *plan;
  uint64_t *cells; /* one a float of ACT: the tag of the value there */
  int *written_by; /* one a float: the node that wrote it last */
} player;

/* Which op computes channel `channel` of a node: views and concatenations only pass values on. */
static void trace(const yolo_graph *graph, int *node, int *channel) {
  for (;;) {
    const yolo_node *n = &graph->nodes[*node];
    int next = n->n_in > 0 ? n->in[0] : 0;
    if (n->kind == YOLO_NODE_OP && n->op == YOLO_OP_slice) {
      *channel += ((const yolo_slice_attrs *)n->attrs)->first;
    } else if (n->kind == YOLO_NODE_OP && n->op == YOLO_OP_concat) {
      for (int k = 0; *channel >= graph->nodes[n->in[k]].shape.c; k++) {
        *channel -= graph->nodes[n->in[k]].shape.c;
        next = n->in[k + 1];
      }
    } else if (n->kind != YOLO_NODE_OUTPUT && !(n->kind == YOLO_NODE_OP && n->op == YOLO_OP_dropout)) {
      return;
    }
    *node = next;
  }
}

static uint64_t tag(const yolo_graph *graph, int node, size_t pixel, int channel) {
  trace(graph, &node, &channel);
  return ((uint64_t)node << 40) + ((uint64_t)pixel << 16) + (uint64_t)channel + 1;
}

static size_t cell(const player *p, int node, size_t pixel, int channel) {
  size_t at = p->plan->places[node].offset / sizeof(float) + pixel * p->plan->places[node].stride + (size_t)channel;
  if (at >= p->plan->act_bytes / sizeof(float)) ck_abort_msg("node %d lies outside of ACT", node);
  return at;
}

static void expect_values(const player *p, int node, int reader) {
  yolo_shape s = p->plan->shapes[node];
  for (size_t pixel = 0; pixel < yolo_shape_pixels(s); pixel++)
    for (int c = 0; c < s.c; c++)
      if (p->cells[cell(p, node, pixel, c)] != tag(p->graph, node, pixel, c))
        ck_abort_msg("node %d: pixel %zu, channel %d is gone when node %d reads it", node, pixel, c, reader);
}

static bool same_place(const player *p, int a, int b) {
  return p->plan->places[a].offset == p->plan->places[b].offset && p->plan->places[a].stride == p->plan->places[b].stride;
}

/* Nobody writes over what it reads, but an in-place op over in[0]. A concatenation leaves its inputs as they were. */
static void expect_apart(const player *p, int node) {
  const yolo_node *n = &p->graph->nodes[node];
  for (int k = 0; k < n->n_in; k++) {
    yolo_shape s = p->plan->shapes[n->in[k]];
    if (k == 0 && yolo_op_get(n->op)->inplace && same_place(p, node, n->in[0])) continue;
    if (n->op == YOLO_OP_concat) {
      expect_values(p, n->in[k], node);
      continue;
    }
    for (size_t pixel = 0; pixel < yolo_shape_pixels(s); pixel++)
      for (int c = 0; c < s.c; c++)
        if (p->written_by[cell(p, n->in[k], pixel, c)] == node) ck_abort_msg("node %d writes over its input %d", node, k);
  }
}

static void write_values(player *p, int node) {
  yolo_shape s = p->plan->shapes[node];
  for (size_t pixel = 0; pixel < yolo_shape_pixels(s); pixel++)
    for (int c = 0; c < s.c; c++) {
      size_t at = cell(p, node, pixel, c);
      p->cells[at] = tag(p->graph, node, pixel, c);
      p->written_by[at] = node;
    }
}

static bool is_result(const yolo_graph *graph, int node) {
  if (graph->nodes[node].kind == YOLO_NODE_OUTPUT) return true;
  for (int i = 0; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_in; k++)
      if (graph->nodes[i].in[k] == node) return false;
  return graph->nodes[node].kind == YOLO_NODE_OP;
}

static void play(const yolo_graph *graph, const yolo_plan *plan, bool keep_all) {
  player p = {graph, plan, NULL, NULL};
  p.cells = yolo_calloc(plan->act_bytes / sizeof(float), sizeof *p.cells);
  p.written_by = yolo_calloc(plan->act_bytes / sizeof(float), sizeof *p.written_by);
  write_values(&p, 0);
  for (int i = 1; i < graph->n_nodes; i++) {
    if (!plan->places[i].run) continue;
    for (int k = 0; k < graph->nodes[i].n_in; k++) expect_values(&p, graph->nodes[i].in[k], i);
    write_values(&p, i);
    expect_apart(&p, i);
  }
  for (int i = 0; i < graph->n_nodes; i++)
    if (keep_all || is_result(graph, i)) expect_values(&p, i, graph->n_nodes);
  yolo_free(p.cells);
  yolo_free(p.written_by);
}

static yolo_plan *plan_graph(const yolo_graph *graph, int batch, bool views, bool keep_all) {
  yolo_shape *shapes = yolo_alloc_array((size_t)graph->n_nodes, sizeof *shapes);
  yolo_plan_options options = {.batch = batch, .concat_views = views, .keep_all = keep_all, .row_align = 16, .conflict = 2048};
  yolo_plan *plan = NULL;
  ck_ok(yolo_graph_infer(graph, graph->nodes[0].shape.h, graph->nodes[0].shape.w, shapes));
  ck_ok(yolo_plan_make(graph, shapes, &options, &plan));
  yolo_free(shapes);
  return plan;
}

START_TEST(random_plans_keep_every_value) {
  for (uint64_t seed = 0; seed < 80; seed++) {
    yolo_graph *graph = random_graph(seed, 25);
    for (int mode = 0; mode < 4; mode++) {
      yolo_plan *plan = plan_graph(graph, 1 + (int)(seed % 2), mode & 1, mode & 2);
      play(graph, plan, mode & 2);
      yolo_plan_free(plan);
    }
    yolo_graph_free(graph);
  }
}
END_TEST

START_TEST(plans_are_repeatable) {
  yolo_graph *graph = random_graph(7, 60);
  yolo_plan *a = plan_graph(graph, 2, true, false), *b = plan_graph(graph, 2, true, false);
  ck_assert_uint_eq(a->act_bytes, b->act_bytes);
  for (int i = 0; i < graph->n_nodes; i++) {
    ck_assert_uint_eq(a->places[i].offset, b->places[i].offset);
    ck_assert_uint_eq(a->places[i].stride, b->places[i].stride);
    ck_assert_int_eq(a->places[i].run, b->places[i].run);
  }
  yolo_plan_free(a);
  yolo_plan_free(b);
  yolo_graph_free(graph);
}
END_TEST

/* ---- what a plan should look like ---- */

static graph_maker start(int channels) {
  graph_maker m = {0};
  ck_ok(yolo_graph_new((yolo_shape){1, 8, 8, channels}, &m.graph));
  return m;
}

static void expect_inside(const yolo_plan *plan, int node, int outer, int channel) {
  ck_assert_uint_eq(plan->places[node].offset, plan->places[outer].offset + (size_t)channel * sizeof(float));
  ck_assert_uint_eq(plan->places[node].stride, plan->places[outer].stride);
}

static int route(graph_maker *m, int a, int b) {
  begin(m, "route");
  return add(m, YOLO_OP_concat, NULL, 2, (int[]){a, b}, NULL);
}

START_TEST(concatenations_are_views_and_nest) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 20, 3, false, YOLO_ACT_linear), b = add_conv_layer(&m, a, 12, 1, false, YOLO_ACT_linear);
  int ab = route(&m, a, b), c = add_conv_layer(&m, ab, 7, 1, false, YOLO_ACT_linear);
  int outer = route(&m, c, ab);
  yolo_plan *plan = plan_graph(m.graph, 1, true, false);
  ck_assert(!plan->places[ab].run && !plan->places[outer].run);
  expect_inside(plan, c, outer, 0);
  expect_inside(plan, ab, outer, 7);
  expect_inside(plan, a, outer, 7);
  expect_inside(plan, b, outer, 27);
  ck_assert_uint_eq(plan->places[outer].stride, 48); /* 39 channels */
  yolo_plan_free(plan);

  plan = plan_graph(m.graph, 1, false, false); /* a backend that wants packed pixels */
  ck_assert(plan->places[ab].run && plan->places[outer].run);
  yolo_plan_free(plan);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(a_concatenation_copies_what_cannot_move) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 20, 3, false, YOLO_ACT_linear), b = add_conv_layer(&m, a, 12, 1, false, YOLO_ACT_linear);
  int twice = route(&m, a, a), first = route(&m, b, 0), second = route(&m, b, twice);
  yolo_plan *plan = plan_graph(m.graph, 1, true, false);
  expect_inside(plan, a, twice, 0);
  ck_assert(plan->places[twice].run);
  expect_inside(plan, b, first, 0);
  ck_assert(plan->places[first].run);  /* the network's input stays its own */
  ck_assert(plan->places[second].run); /* b is taken already */
  expect_inside(plan, twice, second, 12);
  yolo_plan_free(plan);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(slices_outputs_and_dropouts_are_views) {
  graph_maker m = start(3);
  yolo_slice_attrs half = {.first = 16, .count = 16};
  int a = add_conv_layer(&m, 0, 32, 3, false, YOLO_ACT_linear);
  begin(&m, "route");
  int slice = add(&m, YOLO_OP_slice, &half, 1, &a, NULL);
  int dropout = add_simple_layer(&m, YOLO_OP_dropout, slice), out = add_output_layer(&m, dropout);
  yolo_plan *plan = plan_graph(m.graph, 1, true, false);
  int views[] = {slice, dropout, out};
  for (int k = 0; k < 3; k++) {
    ck_assert(!plan->places[views[k]].run);
    expect_inside(plan, views[k], a, 16);
  }
  yolo_plan_free(plan);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(in_place_only_where_nobody_looks) {
  graph_maker m = start(3);
  int a = add_conv_layer(&m, 0, 32, 3, false, YOLO_ACT_linear);
  int b = add_simple_layer(&m, YOLO_OP_activation, a); /* a is read again below */
  int c = add_simple_layer(&m, YOLO_OP_batchnorm, b);  /* the only reader of b */
  int sum = add_conv_layer(&m, c, 32, 1, false, YOLO_ACT_linear);
  begin(&m, "shortcut");
  yolo_shortcut_attrs shortcut = {.act = YOLO_ACT_linear};
  int d = add(&m, YOLO_OP_shortcut, &shortcut, 2, (int[]){sum, a}, NULL);
  int out = add_output_layer(&m, d), e = add_simple_layer(&m, YOLO_OP_activation, d); /* d is a result */
  yolo_plan *plan = plan_graph(m.graph, 1, true, false);
  ck_assert_uint_ne(plan->places[a].offset, plan->places[b].offset);
  if (yolo_op_batchnorm.inplace) ck_assert_uint_eq(plan->places[b].offset, plan->places[c].offset);
  ck_assert_uint_eq(plan->places[d].offset, plan->places[out].offset);
  ck_assert_uint_ne(plan->places[d].offset, plan->places[e].offset);
  yolo_plan_free(plan);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(the_input_is_never_overwritten_in_place) {
  graph_maker m = start(3);
  int a = add_simple_layer(&m, YOLO_OP_activation, 0);
  yolo_plan *plan = plan_graph(m.graph, 1, true, false);
  ck_assert_uint_ne(plan->places[a].offset, plan->places[0].offset);
  yolo_plan_free(plan);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(strides_fill_cache_lines) {
  static const struct {
    int channels;
    size_t stride;
  } rows[] = {{1, 1}, {3, 3}, {4, 4}, {5, 8}, {15, 16}, {16, 16}, {17, 32}, {255, 256}, {256, 256}, {512, 528}, {1024, 1040}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    graph_maker m = start(5);
    int a = add_conv_layer(&m, 0, rows[i].channels, 1, false, YOLO_ACT_linear);
    yolo_plan *plan = plan_graph(m.graph, 1, true, false);
    ck_assert_uint_eq(plan->places[0].stride, 5); /* the input is dense, whatever its channels */
    ck_assert_uint_eq(plan->places[a].stride, rows[i].stride);
    ck_assert_uint_eq(plan->places[a].offset % 64, 0);
    yolo_plan_free(plan);
    yolo_graph_free(m.graph);
  }
}
END_TEST

START_TEST(a_chain_needs_two_buffers) {
  graph_maker m = start(16);
  int node = 0;
  for (int i = 0; i < 10; i++) node = add_conv_layer(&m, node, 16, 1, false, YOLO_ACT_linear);
  yolo_plan *plan = plan_graph(m.graph, 3, true, false), *all = plan_graph(m.graph, 3, true, true);
  size_t one = 3 * 8 * 8 * 16 * sizeof(float);
  ck_assert_uint_eq(plan->act_bytes, 2 * one);
  ck_assert_uint_eq(all->act_bytes, 11 * one);
  yolo_plan_free(plan);
  yolo_plan_free(all);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(work_is_the_hungriest_node) {
  graph_maker m = start(3);
  yolo_plan *plan = NULL;
  add_conv_layer(&m, 0, 4, 1, false, YOLO_ACT_linear);
  yolo_shape shapes[] = {{1, 8, 8, 3}, {1, 8, 8, 4}};
  size_t work[] = {10, 700};
  yolo_plan_options options = {.batch = 1, .row_align = 16, .conflict = 2048, .work = work};
  ck_ok(yolo_plan_make(m.graph, shapes, &options, &plan));
  ck_assert_uint_eq(plan->work_bytes, 700);
  yolo_plan_free(plan);
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(impossible_batches_are_refused) {
  static const struct {
    int batch;
    const char *words;
  } rows[] = {{0, "batch of 0"}, {-3, "batch of -3"}, {2147483647, "too large; a smaller batch or input fits"}};
  graph_maker m = start(3);
  yolo_shape shapes[] = {{1, 8, 8, 3}, {1, 8, 8, 64}};
  add_conv_layer(&m, 0, 64, 1, false, YOLO_ACT_linear);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    yolo_plan *plan = NULL;
    yolo_plan_options options = {.batch = rows[i].batch, .row_align = 16, .conflict = 2048};
    ck_assert_int_ne(yolo_plan_make(m.graph, shapes, &options, &plan), YOLO_OK);
    ck_assert_ptr_null(plan);
    ck_assert_msg(strstr(yolo_error_message(), rows[i].words), "%s", yolo_error_message());
  }
  yolo_graph_free(m.graph);
}
END_TEST

START_TEST(short_memory_leaks_nothing) {
  yolo_graph *graph = random_graph(3, 20);
  yolo_shape *shapes = yolo_alloc_array((size_t)graph->n_nodes, sizeof *shapes);
  yolo_plan_options options = {.batch = 1, .concat_views = true, .row_align = 16, .conflict = 2048};
  yolo_status st = YOLO_ENOMEM;
  ck_ok(yolo_graph_infer(graph, 8, 8, shapes));
  long live = yolo_memory_get_stats().live;
  for (long n = 1; st != YOLO_OK; n++) {
    yolo_plan *plan = NULL;
    ck_assert_int_lt(n, 50);
    yolo_memory_fail_at(n);
    st = yolo_plan_make(graph, shapes, &options, &plan);
    yolo_memory_fail_at(0);
    ck_assert(st == YOLO_OK || (st == YOLO_ENOMEM && plan == NULL));
    yolo_plan_free(plan);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  yolo_free(shapes);
  yolo_graph_free(graph);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("plan");
  TCase *tc = tcase_create("plan");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, random_plans_keep_every_value);
  tcase_add_test(tc, plans_are_repeatable);
  tcase_add_test(tc, concatenations_are_views_and_nest);
  tcase_add_test(tc, a_concatenation_copies_what_cannot_move);
  tcase_add_test(tc, slices_outputs_and_dropouts_are_views);
  tcase_add_test(tc, in_place_only_where_nobody_looks);
  tcase_add_test(tc, the_input_is_never_overwritten_in_place);
  tcase_add_test(tc, strides_fill_cache_lines);
  tcase_add_test(tc, a_chain_needs_two_buffers);
  tcase_add_test(tc, work_is_the_hungriest_node);
  tcase_add_test(tc, impossible_batches_are_refused);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? 0 : 1;
}
