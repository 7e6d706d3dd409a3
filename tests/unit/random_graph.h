/* Small random graphs for the tests of planner, fusion and network: every kind of sharing the cfg dialect can ask
 * for (concatenations of concatenations, slices, shortcuts, dropouts, heads in the middle), from one seed. */
#ifndef YOLO_TESTS_RANDOM_GRAPH_H
#define YOLO_TESTS_RANDOM_GRAPH_H

#include <check.h>

#include "backbone/base/rng.h"
#include "backbone/graph/graph.h"

typedef struct graph_maker {
  yolo_graph *graph;
  yolo_rng rng;
} graph_maker;

#define ck_ok(call) ck_assert_msg((call) == YOLO_OK, "%s: %s", #call, yolo_error_message())

static inline int pick(graph_maker *m, int below) { return (int)(yolo_rng_u32(&m->rng) % (uint32_t)below); }

static inline int add(graph_maker *m, yolo_op_id op, const void *attrs, int n_in, const int *in, const char *role) {
  int node = -1;
  ck_ok(yolo_graph_add_op(m->graph, op, attrs, n_in, in, role, &node));
  return node;
}

static inline void begin(graph_maker *m, const char *section) {
  ck_ok(yolo_graph_begin_layer(m->graph, section, m->graph->n_layers + 1));
}

static inline yolo_conv2d_attrs conv_attrs(int filters, int kernel, bool bias) {
  int pad = kernel / 2;
  return (yolo_conv2d_attrs){.filters = filters,
                             .kernel_h = kernel,
                             .kernel_w = kernel,
                             .stride_h = 1,
                             .stride_w = 1,
                             .dilation = 1,
                             .groups = 1,
                             .pad = {pad, pad, pad, pad},
                             .bias = bias};
}

/* [convolutional] as the cfg floor writes it: up to three nodes of one layer. */
static inline int add_conv_layer(graph_maker *m, int in, int filters, int kernel, bool norm, yolo_activation act) {
  yolo_conv2d_attrs conv = conv_attrs(filters, kernel, !norm);
  yolo_batchnorm_attrs bn = {.eps = 1e-5f, .momentum = 0.1f};
  yolo_activation_attrs activation = {act};
  begin(m, "convolutional");
  int node = add(m, YOLO_OP_conv2d, &conv, 1, &in, "conv");
  if (norm) node = add(m, YOLO_OP_batchnorm, &bn, 1, &node, "bn");
  if (act != YOLO_ACT_linear) node = add(m, YOLO_OP_activation, &activation, 1, &node, NULL);
  return node;
}

/* Nodes of the same map size as `like` (and the same channels, when `equal`), newest first; at most 4. */
static inline int find_alike(graph_maker *m, int like, bool equal, int *out) {
  yolo_shape s = m->graph->nodes[like].shape;
  int n = 0;
  for (int i = m->graph->n_nodes - 1; i >= 0 && n < 4; i--) {
    yolo_shape t = m->graph->nodes[i].shape;
    if (s.h == t.h && s.w == t.w && (!equal || s.c == t.c) && (i == like || pick(m, 3) > 0)) out[n++] = i;
  }
  return n;
}

static inline int add_shape_layer(graph_maker *m, int in) {
  yolo_shape s = m->graph->nodes[in].shape;
  yolo_maxpool_attrs pool = {.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2};
  yolo_upsample_attrs up = {.factor = 2, .scale = 1};
  begin(m, s.h >= 4 ? "maxpool" : "upsample");
  return s.h >= 4 ? add(m, YOLO_OP_maxpool, &pool, 1, &in, NULL) : add(m, YOLO_OP_upsample, &up, 1, &in, NULL);
}

static inline int add_slice_layer(graph_maker *m, int in) {
  int channels = m->graph->nodes[in].shape.c, first = pick(m, channels);
  yolo_slice_attrs slice = {.first = first, .count = 1 + pick(m, channels - first)};
  begin(m, "route");
  return add(m, YOLO_OP_slice, &slice, 1, &in, NULL);
}

static inline int add_concat_layer(graph_maker *m, int in) {
  int nodes[4], n = find_alike(m, in, false, nodes);
  begin(m, "route");
  return add(m, YOLO_OP_concat, NULL, n, nodes, NULL);
}

static inline int add_shortcut_layer(graph_maker *m, int in) {
  int nodes[4], n = find_alike(m, in, true, nodes);
  yolo_shortcut_attrs shortcut = {.act = pick(m, 2) ? YOLO_ACT_leaky : YOLO_ACT_linear};
  begin(m, "shortcut");
  if (n < 2) nodes[1] = nodes[0];
  return add(m, YOLO_OP_shortcut, &shortcut, n > 2 && pick(m, 2) ? n : 2, nodes, NULL);
}

static inline int add_simple_layer(graph_maker *m, yolo_op_id op, int in) {
  yolo_activation_attrs activation = {pick(m, 2) ? YOLO_ACT_mish : YOLO_ACT_relu};
  yolo_batchnorm_attrs bn = {.eps = 1e-5f, .momentum = 0.1f};
  yolo_dropout_attrs dropout = {.probability = 0.5f};
  const void *attrs = op == YOLO_OP_activation ? (void *)&activation : op == YOLO_OP_batchnorm ? (void *)&bn : (void *)&dropout;
  begin(m, yolo_op_get(op)->name);
  return add(m, op, attrs, 1, &in, NULL);
}

static inline int add_output_layer(graph_maker *m, int in) {
  int node;
  begin(m, "yolo");
  ck_ok(yolo_graph_add_output(m->graph, in, &node));
  return node;
}

static inline int add_random_layer(graph_maker *m, int in) {
  static const yolo_activation acts[] = {YOLO_ACT_linear, YOLO_ACT_leaky, YOLO_ACT_mish};
  switch (pick(m, 14)) {
    case 0: return add_shape_layer(m, in);
    case 1: return add_slice_layer(m, in);
    case 2:
    case 3: return m->graph->nodes[in].shape.c < 60 ? add_concat_layer(m, in) : add_slice_layer(m, in);
    case 4:
    case 5:
    case 6: return add_shortcut_layer(m, in);
    case 7: return add_simple_layer(m, YOLO_OP_activation, in);
    case 8: return add_simple_layer(m, YOLO_OP_batchnorm, in);
    case 9: return add_simple_layer(m, YOLO_OP_dropout, in);
    case 10: return add_output_layer(m, in);
    default: return add_conv_layer(m, in, 1 + pick(m, 20), 1 + 2 * pick(m, 2), pick(m, 3) > 0, acts[pick(m, 3)]);
  }
}

/* Mostly a chain, now and then a branch from an older node. */
static inline yolo_graph *random_graph(uint64_t seed, int layers) {
  graph_maker m = {.rng = {.key = seed}};
  int node = 0;
  ck_ok(yolo_graph_new((yolo_shape){1, 8, 8, 1 + pick(&m, 20)}, &m.graph));
  for (int i = 0; i < layers; i++) {
    int in = pick(&m, 4) ? node : pick(&m, m.graph->n_nodes);
    node = add_random_layer(&m, in);
  }
  return m.graph;
}

#endif
