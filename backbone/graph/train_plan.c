/* The planner of training: see train_plan.h.
 *
 *   1. Whose memory is it? As in plan.c, without in-place values: backward may want what they overwrite.
 *   2. Which gradients lead to something learned?
 *   3. In which order are gradients reached: who writes, who adds?
 *   4. From when until when, and where (fit.c)? */
#include "backbone/graph/train_plan.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/graph/fit.h"
#include "backbone/graph/plan.h"

typedef struct planner {
  const yolo_graph *graph;
  const yolo_train_plan_options *options;
  yolo_train_plan *plan;
  int *channel;   /* node -> its first channel in its root */
  bool *learns;   /* node -> it, or something before it, has a parameter that learns */
  bool *reached;  /* root -> its gradient was written already */
  int *home;      /* root -> the root in whose gradient buffer its gradient lies */
  yolo_fit *fits; /* n values, n gradients, n saved */
} planner;

static int forward_time(int node) { return node; }
static int backward_time(const planner *p, int node) { return 2 * p->graph->n_nodes - 1 - node; }
static int loss_time(const planner *p) { return p->graph->n_nodes; }
static int end_time(const planner *p) { return 2 * p->graph->n_nodes; }

/* ---- 1. whose memory ---- */

static int root_of(const planner *p, int node) { return p->plan->places[node].root; }

static void lay_into(planner *p, int node, int parent, int channel) {
  int root = root_of(p, parent), offset = p->channel[parent] + channel;
  for (int i = 0; i < p->graph->n_nodes; i++) {
    if (root_of(p, i) != node) continue;
    p->plan->places[i].root = root;
    p->channel[i] += offset;
  }
}

static bool is_kept(const planner *p, int node) { return p->options->kept && p->options->kept[node]; }

static bool is_view(const planner *p, int index, int *channel) {
  const yolo_node *node = &p->graph->nodes[index];
  *channel = 0;
  if (node->kind == YOLO_NODE_OUTPUT) return true;
  if (node->kind != YOLO_NODE_OP || is_kept(p, index)) return false;
  if (node->op == YOLO_OP_slice) *channel = ((const yolo_slice_attrs *)node->attrs)->first;
  return node->op == YOLO_OP_slice || (node->op == YOLO_OP_concat && node->n_in == 1);
}

/* As in plan.c: inputs move into the wide buffer unless they are the network's input, part of something wider already, or
 * listed twice. Not into one that is kept: where a value and a part of it share a gradient, neither's own can be read in the
 * end. Returns whether a copy is left to do. */
static bool join_concat(planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  bool copies = false;
  int at = 0;
  for (int k = 0; k < node->n_in; k++) {
    int channels = p->plan->shapes[node->in[k]].c, root = root_of(p, node->in[k]);
    if (root != 0 && root != index && p->plan->shapes[root].c == channels && !is_kept(p, index))
      lay_into(p, root, index, at);
    else
      copies = true;
    at += channels;
  }
  return copies;
}

static void choose_memory(planner *p) {
  for (int i = 0; i < p->graph->n_nodes; i++) p->plan->places[i].root = i;
  for (int i = 0; i < p->graph->n_nodes; i++) {
    const yolo_node *node = &p->graph->nodes[i];
    int channel;
    if (is_view(p, i, &channel))
      lay_into(p, i, node->in[0], channel);
    else if (node->kind == YOLO_NODE_OP)
      p->plan->places[i].run = node->op == YOLO_OP_concat ? join_concat(p, i) : true;
  }
}

/* ---- 2. what learns ---- */

static bool param_learns(const planner *p, int param) {
  if (param < 0 || p->graph->params[param].spec.buffer) return false;
  return !p->options->learns || p->options->learns[param];
}

static void find_learners(planner *p) {
  for (int i = 0; i < p->graph->n_nodes; i++) {
    const yolo_node *node = &p->graph->nodes[i];
    p->learns[i] = (node->kind == YOLO_NODE_INPUT && p->options->want_input) || is_kept(p, i);
    for (int k = 0; k < node->n_param; k++) p->learns[i] |= param_learns(p, node->param[k]);
    for (int k = 0; k < node->n_in; k++) p->learns[i] |= p->learns[node->in[k]];
  }
}

/* ---- 3. who writes, who adds ---- */

static bool covers(const planner *p, int node) {
  return p->channel[node] == 0 && p->plan->shapes[node].c == p->plan->shapes[root_of(p, node)].c;
}

/* Not where the gradient is wanted only because it is looked at. */
static bool leads_on(const planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  for (int k = 0; k < node->n_param; k++) {
    if (param_learns(p, node->param[k])) return true;
  }
  for (int k = 0; k < node->n_in; k++) {
    if (p->learns[node->in[k]]) return true;
  }
  return false;
}

/* A gradient buffer begins to live. */
static void reach(planner *p, int root, int time) {
  p->reached[root] = true;
  p->home[root] = root;
  p->fits[p->graph->n_nodes + root].first = time;
}

static bool shares_root(const planner *p, int node) {
  int members = 0;
  for (int i = 0; i < p->graph->n_nodes; i++) members += root_of(p, i) == root_of(p, node);
  return members > 1;
}

/* An op that works element by element may write dL/d in over dL/d out, which nobody reads after it. Not where another of its
 * inputs lies in the same buffer: adding that one's share would change elements of dL/d out that are still to be read. */
static bool overwrites(const planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  int in = node->in[0], root = root_of(p, in);
  for (int k = 1; k < node->n_in; k++) {
    if (root_of(p, node->in[k]) == root) return false;
  }
  return yolo_op_get(node->op)->grad_inplace && root != 0 && !p->reached[root] && covers(p, in) && !shares_root(p, index) &&
         !is_kept(p, index) && yolo_shape_equal(p->plan->shapes[in], p->plan->shapes[index]);
}

/* The losses come first. They add to a cleared buffer, since two of them may see one value: `clear` of the output node says
 * which. */
static void reach_outputs(planner *p) {
  for (int i = 0; i < p->graph->n_nodes; i++) {
    yolo_train_place *place = &p->plan->places[i];
    for (int k = 0; k < YOLO_OP_MAX_IN; k++) place->clear[k] = -1;
    place->clear_loss = -1;
    place->output = p->graph->nodes[i].kind == YOLO_NODE_OUTPUT || (p->options->outputs && p->options->outputs[i]);
    if (!place->output || !p->learns[i]) continue;
    place->has_grad = true;
    if (p->reached[place->root]) continue;
    place->clear_loss = place->root;
    reach(p, place->root, loss_time(p) - 1);
  }
}

/* Whether input `k`, which begins at channel `at` of a concatenation, lies there already: value and gradient alike. */
static bool lies_in_place(const planner *p, int index, int k, int at) {
  int in = p->graph->nodes[index].in[k];
  return p->graph->nodes[index].op == YOLO_OP_concat && root_of(p, in) == root_of(p, index) &&
         p->channel[in] == p->channel[index] + at;
}

/* Is there a gradient to hand on? A node has one when its buffer was reached; a slice of a reached buffer that nobody wrote was
 * cleared. */
static void plan_backward(planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  yolo_train_place *place = &p->plan->places[index];
  if (node->kind != YOLO_NODE_OP || !p->learns[index] || !p->reached[place->root]) return;
  place->has_grad = true;
  place->backward = place->run && leads_on(p, index);
  for (int k = 0, at = 0; k < node->n_in && place->backward; at += p->plan->shapes[node->in[k++]].c) {
    int in = node->in[k], root = root_of(p, in);
    place->wants[k] = p->learns[in] && !lies_in_place(p, index, k, at);
    if (!place->wants[k]) continue;
    place->beta[k] = p->reached[root] || !covers(p, in);
    if (p->reached[root]) continue;
    if (!covers(p, in)) place->clear[k] = root;
    bool over = k == 0 && overwrites(p, index);
    reach(p, root, backward_time(p, index));
    if (over) p->home[root] = p->home[place->root];
  }
}

/* ---- 4. from when until when ---- */

static void extend(yolo_fit *fit, int time) {
  if (time > fit->last) fit->last = time;
}

static void measure_saved(planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  yolo_shape in[YOLO_OP_MAX_IN];
  if (node->kind != YOLO_NODE_OP || !yolo_op_get(node->op)->saved_size) return;
  for (int k = 0; k < node->n_in; k++) in[k] = p->plan->shapes[node->in[k]];
  size_t bytes = yolo_op_get(node->op)->saved_size(node->attrs, in, p->plan->shapes[index]);
  /* Forward writes it in any case; without a backward call it is forgotten at once. */
  p->fits[2 * p->graph->n_nodes + index] =
      (yolo_fit){.first = index, .last = p->plan->places[index].backward ? backward_time(p, index) : index, .bytes = bytes};
}

static void begin_lives(planner *p) {
  int n = p->graph->n_nodes;
  for (int i = 0; i < n; i++) {
    yolo_shape s = p->plan->shapes[i];
    size_t stride = i == 0 ? (size_t)s.c : yolo_fit_stride(s.c, sizeof(float), p->options->row_align, p->options->conflict);
    p->plan->places[i].stride = stride;
    size_t bytes = (yolo_shape_pixels(s) * stride * sizeof(float) + YOLO_FIT_ALIGN - 1) / YOLO_FIT_ALIGN * YOLO_FIT_ALIGN;
    bool root = root_of(p, i) == i;
    p->plan->sizes[i] = bytes;
    p->fits[i] = (yolo_fit){.first = forward_time(i), .last = forward_time(i), .bytes = root ? bytes : 0};
    p->fits[n + i].bytes = root && p->reached[i] && p->home[i] == i ? bytes : 0;
    p->fits[n + i].last = p->fits[n + i].first;
  }
}

static void read_values(planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  const yolo_train_place *place = &p->plan->places[index];
  unsigned reads = node->kind == YOLO_NODE_OP && place->backward ? yolo_op_reads(yolo_op_get(node->op), node->attrs) : 0;
  yolo_fit *own = &p->fits[place->root];
  if (forward_time(index) < own->first) own->first = forward_time(index);
  if (place->output) extend(own, loss_time(p));
  if (reads & YOLO_READS_OUT) extend(own, backward_time(p, index));
  for (int k = 0; k < node->n_in; k++) {
    yolo_fit *in = &p->fits[root_of(p, node->in[k])];
    extend(in, forward_time(index));
    if (reads & YOLO_READS_IN) extend(in, backward_time(p, index));
  }
}

static void find_lives(planner *p) {
  int n = p->graph->n_nodes;
  begin_lives(p);
  for (int i = 0; i < n; i++) {
    const yolo_train_place *place = &p->plan->places[i];
    read_values(p, i);
    measure_saved(p, i);
    if (place->has_grad) extend(&p->fits[n + p->home[place->root]], is_kept(p, i) ? end_time(p) : backward_time(p, i));
    if (is_kept(p, i)) extend(&p->fits[place->root], end_time(p));
  }
}

static yolo_status place_all(planner *p) {
  int n = p->graph->n_nodes;
  yolo_status st = yolo_fit_offsets(p->fits, 3 * n, &p->plan->act_bytes);
  for (int i = 0; i < n && st == YOLO_OK; i++) {
    yolo_train_place *place = &p->plan->places[i];
    size_t slice = (size_t)p->channel[i] * sizeof(float);
    place->value = p->fits[place->root].offset + slice;
    place->grad = place->has_grad ? p->fits[n + p->home[place->root]].offset + slice : 0;
    place->saved = p->fits[2 * n + i].offset;
  }
  for (int i = 0; i < n; i++) p->plan->places[i].lives = p->fits[root_of(p, i)].last >= loss_time(p);
  for (int i = 0; i < n; i++) p->plan->places[i].stride = p->plan->places[root_of(p, i)].stride;
  return st;
}

/* ---- the plan ---- */

static yolo_status new_plan(planner *p, const yolo_shape *shapes) {
  size_t n = (size_t)p->graph->n_nodes;
  yolo_status st = YOLO_OK;
  yolo_train_plan *plan = p->plan = yolo_calloc(1, sizeof *plan);
  YOLO_ENOMEM_IF_NULL(plan);
  plan->n_nodes = p->graph->n_nodes;
  plan->batch = p->options->batch;
  YOLO_ENOMEM_IF_NULL(plan->shapes = yolo_alloc_array(n, sizeof *plan->shapes));
  YOLO_ENOMEM_IF_NULL(plan->places = yolo_calloc(n, sizeof *plan->places));
  YOLO_ENOMEM_IF_NULL(plan->sizes = yolo_calloc(n, sizeof *plan->sizes));
  YOLO_ENOMEM_IF_NULL(p->channel = yolo_calloc(n, sizeof *p->channel));
  YOLO_ENOMEM_IF_NULL(p->learns = yolo_calloc(n, sizeof *p->learns));
  YOLO_ENOMEM_IF_NULL(p->reached = yolo_calloc(n, sizeof *p->reached));
  YOLO_ENOMEM_IF_NULL(p->home = yolo_calloc(n, sizeof *p->home));
  YOLO_ENOMEM_IF_NULL(p->fits = yolo_calloc(3 * n, sizeof *p->fits));
  for (size_t i = 0; i < n; i++) {
    plan->shapes[i] = shapes[i];
    plan->shapes[i].n = p->options->batch;
  }
done:
  return st;
}

yolo_status yolo_train_plan_make(const yolo_graph *graph, const yolo_shape *shapes, const yolo_train_plan_options *options,
                                 yolo_train_plan **out) {
  planner p = {.graph = graph, .options = options};
  yolo_status st;
  *out = NULL;
  YOLO_TRY(yolo_plan_check_batch(shapes, graph->n_nodes, options->batch));
  YOLO_TRY(new_plan(&p, shapes));
  choose_memory(&p);
  find_learners(&p);
  reach_outputs(&p);
  for (int i = graph->n_nodes - 1; i > 0; i--) plan_backward(&p, i);
  p.plan->places[0].has_grad = p.reached[0]; /* only where it was wanted */
  find_lives(&p);
  YOLO_TRY(place_all(&p));
  *out = p.plan;
  p.plan = NULL;
done:
  yolo_train_plan_free(p.plan);
  yolo_free(p.channel);
  yolo_free(p.learns);
  yolo_free(p.reached);
  yolo_free(p.home);
  yolo_free(p.fits);
  return st;
}

void yolo_train_plan_free(yolo_train_plan *plan) {
  if (!plan) return;
  yolo_free(plan->shapes);
  yolo_free(plan->places);
  yolo_free(plan->sizes);
  yolo_free(plan);
}
