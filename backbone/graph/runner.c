/* The runner: activations of one network on one device, and the loop that runs its nodes.
 *
 * prepare() plans and allocates, run() only computes. A few plans are kept, one for each input size seen last,
 * and they share one arena of the largest need: the activations (ACT) from its beginning, the scratch of the
 * kernels (WORK) behind them.
 *
 * Where the host cannot read device memory, `mirror` is a host copy of ACT: the input is filled there and sent
 * before a run, an output is fetched to the same offset when it is asked for. */
#include <string.h>

#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "backbone/graph/network_parts.h"

enum { SLOTS = 4 };

typedef struct plan_slot {
  yolo_plan *plan; /* NULL: empty */
  int height, width;
  bool keep_all;
  long used; /* the clock when it was asked for last */
} plan_slot;

struct yolo_runner {
  const yolo_network *network;
  yolo_device *device;
  bool keep_all;
  plan_slot slots[SLOTS];
  const plan_slot *current; /* NULL until prepared */
  long clock;
  char *arena; /* on the device */
  size_t arena_bytes;
  char *mirror; /* host */
  size_t mirror_bytes;
  bool ran;
  double *times;
};

yolo_status yolo_runner_new(const yolo_network *network, yolo_runner **out) {
  yolo_runner *runner = NULL;
  yolo_status st;
  *out = NULL;
  if (!network->loaded) return yolo_fail(YOLO_EINVAL, "the network has no parameters yet: load them before it runs");
  runner = yolo_calloc(1, sizeof *runner);
  YOLO_ENOMEM_IF_NULL(runner);
  runner->network = network;
  YOLO_TRY(network->backend->open(&network->device_options, &runner->device));
  *out = runner;
  runner = NULL;
done:
  yolo_runner_free(runner);
  return st;
}

static void release_arena(yolo_runner *runner) {
  if (runner->arena) runner->network->backend->release(runner->device, runner->arena);
  runner->arena = NULL;
  runner->arena_bytes = 0;
}

void yolo_runner_free(yolo_runner *runner) {
  if (!runner) return;
  for (int i = 0; i < SLOTS; i++) yolo_plan_free(runner->slots[i].plan);
  release_arena(runner);
  yolo_free(runner->mirror);
  if (runner->device) runner->network->backend->close(runner->device);
  yolo_free(runner);
}

void yolo_runner_keep_all(yolo_runner *runner, bool keep) { runner->keep_all = keep; }

void yolo_runner_time_nodes(yolo_runner *runner, double *times) { runner->times = times; }

const yolo_plan *yolo_runner_plan(const yolo_runner *runner) { return runner->current ? runner->current->plan : NULL; }

const char *yolo_runner_device(const yolo_runner *runner) { return runner->network->backend->describe(runner->device); }

/* ---- prepare ---- */

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
  yolo_plan_options options = {.batch = batch,
                               .concat_views = network->backend->concat_views,
                               .keep_all = runner->keep_all,
                               .row_align = network->backend->row_align,
                               .work = work};
  YOLO_TRY(yolo_plan_make(network->graph, shapes, &options, out));
done:
  yolo_free(shapes);
  yolo_free(work);
  return st;
}

static plan_slot *find_slot(yolo_runner *runner, int batch, int height, int width) {
  for (int i = 0; i < SLOTS; i++) {
    plan_slot *slot = &runner->slots[i];
    if (slot->plan && slot->plan->batch == batch && slot->height == height && slot->width == width &&
        slot->keep_all == runner->keep_all)
      return slot;
  }
  return NULL;
}

/* An empty slot, or the one that was not used for the longest time. */
static plan_slot *oldest_slot(yolo_runner *runner) {
  plan_slot *oldest = &runner->slots[0];
  for (int i = 1; i < SLOTS; i++)
    if (runner->slots[i].used < oldest->used) oldest = &runner->slots[i];
  return oldest;
}

static size_t work_offset(const yolo_plan *plan) { return yolo_memory_round(plan->act_bytes); }

static yolo_status make_memory(yolo_runner *runner, const yolo_plan *plan) {
  const yolo_backend *backend = runner->network->backend;
  size_t bytes = work_offset(plan) + yolo_memory_round(plan->work_bytes);
  if (bytes > runner->arena_bytes) {
    void *memory = NULL;
    release_arena(runner); /* first, so that the two never exist side by side */
    yolo_status st = backend->alloc(runner->device, bytes, &memory);
    if (st != YOLO_OK) return st;
    runner->arena = memory;
    runner->arena_bytes = bytes;
  }
  if (!backend->host_memory && plan->act_bytes > runner->mirror_bytes) {
    yolo_free(runner->mirror);
    runner->mirror_bytes = 0;
    runner->mirror = yolo_alloc_arena(plan->act_bytes);
    if (!runner->mirror) return YOLO_ENOMEM;
    runner->mirror_bytes = plan->act_bytes;
  }
  return YOLO_OK;
}

/* ACT as the host sees it. */
static char *host_act(const yolo_runner *runner) {
  return runner->network->backend->host_memory ? runner->arena : runner->mirror;
}

static yolo_tensor placed(const yolo_plan *plan, int node, char *act) {
  yolo_tensor t = {act + plan->places[node].offset, YOLO_F32, plan->shapes[node], plan->places[node].stride};
  return t;
}

yolo_status yolo_runner_prepare(yolo_runner *runner, int batch, int height, int width, yolo_tensor *input) {
  yolo_plan *plan = NULL;
  plan_slot *slot = find_slot(runner, batch, height, width);
  yolo_status st = YOLO_OK;
  runner->current = NULL;
  runner->ran = false;
  if (!slot) {
    YOLO_TRY(make_plan(runner, batch, height, width, &plan));
    slot = oldest_slot(runner);
    yolo_plan_free(slot->plan);
    *slot = (plan_slot){.plan = plan, .height = height, .width = width, .keep_all = runner->keep_all};
  }
  slot->used = ++runner->clock;
  YOLO_TRY(make_memory(runner, slot->plan));
  runner->current = slot;
  *input = placed(slot->plan, 0, host_act(runner));
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
  for (int k = 0; k < node->n_in; k++) c.in[k] = placed(plan, node->in[k], runner->arena);
  c.out = placed(plan, index, runner->arena);
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

static yolo_status send_input(yolo_runner *runner) {
  const yolo_backend *backend = runner->network->backend;
  const yolo_plan *plan = runner->current->plan;
  size_t offset = plan->places[0].offset, bytes = yolo_shape_count(plan->shapes[0]) * sizeof(float);
  if (backend->host_memory) return YOLO_OK;
  return backend->upload(runner->device, runner->arena + offset, runner->mirror + offset, bytes);
}

/* All nodes in order; the payload of backend->pass. */
typedef struct whole_pass {
  yolo_runner *runner;
  yolo_status st;
} whole_pass;

static void run_nodes(void *payload) {
  whole_pass *pass = payload;
  yolo_runner *runner = pass->runner;
  const yolo_plan *plan = runner->current->plan;
  for (int i = 0; i < plan->n_nodes && pass->st == YOLO_OK; i++) {
    if (runner->times) runner->times[i] = 0;
    if (plan->places[i].run) pass->st = runner->times ? run_timed(runner, i) : run_node(runner, i);
  }
}

yolo_status yolo_runner_run(yolo_runner *runner) {
  const yolo_backend *backend = runner->network->backend;
  whole_pass pass = {runner, YOLO_OK};
  yolo_status st;
  if (!runner->current) return yolo_fail(YOLO_EINVAL, "nothing is prepared to run: call yolo_runner_prepare first");
  runner->ran = false;
  YOLO_TRY(send_input(runner));
  if (backend->pass)
    backend->pass(runner->device, run_nodes, &pass);
  else
    run_nodes(&pass);
  YOLO_TRY(pass.st);
  YOLO_TRY(backend->sync(runner->device));
  runner->ran = true;
done:
  return st;
}

/* ---- results ---- */

static bool is_read(const yolo_graph *graph, int node) {
  for (int i = node + 1; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_in; k++)
      if (graph->nodes[i].in[k] == node) return true;
  return false;
}

yolo_status yolo_runner_output(yolo_runner *runner, int node, yolo_tensor *out) {
  const yolo_network *network = runner->network;
  const yolo_graph *graph = network->graph;
  if (!runner->current || !runner->ran) return yolo_fail(YOLO_EINVAL, "there is no output before a run");
  if (node < 0 || node >= graph->n_nodes) return yolo_fail(YOLO_EINVAL, "node %d does not exist", node);
  if (!runner->current->keep_all && graph->nodes[node].kind != YOLO_NODE_OUTPUT && is_read(graph, node))
    return yolo_fail(YOLO_EINVAL, "the output of node %d is gone by the end of a run: prepare with keep_all to see it", node);

  const yolo_plan *plan = runner->current->plan;
  *out = placed(plan, node, host_act(runner));
  if (network->backend->host_memory) return YOLO_OK;
  size_t offset = plan->places[node].offset;
  size_t floats = (yolo_shape_pixels(out->shape) - 1) * out->stride + (size_t)out->shape.c;
  return network->backend->download(runner->device, runner->mirror + offset, runner->arena + offset, floats * sizeof(float));
}
