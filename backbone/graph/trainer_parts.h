/* What trainer.c (passes) and trainer_params.c (parameters, making) share. Private to backbone/graph. */
#ifndef YOLO_GRAPH_TRAINER_PARTS_H
#define YOLO_GRAPH_TRAINER_PARTS_H

#include "backbone/graph/trainer.h"

struct yolo_trainer {
  yolo_graph *graph;
  const yolo_backend *backend;
  yolo_device *device;
  bool want_input;
  bool *learns;      /* n_params */
  bool *frozen_norm; /* n_nodes, or NULL; with as_inference also what drops */
  bool *outputs;     /* n_nodes, or NULL */
  bool *kept;        /* n_nodes, or NULL */
  size_t *offsets;   /* n_params: floats into values and grads */
  float *values, *grads;
  size_t n_values;
  yolo_train_plan *plan;
  int height, width; /* of the plan */
  char *arena;       /* ACT, then WORK, then PACK */
  size_t arena_bytes, work_bytes, pack_bytes;
  bool training, ran;
  int threads;
  double *times; /* see yolo_trainer_time_nodes */
  uint64_t seed;
  double spared; /* 1 - the share of yolo_trainer_set_dropblock */
};

/* All threads set the bytes to zero: large blocks come from memory. */
void yolo_trainer_zero(const yolo_trainer *trainer, void *data, size_t bytes);

#endif
