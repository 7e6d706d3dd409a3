/* The graph: nodes, shapes, parameters. Plain data, no memory for activations, no device.
 *
 * A cfg layer becomes one or more nodes (convolution, batch norm and activation stay apart; fuse.h joins
 * them for inference). Node 0 is the input. Nodes are in execution order: inputs come before. */
#ifndef YOLO_GRAPH_GRAPH_H
#define YOLO_GRAPH_GRAPH_H

#include "backbone/ops/op.h"

typedef enum yolo_node_kind {
  YOLO_NODE_INPUT,
  YOLO_NODE_OP,
  YOLO_NODE_OUTPUT /* a head: opaque to the backbone; passes in[0] through and keeps it alive */
} yolo_node_kind;

typedef struct yolo_node {
  yolo_node_kind kind;
  yolo_op_id op;
  void *attrs; /* owned; the op's struct */
  int n_in;
  int *in;          /* owned; node indices */
  yolo_shape shape; /* output, with n = 1 */
  int layer;        /* index of the cfg layer it came from; -1 for the input */
  int n_param;
  int param[YOLO_OP_MAX_PARAM]; /* indices into graph->params; -1 = derived by fusion */
  int fold_bn;                  /* fused graph, conv2d and linear: index of the batchnorm node of the *source* graph
                                   whose statistics are folded into weight and bias, else -1 */
  float fold_eps;                /* and its epsilon */
  int source;                   /* fused graph: the node of the source graph this one computes, else -1 */
} yolo_node;

typedef struct yolo_param {
  char *name; /* "model.12.conv.weight": what the native file calls it; owned */
  int node, slot; /* in the graph that was built; fusion and copies leave them as they are */
  yolo_param_spec spec;
  int layer; /* the cfg layer it belongs to */
} yolo_param;

typedef struct yolo_layer {
  char *section; /* "convolutional"; owned */
  int line;      /* in the cfg */
  int first, last; /* its nodes; `last` is what [route] and [shortcut] see. A layer without nodes of its own
                      ([cost], a [route] of one layer) has the node it hands on as `last` and first = last + 1 */
} yolo_layer;

typedef struct yolo_graph {
  int n_nodes, n_params, n_layers, n_order;
  yolo_node *nodes;
  yolo_param *params;
  yolo_layer *layers;
  int *order; /* parameters in Darknet file order (n_order == n_params) */
  int cap_nodes, cap_params, cap_layers;
} yolo_graph;

void yolo_graph_free(yolo_graph *graph); /* frees the graph itself too; NULL is fine */
yolo_status yolo_graph_new(yolo_shape input, yolo_graph **out);

/* Opens a new layer; nodes added afterwards belong to it. */
yolo_status yolo_graph_begin_layer(yolo_graph *graph, const char *section, int line);

/* Adds a node of the current layer; copies attrs (NULL: all zero) and inputs, infers the shape, creates its
 * parameters under
 * "model.<layer>.<role>.<spec name>" (role NULL: "model.<layer>.<spec name>"). *out is its index. */
yolo_status yolo_graph_add_op(yolo_graph *graph, yolo_op_id op, const void *attrs, int n_in, const int *in, const char *role,
                              int *out);
yolo_status yolo_graph_add_output(yolo_graph *graph, int in, int *out);

/* Recomputes every shape for another input size (h, w); fails where a layer does not fit it. */
yolo_status yolo_graph_infer(const yolo_graph *graph, int h, int w, yolo_shape *shapes /* n_nodes */);

/* Fills a call's ids, attributes and tensor shapes (no data) for a node. `in`, `param`: room for
 * YOLO_OP_MAX_IN and YOLO_OP_MAX_PARAM. batch sets n. */
void yolo_graph_call(const yolo_graph *graph, int node, const yolo_shape *shapes, int batch, yolo_tensor *in, yolo_tensor *out,
                     yolo_tensor *param, yolo_op_call *call);

double yolo_graph_flops(const yolo_graph *graph, const yolo_shape *shapes, int node);
size_t yolo_graph_param_count(const yolo_graph *graph, bool learned_only);

#endif
