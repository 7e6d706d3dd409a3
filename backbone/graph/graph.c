/* The graph: how nodes, shapes and parameters are added, named and found again.
 *
 * The one table worth knowing here is file_rank(): the order in which Darknet writes a layer's parameters
 * (save_convolutional_weights, save_connected_weights and friends of its parser.c). Everything that reads or
 * writes weights walks graph->order and needs to know nothing else about layers. */
#include "backbone/graph/graph.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"

/* No model comes near these; a hostile cfg does, and must end in a sentence. */
enum { MAX_NODES = 1 << 20, NAME_BYTES = 128 };
static const double MAX_VALUES = INT_MAX; /* of one map or one parameter: kernels index them with an int */

void yolo_graph_free(yolo_graph *graph) {
  if (!graph) return;
  for (int i = 0; i < graph->n_nodes; i++) {
    yolo_free(graph->nodes[i].attrs);
    yolo_free(graph->nodes[i].in);
  }
  for (int i = 0; i < graph->n_params; i++) yolo_free(graph->params[i].name);
  for (int i = 0; i < graph->n_layers; i++) yolo_free(graph->layers[i].section);
  yolo_free(graph->nodes);
  yolo_free(graph->params);
  yolo_free(graph->layers);
  yolo_free(graph->order);
  yolo_free(graph);
}

/* ---- growing arrays ---- */

/* Returns `array` with room for `count` elements, or NULL (the old one stays valid). */
static void *reserve(void *array, int *capacity, int count, size_t size) {
  if (count <= *capacity) return array;
  if (count > MAX_NODES) {
    yolo_fail(YOLO_ENOMEM, "a network of more than %d nodes is refused", MAX_NODES);
    return NULL;
  }
  int grown = *capacity * 2 > count ? *capacity * 2 : count + 8;
  void *moved = yolo_realloc(array, (size_t)grown * size);
  if (moved) *capacity = grown;
  return moved;
}

static yolo_status reserve_nodes(yolo_graph *graph) {
  yolo_node *nodes = reserve(graph->nodes, &graph->cap_nodes, graph->n_nodes + 1, sizeof *nodes);
  if (!nodes) return YOLO_ENOMEM;
  graph->nodes = nodes;
  return YOLO_OK;
}

/* params and order grow together and share one capacity. */
static yolo_status reserve_params(yolo_graph *graph, int extra) {
  int count = graph->n_params + extra, capacity = graph->cap_params;
  if (count == 0) return YOLO_OK;
  int *order = reserve(graph->order, &capacity, count, sizeof *order);
  if (!order) return YOLO_ENOMEM;
  graph->order = order;
  yolo_param *params = reserve(graph->params, &graph->cap_params, count, sizeof *params);
  if (!params) return YOLO_ENOMEM;
  graph->params = params;
  return YOLO_OK;
}

/* ---- shapes ---- */

static yolo_status check_shape(yolo_shape s) {
  if (s.n < 1 || s.h < 1 || s.w < 1 || s.c < 1)
    return yolo_fail(YOLO_ESHAPE, "a map of %d x %d pixels and %d channels has no values", s.w, s.h, s.c);
  if ((double)s.h * s.w * s.c > MAX_VALUES)
    return yolo_fail(YOLO_ESHAPE, "a map of %d x %d pixels and %d channels is too large (2^31 values at most)", s.w, s.h, s.c);
  return YOLO_OK;
}

static void input_shapes(const yolo_graph *graph, const yolo_node *node, const yolo_shape *shapes, yolo_shape *in) {
  for (int k = 0; k < node->n_in; k++) in[k] = shapes ? shapes[node->in[k]] : graph->nodes[node->in[k]].shape;
}

static int node_params(const yolo_node *node, const yolo_shape *in, yolo_param_spec *specs) {
  const yolo_op *op = yolo_op_get(node->op);
  return op->params ? op->params(node->attrs, node->n_in, in, specs) : 0;
}

/* A linear layer or an implicit vector fixes the size of its input through the size of its parameters. */
static yolo_status check_params_fit(const yolo_graph *graph, const yolo_node *node, const yolo_shape *in) {
  yolo_param_spec specs[YOLO_OP_MAX_PARAM];
  int n = node_params(node, in, specs);
  for (int k = 0; k < n && k < node->n_param; k++) {
    if (node->param[k] < 0) continue;
    const yolo_param_spec *had = &graph->params[node->param[k]].spec;
    if (had->a != specs[k].a || had->b != specs[k].b || had->s != specs[k].s)
      return yolo_fail(YOLO_ESHAPE, "its %s was made for another input size; only the size in the cfg is possible", had->name);
  }
  return YOLO_OK;
}

static yolo_status infer_op(const yolo_graph *graph, const yolo_node *node, const yolo_shape *shapes, yolo_shape *out) {
  yolo_shape in[YOLO_OP_MAX_IN];
  yolo_status st;
  input_shapes(graph, node, shapes, in);
  YOLO_TRY(yolo_op_get(node->op)->shape(node->attrs, node->n_in, in, out));
  YOLO_TRY(check_shape(*out));
  YOLO_TRY(check_params_fit(graph, node, in));
done:
  return st;
}

yolo_status yolo_graph_infer(const yolo_graph *graph, int h, int w, yolo_shape *shapes) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < graph->n_nodes && st == YOLO_OK; i++) {
    const yolo_node *node = &graph->nodes[i];
    if (node->kind == YOLO_NODE_INPUT) {
      shapes[i] = (yolo_shape){1, h, w, node->shape.c};
      st = check_shape(shapes[i]);
    } else if (node->kind == YOLO_NODE_OUTPUT) {
      shapes[i] = shapes[node->in[0]];
    } else {
      st = infer_op(graph, node, shapes, &shapes[i]);
    }
    if (st == YOLO_OK) continue;
    if (node->layer < 0) return yolo_error_prefix(st, "input %d x %d: ", w, h);
    return yolo_error_prefix(st, "input %d x %d: layer %d [%s]: ", w, h, node->layer, graph->layers[node->layer].section);
  }
  return st;
}

/* ---- the order of a Darknet file ---- */

/* Within one convolution or connected layer: biases (the batch norm's beta, where there is one) come first;
 * [connected] writes its weights before the batch norm triple, [convolutional] after it. */
static int file_rank(const yolo_graph *graph, const yolo_param *param) {
  yolo_op_id op = graph->nodes[param->node].op;
  if (strcmp(param->spec.name, "bias") == 0) return 0;
  if (op == YOLO_OP_linear) return 1;
  if (op != YOLO_OP_batchnorm) return 5;
  if (strcmp(param->spec.name, "weight") == 0) return 2;
  return strcmp(param->spec.name, "running_mean") == 0 ? 3 : 4;
}

static bool has_weights(const yolo_node *node) { return node->op == YOLO_OP_conv2d || node->op == YOLO_OP_linear; }

/* The node a parameter is written with: a batch norm belongs to the convolution before it in its layer. */
static int file_owner(const yolo_graph *graph, const yolo_param *param) {
  const yolo_node *node = &graph->nodes[param->node];
  if (node->op != YOLO_OP_batchnorm) return param->node;
  const yolo_node *before = &graph->nodes[node->in[0]];
  bool joined = before->kind == YOLO_NODE_OP && has_weights(before) && before->layer == node->layer;
  return joined ? node->in[0] : param->node;
}

static bool file_before(const yolo_graph *graph, const yolo_param *a, const yolo_param *b) {
  if (a->layer != b->layer) return a->layer < b->layer;
  int owner_a = file_owner(graph, a), owner_b = file_owner(graph, b);
  if (owner_a != owner_b) return owner_a < owner_b;
  return file_rank(graph, a) < file_rank(graph, b);
}

/* Insertion from the back keeps `order` right after every node; only the newest layer ever moves. */
static void insert_in_order(yolo_graph *graph, int param) {
  int at = graph->n_order++;
  while (at > 0 && file_before(graph, &graph->params[param], &graph->params[graph->order[at - 1]])) {
    graph->order[at] = graph->order[at - 1];
    at--;
  }
  graph->order[at] = param;
}

/* ---- building ---- */

yolo_status yolo_graph_new(yolo_shape input, yolo_graph **out) {
  yolo_graph *graph = NULL;
  yolo_status st;
  *out = NULL;
  input.n = 1;
  YOLO_TRY(check_shape(input));
  graph = yolo_calloc(1, sizeof *graph);
  YOLO_ENOMEM_IF_NULL(graph);
  YOLO_TRY(reserve_nodes(graph));
  graph->nodes[graph->n_nodes++] =
      (yolo_node){.kind = YOLO_NODE_INPUT, .shape = input, .layer = -1, .fold_bn = -1, .source = -1};
  *out = graph;
  graph = NULL;
done:
  yolo_graph_free(graph);
  return st;
}

yolo_status yolo_graph_begin_layer(yolo_graph *graph, const char *section, int line) {
  yolo_layer *layers = reserve(graph->layers, &graph->cap_layers, graph->n_layers + 1, sizeof *layers);
  if (!layers) return YOLO_ENOMEM;
  graph->layers = layers;
  yolo_layer layer = {yolo_strdup(section), line, -1, -1};
  if (!layer.section) return YOLO_ENOMEM;
  graph->layers[graph->n_layers++] = layer;
  return YOLO_OK;
}

static yolo_status check_inputs(const yolo_graph *graph, const char *what, int min, int max, int n_in, const int *in) {
  if (graph->n_layers == 0) return yolo_fail(YOLO_EINVAL, "%s: no layer was begun for this node", what);
  if (max > YOLO_OP_MAX_IN) max = YOLO_OP_MAX_IN;
  if (n_in < min || n_in > max)
    return yolo_fail(YOLO_ESHAPE, "%s: %d inputs, where %d to %d are possible", what, n_in, min, max);
  for (int k = 0; k < n_in; k++)
    if (in[k] < 0 || in[k] >= graph->n_nodes)
      return yolo_fail(YOLO_EINVAL, "%s: input %d is node %d, which does not come before it", what, k, in[k]);
  return YOLO_OK;
}

/* Takes over what `node` owns. */
static int push_node(yolo_graph *graph, const yolo_node *node) {
  int index = graph->n_nodes++;
  yolo_layer *layer = &graph->layers[node->layer];
  graph->nodes[index] = *node;
  if (layer->first < 0) layer->first = index;
  layer->last = index;
  return index;
}

static yolo_status check_spec(const yolo_param_spec *spec) {
  if (spec->a < 1 || spec->b < 1 || spec->s < 1 || (double)spec->a * spec->b * spec->s > MAX_VALUES)
    return yolo_fail(YOLO_ESHAPE, "a %s of %d x %d x %d values is not possible", spec->name, spec->a, spec->b, spec->s);
  return YOLO_OK;
}

static yolo_status param_name(const yolo_graph *graph, const char *role, const char *spec, char **out) {
  char name[NAME_BYTES];
  int layer = graph->n_layers - 1;
  if (role)
    snprintf(name, sizeof name, "model.%d.%s.%s", layer, role, spec);
  else
    snprintf(name, sizeof name, "model.%d.%s", layer, spec);
  for (int i = graph->n_params - 1; i >= 0 && graph->params[i].layer == layer; i--)
    if (strcmp(graph->params[i].name, name) == 0)
      return yolo_fail(YOLO_EINVAL, "two parameters of layer %d are both called %s: give the nodes different roles", layer,
                       name);
  *out = yolo_strdup(name);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

/* Makes the parameters of a node that is not yet part of the graph: room, specs and names. */
static yolo_status prepare_params(yolo_graph *graph, const yolo_node *node, const char *role, yolo_param_spec *specs,
                                  char **names, int *count) {
  yolo_shape in[YOLO_OP_MAX_IN];
  yolo_status st;
  input_shapes(graph, node, NULL, in);
  *count = node_params(node, in, specs);
  YOLO_TRY(reserve_params(graph, *count));
  for (int k = 0; k < *count; k++) {
    YOLO_TRY(check_spec(&specs[k]));
    YOLO_TRY(param_name(graph, role, specs[k].name, &names[k]));
  }
done:
  return st;
}

yolo_status yolo_graph_add_op(yolo_graph *graph, yolo_op_id id, const void *attrs, int n_in, const int *in, const char *role,
                              int *out) {
  const yolo_op *op = yolo_op_get(id);
  yolo_param_spec specs[YOLO_OP_MAX_PARAM];
  char *names[YOLO_OP_MAX_PARAM] = {NULL};
  yolo_node node = {.kind = YOLO_NODE_OP, .op = id, .n_in = n_in, .layer = graph->n_layers - 1, .fold_bn = -1, .source = -1};
  yolo_status st;
  if (!op) return yolo_fail(YOLO_EINVAL, "op %d does not exist", (int)id);
  YOLO_TRY(check_inputs(graph, op->name, op->min_in, op->max_in, n_in, in));
  node.attrs = yolo_calloc(1, op->attrs_size);
  YOLO_ENOMEM_IF_NULL(node.attrs);
  if (attrs) memcpy(node.attrs, attrs, op->attrs_size);
  node.in = yolo_alloc_array((size_t)n_in, sizeof *in);
  YOLO_ENOMEM_IF_NULL(node.in);
  memcpy(node.in, in, (size_t)n_in * sizeof *in);
  YOLO_TRY(infer_op(graph, &node, NULL, &node.shape));
  YOLO_TRY(prepare_params(graph, &node, role, specs, names, &node.n_param));
  YOLO_TRY(reserve_nodes(graph));

  int index = push_node(graph, &node);
  node.attrs = node.in = NULL;
  for (int k = 0; k < node.n_param; k++) {
    graph->nodes[index].param[k] = graph->n_params;
    graph->params[graph->n_params] = (yolo_param){names[k], index, k, specs[k], node.layer};
    names[k] = NULL;
    insert_in_order(graph, graph->n_params++);
  }
  if (out) *out = index;
done:
  yolo_free(node.attrs);
  yolo_free(node.in);
  for (int k = 0; k < YOLO_OP_MAX_PARAM; k++) yolo_free(names[k]);
  return st;
}

yolo_status yolo_graph_add_output(yolo_graph *graph, int in, int *out) {
  yolo_node node = {.kind = YOLO_NODE_OUTPUT, .n_in = 1, .layer = graph->n_layers - 1, .fold_bn = -1, .source = -1};
  yolo_status st;
  YOLO_TRY(check_inputs(graph, "output", 1, 1, 1, &in));
  YOLO_TRY(reserve_nodes(graph));
  node.in = yolo_alloc(sizeof in);
  YOLO_ENOMEM_IF_NULL(node.in);
  *node.in = in;
  node.shape = graph->nodes[in].shape;
  int index = push_node(graph, &node);
  if (out) *out = index;
done:
  return st;
}

/* ---- reading ---- */

void yolo_graph_call(const yolo_graph *graph, int index, const yolo_shape *shapes, int batch, yolo_tensor *in, yolo_tensor *out,
                     yolo_tensor *param, yolo_op_call *call) {
  const yolo_node *node = &graph->nodes[index];
  yolo_shape in_shapes[YOLO_OP_MAX_IN], out_shape = shapes[index];
  yolo_param_spec specs[YOLO_OP_MAX_PARAM];
  input_shapes(graph, node, shapes, in_shapes);
  for (int k = 0; k < node->n_in; k++) {
    in_shapes[k].n = batch;
    in[k] = yolo_tensor_dense(NULL, in_shapes[k]);
  }
  out_shape.n = batch;
  *out = yolo_tensor_dense(NULL, out_shape);
  int n_param = node->kind == YOLO_NODE_OP ? node_params(node, in_shapes, specs) : 0;
  for (int k = 0; k < n_param; k++) param[k] = yolo_tensor_dense(NULL, specs[k].shape);
  *call = (yolo_op_call){.id = node->op, .attrs = node->attrs, .n_in = node->n_in, .n_param = n_param};
  call->in = in;
  call->out = out;
  call->param = param;
}

double yolo_graph_flops(const yolo_graph *graph, const yolo_shape *shapes, int index) {
  const yolo_node *node = &graph->nodes[index];
  yolo_shape in[YOLO_OP_MAX_IN];
  if (node->kind != YOLO_NODE_OP || !yolo_op_get(node->op)->flops) return 0;
  input_shapes(graph, node, shapes, in);
  return yolo_op_get(node->op)->flops(node->attrs, in, shapes[index]);
}

size_t yolo_graph_param_count(const yolo_graph *graph, bool learned_only) {
  size_t count = 0;
  for (int i = 0; i < graph->n_params; i++)
    if (!learned_only || !graph->params[i].spec.buffer) count += yolo_param_count(&graph->params[i].spec);
  return count;
}
