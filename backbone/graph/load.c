/* Loading parameters: one layer at a time through one staging buffer, so that the peak is the packed network plus
 * its largest layer.
 *
 * Batch norm is folded on the way, in double (Ioffe & Szegedy, "Batch normalization", 2015, section 3.1 at
 * inference): with scale = gamma / sqrt(var + eps),
 *   gamma (w*x + b - mean) / sqrt(var + eps) + beta  =  (scale w)*x + (beta + scale (b - mean)). */
#include <math.h>
#include <string.h>

#include "backbone/base/fnv.h"
#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/graph/network_parts.h"

typedef struct loader {
  yolo_network *network;
  yolo_param_fetch fetch;
  void *payload;
  float *stage; /* the current layer's parameters, one after the other, as on disk */
  size_t *at;   /* parameter -> where it begins in `stage` */
  float *bias;  /* a bias that fusion derives */
  float *slab;  /* scratch of the swap from disk to memory layout */
} loader;

/* ---- how much staging is needed ---- */

static int layer_of(const yolo_graph *graph, int k) { return graph->params[graph->order[k]].layer; }

/* The end of the run of parameters (of graph->order) that begins at `first` and belongs to one layer. */
static int layer_end(const yolo_graph *graph, int first) {
  int k = first;
  while (k < graph->n_order && layer_of(graph, k) == layer_of(graph, first)) k++;
  return k;
}

static yolo_status make_room(loader *load) {
  const yolo_graph *graph = load->network->graph;
  size_t largest = 0, slab = 0, vector = 0;
  yolo_status st = YOLO_OK;
  load->at = yolo_alloc_array((size_t)graph->n_params, sizeof *load->at);
  YOLO_ENOMEM_IF_NULL(load->at);
  for (int first = 0, end; first < graph->n_order; first = end) {
    size_t sum = 0;
    end = layer_end(graph, first);
    for (int k = first; k < end; k++) {
      const yolo_param_spec *spec = &graph->params[graph->order[k]].spec;
      size_t one_slab = (size_t)spec->b * (size_t)spec->s;
      load->at[graph->order[k]] = sum;
      sum += yolo_param_count(spec);
      if (one_slab > slab) slab = one_slab;
      if ((size_t)spec->dims[0] > vector) vector = (size_t)spec->dims[0];
    }
    if (sum > largest) largest = sum;
  }
  load->stage = yolo_alloc_arena(largest * sizeof(float));
  YOLO_ENOMEM_IF_NULL(load->stage);
  load->slab = yolo_alloc_array(slab, sizeof(float));
  YOLO_ENOMEM_IF_NULL(load->slab);
  load->bias = yolo_alloc_array(vector, sizeof(float));
  YOLO_ENOMEM_IF_NULL(load->bias);
done:
  return st;
}

/* ---- folding ---- */

/* Parameter `slot` of a *source* node, NULL when it has none. Params are numbered in the order of their nodes, so
 * those of a batch norm follow `weight`, the first parameter of its convolution, within the layer. */
static const float *staged(const loader *load, int weight, int source_node, int slot) {
  const yolo_graph *graph = load->network->graph;
  for (int i = weight; i < graph->n_params && graph->params[i].layer == graph->params[weight].layer; i++)
    if (graph->params[i].node == source_node && graph->params[i].slot == slot) return load->stage + load->at[i];
  return NULL;
}

/* Multiplies the rows of `weight` (outputs, per_output) and fills load->bias. */
static void fold_batchnorm(const loader *load, const yolo_node *node) {
  int first = node->param[0], norm = node->fold_bn;
  const yolo_param *param = &load->network->graph->params[first];
  float *weight = load->stage + load->at[first];
  const float *bias = staged(load, first, param->node, 1);
  const float *gamma = staged(load, first, norm, 0), *beta = staged(load, first, norm, 1);
  const float *mean = staged(load, first, norm, 2), *var = staged(load, first, norm, 3);
  size_t outputs = (size_t)param->spec.dims[0], per_output = yolo_param_count(&param->spec) / outputs;
  for (size_t o = 0; o < outputs; o++) {
    double scale = gamma[o] / sqrt((double)var[o] + node->fold_eps), own = bias ? bias[o] : 0;
    float *row = weight + o * per_output;
    for (size_t i = 0; i < per_output; i++) row[i] = (float)(row[i] * scale);
    load->bias[o] = (float)(beta[o] + scale * (own - mean[o]));
  }
}

/* ---- one node, one layer, the network ---- */

static yolo_status place_node(const loader *load, int index) {
  yolo_network *network = load->network;
  const yolo_node *node = &network->graph->nodes[index];
  const yolo_node_memory *held = &network->nodes[index];
  char *memory = network->memory;
  yolo_node_call c;
  yolo_status st = YOLO_OK;
  if (node->fold_bn >= 0) fold_batchnorm(load, node);
  yolo_graph_call(network->graph, index, network->shapes, 1, c.in, &c.out, c.param, &c.call);
  for (int k = 0; k < c.call.n_param; k++) {
    c.param[k].data = load->bias;
    if (node->param[k] < 0) continue;
    c.param[k].data = load->stage + load->at[node->param[k]];
    yolo_param_to_memory(&network->graph->params[node->param[k]].spec, c.param[k].data, load->slab);
  }
  if (held->pack > 0) return network->backend->pack(network->device, &c.call, held->thrift, memory + held->offset);
  for (int k = 0; k < c.call.n_param && st == YOLO_OK; k++)
    st = network->backend->upload(network->device, memory + held->param[k], c.param[k].data,
                                  yolo_shape_count(c.param[k].shape) * sizeof(float));
  return st;
}

/* Fetches the parameters order[first, end) of one layer and places its nodes; *next is the first node that has
 * not been looked at yet (nodes are sorted by layer). */
static yolo_status load_layer(const loader *load, int first, int end, int *next) {
  const yolo_graph *graph = load->network->graph;
  int layer = layer_of(graph, first);
  yolo_status st = YOLO_OK;
  for (int k = first; k < end; k++) {
    const yolo_param *param = &graph->params[graph->order[k]];
    YOLO_TRY(load->fetch(load->payload, param, load->stage + load->at[graph->order[k]]));
  }
  for (; *next < graph->n_nodes && graph->nodes[*next].layer <= layer; ++*next) {
    if (graph->nodes[*next].layer < layer || graph->nodes[*next].n_param == 0) continue;
    if ((st = place_node(load, *next)) != YOLO_OK) return yolo_graph_blame(graph, *next, st);
  }
done:
  return st;
}

yolo_status yolo_network_load(yolo_network *network, yolo_param_fetch fetch, void *payload) {
  const yolo_graph *graph = network->graph;
  loader load = {.network = network, .fetch = fetch, .payload = payload};
  int next = 0;
  yolo_status st;
  network->loaded = false;
  if (!network->memory) YOLO_TRY(network->backend->alloc(network->device, network->bytes, &network->memory));
  YOLO_TRY(make_room(&load));
  for (int first = 0, end; first < graph->n_order; first = end) {
    end = layer_end(graph, first);
    YOLO_TRY(load_layer(&load, first, end, &next));
  }
  YOLO_TRY(network->backend->sync(network->device));
  network->loaded = true;
done:
  yolo_free(load.at);
  yolo_free(load.stage);
  yolo_free(load.slab);
  yolo_free(load.bias);
  return st;
}

/* ---- parameters without a file ---- */

/* Four values a counter: networks have tens of millions. */
static void fill_uniform(uint64_t key, uint64_t stream, float low, float high, float *to, size_t count) {
  const float step = (high - low) * 0x1p-24f;
  uint32_t words[4];
  for (size_t i = 0; i < count; i++) {
    if (i % 4 == 0) yolo_rng_block(key, stream, i / 4, words);
    to[i] = low + step * (float)(words[i % 4] >> 8);
  }
}

/* Matrices and kernels: variance 2 / fan-in, which keeps the scale of activations through ReLU-like layers (He et
 * al., "Delving deep into rectifiers", 2015, section 2.2), and a tenth less reach, because dozens of shortcuts add up: so the
 * deepest networks here stay within what 16-bit numbers hold. Uniform in +-a has variance a^2 / 3. Vectors and
 * statistics: near what makes them neutral, but different from it, so that a test notices when one is forgotten. */
yolo_status yolo_fetch_random(void *payload, const yolo_param *param, float *to) {
  const yolo_param_spec *spec = &param->spec;
  const uint64_t key = *(const uint64_t *)payload, stream = yolo_fnv_text(YOLO_FNV_START, param->name);
  size_t count = yolo_param_count(spec);
  bool centred = strcmp(spec->name, "bias") == 0 || strcmp(spec->name, "running_mean") == 0;
  float reach = centred ? 0.1f * sqrtf(3.0f) : 0.9f * sqrtf(6.0f * (float)spec->dims[0] / (float)count);
  if (centred || spec->ndim > 1)
    fill_uniform(key, stream, -reach, reach, to, count);
  else
    fill_uniform(key, stream, 0.75f, 1.25f, to, count);
  return YOLO_OK;
}
