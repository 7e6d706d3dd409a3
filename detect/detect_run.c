/* One batch from pixels to detections: resize, run the network, decode the heads, suppress, map back.
 *
 * Boxes live in three frames. Heads give network input pixels; suppression happens there, unclipped, as in
 * Darknet. The placement of the resize maps back,  image = (input - offset) / scale,  and only then are boxes
 * clipped to the picture. A box that lies outside of it altogether is dropped before it can suppress another.
 *
 * Candidates are numbered in the order head, row, column, anchor, class; equal confidences keep that order.
 *
 * A device with memory of its own is spared what it need not do: it may resize the pictures itself, and of a head whose
 * rows are judged one by one it sends those above the floor only. Where it does not, or where more pass than fit, the host
 * does the same from the whole tensors, with the same result. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "detect/model.h"

/* Options with their defaults filled in. */
typedef struct settings {
  yolo_decode decode;
  yolo_nms_options nms;
  const int *classes;
  int n_classes;
} settings;

/* Rows of a head that a device may send for one image. In photographs of COCO no head of a small network had more than 78
 * above a confidence of 0.25, or 859 above 0.001. Only rows that are found travel; this bounds the memory they need. */
enum { ROWS_MAX = 1024 };

/* Below this confidence most rows of any network pass, and looking for them is wasted. */
static const float rows_from = 1e-4f;

/* ---- options ---- */

static yolo_status check_classes(const yolo_model *model, const yolo_detect_options *options) {
  if (options->n_classes < 0 || (options->n_classes > 0 && !options->classes))
    return yolo_fail(YOLO_EINVAL, "the list of wanted classes is missing, but it is said to have %d", options->n_classes);
  for (int i = 0; options->classes && i < options->n_classes; i++)
    if (options->classes[i] < 0 || options->classes[i] >= model->spec.classes)
      return yolo_fail(YOLO_EINVAL, "class %d does not exist; this model has classes 0 to %d", options->classes[i],
                       model->spec.classes - 1);
  return YOLO_OK;
}

yolo_nms yolo_model_nms(const yolo_model *model, yolo_nms_kind asked) {
  switch (asked) {
    case YOLO_NMS_IOU: return YOLO_NMS_BY_IOU;
    case YOLO_NMS_DIOU: return YOLO_NMS_BY_DIOU;
    case YOLO_NMS_NONE: return YOLO_NMS_OFF;
    case YOLO_NMS_MODEL: break;
  }
  return model->spec.n_heads > 0 && model->spec.heads[0].nms ? model->spec.heads[0].nms : YOLO_NMS_BY_IOU;
}

static yolo_status settle(const yolo_model *model, const yolo_detect_options *options, settings *out) {
  static const yolo_detect_options defaults = {0};
  if (!options) options = &defaults;
  float confidence = options->confidence, iou = options->iou;
  if (!(confidence <= 1)) return yolo_fail(YOLO_EINVAL, "a confidence of %g is not possible; it goes from 0 to 1", confidence);
  if (!(iou >= 0 && iou <= 1)) return yolo_fail(YOLO_EINVAL, "an overlap of %g is not possible; it goes from 0 to 1", iou);
  if ((int)options->nms < YOLO_NMS_MODEL || options->nms > YOLO_NMS_NONE)
    return yolo_fail(YOLO_EINVAL, "%d is no kind of suppression", (int)options->nms);
  out->decode.input_w = model->spec.width;
  out->decode.input_h = model->spec.height;
  out->decode.confidence = confidence > 0 ? confidence : confidence < 0 ? 0 : 0.25f;
  out->decode.best_class = options->best_class != 0;
  out->nms.kind = yolo_model_nms(model, options->nms);
  out->nms.threshold = iou > 0 ? iou : 0.45f;
  out->nms.agnostic = options->agnostic != 0;
  out->nms.max_detections = options->max_detections ? options->max_detections : 300;
  out->classes = options->classes;
  out->n_classes = options->classes ? options->n_classes : -1;
  return check_classes(model, options);
}

static yolo_status check_images(const yolo_model *model, const yolo_pixels *images, int count) {
  if (model->spec.n_heads == 0)
    return yolo_fail(YOLO_EINVAL, "%s: the network has no head, so its output has no meaning here", model->path);
  if (model->spec.channels != 1 && model->spec.channels != 3)
    return yolo_fail(YOLO_EINVAL, "%s: the network reads %d channels; images have 1 or 3", model->path, model->spec.channels);
  if (count < 1) return yolo_fail(YOLO_EINVAL, "a batch of %d images is not possible", count);
  for (int i = 0; i < count; i++) {
    const yolo_pixels *p = &images[i];
    if (!p->data || p->width < 1 || p->height < 1 || p->width > YOLO_IMAGE_MAX_SIDE || p->height > YOLO_IMAGE_MAX_SIDE)
      return yolo_fail(YOLO_EINVAL, "an image of %d x %d pixels is not possible; sides go from 1 to %d", p->width, p->height,
                       YOLO_IMAGE_MAX_SIDE);
    if ((unsigned)p->layout > YOLO_PIXELS_GREY) return yolo_fail(YOLO_EINVAL, "%d is no pixel format", (int)p->layout);
    if (p->row_stride < (size_t)p->width * (size_t)yolo_pixel_bytes(p->layout))
      return yolo_fail(YOLO_EINVAL, "a row stride of %zu bytes is too short for %d pixels of %d bytes", p->row_stride, p->width,
                       yolo_pixel_bytes(p->layout));
  }
  return YOLO_OK;
}

/* ---- what a device does itself ---- */

static bool has_rows(const yolo_head *head, const yolo_decode *how) { return head->def->rows && how->confidence >= rows_from; }

/* Tells the runner which rows are wanted; before prepare. */
static yolo_status watch_heads(yolo_context *context, const yolo_decode *how) {
  const yolo_model *model = context->model;
  const yolo_graph *graph = yolo_network_graph(model->network);
  for (int h = 0; h < model->spec.n_heads && h < YOLO_RUNNER_WATCHES; h++) {
    const yolo_head *head = &model->spec.heads[h];
    const yolo_shape *map = &graph->nodes[model->head_nodes[h]].shape;
    yolo_row_filter rows;
    if (!has_rows(head, how)) continue;
    head->def->rows(head, how, &rows);
    long all = (long)map->h * map->w * rows.rows;
    rows.capacity = all < ROWS_MAX ? (int)all : ROWS_MAX;
    yolo_status st = yolo_runner_watch(context->runner, model->head_nodes[h], &rows);
    if (st != YOLO_OK) return st;
  }
  return YOLO_OK;
}

/* One picture into image n of the prepared input, here or on the device. */
static yolo_status put_image(yolo_context *context, const yolo_pixels *image, const yolo_tensor *input, int n,
                             yolo_placement *place) {
  const yolo_preprocess *how = &context->model->spec.preprocess;
  yolo_resample resample;
  if (!yolo_runner_takes_images(context->runner)) return yolo_preprocess_run(how, image, input, n, place);
  yolo_status st = yolo_preprocess_describe(how, image, input->shape, &resample, place);
  return st == YOLO_OK ? yolo_runner_image(context->runner, n, &resample) : st;
}

/* ---- from candidates to detections ---- */

static float clip(float v, int limit) { return v > 0 ? v < (float)limit ? v : (float)limit : 0; }

/* Maps a box to the picture and clips it; false when nothing of it is left (or it is not a number). */
static bool map_box(const yolo_box *box, const yolo_placement *at, int width, int height, yolo_detection *out) {
  out->class_id = box->class_id;
  out->confidence = box->confidence;
  out->x1 = clip((box->x1 - at->offset_x) / at->scale_x, width);
  out->y1 = clip((box->y1 - at->offset_y) / at->scale_y, height);
  out->x2 = clip((box->x2 - at->offset_x) / at->scale_x, width);
  out->y2 = clip((box->y2 - at->offset_y) / at->scale_y, height);
  return out->x2 > out->x1 && out->y2 > out->y1;
}

static bool wanted(const settings *how, int class_id) {
  if (how->n_classes < 0) return true;
  for (int i = 0; i < how->n_classes; i++)
    if (how->classes[i] == class_id) return true;
  return false;
}

/* Leaves the candidates of wanted classes that touch the picture, in their order. */
static void filter(yolo_boxes *boxes, const settings *how, const yolo_placement *at, const yolo_pixels *image) {
  int kept = 0;
  yolo_detection ignored;
  for (int i = 0; i < boxes->count; i++) {
    const yolo_box *box = &boxes->items[i];
    if (wanted(how, box->class_id) && map_box(box, at, image->width, image->height, &ignored)) boxes->items[kept++] = *box;
  }
  boxes->count = kept;
}

/* One block for the result and its arrays. */
static yolo_result *new_result(int count, int n_scores) {
  size_t head = (sizeof(yolo_result) + 15) & ~(size_t)15;
  size_t detections = (size_t)count * sizeof(yolo_detection), scores = (size_t)n_scores * sizeof(float);
  yolo_result *result = yolo_alloc(head + detections + scores);
  if (!result) return NULL;
  *result = (yolo_result){.count = count, .n_scores = n_scores};
  result->detections = (yolo_detection *)((char *)result + head);
  result->scores = n_scores ? (float *)((char *)result + head + detections) : NULL;
  return result;
}

/* The candidates of one head in image n. What the runner watches may be left from an earlier batch, so has_rows decides. */
static yolo_status decode_head(yolo_context *context, int h, int n, const yolo_decode *how) {
  const yolo_head *head = &context->model->spec.heads[h];
  const int node = context->model->head_nodes[h];
  const yolo_row *rows;
  int count;
  yolo_tensor tensor;
  if (has_rows(head, how) && yolo_runner_rows(context->runner, node, n, &rows, &count)) {
    const yolo_shape *map = &yolo_runner_plan(context->runner)->shapes[node];
    return yolo_head_decode_rows(head, map->h, map->w, rows, count, how, &context->candidates);
  }
  yolo_status st = yolo_runner_output(context->runner, node, &tensor);
  return st == YOLO_OK ? head->def->decode(head, &tensor, n, how, &context->candidates) : st;
}

static yolo_status detect_boxes(yolo_context *context, int n, const settings *how, const yolo_placement *at,
                                const yolo_pixels *image, yolo_result **out) {
  yolo_boxes *boxes = &context->candidates;
  yolo_status st = YOLO_OK;
  boxes->count = 0;
  for (int h = 0; h < context->model->spec.n_heads; h++) YOLO_TRY(decode_head(context, h, n, &how->decode));
  filter(boxes, how, at, image);
  YOLO_TRY(yolo_boxes_suppress(boxes, &how->nms));
  *out = new_result(boxes->count, 0);
  YOLO_ENOMEM_IF_NULL(*out);
  for (int i = 0; i < boxes->count; i++) map_box(&boxes->items[i], at, image->width, image->height, &(*out)->detections[i]);
done:
  return st;
}

static yolo_status classify(yolo_context *context, int n, yolo_result **out) {
  const yolo_model *model = context->model;
  yolo_tensor tensor;
  yolo_status st = yolo_runner_output(context->runner, model->head_nodes[0], &tensor);
  if (st != YOLO_OK) return st;
  *out = new_result(0, model->spec.classes);
  if (!*out) return YOLO_ENOMEM;
  return model->spec.heads[0].def->scores(&model->spec.heads[0], &tensor, n, (*out)->scores);
}

static yolo_status finish_image(yolo_context *context, int n, const settings *how, const yolo_placement *at,
                                const yolo_pixels *image, yolo_result **out) {
  double start = yolo_now_ms();
  yolo_status st =
      context->model->spec.heads[0].def->scores ? classify(context, n, out) : detect_boxes(context, n, how, at, image, out);
  if (st != YOLO_OK) return st;
  (*out)->width = image->width;
  (*out)->height = image->height;
  (*out)->post_ms = yolo_now_ms() - start;
  return YOLO_OK;
}

/* ---- the batch ---- */

yolo_status yolo_detect_batch(yolo_context *context, const yolo_pixels *images, int count, const yolo_detect_options *options,
                              yolo_result **results) {
  const yolo_model *model = context->model;
  yolo_placement *places = NULL;
  double *load_ms = NULL, network_ms = 0;
  settings how;
  yolo_tensor input;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < count; i++) results[i] = NULL;
  YOLO_TRY(settle(model, options, &how));
  YOLO_TRY(check_images(model, images, count));
  places = yolo_alloc_array((size_t)count, sizeof *places);
  YOLO_ENOMEM_IF_NULL(places);
  load_ms = yolo_alloc_array((size_t)count, sizeof *load_ms);
  YOLO_ENOMEM_IF_NULL(load_ms);
  YOLO_TRY(watch_heads(context, &how.decode));
  YOLO_TRY(yolo_runner_prepare(context->runner, count, model->spec.height, model->spec.width, &input));
  for (int i = 0; i < count; i++) {
    double start = yolo_now_ms();
    YOLO_TRY(put_image(context, &images[i], &input, i, &places[i]));
    load_ms[i] = yolo_now_ms() - start;
  }
  network_ms = yolo_now_ms();
  YOLO_TRY(yolo_runner_run(context->runner));
  network_ms = yolo_now_ms() - network_ms;
  for (int i = 0; i < count; i++) {
    YOLO_TRY(finish_image(context, i, &how, &places[i], &images[i], &results[i]));
    results[i]->load_ms = load_ms[i];
    results[i]->network_ms = network_ms / count; /* its share, so that sums over images are true */
  }
done:
  for (int i = 0; st != YOLO_OK && i < count; i++) {
    yolo_result_free(results[i]);
    results[i] = NULL;
  }
  yolo_free(places);
  yolo_free(load_ms);
  return st;
}
