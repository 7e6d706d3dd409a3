/* yolo eval DATA --model M: the images of the truth go through the very run of `yolo detect`, with one writer more that keeps
 * the detections. Numbers are rounded as --coco-json rounds them, so that scoring such a file gives the same scores. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/strmap.h"
#include "cli/coco_ids.h"
#include "cli/eval_job.h"
#include "train/eval/flat_json.h"

/* ---- the writer ---- */

typedef struct collector {
  eval_job *job;
  yolo_strmap files; /* absolute path -> the first image (index in truths) that it belongs to */
  uint32_t *next;    /* [n_images]: the next image with the same file; UINT32_MAX: none */
  int *classes;      /* of the model -> of the truth; -1: not there */
  yolo_text text;
  size_t left_out; /* detections of classes that the truth does not have */
  size_t resized;  /* images of another size than recorded */
} collector;

static int find_class(const yolo_eval_truths *t, const char *name) {
  for (int k = 0; k < t->n_classes; ++k) {
    const char *other = yolo_eval_truths_class_name(t, k);
    if (strcmp(name, other) == 0 || strcmp(coco_canonical_name(name), coco_canonical_name(other)) == 0) return k;
  }
  return -1;
}

static bool has_truths(const yolo_eval_truths *t, int class_index) {
  for (size_t i = 0; i < t->n; ++i) {
    if (t->items[i].class_index == class_index) return true;
  }
  return false;
}

/* A class with truths that the model cannot find would silently count as AP 0. */
static yolo_status check_classes(const eval_job *job, const yolo_model *model, const bool *known) {
  const yolo_eval_truths *t = &job->truths;
  const char *first = NULL, *model_class = yolo_model_class_name(model, 0);
  unsigned missing = 0;
  for (int k = 0; k < t->n_classes; ++k) {
    if (known[k] || !has_truths(t, k)) continue;
    if (missing++ == 0) first = yolo_eval_truths_class_name(t, k);
  }
  if (!missing) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL,
                   "the model does not know %s of the truth, such as '%s' (it knows %s, such as '%s'); score those it knows "
                   "with --classes, or name the model's with --names FILE",
                   cli_plural(missing, "class"), first, cli_plural((unsigned)yolo_model_classes(model), "class"),
                   model_class ? model_class : "?");
}

static yolo_status map_classes(collector *c, const yolo_model *model) {
  const int n = yolo_model_classes(model);
  bool *known = NULL;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(c->classes = yolo_alloc_array((size_t)n, sizeof *c->classes));
  YOLO_ENOMEM_IF_NULL(known = yolo_calloc((size_t)c->job->truths.n_classes, sizeof *known));
  for (int i = 0; i < n; ++i) {
    const char *name = yolo_model_class_name(model, i);
    c->classes[i] = name ? find_class(&c->job->truths, name) : -1;
    if (c->classes[i] >= 0) known[c->classes[i]] = true;
  }
  st = check_classes(c->job, model, known);
done:
  yolo_free(known);
  return st;
}

static yolo_status map_files(collector *c) {
  const yolo_eval_truths *t = &c->job->truths;
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(c->next = yolo_alloc_array(t->n_images, sizeof *c->next));
  for (uint32_t i = t->n_images; i-- > 0;) {
    int64_t later = UINT32_MAX;
    YOLO_TRY(yolo_path_absolute(yolo_dataset_text(t->dataset, yolo_eval_truths_image(t, i)->file), &path));
    if (yolo_strmap_get(&c->files, path, &later)) {
      /* Images of one file hang on the one with the highest index: a map keeps its first value. */
      c->next[i] = c->next[later];
      c->next[later] = i;
    } else {
      c->next[i] = UINT32_MAX;
      YOLO_TRY(yolo_strmap_add(&c->files, path, i, NULL));
    }
    yolo_free(path);
    path = NULL;
  }
done:
  yolo_free(path);
  return st;
}

static yolo_status open_collector(const out_run *run, const void *arg, void **state) {
  collector *c = yolo_calloc(1, sizeof *c);
  if (!c) return YOLO_ENOMEM;
  *state = c;
  c->job = *(eval_job *const *)arg;
  if (model_is_classifier(&run->model->spec))
    return yolo_fail(YOLO_EINVAL, "the model is a classifier, but the truth has boxes, not a class an image");
  yolo_status st = map_classes(c, run->model);
  return st == YOLO_OK ? map_files(c) : st;
}

static void close_collector(void *state) {
  collector *c = state;
  if (!c) return;
  yolo_strmap_free(&c->files);
  yolo_free(c->next);
  yolo_free(c->classes);
  yolo_text_free(&c->text);
  yolo_free(c);
}

/* The detection as it would be read from a file. */
static yolo_status rounded(collector *c, const yolo_detection *from, yolo_eval_detection *out) {
  yolo_flat_result flat;
  c->text.length = 0;
  yolo_status st = out_coco_detection(&c->text, 0, 0, from);
  if (st != YOLO_OK) return st;
  if (!yolo_flat_result_read(c->text.data, c->text.length, &flat))
    return yolo_fail(YOLO_EFORMAT, "a detection is no number: %s", c->text.data);
  out->score = flat.score;
  memcpy(out->box, flat.box, sizeof out->box);
  out->area = out->box[2] * out->box[3];
  return YOLO_OK;
}

static yolo_status collect_image(const out_run *run, void *state, const out_image *image) {
  (void)run;
  collector *c = state;
  const yolo_eval_truths *t = &c->job->truths;
  int64_t first;
  yolo_status st = YOLO_OK;
  if (!yolo_strmap_get(&c->files, image->source->absolute, &first)) return YOLO_OK;
  const yolo_data_image *recorded = yolo_eval_truths_image(t, (uint32_t)first);
  c->resized += recorded->width > 0 && (recorded->width != image->result->width || recorded->height != image->result->height);
  for (int i = 0; i < image->result->count; ++i) {
    const yolo_detection *d = &image->result->detections[i];
    yolo_eval_detection kept = {.class_index = c->classes[d->class_id]};
    if (kept.class_index < 0) {
      ++c->left_out;
      continue;
    }
    YOLO_TRY(rounded(c, d, &kept));
    for (kept.image = (uint32_t)first; kept.image != UINT32_MAX; kept.image = c->next[kept.image])
      YOLO_TRY(yolo_eval_results_add(&c->job->results, &kept));
  }
done:
  return st;
}

static yolo_status finish_collector(const out_run *run, void *state) {
  (void)run;
  const collector *c = state;
  if (c->resized)
    cli_complain("%s of another size than the truth says: boxes may not lie where they should ('yolo data check' shows which)",
                 cli_plural(c->resized, "image"));
  if (c->left_out && !c->job->args->quiet && !c->job->args->classes)
    cli_complain("%s of classes that the truth does not have were left out", cli_plural(c->left_out, "detection"));
  return YOLO_OK;
}

static const out_kind out_collector = {"scores", open_collector, collect_image, finish_collector, close_collector, false};

/* ---- the run ---- */

/* Files of the images; *out is the caller's (yolo_free), the texts stay the dataset's. */
static yolo_status name_images(const eval_job *job, char ***out) {
  const yolo_eval_truths *t = &job->truths;
  char **words = yolo_alloc_array(t->n_images, sizeof *words);
  if (!words) return YOLO_ENOMEM;
  for (uint32_t i = 0; i < t->n_images; ++i) {
    words[i] = job->dataset->texts + yolo_eval_truths_image(t, i)->file;
  }
  *out = words;
  return YOLO_OK;
}

static yolo_status note_run(eval_job *job, const detect_job *run) {
  const detect_totals *t = &run->totals;
  const double n = t->images > 0 ? (double)t->images : 1;
  const bool later = t->images > t->first_images;
  char line[CLI_NAME_MAX];
  job->pace = (eval_pace){t->load_ms / n, t->network_ms / n, t->post_ms / n, t->images, t->failed};
  if (later) job->pace.network_ms = (t->network_ms - t->first_ms) / (double)(t->images - t->first_images);
  yolo_status st = model_describe(run->choice.shown, &run->model->spec, line, sizeof line);
  if (st != YOLO_OK) return st;
  job->nms = yolo_model_nms(run->model, run->options.nms);
  job->model_line = yolo_strdup(line);
  return job->model_line ? YOLO_OK : YOLO_ENOMEM;
}

static bool is_labelled(const yolo_dataset *d) {
  for (size_t i = 0; i < d->n_images; ++i) {
    if (d->images[i].label != YOLO_DATA_NO_LABEL) return true;
  }
  return false;
}

yolo_status eval_run_model(eval_job *job, int *code) {
  detect_args args = job->args->detect;
  detect_job run = {0};
  char **words = NULL;
  yolo_status st = YOLO_OK;
  if (is_labelled(job->dataset) && job->args->image_ids)
    return yolo_fail(YOLO_EINVAL, "--image-ids is for boxes and masks; these images have a class each");
  if (is_labelled(job->dataset)) return eval_classify(job);
  args.no_images = args.only_bar = true;
  args.quiet = job->args->quiet;
  args.collector = &out_collector;
  args.collector_arg = &job;
  if (job->truths.n_images == 0) return yolo_fail(YOLO_EINVAL, "%s: there is no image to run the model on", job->truth_name);
  YOLO_TRY(name_images(job, &words));
  YOLO_TRY(detect_setup(&run, &args, words, (int)job->truths.n_images));
  *code = detect_loop(&run);
  job->results.has_boxes = true;
  if (run.totals.failed)
    cli_complain("%s could not be read: what they show counts as missed",
                 cli_plural((unsigned long)run.totals.failed, "image"));
  st = note_run(job, &run);
done:
  detect_job_free(&run);
  yolo_free(words);
  return st;
}
