/* Measuring a training: see bench_train.c. */
#ifndef YOLO_CLI_BENCH_TRAIN_H
#define YOLO_CLI_BENCH_TRAIN_H

#include "cli/bench.h"
#include "train/session.h"

/* The batch and the optimiser; scripts/bench_train.py has the same. */
enum { BENCH_TRAIN_OBJECTS = 5, BENCH_TRAIN_LOSSES = 3 };
#define BENCH_TRAIN_LR       1e-4
#define BENCH_TRAIN_MOMENTUM 0.9
#define BENCH_TRAIN_DECAY    5e-4

typedef struct bench_train_layer {
  double ms, backward_ms; /* medians, of the batch; 0: not measured */
  double gflop, backward_gflop;
} bench_train_layer;

typedef struct bench_train_result {
  bench_times step;          /* forward, loss, backward, update */
  double update_ms, rest_ms; /* rest: pixels and losses; measured with the layers */
  double gflop;              /* of one step */
  double peak;               /* GFLOP/s of the CPU */
  double peak_rss_mb;
  double losses[BENCH_TRAIN_LOSSES]; /* of the first steps */
  int n_layers, n_params;
  bench_train_layer *layers; /* owned */
  double *gradients;         /* owned: norms of the first step's, one a parameter; 0: it does not learn */
} bench_train_result;

yolo_status bench_train_measure(const bench_args *args, const model_choice *choice, const yolo_model_spec *spec,
                                bench_train_result *out);
void bench_train_result_release(bench_train_result *result);

/* bench_train_report.c */
void bench_train_report(const bench_args *args, const yolo_model_spec *spec, const char *shown,
                        const bench_train_result *result);
yolo_status bench_train_write_json(const bench_args *args, const yolo_model_spec *spec, const char *shown,
                                   const bench_train_result *result);

#endif
