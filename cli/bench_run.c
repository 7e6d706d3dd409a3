/* Measuring: whole passes first, then, when wanted, passes with a clock around every node. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "cli/bench.h"
#include "cli/layers.h"
#include "cli/peak.h"

enum { BENCH_MAX_TIMES = 1000000, BENCH_MIN_RUNS = 5, BENCH_LAYER_RUNS = 15 };

typedef struct bench {
  yolo_runner *runner;
  yolo_tensor input;
  float *pixels; /* what is put into the input before every pass: its memory is used again during a pass */
  size_t count;
} bench;

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that is not below p of all. The values are sorted. */
static double percentile(const double *sorted, int count, double p) {
  int rank = (int)(p * count + 0.999999);
  return sorted[rank < 1 ? 0 : rank > count ? count - 1 : rank - 1];
}

static yolo_status prepare(bench *b, yolo_context *context, int batch) {
  const yolo_model_spec *spec = &context->model->spec;
  yolo_rng rng = {.key = 1};
  b->runner = context->runner;
  yolo_status st = yolo_runner_prepare(b->runner, batch, spec->height, spec->width, &b->input);
  if (st != YOLO_OK) return st;
  b->count = yolo_shape_count(b->input.shape);
  b->pixels = yolo_alloc_array(b->count, sizeof *b->pixels);
  if (!b->pixels) return YOLO_ENOMEM;
  for (size_t i = 0; i < b->count; ++i) b->pixels[i] = yolo_rng_uniform(&rng);
  return YOLO_OK;
}

static yolo_status pass(bench *b, double *ms) {
  memcpy(b->input.data, b->pixels, b->count * sizeof *b->pixels);
  double start = yolo_now_ms();
  yolo_status st = yolo_runner_run(b->runner);
  *ms = yolo_now_ms() - start;
  return st;
}

/* As many passes as asked for, or as fit into the time. */
static yolo_status measure_passes(bench *b, const bench_args *args, bench_result *out) {
  double *times = NULL, ms, sum = 0, end;
  int limit = args->iterations ? args->iterations : BENCH_MAX_TIMES, n = 0;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(times = yolo_alloc_array((size_t)limit, sizeof *times));
  for (int i = 0; i < args->warmup && !cli_stop_signal(); ++i) YOLO_TRY(pass(b, &ms));
  end = yolo_now_ms() + args->seconds * 1e3;
  while (n < limit && (args->iterations || n < BENCH_MIN_RUNS || yolo_now_ms() < end)) {
    if (n > 0 && cli_stop_signal()) break;
    YOLO_TRY(pass(b, &times[n]));
    sum += times[n++];
  }
  qsort(times, (size_t)n, sizeof *times, compare_doubles);
  out->iterations = n;
  out->min = times[0];
  out->median = percentile(times, n, 0.5);
  out->p90 = percentile(times, n, 0.9);
  out->p99 = percentile(times, n, 0.99);
  out->mean = sum / n;
done:
  yolo_free(times);
  return st;
}

/* Time of the (fused) nodes of one pass, added up by the layer they came from. */
static void add_by_layer(const yolo_graph *fused, const double *node_seconds, double *layer_ms, int n_layers) {
  for (int i = 0; i < n_layers; ++i) layer_ms[i] = 0;
  for (int i = 0; i < fused->n_nodes; ++i) {
    int layer = fused->nodes[i].layer;
    if (layer >= 0 && layer < n_layers) layer_ms[layer] += node_seconds[i] * 1e3;
  }
}

/* The median of every layer by itself: one slow pass spoils no row. */
static yolo_status measure_layers(bench *b, const yolo_model *model, bench_result *out) {
  const yolo_graph *fused = yolo_network_graph(model->network);
  int n = model->spec.graph->n_layers;
  double *nodes = NULL, *passes = NULL, column[BENCH_LAYER_RUNS], ms;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(nodes = yolo_calloc((size_t)fused->n_nodes, sizeof *nodes));
  YOLO_ENOMEM_IF_NULL(passes = yolo_calloc((size_t)n * BENCH_LAYER_RUNS, sizeof *passes));
  yolo_runner_time_nodes(b->runner, nodes);
  for (int i = 0; i < BENCH_LAYER_RUNS; ++i) {
    YOLO_TRY(pass(b, &ms));
    add_by_layer(fused, nodes, passes + (size_t)i * (size_t)n, n);
  }
  for (int k = 0; k < n; ++k) {
    for (int i = 0; i < BENCH_LAYER_RUNS; ++i) column[i] = passes[(size_t)i * (size_t)n + (size_t)k];
    qsort(column, BENCH_LAYER_RUNS, sizeof *column, compare_doubles);
    out->layers[k].ms = percentile(column, BENCH_LAYER_RUNS, 0.5);
  }
done:
  yolo_runner_time_nodes(b->runner, NULL);
  yolo_free(nodes);
  yolo_free(passes);
  return st;
}

yolo_status bench_measure(yolo_context *context, const bench_args *args, bench_result *out) {
  const yolo_model *model = context->model;
  bench b = {0};
  char detail[LAYER_DETAIL_MAX];
  yolo_status st = YOLO_OK;
  out->n_layers = model->spec.graph->n_layers;
  YOLO_ENOMEM_IF_NULL(out->layers = yolo_calloc((size_t)out->n_layers, sizeof *out->layers));
  for (int i = 0; i < out->n_layers; ++i) {
    out->layers[i].gflop = layer_describe(model->spec.graph, i, detail).flops * 1e-9 * args->batch;
    out->gflop += out->layers[i].gflop;
  }
  YOLO_TRY(prepare(&b, context, args->batch));
  YOLO_TRY(measure_passes(&b, args, out));
  if (args->layers) YOLO_TRY(measure_layers(&b, model, out));
  out->peak = yolo_peak_gflops(args->model.threads);
done:
  yolo_free(b.pixels);
  return st;
}
