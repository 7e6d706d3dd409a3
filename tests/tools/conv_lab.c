/* Times every way to compute every convolution of a network on a CUDA device, one by one:
 *
 *   conv_lab FILE.cfg BATCH [fp32|tf32|fp16|bf16]
 *
 * One line a shape: how often it occurs, the tile, split and time of our best kernel, of the one that the rule takes, of
 * cuDNN's best, and the rate in TFLOP/s of the best. Then the sum of the network, and the whole network with concatenations
 * as views and as copies. Shapes as the fused network has
 * them; buffers hold random numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/backend/cuda/cuda_device.h"
#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/graph/fuse.h"
#include "detect/model.h"

enum { MOST_SHAPES = 256, REPEATS = 20, ROUNDS = 5 };

typedef struct lab {
  yolo_device *device;
  cudaEvent_t clock[2];
  char *memory[4]; /* in, out, residual, weights */
  char *work;
  size_t bytes, work_bytes;
  double own, rule, cudnn, best, flop; /* sums, microseconds */
} lab;

static bool queue_one(lab *l, const yolo_cuda_conv *c, const yolo_cuda_choice *way) {
  if (way->tile >= 0) return yolo_cuda_conv_run(&l->device->launch, c, way->tile, way->splits) == cudaSuccess;
  return yolo_cudnn_run(l->device->cudnn, &l->device->launch, c, c->bias, &way->plan) &&
         (way->plan.fused || yolo_cuda_conv_epilogue(&l->device->launch, c) == cudaSuccess);
}

/* Microseconds of one call among REPEATS recorded ones; negative where the way does not serve. */
static float run_us(lab *l, const yolo_cuda_conv *c, const yolo_cuda_choice *way) {
  cudaStream_t stream = l->device->launch.stream;
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  float best = -1, ms = 0;
  bool good = queue_one(l, c, way) && cudaStreamSynchronize(stream) == cudaSuccess;
  if (good && cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess) {
    for (int i = 0; i < REPEATS && good; i++) good = queue_one(l, c, way);
    good = cudaStreamEndCapture(stream, &graph) == cudaSuccess && good && cudaGraphInstantiate(&exec, graph, 0) == cudaSuccess;
  }
  for (int round = 0; round < ROUNDS && good && exec; round++) {
    cudaEventRecord(l->clock[0], stream);
    cudaGraphLaunch(exec, stream);
    cudaEventRecord(l->clock[1], stream);
    good = cudaEventSynchronize(l->clock[1]) == cudaSuccess;
    cudaEventElapsedTime(&ms, l->clock[0], l->clock[1]);
    if (best < 0 || ms < best) best = ms;
  }
  if (exec) cudaGraphExecDestroy(exec);
  if (graph) cudaGraphDestroy(graph);
  cudaGetLastError();
  return good ? best * 1e3f / REPEATS : -1;
}

static float own_best(lab *l, const yolo_cuda_conv *c, yolo_cuda_choice *out) {
  static const int splits[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
  int n_tiles;
  float best = -1;
  const yolo_cuda_tile *tiles = yolo_cuda_conv_tiles(&l->device->launch, &n_tiles);
  for (int t = 0; t < n_tiles; t++)
    for (size_t s = 0; s < sizeof splits / sizeof *splits; s++) {
      yolo_cuda_choice way = {.tile = t, .splits = splits[s]};
      long long pixels = (long long)c->n * c->oh * c->ow;
      long long count = (pixels + tiles[t].pixels - 1) / tiles[t].pixels * ((c->o + tiles[t].filters - 1) / tiles[t].filters);
      if ((c->gather != (tiles[t].kind != YOLO_TILE_PLAIN)) || (tiles[t].kind == YOLO_TILE_STEM && splits[s] > 1) ||
          yolo_cuda_conv_work(&l->device->launch, c, t, splits[s]) > l->work_bytes ||
          (splits[s] > 1 && (count * splits[s] > 1024 || c->row < 128 * splits[s])))
        continue;
      float us = run_us(l, c, &way);
      if (us > 0 && (best < 0 || us < best)) {
        best = us;
        *out = way;
      }
    }
  return best;
}

static float cudnn_best(lab *l, const yolo_cuda_conv *c, yolo_cuda_choice *out) {
  yolo_cudnn_plan plans[YOLO_CUDNN_PLANS];
  float best = -1;
  int n = l->device->cudnn ? yolo_cudnn_plans(l->device->cudnn, &l->device->launch, c, false, l->work_bytes, plans) : 0;
  for (int i = 0; i < n; i++) {
    yolo_cuda_choice way = {.tile = -1, .plan = plans[i]};
    float us = run_us(l, c, &way);
    if (us > 0 && (best < 0 || us < best)) {
      best = us;
      *out = way;
    }
  }
  return best;
}

static void measure(lab *l, yolo_cuda_conv *c, int times) {
  yolo_cuda_choice own = {.tile = 0}, ruled = {.tile = 0}, theirs = {.tile = -1};
  double flop = 2.0 * c->n * c->oh * c->ow * c->o * c->groups * c->k;
  float best_us, own_us, rule_us, cudnn_us;
  if (c->depthwise) return;
  c->in = l->memory[0], c->out = l->memory[1], c->residual = c->residual ? l->memory[2] : NULL, c->weight = l->memory[3];
  c->bias = (const float *)l->memory[2], c->work = l->work, c->tickets = l->device->tickets;
  own_us = own_best(l, c, &own);
  yolo_cuda_conv_rule(&l->device->launch, c, &ruled.tile, &ruled.splits);
  rule_us = run_us(l, c, &ruled);
  cudnn_us = cudnn_best(l, c, &theirs);
  best_us = cudnn_us > 0 && cudnn_us < own_us ? cudnn_us : own_us;
  l->own += times * own_us;
  l->rule += times * rule_us;
  l->cudnn += times * (cudnn_us > 0 ? cudnn_us : own_us);
  l->best += times * best_us;
  l->flop += times * flop;
  printf(
      "%2dx %4dx%-4d %4d -> %4d %dx%d/%d%s  own %7.1f (tile %d, %2d)  rule %7.1f (tile %d, %2d)  cudnn %7.1f (%d%s)  %.0f "
      "TFLOP/s\n",
      times, c->h, c->w, c->c, c->o, c->kh, c->kw, c->sh, c->residual ? "+" : " ", own_us, own.tile, own.splits, rule_us,
      ruled.tile, ruled.splits, cudnn_us, theirs.plan.algorithm, theirs.plan.fused ? " fused" : "", flop / best_us * 1e-6);
  fflush(stdout);
}

static int list_shapes(const lab *l, const yolo_graph *graph, int batch, yolo_cuda_conv *shapes, int *times) {
  int count = 0;
  for (int i = 0; i < graph->n_nodes && count < MOST_SHAPES; i++) {
    yolo_tensor in[YOLO_OP_MAX_IN], out, param[YOLO_OP_MAX_PARAM];
    yolo_op_call call;
    yolo_cuda_conv c;
    yolo_shape shapes_of[1024];
    if (graph->n_nodes > 1024 || graph->nodes[i].kind != YOLO_NODE_OP ||
        (graph->nodes[i].op != YOLO_OP_conv2d && graph->nodes[i].op != YOLO_OP_linear))
      continue;
    for (int k = 0; k < graph->n_nodes; k++) shapes_of[k] = graph->nodes[k].shape;
    yolo_graph_call(graph, i, shapes_of, batch, in, &out, param, &call);
    size_t lane = 16 / yolo_dtype_size(l->device->launch.dtype);
    for (int k = 0; k < call.n_in; k++) in[k].stride = i == 1 ? in[k].stride : (in[k].stride + lane - 1) / lane * lane;
    out.stride = (out.stride + lane - 1) / lane * lane;
    yolo_cuda_conv_describe(&l->device->launch, &call, &c);
    c.residual = call.n_in > 1 ? (const void *)1 : NULL;
    int at = 0;
    while (at < count && memcmp(&shapes[at], &c, sizeof c) != 0) at++;
    times[at]++;
    if (at == count) memcpy(&shapes[count++], &c, sizeof c);
  }
  return count;
}

static yolo_status fill(lab *l) {
  yolo_rng rng = {.key = 3};
  size_t count = l->bytes / sizeof(uint16_t);
  uint16_t *host = malloc(l->bytes);
  yolo_status st = YOLO_OK;
  if (!host) return YOLO_ENOMEM;
  for (size_t i = 0; i < count; i++)
    host[i] = (uint16_t)(0x2800 + (yolo_rng_uniform(&rng) > 0.5f ? 0x8000 : 0) + i % 977); /* small */
  for (int i = 0; i < 4 && st == YOLO_OK; i++) {
    st = yolo_backend_cuda.alloc(l->device, l->bytes, (void **)&l->memory[i]);
    if (st == YOLO_OK) st = yolo_backend_cuda.upload(l->device, l->memory[i], host, l->bytes);
  }
  free(host);
  return st == YOLO_OK ? yolo_backend_cuda.alloc(l->device, l->work_bytes, (void **)&l->work) : st;
}

/* Prints the least milliseconds of a whole pass. */
static yolo_status time_network(const yolo_graph *graph, const yolo_device_options *device, int batch, bool copies) {
  const yolo_network_options options = {.backend = &yolo_backend_cuda, .device = *device, .concat_copies = copies};
  yolo_network *network = NULL;
  yolo_runner *runner = NULL;
  yolo_tensor input;
  uint64_t seed = 1;
  double best = 1e30;
  yolo_status st;
  YOLO_TRY(yolo_network_new(graph, &options, &network));
  YOLO_TRY(yolo_network_load(network, yolo_fetch_random, &seed));
  YOLO_TRY(yolo_runner_new(network, &runner));
  YOLO_TRY(yolo_runner_prepare(runner, batch, graph->nodes[0].shape.h, graph->nodes[0].shape.w, &input));
  for (size_t i = 0; i < yolo_shape_count(input.shape); i++) ((float *)input.data)[i] = (float)(i % 251) / 251;
  yolo_runner_hold_input(runner, true);
  for (int i = 0; i < 60; i++) {
    double start = yolo_now_ms();
    YOLO_TRY(yolo_runner_run(runner));
    double ms = yolo_now_ms() - start;
    if (i > 20 && ms < best) best = ms;
  }
  printf("whole network, concatenations as %s: %.3f ms\n", copies ? "copies" : "views", best);
done:
  yolo_runner_free(runner);
  yolo_network_free(network);
  return st;
}

int main(int argc, char **argv) {
  yolo_model_spec spec = {0};
  yolo_graph *fused = NULL;
  yolo_device_options options = {0};
  static yolo_cuda_conv shapes[MOST_SHAPES];
  static int times[MOST_SHAPES + 1];
  lab l = {.work_bytes = 128 << 20};
  int batch = argc > 2 ? atoi(argv[2]) : 1;
  yolo_status st;
  YOLO_TRY(argc < 3 || batch < 1 ? yolo_fail(YOLO_EINVAL, "usage: conv_lab FILE.cfg BATCH [precision]") : YOLO_OK);
  YOLO_TRY(yolo_precision_find(argc > 3 ? argv[3] : "fp16", &options.precision));
  YOLO_TRY(yolo_model_spec_load(argv[1], NULL, &spec));
  YOLO_TRY(yolo_graph_fuse(spec.graph, &fused));
  YOLO_TRY(yolo_backend_cuda.open(&options, &l.device));
  printf("%s, batch %d, %s\n", argv[1], batch, yolo_backend_cuda.describe(l.device));
  cudaEventCreate(&l.clock[0]);
  cudaEventCreate(&l.clock[1]);
  for (int i = 0; i < fused->n_nodes; i++) {
    size_t bytes = yolo_shape_count(fused->nodes[i].shape) * (size_t)batch * 4 + (1 << 16);
    if (bytes > l.bytes) l.bytes = bytes;
  }
  for (int i = 0; i < fused->n_params; i++)
    if (yolo_param_count(&fused->params[i].spec) * 8 > l.bytes) l.bytes = yolo_param_count(&fused->params[i].spec) * 8;
  YOLO_TRY(fill(&l));
  int count = list_shapes(&l, fused, batch, shapes, times);
  for (int i = 0; i < count; i++) measure(&l, &shapes[i], times[i]);
  printf("sum: own %.0f us, rule %.0f us, cudnn %.0f us, best %.0f us, %.0f TFLOP/s\n", l.own, l.rule, l.cudnn, l.best,
         l.flop / l.best * 1e-6);
  YOLO_TRY(time_network(spec.graph, &options, batch, false));
  YOLO_TRY(time_network(spec.graph, &options, batch, true));
done:
  if (st != YOLO_OK) fprintf(stderr, "conv_lab: %s\n", yolo_error_message());
  yolo_graph_free(fused);
  yolo_model_spec_release(&spec);
  return st != YOLO_OK;
}
