/* A network that learns: its parameters, and how it is made. See trainer.h. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "backbone/graph/fuse.h"
#include "backbone/graph/network_parts.h"
#include "backbone/graph/trainer_parts.h"

enum { PARAM_ALIGN = 16 };     /* floats: parameters begin on cache lines */
enum { ZERO_PIECE = 1 << 20 }; /* bytes of a task */

/* ---- parameters ---- */

static size_t aligned(size_t floats) { return (floats + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN; }

static yolo_status make_params(yolo_trainer *t, const bool *learns) {
  size_t n = (size_t)t->graph->n_params;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(t->offsets = yolo_alloc_array(n, sizeof *t->offsets));
  YOLO_ENOMEM_IF_NULL(t->learns = yolo_alloc_array(n, sizeof *t->learns));
  for (size_t i = 0; i < n; i++) {
    const yolo_param_spec *spec = &t->graph->params[i].spec;
    t->learns[i] = !spec->buffer && (!learns || learns[i]);
    t->offsets[i] = t->n_values;
    t->n_values += aligned(yolo_param_count(spec));
  }
  size_t bytes = t->n_values * sizeof(float);
  YOLO_ENOMEM_IF_NULL(t->values = yolo_alloc_arena(bytes));
  YOLO_ENOMEM_IF_NULL(t->grads = yolo_alloc_arena(bytes));
  memset(t->values, 0, bytes); /* the gaps too: files and checksums see them */
  memset(t->grads, 0, bytes);
done:
  return st;
}

yolo_trainer_param yolo_trainer_param_at(const yolo_trainer *t, int param) {
  yolo_trainer_param p = {.count = yolo_param_count(&t->graph->params[param].spec), .offset = t->offsets[param]};
  p.value = t->values + p.offset;
  p.grad = t->learns[param] ? t->grads + p.offset : NULL;
  return p;
}

float *yolo_trainer_values(const yolo_trainer *t, size_t *count) {
  if (count) *count = t->n_values;
  return t->values;
}

float *yolo_trainer_gradients(const yolo_trainer *t) { return t->grads; }

typedef struct zero_job {
  char *data;
  size_t bytes;
} zero_job;

static void zero_piece(void *payload, int task, int thread) {
  const zero_job *j = payload;
  size_t first = (size_t)task * ZERO_PIECE, left = j->bytes - first;
  (void)thread;
  memset(j->data + first, 0, left < ZERO_PIECE ? left : ZERO_PIECE);
}

void yolo_trainer_zero(const yolo_trainer *t, void *data, size_t bytes) {
  zero_job job = {data, bytes};
  yolo_parallel(t->threads, (int)((bytes + ZERO_PIECE - 1) / ZERO_PIECE), zero_piece, &job);
}

void yolo_trainer_clear_gradients(yolo_trainer *t) { yolo_trainer_zero(t, t->grads, t->n_values * sizeof(float)); }

static size_t slab_floats(const yolo_param_spec *spec) { return (size_t)spec->b * (size_t)spec->s; }

yolo_status yolo_trainer_load(yolo_trainer *t, yolo_param_fetch fetch, void *payload) {
  size_t largest = 1;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < t->graph->n_params; i++) {
    if (slab_floats(&t->graph->params[i].spec) > largest) largest = slab_floats(&t->graph->params[i].spec);
  }
  float *slab = yolo_alloc_array(largest, sizeof *slab);
  YOLO_ENOMEM_IF_NULL(slab);
  for (int k = 0; k < t->graph->n_order; k++) { /* in the order of a Darknet file, which cannot be read otherwise */
    const yolo_param *param = &t->graph->params[t->graph->order[k]];
    float *value = t->values + t->offsets[t->graph->order[k]];
    YOLO_TRY(fetch(payload, param, value));
    yolo_param_to_memory(&param->spec, value, slab);
  }
done:
  yolo_free(slab);
  return st;
}

yolo_status yolo_trainer_fetch(void *payload, const yolo_param *param, float *to) {
  const yolo_trainer_view *view = payload;
  const yolo_graph *graph = view->trainer->graph;
  for (int i = 0; i < graph->n_params; i++) {
    if (strcmp(graph->params[i].name, param->name) != 0) continue;
    float *slab = yolo_alloc_array(slab_floats(&param->spec) + 1, sizeof *slab);
    if (!slab) return YOLO_ENOMEM;
    memcpy(to, view->values + view->trainer->offsets[i], yolo_param_count(&param->spec) * sizeof *to);
    yolo_param_to_disk(&param->spec, to, slab);
    yolo_free(slab);
    return YOLO_OK;
  }
  return yolo_fail(YOLO_EINVAL, "there is no parameter '%s' to take", param->name);
}

/* ---- new and free ---- */

static yolo_status check_ops(const yolo_trainer *t) {
  for (int i = 0; i < t->graph->n_nodes; i++) {
    const yolo_node *node = &t->graph->nodes[i];
    if (node->kind != YOLO_NODE_OP || t->backend->has(node->op, YOLO_BACKWARD) != YOLO_IMPL_NONE) continue;
    yolo_status st = yolo_fail(YOLO_EUNSUPPORTED, "op %s has no backward on the backend %s, so it cannot be trained there",
                               yolo_op_get(node->op)->name, t->backend->name);
    return yolo_graph_blame(t->graph, i, st);
  }
  return YOLO_OK;
}

/* to_source: not output nodes, but what they pass on. */
static yolo_status mark(yolo_trainer *t, const int *nodes, int count, bool to_source, bool **out) {
  bool *marks = *out = yolo_calloc((size_t)t->graph->n_nodes, sizeof *marks);
  if (!marks) return YOLO_ENOMEM;
  for (int i = 0; i < count; i++) {
    int node = yolo_trainer_node(t, nodes[i]);
    while (to_source && node >= 0 && t->graph->nodes[node].kind == YOLO_NODE_OUTPUT) node = t->graph->nodes[node].in[0];
    if (node >= 0) marks[node] = true;
  }
  return YOLO_OK;
}

/* The options count in the nodes of the source. A batch norm's parameters still say which of those it was, whatever it has
 * taken in since. */
static yolo_status freeze_norms(yolo_trainer *t, const bool *frozen, bool as_inference) {
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(t->frozen_norm = yolo_calloc((size_t)t->graph->n_nodes, sizeof *t->frozen_norm));
  for (int i = 0; i < t->graph->n_nodes; i++) {
    const yolo_node *node = &t->graph->nodes[i];
    if (node->kind != YOLO_NODE_OP) continue;
    if (as_inference)
      t->frozen_norm[i] = node->op == YOLO_OP_batchnorm || node->op == YOLO_OP_dropout;
    else if (node->op == YOLO_OP_batchnorm)
      t->frozen_norm[i] = frozen[t->graph->params[node->param[0]].node];
  }
done:
  return st;
}

yolo_status yolo_trainer_new(const yolo_graph *graph, const yolo_trainer_options *options, yolo_trainer **out) {
  static const yolo_trainer_options defaults;
  yolo_status st = YOLO_OK;
  *out = NULL;
  if (!options) options = &defaults;
  yolo_trainer *t = yolo_calloc(1, sizeof *t);
  if (!t) return YOLO_ENOMEM;
  t->backend = options->backend ? options->backend : &yolo_backend_cpu;
  t->want_input = options->want_input;
  t->threads = options->device.threads > 0 ? options->device.threads : yolo_threads_available();
  if (!t->backend->host_memory) {
    st = yolo_fail(YOLO_EUNSUPPORTED, "training runs on the CPU; the backend %s cannot do it yet", t->backend->name);
    goto done;
  }
  YOLO_TRY(yolo_graph_fuse_training(graph, &t->graph));
  YOLO_TRY(check_ops(t));
  YOLO_TRY(t->backend->open(&options->device, &t->device));
  YOLO_TRY(make_params(t, options->learns));
  if (options->frozen_norm || options->as_inference) YOLO_TRY(freeze_norms(t, options->frozen_norm, options->as_inference));
  if (options->n_outputs > 0) YOLO_TRY(mark(t, options->outputs, options->n_outputs, false, &t->outputs));
  if (options->n_kept > 0) YOLO_TRY(mark(t, options->kept, options->n_kept, true, &t->kept));
  *out = t;
  t = NULL;
done:
  yolo_trainer_free(t);
  return st;
}

void yolo_trainer_free(yolo_trainer *t) {
  if (!t) return;
  yolo_train_plan_free(t->plan);
  if (t->arena) t->backend->release(t->device, t->arena);
  if (t->device) t->backend->close(t->device);
  yolo_free(t->values);
  yolo_free(t->grads);
  yolo_free(t->offsets);
  yolo_free(t->learns);
  yolo_free(t->frozen_norm);
  yolo_free(t->outputs);
  yolo_free(t->kept);
  yolo_graph_free(t->graph);
  yolo_free(t);
}

const yolo_graph *yolo_trainer_graph(const yolo_trainer *t) { return t->graph; }
int yolo_trainer_node(const yolo_trainer *t, int source) {
  int at = t->graph->n_nodes - 1;
  while (at >= 0 && t->graph->nodes[at].source != source) at--;
  return at;
}

const char *yolo_trainer_device(const yolo_trainer *t) { return t->backend->describe(t->device); }
