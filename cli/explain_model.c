/* What the modes of `yolo explain` share: the model and the picture. See explain.h. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/cfg/zoo.h"
#include "cli/explain.h"
#include "train/model_classes.h"

enum { CFG_BYTES = 1 << 20 };

/* ---- the model ---- */

/* The text of a network of the zoo that is named as such; NULL: it is a file. */
static const char *zoo_text(const char *name) { return name && !strpbrk(name, "./") ? yolo_zoo_text(name) : NULL; }

/* A network without weights, made for the classes of the data. */
static yolo_status from_text(const char *text, const char *file, const char *const *names, int n_names, explain_model *out) {
  const yolo_model_options *o = &out->choice.options;
  const yolo_model_adaptation to = {n_names, o->width, o->height};
  char *adapted = NULL;
  yolo_status st = yolo_model_adapt(text, file, &to, &adapted);
  if (st == YOLO_OK) st = yolo_model_spec_from_text(adapted, file, names, n_names, o, &out->spec);
  yolo_free(adapted);
  return st;
}

static yolo_status from_cfg(const char *path, const char *const *names, int n_names, explain_model *out) {
  char *text = NULL;
  size_t length;
  yolo_status st = YOLO_OK;
  if (n_names == 0) return yolo_model_spec_load(path, &out->choice.options, &out->spec);
  YOLO_TRY(yolo_read_file(path, CFG_BYTES, &text, &length));
  st = from_text(text, path, names, n_names, out);
done:
  yolo_free(text);
  return st;
}

/* A name of the zoo, with --weights or without. */
static yolo_status from_zoo(const explain_job *job, const char *name, const char *const *names, int n_names,
                            explain_model *out) {
  model_args args = job->args->model;
  yolo_status st = YOLO_OK;
  args.model = NULL;
  args.cfg = name;
  YOLO_TRY(model_args_resolve(&args, NULL, &out->choice));
  out->weights = args.weights;
  if (args.weights) return yolo_model_spec_from_text(zoo_text(name), name, NULL, 0, &out->choice.options, &out->spec);
  st = from_text(zoo_text(name), name, names, n_names, out);
done:
  return st;
}

yolo_status explain_open_model(const explain_job *job, const char *word, const char *const *names, int n_names,
                               explain_model *out) {
  const model_args *args = &job->args->model;
  const char *name = word ? word : args->model ? args->model : args->cfg;
  yolo_status st = YOLO_OK;
  *out = (explain_model){0};
  if (!name && !args->weights)
    return yolo_fail(YOLO_EINVAL, "no model was named; add --model FILE.safetensors, a .cfg, or a network of the zoo (%s)",
                     "yolo-nano");
  if (zoo_text(name)) return from_zoo(job, name, names, n_names, out);
  YOLO_TRY(model_args_resolve(args, word, &out->choice));
  out->weights = out->choice.path;
  if (!out->weights)
    st = from_cfg(out->choice.shown, names, n_names, out);
  else
    st = yolo_model_spec_load(out->choice.path, &out->choice.options, &out->spec);
done:
  if (st != YOLO_OK) explain_model_release(out);
  return st;
}

void explain_model_release(explain_model *model) {
  yolo_model_spec_release(&model->spec);
  model_choice_release(&model->choice);
  model->weights = NULL;
}

/* ---- pictures ---- */

yolo_status explain_load_image(const explain_job *job, yolo_image *out) {
  *out = (yolo_image){0};
  if (!job->word) return yolo_fail(YOLO_EINVAL, "no picture was named: yolo explain IMAGE and what to show of it");
  return yolo_image_load(job->word, out);
}

yolo_status explain_out_path(const explain_job *job, const char *mode, yolo_text *out) {
  const char *base = yolo_basename(job->word), *dot = strrchr(base, '.');
  const int stem = (int)(dot && dot > base ? dot - base : (ptrdiff_t)strlen(base));
  yolo_status st = YOLO_OK;
  if (job->args->out && job->drawing > 1)
    return yolo_fail(YOLO_EINVAL, "--out names one picture, but %d are asked for; leave it out or ask for one", job->drawing);
  YOLO_TRY(job->args->out ? yolo_text_format(out, "%s", job->args->out)
                          : yolo_text_format(out, "runs/explain/%.*s-%s.png", stem, base, mode));
  st = yolo_path_make_parent(out->data);
done:
  return st;
}
