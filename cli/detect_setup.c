/* Setting up a run of `yolo detect`: see detect_job.h. Cheap mistakes are found before the model is loaded. */
#include <float.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/base/threads.h"
#include "cli/default_model.h"
#include "cli/detect_job.h"
#include "cli/outfile.h"
#include "cli/targets.h"

/* ---- what was asked for ---- */

static bool wants_folder(const detect_args *a) { return !a->no_images || a->save_txt || a->crops; }

/* Standard output takes one stream of data; then people are spoken to on standard error. */
static yolo_status check_outputs(const detect_args *a) {
  const char *files[] = {a->json, a->csv, a->coco_json};
  const char *options[] = {"--json", "--csv", "--coco-json"};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < i; ++j) {
      bool both_stdout = files[i] && files[j] && outfile_is_stdout(files[i]) && outfile_is_stdout(files[j]);
      if (files[i] && files[j] && (both_stdout || strcmp(files[i], files[j]) == 0)) {
        return yolo_fail(YOLO_EINVAL, "%s and %s would both be written to '%s'", options[j], options[i], files[i]);
      }
    }
    if (files[i] && outfile_is_stdout(files[i])) cli_data_on_stdout();
  }
  if (a->coco_ref && !a->coco_json)
    return yolo_fail(YOLO_EINVAL, "--coco-ref says the ids for --coco-json FILE, which is missing");
  return YOLO_OK;
}

static yolo_status choose_model(detect_job *job) {
  model_args m = job->args->model;
  yolo_status st = YOLO_OK;
  if (!m.model && !m.weights && !m.cfg) {
    if ((st = default_model_find(&job->default_model)) != YOLO_OK) return st;
    if (!job->default_model) {
      return yolo_fail(
          YOLO_EINVAL,
          "no model was named, and weights/yolo-nano.safetensors, the default one, is not near this program. Name a model "
          "with\n"
          "  --model FILE.safetensors                                    one file; 'yolo convert' makes it\n"
          "  --weights FILE.weights --cfg FILE.cfg --names FILE.names    as published for Darknet\n"
          "  YOLO_MODEL=FILE.safetensors in the environment              the default from now on");
    }
    m.model = job->default_model;
  }
  st = model_args_resolve(&m, NULL, &job->choice);
  if (st == YOLO_OK && !job->choice.path) {
    return yolo_fail(YOLO_EINVAL, "'%s' is a network without weights: add --weights FILE", job->choice.shown);
  }
  return st;
}

/* Nobody should wonder why a dog is not found. */
static void say_default(const detect_job *job) {
  const yolo_model_spec *spec = &job->model->spec;
  char name[CLI_NAME_MAX];
  cli_say("No model was named: this is %s, which knows ", yolo_basename(job->default_model));
  for (int i = 0; i < spec->n_names && i < 5; ++i) cli_say("%s%s", i ? ", " : "", cli_printable(spec->names[i], name));
  cli_say("%s and nothing else; --model FILE takes another\n", spec->n_names > 5 ? " ..." : "");
}

/* ---- classes ---- */

static yolo_status find_class(const yolo_model *model, const char *word, int *out) {
  const yolo_model_spec *spec = &model->spec;
  for (int i = 0; i < spec->n_names; ++i) {
    if (strcmp(spec->names[i], word) == 0) {
      *out = i;
      return YOLO_OK;
    }
  }
  int classes = yolo_model_classes(model);
  if (yolo_parse_int(word, out)) {
    if (*out >= 0 && *out < classes) return YOLO_OK;
    return yolo_fail(YOLO_EINVAL, "--classes: there is no class %s; the model's %d are numbered from 0", word, classes);
  }
  const char *closest = yolo_closest(word, (const char *const *)spec->names, spec->n_names);
  if (closest) return yolo_fail(YOLO_EINVAL, "--classes: the model has no class '%s'. Did you mean '%s'?", word, closest);
  return yolo_fail(YOLO_EINVAL, "--classes: the model has no class '%s'; it knows %s, such as '%s'", word,
                   cli_plural((unsigned)classes, "class"), spec->n_names > 0 ? spec->names[0] : "0");
}

static yolo_status read_classes(detect_job *job, const char *list) {
  char *copy = yolo_strdup(list), *rest = copy;
  int count = 0;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(copy);
  YOLO_ENOMEM_IF_NULL(job->classes = yolo_alloc_array(strlen(list) + 1, sizeof *job->classes));
  for (char *word; (word = strsep(&rest, ",")) != NULL;) {
    word += strspn(word, " ");
    for (size_t n = strlen(word); n > 0 && word[n - 1] == ' ';) word[--n] = '\0';
    if (!*word) continue;
    YOLO_TRY(find_class(job->model, word, &job->classes[count]));
    ++count;
  }
  if (count == 0) st = yolo_fail(YOLO_EINVAL, "--classes: '%s' names no class", list);
  job->options.classes = job->classes;
  job->options.n_classes = count;
done:
  yolo_free(copy);
  return st;
}

/* In the library zero means the default; here it means zero. */
static yolo_status choose_options(detect_job *job) {
  static const yolo_nms_kind kinds[] = {YOLO_NMS_MODEL, YOLO_NMS_IOU, YOLO_NMS_DIOU, YOLO_NMS_NONE};
  const detect_args *a = job->args;
  yolo_detect_options *o = &job->options;
  o->confidence = a->confidence > 0 ? (float)a->confidence : -1.0f;
  o->iou = a->iou > 0 ? (float)a->iou : FLT_MIN;
  o->nms = kinds[a->nms_kind];
  o->agnostic = a->agnostic;
  o->best_class = a->best_class;
  o->max_detections = a->max_detections > 0 ? a->max_detections : a->max_detections == 0 || a->coco_json ? -1 : 0;
  if (model_is_classifier(&job->model->spec) && (a->coco_json || a->crops || a->save_txt)) {
    return yolo_fail(YOLO_EINVAL,
                     "'%s' is a classifier: it finds no boxes, so --coco-json, --crops and --save-txt have nothing to write",
                     job->choice.shown);
  }
  return a->classes ? read_classes(job, a->classes) : YOLO_OK;
}

/* ---- writers and buffers ---- */

static yolo_status open_writer(detect_job *job, bool wanted, const out_kind *kind, const char *path, const void *arg) {
  if (!wanted) return YOLO_OK;
  detect_writer *writer = &job->writers[job->n_writers++];
  *writer = (detect_writer){kind, path, NULL};
  job->writers_apart += kind->apart;
  return kind->open(&job->run, arg, &writer->state);
}

/* The folder comes after everything that may still be wrong, so that a mistake leaves no empty one behind. */
static yolo_status open_writers(detect_job *job) {
  const detect_args *a = job->args;
  const out_coco_arg coco = {a->coco_json, a->coco_ref};
  yolo_status st = YOLO_OK;
  job->run = (out_run){job->model, &job->sources, NULL, a->quiet};
  YOLO_TRY(open_writer(job, a->collector != NULL, a->collector, NULL, a->collector_arg));
  YOLO_TRY(open_writer(job, a->json != NULL, &out_json, a->json, a->json));
  YOLO_TRY(open_writer(job, a->csv != NULL, &out_csv, a->csv, a->csv));
  YOLO_TRY(open_writer(job, a->coco_json != NULL, &out_coco, a->coco_json, &coco));
  if (wants_folder(a)) YOLO_TRY(targets_make_folder(a->folder, &job->folder));
  job->run.folder = job->folder;
  YOLO_TRY(open_writer(job, a->save_txt, &out_txt, NULL, NULL));
  YOLO_TRY(open_writer(job, a->crops, &out_crops, NULL, NULL));
  YOLO_TRY(open_writer(job, !a->no_images, &out_pictures, NULL, NULL));
done:
  return st;
}

/* On the CPU, and where --batch puts no images together: a context a thread. */
static yolo_status open_contexts(detect_job *job) {
  const detect_args *a = job->args;
  const size_t side_by_side = a->batch == 1 ? (size_t)job->sources.count : 1;
  job->threads = a->model.threads > 0 ? a->model.threads : yolo_threads_available();
  yolo_status st = yolo_context_set_open(job->model, job->threads, side_by_side, &job->contexts);
  if (st != YOLO_OK) return st;
  job->context = job->contexts.items[0];
  job->lot = job->contexts.n;
  return YOLO_OK;
}

static yolo_status make_buffers(detect_job *job) {
  size_t batch = (size_t)detect_batch_room(job);
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(job->items = yolo_calloc(batch, sizeof *job->items));
  YOLO_ENOMEM_IF_NULL(job->pixels = yolo_calloc(batch, sizeof *job->pixels));
  YOLO_ENOMEM_IF_NULL(job->results = yolo_calloc(batch, sizeof *job->results));
  YOLO_ENOMEM_IF_NULL(job->status = yolo_calloc(batch, sizeof *job->status));
  YOLO_ENOMEM_IF_NULL(job->problems = yolo_calloc(batch, sizeof *job->problems));
  YOLO_ENOMEM_IF_NULL(job->write_ms = yolo_calloc(batch, sizeof *job->write_ms));
  YOLO_ENOMEM_IF_NULL(job->tally = yolo_calloc((size_t)yolo_model_classes(job->model), sizeof *job->tally));
done:
  return st;
}

yolo_status detect_setup(detect_job *job, const detect_args *args, char *const *words, int n_words) {
  yolo_status st = YOLO_OK;
  job->args = args;
  if (n_words == 0) return yolo_fail(YOLO_EINVAL, "no image was named: yolo detect photo.jpg --model FILE");
  YOLO_TRY(check_outputs(args));
  YOLO_TRY(choose_model(job));
  job->sources.skip = args->folder ? args->folder : "runs";
  YOLO_TRY(sources_expand(words, n_words, &job->sources));
  YOLO_TRY(targets_name(&job->sources));
  YOLO_TRY(yolo_model_load(job->choice.path, &job->choice.options, &job->model));
  model_warn_partial(&job->choice, &job->model->spec);
  if (job->default_model) say_default(job);
  YOLO_TRY(choose_options(job));
  YOLO_TRY(open_contexts(job));
  YOLO_TRY(make_buffers(job));
  YOLO_TRY(open_writers(job));
done:
  return st;
}

void detect_job_free(detect_job *job) {
  for (int i = 0; i < job->n_writers; ++i) job->writers[i].kind->close(job->writers[i].state);
  prefetch_stop(job->ahead);
  yolo_context_set_close(&job->contexts);
  yolo_model_free(job->model);
  model_choice_release(&job->choice);
  yolo_free(job->default_model);
  sources_free(&job->sources);
  yolo_free(job->classes);
  yolo_free(job->folder);
  yolo_free(job->items);
  yolo_free(job->pixels);
  yolo_free(job->results);
  yolo_free(job->status);
  yolo_free(job->problems);
  yolo_free(job->write_ms);
  yolo_free(job->tally);
  *job = (detect_job){0};
}
