/* Measuring: whole passes first, then, when wanted, passes with a clock around every node.
 *
 * On a device with memory of its own the input is sent once and stays there: the network is measured alone, as other
 * frameworks do. A second figure says what a pass takes when the input goes there and every output comes back. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "cli/bench.h"
#include "cli/layers.h"
#include "cli/peak.h"

enum { BENCH_MAX_TIMES = 1000000, BENCH_MIN_RUNS = 5, BENCH_LAYER_RUNS = 15 };

/* Before it counts. A GPU settles on kernels, records its pass and raises its clocks, which takes time, not passes. */
enum { BENCH_WARMUP = 3, BENCH_WARMUP_GPU = 20, BENCH_WARMUP_GPU_MS = 500 };

/* The figure with transfers is a median beside the main one: a part of the time is enough for it. */
enum { BENCH_TRANSFER_RUNS = 200, BENCH_TRANSFER_SHARE = 5 };

typedef struct bench {
  yolo_runner *runner;
  const yolo_graph *graph; /* that runs */
  bool own_memory, transfers;
  yolo_tensor input;
  float *pixels; /* what is put into the input before every pass where its memory is used again during a pass */
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

bench_times bench_summarise(double *times, int count) {
  double sum = 0;
  for (int i = 0; i < count; ++i) sum += times[i];
  qsort(times, (size_t)count, sizeof *times, compare_doubles);
  return (bench_times){.iterations = count,
                       .min = times[0],
                       .median = percentile(times, count, 0.5),
                       .mean = sum / count,
                       .p90 = percentile(times, count, 0.9),
                       .p99 = percentile(times, count, 0.99)};
}

static yolo_status prepare(bench *b, yolo_context *context, int batch) {
  const yolo_model_spec *spec = &context->model->spec;
  yolo_rng rng = {.key = 1};
  b->runner = context->runner;
  b->graph = yolo_network_graph(context->model->network);
  b->own_memory = yolo_runner_has_own_memory(b->runner);
  yolo_status st = yolo_runner_prepare(b->runner, batch, spec->height, spec->width, &b->input);
  if (st != YOLO_OK) return st;
  b->count = yolo_shape_count(b->input.shape);
  b->pixels = yolo_alloc_array(b->count, sizeof *b->pixels);
  if (!b->pixels) return YOLO_ENOMEM;
  for (size_t i = 0; i < b->count; ++i) b->pixels[i] = yolo_rng_uniform(&rng);
  memcpy(b->input.data, b->pixels, b->count * sizeof *b->pixels);
  yolo_runner_hold_input(b->runner, true);
  return YOLO_OK;
}

/* Every output node, or the last node of a network without any. */
static yolo_status fetch_outputs(bench *b) {
  yolo_tensor out;
  yolo_status st = YOLO_OK;
  int last = b->graph->n_nodes - 1;
  for (int i = 0; i <= last && st == YOLO_OK; ++i) {
    if (b->graph->nodes[i].kind == YOLO_NODE_OUTPUT || i == last) st = yolo_runner_output(b->runner, i, &out);
  }
  return st;
}

static yolo_status pass(bench *b, double *ms) {
  if (!b->own_memory) memcpy(b->input.data, b->pixels, b->count * sizeof *b->pixels);
  double start = yolo_now_ms();
  yolo_status st = yolo_runner_run(b->runner);
  if (st == YOLO_OK && b->transfers) st = fetch_outputs(b);
  *ms = yolo_now_ms() - start;
  return st;
}

static yolo_status warm_up(bench *b, int wanted) {
  int count = wanted >= 0 ? wanted : b->own_memory ? BENCH_WARMUP_GPU : BENCH_WARMUP;
  double ms, end = yolo_now_ms() + (wanted < 0 && b->own_memory ? BENCH_WARMUP_GPU_MS : 0);
  yolo_status st = YOLO_OK;
  for (int i = 0; (i < count || yolo_now_ms() < end) && st == YOLO_OK && !cli_stop_signal(); ++i) st = pass(b, &ms);
  return st;
}

/* As many passes as asked for (iterations > 0), or as fit into the time, at most `limit`. */
static yolo_status measure_passes(bench *b, int iterations, int limit, double seconds, bench_times *out) {
  double *times = NULL, end;
  int n = 0;
  yolo_status st = YOLO_OK;
  if (iterations > 0 && iterations < limit) limit = iterations;
  YOLO_ENOMEM_IF_NULL(times = yolo_alloc_array((size_t)limit, sizeof *times));
  end = yolo_now_ms() + seconds * 1e3;
  while (n < limit && (iterations > 0 || n < BENCH_MIN_RUNS || yolo_now_ms() < end)) {
    if (n > 0 && cli_stop_signal()) break;
    YOLO_TRY(pass(b, &times[n]));
    ++n;
  }
  *out = bench_summarise(times, n);
done:
  yolo_free(times);
  return st;
}

/* The first pass takes the memory for the outputs, so it does not count. */
static yolo_status measure_transfers(bench *b, const bench_args *args, bench_times *out) {
  double ms;
  yolo_status st;
  b->transfers = true;
  yolo_runner_hold_input(b->runner, false);
  YOLO_TRY(pass(b, &ms));
  YOLO_TRY(measure_passes(b, args->iterations, BENCH_TRANSFER_RUNS, args->seconds / BENCH_TRANSFER_SHARE, out));
  yolo_runner_hold_input(b->runner, true);
  b->transfers = false;
done:
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
  int n = model->spec.graph->n_layers;
  double *nodes = NULL, *passes = NULL, column[BENCH_LAYER_RUNS], ms;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(nodes = yolo_calloc((size_t)b->graph->n_nodes, sizeof *nodes));
  YOLO_ENOMEM_IF_NULL(passes = yolo_calloc((size_t)n * BENCH_LAYER_RUNS, sizeof *passes));
  yolo_runner_time_nodes(b->runner, nodes);
  for (int i = 0; i < BENCH_LAYER_RUNS; ++i) {
    YOLO_TRY(pass(b, &ms));
    add_by_layer(b->graph, nodes, passes + (size_t)i * (size_t)n, n);
  }
  for (int k = 0; k < n; ++k) {
    for (int i = 0; i < BENCH_LAYER_RUNS; ++i) column[i] = passes[(size_t)i * (size_t)n + (size_t)k];
    out->layers[k].ms = bench_summarise(column, BENCH_LAYER_RUNS).median;
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
  YOLO_TRY(warm_up(&b, args->warmup));
  YOLO_TRY(measure_passes(&b, args->iterations, BENCH_MAX_TIMES, args->seconds, &out->network));
  if (b.own_memory) YOLO_TRY(measure_transfers(&b, args, &out->with_transfers));
  if (args->layers) YOLO_TRY(measure_layers(&b, model, out));
  if (!b.own_memory) out->peak = yolo_peak_gflops(args->model.threads);
done:
  yolo_free(b.pixels);
  return st;
}
