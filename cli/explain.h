/* yolo explain: one function a mode, and what modes share: the model, the picture, the name of what is written.
 *
 * A mode is a row of the table in cmd_explain.c and a file explain_<mode>.c. */
#ifndef YOLO_CLI_EXPLAIN_H
#define YOLO_CLI_EXPLAIN_H

#include "backbone/base/text.h"
#include "cli/data_args.h"
#include "cli/model_args.h"
#include "train/explain/explain_assign.h"

typedef struct explain_args {
  model_args model;
  data_args data;
  const char *data_file; /* --data: the truths of a picture */
  const char *out, *json;
  bool gradcheck, assign, loss;
  bool quiet;
  bool cam;
  const char *features;   /* --features: a layer */
  const char *layer;      /* --cam: NULL: the last map before the scores */
  const char *class_name; /* --cam: a name or a number; NULL: any */
  double confidence;
  int detection, channels;
  bool in_order;
} explain_args;

typedef struct explain_job {
  const explain_args *args;
  const char *word; /* the network of --gradcheck, the picture of every other mode; NULL: none was named */
  int drawing;      /* modes asked for that write a picture */
} explain_job;

/* ---- modes: what they say goes to cli_say; a failure is one sentence ---- */

yolo_status explain_gradcheck(const explain_job *job);
yolo_status explain_cam(const explain_job *job);
yolo_status explain_features(const explain_job *job);
yolo_status explain_assign(const explain_job *job);
yolo_status explain_loss(const explain_job *job);

/* ---- the model (explain_model.c) ---- */

/* A network and where its parameters come from. Zero-initialise; explain_model_release. */
typedef struct explain_model {
  model_choice choice; /* choice.shown names it to people */
  const char *weights; /* a .safetensors or .weights file; NULL: none, parameters are drawn */
  yolo_model_spec spec;
} explain_model;

/* `word` or --model: a network of the zoo, a .cfg, a .safetensors; or --weights with --cfg. names (NULL: the model's own) are
 * those of the data: a network without weights is made for so many classes. */
yolo_status explain_open_model(const explain_job *job, const char *word, const char *const *names, int n_names,
                               explain_model *out);
void explain_model_release(explain_model *model);

/* ---- pictures (explain_model.c) ---- */

/* The picture that was named, loaded; a mode without one fails with a sentence. */
yolo_status explain_load_image(const explain_job *job, yolo_image *out);
/* Where a mode's picture goes: --out, else runs/explain/STEM-<mode>.png. Its folder is made. Append to an empty text. */
yolo_status explain_out_path(const explain_job *job, const char *mode, yolo_text *out);

/* ---- a picture with its truths, through network and losses (explain_case.c) ---- */

/* Zero-initialise; explain_case_close. */
typedef struct explain_case {
  yolo_config config;
  yolo_dataset *dataset; /* of the split that has the picture, its boxes cleaned */
  size_t index;          /* of the picture */
  const char **names;    /* owned: of the classes of the network */
  int n_names;
  explain_model model;
  yolo_session session;
  yolo_sample sample; /* as the network sees it; class indices are the network's */
  int n_groups;
  yolo_loss_trace traces[YOLO_SESSION_MOST_GROUPS];
  yolo_loss_report reports[YOLO_SESSION_MOST_GROUPS];
} explain_case;

/* Finds the picture in the data (--data, or a data.cfg in a folder above it), opens the model (--model, or what [model] says)
 * and lets losses look at it. Says on standard output which data and which model they are. */
yolo_status explain_case_open(const explain_job *job, explain_case *out);
void explain_case_close(explain_case *scene);
const char *explain_case_file(const explain_case *scene); /* of the picture, without its folder */
/* The equation of a loss, its paper and, with `answers`, who answers for a truth; nothing when --quiet. */
void explain_say_loss(const explain_job *job, const yolo_loss_def *loss, bool answers);

#endif
