/* What run.c (planning), run_train.c (epochs) and run_files.c (the folder) share. Private to them. */
#ifndef YOLO_TRAIN_RUN_PARTS_H
#define YOLO_TRAIN_RUN_PARTS_H

#include "train/checkpoint.h"
#include "train/run.h"
#include "train/tensorboard.h"

struct yolo_run {
  const yolo_config *config;
  yolo_run_events events;
  char *folder, *model_name, *losses;
  char *cfg_text;            /* adapted to classes and input */
  yolo_dataset *train, *val; /* cleaned; val NULL: there is none */
  yolo_eval_truths truths;   /* of val */
  yolo_model_spec spec;
  yolo_session session;
  bool has_session;
  yolo_loader *loader;
  yolo_model *judge;         /* runs the averaged weights on val */
  yolo_context_set contexts; /* of the judge: they stay, so that memory is the same after every epoch */
  yolo_run_plan plan;
  int parts; /* loader batches of a step */
  int steps; /* of an epoch */
  yolo_checkpoint_state state;
  yolo_validation best;
  yolo_epoch_report now;
  double waited_ms;
  /* the folder */
  yolo_text csv, log;
  yolo_text judged; /* of report.html: the sections of the best model; empty: not made by this process */
  yolo_tensorboard *board;
};

/* A sentence for people and for train.log. */
void yolo_run_note(yolo_run *run, const char *format, ...) YOLO_PRINTF(2, 3);
/* Weights to begin with: those of a model file, or [model] weights; NULL: random ones. */
const char *yolo_run_first_weights(const yolo_run *run);
/* FOLDER/NAME; the caller's (yolo_free). */
yolo_status yolo_run_path(const yolo_run *run, const char *name, char **out);

/* run_files.c */
yolo_status yolo_run_make_folder(yolo_run *run, bool resume);
/* Adds to the sentence of a failure from outside (disk, images) what is lost (nothing) and how to go on. */
yolo_status yolo_run_explain_trouble(const yolo_run *run, yolo_status st);
/* What a killed run left half written goes away (run_sweep.c). */
yolo_status yolo_run_sweep(const yolo_run *run);
/* data.cfg and the files that grow; rows of epochs from state.next_epoch on are cut off. */
yolo_status yolo_run_open_files(yolo_run *run);
yolo_status yolo_run_write_epoch(yolo_run *run);
yolo_status yolo_run_save_state(yolo_run *run);
yolo_status yolo_run_save_model(yolo_run *run, const float *values, const char *name);
/* spec.provenance anew (run_origin.c). */
yolo_status yolo_run_note_origin(yolo_run *run, bool best);
/* The images of a batch with their boxes, for a look at what went wrong. *path is the caller's. */
yolo_status yolo_run_save_batch(yolo_run *run, const yolo_batch *batch, const char *name, char **path);
/* What the judge (which holds the best weights) finds on the first images of the validation split, as pictures
 * (run_samples.c). */
yolo_status yolo_run_save_samples(yolo_run *run);

/* run_memory.c. Before the session: do its weights fit? After: sets the plan's memory and how many images are there at a time.
 */
yolo_status yolo_run_check_memory(yolo_run *run);
yolo_status yolo_run_choose_part(yolo_run *run);

/* run.c. model.file: a cfg, a model file, or a network of the zoo by its name, with its text. *text is the caller's. */
yolo_status yolo_run_model_text(const yolo_config *config, char **text, const char **file);
/* run_train.c: train.patience validations have not found a better score. */
bool yolo_run_lost_patience(const yolo_run *run);

/* run_page.c: report.html. details: of the validation that was the best so far. */
yolo_status yolo_run_tell_best(yolo_run *run, yolo_validation_details *details);
yolo_status yolo_run_write_page(yolo_run *run);

/* "dog" of "a/dog.jpg"; the caller's. */
yolo_status yolo_run_short_name(const char *file, char **out);
/* The sums of an epoch that is not over, as text and back. */
yolo_status yolo_run_report_text(const yolo_epoch_report *report, char **out);
void yolo_run_report_read(const char *text, yolo_epoch_report *out);

#endif
