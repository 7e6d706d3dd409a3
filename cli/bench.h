/* Measuring a network: see cmd_bench.c. */
#ifndef YOLO_CLI_BENCH_H
#define YOLO_CLI_BENCH_H

#include "cli/cli.h"
#include "cli/model_args.h"

typedef struct bench_args {
  model_args model;
  int iterations, batch;
  int warmup; /* -1: by the device */
  double seconds;
  bool layers, train;
  const char *json;
} bench_args;

typedef struct bench_layer {
  double ms; /* median of one run of the batch */
  double gflop;
} bench_layer;

typedef struct bench_times {
  int iterations;                     /* 0: not measured */
  double min, median, mean, p90, p99; /* ms of one run of the batch */
} bench_times;

typedef struct bench_result {
  bench_times network;        /* the input is where the network reads it, the outputs stay where it writes them */
  bench_times with_transfers; /* input and outputs travel; only for devices with memory of their own */
  double gflop;               /* of one run of the batch */
  double peak;                /* GFLOP/s of the CPU; 0: not known of this device */
  int n_layers;               /* 0: not measured */
  bench_layer *layers;        /* owned */
} bench_result;

/* bench_run.c: warms up, measures. */
yolo_status bench_measure(yolo_context *context, const bench_args *args, bench_result *out);
/* Sorts the times. */
bench_times bench_summarise(double *times, int count);

/* bench_report.c */
void bench_report(const yolo_context *context, const bench_args *args, const char *shown, const bench_result *result);
yolo_status bench_write_json(const yolo_context *context, const bench_args *args, const char *shown,
                             const bench_result *result);

static inline double bench_gflops(double gflop, double ms) { return ms > 0 ? gflop / ms * 1e3 : 0; }

#endif
