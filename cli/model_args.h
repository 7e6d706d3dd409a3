/* The options that name a model and say how it runs; shared by detect, info, bench and convert. */
#ifndef YOLO_CLI_MODEL_ARGS_H
#define YOLO_CLI_MODEL_ARGS_H

#include "cli/args.h"
#include "detect/model.h"

typedef struct model_args {
  const char *model, *cfg, *weights, *names, *device;
  int size[2]; /* width, height; 0: the model's own */
  int threads, resize, cutoff, precision;
  bool letterbox, stretch, deterministic;
} model_args;

/* For a model_args at the start of a command's struct: which files, how the input is made, where it runs. */
extern const args_option model_args_files[], model_args_input[], model_args_run[];

/* What the options mean together. */
typedef struct model_choice {
  const char *path;  /* weights or .safetensors; NULL: there is only a cfg */
  const char *shown; /* the file to name to the user */
  char *found_cfg;   /* owned: a cfg that lay beside the weights */
  yolo_model_options options;
} model_choice;

/* `word`: a model named without an option, or NULL. Looks at names only; opens nothing. */
yolo_status model_args_resolve(const model_args *args, const char *word, model_choice *out);
void model_choice_release(model_choice *choice);
const char *model_args_precision(const model_args *args); /* "fp32" when none was named */

/* Says on standard error which layers a cut weights file leaves with random weights. */
void model_warn_partial(const model_choice *choice, const yolo_model_spec *spec);

/* A line about a loaded spec: "yolov3.cfg: 80 classes, input 416x416x3, stretched, half-pixel". */
yolo_status model_describe(const char *shown, const yolo_model_spec *spec, char *to, size_t room);
bool model_is_classifier(const yolo_model_spec *spec);

#endif
