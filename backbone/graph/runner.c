/* The runner: activations of one network on one device, and the loop that runs its nodes.
 *
 * prepare() plans and allocates, run() only computes. A few plans are kept, one for each input size seen last,
 * and they share one arena of the largest need: the activations (ACT) from its beginning, the scratch of the
 * kernels (WORK) behind them. What crosses between host and device where these are apart is in runner_io.c. */
#include <string.h>

#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "backbone/graph/network_parts.h"

yolo_status yolo_runner_new(const yolo_network *network, yolo_runner **out) {
  yolo_runner *runner = NULL;
  yolo_status st;
  *out = NULL;
  if (!network->loaded) return yolo_fail(YOLO_EINVAL, "the network has no parameters yet: load them before it runs");
  runner = yolo_calloc(1, sizeof *runner);
  YOLO_ENOMEM_IF_NULL(runner);
  runner->network = network;
  runner->outputs = yolo_calloc((size_t)network->graph->n_nodes, sizeof *runner->outputs);
  YOLO_ENOMEM_IF_NULL(runner->outputs);
  YOLO_TRY(network->backend->open(&network->device_options, &runner->device));
  *out = runner;
  runner = NULL;
done:
  yolo_runner_free(runner);
  return st;
}

/* New memory makes every recording of a pass worthless: its addresses are old. */
static void release_arena(yolo_runner *runner) {
  if (runner->arena) runner->network->backend->release(runner->device, runner->arena);
  runner->arena = NULL;
  runner->arena_bytes = 0;
  for (int i = 0; i < YOLO_PLAN_SLOTS; i++) runner->slots[i].key = ++runner->keys;
}

void yolo_runner_free(yolo_runner *runner) {
  if (!runner) return;
  for (int i = 0; i < YOLO_PLAN_SLOTS; i++) yolo_plan_free(runner->slots[i].plan);
  release_arena(runner);
  yolo_runner_io_free(runner);
  if (runner->device) runner->network->backend->close(runner->device);
  yolo_free(runner);
}

void yolo_runner_keep_all(yolo_runner *runner, bool keep) { runner->keep_all = keep; }

void yolo_runner_time_nodes(yolo_runner *runner, double *times) { runner->times = times; }

const yolo_plan *yolo_runner_plan(const yolo_runner *runner) { return runner->current ? runner->current->plan : NULL; }

const char *yolo_runner_device(const yolo_runner *runner) { return runner->network->backend->describe(runner->device); }

/* ---- prepare ---- */

static yolo_dtype dtype_of(const yolo_runner *runner) {
  const yolo_backend *backend = runner->network->backend;
  return backend->dtype ? backend->dtype(runner->device) : YOLO_F32;
}

static yolo_status make_plan(const yolo_runner *runner, int batch, int height, int width, yolo_plan **out) {
  const yolo_network *network = runner->network;
  size_t n = (size_t)network->graph->n_nodes;
  size_t *work = NULL;
  yolo_status st = YOLO_OK;
  yolo_shape *shapes = yolo_alloc_array(n, sizeof *shapes);
  YOLO_ENOMEM_IF_NULL(shapes);
  work = yolo_calloc(n, sizeof *work);
  YOLO_ENOMEM_IF_NULL(work);
  YOLO_TRY(yolo_graph_infer(network->graph, height, width, shapes));
  YOLO_TRY(yolo_plan_check_batch(shapes, network->graph->n_nodes, batch));
  for (size_t i = 0; i < n; i++) {
    yolo_node_call c;
    if (network->graph->nodes[i].kind != YOLO_NODE_OP) continue;
    yolo_network_call(network, (int)i, shapes, batch, &c);
    work[i] = network->backend->sizes(runner->device, &c.call, network->nodes[i].thrift).work;
  }
  const yolo_backend *backend = network->backend;
  size_t elem = yolo_dtype_size(dtype_of(runner));
  yolo_plan_options options = {.batch = batch,
                               .concat_views = backend->concat_views && !network->concat_copies,
                               .keep_all = runner->keep_all,
                               .keep_input = !backend->host_memory,
                               .elem = elem,
                               .row_align = backend->row_bytes / elem,
                               .conflict = backend->conflict,
                               .work = work};
  YOLO_TRY(yolo_plan_make(network->graph, shapes, &options, out));
done:
  yolo_free(shapes);
  yolo_free(work);
  return st;
}

static yolo_plan_slot *find_slot(yolo_runner *runner, int batch, int height, int width) {
  for (int i = 0; i < YOLO_PLAN_SLOTS; i++) {
    yolo_plan_slot *slot = &runner->slots[i];
    if (slot->plan && slot->plan->batch == batch && slot->height == height && slot->width == width &&
        slot->keep_all == runner->keep_all)
      return slot;
  }
  return NULL;
}

/* An empty slot, or the one that was not used for the longest time. */
static yolo_plan_slot *oldest_slot(yolo_runner *runner) {
  yolo_plan_slot *oldest = &runner->slots[0];
  for (int i = 1; i < YOLO_PLAN_SLOTS; i++)
    if (runner->slots[i].used < oldest->used) oldest = &runner->slots[i];
  return oldest;
}

static size_t work_offset(const yolo_plan *plan) { return yolo_memory_round(plan->act_bytes); }

static size_t arena_need(const yolo_plan *plan) { return work_offset(plan) + yolo_memory_round(plan->work_bytes); }

/* The largest batch below `batch` whose plan fits into `room` bytes; 0: none. */
static int batch_that_fits(const yolo_runner *runner, int batch, int height, int width, size_t room) {
  int fits = 0, beyond = batch;
  while (beyond - fits > 1) {
    int middle = fits + (beyond - fits) / 2;
    yolo_plan *plan = NULL;
    if (make_plan(runner, middle, height, width, &plan) != YOLO_OK) return 0;
    if (arena_need(plan) <= room)
      fits = middle;
    else
      beyond = middle;
    yolo_plan_free(plan);
  }
  return fits;
}

/* The device's own sentence, and what would fit instead. */
enum { SPARE = 32 << 20 }; /* what code, recordings and pictures take beside the arena */

static yolo_status too_large(const yolo_runner *runner, const yolo_plan_slot *slot, yolo_status st) {
  const yolo_backend *backend = runner->network->backend;
  size_t free_bytes = 0, total = 0;
  if (st != YOLO_ENOMEM || !backend->memory || backend->memory(runner->device, &free_bytes, &total) != YOLO_OK) return st;
  double need = (double)arena_need(slot->plan) * 1e-6, room = (double)free_bytes * 1e-6;
  int batch = slot->plan->batch,
      fits = batch_that_fits(runner, batch, slot->height, slot->width, free_bytes > SPARE ? free_bytes - SPARE : 0);
  if (fits > 0)
    return yolo_fail(YOLO_ENOMEM, "%s: a batch of %d needs %.0f MB, but only %.0f MB are free; a batch of %d would fit",
                     backend->describe(runner->device), batch, need, room, fits);
  return yolo_fail(YOLO_ENOMEM, "%s: a batch of %d needs %.0f MB, but only %.0f MB are free, too little even for one image",
                   backend->describe(runner->device), batch, need, room);
}

static yolo_status make_memory(yolo_runner *runner, const yolo_plan_slot *slot) {
  const yolo_backend *backend = runner->network->backend;
  size_t bytes = arena_need(slot->plan);
  void *memory = NULL;
  if (bytes <= runner->arena_bytes) return YOLO_OK;
  release_arena(runner); /* first, so that the two never exist side by side */
  yolo_status st = backend->alloc(runner->device, bytes, &memory);
  if (st != YOLO_OK) return too_large(runner, slot, st);
  runner->arena = memory;
  runner->arena_bytes = bytes;
  return YOLO_OK;
}

yolo_tensor yolo_runner_place(const yolo_runner *runner, int node) {
  const yolo_plan *plan = runner->current->plan;
  yolo_tensor t = {runner->arena + plan->places[node].offset, dtype_of(runner), plan->shapes[node], plan->places[node].stride};
  return t;
}

yolo_status yolo_runner_prepare(yolo_runner *runner, int batch, int height, int width, yolo_tensor *input) {
  yolo_plan *plan = NULL;
  yolo_plan_slot *slot = find_slot(runner, batch, height, width);
  yolo_status st = YOLO_OK;
  runner->current = NULL;
  runner->ran = runner->input_there = false;
  if (!slot) {
    YOLO_TRY(make_plan(runner, batch, height, width, &plan));
    slot = oldest_slot(runner);
    yolo_plan_free(slot->plan);
    *slot =
        (yolo_plan_slot){.plan = plan, .height = height, .width = width, .keep_all = runner->keep_all, .key = ++runner->keys};
  }
  slot->used = ++runner->clock;
  YOLO_TRY(make_memory(runner, slot));
  runner->current = slot;
  if ((st = yolo_runner_io_prepare(runner, input)) != YOLO_OK) runner->current = NULL;
done:
  return st;
}

/* ---- run ---- */

static yolo_status run_node(yolo_runner *runner, int index) {
  const yolo_network *network = runner->network;
  const yolo_plan *plan = runner->current->plan;
  const yolo_node *node = &network->graph->nodes[index];
  yolo_node_call c;
  yolo_network_call(network, index, plan->shapes, plan->batch, &c);
  for (int k = 0; k < node->n_in; k++) c.in[k] = yolo_runner_place(runner, node->in[k]);
  c.out = yolo_runner_place(runner, index);
  c.call.work = plan->work_bytes > 0 ? runner->arena + work_offset(plan) : NULL;
  c.call.work_size = plan->work_bytes;
  return yolo_graph_blame(network->graph, index, network->backend->run(runner->device, YOLO_FORWARD, &c.call));
}

static yolo_status run_timed(yolo_runner *runner, int index) {
  double start = yolo_now_ms();
  yolo_status st = run_node(runner, index);
  if (st == YOLO_OK) st = runner->network->backend->sync(runner->device);
  runner->times[index] = (yolo_now_ms() - start) * 1e-3;
  return st;
}

/* All nodes in order; the body of backend->pass. */
static yolo_status run_nodes(void *payload) {
  yolo_runner *runner = payload;
  const yolo_plan *plan = runner->current->plan;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < plan->n_nodes && st == YOLO_OK; i++) {
    if (runner->times) runner->times[i] = 0;
    if (plan->places[i].run) st = runner->times ? run_timed(runner, i) : run_node(runner, i);
  }
  return st;
}

yolo_status yolo_runner_run(yolo_runner *runner) {
  const yolo_backend *backend = runner->network->backend;
  yolo_status st;
  if (!runner->current) return yolo_fail(YOLO_EINVAL, "nothing is prepared to run: call yolo_runner_prepare first");
  runner->ran = false;
  if (!runner->input_there) YOLO_TRY(yolo_runner_io_send(runner));
  runner->input_there = runner->hold_input;
  /* Between clocks every node waits for the device, which no recording can. */
  uint64_t key = runner->times ? 0 : runner->current->key;
  YOLO_TRY(backend->pass ? backend->pass(runner->device, key, run_nodes, runner) : run_nodes(runner));
  YOLO_TRY(yolo_runner_io_collect(runner));
  YOLO_TRY(backend->sync(runner->device));
  runner->ran = true;
done:
  return st;
}
