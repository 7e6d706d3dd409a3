/* A training that begins with the weights of another one: every tensor whose name and shape are those of a parameter is taken,
 * the others stay as drawn.
 *
 * Heads are the parts that differ: other classes are other rows. Where the class names of both are known, the rows of boxes and
 * objectness are taken as they are and those of classes by name, so that a "person" of COCO begins as one here. */
#ifndef YOLO_TRAIN_TRANSFER_H
#define YOLO_TRAIN_TRANSFER_H

#include "backbone/base/text.h"
#include "backbone/graph/trainer.h"
#include "detect/model.h"

typedef struct yolo_transfer_options {
  const char *path;  /* a .safetensors or .weights file; .weights may end after some layers (darknet53.conv.74) */
  const char *cfg;   /* .weights only: the network they belong to; NULL: this one, with any number of classes */
  const char *names; /* the file's class names, one a line; NULL: its own (.weights have none) */
} yolo_transfer_options;

typedef enum yolo_transfer_kind {
  YOLO_TRANSFER_TAKEN,
  YOLO_TRANSFER_BY_CLASS, /* taken row by row */
  YOLO_TRANSFER_SHAPE,    /* in both, with other shapes: stays as drawn */
  YOLO_TRANSFER_MISSING,  /* the file lacks it: stays as drawn */
  YOLO_TRANSFER_UNUSED,   /* only the file has it */
  YOLO_TRANSFER_KINDS
} yolo_transfer_kind;

typedef struct yolo_transfer_item {
  char *name; /* owned */
  yolo_transfer_kind kind;
  int ndim, dims[4];           /* in the file; ndim -1: not there */
  int ndim_here, dims_here[4]; /* -1: not there */
} yolo_transfer_item;

typedef struct yolo_transfer_report {
  char *file;                /* without its folder; owned */
  yolo_transfer_item *items; /* owned; in the order of the file, then what it lacks */
  int count, capacity;
  int counts[YOLO_TRANSFER_KINDS];
  size_t values, taken; /* numbers of this network, and how many of them come from the file */
  int classes, classes_found;
  yolo_text class_names; /* the first of those found: "person, car" */
} yolo_transfer_report;

/* The spec is the one that the trainer was made from, its names those of the data. Where nothing fits it is a failure. Whoever
 * keeps an average begins it anew afterwards (yolo_session_restart_average). *out: yolo_transfer_report_release, also after a
 * failure. */
yolo_status yolo_transfer(yolo_trainer *trainer, const yolo_model_spec *spec, const yolo_transfer_options *options,
                          yolo_transfer_report *out);
void yolo_transfer_report_release(yolo_transfer_report *report);
/* In words, a line a kind, each with its end. */
yolo_status yolo_transfer_describe(const yolo_transfer_report *report, yolo_text *out);

#endif
