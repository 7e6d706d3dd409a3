/* What the tests of the network share: two backends to run on, and the running.
 *
 * The CPU, and a mock device whose memory the host must not touch, whose packed parameters come in three sizes, and
 * whose fresh memory is full of NaN. */
#ifndef YOLO_TESTS_UNIT_NETWORK_FIXTURE_H
#define YOLO_TESTS_UNIT_NETWORK_FIXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/graph/network.h"
#include "tests/unit/random_graph.h"

/* ---- the mock device ---- */

enum { MOCK_WORK = 200 };

static struct mock_counts {
  int opened, blocks, uploads, downloads, packed[YOLO_THRIFT_MAX + 1];
  int largest_demoted, smallest_kept; /* map heights, of packed nodes */
} mock;

static inline yolo_status mock_open(const yolo_device_options *options, yolo_device **out) {
  ck_assert_str_eq(options->isa, "imaginary");
  *out = yolo_calloc(1, 1);
  if (!*out) return YOLO_ENOMEM;
  mock.opened++;
  return YOLO_OK;
}
static inline void mock_close(yolo_device *device) {
  mock.opened--;
  yolo_free(device);
}
static inline const char *mock_describe(const yolo_device *device) { return device ? "mock" : NULL; }
static inline yolo_status mock_alloc(yolo_device *device, size_t bytes, void **out) {
  (void)device;
  *out = yolo_alloc_arena(bytes);
  if (!*out) return YOLO_ENOMEM;
  memset(*out, 0xff, bytes);
  mock.blocks++;
  return YOLO_OK;
}
static inline void mock_release(yolo_device *device, void *memory) {
  (void)device;
  mock.blocks--;
  yolo_free(memory);
}
static inline yolo_status mock_upload(yolo_device *device, void *to, const void *from, size_t bytes) {
  (void)device;
  mock.uploads++;
  memcpy(to, from, bytes);
  return YOLO_OK;
}
static inline yolo_status mock_download(yolo_device *device, void *to, const void *from, size_t bytes) {
  (void)device;
  mock.downloads++;
  memcpy(to, from, bytes);
  return YOLO_OK;
}
static inline yolo_status mock_send(yolo_device *device, const float *from, const yolo_tensor *to) {
  return mock_upload(device, to->data, from, yolo_shape_count(to->shape) * sizeof(float));
}
static inline yolo_status mock_fetch(yolo_device *device, const yolo_tensor *from, float *to) {
  const size_t row = (size_t)from->shape.c;
  (void)device;
  mock.downloads++;
  for (size_t p = 0; p < yolo_shape_pixels(from->shape); p++)
    memcpy(to + p * row, (const float *)from->data + p * from->stride, row * sizeof(float));
  return YOLO_OK;
}
/* Backwards, because the order is nobody's promise. */
static inline yolo_status mock_select(yolo_device *device, const yolo_row_filter *filter, const yolo_tensor *from,
                                      const yolo_row_hits *hits) {
  const int pixels = from->shape.h * from->shape.w;
  (void)device;
  for (int n = 0; n < from->shape.n; n++) {
    hits->count[n] = 0;
    for (int i = pixels * filter->rows - 1; i >= 0; i--) {
      const float *row = (const float *)from->data + (size_t)(n * pixels + i / filter->rows) * from->stride +
                         (size_t)(i % filter->rows * filter->row);
      size_t at = (size_t)n * (size_t)filter->capacity + (size_t)hits->count[n];
      if (!(row[filter->score] > filter->floor) || hits->count[n]++ >= filter->capacity) continue;
      hits->index[at] = i;
      memcpy(hits->values + at * (size_t)filter->row, row, (size_t)filter->row * sizeof(float));
    }
  }
  return YOLO_OK;
}
static inline yolo_status mock_sync(yolo_device *device) { return device ? YOLO_OK : YOLO_EDEVICE; }
static inline yolo_impl mock_has(yolo_op_id id, yolo_direction direction) {
  (void)id;
  return direction == YOLO_FORWARD ? YOLO_IMPL_REF : YOLO_IMPL_NONE;
}

static inline size_t plain_floats(const yolo_op_call *call) {
  size_t floats = 0;
  for (int k = 0; k < call->n_param; k++) floats += yolo_shape_count(call->param[k].shape);
  return floats;
}

/* Three, two or one times the plain size; batch norm is read as it is. */
static inline yolo_op_sizes mock_sizes(yolo_device *device, const yolo_op_call *call, int thrift) {
  (void)device;
  if (call->id != YOLO_OP_conv2d) return (yolo_op_sizes){0, 0};
  return (yolo_op_sizes){plain_floats(call) * sizeof(float) * (size_t)(3 - thrift), MOCK_WORK};
}

static inline yolo_status mock_pack(yolo_device *device, const yolo_op_call *call, int thrift, void *to) {
  float *next = to;
  int height = call->out->shape.h;
  (void)device;
  mock.packed[thrift]++;
  if (thrift > 0 && height > mock.largest_demoted) mock.largest_demoted = height;
  if (thrift == 0 && height < mock.smallest_kept) mock.smallest_kept = height;
  for (int k = 0; k < call->n_param; k++) {
    size_t floats = yolo_shape_count(call->param[k].shape);
    memcpy(next, call->param[k].data, floats * sizeof(float));
    next += floats;
  }
  return YOLO_OK;
}

static inline yolo_status mock_run(yolo_device *device, yolo_direction direction, const yolo_op_call *call) {
  yolo_tensor param[YOLO_OP_MAX_PARAM];
  yolo_op_call plain = *call;
  float *next = (float *)call->packed;
  (void)device;
  if (direction != YOLO_FORWARD) return yolo_fail(YOLO_EUNSUPPORTED, "the mock only runs forward");
  if (call->id == YOLO_OP_conv2d) {
    if (!next || call->work_size < MOCK_WORK) return yolo_fail(YOLO_EINVAL, "the mock wants packed weights and scratch");
    memset(call->work, 0xff, call->work_size);
    for (int k = 0; k < call->n_param; k++) {
      param[k] = call->param[k];
      param[k].data = next;
      next += yolo_shape_count(param[k].shape);
    }
    plain.param = param;
  }
  return yolo_op_get(call->id)->forward(&plain);
}

static const yolo_backend mock_backend = {.name = "mock",
                                          .host_memory = false,
                                          .concat_views = true,
                                          .row_bytes = 64,
                                          .conflict = 2048,
                                          .open = mock_open,
                                          .close = mock_close,
                                          .describe = mock_describe,
                                          .alloc = mock_alloc,
                                          .release = mock_release,
                                          .upload = mock_upload,
                                          .download = mock_download,
                                          .sync = mock_sync,
                                          .send = mock_send,
                                          .fetch = mock_fetch,
                                          .select = mock_select,
                                          .has = mock_has,
                                          .sizes = mock_sizes,
                                          .pack = mock_pack,
                                          .run = mock_run};

static const yolo_network_options mock_options = {.backend = &mock_backend, .device = {.isa = "imaginary"}};
static const yolo_network_options cpu_options = {.device = {.threads = 1}};
static const yolo_network_options *const both[] = {&mock_options, &cpu_options};

/* ---- running ---- */

static uint64_t weights_seed = 5;

static inline yolo_network *load_network(const yolo_graph *graph, yolo_network_options options, bool unfused) {
  yolo_network *network = NULL;
  options.unfused = unfused;
  ck_ok(yolo_network_new(graph, &options, &network));
  ck_ok(yolo_network_load(network, yolo_fetch_random, &weights_seed));
  return network;
}

static inline void fill(const yolo_tensor *input, uint64_t seed) {
  yolo_rng rng = {.key = seed};
  float *data = input->data;
  ck_assert_uint_eq(input->stride, (size_t)input->shape.c);
  for (size_t i = 0; i < yolo_shape_count(input->shape); i++) data[i] = yolo_rng_normal(&rng);
}

static inline void run_once(yolo_runner *runner, int batch, int height, int width) {
  yolo_tensor input;
  ck_ok(yolo_runner_prepare(runner, batch, height, width, &input));
  ck_assert(yolo_shape_equal(input.shape, (yolo_shape){batch, height, width, input.shape.c}));
  fill(&input, 1);
  ck_ok(yolo_runner_run(runner));
}

static inline yolo_runner *run_new(const yolo_network *network, int batch, int height, int width, bool keep_all) {
  yolo_runner *runner = NULL;
  ck_ok(yolo_runner_new(network, &runner));
  yolo_runner_keep_all(runner, keep_all);
  run_once(runner, batch, height, width);
  return runner;
}

/* max|a-b| <= tolerance max|b|, and no NaN anywhere. */
static inline void expect_close(const yolo_tensor *a, const yolo_tensor *b, double tolerance, const char *what) {
  double worst = 0, largest = 0;
  if (!yolo_shape_equal(a->shape, b->shape)) ck_abort_msg("%s: the shapes differ", what);
  for (size_t p = 0; p < yolo_shape_pixels(a->shape); p++)
    for (int c = 0; c < a->shape.c; c++) {
      double x = ((float *)a->data)[p * a->stride + (size_t)c], y = ((float *)b->data)[p * b->stride + (size_t)c];
      if (!(fabs(x - y) <= worst)) worst = fabs(x - y);
      if (fabs(y) > largest) largest = fabs(y);
    }
  ck_assert_msg(worst <= tolerance * largest, "%s: off by %g of %g", what, worst, largest);
}

static inline bool has_readers(const yolo_graph *graph, int node) {
  for (int i = 0; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_in; k++)
      if (graph->nodes[i].in[k] == node) return true;
  return false;
}

/* Every node of `a` that is there after a run against the node of `b` that it stands for. */
static inline void compare_runs(yolo_runner *a, const yolo_graph *graph, yolo_runner *b, bool all, bool by_source,
                                double tolerance) {
  for (int i = 1; i < graph->n_nodes; i++) {
    yolo_tensor x, y;
    char what[64];
    snprintf(what, sizeof what, "node %d of layer %d", i, graph->nodes[i].layer);
    if (!all && graph->nodes[i].kind != YOLO_NODE_OUTPUT && has_readers(graph, i)) {
      ck_assert_int_eq(yolo_runner_output(a, i, &x), YOLO_EINVAL);
      continue;
    }
    ck_ok(yolo_runner_output(a, i, &x));
    ck_ok(yolo_runner_output(b, by_source ? graph->nodes[i].source : i, &y));
    expect_close(&x, &y, tolerance, what);
  }
}

#endif
