/* The planner: where every activation lies, decided once, before anything runs.
 *
 * Three questions, in this order:
 *   1. Whose memory is it? Views (slice, output, dropout) and in-place ops live in the buffer of their input;
 *      the inputs of a concatenation move into its buffer, side by side, so that it has nothing left to do.
 *      What remains are buffers: trees of nodes with one root each.
 *   2. From when until when is a buffer needed? From its first writer to the last reader of any of its nodes.
 *   3. At which offset? fit.c. Node i reads and writes at time i, so a node's output never shares memory with its
 *      inputs unless question 1 said so. */
#include "backbone/graph/plan.h"

#include <limits.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/graph/fit.h"

enum { FOREVER = INT_MAX }; /* read by the caller, after the run */
/* Kernels count the pixels of a batch and the tasks they cut it into with an int; no machine comes near either. */
static const double MOST_PIXELS = 1 << 30;
static const double MOST_VALUES = 68719476736.0; /* 2^36: 256 GiB */

typedef struct planner {
  const yolo_graph *graph;
  const yolo_plan_options *options;
  yolo_plan *plan;
  int *parent;       /* node -> node in whose buffer it lies; itself: a root */
  int *channel;      /* node -> its first channel within the parent */
  int *last_read;    /* node -> last node that reads it, or FOREVER */
  int *until;        /* root -> the last read of anything in its buffer */
  yolo_fit *buffers; /* by root node: alive in node order */
} planner;

static size_t elem_size(const yolo_plan_options *options) { return options->elem ? options->elem : sizeof(float); }

/* ---- 1. whose memory ---- */

/* The root of a node's buffer; *channel is where the node begins in it. */
static int find_root(const planner *p, int node, int *channel) {
  *channel = 0;
  while (p->parent[node] != node) {
    *channel += p->channel[node];
    node = p->parent[node];
  }
  return node;
}

/* Lays a node (or a whole buffer, when `node` is its root) into the buffer of `parent`. */
static void lay_into(planner *p, int node, int parent, int channel) {
  int offset, root = find_root(p, parent, &offset);
  p->parent[node] = root;
  p->channel[node] = offset + channel;
  if (p->until[node] > p->until[root]) p->until[root] = p->until[node];
}

/* A value that nobody reads, or that a head passes on, is a result: it lives to the end. */
static void find_last_reads(planner *p) {
  const yolo_graph *graph = p->graph;
  for (int i = 0; i < graph->n_nodes; i++) p->last_read[i] = -1;
  for (int i = 0; i < graph->n_nodes; i++)
    for (int k = 0; k < graph->nodes[i].n_in; k++) p->last_read[graph->nodes[i].in[k]] = i;
  for (int i = 0; i < graph->n_nodes; i++) {
    bool result = graph->nodes[i].kind == YOLO_NODE_OUTPUT || (p->last_read[i] < 0 && graph->nodes[i].kind == YOLO_NODE_OP);
    if (result || p->options->keep_all || (i == 0 && p->options->keep_input)) p->last_read[i] = FOREVER;
    p->parent[i] = i;
    p->channel[i] = 0;
    p->until[i] = p->last_read[i];
  }
}

static bool is_view(const yolo_node *node, int *channel) {
  *channel = 0;
  if (node->kind == YOLO_NODE_OUTPUT) return true;
  if (node->kind != YOLO_NODE_OP) return false;
  if (node->op == YOLO_OP_slice) *channel = ((const yolo_slice_attrs *)node->attrs)->first;
  return node->op == YOLO_OP_slice || node->op == YOLO_OP_dropout || (node->op == YOLO_OP_concat && node->n_in == 1);
}

/* An op may overwrite in[0] when that is the last moment anything in the whole buffer is needed (which
 * includes the results and every view of it), and when its other inputs lie elsewhere. The network's input
 * belongs to the caller. */
static bool runs_in_place(const planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  int ignored, root;
  if (p->options->keep_all || node->kind != YOLO_NODE_OP || !yolo_op_get(node->op)->inplace || node->n_in == 0) return false;
  root = find_root(p, node->in[0], &ignored);
  if (root == 0 || p->until[root] != index) return false;
  if (!yolo_shape_equal(p->plan->shapes[index], p->plan->shapes[node->in[0]])) return false;
  for (int k = 1; k < node->n_in; k++)
    if (find_root(p, node->in[k], &ignored) == root) return false;
  return true;
}

/* Moves the inputs of a concatenation into its buffer. One stays where it is (and is copied by the op) when it
 * is the network's input, a slice of something wider, already part of another wide buffer, or listed twice.
 * Returns whether a copy is left to do; the op skips the inputs that it finds in place. */
static bool join_concat(planner *p, int index) {
  const yolo_node *node = &p->graph->nodes[index];
  bool copies = false;
  int at = 0;
  for (int k = 0; k < node->n_in; k++) {
    int channel, channels = p->plan->shapes[node->in[k]].c, root = find_root(p, node->in[k], &channel);
    if (root != 0 && root != index && p->plan->shapes[root].c == channels)
      lay_into(p, root, index, at);
    else
      copies = true;
    at += channels;
  }
  return copies;
}

static void choose_memory(planner *p) {
  for (int i = 0; i < p->graph->n_nodes; i++) {
    const yolo_node *node = &p->graph->nodes[i];
    bool run = false;
    int channel;
    if (is_view(node, &channel)) {
      lay_into(p, i, node->in[0], channel);
    } else if (node->kind == YOLO_NODE_OP) {
      run = true;
      if (node->op == YOLO_OP_concat && p->options->concat_views && !p->options->keep_all)
        run = join_concat(p, i);
      else if (runs_in_place(p, i))
        lay_into(p, i, node->in[0], 0);
    }
    p->plan->places[i].run = run;
  }
}

/* ---- 2. how large, from when until when ---- */

static void size_buffer(const planner *p, int root, size_t *stride, size_t *bytes) {
  yolo_shape s = p->plan->shapes[root];
  *stride = root == 0 ? (size_t)s.c
                      : yolo_fit_stride(s.c, elem_size(p->options), p->options->row_align,
                                        p->options->conflict); /* the caller fills the input densely */
  *bytes = (yolo_shape_pixels(s) * *stride * elem_size(p->options) + YOLO_FIT_ALIGN - 1) / YOLO_FIT_ALIGN * YOLO_FIT_ALIGN;
}

/* Fills the buffers of all roots, and the places of all nodes within them (offsets relative to the buffer). */
static void measure(planner *p) {
  for (int i = 0; i < p->graph->n_nodes; i++) {
    yolo_fit *buffer = &p->buffers[i];
    *buffer = (yolo_fit){.first = i, .last = p->until[i] > i ? p->until[i] : i};
    if (p->parent[i] != i) continue;
    size_buffer(p, i, &p->plan->places[i].stride, &buffer->bytes);
  }
  for (int i = 0; i < p->graph->n_nodes; i++) {
    int channel, root = find_root(p, i, &channel);
    yolo_place *place = &p->plan->places[i];
    place->stride = p->plan->places[root].stride;
    place->offset = (size_t)channel * elem_size(p->options);
    if (i < p->buffers[root].first) p->buffers[root].first = i;
  }
}

/* ---- 3. at which offset ---- */

static yolo_status assign_offsets(planner *p) {
  int n = p->graph->n_nodes;
  yolo_status st = yolo_fit_offsets(p->buffers, n, &p->plan->act_bytes);
  for (int i = 0; i < n && st == YOLO_OK; i++) {
    int channel, root = find_root(p, i, &channel);
    p->plan->places[i].offset += p->buffers[root].offset;
  }
  return st;
}

/* ---- the plan ---- */

yolo_status yolo_plan_check_batch(const yolo_shape *shapes, int n_nodes, int batch) {
  if (batch < 1) return yolo_fail(YOLO_EINVAL, "a batch of %d images cannot be planned", batch);
  for (int i = 0; i < n_nodes; i++) {
    const yolo_shape s = shapes[i];
    const double pixels = (double)batch * s.h * s.w;
    if (pixels > MOST_PIXELS || pixels * s.c > MOST_VALUES)
      return yolo_fail(YOLO_ENOMEM,
                       "a batch of %d maps of %d x %d pixels and %d channels is too large; a smaller batch or input fits",
                       batch, s.w, s.h, s.c);
  }
  return YOLO_OK;
}

static yolo_status new_plan(const yolo_graph *graph, const yolo_shape *shapes, const yolo_plan_options *options,
                            yolo_plan **out) {
  size_t n = (size_t)graph->n_nodes;
  yolo_status st = YOLO_OK;
  yolo_plan *plan = yolo_calloc(1, sizeof *plan);
  *out = plan;
  YOLO_ENOMEM_IF_NULL(plan);
  plan->n_nodes = graph->n_nodes;
  plan->batch = options->batch;
  plan->shapes = yolo_alloc_array(n, sizeof *plan->shapes);
  YOLO_ENOMEM_IF_NULL(plan->shapes);
  plan->places = yolo_calloc(n, sizeof *plan->places);
  YOLO_ENOMEM_IF_NULL(plan->places);
  for (int i = 0; i < graph->n_nodes; i++) {
    plan->shapes[i] = shapes[i];
    plan->shapes[i].n = options->batch;
    if (options->work && options->work[i] > plan->work_bytes) plan->work_bytes = options->work[i];
  }
done:
  return st;
}

yolo_status yolo_plan_make(const yolo_graph *graph, const yolo_shape *shapes, const yolo_plan_options *options,
                           yolo_plan **out) {
  planner p = {.graph = graph, .options = options};
  size_t n = (size_t)graph->n_nodes;
  int *numbers = NULL;
  yolo_status st;
  *out = NULL;
  YOLO_TRY(yolo_plan_check_batch(shapes, graph->n_nodes, options->batch));
  YOLO_TRY(new_plan(graph, shapes, options, &p.plan));
  numbers = yolo_alloc_array(4 * n, sizeof *numbers);
  YOLO_ENOMEM_IF_NULL(numbers);
  p.parent = numbers;
  p.channel = numbers + n;
  p.last_read = numbers + 2 * n;
  p.until = numbers + 3 * n;
  p.buffers = yolo_alloc_array(n, sizeof *p.buffers);
  YOLO_ENOMEM_IF_NULL(p.buffers);

  find_last_reads(&p);
  choose_memory(&p);
  measure(&p);
  YOLO_TRY(assign_offsets(&p));
  *out = p.plan;
  p.plan = NULL;
done:
  yolo_plan_free(p.plan);
  yolo_free(p.buffers);
  yolo_free(numbers);
  return st;
}

void yolo_plan_free(yolo_plan *plan) {
  if (!plan) return;
  yolo_free(plan->shapes);
  yolo_free(plan->places);
  yolo_free(plan);
}
