/* One run of `yolo detect`: what it was asked for, what it holds, what it counted. */
#ifndef YOLO_CLI_DETECT_JOB_H
#define YOLO_CLI_DETECT_JOB_H

#include "cli/cli.h"
#include "cli/model_args.h"
#include "cli/out.h"
#include "cli/prefetch.h"
#include "cli/progress.h"
#include "detect/context_set.h"

typedef struct detect_args {
  model_args model;
  double confidence, iou;
  int nms_kind, max_detections, batch;
  int decoders; /* 0: by cores and device */
  bool agnostic, best_class;
  const char *classes;
  const char *folder, *json, *csv, *coco_json, *coco_ref;
  bool no_images, save_txt, crops, quiet;
  bool only_bar;             /* says nothing but complaints and shows the progress bar: others report (yolo eval) */
  const out_kind *collector; /* one writer more, for those who want detections in memory; may be NULL */
  const void *collector_arg;
} detect_args;

enum { DETECT_MAX_WRITERS = 7 };

typedef struct detect_writer {
  const out_kind *kind;
  const char *path; /* NULL: in the output folder */
  void *state;
} detect_writer;

typedef struct detect_totals {
  long images, failed, detections;
  double load_ms, network_ms, post_ms; /* sums over images; load_ms with the decoding, on other threads */
  /* Waiting for images; resizing them or handing them to the device (side by side: the sum over the threads); writing. */
  double wait_ms, copy_ms, write_ms;
  /* What network_ms holds of first passes, in which a GPU settles on kernels, and how many images these had. */
  double first_ms;
  long first_images;
  double start_ms;
} detect_totals;

/* Everything is owned; detect_job_free. */
typedef struct detect_job {
  const detect_args *args;
  source_list sources;
  model_choice choice;
  char *default_model; /* owned: taken because none was named; NULL: one was */
  yolo_model *model;
  yolo_context_set contexts; /* several: images go through the network side by side */
  yolo_context *context;     /* the first of them */
  yolo_detect_options options;
  int *classes; /* what options.classes points to */
  char *folder; /* NULL: nothing is written into one */
  out_run run;
  detect_writer writers[DETECT_MAX_WRITERS];
  int n_writers, writers_apart;
  prefetch *ahead;
  int threads;          /* of this run */
  int lot;              /* images that are taken at a time, side by side */
  prefetch_item *items; /* each of these: detect_batch_room() of them */
  yolo_pixels *pixels;
  yolo_result **results;
  yolo_status *status;
  char **problems;  /* owned: the sentences of status */
  double *write_ms; /* of pictures and crops */
  int *tally;       /* detections by class, for a line */
  int last_count;   /* images of the last batch */
  progress bar;
  detect_totals totals;
} detect_job;

/* detect_setup.c: files, model, options and writers, in this order. Nothing was written when it fails. */
yolo_status detect_setup(detect_job *job, const detect_args *args, char *const *words, int n_words);
void detect_job_free(detect_job *job);

/* detect_batch.c: room for how many images there must be, how many to take now; the network over them and what is written of
 * each alone; then what became of one. */
int detect_batch_room(const detect_job *job);
int detect_batch_size(const detect_job *job);
yolo_status detect_batch_run(detect_job *job, int count);
yolo_status detect_batch_status(detect_job *job, int i);

/* detect_loop.c: every image; returns the exit code. Files of the writers appear at the end. */
int detect_loop(detect_job *job);

/* detect_report.c */
void detect_report_start(const detect_job *job);
void detect_report_image(detect_job *job, const source_item *source, const yolo_result *result);
void detect_report_end(const detect_job *job);

#endif
