/* yolo detector: Darknet's own call shape for those who come from there. */
#ifndef YOLO_CLI_DETECTOR_H
#define YOLO_CLI_DETECTOR_H

#include "cli/args.h"
#include "cli/cli.h"
#include "datasets/darknet_data.h"

typedef struct detector_args {
  args_texts sets;
  const char *dir, *out;
  bool resume, quiet, map, clear, letter_box, ext_output, save_labels;
  double thresh, iou_thresh; /* below 0: not given */
  int points, map_epochs;    /* below 0: not given */
  /* without effect */
  bool dont_show, nogpu, show_imgs, benchmark, benchmark_layers, http, dontdraw_bbox;
  const char *gpus, *gpu, *mjpeg_port, *json_port, *chart, *prefix, *avgframes;
} detector_args;

/* What was called: `yolo detector VERB DATA CFG [WEIGHTS] [IMAGE]`. */
typedef struct detector_call {
  const detector_args *args;
  const char *file, *cfg, *weights, *image; /* file: the .data; the others may be NULL where the verb allows it */
  yolo_darknet_data data;
} detector_call;

/* Each returns an exit code. */
int detector_train(const detector_call *call); /* detector_train.c */
int detector_test(const detector_call *call);  /* detector_look.c: yolo detect */
int detector_map(const detector_call *call);   /* detector_look.c: yolo eval */

#endif
