/* yolo detector train: Darknet's cfg as settings, a run as of `yolo train`, and the weights where Darknet would put them. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "cli/detector.h"
#include "cli/train_talk.h"
#include "detect/model.h"
#include "train/config.h"
#include "train/darknet_net.h"

/* As Darknet has it: NAME_last every 100 iterations, a numbered file every 1000 of short trainings and 10000 of long ones. */
enum { LAST_EVERY = 100, NUMBERED_EVERY = 1000, NUMBERED_EVERY_LONG = 10000, LONG_TRAINING = 10000, MAP_EVERY = 4 };

typedef struct training {
  const detector_call *call;
  yolo_config config;
  yolo_darknet_net net;
  yolo_run *run;
  train_talk talk;
  char *name; /* of the cfg, without .cfg */
  int last;   /* iteration of the last NAME_last.weights */
  bool failed;
} training;

/* ---- settings ---- */

static yolo_status count_images(const training *t, size_t *out) {
  const detector_args *a = t->call->args;
  yolo_config config = {0};
  yolo_dataset *dataset = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_load(t->call->file, a->sets.items, a->sets.count, &config));
  YOLO_TRY(yolo_config_open_split(&config, "train", NULL, &dataset));
  *out = dataset->n_images;
done:
  yolo_dataset_free(dataset);
  yolo_config_release(&config);
  return st;
}

/* With -map every four epochs, but not more often than every 100 iterations; without, at the end alone. */
static yolo_status set_validation(training *t) {
  const detector_args *a = t->call->args;
  int every = a->map_epochs > 0 ? a->map_epochs : MAP_EVERY;
  while ((long)every * t->net.per_epoch < LAST_EVERY && every < t->net.epochs) ++every;
  return yolo_darknet_net_set_number(&t->net, "train.validate_every", a->map ? every : t->net.epochs);
}

static yolo_status load_settings(training *t) {
  const detector_call *call = t->call;
  yolo_cfg *cfg = NULL;
  size_t images = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_model_cfg(call->cfg, &cfg));
  YOLO_TRY(count_images(t, &images));
  YOLO_TRY(yolo_darknet_net_read(cfg, images, &t->net));
  YOLO_TRY(set_validation(t));
  YOLO_TRY(yolo_darknet_net_set(&t->net, "model.file", call->cfg));
  if (call->weights) YOLO_TRY(yolo_darknet_net_set(&t->net, "model.weights", call->weights));
  if (call->args->dir) YOLO_TRY(yolo_darknet_net_set(&t->net, "output.dir", call->args->dir));
  for (int i = 0; i < call->args->sets.count; ++i) {
    const char *set = call->args->sets.items[i], *equals = strchr(set, '=');
    char key[64];
    snprintf(key, sizeof key, "%.*s", equals ? (int)(equals - set) : (int)strlen(set), set);
    YOLO_TRY(yolo_darknet_net_set(&t->net, key, equals ? equals + 1 : ""));
  }
  st = yolo_config_load(call->file, (const char *const *)t->net.sets.items, t->net.sets.count, &t->config);
done:
  yolo_cfg_free(cfg);
  return st;
}

/* ---- weights where Darknet would put them ---- */

static yolo_status export(training *t, const char *which) {
  const char *backup = t->call->data.backup;
  yolo_text path = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(&path, "%s/%s_%s.weights", backup && *backup ? backup : yolo_run_folder(t->run), t->name, which));
  YOLO_TRY(yolo_path_make_parent(path.data));
  st = yolo_run_export(t->run, path.data);
done:
  yolo_text_free(&path);
  return st;
}

/* A training is not lost for a copy: what cannot be written is said once, and the exit code says it too. */
static void try_export(training *t, const char *which) {
  if (t->failed || export(t, which) == YOLO_OK) return;
  t->failed = true;
  cli_complain("%s", yolo_error_message());
}

/* A cfg that was made to fit the data lies in no file of the user's, and weights without theirs cannot be used. */
static yolo_status export_cfg(training *t) {
  const char *backup = t->call->data.backup, *folder = yolo_run_folder(t->run);
  yolo_text name = {0};
  char *model = NULL, *path = NULL;
  yolo_model_spec spec = {0};
  yolo_cfg *given = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_model_cfg(t->call->cfg, &given));
  YOLO_TRY(yolo_path_join(folder, "last.safetensors", &model));
  YOLO_TRY(yolo_model_spec_load(model, NULL, &spec));
  if (strcmp(spec.cfg->source, given->source) == 0) goto done;
  YOLO_TRY(yolo_text_format(&name, "%s_final.cfg", t->name));
  YOLO_TRY(yolo_path_join(backup && *backup ? backup : folder, name.data, &path));
  YOLO_TRY(yolo_write_file(path, spec.cfg->source, strlen(spec.cfg->source)));
  if (!t->call->args->quiet) cli_say("network   as it was made to fit the data: %s\n", path);
done:
  yolo_cfg_free(given);
  yolo_model_spec_release(&spec);
  yolo_text_free(&name);
  yolo_free(model);
  yolo_free(path);
  return st;
}

static void on_epoch(void *payload, const yolo_epoch_report *r) {
  training *t = payload;
  const int now = (r->epoch + 1) * t->net.per_epoch, before = now - t->net.per_epoch;
  const int every = t->net.iterations < LONG_TRAINING ? NUMBERED_EVERY : NUMBERED_EVERY_LONG;
  train_talk_epoch(&t->talk, r);
  if (r->best) try_export(t, "best");
  if (now - t->last >= LAST_EVERY) {
    t->last = now;
    try_export(t, "last");
  }
  if (now / every > before / every) {
    char number[32];
    snprintf(number, sizeof number, "%d", now);
    try_export(t, number);
  }
}

/* ---- the run ---- */

static void on_note(void *payload, const char *sentence) {
  training *t = payload;
  train_talk_events(&t->talk).note(&t->talk, sentence);
}

static void on_step(void *payload, const yolo_epoch_report *r, size_t done, size_t total) {
  training *t = payload;
  train_talk_events(&t->talk).step(&t->talk, r, done, total);
}

static void say_plan(const training *t) {
  const yolo_darknet_net *n = &t->net;
  if (n->notes.data) cli_say("%s", n->notes.data);
  cli_say("Darknet   max_batches = %d: %d epochs of %d iterations with %d images\n", n->iterations, n->epochs, n->per_epoch,
          n->batch);
  train_talk_plan(t->run);
}

static yolo_status train(training *t) {
  const detector_args *a = t->call->args;
  yolo_run_events events = {t, on_note, on_step, on_epoch, train_talk_events(&t->talk).stop};
  char *dot;
  yolo_status st = YOLO_OK;
  YOLO_TRY(load_settings(t));
  YOLO_ENOMEM_IF_NULL(t->name = yolo_strdup(yolo_basename(t->call->cfg)));
  if ((dot = strrchr(t->name, '.')) && dot > t->name) *dot = '\0';
  YOLO_TRY(yolo_run_new(&t->config, a->resume, &events, &t->run));
  if (!a->quiet) say_plan(t);
  YOLO_TRY(yolo_run_train(t->run));
  try_export(t, "last");
  try_export(t, "final");
  if (!t->failed) YOLO_TRY(export_cfg(t));
  if (!a->quiet) train_talk_end(t->run, t->call->file);
done:
  return st;
}

int detector_train(const detector_call *call) {
  training t = {.call = call, .talk = {.quiet = call->args->quiet, .epoch = -1}};
  cli_catch_interrupts();
  const yolo_status st = train(&t);
  int code = t.run ? train_talk_leave(t.run, st) : cli_fail();
  if (code == CLI_OK && t.failed) code = CLI_ERROR;
  yolo_run_free(t.run);
  yolo_config_release(&t.config);
  yolo_darknet_net_release(&t.net);
  yolo_free(t.name);
  return code;
}
