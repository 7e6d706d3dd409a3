/* yolo explain: one function a mode, and what modes share: the model, the picture, the name of what is written.
 *
 * A mode is a row of the table in cmd_explain.c and a file explain_<mode>.c. */
#ifndef YOLO_CLI_EXPLAIN_H
#define YOLO_CLI_EXPLAIN_H

#include "backbone/base/text.h"
#include "cli/data_args.h"
#include "cli/model_args.h"

typedef struct explain_args {
  model_args model;
  data_args data;
  const char *data_file; /* --data: the truths of a picture */
  const char *out, *json;
  bool gradcheck, assign, loss;
  const char *loss_name; /* --with: another loss than the network's */
  bool quiet;
} explain_args;

typedef struct explain_job {
  const explain_args *args;
  const char *word; /* the network of --gradcheck, the picture of every other mode; NULL: none was named */
  int drawing;      /* modes asked for that write a picture */
} explain_job;

/* ---- modes: what they say goes to cli_say; a failure is one sentence ---- */

yolo_status explain_gradcheck(const explain_job *job);

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

#endif
