/* One layer of a cfg in words: see layers.h. */
#include "cli/layers.h"

#include <stdio.h>
#include <string.h>

static void append(char *detail, const char *text) {
  size_t used = strlen(detail);
  snprintf(detail + used, LAYER_DETAIL_MAX - used, "%s%s", used ? " " : "", text);
}

/* "3x3/2", with the strides apart where they differ. */
static void append_window(char *detail, int kw, int kh, int sw, int sh) {
  char text[LAYER_DETAIL_MAX];
  if (sw == sh) {
    snprintf(text, sizeof text, "%dx%d/%d", kw, kh, sw);
  } else {
    snprintf(text, sizeof text, "%dx%d/%dx%d", kw, kh, sw, sh);
  }
  append(detail, text);
}

static void describe_conv(const yolo_conv2d_attrs *a, char *detail) {
  char text[LAYER_DETAIL_MAX];
  append_window(detail, a->kernel_w, a->kernel_h, a->stride_w, a->stride_h);
  if (a->groups > 1) {
    snprintf(text, sizeof text, "groups %d", a->groups);
    append(detail, text);
  }
  if (a->dilation > 1) {
    snprintf(text, sizeof text, "dilation %d", a->dilation);
    append(detail, text);
  }
}

static void describe_pool(const yolo_pool_attrs *a, char *detail) {
  if (a->global) {
    append(detail, "whole map");
  } else {
    append_window(detail, a->kernel_w, a->kernel_h, a->stride_w, a->stride_h);
  }
}

/* The words of a node; only ops with a size of their own have any. */
static void describe_node(const yolo_node *node, layer_facts *facts, char *detail) {
  char text[LAYER_DETAIL_MAX];
  const char *op = yolo_op_get(node->op)->name;
  if (strcmp(op, "conv2d") == 0) {
    describe_conv(node->attrs, detail);
    facts->filters = ((const yolo_conv2d_attrs *)node->attrs)->filters;
  } else if (strcmp(op, "maxpool") == 0 || strcmp(op, "avgpool") == 0) {
    describe_pool(node->attrs, detail);
  } else if (strcmp(op, "linear") == 0) {
    facts->filters = ((const yolo_linear_attrs *)node->attrs)->outputs;
  } else if (strcmp(op, "local") == 0) {
    const yolo_local_attrs *a = node->attrs;
    facts->filters = a->filters;
    append_window(detail, a->kernel, a->kernel, a->stride, a->stride);
  } else if (strcmp(op, "upsample") == 0) {
    snprintf(text, sizeof text, "x%d", ((const yolo_upsample_attrs *)node->attrs)->factor);
    append(detail, text);
  } else if (strcmp(op, "reorg") == 0) {
    snprintf(text, sizeof text, "/%d", ((const yolo_reorg_attrs *)node->attrs)->stride);
    append(detail, text);
  } else if (strcmp(op, "slice") == 0) {
    const yolo_slice_attrs *a = node->attrs;
    snprintf(text, sizeof text, "ch %d-%d", a->first, a->first + a->count - 1);
    append(detail, text);
  }
}

/* [cost] and a [route] of one layer have no nodes of their own and hand on one that exists. */
static bool has_nodes(const yolo_layer *layer) { return layer->first <= layer->last; }

/* The nodes outside the layer that it reads, in order; returns how many there are. */
static int find_sources(const yolo_graph *graph, int index, int *nodes, int room) {
  const yolo_layer *layer = &graph->layers[index];
  int count = 0;
  if (!has_nodes(layer)) nodes[count++] = layer->last;
  for (int i = layer->first; i <= layer->last; ++i) {
    const yolo_node *node = &graph->nodes[i];
    for (int k = 0; k < node->n_in && count < room; ++k) {
      if (node->in[k] < layer->first) nodes[count++] = node->in[k];
    }
  }
  return count;
}

/* "from 61, 36": the layers it reads, unless that is just the one before. */
static void describe_sources(const yolo_graph *graph, const int *nodes, int count, int before, char *detail) {
  char text[LAYER_DETAIL_MAX] = "from";
  if (count == 1 && nodes[0] == before) return;
  for (int i = 0; i < count; ++i) {
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s %d", i ? "," : "", graph->nodes[nodes[i]].layer);
  }
  append(detail, text);
}

layer_facts layer_describe(const yolo_graph *graph, int index, char detail[LAYER_DETAIL_MAX]) {
  const yolo_layer *layer = &graph->layers[index];
  int sources[YOLO_OP_MAX_IN], n_sources = find_sources(graph, index, sources, YOLO_OP_MAX_IN);
  layer_facts facts = {.in = graph->nodes[sources[0]].shape, .out = graph->nodes[layer->last].shape};
  detail[0] = '\0';
  for (int i = 0; i < graph->n_nodes; ++i) {
    const yolo_node *node = &graph->nodes[i];
    if (node->layer != index || node->kind != YOLO_NODE_OP) continue;
    yolo_shape in[YOLO_OP_MAX_IN];
    const yolo_op *op = yolo_op_get(node->op);
    for (int k = 0; k < node->n_in; ++k) in[k] = graph->nodes[node->in[k]].shape;
    if (op->flops) facts.flops += op->flops(node->attrs, in, node->shape);
    describe_node(node, &facts, detail);
  }
  for (int i = 0; i < graph->n_params; ++i) {
    const yolo_param *param = &graph->params[i];
    if (param->layer == index && !param->spec.buffer) facts.parameters += yolo_param_count(&param->spec);
  }
  describe_sources(graph, sources, n_sources, index > 0 ? graph->layers[index - 1].last : 0, detail);
  return facts;
}
