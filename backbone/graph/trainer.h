/* A network that learns: a graph as written (nothing fused but activations into batch norm, which saves a pass over memory),
 * its parameters and their gradients, and the two passes of a step. Losses and optimisers are the floor above's.
 *
 *   prepare -> fill the input -> forward -> read outputs, fill their gradients -> backward -> gradients were added
 *
 * One thread at a time uses it. After the first step of a size nothing is allocated. */
#ifndef YOLO_GRAPH_TRAINER_H
#define YOLO_GRAPH_TRAINER_H

#include "backbone/backend/backend.h"
#include "backbone/graph/network.h"
#include "backbone/graph/train_plan.h"

typedef struct yolo_trainer yolo_trainer;

typedef struct yolo_trainer_options {
  const yolo_backend *backend; /* NULL: cpu */
  yolo_device_options device;
  const bool *learns;      /* n_params of the graph; NULL: all but buffers */
  const bool *frozen_norm; /* by node of the graph: batch norms that use their running statistics; NULL: none */
  const int *outputs;      /* nodes of the graph that a loss looks at though they are no output nodes (a classifier's last) */
  int n_outputs;
  bool want_input; /* dL/d input too */
  const int *kept; /* nodes of the graph whose value, and gradient where one reaches them, stay until the next forward (an
                      output node has the gradient of what it passes on) */
  int n_kept;
  bool as_inference; /* a training pass gives what inference gives: running statistics everywhere, nothing dropped */
} yolo_trainer_options;

/* Copies the graph; the copy has fewer nodes. Parameters are not loaded yet. */
yolo_status yolo_trainer_new(const yolo_graph *graph, const yolo_trainer_options *options, yolo_trainer **out);
void yolo_trainer_free(yolo_trainer *trainer);
const yolo_graph *yolo_trainer_graph(const yolo_trainer *trainer); /* the copy: params as in the source */
/* The node of that graph which computes a node of the graph it was made from; -1: none does (a batch norm that has taken in its
 * activation). */
int yolo_trainer_node(const yolo_trainer *trainer, int source);
const char *yolo_trainer_device(const yolo_trainer *trainer);

/* ---- parameters: fp32 in host memory, in-memory layout, one block of values and one of gradients with equal offsets ---- */

yolo_status yolo_trainer_load(yolo_trainer *trainer, yolo_param_fetch fetch, void *payload);
/* Parameter `param` of the graph. grad is NULL for buffers and where nothing is learned. */
typedef struct yolo_trainer_param {
  float *value, *grad;
  size_t count, offset; /* offset: in floats, of value within all values */
} yolo_trainer_param;
yolo_trainer_param yolo_trainer_param_at(const yolo_trainer *trainer, int param);
/* All values, buffers included; EMA and moments use the same offsets. */
float *yolo_trainer_values(const yolo_trainer *trainer, size_t *count);
float *yolo_trainer_gradients(const yolo_trainer *trainer); /* with equal offsets */
void yolo_trainer_clear_gradients(yolo_trainer *trainer);
/* A fetch that delivers, in disk layout, from an array with the offsets of yolo_trainer_values (itself, or its EMA). */
typedef struct yolo_trainer_view {
  const yolo_trainer *trainer;
  const float *values;
} yolo_trainer_view;
yolo_status yolo_trainer_fetch(void *payload /* yolo_trainer_view */, const yolo_param *param, float *to);

/* ---- a step ---- */

/* What a batch of this size takes, without preparing it. */
typedef struct yolo_trainer_memory {
  size_t params, grads, activations, work; /* bytes */
} yolo_trainer_memory;
yolo_status yolo_trainer_measure(yolo_trainer *trainer, int batch, int height, int width, yolo_trainer_memory *out);

/* The input to fill: dense (batch, height, width, C). Valid until the next prepare. */
yolo_status yolo_trainer_prepare(yolo_trainer *trainer, int batch, int height, int width, yolo_tensor *input);
/* seed: of this step, for dropout. training false: as in inference (running statistics, no dropout); then no backward. */
yolo_status yolo_trainer_forward(yolo_trainer *trainer, bool training, uint64_t seed);
/* What a node, counted in the graph as written, draws from in a step. */
static inline uint64_t yolo_trainer_node_seed(uint64_t seed, int source_node) {
  return seed * 1000003u + (uint64_t)source_node;
}
/* The value of a node after forward. Outputs (YOLO_NODE_OUTPUT) live until backward; others only as long as backward needs
 * them. */
yolo_tensor yolo_trainer_output(const yolo_trainer *trainer, int node);
/* Where dL/d output goes: (N, H, W, C) with a pixel stride. All zero after forward: a loss adds what it has. No data where
 * nothing before it learns. */
yolo_tensor yolo_trainer_output_grad(const yolo_trainer *trainer, int node);
/* Adds to the gradients of the parameters. */
yolo_status yolo_trainer_backward(yolo_trainer *trainer);
/* DropBlock drops this share (0 to 1) of its probability from the next forward pass on; 1 where nobody asked. */
void yolo_trainer_set_dropblock(yolo_trainer *trainer, double share);
/* Seconds of every node of the next passes: n_nodes of the trainer's graph for forward, then as many for backward. NULL: no
 * clock runs. */
void yolo_trainer_time_nodes(yolo_trainer *trainer, double *seconds);
/* dL/d input, with want_input, after backward. */
yolo_tensor yolo_trainer_input_grad(const yolo_trainer *trainer);

/* Is every value of the last forward finite? The first node (in order) whose output is not; -1: none. Only nodes whose values
 * still live are looked at. */
int yolo_trainer_first_bad_node(const yolo_trainer *trainer);

#endif
