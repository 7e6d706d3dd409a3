/* What network.c (layout), load.c (parameters) and runner.c (activations) share. Private to backbone/graph. */
#ifndef YOLO_GRAPH_NETWORK_PARTS_H
#define YOLO_GRAPH_NETWORK_PARTS_H

#include "backbone/graph/network.h"

enum { YOLO_MEMORY_ALIGN = 64 };

static inline size_t yolo_memory_round(size_t bytes) {
  return (bytes + YOLO_MEMORY_ALIGN - 1) / YOLO_MEMORY_ALIGN * YOLO_MEMORY_ALIGN;
}

/* Where one node's parameters lie in the network's memory. */
typedef struct yolo_node_memory {
  int thrift;                      /* the level it was packed with */
  size_t pack;                     /* bytes of the packed form; 0: the op reads param[] directly */
  size_t offset;                   /* of the packed form */
  size_t param[YOLO_OP_MAX_PARAM]; /* offset of each parameter, where there is no packed form */
} yolo_node_memory;

struct yolo_network {
  yolo_graph *graph;
  const yolo_backend *backend;
  yolo_device_options device_options; /* what every runner opens its device with; `isa` is owned */
  yolo_device *device;                /* packs, and owns `memory` */
  yolo_shape *shapes;                 /* the size the packing was chosen for */
  yolo_node_memory *nodes;
  size_t bytes; /* of `memory` */
  void *memory; /* PARAM and PACK, on the device; NULL until loaded */
  bool loaded;
};

/* One call with its tensors, as yolo_graph_call fills it; it points into itself, so it is not to be copied. */
typedef struct yolo_node_call {
  yolo_tensor in[YOLO_OP_MAX_IN], out, param[YOLO_OP_MAX_PARAM];
  yolo_op_call call;
} yolo_node_call;

/* A node's call with its parameters where load() put them, and no activations. */
void yolo_network_call(const yolo_network *network, int node, const yolo_shape *shapes, int batch, yolo_node_call *out);

/* "layer 12 [convolutional]: " in front of the sentence. */
yolo_status yolo_graph_blame(const yolo_graph *graph, int node, yolo_status st);

#endif
