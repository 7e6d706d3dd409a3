/* A network that learns: memory and the two passes. See trainer.h. */
#include <math.h>
#include <string.h>

#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "backbone/graph/network_parts.h"
#include "backbone/graph/trainer_parts.h"

/* ---- calls ---- */

typedef struct node_call {
  yolo_tensor in[YOLO_OP_MAX_IN], out, param[YOLO_OP_MAX_PARAM];
  yolo_tensor grad_out, grad_in[YOLO_OP_MAX_IN], grad_param[YOLO_OP_MAX_PARAM];
  yolo_op_call call;
  yolo_dropout_attrs dropout; /* what call.attrs points to where DropBlock is not at its full strength */
} node_call;

static yolo_tensor value_of(const yolo_trainer *t, const yolo_train_plan *plan, int node) {
  const yolo_train_place *place = &plan->places[node];
  return (yolo_tensor){t->arena ? t->arena + place->value : NULL, YOLO_F32, plan->shapes[node], place->stride};
}

static yolo_tensor grad_of(const yolo_trainer *t, const yolo_train_plan *plan, int node) {
  const yolo_train_place *place = &plan->places[node];
  char *data = t->arena && place->has_grad ? t->arena + place->grad : NULL;
  return (yolo_tensor){data, YOLO_F32, plan->shapes[node], place->stride};
}

static void weaken_dropblock(const yolo_trainer *t, node_call *c) {
  const yolo_dropout_attrs *attrs = c->call.attrs;
  if (c->call.id != YOLO_OP_dropout || !attrs->dropblock) return;
  c->dropout = *attrs;
  c->dropout.probability *= (float)(1 - t->spared);
  c->call.attrs = &c->dropout;
}

static void make_call(const yolo_trainer *t, const yolo_train_plan *plan, int index, node_call *c) {
  const yolo_node *node = &t->graph->nodes[index];
  yolo_graph_call(t->graph, index, plan->shapes, plan->batch, c->in, &c->out, c->param, &c->call);
  c->out = value_of(t, plan, index);
  for (int k = 0; k < node->n_in; k++) c->in[k] = value_of(t, plan, node->in[k]);
  for (int k = 0; k < c->call.n_param; k++) c->param[k].data = t->values + t->offsets[node->param[k]];
  c->call.training = t->training && !(t->frozen_norm && t->frozen_norm[index]);
  c->call.seed = yolo_trainer_node_seed(t->seed, node->source);
  c->call.saved = t->arena ? t->arena + plan->places[index].saved : NULL;
  weaken_dropblock(t, c);
}

static void add_gradients(const yolo_trainer *t, const yolo_train_plan *plan, int index, node_call *c) {
  const yolo_node *node = &t->graph->nodes[index];
  const yolo_train_place *place = &plan->places[index];
  c->grad_out = grad_of(t, plan, index);
  for (int k = 0; k < node->n_in; k++) {
    c->grad_in[k] = grad_of(t, plan, node->in[k]);
    if (!place->wants[k]) c->grad_in[k].data = NULL;
  }
  for (int k = 0; k < c->call.n_param; k++) {
    c->grad_param[k] = c->param[k];
    c->grad_param[k].data = t->learns[node->param[k]] ? t->grads + t->offsets[node->param[k]] : NULL;
  }
  c->call.grad_out = &c->grad_out;
  c->call.grad_in = c->grad_in;
  c->call.beta = place->beta;
  c->call.grad_param = c->grad_param;
}

/* ---- memory ---- */

/* Parameters are packed anew for every call, since they change every step: one buffer serves all, in and out of training. */
static void measure_scratch(const yolo_trainer *t, const yolo_train_plan *plan, size_t *work, size_t *pack) {
  *work = *pack = 0;
  for (int i = 0; i < plan->n_nodes; i++) {
    node_call c;
    if (t->graph->nodes[i].kind != YOLO_NODE_OP || !plan->places[i].run) continue;
    make_call(t, plan, i, &c);
    for (int training = 0; training < 2; training++) {
      c.call.training = training == 1;
      yolo_op_sizes sizes = t->backend->sizes(t->device, &c.call, 0);
      if (sizes.work > *work) *work = sizes.work;
      if (sizes.pack > *pack) *pack = sizes.pack;
    }
    if (!plan->places[i].backward || !t->backend->backward_work) continue;
    add_gradients(t, plan, i, &c);
    size_t backward = t->backend->backward_work(t->device, &c.call);
    if (backward > *work) *work = backward;
  }
  *work = yolo_memory_round(*work);
  *pack = yolo_memory_round(*pack);
}

static yolo_status make_plan(const yolo_trainer *t, int batch, int height, int width, yolo_train_plan **out) {
  yolo_train_plan_options options = {.batch = batch,
                                     .want_input = t->want_input,
                                     .row_align = t->backend->row_bytes / sizeof(float),
                                     .conflict = t->backend->conflict,
                                     .outputs = t->outputs,
                                     .kept = t->kept,
                                     .learns = t->learns};
  yolo_status st = YOLO_OK;
  yolo_shape *shapes = yolo_alloc_array((size_t)t->graph->n_nodes, sizeof *shapes);
  YOLO_ENOMEM_IF_NULL(shapes);
  YOLO_TRY(yolo_graph_infer(t->graph, height, width, shapes));
  YOLO_TRY(yolo_train_plan_make(t->graph, shapes, &options, out));
done:
  yolo_free(shapes);
  return st;
}

yolo_status yolo_trainer_measure(yolo_trainer *t, int batch, int height, int width, yolo_trainer_memory *out) {
  yolo_train_plan *plan = NULL;
  size_t work, pack;
  yolo_status st = make_plan(t, batch, height, width, &plan);
  if (st != YOLO_OK) return st;
  char *arena = t->arena;
  t->arena = NULL; /* addresses of another plan mean nothing here */
  measure_scratch(t, plan, &work, &pack);
  t->arena = arena;
  size_t learned = 0;
  for (int i = 0; i < t->graph->n_params; i++) learned += t->learns[i] ? yolo_trainer_param_at(t, i).count : 0;
  *out = (yolo_trainer_memory){t->n_values * sizeof(float), learned * sizeof(float), plan->act_bytes, work + pack};
  yolo_train_plan_free(plan);
  return YOLO_OK;
}

static yolo_status make_arena(yolo_trainer *t, size_t bytes) {
  void *memory = NULL;
  if (bytes <= t->arena_bytes) return YOLO_OK;
  if (t->arena) t->backend->release(t->device, t->arena);
  t->arena = NULL;
  t->arena_bytes = 0;
  yolo_status st = t->backend->alloc(t->device, bytes, &memory);
  if (st != YOLO_OK) return st;
  t->arena = memory;
  t->arena_bytes = bytes;
  return YOLO_OK;
}

yolo_status yolo_trainer_prepare(yolo_trainer *t, int batch, int height, int width, yolo_tensor *input) {
  yolo_status st = YOLO_OK;
  bool same = t->plan && t->plan->batch == batch && t->height == height && t->width == width;
  t->ran = false;
  if (!same) {
    yolo_train_plan_free(t->plan);
    t->plan = NULL;
    YOLO_TRY(make_plan(t, batch, height, width, &t->plan));
    char *arena = t->arena;
    t->arena = NULL;
    measure_scratch(t, t->plan, &t->work_bytes, &t->pack_bytes);
    t->arena = arena;
    t->height = height;
    t->width = width;
  }
  YOLO_TRY(make_arena(t, yolo_memory_round(t->plan->act_bytes) + t->work_bytes + t->pack_bytes));
  *input = value_of(t, t->plan, 0);
done:
  if (st != YOLO_OK) {
    yolo_train_plan_free(t->plan);
    t->plan = NULL;
  }
  return st;
}

/* ---- the two passes ---- */

static char *work_of(const yolo_trainer *t) { return t->arena + yolo_memory_round(t->plan->act_bytes); }

static yolo_status forward_node(yolo_trainer *t, int index) {
  node_call c;
  yolo_status st = YOLO_OK;
  make_call(t, t->plan, index, &c);
  c.call.work = work_of(t);
  c.call.work_size = t->work_bytes;
  if (c.call.n_param > 0 && t->backend->sizes(t->device, &c.call, 0).pack > 0) {
    void *pack = work_of(t) + t->work_bytes;
    YOLO_TRY(t->backend->pack(t->device, &c.call, 0, pack));
    c.call.packed = pack;
  }
  YOLO_TRY(t->backend->run(t->device, YOLO_FORWARD, &c.call));
done:
  return yolo_graph_blame(t->graph, index, st);
}

static void clear_root(const yolo_trainer *t, int root) {
  yolo_tensor grad = {t->arena + t->plan->places[root].grad, YOLO_F32, t->plan->shapes[root], t->plan->places[root].stride};
  yolo_trainer_zero(t, grad.data, t->plan->sizes[root]);
}

static yolo_status backward_node(yolo_trainer *t, int index) {
  const yolo_train_place *place = &t->plan->places[index];
  node_call c;
  for (int k = 0; k < t->graph->nodes[index].n_in; k++) {
    if (place->clear[k] >= 0) clear_root(t, place->clear[k]);
  }
  make_call(t, t->plan, index, &c);
  add_gradients(t, t->plan, index, &c);
  c.call.work = work_of(t);
  c.call.work_size = t->work_bytes;
  return yolo_graph_blame(t->graph, index, t->backend->run(t->device, YOLO_BACKWARD, &c.call));
}

typedef struct pass {
  yolo_trainer *trainer;
  bool backward;
} pass;

static yolo_status run_pass(void *payload) {
  const pass *p = payload;
  const yolo_train_plan *plan = p->trainer->plan;
  double *times = p->trainer->times ? p->trainer->times + (p->backward ? plan->n_nodes : 0) : NULL;
  yolo_status st = YOLO_OK;
  for (int k = 0; k < plan->n_nodes && st == YOLO_OK; k++) {
    int i = p->backward ? plan->n_nodes - 1 - k : k;
    double start = times ? yolo_now_ms() : 0;
    if (p->backward ? plan->places[i].backward : plan->places[i].run)
      st = p->backward ? backward_node(p->trainer, i) : forward_node(p->trainer, i);
    if (times) times[i] = (yolo_now_ms() - start) * 1e-3;
  }
  return st;
}

static yolo_status run(yolo_trainer *t, bool backward) {
  pass p = {t, backward};
  return t->backend->pass ? t->backend->pass(t->device, 0, run_pass, &p) : run_pass(&p);
}

yolo_status yolo_trainer_forward(yolo_trainer *t, bool training, uint64_t seed) {
  if (!t->plan) return yolo_fail(YOLO_EINVAL, "nothing is prepared to run: call yolo_trainer_prepare first");
  t->training = training;
  t->seed = seed;
  t->ran = false;
  yolo_status st = run(t, false);
  if (st != YOLO_OK) return st;
  t->ran = true;
  for (int i = 0; i < t->plan->n_nodes; i++) {
    if (t->plan->places[i].clear_loss >= 0) clear_root(t, t->plan->places[i].clear_loss);
  }
  return YOLO_OK;
}

yolo_status yolo_trainer_backward(yolo_trainer *t) {
  if (!t->ran) return yolo_fail(YOLO_EINVAL, "there is no forward pass to go back through");
  t->ran = false; /* gradients lie where values were */
  return run(t, true);
}

void yolo_trainer_set_dropblock(yolo_trainer *t, double share) { t->spared = 1 - share; }

void yolo_trainer_time_nodes(yolo_trainer *t, double *seconds) { t->times = seconds; }

yolo_tensor yolo_trainer_output(const yolo_trainer *t, int node) { return value_of(t, t->plan, node); }
yolo_tensor yolo_trainer_output_grad(const yolo_trainer *t, int node) { return grad_of(t, t->plan, node); }
yolo_tensor yolo_trainer_input_grad(const yolo_trainer *t) { return grad_of(t, t->plan, 0); }

static bool all_finite(const yolo_tensor *v) {
  size_t pixels = yolo_shape_pixels(v->shape);
  for (size_t p = 0; p < pixels; p++) {
    const float *values = yolo_nth_pixel(v, p);
    for (int c = 0; c < v->shape.c; c++) {
      if (!isfinite(values[c])) return false;
    }
  }
  return true;
}

int yolo_trainer_first_bad_node(const yolo_trainer *t) {
  for (int i = 0; t->plan && i < t->plan->n_nodes; i++) {
    yolo_tensor v = value_of(t, t->plan, i);
    bool lives = t->plan->places[i].lives || t->plan->places[i].output;
    if (lives && !all_finite(&v)) return i;
  }
  return -1;
}
