/* One split of `yolo data synth`: its pictures drawn on all threads and written, its annotations gathered. */
#ifndef YOLO_CLI_SYNTH_SPLIT_H
#define YOLO_CLI_SYNTH_SPLIT_H

#include "cli/progress.h"
#include "datasets/dataset.h"
#include "datasets/synth.h"

typedef struct synth_tally {
  size_t images, objects;
  size_t sizes[3]; /* small, medium, large as COCO has them */
} synth_tally;

typedef struct synth_split {
  const char *name;   /* "train" */
  const char *folder; /* of its images: DIR/images/train */
  uint64_t seed, first;
  int count, width, height, threads;
} synth_split;

/* Writes folder/000001.jpg ... and builds the data set. YOLO_ECANCELLED: the user asked to stop; the images so far are there.
 * tally goes on from what it holds; bar counts images of all splits. *out: yolo_dataset_free. */
yolo_status synth_split_draw(const synth_split *split, synth_tally *tally, progress *bar, yolo_dataset **out);

#endif
