/* Strips: running a chain of layers a few rows at a time.
 *
 * The maps of the first layers are larger than a core's cache, so a layer writes its map to memory and the next one
 * reads it back. In a strip a chain of convolutions and poolings makes just the rows that the next rows of its last
 * layer need, while the rows before are still in the cache ("depth-first" execution; Alwani et al., "Fused-layer CNN
 * accelerators", MICRO 2016, section III, without their recomputation: maps stay whole in memory and every row is
 * made once). The arithmetic of a row is the same, so the bits are. */
#ifndef YOLO_GRAPH_STRIPS_H
#define YOLO_GRAPH_STRIPS_H

#include "backbone/graph/plan.h"

/* Pure: fills groups[] (room for n_nodes) and returns how many. `places` says which nodes run. */
int yolo_strips_choose(const yolo_graph *graph, const yolo_shape *shapes, const yolo_place *places,
                       const yolo_plan_options *options, yolo_strip_group *groups);

/* Calls step() for every piece of work of a group, in an order in which each row's inputs were made before: rows
 * [first, end) of a node of image n. Stops at the first failure. `rows`: scratch for 2 * (group->end - group->first). */
typedef yolo_status (*yolo_strip_step)(void *payload, int node, int image, int first, int end);
yolo_status yolo_strips_walk(const yolo_graph *graph, const yolo_plan *plan, const yolo_strip_group *group, int *rows,
                             yolo_strip_step step, void *payload);

/* Attributes of any op that can be cut. */
typedef union yolo_strip_attrs {
  yolo_conv2d_attrs conv2d;
  yolo_pool_attrs pool;
} yolo_strip_attrs;

/* Turns a whole call (tensors of all images) into the call for these rows: attrs, in[] and out are changed; `cut` must
 * live as long as the call. */
void yolo_strip_cut(yolo_op_call *call, yolo_tensor *in, int image, int first, int end, yolo_strip_attrs *cut);

#endif
