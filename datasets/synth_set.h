/* A whole data set of drawn pictures (synth.h) as a folder that is ready to use:
 *
 *   DIR/images/train/000001.jpg ...          the pictures: 8-bit RGB, width x height pixels
 *   DIR/annotations/instances_train.json     COCO JSON: exact masks (RLE) and boxes, in pixels
 *   DIR/data.cfg                             names both splits; written last: a folder with one is whole
 *   DIR/synth.txt                            written first: a folder with one may be drawn over
 *
 * and the same for val. The files are a function of the plan without its folder and threads. */
#ifndef YOLO_DATASETS_SYNTH_SET_H
#define YOLO_DATASETS_SYNTH_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"
#include "datasets/synth.h"

enum { YOLO_SYNTH_SPLITS = 2 }; /* train, val */

typedef struct yolo_synth_plan {
  const char *folder;            /* the caller's */
  int counts[YOLO_SYNTH_SPLITS]; /* pictures; 0: the split is left out */
  int width, height;             /* pixels, each YOLO_SYNTH_LEAST_SIDE to YOLO_SYNTH_MOST_SIDE */
  int threads;                   /* at least 1 */
  int seed;
} yolo_synth_plan;

typedef struct yolo_synth_tally {
  size_t images, objects;
  size_t sizes[3]; /* objects that are small, medium, large as COCO has them */
} yolo_synth_tally;

/* Called by the calling thread after each few pictures: `done` of all splits are written. False: stop. */
typedef bool (*yolo_synth_progress)(void *payload, size_t done);

/* Draws and writes all of it. Fails where the folder holds something that this function has not made; what an earlier run drew
 * there beyond the plan is taken away. YOLO_ECANCELLED: progress asked to stop. After a failure pictures may lie there, but no
 * data.cfg. *tally is what was drawn, also then. progress may be NULL. */
yolo_status yolo_synth_write(const yolo_synth_plan *plan, yolo_synth_progress progress, void *payload, yolo_synth_tally *tally);

#endif
