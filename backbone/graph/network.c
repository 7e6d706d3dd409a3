/* The network: which form each parameter is kept in, and where.
 *
 * A backend may keep parameters packed, in the order its kernels read them, and faster forms may be larger (a
 * Winograd-transformed 3x3 kernel has 36 values where the plain one has 9). The network asks for the fastest form
 * of every node and then takes some of it back, until all parameters together are at most max_pack_ratio times
 * their plain size: first at the nodes with the smallest maps, which hold most parameters and compute least with
 * each of them. */
#include <math.h>

#include "backbone/base/memory.h"
#include "backbone/graph/fuse.h"
#include "backbone/graph/network_parts.h"

enum { LEVELS = YOLO_THRIFT_MAX + 1 };
static const double DEFAULT_PACK_RATIO = 1.95; /* packed weights of at most twice the file, with room for the small parts */
static const double SMALL_PACK = 64 << 20;     /* but what nobody misses is not saved: small networks may take this much more */

yolo_status yolo_graph_blame(const yolo_graph *graph, int node, yolo_status st) {
  int layer = graph->nodes[node].layer;
  if (st == YOLO_OK || layer < 0) return st;
  return yolo_error_prefix(st, "layer %d [%s]: ", layer, graph->layers[layer].section);
}

void yolo_network_call(const yolo_network *network, int node, const yolo_shape *shapes, int batch, yolo_node_call *out) {
  const yolo_node_memory *held = &network->nodes[node];
  char *memory = network->memory;
  yolo_graph_call(network->graph, node, shapes, batch, out->in, &out->out, out->param, &out->call);
  if (!memory) return;
  if (held->pack > 0)
    out->call.packed = memory + held->offset;
  else
    for (int k = 0; k < out->call.n_param; k++) out->param[k].data = memory + held->param[k];
}

/* ---- how much memory each node may take ---- */

/* Plain bytes of a node's parameters as the running graph sees them (batch norm folded in). */
static size_t plain_bytes(const yolo_network *network, int node) {
  yolo_node_call c;
  size_t bytes = 0;
  yolo_graph_call(network->graph, node, network->shapes, 1, c.in, &c.out, c.param, &c.call);
  for (int k = 0; k < c.call.n_param; k++) bytes += yolo_memory_round(yolo_shape_count(c.param[k].shape) * sizeof(float));
  return bytes;
}

/* What a node takes at a level of thrift: packed or, where there is no packed form, plain. */
static size_t held_bytes(const yolo_network *network, int node, int thrift, size_t *pack) {
  yolo_node_call c;
  yolo_graph_call(network->graph, node, network->shapes, 1, c.in, &c.out, c.param, &c.call);
  *pack = c.call.n_param > 0 ? network->backend->sizes(network->device, &c.call, thrift).pack : 0;
  return *pack > 0 ? yolo_memory_round(*pack) : plain_bytes(network, node);
}

/* The next level at which a node gets smaller, or 0 when there is none. */
static int smaller_level(const size_t *bytes, int thrift) {
  for (int level = thrift + 1; level < LEVELS; level++)
    if (bytes[level] < bytes[thrift]) return level;
  return 0;
}

/* The node to demote next: the smallest map; among equals the one that saves most. -1: nothing is left to save. */
static int choose_victim(const yolo_network *network, const size_t (*bytes)[LEVELS]) {
  int victim = -1;
  size_t victim_pixels = 0, victim_saving = 0;
  for (int i = 0; i < network->graph->n_nodes; i++) {
    int thrift = network->nodes[i].thrift, level = smaller_level(bytes[i], thrift);
    if (level == 0) continue;
    size_t pixels = yolo_shape_pixels(network->shapes[i]), saving = bytes[i][thrift] - bytes[i][level];
    if (victim >= 0 && (pixels > victim_pixels || (pixels == victim_pixels && saving <= victim_saving))) continue;
    victim = i;
    victim_pixels = pixels;
    victim_saving = saving;
  }
  return victim;
}

/* The most that all parameters together may take. A ratio that was asked for is kept to. */
static double most_bytes(const yolo_network *network, double ratio) {
  double plain = (double)yolo_graph_param_count(network->graph, false) * sizeof(float);
  if (ratio > 0) return ratio * plain;
  return fmax(DEFAULT_PACK_RATIO * plain, plain + SMALL_PACK);
}

static yolo_status choose_forms(yolo_network *network, double limit) {
  size_t n = (size_t)network->graph->n_nodes, total = 0, ignored;
  yolo_status st = YOLO_OK;
  size_t(*bytes)[LEVELS] = yolo_calloc(n, sizeof *bytes);
  YOLO_ENOMEM_IF_NULL(bytes);
  for (size_t i = 0; i < n; i++) {
    if (network->graph->nodes[i].n_param == 0) continue;
    for (int level = 0; level < LEVELS; level++) bytes[i][level] = held_bytes(network, (int)i, level, &ignored);
    total += bytes[i][0];
  }
  while ((double)total > limit) {
    int victim = choose_victim(network, (const size_t(*)[LEVELS])bytes);
    if (victim < 0) break; /* more thrift than this the backend does not have */
    int *thrift = &network->nodes[victim].thrift, level = smaller_level(bytes[victim], *thrift);
    total -= bytes[victim][*thrift] - bytes[victim][level];
    *thrift = level;
  }
done:
  yolo_free(bytes);
  return st;
}

/* Offsets of everything in one block, in node order. */
static void lay_out(yolo_network *network) {
  for (int i = 0; i < network->graph->n_nodes; i++) {
    yolo_node_memory *held = &network->nodes[i];
    yolo_node_call c;
    if (network->graph->nodes[i].n_param == 0) continue;
    size_t bytes = held_bytes(network, i, held->thrift, &held->pack);
    held->offset = network->bytes;
    yolo_graph_call(network->graph, i, network->shapes, 1, c.in, &c.out, c.param, &c.call);
    for (int k = 0; k < c.call.n_param; k++) {
      held->param[k] = k == 0 ? held->offset : held->param[k - 1];
      if (k > 0) held->param[k] += yolo_memory_round(yolo_shape_count(c.param[k - 1].shape) * sizeof(float));
    }
    network->bytes += bytes;
  }
  if (network->bytes == 0) network->bytes = YOLO_MEMORY_ALIGN; /* a network without parameters still has memory */
}

/* ---- creating ---- */

static yolo_status check_ops(const yolo_network *network) {
  for (int i = 0; i < network->graph->n_nodes; i++) {
    const yolo_node *node = &network->graph->nodes[i];
    if (node->kind != YOLO_NODE_OP || network->backend->has(node->op, YOLO_FORWARD) != YOLO_IMPL_NONE) continue;
    yolo_status st = yolo_fail(YOLO_EUNSUPPORTED, "op %s has no forward on the backend %s", yolo_op_get(node->op)->name,
                               network->backend->name);
    return yolo_graph_blame(network->graph, i, st);
  }
  return YOLO_OK;
}

static yolo_status open_device(yolo_network *network, const yolo_device_options *options) {
  network->device_options = *options;
  network->device_options.isa = NULL;
  if (options->isa) {
    network->device_options.isa = yolo_strdup(options->isa);
    if (!network->device_options.isa) return YOLO_ENOMEM;
  }
  return network->backend->open(&network->device_options, &network->device);
}

yolo_status yolo_network_new(const yolo_graph *graph, const yolo_network_options *options, yolo_network **out) {
  static const yolo_network_options defaults;
  yolo_network *network = NULL;
  yolo_status st;
  *out = NULL;
  if (!options) options = &defaults;
  network = yolo_calloc(1, sizeof *network);
  YOLO_ENOMEM_IF_NULL(network);
  network->backend = options->backend ? options->backend : &yolo_backend_cpu;
  network->concat_copies = options->concat_copies;
  YOLO_TRY((options->unfused ? yolo_graph_copy : yolo_graph_fuse)(graph, &network->graph));
  YOLO_TRY(check_ops(network));
  YOLO_TRY(open_device(network, &options->device));

  size_t n = (size_t)network->graph->n_nodes;
  network->shapes = yolo_alloc_array(n, sizeof *network->shapes);
  YOLO_ENOMEM_IF_NULL(network->shapes);
  network->nodes = yolo_calloc(n, sizeof *network->nodes);
  YOLO_ENOMEM_IF_NULL(network->nodes);
  int height = options->height > 0 ? options->height : graph->nodes[0].shape.h;
  int width = options->width > 0 ? options->width : graph->nodes[0].shape.w;
  YOLO_TRY(yolo_graph_infer(network->graph, height, width, network->shapes));
  YOLO_TRY(choose_forms(network, most_bytes(network, options->max_pack_ratio)));
  lay_out(network);
  *out = network;
  network = NULL;
done:
  yolo_network_free(network);
  return st;
}

void yolo_network_free(yolo_network *network) {
  if (!network) return;
  if (network->memory) network->backend->release(network->device, network->memory);
  if (network->device) network->backend->close(network->device);
  yolo_free((char *)network->device_options.isa);
  yolo_graph_free(network->graph);
  yolo_free(network->shapes);
  yolo_free(network->nodes);
  yolo_free(network);
}

const yolo_graph *yolo_network_graph(const yolo_network *network) { return network->graph; }

size_t yolo_network_param_bytes(const yolo_network *network) { return network->bytes; }
