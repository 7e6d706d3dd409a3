/* Convolutions on the device: settling on a kernel for a shape, and running it. See cuda_conv.c. */
#include <limits.h>
#include <string.h>

#include "backbone/backend/cuda/cuda_device.h"
#include "backbone/base/memory.h"

enum { MOST_WAYS = 24, ROUNDS = 3, REPEATS = 8 };

/* What of a description decides: everything but the addresses. */
static yolo_cuda_conv shape_of(const yolo_cuda_conv *c) {
  yolo_cuda_conv shape;
  memcpy(&shape, c, sizeof shape); /* with the bytes between members: shapes are compared as memory */
  shape.residual = c->residual ? (const void *)1 : NULL;
  shape.bias = NULL;
  shape.in = shape.weight = NULL;
  shape.out = shape.work = NULL;
  shape.tickets = NULL;
  return shape;
}

/* Scratch that a choice takes. */
static size_t work_of(const yolo_device *device, const yolo_cuda_choice *choice) {
  if (choice->tile < 0) return choice->plan.work;
  return yolo_cuda_conv_work(&device->launch, &choice->shape, choice->tile, choice->splits);
}

/* What was settled on in a plan with more scratch than this one may not fit here; then there is another choice further on. */
static const yolo_cuda_choice *find_choice(const yolo_device *device, const yolo_cuda_conv *shape, size_t work) {
  for (int i = 0; i < device->n_choices; i++)
    if (memcmp(&device->choices[i].shape, shape, sizeof *shape) == 0 && work_of(device, &device->choices[i]) <= work)
      return &device->choices[i];
  return NULL;
}

/* ---- one way ---- */

/* 1: queued; 0: this way does not serve here; -1: CUDA failed, see *error. */
static int run_way(yolo_device *device, const yolo_cuda_conv *c, const void *bias, const yolo_cuda_choice *way,
                   cudaError_t *error) {
  if (way->tile >= 0) {
    *error = yolo_cuda_conv_run(&device->launch, c, way->tile, way->splits);
    if (*error == cudaErrorInvalidConfiguration || *error == cudaErrorInvalidValue) return 0;
    return *error == cudaSuccess ? 1 : -1;
  }
  if (!yolo_cudnn_run(device->cudnn, &device->launch, c, bias, &way->plan)) return 0;
  *error = way->plan.fused ? cudaSuccess : yolo_cuda_conv_epilogue(&device->launch, c);
  return *error == cudaSuccess ? 1 : -1;
}

/* ---- all ways ---- */

static int list_ways(yolo_device *device, const yolo_cuda_conv *c, size_t work, yolo_cuda_choice *ways) {
  yolo_cudnn_plan plans[YOLO_CUDNN_PLANS];
  int count = 0;
  if (device->cudnn && device->mode != YOLO_CONV_OWN) {
    int n = yolo_cudnn_plans(device->cudnn, &device->launch, c, device->deterministic, work, plans);
    for (int i = 0; i < n; i++) ways[count++] = (yolo_cuda_choice){.tile = -1, .plan = plans[i]};
  }
  if (device->mode == YOLO_CONV_CUDNN && count > 0) return count;
  return count + yolo_cuda_conv_ways(&device->launch, c, work, ways + count);
}

/* REPEATS calls as one recording, so that what is timed is the card and not the host's way to it: that is how the network
 * runs later. NULL where the way does not serve. */
static cudaGraphExec_t record_way(yolo_device *device, const yolo_cuda_conv *c, const void *bias, const yolo_cuda_choice *way,
                                  cudaError_t *error) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  cudaStream_t stream = device->launch.stream;
  int ran = run_way(device, c, bias, way, error); /* the first call loads code, which a recording forbids */
  if (ran != 1 || (*error = cudaStreamSynchronize(stream)) != cudaSuccess ||
      (*error = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal)) != cudaSuccess)
    return NULL;
  for (int i = 0; i < REPEATS && ran == 1; i++) ran = run_way(device, c, bias, way, error);
  cudaError_t ended = cudaStreamEndCapture(stream, &graph);
  if (ran == 1 && (*error = ended) == cudaSuccess) *error = cudaGraphInstantiate(&exec, graph, 0);
  if (graph) cudaGraphDestroy(graph);
  return *error == cudaSuccess ? exec : NULL;
}

/* Milliseconds of one call, or a negative number where the way does not serve. */
static float time_way(yolo_device *device, const yolo_cuda_conv *c, const void *bias, const yolo_cuda_choice *way,
                      const cudaEvent_t *clock, float limit, cudaError_t *error) {
  float best = -1, ms = 0;
  cudaGraphExec_t exec = record_way(device, c, bias, way, error);
  if (!exec) return -1;
  for (int round = 0; round < ROUNDS; round++) {
    if ((*error = cudaEventRecord(clock[0], device->launch.stream)) != cudaSuccess ||
        (*error = cudaGraphLaunch(exec, device->launch.stream)) != cudaSuccess ||
        (*error = cudaEventRecord(clock[1], device->launch.stream)) != cudaSuccess ||
        (*error = cudaEventSynchronize(clock[1])) != cudaSuccess ||
        (*error = cudaEventElapsedTime(&ms, clock[0], clock[1])) != cudaSuccess)
      break;
    if (best < 0 || ms < best) best = ms;
    if (limit > 0 && best > 2 * REPEATS * limit) break;
  }
  cudaGraphExecDestroy(exec);
  return *error == cudaSuccess ? best / REPEATS : -1;
}

static yolo_status time_ways(yolo_device *device, const yolo_cuda_conv *c, const void *bias, yolo_cuda_choice *ways, int count,
                             int *winner) {
  cudaEvent_t clock[2] = {NULL, NULL};
  cudaError_t error = cudaSuccess, last = cudaSuccess;
  float best = -1;
  yolo_status st;
  *winner = -1;
  YOLO_TRY(yolo_cuda_check(device, cudaEventCreate(&clock[0]), "making a clock"));
  YOLO_TRY(yolo_cuda_check(device, cudaEventCreate(&clock[1]), "making a clock"));
  for (int i = 0; i < count; i++) {
    float ms = time_way(device, c, bias, &ways[i], clock, best, &error);
    /* A way that does not serve is no failure, but it may leave a mark that the next check would find. One that broke
     * the card shows in every call from now on. */
    if (ms < 0) cudaGetLastError();
    if (ms < 0 && error != cudaErrorInvalidConfiguration && error != cudaErrorInvalidValue) last = error;
    if (ms >= 0 && (best < 0 || ms < best)) {
      best = ms;
      *winner = i;
    }
  }
  st = yolo_cuda_check(device, cudaStreamSynchronize(device->launch.stream), "trying a convolution");
  if (st == YOLO_OK && *winner < 0) st = yolo_cuda_check(device, last, "trying a convolution");
done:
  if (clock[0]) cudaEventDestroy(clock[0]);
  if (clock[1]) cudaEventDestroy(clock[1]);
  return st;
}

/* By rule: the first way that serves. */
static yolo_status first_way(yolo_device *device, const yolo_cuda_conv *c, const void *bias, yolo_cuda_choice *ways, int count,
                             int *winner) {
  cudaError_t error = cudaSuccess;
  *winner = -1;
  for (int i = 0; i < count && *winner < 0; i++) {
    int ran = run_way(device, c, bias, &ways[i], &error);
    if (ran == 1) *winner = i;
    if (ran == 0) cudaGetLastError();
    if (ran < 0) return yolo_cuda_check(device, error, "running a convolution");
  }
  return YOLO_OK;
}

static yolo_status remember(yolo_device *device, const yolo_cuda_choice *choice) {
  if (device->n_choices == device->cap_choices) {
    int cap = device->cap_choices ? 2 * device->cap_choices : 64;
    yolo_cuda_choice *grown = yolo_realloc(device->choices, (size_t)cap * sizeof *grown);
    if (!grown) return YOLO_ENOMEM;
    device->choices = grown;
    device->cap_choices = cap;
  }
  device->choices[device->n_choices++] = *choice;
  return YOLO_OK;
}

static yolo_status settle(yolo_device *device, const yolo_cuda_conv *c, const void *bias, size_t work) {
  yolo_cuda_choice ways[MOST_WAYS] = {{.tile = 0}};
  int count = list_ways(device, c, work, ways), winner;
  const bool by_rule = device->deterministic || device->recording || count == 1;
  yolo_status st = (by_rule ? first_way : time_ways)(device, c, bias, ways, count, &winner);
  if (st != YOLO_OK) return st;
  if (winner < 0)
    return yolo_fail(YOLO_EUNSUPPORTED, "no kernel serves a %dx%d convolution of %d channels here", c->kh, c->kw, c->c);
  ways[winner].shape = shape_of(c);
  return remember(device, &ways[winner]);
}

/* ---- running ---- */

yolo_status yolo_cuda_conv_forward(yolo_device *device, const yolo_op_call *call) {
  yolo_cuda_conv c, shape;
  cudaError_t error = cudaSuccess;
  yolo_cuda_conv_describe(&device->launch, call, &c);
  c.tickets = device->tickets;
  if (c.k > INT_MAX / 4 - 64) /* rows are counted in bytes, in an int */
    return yolo_fail(YOLO_EUNSUPPORTED, "a sum of %d products is too long for the card's kernels; use --device cpu", c.k);
  if (c.depthwise)
    return yolo_cuda_check(device, yolo_cuda_conv_depthwise(&device->launch, &c), "running a depthwise convolution");
  const void *bias = c.bias ? yolo_cuda_conv_small_bias(&device->launch, call, &c) : NULL;
  shape = shape_of(&c);
  const yolo_cuda_choice *choice = find_choice(device, &shape, call->work_size);
  if (!choice) {
    yolo_status st = settle(device, &c, bias, call->work_size);
    if (st != YOLO_OK) return st;
    choice = &device->choices[device->n_choices - 1];
  }
  if (run_way(device, &c, bias, choice, &error) == 1) return YOLO_OK;
  return yolo_cuda_check(device, error != cudaSuccess ? error : cudaErrorNotSupported, "running a convolution");
}
