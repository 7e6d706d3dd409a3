/* Fusion: fewer passes over memory, the same function. For inference:
 *
 *   conv -> batch norm            gamma (w*x - mean) / sqrt(var + eps) + beta   is again a convolution (fold_bn)
 *   conv -> activation            act1 of the epilogue
 *   conv -> (+ shortcut) -> act   the residual of the epilogue and act2
 *   dropout                       the identity at inference
 *
 * For training:
 *
 *   batch norm -> activation      act of the batch norm
 *
 * One pass over the source in execution order. A node that is the only reader of a value may be absorbed by the
 * node that computes this value; everything else is copied. `map` says for every source node which new node
 * holds its value, -1 once nothing does. */
#include "backbone/graph/fuse.h"

#include <string.h>

#include "backbone/base/memory.h"

typedef struct fuser {
  const yolo_graph *source;
  yolo_graph *graph;
  int *map;     /* source node -> node of the new graph that holds its value, or -1 */
  int *readers; /* source node -> how many nodes read it */
} fuser;

/* ---- copying ---- */

/* Everything but the nodes. Capacities stay 0: a fused graph is not built any further. */
static yolo_status copy_tables(const yolo_graph *source, yolo_graph *graph) {
  yolo_status st = YOLO_OK;
  graph->nodes = yolo_calloc((size_t)source->n_nodes, sizeof *graph->nodes);
  YOLO_ENOMEM_IF_NULL(graph->nodes);
  graph->params = yolo_calloc((size_t)source->n_params, sizeof *graph->params);
  YOLO_ENOMEM_IF_NULL(graph->params);
  graph->layers = yolo_calloc((size_t)source->n_layers, sizeof *graph->layers);
  YOLO_ENOMEM_IF_NULL(graph->layers);
  graph->order = yolo_alloc_array((size_t)source->n_params, sizeof *graph->order);
  YOLO_ENOMEM_IF_NULL(graph->order);
  if (source->n_order > 0) memcpy(graph->order, source->order, (size_t)source->n_order * sizeof *graph->order);
  graph->n_order = source->n_order;
  for (int i = 0; i < source->n_params; i++) {
    yolo_param *param = &graph->params[graph->n_params++];
    *param = source->params[i];
    param->name = yolo_strdup(source->params[i].name);
    YOLO_ENOMEM_IF_NULL(param->name);
  }
  for (int i = 0; i < source->n_layers; i++) {
    yolo_layer *layer = &graph->layers[graph->n_layers++];
    *layer = source->layers[i];
    layer->section = yolo_strdup(source->layers[i].section);
    YOLO_ENOMEM_IF_NULL(layer->section);
  }
done:
  return st;
}

static yolo_status copy_node(fuser *f, int index) {
  const yolo_node *from = &f->source->nodes[index];
  yolo_node *to = &f->graph->nodes[f->graph->n_nodes];
  *to = *from;
  to->attrs = NULL;
  to->in = NULL;
  to->source = index;
  f->map[index] = f->graph->n_nodes++; /* counted from here on, so that a failure below frees what it has */
  if (from->kind == YOLO_NODE_OP) {
    size_t size = yolo_op_get(from->op)->attrs_size;
    to->attrs = yolo_alloc(size);
    if (!to->attrs) return YOLO_ENOMEM;
    memcpy(to->attrs, from->attrs, size);
  }
  if (from->n_in == 0) return YOLO_OK;
  to->in = yolo_alloc_array((size_t)from->n_in, sizeof *to->in);
  if (!to->in) return YOLO_ENOMEM;
  for (int k = 0; k < from->n_in; k++) to->in[k] = f->map[from->in[k]];
  return YOLO_OK;
}

/* ---- what may be absorbed ---- */

static bool is_op(const yolo_node *node, yolo_op_id op) { return node->kind == YOLO_NODE_OP && node->op == op; }

/* The activation that a node can still take over, or NULL: the last thing it does must be linear. */
static yolo_activation *free_activation(const yolo_node *node) {
  yolo_activation *act = NULL;
  if (node->kind != YOLO_NODE_OP) return NULL;
  if (node->op == YOLO_OP_conv2d) {
    yolo_conv2d_attrs *conv = node->attrs;
    act = conv->residual ? &conv->act2 : &conv->act1;
    if (!conv->residual && conv->act2 != YOLO_ACT_linear) act = NULL;
  } else if (node->op == YOLO_OP_batchnorm) {
    act = &((yolo_batchnorm_attrs *)node->attrs)->act;
  } else if (node->op == YOLO_OP_linear) {
    act = &((yolo_linear_attrs *)node->attrs)->act;
  } else if (node->op == YOLO_OP_local) {
    act = &((yolo_local_attrs *)node->attrs)->act;
  } else if (node->op == YOLO_OP_shortcut) {
    act = &((yolo_shortcut_attrs *)node->attrs)->act;
  } else if (node->op == YOLO_OP_scale_channels) {
    act = &((yolo_scale_channels_attrs *)node->attrs)->act;
  } else if (node->op == YOLO_OP_multiply) {
    act = &((yolo_multiply_attrs *)node->attrs)->act;
  }
  return act && *act == YOLO_ACT_linear ? act : NULL;
}

/* Whether one node alone reads the value of `index`, seen through dropouts, which hold the same value. */
static bool read_once(const fuser *f, int index) {
  while (f->readers[index] == 1) {
    if (!is_op(&f->source->nodes[index], YOLO_OP_dropout)) return true;
    index = f->source->nodes[index].in[0];
  }
  return false;
}

/* New node `q` now computes source node `index` instead of its input `before`, whose value is gone. */
static void absorb(fuser *f, int index, int before, int q) {
  while (is_op(&f->source->nodes[before], YOLO_OP_dropout)) {
    f->map[before] = -1;
    before = f->source->nodes[before].in[0];
  }
  f->map[before] = -1;
  f->map[index] = q;
  f->graph->nodes[q].source = index;
}

/* Only within one layer: loading holds one layer's parameters at a time. The norm's own activation goes along. */
static bool fuse_batchnorm(fuser *f, int index) {
  const yolo_node *norm = &f->source->nodes[index];
  const yolo_batchnorm_attrs *attrs = norm->attrs;
  int before = norm->in[0], q = f->map[before];
  yolo_node *node = &f->graph->nodes[q];
  if (!read_once(f, before) || node->kind != YOLO_NODE_OP || node->layer != norm->layer || node->fold_bn >= 0) return false;
  if (!free_activation(node)) return false;
  if (node->op == YOLO_OP_conv2d && !((yolo_conv2d_attrs *)node->attrs)->residual)
    ((yolo_conv2d_attrs *)node->attrs)->bias = true;
  else if (node->op == YOLO_OP_linear)
    ((yolo_linear_attrs *)node->attrs)->bias = true;
  else
    return false;
  node->fold_bn = index;
  node->fold_eps = attrs->eps;
  *free_activation(node) = attrs->act;
  node->n_param = 2; /* weight, bias */
  node->param[1] = -1;
  absorb(f, index, before, q);
  return true;
}

static bool fuse_activation(fuser *f, int index) {
  const yolo_activation_attrs *attrs = f->source->nodes[index].attrs;
  int before = f->source->nodes[index].in[0], q = f->map[before];
  yolo_activation *act = free_activation(&f->graph->nodes[q]);
  if (!act || !read_once(f, before)) return false;
  *act = attrs->act;
  absorb(f, index, before, q);
  return true;
}

/* Whether the convolution that computes input `k` of a shortcut can add the other input itself. That other
 * value must exist before the convolution runs: where both are convolutions this picks the later one. */
static bool can_add_residual(const fuser *f, const yolo_node *shortcut, int k) {
  int own = shortcut->in[k], q = f->map[own], other = f->map[shortcut->in[1 - k]];
  const yolo_node *node = &f->graph->nodes[q];
  if (other >= q || !read_once(f, own) || !is_op(node, YOLO_OP_conv2d)) return false;
  const yolo_conv2d_attrs *conv = node->attrs;
  return !conv->residual && conv->act2 == YOLO_ACT_linear && yolo_shape_equal(node->shape, f->graph->nodes[other].shape);
}

/* *fused tells whether it was; a failure is only ever memory. */
static yolo_status fuse_shortcut(fuser *f, int index, bool *fused) {
  const yolo_node *shortcut = &f->source->nodes[index];
  const yolo_shortcut_attrs *attrs = shortcut->attrs;
  *fused = false;
  if (shortcut->n_in != 2 || attrs->weights_per != 0 || attrs->subsample) return YOLO_OK;
  int k = can_add_residual(f, shortcut, 0) ? 0 : can_add_residual(f, shortcut, 1) ? 1 : -1;
  if (k < 0) return YOLO_OK;

  int q = f->map[shortcut->in[k]], residual = f->map[shortcut->in[1 - k]];
  yolo_node *node = &f->graph->nodes[q];
  yolo_conv2d_attrs *conv = node->attrs;
  int *in = yolo_realloc(node->in, 2 * sizeof *in);
  if (!in) return YOLO_ENOMEM;
  in[1] = residual;
  node->in = in;
  node->n_in = 2;
  conv->residual = true;
  conv->act2 = attrs->act;
  absorb(f, index, shortcut->in[k], q);
  *fused = true;
  return YOLO_OK;
}

static yolo_status fuse_node(fuser *f, int index) {
  const yolo_node *node = &f->source->nodes[index];
  bool fused = false;
  yolo_status st = YOLO_OK;
  if (is_op(node, YOLO_OP_dropout)) {
    f->map[index] = f->map[node->in[0]];
    fused = true;
  } else if (is_op(node, YOLO_OP_batchnorm)) {
    fused = fuse_batchnorm(f, index);
  } else if (is_op(node, YOLO_OP_activation)) {
    fused = fuse_activation(f, index);
  } else if (is_op(node, YOLO_OP_shortcut)) {
    st = fuse_shortcut(f, index, &fused);
  }
  return fused || st != YOLO_OK ? st : copy_node(f, index);
}

/* ---- the ways in ---- */

static void number_layers(fuser *f) {
  for (int i = 0; i < f->graph->n_layers; i++) {
    yolo_layer *layer = &f->graph->layers[i];
    layer->first = -1;
    if (layer->last >= 0) layer->last = f->map[layer->last];
  }
  for (int i = f->graph->n_nodes - 1; i > 0; i--) f->graph->layers[f->graph->nodes[i].layer].first = i;
}

static yolo_status fuse_training_node(fuser *f, int index) {
  const yolo_node *node = &f->source->nodes[index];
  const bool after_norm = is_op(node, YOLO_OP_activation) && is_op(&f->source->nodes[node->in[0]], YOLO_OP_batchnorm);
  return after_norm && fuse_activation(f, index) ? YOLO_OK : copy_node(f, index);
}

static void count_readers(fuser *f) {
  for (int i = 0; i < f->source->n_nodes; i++)
    for (int k = 0; k < f->source->nodes[i].n_in; k++) f->readers[f->source->nodes[i].in[k]]++;
}

static yolo_status rebuild(const yolo_graph *source, yolo_status (*step)(fuser *f, int index), yolo_graph **out) {
  fuser f = {.source = source};
  yolo_status st;
  *out = NULL;
  f.graph = yolo_calloc(1, sizeof *f.graph);
  YOLO_ENOMEM_IF_NULL(f.graph);
  f.map = yolo_alloc_array((size_t)source->n_nodes, sizeof *f.map);
  YOLO_ENOMEM_IF_NULL(f.map);
  f.readers = yolo_calloc((size_t)source->n_nodes, sizeof *f.readers);
  YOLO_ENOMEM_IF_NULL(f.readers);
  count_readers(&f);
  YOLO_TRY(copy_tables(source, f.graph));
  for (int i = 0; i < source->n_nodes; i++) YOLO_TRY(step(&f, i));
  number_layers(&f);
  *out = f.graph;
  f.graph = NULL;
done:
  yolo_graph_free(f.graph);
  yolo_free(f.map);
  yolo_free(f.readers);
  return st;
}

yolo_status yolo_graph_fuse(const yolo_graph *source, yolo_graph **out) { return rebuild(source, fuse_node, out); }

yolo_status yolo_graph_fuse_training(const yolo_graph *source, yolo_graph **out) {
  return rebuild(source, fuse_training_node, out);
}

yolo_status yolo_graph_copy(const yolo_graph *source, yolo_graph **out) { return rebuild(source, copy_node, out); }
