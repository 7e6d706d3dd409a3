/* The planner: a pure function from (graph, shapes, batch, wishes) to offsets. It allocates no tensor.
 *
 * ACT: activations by lifetime, best fit. WORK: one region as large as the hungriest node.
 * Concatenations become views where the producer can write straight into the wide buffer; slices, outputs
 * and in-place ops become views of their input. Sizes are bytes.
 *
 * What the kernel of concat must know: an input may already lie where it belongs (its data pointer is the
 * output's plus its first channel, with the output's stride); such an input is skipped, the others are copied.
 * What the caller must know: the network's input is alive until its last reader, then its memory is used again.
 * Results (what an output node passes on, and every value that nobody reads) live to the end. */
#ifndef YOLO_GRAPH_PLAN_H
#define YOLO_GRAPH_PLAN_H

#include "backbone/graph/graph.h"

typedef struct yolo_plan_options {
  int batch;
  bool concat_views;  /* the backend prefers views */
  bool keep_all;      /* every node's output lives to the end in memory of its own (comparison, training) */
  bool keep_input;    /* the network's input lives to the end: it can be run again without being sent again */
  size_t elem;        /* bytes of one value of an activation; 0: 4 */
  size_t row_align;   /* elements */
  size_t conflict;    /* pixel strides are no multiple of this many bytes; 0: they may be */
  const size_t *work; /* n_nodes: scratch bytes a node wants */
} yolo_plan_options;

typedef struct yolo_place {
  size_t offset; /* bytes into ACT of pixel (0,0,0), channel 0 */
  size_t stride; /* elements between pixels */
  bool run;      /* false: a view; nothing to compute */
} yolo_place;

typedef struct yolo_plan {
  int n_nodes, batch;
  yolo_shape *shapes; /* n_nodes, with n = batch */
  yolo_place *places; /* n_nodes */
  size_t act_bytes, work_bytes;
} yolo_plan;

/* Fails for a batch below 1, and for one whose maps are larger than kernels can count. To be asked before any kernel is
 * asked for its sizes; yolo_plan_make asks too. */
yolo_status yolo_plan_check_batch(const yolo_shape *shapes /* n = 1 */, int n_nodes, int batch);

yolo_status yolo_plan_make(const yolo_graph *graph, const yolo_shape *shapes /* n = 1 */, const yolo_plan_options *options,
                           yolo_plan **out);
void yolo_plan_free(yolo_plan *plan);

#endif
