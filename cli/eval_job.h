/* One run of `yolo eval`: what it was asked for and what it holds. */
#ifndef YOLO_CLI_EVAL_JOB_H
#define YOLO_CLI_EVAL_JOB_H

#include "cli/cli.h"
#include "cli/data_args.h"
#include "cli/detect_job.h"
#include "cli/eval_facts.h"
#include "cli/outfile.h"
#include "train/eval/eval_report.h"

typedef struct eval_args {
  data_args data;
  detect_args detect; /* model, confidence, NMS, batch: as for `yolo detect` */
  const char *gt, *dt, *gt_masks, *dt_masks;
  bool box, mask, voc07, voc12, one_class;
  const char *limits, *ious, *recalls, *areas, *classes, *image_ids;
  int ignore; /* of label maps */
  bool per_class, quiet;
  int draws, seed;
  const char *json, *report;
} eval_args;

/* Milliseconds an image, and how many were run; 0: nothing was. */
typedef struct eval_pace {
  double load_ms, network_ms, post_ms;
  long images, failed;
} eval_pace;

/* Everything is owned; eval_job_free. */
typedef struct eval_job {
  const eval_args *args;
  const char *truth_name; /* what was named as truth */
  const char *split;      /* of it; NULL: it has none */
  yolo_config config;
  yolo_dataset *dataset;
  yolo_eval_truths truths;
  yolo_eval_results results;
  yolo_eval_params params;
  char *area_names; /* params.area_names point into it */
  yolo_eval_report report;
  eval_pace pace;
  eval_facts facts; /* the protocol in words */
  outfile page;     /* --report */
  bool classified;  /* a classifier was scored and reported: nothing else is to be done */
  yolo_nms nms;     /* of the model that was run */
  char *model_line; /* "yolov3.weights: 80 classes, images stretched to 416x416 (half-pixel)"; NULL: no model was run */
} eval_job;

/* eval_setup.c */
yolo_status eval_read_params(eval_job *job);
yolo_status eval_open_truth(eval_job *job, const args_words *words);
/* eval_images.c: --image-ids, a list or a file of them: only these images are scored. */
yolo_status eval_keep_images(eval_job *job, const char *ids);
void eval_job_free(eval_job *job);

/* eval_model.c: runs the model over the images of the truth; detections are those of `yolo detect --coco-json`, to the digit.
 * *code: an exit code, of which CLI_OK and CLI_SOME_FAILED mean that there are results. */
yolo_status eval_run_model(eval_job *job, int *code);

/* eval_classify.c: top-1 and top-5 of a classifier. */
yolo_status eval_classify(eval_job *job);
/* eval_maps.c: label maps in two folders. */
yolo_status eval_maps(eval_job *job);

/* eval_facts.c: sets job->facts. */
yolo_status eval_find_facts(eval_job *job);
/* eval_page.c: --report. Opened first, so that nothing is run for a page that cannot be written; a write commits. Both do
 * nothing where no page is wanted. */
yolo_status eval_page_open(eval_job *job);
yolo_status eval_write_page(eval_job *job);
/* "model.weights scored on data.cfg" */
yolo_status eval_page_title(const eval_job *job, yolo_text *out);

/* eval_print.c, eval_json.c */
void eval_print(const eval_job *job);
yolo_status eval_write_json(const eval_job *job);

#endif
