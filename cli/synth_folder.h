/* The folder of `yolo data synth`: what may be written over, and the files that describe it. */
#ifndef YOLO_CLI_SYNTH_FOLDER_H
#define YOLO_CLI_SYNTH_FOLDER_H

#include "backbone/base/status.h"

typedef struct synth_plan {
  const char *folder;
  int counts[2]; /* train, val */
  int width, height, threads, seed;
} synth_plan;

extern const char *const synth_split_names[2];

/* Fails where the folder holds something that this command has not made. Otherwise makes the folders, marks them as its own
 * (synth.txt), and takes away what an earlier run described and drew beyond what comes now. */
yolo_status synth_folder_prepare(const synth_plan *plan);
/* DIR/images/NAME, DIR/annotations/instances_NAME.json, DIR/data.cfg; *out is the caller's (yolo_free). */
yolo_status synth_folder_images(const synth_plan *plan, int split, char **out);
yolo_status synth_folder_labels(const synth_plan *plan, int split, char **out);
yolo_status synth_folder_config(const synth_plan *plan, char **out);
/* Writes data.cfg: the last file of all. */
yolo_status synth_folder_describe(const synth_plan *plan);

#endif
