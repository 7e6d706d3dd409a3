/* Which chains run in strips, and the order of their pieces. See strips.h. */
#include "backbone/graph/strips.h"

enum {
  MULTIPLE = 4,    /* rows are cut at multiples of it: Winograd's tiles keep their places */
  FEWEST_ROWS = 4, /* of a strip; below it the rows that windows share cost more than memory does */
  MOST_NODES = 24
};

/* ---- choosing ---- */

static bool is_view(const yolo_graph *graph, const yolo_place *places, int node) {
  return graph->nodes[node].kind == YOLO_NODE_OP && !places[node].run;
}

static size_t map_bytes(yolo_shape s) { return yolo_shape_count(s) * sizeof(float); }

/* Can be cut, moves more than a share of the cache, and its weights are small enough to be read again every strip. */
static bool worth_it(const yolo_graph *graph, const yolo_shape *shapes, const yolo_place *places,
                     const yolo_plan_options *options, int node) {
  const yolo_node *n = &graph->nodes[node];
  if (n->kind != YOLO_NODE_OP || !places[node].run || !yolo_op_get(n->op)->strip) return false;
  const size_t in = map_bytes(shapes[n->in[0]]), out = map_bytes(shapes[node]);
  return (in > out ? in : out) >= options->strip_bytes / 2 && options->held[node] <= options->strip_bytes / 4;
}

/* Rows of the last map for which one strip of all maps of [first, end) fits the cache; the maps grow and shrink along the
 * chain, so each counts by its share. */
static int rows_that_fit(const yolo_graph *graph, const yolo_shape *shapes, const yolo_place *places,
                         const yolo_plan_options *options, int first, int last) {
  double bytes = (double)map_bytes(shapes[graph->nodes[first].in[0]]);
  for (int i = first; i <= last; i++)
    if (places[i].run) bytes += (double)map_bytes(shapes[i]);
  const double rows = (double)options->strip_bytes * shapes[last].h / bytes;
  return rows >= shapes[last].h ? shapes[last].h : (int)rows / MULTIPLE * MULTIPLE;
}

/* The longest useful chain from `first` on: *rows of its last node; returns that node, or -1 where there is none. Among
 * the possible ends the narrowest map is best, for it is what has to travel through memory. */
static int find_end(const yolo_graph *graph, const yolo_shape *shapes, const yolo_place *places,
                    const yolo_plan_options *options, int first, int *rows) {
  int best = -1, runs = 1;
  for (int i = first + 1; i < graph->n_nodes && i - first < MOST_NODES; i++) {
    if (is_view(graph, places, i)) continue;
    if (!worth_it(graph, shapes, places, options, i)) break;
    const int fit = rows_that_fit(graph, shapes, places, options, first, i);
    if (fit < FEWEST_ROWS) break;
    runs++;
    if (best >= 0 && map_bytes(shapes[i]) > map_bytes(shapes[best])) continue;
    best = i;
    *rows = fit;
  }
  return runs > 1 ? best : -1;
}

int yolo_strips_choose(const yolo_graph *graph, const yolo_shape *shapes, const yolo_place *places,
                       const yolo_plan_options *options, yolo_strip_group *groups) {
  int count = 0;
  if (options->strip_bytes == 0 || options->keep_all || !options->held) return 0;
  for (int i = 1; i < graph->n_nodes; i++) {
    int rows = 0, last;
    if (!worth_it(graph, shapes, places, options, i)) continue;
    last = find_end(graph, shapes, places, options, i, &rows);
    if (last < 0 || rows >= shapes[last].h) continue;
    groups[count++] = (yolo_strip_group){i, last + 1, rows};
    i = last;
  }
  return count;
}

/* ---- walking ---- */

static void want(const yolo_strip_group *group, int *need, int node, int rows) {
  if (node < group->first || node >= group->end) return; /* made before the group began */
  if (rows > need[node - group->first]) need[node - group->first] = rows;
}

/* From the rows wanted of the last node to the rows needed of every node, last to first. */
static void propagate(const yolo_graph *graph, const yolo_plan *plan, const yolo_strip_group *group, int *need) {
  for (int i = group->end - 1; i >= group->first; i--) {
    const yolo_node *node = &graph->nodes[i];
    const int height = plan->shapes[i].h;
    int *mine = &need[i - group->first], rows = (*mine + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
    yolo_strip_attrs cut;
    *mine = rows > height ? height : rows;
    if (*mine == 0) continue;
    if (!plan->places[i].run) {
      for (int k = 0; k < node->n_in; k++) want(group, need, node->in[k], *mine);
      continue;
    }
    int from, to;
    yolo_op_get(node->op)->strip(node->attrs, plan->shapes[node->in[0]], 0, *mine, &cut, &from, &to);
    want(group, need, node->in[0], to);
    for (int k = 1; k < node->n_in; k++) want(group, need, node->in[k], *mine);
  }
}

static yolo_status walk_image(const yolo_graph *graph, const yolo_plan *plan, const yolo_strip_group *group, int *rows,
                              int image, yolo_strip_step step, void *payload) {
  const int nodes = group->end - group->first, height = plan->shapes[group->end - 1].h;
  int *need = rows, *done = rows + nodes;
  for (int i = 0; i < nodes; i++) done[i] = 0;
  for (int target = group->rows;; target += group->rows) {
    const bool end = target >= height;
    for (int i = 0; i < nodes; i++) need[i] = end ? plan->shapes[group->first + i].h : 0;
    need[nodes - 1] = end ? height : target;
    propagate(graph, plan, group, need);
    for (int i = 0; i < nodes; i++) {
      yolo_status st = YOLO_OK;
      if (need[i] <= done[i]) continue;
      if (plan->places[group->first + i].run) st = step(payload, group->first + i, image, done[i], need[i]);
      if (st != YOLO_OK) return st;
      done[i] = need[i];
    }
    if (end) return YOLO_OK;
  }
}

yolo_status yolo_strips_walk(const yolo_graph *graph, const yolo_plan *plan, const yolo_strip_group *group, int *rows,
                             yolo_strip_step step, void *payload) {
  yolo_status st = YOLO_OK;
  for (int image = 0; image < plan->batch && st == YOLO_OK; image++)
    st = walk_image(graph, plan, group, rows, image, step, payload);
  return st;
}

/* ---- cutting ---- */

static void cut_rows(yolo_tensor *t, int image, int first, int end) {
  if (t->data) t->data = yolo_pixel(t, image, first, 0);
  t->shape.n = 1;
  t->shape.h = end - first;
}

void yolo_strip_cut(yolo_op_call *call, yolo_tensor *in, int image, int first, int end, yolo_strip_attrs *cut) {
  int from, to;
  yolo_op_get(call->id)->strip(call->attrs, in[0].shape, first, end, cut, &from, &to);
  call->attrs = cut;
  cut_rows(&in[0], image, from, to);
  for (int k = 1; k < call->n_in; k++) cut_rows(&in[k], image, first, end);
  cut_rows(call->out, image, first, end);
}
