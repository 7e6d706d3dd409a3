/* Fusion: pure functions from a graph to a smaller graph with the same meaning.
 *
 * For inference: conv2d or linear + batchnorm: folded into weight and bias (fold_bn). + activation: act1 of the epilogue.
 * + shortcut of two equal shapes, unweighted: residual and act2. Dropout disappears. No op rows are added.
 * For training: batchnorm + activation. */
#ifndef YOLO_GRAPH_FUSE_H
#define YOLO_GRAPH_FUSE_H

#include "backbone/graph/graph.h"

/* *out shares nothing with the source; its params are those of the source (same indices; param.node stays the
 * node of the *source*); layers keep their numbers (layer.last is -1 where a layer's own output no longer
 * exists, layer.first where none of its nodes is left). A fused node counts to the layer of its convolution. */
yolo_status yolo_graph_fuse(const yolo_graph *source, yolo_graph **out);

/* For training: an activation that alone reads a batch norm becomes its act. The pre-activation is then never stored, and
 * two passes over memory are spared. Everything else stays as written. */
yolo_status yolo_graph_fuse_training(const yolo_graph *source, yolo_graph **out);

/* The same copy without any fusion: what layer-by-layer comparison runs. */
yolo_status yolo_graph_copy(const yolo_graph *source, yolo_graph **out);

#endif
