/* Writers of results: one file a format, one table of functions each.
 *
 * A run opens the writers it was asked for, hands every finished image to each of them in the order they were
 * opened, and closes them: finish() makes their files appear, close() alone leaves nothing behind. Writers that make files of
 * an image alone are called by several threads. */
#ifndef YOLO_CLI_OUT_H
#define YOLO_CLI_OUT_H

#include "backbone/base/text.h"
#include "cli/sources.h"
#include "detect/model.h"

/* What stays the same during a run. */
typedef struct out_run {
  const yolo_model *model;
  const source_list *sources;
  const char *folder; /* the output folder; NULL when no writer needs one */
  bool quiet;         /* notes are not wanted; complaints still are */
} out_run;

/* One image. Writers see it in turn; the picture writer, the last, draws into it. */
typedef struct out_image {
  int index; /* into sources */
  const source_item *source;
  yolo_image *image;
  const yolo_result *result;
} out_image;

typedef struct out_kind {
  const char *what; /* "JSON", for the summary */
  /* `arg`: a file name, or what the writer declares below. *state is the writer's own, freed by close. */
  yolo_status (*open)(const out_run *run, const void *arg, void **state);
  yolo_status (*image)(const out_run *run, void *state, const out_image *image);
  yolo_status (*finish)(const out_run *run, void *state); /* NULL: nothing to do */
  void (*close)(void *state);                             /* NULL state is fine */
  bool apart; /* image() is called for several images at once, before that of the others */
} out_kind;

extern const out_kind out_json, out_csv, out_coco, out_txt, out_crops, out_pictures;

/* The classes of a classifier worth telling, best first: at most OUT_TOP; returns how many. */
enum { OUT_TOP = 5 };
int out_top_classes(const yolo_result *result, int top[OUT_TOP]);
/* Never NULL. */
const char *out_class_name(const out_run *run, int class_id);

/* --coco-json FILE with --coco-ref: the argument of out_coco.open is this, not a plain path. */
typedef struct out_coco_arg {
  const char *path, *reference; /* reference may be NULL */
} out_coco_arg;

/* {"image_id":..,"category_id":..,"bbox":[..],"score":..}: a detection as --coco-json writes it, nine significant digits. */
yolo_status out_coco_detection(yolo_text *to, int64_t image_id, int64_t category_id, const yolo_detection *detection);

#endif
