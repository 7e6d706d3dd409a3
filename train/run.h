/* A whole training: from a data.cfg to a folder with a trained model.
 *
 *   plan     what is trained, on what, with which settings; refused here when it cannot work
 *   run      epochs: steps over shuffled, augmented batches; validation of the averaged weights; the best is kept
 *
 * The folder of a run: data.cfg (resolved), train.log, results.csv, report.html, events for TensorBoard, last.ckpt (the only
 * thing resume reads), last.safetensors, best.safetensors. What is said on the way goes through callbacks; nothing is printed
 * here. */
#ifndef YOLO_TRAIN_RUN_H
#define YOLO_TRAIN_RUN_H

#include "train/config.h"
#include "train/session.h"
#include "train/validate.h"

/* What one epoch came to. */
typedef struct yolo_epoch_report {
  int epoch, epochs; /* from 0 */
  yolo_loss_report loss;
  double lr, gradient_norm; /* of the last step; the largest of the epoch */
  double images_per_second, wait_share, seconds;
  uint64_t memory; /* bytes this process holds */
  bool validated, best;
  yolo_validation validation;
} yolo_epoch_report;

/* Any of these may be NULL. */
typedef struct yolo_run_events {
  void *payload;
  void (*note)(void *payload, const char *sentence);
  /* After each step: images of the epoch done, of how many, the report so far. */
  void (*step)(void *payload, const yolo_epoch_report *so_far, size_t done, size_t total);
  void (*epoch)(void *payload, const yolo_epoch_report *report);
  bool (*stop)(void *payload); /* true: save and end (YOLO_ECANCELLED) */
} yolo_run_events;

typedef struct yolo_run yolo_run;
/* Opens data and model, makes the folder, plans memory. resume: go on from the folder's last.ckpt (a note says so when there is
 * none yet). The config must stay. */
yolo_status yolo_run_new(const yolo_config *config, bool resume, const yolo_run_events *events, yolo_run **out);
void yolo_run_free(yolo_run *run);
const char *yolo_run_folder(const yolo_run *run);

/* What will be done, for the lines printed before. */
typedef struct yolo_run_plan {
  const yolo_config *config;
  const char *model, *losses, *device; /* in words */
  size_t train_images, train_objects, val_images, val_objects;
  int classes, width, height, batch, part;
  long parameters, learned;
  yolo_trainer_memory memory;
  size_t optimizer;   /* bytes: its moments and the average of the weights */
  size_t judge;       /* bytes: the weights that are validated, and its activations */
  uint64_t needed;    /* bytes: all of these together */
  uint64_t available; /* bytes that were free before; UINT64_MAX: nobody says */
} yolo_run_plan;
const yolo_run_plan *yolo_run_describe(const yolo_run *run);

/* All epochs. YOLO_ECANCELLED: stopped, everything is saved. */
yolo_status yolo_run_train(yolo_run *run);
/* Writes the weights that are judged as they are now, as a .weights file that Darknet reads (with the images seen, from which
 * it tells the iteration), or as a .safetensors file. For the epoch event and afterwards. */
yolo_status yolo_run_export(const yolo_run *run, const char *path);
/* The best validation so far and its epoch (-1: none). */
const yolo_validation *yolo_run_best(const yolo_run *run, int *epoch);

#endif
