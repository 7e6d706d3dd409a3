/* What parameters begin as, and which of them learn: see init.h. */
#include "train/init.h"

#include <math.h>
#include <string.h>

#include "backbone/base/fnv.h"
#include "backbone/base/rng.h"
#include "backbone/base/text.h"
#include "detect/anchors.h"

/* Box and Muller's two numbers at once: networks have millions. */
static void fill_normal(uint64_t key, uint64_t stream, double deviation, float *to, size_t count) {
  for (size_t i = 0; i < count; i += 2) {
    uint32_t words[4];
    yolo_rng_block(key, stream, i / 2, words);
    double u = ((double)(words[0] >> 8) + 0.5) * 0x1p-24, v = (double)(words[1] >> 8) * 0x1p-24;
    double radius = deviation * sqrt(-2 * log(u)), angle = 2 * 3.14159265358979323846 * v;
    to[i] = (float)(radius * cos(angle));
    if (i + 1 < count) to[i + 1] = (float)(radius * sin(angle));
  }
}

yolo_status yolo_init_fetch(void *payload, const yolo_param *param, float *to) {
  const yolo_param_spec *spec = &param->spec;
  size_t count = yolo_param_count(spec);
  bool ones = strcmp(spec->name, "running_var") == 0 || (strcmp(spec->name, "weight") == 0 && spec->ndim == 1);
  if (spec->ndim > 1 && strcmp(spec->name, "weight") == 0) {
    double fan_in = (double)count / spec->dims[0];
    fill_normal(*(const uint64_t *)payload, yolo_fnv_text(YOLO_FNV_START, param->name), sqrt(2 / fan_in), to, count);
    return YOLO_OK;
  }
  float begin = spec->begin != 0 ? spec->begin : ones ? 1 : 0;
  for (size_t i = 0; i < count; i++) to[i] = begin;
  return YOLO_OK;
}

/* Heads whose channels are, for each anchor, `before` box values, the objectness and the classes. */
static int values_before_objectness(const yolo_head *head) {
  const char *name = head->def->section.name;
  if (!name) return -1;
  if (strcmp(name, "yolo") == 0 || strcmp(name, "region") == 0) return 4;
  return strcmp(name, "Gaussian_yolo") == 0 ? 8 : -1;
}

static const double OBJECTNESS = 0.01;

void yolo_init_head_bias(const yolo_model_spec *spec, const yolo_head *head, int param, float *bias) {
  const yolo_anchor_attrs *attrs = head->attrs;
  int before = values_before_objectness(head), row = before + 1 + head->classes;
  if (before < 0 || (int)yolo_param_count(&spec->graph->params[param].spec) != attrs->n * row) return;
  double share = head->classes > 1 ? 0.6 / (head->classes - 0.99) : 0.5;
  if (share > 0.5) share = 0.5;
  for (int a = 0; a < attrs->n; a++) {
    bias[a * row + before] = (float)log(OBJECTNESS / (1 - OBJECTNESS));
    for (int k = 0; k < head->classes && !attrs->softmax; k++) bias[a * row + before + 1 + k] = (float)log(share / (1 - share));
  }
}

/* ---- freezing ---- */

/* "7" or "0-10". */
static bool parse_layers(const char *item, int *first, int *last) {
  char word[32];
  const char *dash = strchr(item, '-');
  if (yolo_parse_int(item, first)) {
    *last = *first;
    return *first >= 0;
  }
  if (!dash || dash == item || (size_t)(dash - item) >= sizeof word) return false;
  memcpy(word, item, (size_t)(dash - item));
  word[dash - item] = '\0';
  return yolo_parse_int(word, first) && yolo_parse_int(dash + 1, last) && *first >= 0 && *first <= *last;
}

static int freeze_norms(const yolo_graph *graph, bool *learns, bool *frozen_norm) {
  int count = 0;
  for (int i = 0; i < graph->n_nodes; i++) {
    const yolo_node *node = &graph->nodes[i];
    if (node->kind != YOLO_NODE_OP || node->op != YOLO_OP_batchnorm) continue;
    frozen_norm[i] = true;
    count++;
    for (int k = 0; k < node->n_param; k++) learns[node->param[k]] = false;
  }
  return count;
}

/* Layers are frozen with their statistics: what does not learn should not drift either. */
static int freeze_layers(const yolo_graph *graph, int first, int last, bool *learns, bool *frozen_norm) {
  int count = 0;
  for (int i = 0; i < graph->n_params; i++) {
    if (graph->params[i].layer < first || graph->params[i].layer > last) continue;
    learns[i] = false;
    count++;
  }
  for (int i = 0; i < graph->n_nodes; i++) {
    const yolo_node *node = &graph->nodes[i];
    bool norm = node->kind == YOLO_NODE_OP && node->op == YOLO_OP_batchnorm;
    if (norm && node->layer >= first && node->layer <= last) frozen_norm[i] = true;
  }
  return count;
}

static int freeze_names(const yolo_graph *graph, const char *begin, bool *learns) {
  int count = 0;
  for (int i = 0; i < graph->n_params; i++) {
    if (strncmp(graph->params[i].name, begin, strlen(begin)) != 0) continue;
    learns[i] = false;
    count++;
  }
  return count;
}

yolo_status yolo_init_freeze(const yolo_model_spec *spec, const yolo_setting_list *items, bool *learns, bool *frozen_norm) {
  const yolo_graph *graph = spec->graph;
  for (int i = 0; i < graph->n_params; i++) learns[i] = !graph->params[i].spec.buffer;
  for (int i = 0; i < graph->n_nodes; i++) frozen_norm[i] = false;
  for (int i = 0; i < items->count; i++) {
    const char *item = items->items[i];
    int first, last, found;
    if (strcmp(item, "bn") == 0)
      found = freeze_norms(graph, learns, frozen_norm);
    else if (parse_layers(item, &first, &last))
      found = freeze_layers(graph, first, last, learns, frozen_norm);
    else
      found = freeze_names(graph, item, learns);
    if (found == 0)
      return yolo_fail(YOLO_EINVAL,
                       "[train] freeze: '%s' names nothing in this network; layers (0-%d), names (model.0.) and bn do", item,
                       graph->n_layers - 1);
  }
  return YOLO_OK;
}
