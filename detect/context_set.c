/* Contexts for many images at once: see context_set.h. */
#include "detect/context_set.h"

#include "backbone/base/memory.h"

/* Activations and workspace of one image, and the operations it takes. */
static yolo_status measure(yolo_context *context, size_t *bytes, double *operations) {
  const yolo_model_spec *spec = &context->model->spec;
  yolo_tensor input;
  yolo_status st = yolo_runner_prepare(context->runner, 1, spec->height, spec->width, &input);
  if (st != YOLO_OK) return st;
  const yolo_plan *plan = yolo_runner_plan(context->runner);
  const yolo_graph *graph = yolo_network_graph(context->model->network);
  *bytes = plan->act_bytes + plan->work_bytes;
  *operations = 0;
  for (int i = 0; i < graph->n_nodes; ++i) *operations += yolo_graph_flops(graph, plan->shapes, i);
  return YOLO_OK;
}

/* Operations of an image for each of its threads. With more work than this they hardly wait for each other, and an image at a
 * time is there sooner: two threads, yolo-fastest-1.1-xl 1.15 times as fast side by side, yolov4-tiny (6.9e9) as fast,
 * yolov4 (6e10) no faster. */
static const double much = 3e9;

static bool fit(size_t bytes, int n) { return bytes < yolo_memory_available() / 8 / (uint64_t)n; }

yolo_status yolo_context_set_open(const yolo_model *model, int threads, size_t images, yolo_context_set *out) {
  int n = images < (size_t)threads ? (int)images : threads;
  size_t bytes = 0;
  double operations = 0;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(out->items = yolo_calloc((size_t)(n > 1 ? n : 1), sizeof(yolo_context *)));
  YOLO_TRY(yolo_context_new(model, &out->items[0]));
  out->n = 1;
  if (yolo_runner_has_own_memory(out->items[0]->runner)) return YOLO_OK;
  YOLO_TRY(measure(out->items[0], &bytes, &operations));
  if (operations > much * threads) n = 1;
  for (; out->n < n && fit(bytes, n); ++out->n) YOLO_TRY(yolo_context_new(model, &out->items[out->n]));
  out->bytes = bytes * (size_t)out->n;
done:
  if (st != YOLO_OK) yolo_context_set_close(out);
  return st;
}

void yolo_context_set_close(yolo_context_set *set) {
  for (int i = 0; i < set->n; ++i) yolo_context_free(set->items[i]);
  yolo_free(set->items);
  *set = (yolo_context_set){0};
}
