/* A picture with its truths, through network and losses: what --assign and --loss look at. See explain.h. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/cfg/zoo.h"
#include "cli/cli.h"
#include "cli/explain.h"
#include "datasets/folder.h"
#include "train/explain/explain_text.h"
#include "train/transfer.h"

enum { LEVELS_UP = 4, YOUNG = 12800 };

/* ---- the data ---- */

/* The nearest data.cfg in the folder of the picture or above it; NULL: there is none. *out is the caller's. */
static yolo_status find_data(const char *picture, char **out) {
  char *folder = NULL, *above = NULL, *file = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_path_absolute(picture, &folder));
  for (int i = 0; i < LEVELS_UP && !*out; ++i) {
    YOLO_TRY(yolo_path_parent(folder, &above));
    yolo_free(folder);
    folder = above;
    above = NULL;
    YOLO_TRY(yolo_path_join(folder, "data.cfg", &file));
    if (yolo_is_file(file)) {
      *out = file;
      file = NULL;
    }
    yolo_free(file);
    file = NULL;
  }
done:
  yolo_free(folder);
  yolo_free(above);
  yolo_free(file);
  return st;
}

static yolo_status open_config(const explain_job *job, explain_case *s) {
  char *found = NULL;
  const char *data = job->args->data_file;
  yolo_status st = YOLO_OK;
  if (!job->word) return yolo_fail(YOLO_EINVAL, "no picture was named: yolo explain IMAGE --data data.cfg and what to show");
  if (!data) {
    YOLO_TRY(find_data(job->word, &found));
    data = found;
  }
  if (!data) {
    st = yolo_fail(YOLO_EINVAL, "nothing says what is on '%s': add --data data.cfg (or labels of any format)", job->word);
    goto done;
  }
  st = data_args_load(&job->args->data, data, &s->config);
done:
  yolo_free(found);
  return st;
}

/* "dog" and "dog.jpg" both name "a/dog.jpg". */
static bool same_name(const char *word, const char *file) {
  const char *a = yolo_basename(word), *b = yolo_basename(file), *dot = strrchr(b, '.');
  return strcmp(a, b) == 0 || (dot && strlen(a) == (size_t)(dot - b) && strncmp(a, b, (size_t)(dot - b)) == 0);
}

/* The picture among the images of a data set: the file itself, else the one that is called so. */
static bool find_picture(const char *word, const yolo_dataset *data, size_t *out) {
  size_t named = data->n_images;
  for (size_t i = 0; i < data->n_images; ++i) {
    const char *file = yolo_dataset_text(data, data->images[i].file);
    if (!same_name(word, *file ? file : yolo_dataset_text(data, data->images[i].name))) continue;
    named = i;
    if (yolo_path_same_file(word, file)) break;
  }
  *out = named;
  return named < data->n_images;
}

static yolo_status open_split(explain_case *s, yolo_data_split split) {
  yolo_dataset *raw = NULL;
  yolo_status st = yolo_config_open_split(&s->config, yolo_split_names[split], NULL, &raw);
  yolo_dataset_free(s->dataset);
  s->dataset = NULL;
  if (st == YOLO_OK) st = yolo_dataset_clean(raw, NULL, &s->dataset);
  yolo_dataset_free(raw);
  return st;
}

static yolo_status open_data(const explain_job *job, explain_case *s) {
  yolo_data_split only = YOLO_SPLIT_COUNT;
  yolo_status st = YOLO_OK;
  YOLO_TRY(open_config(job, s));
  if (job->args->data.split) YOLO_TRY(yolo_config_find_split(job->args->data.split, &only));
  for (int i = 0; i < YOLO_SPLIT_COUNT; ++i) {
    if (only != YOLO_SPLIT_COUNT ? i != (int)only : !yolo_config_has_split(&s->config, (yolo_data_split)i)) continue;
    YOLO_TRY(open_split(s, (yolo_data_split)i));
    if (find_picture(job->word, s->dataset, &s->index)) return YOLO_OK;
  }
  st = yolo_fail(YOLO_EINVAL, "%s%s%s does not list '%s': name a picture of it, or other data with --data",
                 s->config.file ? s->config.file : "the data", only != YOLO_SPLIT_COUNT ? ", split " : "",
                 only != YOLO_SPLIT_COUNT ? yolo_split_names[only] : "", job->word);
done:
  return st;
}

/* ---- the model ---- */

/* What nobody named comes from [model]; the zoo's yolo-nano where that is empty. */
static yolo_status open_model(const explain_job *job, explain_case *s) {
  explain_args args = *job->args;
  explain_job own = *job;
  const yolo_model_settings *m = &s->config.model;
  const size_t n = s->dataset->n_classes;
  own.args = &args;
  if (!args.model.model && !args.model.weights && !args.model.cfg) {
    const char *base = m->file ? yolo_basename(m->file) : "yolo-nano";
    const bool is_cfg = m->weights != NULL;
    if (is_cfg)
      args.model.cfg = m->file;
    else
      args.model.model = yolo_zoo_text(base) ? base : m->file;
    args.model.weights = m->weights;
    for (int i = 0; i < 2 && !args.model.size[0]; ++i) args.model.size[i] = m->size[i];
  }
  s->names = yolo_alloc_array(n + 1, sizeof *s->names);
  if (!s->names) return YOLO_ENOMEM;
  for (size_t i = 0; i < n; ++i) s->names[i] = yolo_dataset_class_name(s->dataset, (int)i);
  s->n_names = (int)n;
  return explain_open_model(&own, NULL, s->names, (int)n, &s->model);
}

/* The weights of the model, or those that a training would begin with. */
static yolo_status load_weights(explain_case *s) {
  const yolo_transfer_options options = {.path = s->model.weights};
  yolo_transfer_report report = {0};
  yolo_status st = YOLO_OK;
  s->session.seen = 0;
  if (!s->model.weights) return YOLO_OK;
  YOLO_TRY(yolo_transfer(s->session.trainer, &s->model.spec, &options, &report));
  if (report.taken < report.values)
    cli_complain("%s: %zu of %zu parameters are not in the file and stay as drawn", s->model.choice.shown,
                 report.values - report.taken, report.values);
  s->session.seen = s->model.spec.header.seen > YOUNG ? s->model.spec.header.seen : YOUNG;
done:
  yolo_transfer_report_release(&report);
  return st;
}

static yolo_status open_session(const explain_job *job, explain_case *s) {
  yolo_train_settings *t = &s->config.train;
  yolo_status st = YOLO_OK;
  if (s->model.spec.n_heads == 0 || model_is_classifier(&s->model.spec))
    return yolo_fail(YOLO_EUNSUPPORTED, "%s has no detection head, so no prediction answers for an object; name a detector",
                     s->model.choice.shown);
  t->ema = 0;
  t->threads = job->args->model.threads;
  YOLO_TRY(yolo_session_new(&s->model.spec, t, 1, &s->session));
  st = load_weights(s);
done:
  return st;
}

/* ---- classes ---- */

/* The network's number of a class of the data; -1: it does not know it. */
static int class_of(const explain_case *s, int index) {
  const yolo_model_spec *spec = &s->model.spec;
  const char *name = yolo_dataset_class_name(s->dataset, index);
  for (int i = 0; i < spec->n_names; ++i)
    if (strcmp(spec->names[i], name) == 0) return i;
  return spec->classes == (int)s->dataset->n_classes ? index : -1;
}

static yolo_status name_classes(explain_case *s) {
  const yolo_model_spec *spec = &s->model.spec;
  for (int i = 0; i < s->sample.n_objects; ++i) {
    yolo_object *o = &s->sample.objects[i];
    const int index = class_of(s, o->class_index);
    if (index < 0)
      return yolo_fail(YOLO_EINVAL,
                       "the data's class '%s' is none of the %d that %s knows; name a model that was trained on such data",
                       yolo_dataset_class_name(s->dataset, o->class_index), spec->classes, s->model.choice.shown);
    o->class_index = index;
  }
  yolo_free(s->names);
  s->names = yolo_alloc_array((size_t)spec->n_names + 1, sizeof *s->names);
  if (!s->names) return YOLO_ENOMEM;
  for (int i = 0; i < spec->n_names; ++i) s->names[i] = spec->names[i];
  s->n_names = spec->n_names;
  return YOLO_OK;
}

/* ---- the look ---- */

static yolo_status make_sample(explain_case *s) {
  const yolo_model_spec *spec = &s->model.spec;
  const yolo_sample_source source = {yolo_sample_load, s->dataset->n_images, s->dataset};
  yolo_augment augment = s->config.augment;
  yolo_augmenter *augmenter = NULL;
  yolo_status st = YOLO_OK;
  augment.fit = spec->preprocess.fit == YOLO_FIT_LETTERBOX ? YOLO_AUGMENT_LETTERBOX : YOLO_AUGMENT_STRETCH;
  YOLO_TRY(yolo_augmenter_new(&augment, &source, 0, &augmenter));
  st = yolo_augmenter_fit(augmenter, s->index, spec->width, spec->height, &s->sample);
done:
  yolo_augmenter_free(augmenter);
  return st;
}

static void say_scene(const explain_job *job, const explain_case *s) {
  char name[CLI_NAME_MAX];
  if (job->args->quiet) return;
  cli_say("picture   %s: %s\n", cli_printable(explain_case_file(s), name), cli_plural((unsigned)s->sample.n_objects, "object"));
  cli_say("network   %s, input %dx%d%s\n", s->model.choice.shown, s->model.spec.width, s->model.spec.height,
          s->model.weights ? "" : ", with the weights that a training begins with");
}

yolo_status explain_case_open(const explain_job *job, explain_case *s) {
  yolo_status st = YOLO_OK;
  *s = (explain_case){0};
  YOLO_TRY(open_data(job, s));
  YOLO_TRY(open_model(job, s));
  YOLO_TRY(open_session(job, s));
  YOLO_TRY(make_sample(s));
  YOLO_TRY(name_classes(s));
  const yolo_batch batch = {
      .count = 1, .width = s->sample.image.width, .height = s->sample.image.height, .samples = &s->sample};
  YOLO_TRY(yolo_session_look(&s->session, &batch, s->traces, s->reports));
  s->n_groups = s->session.n_groups;
  say_scene(job, s);
done:
  if (st != YOLO_OK) explain_case_close(s);
  return st;
}

void explain_case_close(explain_case *s) {
  for (int i = 0; i < YOLO_SESSION_MOST_GROUPS; ++i) yolo_loss_trace_release(&s->traces[i]);
  yolo_sample_free(&s->sample);
  yolo_session_release(&s->session);
  explain_model_release(&s->model);
  yolo_free(s->names);
  yolo_dataset_free(s->dataset);
  yolo_config_release(&s->config);
  *s = (explain_case){0};
}

const char *explain_case_file(const explain_case *s) {
  const yolo_data_image *image = &s->dataset->images[s->index];
  const char *file = yolo_dataset_text(s->dataset, image->file);
  return yolo_basename(*file ? file : yolo_dataset_text(s->dataset, image->name));
}

void explain_say_loss(const explain_job *job, const yolo_loss_def *loss, bool answers) {
  const yolo_explain_text *text = yolo_explain_text_of(loss->name);
  if (job->args->quiet || !text) return;
  cli_say("\nLoss %s. %s:\n%s", loss->name, text->paper, text->equation);
  if (answers) cli_say("Who answers:\n%s", text->answers);
  cli_say("\n");
}
