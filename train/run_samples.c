/* Detections of the best model on the first images of the validation split, as pictures in the run's folder. They are made side
 * by side, each by one thread. */
#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/threads.h"
#include "detect/draw.h"
#include "train/run_parts.h"

typedef struct sample {
  yolo_status st;
  char *problem; /* the sentence of st: it belongs to the thread that failed */
} sample;

typedef struct samples {
  const yolo_run *run;
  const char *folder;
  sample *items;
} samples;

static yolo_status save_sample(const samples *all, yolo_context *context, size_t index) {
  const yolo_run *run = all->run;
  const yolo_data_image *image = &run->val->images[index];
  yolo_image picture = {0};
  yolo_result *result = NULL;
  yolo_text path = {0};
  char *stem = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_dataset_load_image(run->val, index, &picture));
  yolo_pixels pixels = yolo_image_pixels(&picture);
  YOLO_TRY(yolo_detect_batch(context, &pixels, 1, NULL, &result));
  YOLO_TRY(yolo_draw_result(&picture, result, (const char *const *)run->spec.names, run->spec.n_names));
  YOLO_TRY(yolo_run_short_name(yolo_dataset_text(run->val, image->name), &stem));
  YOLO_TRY(yolo_text_format(&path, "%s/%03zu-%s.jpg", all->folder, index + 1, stem));
  YOLO_TRY(yolo_image_save(&picture, path.data));
done:
  yolo_free(stem);
  yolo_text_free(&path);
  yolo_result_free(result);
  yolo_image_release(&picture);
  return st;
}

static void sample_task(void *payload, int index, int thread) {
  samples *all = payload;
  sample *s = &all->items[index];
  s->st = save_sample(all, all->run->contexts.items[thread], (size_t)index);
  if (s->st != YOLO_OK) s->problem = yolo_strdup(yolo_error_message());
}

static yolo_status first_failure(const samples *all, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const sample *s = &all->items[i];
    if (s->st != YOLO_OK) return yolo_fail(s->st, "%s", s->problem ? s->problem : "no memory");
  }
  return YOLO_OK;
}

yolo_status yolo_run_save_samples(yolo_run *run) {
  size_t count = (size_t)run->config->output.samples;
  samples all = {.run = run};
  char *folder = NULL;
  yolo_status st = YOLO_OK;
  if (count == 0 || run->judge->spec.heads[0].def->scores) return YOLO_OK; /* a classifier has no box to draw */
  if (count > run->val->n_images) count = run->val->n_images;
  YOLO_TRY(yolo_run_path(run, "samples", &folder));
  YOLO_TRY(yolo_path_make_folder(folder));
  all.folder = folder;
  YOLO_ENOMEM_IF_NULL(all.items = yolo_calloc(count, sizeof *all.items));
  yolo_parallel(run->contexts.n, (int)count, sample_task, &all);
  st = first_failure(&all, count);
done:
  for (size_t i = 0; all.items && i < count; ++i) yolo_free(all.items[i].problem);
  yolo_free(all.items);
  yolo_free(folder);
  return st;
}
