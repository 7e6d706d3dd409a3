/* Fusion for inference: a pure function from a graph to a smaller graph with the same meaning.
 *
 * conv2d or linear + batchnorm: folded into weight and bias (fold_bn). + activation: act1 of the epilogue.
 * + shortcut of two equal shapes, unweighted: residual and act2. Dropout disappears. No op rows are added. */
#ifndef YOLO_GRAPH_FUSE_H
#define YOLO_GRAPH_FUSE_H

#include "backbone/graph/graph.h"

/* *out shares nothing with the source; its params are those of the source (same indices; param.node stays the
 * node of the *source*); layers keep their numbers (layer.last is -1 where a layer's own output no longer
 * exists, layer.first where none of its nodes is left). A fused node counts to the layer of its convolution. */
yolo_status yolo_graph_fuse(const yolo_graph *source, yolo_graph **out);

/* The same copy without any fusion: what training and layer-by-layer comparison run. */
yolo_status yolo_graph_copy(const yolo_graph *source, yolo_graph **out);

#endif
