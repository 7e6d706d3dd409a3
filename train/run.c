/* A training is planned: data, network, memory. See run.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "backbone/base/threads.h"
#include "backbone/cfg/zoo.h"
#include "train/model_classes.h"
#include "train/run_parts.h"
#include "train/transfer.h"

static const char *const DEFAULT_MODEL = "yolo-nano";
enum { MODEL_BYTES = 1 << 20 };

void yolo_run_note(yolo_run *run, const char *format, ...) {
  char line[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  (void)yolo_text_format(&run->log, "%s\n", line); /* a log that misses a line for want of memory is the least of problems */
  if (run->events.note) run->events.note(run->events.payload, line);
}

yolo_status yolo_run_path(const yolo_run *run, const char *name, char **out) { return yolo_path_join(run->folder, name, out); }

/* ---- data ---- */

static void forward_note(void *payload, const char *sentence) { yolo_run_note(payload, "%s", sentence); }

static void say_findings(yolo_run *run, const char *split, const yolo_data_sink *sink) {
  size_t dropped =
      sink->counts[YOLO_RULE_BOX_OUTSIDE] + sink->counts[YOLO_RULE_BOX_EMPTY] + sink->counts[YOLO_RULE_BOX_INVALID];
  size_t clipped = sink->counts[YOLO_RULE_BOX_CLIPPED];
  if (dropped + clipped > 0)
    yolo_run_note(run, "%s: %zu boxes clipped, %zu left out; 'yolo data check' lists them", split, clipped, dropped);
  /* What the readers found: lines that cannot be read, classes that `names` has not. */
  size_t errors = 0;
  for (int rule = 0; rule < YOLO_RULE_COUNT; ++rule)
    if (yolo_rules[rule].severity == YOLO_SEVERITY_ERROR) errors += sink->counts[rule];
  if (errors > dropped)
    yolo_run_note(run, "%s: %zu errors in the labels, and what they are about is left out; 'yolo data check' lists them", split,
                  errors - dropped);
}

/* As labelled, but with boxes that can be learned. */
static yolo_status open_split(yolo_run *run, const char *split, const char *const *names, int n_names, yolo_dataset **out) {
  yolo_dataset *raw = NULL;
  yolo_data_sink sink = {0};
  yolo_log log = {forward_note, run};
  yolo_data_open_options options = {.names = names, .n_names = n_names, .sink = &sink, .log = &log};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_open_split(run->config, split, &options, &raw));
  YOLO_TRY(yolo_dataset_clean(raw, &sink, out));
  say_findings(run, split, &sink);
done:
  yolo_dataset_free(raw);
  return st;
}

/* The classes are those of the training split; validation is read with them. */
static yolo_status class_names(const yolo_dataset *dataset, const char ***out) {
  const char **names = yolo_alloc_array(dataset->n_classes + 1, sizeof *names);
  if (!names) return YOLO_ENOMEM;
  for (size_t i = 0; i < dataset->n_classes; ++i) names[i] = yolo_dataset_class_name(dataset, (int)i);
  *out = names;
  return YOLO_OK;
}

static bool has_truth(const yolo_dataset *d) {
  for (size_t i = 0; i < d->n_images; ++i)
    if (d->images[i].count > 0 || d->images[i].label != YOLO_DATA_NO_LABEL) return true;
  return false;
}

/* A folder of images that is not there is found before anything is begun; that of `val` would be missed after an epoch only. */
static yolo_status see_first_image(const yolo_dataset *d) {
  yolo_image image = {0};
  yolo_status st = d->n_images > 0 ? yolo_dataset_load_image(d, 0, &image) : YOLO_OK;
  yolo_image_release(&image);
  return st;
}

static yolo_status open_data(yolo_run *run) {
  const char **names = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(open_split(run, "train", NULL, 0, &run->train));
  if (run->train->n_images == 0 || run->train->n_classes == 0) {
    st = yolo_fail(YOLO_EINVAL, "the train split has %zu images and %zu classes: there is nothing to learn",
                   run->train->n_images, run->train->n_classes);
    goto done;
  }
  if (!has_truth(run->train)) {
    st = yolo_fail(YOLO_EINVAL,
                   "the train split has %zu images, but no object of a known class on them: there is nothing to learn; 'yolo "
                   "data check' says what is wrong",
                   run->train->n_images);
    goto done;
  }
  YOLO_TRY(see_first_image(run->train));
  if (!yolo_config_has_split(run->config, YOLO_SPLIT_VAL)) {
    yolo_run_note(run, "there is no val split: nothing is validated, and the last weights count as the best");
    goto done;
  }
  YOLO_TRY(class_names(run->train, &names));
  YOLO_TRY(open_split(run, "val", names, (int)run->train->n_classes, &run->val));
  YOLO_TRY(see_first_image(run->val));
  YOLO_TRY(yolo_eval_truths_make(run->val, &run->truths));
done:
  yolo_free(names);
  return st;
}

/* ---- the network ---- */

yolo_status yolo_run_model_text(const yolo_config *config, char **text, const char **file) {
  const char *name = config->model.file ? config->model.file : DEFAULT_MODEL;
  const char *zoo = yolo_zoo_text(yolo_basename(name));
  size_t length;
  *file = name;
  if (zoo && !strchr(yolo_basename(name), '.')) return (*text = yolo_strdup(zoo)) ? YOLO_OK : YOLO_ENOMEM;
  if (yolo_has_suffix(name, ".cfg")) return yolo_read_file(name, MODEL_BYTES, text, &length);
  yolo_model_spec spec = {0};
  yolo_status st = yolo_model_spec_load(name, NULL, &spec);
  if (st == YOLO_OK && !(*text = yolo_strdup(spec.cfg->source))) st = YOLO_ENOMEM;
  yolo_model_spec_release(&spec);
  return st;
}

/* "yolov4-tiny" of ".../yolov4-tiny.cfg". */
yolo_status yolo_run_short_name(const char *file, char **out) {
  const char *base = yolo_basename(file), *dot = strrchr(base, '.');
  *out = yolo_strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

static const char *fit_name(const yolo_config *config) {
  if (config->model.fit == YOLO_CONFIG_FIT_STRETCH) return "stretch";
  if (config->model.fit == YOLO_CONFIG_FIT_LETTERBOX) return "letterbox";
  return config->augment.fit == YOLO_AUGMENT_STRETCH ? "stretch" : "letterbox";
}

static yolo_status make_spec(const yolo_run *run, yolo_model_spec *out) {
  const char **names = NULL;
  yolo_model_options options = {.letterbox = fit_name(run->config)};
  yolo_status st = class_names(run->train, &names);
  if (st == YOLO_OK)
    st = yolo_model_spec_from_text(run->cfg_text, run->model_name, names, (int)run->train->n_classes, &options, out);
  if (st == YOLO_OK) out->preprocess.pad = (float)run->config->augment.fill / 255; /* what the network learned around images */
  yolo_free(names);
  return st;
}

static yolo_status open_model(yolo_run *run) {
  char *text = NULL;
  const char *file = NULL;
  const yolo_config *c = run->config;
  yolo_model_adaptation to = {(int)run->train->n_classes, c->model.size[0], c->model.size[1]};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_run_model_text(run->config, &text, &file));
  YOLO_TRY(yolo_run_short_name(file, &run->model_name));
  YOLO_TRY(yolo_model_adapt(text, file, &to, &run->cfg_text));
  st = make_spec(run, &run->spec);
  if (st == YOLO_ESHAPE && to.width)
    st = yolo_error_prefix(st, "an input of %d x %d does not fit this network; most want multiples of 32: ", to.width,
                           to.height);
  YOLO_TRY(st);
  if (run->spec.n_heads == 0)
    st = yolo_fail(YOLO_EUNSUPPORTED, "%s: a network without a head cannot be trained: nothing says what its output means",
                   file);
done:
  yolo_free(text);
  return st;
}

/* Each line of a text as a note. */
static void note_lines(yolo_run *run, const char *text) {
  while (*text) {
    size_t length = strcspn(text, "\n");
    yolo_run_note(run, "%.*s", (int)length, text);
    text += length + (text[length] == '\n');
  }
}

const char *yolo_run_first_weights(const yolo_run *run) {
  const yolo_model_settings *m = &run->config->model;
  return m->weights ? m->weights : m->file && yolo_has_suffix(m->file, ".safetensors") ? m->file : NULL;
}

static yolo_status transfer(yolo_run *run) {
  const char *path = yolo_run_first_weights(run);
  yolo_transfer_options options = {.path = path};
  yolo_transfer_report report = {0};
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  if (!path) return YOLO_OK;
  YOLO_TRY(yolo_transfer(run->session.trainer, &run->spec, &options, &report));
  yolo_session_restart_average(&run->session);
  YOLO_TRY(yolo_transfer_describe(&report, &text));
  note_lines(run, text.data);
done:
  yolo_transfer_report_release(&report);
  yolo_text_free(&text);
  return st;
}

/* ---- all of it ---- */

static yolo_status make_loader(yolo_run *run) {
  const yolo_config *c = run->config;
  yolo_log log = {forward_note, run};
  int plain = c->train.epochs - c->train.plain_epochs;
  yolo_loader_options options = {.batch = run->plan.part,
                                 .width = run->spec.width,
                                 .height = run->spec.height,
                                 .workers = c->data.workers,
                                 .seed = (uint64_t)c->train.seed,
                                 .shuffle = true,
                                 .augment = true,
                                 .plain_from = c->train.plain_epochs > 0 ? (plain > 0 ? plain : 1) : 0,
                                 .cache = (yolo_cache_kind)c->data.cache,
                                 .cache_folder = c->data.cache_folder,
                                 .log = &log};
  yolo_augment augment = c->augment;
  augment.fit = strcmp(fit_name(c), "stretch") == 0 ? YOLO_AUGMENT_STRETCH : augment.fit;
  return yolo_loader_new(run->train, &augment, &options, &run->loader);
}

static yolo_status make_judge(yolo_run *run) {
  yolo_model_spec spec = {0};
  yolo_trainer_view view = {run->session.trainer, yolo_session_best_values(&run->session)};
  yolo_model_options options = {.device = "cpu", .threads = run->config->train.threads};
  const int threads = run->config->train.threads > 0 ? run->config->train.threads : yolo_threads_available();
  if (!run->val) return YOLO_OK;
  yolo_status st = make_spec(run, &spec);
  if (st == YOLO_OK) st = yolo_model_from_values(&spec, yolo_trainer_fetch, &view, &options, &run->judge);
  if (st == YOLO_OK) st = yolo_context_set_open(run->judge, threads, run->val->n_images, &run->contexts);
  yolo_model_spec_release(&spec);
  return st;
}

static yolo_status name_losses(yolo_run *run) {
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  for (int i = 0; i < run->session.n_groups && st == YOLO_OK; ++i)
    st = yolo_text_format(&text, "%s%s", i ? ", " : "", run->session.groups[i].loss->name);
  run->losses = text.data;
  return st;
}

static size_t count_objects(const yolo_dataset *d) { return d ? d->n_annotations : 0; }

static void fill_plan(yolo_run *run) {
  yolo_run_plan *p = &run->plan;
  p->model = run->model_name;
  p->losses = run->losses;
  p->device = yolo_trainer_device(run->session.trainer);
  p->train_images = run->train->n_images;
  p->train_objects = count_objects(run->train);
  p->val_images = run->val ? run->val->n_images : 0;
  p->val_objects = count_objects(run->val);
  p->config = run->config;
  p->classes = (int)run->train->n_classes;
  p->width = run->spec.width;
  p->height = run->spec.height;
  p->batch = run->config->train.batch;
  p->judge += run->contexts.bytes;
  p->needed += run->contexts.bytes;
  p->parameters = (long)yolo_graph_param_count(run->spec.graph, true);
  for (int i = 0; i < run->session.ranges.count; ++i) p->learned += (long)run->session.ranges.items[i].count;
}

static void note_place(yolo_run *run, const char *checkpoint) {
  const yolo_checkpoint_state *state = &run->state;
  if (state->next_epoch >= run->config->train.epochs)
    yolo_run_note(run, "%s: all %d epochs are done already; --epochs with more of them goes on", checkpoint, state->next_epoch);
  else if (yolo_run_lost_patience(run))
    yolo_run_note(run,
                  "%s: ended in epoch %d, its last validations (%d) found no better score; a larger train.patience goes on",
                  checkpoint, state->next_epoch, state->without_better);
  else if (state->next_batch == run->steps)
    yolo_run_note(run, "%s: goes on with epoch %d, whose steps are done; it is judged", checkpoint, state->next_epoch + 1);
  else
    yolo_run_note(run, "%s: goes on with epoch %d, step %d", checkpoint, state->next_epoch + 1, state->next_batch + 1);
}

/* Goes on from the folder's checkpoint. Without one it begins at the beginning, and says so. */
static yolo_status go_on(yolo_run *run, bool resume) {
  char *path = NULL;
  yolo_status st = YOLO_OK;
  run->state.best_epoch = -1;
  if (!resume) return YOLO_OK;
  YOLO_TRY(yolo_run_path(run, "last.ckpt", &path));
  if (!yolo_checkpoint_exists(path)) {
    yolo_run_note(run, "%s: there is no checkpoint yet; training begins at the beginning", path);
    st = transfer(run);
    goto done;
  }
  YOLO_TRY(yolo_checkpoint_load(path, &run->session, &run->state));
  if (run->state.damage) yolo_run_note(run, "%s; the one before it, which is whole, takes its place", run->state.damage);
  if (run->state.report) yolo_run_report_read(run->state.report, &run->now);
  note_place(run, path);
done:
  yolo_free(path);
  return st;
}

yolo_status yolo_run_new(const yolo_config *config, bool resume, const yolo_run_events *events, yolo_run **out) {
  yolo_status st = YOLO_OK;
  *out = NULL;
  yolo_run *run = yolo_calloc(1, sizeof *run);
  if (!run) return YOLO_ENOMEM;
  run->config = config;
  if (events) run->events = *events;
  YOLO_TRY(open_data(run));
  YOLO_TRY(open_model(run));
  run->steps = (int)((run->train->n_images + (size_t)config->train.batch - 1) / (size_t)config->train.batch);
  YOLO_TRY(yolo_run_check_memory(run));
  YOLO_TRY(yolo_session_new(&run->spec, &config->train, run->steps, &run->session));
  run->has_session = true;
  YOLO_TRY(yolo_run_choose_part(run));
  if (!resume) YOLO_TRY(transfer(run)); /* what cannot work leaves no folder */
  YOLO_TRY(yolo_run_make_folder(run, resume));
  YOLO_TRY(go_on(run, resume));
  YOLO_TRY(name_losses(run));
  YOLO_TRY(make_loader(run));
  YOLO_TRY(make_judge(run));
  YOLO_TRY(yolo_run_explain_trouble(run, yolo_run_open_files(run)));
  fill_plan(run);
  *out = run;
  run = NULL;
done:
  yolo_run_free(run);
  return st;
}

void yolo_run_free(yolo_run *run) {
  if (!run) return;
  yolo_loader_free(run->loader);
  if (run->has_session) yolo_session_release(&run->session);
  yolo_context_set_close(&run->contexts);
  yolo_model_free(run->judge);
  yolo_model_spec_release(&run->spec);
  yolo_eval_truths_free(&run->truths);
  yolo_dataset_free(run->train);
  yolo_dataset_free(run->val);
  yolo_tensorboard_close(run->board);
  yolo_text_free(&run->csv);
  yolo_text_free(&run->log);
  yolo_text_free(&run->judged);
  yolo_free(run->state.report);
  yolo_free(run->state.damage);
  yolo_free(run->folder);
  yolo_free(run->model_name);
  yolo_free(run->losses);
  yolo_free(run->cfg_text);
  yolo_free(run);
}

const char *yolo_run_folder(const yolo_run *run) { return run->folder; }
const yolo_run_plan *yolo_run_describe(const yolo_run *run) { return &run->plan; }

const yolo_validation *yolo_run_best(const yolo_run *run, int *epoch) {
  if (epoch) *epoch = run->state.best_epoch;
  return &run->best;
}
