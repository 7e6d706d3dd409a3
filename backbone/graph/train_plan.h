/* The planner of training: a pure function from (graph, shapes, batch, what is learned) to offsets, for a forward and a
 * backward pass over the same nodes.
 *
 * Time runs from 0 to 2n - 1: node i computes at time i and hands its gradients on at time 2n - 1 - i; losses are computed in
 * between. A value lives until the last backward call that reads it (yolo_op_reads says which do), a gradient from the
 * first call that writes it until its node's own backward call. Concatenations, slices and outputs are views, of values and of
 * gradients alike: a gradient is the same slice of the wide buffer's gradient.
 *
 * The first that reaches a gradient writes it (beta 0), later ones add (beta 1). Where the first covers only a slice of the
 * buffer, it is cleared before; losses always add to a cleared one. Gradients that lead to nothing
 * learned are not computed. */
#ifndef YOLO_GRAPH_TRAIN_PLAN_H
#define YOLO_GRAPH_TRAIN_PLAN_H

#include "backbone/graph/graph.h"

typedef struct yolo_train_plan_options {
  int batch;
  bool want_input;     /* dL/d input too (explanations) */
  size_t row_align;    /* elements */
  size_t conflict;     /* bytes, see fit.h */
  const bool *outputs; /* n_nodes: nodes that a loss looks at beside the output nodes (classifiers); NULL: none */
  const bool *learns;  /* n_params: which parameters take a gradient; NULL: all but buffers */
  const bool *kept;    /* n_nodes: values and gradients that are looked at after the backward pass; no output nodes; NULL: none
                        */
} yolo_train_plan_options;

typedef struct yolo_train_place {
  size_t value, grad; /* byte offsets into ACT of pixel (0,0,0), channel 0 */
  size_t stride;      /* elements between pixels, of both */
  size_t saved;       /* byte offset of what forward leaves for backward */
  bool run;           /* there is something to compute; else a view */
  bool has_grad;      /* its gradient exists */
  bool backward;      /* its backward call is made */
  bool output;        /* a loss looks at it: its value lives until then, its gradient comes from there */
  int clear_loss; /* of outputs: before the losses the gradient buffer of this root is cleared; -1: another output's is the same
                   */
  bool lives;     /* its value is still there when the forward pass has ended */
  int root;       /* whose buffer it lies in */
  float beta[YOLO_OP_MAX_IN];
  bool wants[YOLO_OP_MAX_IN]; /* dL/d in[k] is wanted */
  int clear[YOLO_OP_MAX_IN];  /* before the call: nodes whose whole gradient buffer is cleared; -1 */
} yolo_train_place;

typedef struct yolo_train_plan {
  int n_nodes, batch;
  yolo_shape *shapes; /* n_nodes, with n = batch */
  yolo_train_place *places;
  size_t *sizes;    /* n_nodes: bytes of the buffer of a root, value and gradient alike */
  size_t act_bytes; /* values, gradients and what is saved */
} yolo_train_plan;

yolo_status yolo_train_plan_make(const yolo_graph *graph, const yolo_shape *shapes /* n = 1 */,
                                 const yolo_train_plan_options *options, yolo_train_plan **out);
void yolo_train_plan_free(yolo_train_plan *plan);

#endif
