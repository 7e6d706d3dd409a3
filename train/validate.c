/* How good a model is on a split: see validate.h. */
#include "train/validate.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"

/* Images whose results wait to be kept in their order, between two looks at whether to stop: so many, or 8 a thread; 16 where
 * they are all decoded first. */
enum { AT_ONCE = 64, A_THREAD = 8, DECODED = 16 };

typedef struct validator {
  const yolo_model *model;
  const yolo_dataset *dataset;
  yolo_eval_truths *truths;
  yolo_detect_options how;
  int threads;
  yolo_context_set contexts, own;
  yolo_validation_details *details; /* the caller's, or one of its own */
  yolo_image images[AT_ONCE];
  yolo_result *results[AT_ONCE];
  yolo_status status[AT_ONCE];
  char *problems[AT_ONCE];
  size_t first; /* image of the data set in images[0] */
  double network_ms;
} validator;

static size_t image_of(const validator *v, size_t i) { return v->truths->n_images ? v->truths->images[i] : i; }

/* The sentence belongs to the thread that failed: it is carried over. */
static void note(validator *v, int slot, yolo_status st) {
  v->status[slot] = st;
  if (st != YOLO_OK) v->problems[slot] = yolo_strdup(yolo_error_message());
}

static void decode(void *payload, int slot, int thread) {
  validator *v = payload;
  (void)thread;
  note(v, slot, yolo_dataset_load_image(v->dataset, image_of(v, v->first + (size_t)slot), &v->images[slot]));
}

/* The image is not needed again. */
static void look(validator *v, int slot, yolo_context *context) {
  yolo_pixels pixels = yolo_image_pixels(&v->images[slot]);
  if (v->status[slot] != YOLO_OK) return;
  note(v, slot, yolo_detect_batch(context, &pixels, 1, &v->how, &v->results[slot]));
  yolo_image_release(&v->images[slot]);
}

static void decode_and_look(void *payload, int slot, int thread) {
  validator *v = payload;
  decode(v, slot, thread);
  look(v, slot, v->contexts.items[thread]);
}

static void release_slots(validator *v) {
  for (int i = 0; i < AT_ONCE; ++i) {
    yolo_image_release(&v->images[i]);
    yolo_result_free(v->results[i]);
    yolo_free(v->problems[i]);
    v->results[i] = NULL;
    v->problems[i] = NULL;
  }
}

static yolo_status keep_detections(validator *v, size_t index, const yolo_result *result) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < result->count && st == YOLO_OK; ++i) {
    const yolo_detection *d = &result->detections[i];
    yolo_eval_detection kept = {.image = (uint32_t)index, .class_index = v->truths->class_of[d->class_id]};
    kept.score = (double)d->confidence;
    kept.box[0] = (double)d->x1;
    kept.box[1] = (double)d->y1;
    kept.box[2] = (double)d->x2 - (double)d->x1;
    kept.box[3] = (double)d->y2 - (double)d->y1;
    kept.area = kept.box[2] * kept.box[3];
    st = yolo_eval_results_add(&v->details->results, &kept);
  }
  return st;
}

static yolo_status keep_image(validator *v, int slot) {
  const yolo_result *result = v->results[slot];
  const size_t index = v->first + (size_t)slot;
  if (v->status[slot] != YOLO_OK) return yolo_fail(v->status[slot], "%s", v->problems[slot] ? v->problems[slot] : "no memory");
  v->network_ms += result->network_ms;
  if (result->n_scores == 0) return keep_detections(v, index, result);
  const int label = v->dataset->images[image_of(v, index)].label;
  if (label >= 0 && label < result->n_scores) yolo_topk_add(&v->details->topk, result->scores, label);
  return YOLO_OK;
}

/* Whole images side by side; with one context, in which the network has all threads, they are only decoded so. */
static void look_at(validator *v, int n) {
  if (v->contexts.n > 1) {
    yolo_parallel(v->contexts.n, n, decode_and_look, v);
    return;
  }
  yolo_parallel(v->threads, n, decode, v);
  for (int i = 0; i < n; ++i) look(v, i, v->contexts.items[0]);
}

static yolo_status run_images(validator *v, size_t count, const yolo_validation_options *o) {
  const size_t all = (size_t)v->contexts.n * A_THREAD, most = v->contexts.n < 2 ? DECODED : all < AT_ONCE ? all : AT_ONCE;
  yolo_status st = YOLO_OK;
  for (v->first = 0; v->first < count && st == YOLO_OK; v->first += most) {
    const int n = (int)(count - v->first < most ? count - v->first : most);
    if (o->stop && o->stop(o->payload, v->first, count)) return yolo_fail(YOLO_ECANCELLED, "the validation was stopped");
    look_at(v, n);
    for (int i = 0; i < n && st == YOLO_OK; ++i) st = keep_image(v, i);
    release_slots(v);
  }
  return st;
}

static yolo_status score(validator *v, yolo_validation *out) {
  yolo_eval_report *report = &v->details->report;
  yolo_eval_report_options options = {.boxes = true, .confidence = -1};
  yolo_eval_params_coco(&options.params, YOLO_EVAL_BOX);
  options.params.threads = v->threads;
  v->details->results.has_boxes = true;
  yolo_status st = yolo_eval_report_make(v->truths, &v->details->results, &options, report);
  if (st == YOLO_OK) memcpy(out->numbers, report->kinds[YOLO_EVAL_BOX].numbers, sizeof out->numbers);
  out->score = out->numbers[0];
  return st;
}

static void score_labels(const validator *v, yolo_validation *out) {
  double n = v->details->topk.all.images ? (double)v->details->topk.all.images : 1;
  out->top1 = (double)v->details->topk.all.top1 / n;
  out->top5 = (double)v->details->topk.all.top5 / n;
  out->score = out->top1;
}

void yolo_validation_details_release(yolo_validation_details *details) {
  yolo_eval_report_free(&details->report);
  yolo_eval_results_free(&details->results);
  yolo_topk_free(&details->topk);
}

yolo_status yolo_validate(const yolo_model *model, const yolo_dataset *dataset, yolo_eval_truths *truths,
                          const yolo_validation_options *options, yolo_validation *out) {
  static const yolo_validation_options defaults;
  yolo_validation_details own = {0};
  yolo_status st = YOLO_OK;
  if (!options) options = &defaults;
  validator *v = yolo_calloc(1, sizeof *v);
  *out = (yolo_validation){0};
  if (!v) return YOLO_ENOMEM;
  v->model = model;
  v->dataset = dataset;
  v->truths = truths;
  v->details = options->details ? options->details : &own;
  v->how = (yolo_detect_options){.confidence = options->confidence > 0 ? options->confidence : 0.001f,
                                 .iou = options->iou > 0 ? options->iou : 0.45f};
  v->threads = options->threads > 0 ? options->threads : yolo_threads_available();
  out->classifier = model->spec.heads[0].def->scores != NULL;
  out->images = out->classifier ? dataset->n_images : truths->n_images;
  if (out->classifier) YOLO_TRY(yolo_topk_new(model->spec.classes, &v->details->topk));
  if (!options->contexts) YOLO_TRY(yolo_context_set_open(model, v->threads, out->images, &v->own));
  v->contexts = options->contexts ? *options->contexts : v->own;
  YOLO_TRY(run_images(v, out->images, options));
  out->network_ms = out->images ? v->network_ms / (double)out->images : 0;
  if (out->classifier)
    score_labels(v, out);
  else
    YOLO_TRY(score(v, out));
done:
  release_slots(v);
  yolo_validation_details_release(&own);
  yolo_context_set_close(&v->own);
  yolo_free(v);
  return st;
}
