/* What --cam and --features share: a model with its weights, a picture, and one pass of it through the network. */
#ifndef YOLO_CLI_EXPLAIN_VIEW_H
#define YOLO_CLI_EXPLAIN_VIEW_H

#include "cli/cli.h"
#include "cli/explain.h"
#include "train/explain/pass.h"

typedef struct explain_view {
  explain_model model;
  char *default_model; /* owned: taken because none was named */
  yolo_image image;
  yolo_explain_pass pass;
} explain_view;

/* Model and picture. Zero-initialise; explain_view_release. */
yolo_status explain_view_open(const explain_job *job, explain_view *out);
/* The pass, in which the values of some nodes are kept. */
yolo_status explain_view_run(const explain_job *job, explain_view *view, const int *nodes, int n);
void explain_view_release(explain_view *view);

/* The picture resized so that its longer side has between `least` and `most` pixels. */
yolo_status explain_view_picture(const explain_view *view, int least, int most, yolo_image *out);
/* "layer 12 [convolutional], 13x13x512" */
enum { EXPLAIN_LAYER_MAX = 96 };
const char *explain_layer_text(const yolo_model_spec *spec, int layer, char to[EXPLAIN_LAYER_MAX]);
/* The name of a class, or its number; fit for a terminal. */
const char *explain_class_text(const yolo_model_spec *spec, int class_id, char to[CLI_NAME_MAX]);

#endif
