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
  bool concat_copies;
  size_t bytes; /* of `memory` */
  void *memory; /* PARAM and PACK, on the device; NULL until loaded */
  bool loaded;
};

/* Host memory that a runner keeps for one transfer and uses again as long as it is large enough. */
typedef struct yolo_staging {
  float *data;
  size_t bytes;
  bool fresh; /* an output: fetched since the last run */
} yolo_staging;

typedef struct yolo_watch {
  int node; /* 0: free (node 0 is the input) */
  yolo_row_filter filter;
  void *memory; /* what `hits` points into */
  size_t bytes;
  yolo_row_hits hits;
  yolo_row *rows; /* capacity: of the image asked for last, in order */
} yolo_watch;

enum { YOLO_PLAN_SLOTS = 4 };

typedef struct yolo_plan_slot {
  yolo_plan *plan; /* NULL: empty */
  int height, width;
  bool keep_all;
  uint64_t key; /* what backend->pass knows this plan's calls by */
  long used;    /* the clock when it was asked for last */
} yolo_plan_slot;

struct yolo_runner {
  const yolo_network *network;
  yolo_device *device;
  bool keep_all, hold_input;
  yolo_plan_slot slots[YOLO_PLAN_SLOTS];
  const yolo_plan_slot *current; /* NULL until prepared */
  long clock;
  uint64_t keys; /* the last one given out */
  char *arena;   /* on the device */
  size_t arena_bytes;
  bool ran, input_there; /* input_there: nothing is left to send */
  double *times;
  /* without host_memory: */
  yolo_staging input, *outputs; /* `outputs`: one a node */
  yolo_watch watches[YOLO_RUNNER_WATCHES];
};

/* Where a node's value lies on the device. */
yolo_tensor yolo_runner_place(const yolo_runner *runner, int node);

/* runner_io.c: what crosses between host and device. prepare: room for the input and for what is watched; *input is
 * what the caller fills. */
yolo_status yolo_runner_io_prepare(yolo_runner *runner, yolo_tensor *input);
yolo_status yolo_runner_io_send(yolo_runner *runner);
yolo_status yolo_runner_io_collect(yolo_runner *runner); /* queues the watched rows; the caller syncs */
void yolo_runner_io_free(yolo_runner *runner);

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
