/* What crosses between host and device: the input in, the outputs out.
 *
 * Where the host reaches device memory there is nothing to do: input and outputs lie in the arena. Elsewhere the input is
 * filled in a host buffer and sent before a run, or pictures are handed over and resized on the device; an output is
 * fetched when it is asked for, once a run; and of watched outputs only the rows above a floor are collected. */
#include <stdlib.h>

#include "backbone/base/memory.h"
#include "backbone/graph/network_parts.h"

/* ---- host buffers ---- */

static yolo_status host_alloc(yolo_runner *runner, size_t bytes, void **out) {
  const yolo_backend *backend = runner->network->backend;
  if (backend->alloc_host) return backend->alloc_host(runner->device, bytes, out);
  *out = yolo_alloc_arena(bytes);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

static void host_release(yolo_runner *runner, void *memory) {
  const yolo_backend *backend = runner->network->backend;
  if (!memory) return;
  if (backend->release_host)
    backend->release_host(runner->device, memory);
  else
    yolo_free(memory);
}

static yolo_status make_room(yolo_runner *runner, yolo_staging *staging, yolo_shape shape) {
  size_t bytes = yolo_shape_count(shape) * sizeof(float);
  void *memory = NULL;
  if (staging->bytes >= bytes) return YOLO_OK;
  host_release(runner, staging->data);
  *staging = (yolo_staging){0};
  yolo_status st = host_alloc(runner, bytes, &memory);
  if (st != YOLO_OK) return st;
  *staging = (yolo_staging){memory, bytes, false};
  return YOLO_OK;
}

/* ---- watched outputs ---- */

static yolo_watch *watch_of(yolo_runner *runner, int node) {
  for (int i = 0; i < YOLO_RUNNER_WATCHES; i++)
    if (runner->watches[i].node == node) return &runner->watches[i];
  return NULL;
}

static void release_watch(yolo_runner *runner, yolo_watch *watch) {
  host_release(runner, watch->memory);
  yolo_free(watch->rows);
  *watch = (yolo_watch){0};
}

yolo_status yolo_runner_watch(yolo_runner *runner, int node, const yolo_row_filter *filter) {
  const yolo_graph *graph = runner->network->graph;
  if (node < 1 || node >= graph->n_nodes || graph->nodes[node].kind != YOLO_NODE_OUTPUT)
    return yolo_fail(YOLO_EINVAL, "node %d is no output whose rows could be watched", node);
  if (filter->rows < 1 || filter->row < 1 || filter->capacity < 1 || filter->score < 0 || filter->score >= filter->row ||
      filter->rows > graph->nodes[node].shape.c / filter->row)
    return yolo_fail(YOLO_EINVAL, "%d rows of %d values, judged by value %d, do not fit into %d channels", filter->rows,
                     filter->row, filter->score, graph->nodes[node].shape.c);
  yolo_watch *watch = watch_of(runner, node);
  if (!watch) watch = watch_of(runner, 0);
  if (!watch) return yolo_fail(YOLO_EINVAL, "more than %d outputs cannot be watched", YOLO_RUNNER_WATCHES);
  if (watch->rows && (watch->filter.capacity != filter->capacity || watch->filter.row != filter->row))
    release_watch(runner, watch);
  watch->node = node;
  watch->filter = *filter;
  return YOLO_OK;
}

/* count, index and values of a whole batch in one block. */
static yolo_status prepare_watch(yolo_runner *runner, yolo_watch *watch) {
  const size_t batch = (size_t)runner->current->plan->batch, capacity = (size_t)watch->filter.capacity;
  const size_t words = batch * (1 + capacity * (1 + (size_t)watch->filter.row));
  if (words * sizeof(float) > watch->bytes) {
    host_release(runner, watch->memory);
    watch->memory = NULL;
    watch->bytes = 0;
    yolo_status st = host_alloc(runner, words * sizeof(float), &watch->memory);
    if (st != YOLO_OK) return st;
    watch->bytes = words * sizeof(float);
  }
  if (!watch->rows && !(watch->rows = yolo_alloc_array(capacity, sizeof *watch->rows))) return YOLO_ENOMEM;
  watch->hits.count = watch->memory;
  watch->hits.index = watch->hits.count + batch;
  watch->hits.values = (float *)(watch->hits.index + batch * capacity);
  return YOLO_OK;
}

static int by_index(const void *a, const void *b) {
  int x = ((const yolo_row *)a)->index, y = ((const yolo_row *)b)->index;
  return (x > y) - (x < y);
}

bool yolo_runner_rows(yolo_runner *runner, int node, int n, const yolo_row **rows, int *count) {
  yolo_watch *watch = node > 0 ? watch_of(runner, node) : NULL;
  *rows = NULL;
  *count = 0;
  if (!runner->ran || !watch || !watch->rows || !runner->network->backend->select) return false;
  if (n < 0 || n >= runner->current->plan->batch || watch->hits.count[n] > watch->filter.capacity) return false;
  size_t first = (size_t)n * (size_t)watch->filter.capacity;
  for (int i = 0; i < watch->hits.count[n]; i++) {
    size_t at = first + (size_t)i;
    watch->rows[i] = (yolo_row){watch->hits.index[at], watch->hits.values + at * (size_t)watch->filter.row};
  }
  *rows = watch->rows;
  *count = watch->hits.count[n];
  qsort(watch->rows, (size_t)*count, sizeof *watch->rows, by_index);
  return true;
}

/* ---- around a run ---- */

yolo_status yolo_runner_io_prepare(yolo_runner *runner, yolo_tensor *input) {
  const yolo_backend *backend = runner->network->backend;
  yolo_status st;
  *input = yolo_runner_place(runner, 0);
  if (backend->host_memory) return YOLO_OK;
  YOLO_TRY(make_room(runner, &runner->input, input->shape));
  *input = yolo_tensor_dense(runner->input.data, input->shape);
  for (int i = 0; i < YOLO_RUNNER_WATCHES && backend->select; i++)
    if (runner->watches[i].node) YOLO_TRY(prepare_watch(runner, &runner->watches[i]));
done:
  return st;
}

yolo_status yolo_runner_io_send(yolo_runner *runner) {
  const yolo_backend *backend = runner->network->backend;
  const yolo_tensor to = yolo_runner_place(runner, 0);
  if (backend->host_memory) return YOLO_OK;
  if (backend->send) return backend->send(runner->device, runner->input.data, &to);
  return backend->upload(runner->device, to.data, runner->input.data, yolo_shape_count(to.shape) * sizeof(float));
}

bool yolo_runner_takes_images(const yolo_runner *runner) { return runner->network->backend->resample != NULL; }

yolo_status yolo_runner_image(yolo_runner *runner, int n, const yolo_resample *how) {
  const yolo_backend *backend = runner->network->backend;
  if (!runner->current || !backend->resample || n < 0 || n >= runner->current->plan->batch)
    return yolo_fail(YOLO_EINVAL, "image %d cannot be put into the input: it was not prepared, or not here", n);
  const yolo_tensor to = yolo_runner_place(runner, 0);
  runner->input_there = true;
  return backend->resample(runner->device, how, &to, n);
}

bool yolo_runner_has_own_memory(const yolo_runner *runner) { return !runner->network->backend->host_memory; }

void yolo_runner_hold_input(yolo_runner *runner, bool hold) { runner->hold_input = hold && yolo_runner_has_own_memory(runner); }

yolo_status yolo_runner_io_collect(yolo_runner *runner) {
  const yolo_backend *backend = runner->network->backend;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < runner->network->graph->n_nodes; i++) runner->outputs[i].fresh = false;
  for (int i = 0; i < YOLO_RUNNER_WATCHES && backend->select; i++) {
    const yolo_watch *watch = &runner->watches[i];
    if (!watch->node || !watch->rows) continue;
    const yolo_tensor from = yolo_runner_place(runner, watch->node);
    YOLO_TRY(backend->select(runner->device, &watch->filter, &from, &watch->hits));
  }
done:
  return st;
}

void yolo_runner_io_free(yolo_runner *runner) {
  for (int i = 0; i < YOLO_RUNNER_WATCHES; i++) release_watch(runner, &runner->watches[i]);
  for (int i = 0; runner->outputs && i < runner->network->graph->n_nodes; i++) host_release(runner, runner->outputs[i].data);
  host_release(runner, runner->input.data);
  yolo_free(runner->outputs);
}

/* ---- results ---- */

static bool is_read(const yolo_graph *graph, int node) {
  for (int i = node + 1; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_in; k++)
      if (graph->nodes[i].in[k] == node) return true;
  return false;
}

/* The strided tensor to the dense one in host memory. */
static yolo_status fetch(yolo_runner *runner, const yolo_tensor *from, float *to) {
  const yolo_backend *backend = runner->network->backend;
  const size_t row = (size_t)from->shape.c * sizeof(float);
  if (backend->fetch) {
    yolo_status st = backend->fetch(runner->device, from, to);
    return st == YOLO_OK ? backend->sync(runner->device) : st;
  }
  for (size_t p = 0; p < yolo_shape_pixels(from->shape); p++) {
    yolo_status st =
        backend->download(runner->device, to + p * (size_t)from->shape.c, (const float *)from->data + p * from->stride, row);
    if (st != YOLO_OK) return st;
  }
  return YOLO_OK;
}

yolo_status yolo_runner_output(yolo_runner *runner, int node, yolo_tensor *out) {
  const yolo_graph *graph = runner->network->graph;
  yolo_status st = YOLO_OK;
  if (!runner->current || !runner->ran) return yolo_fail(YOLO_EINVAL, "there is no output before a run");
  if (node < 0 || node >= graph->n_nodes) return yolo_fail(YOLO_EINVAL, "node %d does not exist", node);
  if (!runner->current->keep_all && graph->nodes[node].kind != YOLO_NODE_OUTPUT && is_read(graph, node))
    return yolo_fail(YOLO_EINVAL, "the output of node %d is gone by the end of a run: prepare with keep_all to see it", node);

  *out = yolo_runner_place(runner, node);
  if (runner->network->backend->host_memory) return YOLO_OK;
  yolo_staging *staging = &runner->outputs[node];
  if (!staging->fresh) {
    YOLO_TRY(make_room(runner, staging, out->shape));
    YOLO_TRY(fetch(runner, out, staging->data));
    staging->fresh = true;
  }
  *out = yolo_tensor_dense(staging->data, out->shape);
done:
  return st;
}
