/* Internal to synth_set.c: the folder of a drawn data set, what of it may be written over, and the files that describe it. */
#ifndef YOLO_DATASETS_SYNTH_FOLDER_H
#define YOLO_DATASETS_SYNTH_FOLDER_H

#include "datasets/synth_set.h"

extern const char *const yolo_synth_split_names[YOLO_SYNTH_SPLITS];

/* Fails where the folder holds something that is not ours. Otherwise makes the folders, marks them as ours (synth.txt), and
 * takes away what an earlier run described and drew beyond what comes now. */
yolo_status yolo_synth_folder_prepare(const yolo_synth_plan *plan);
/* DIR/images/NAME, DIR/annotations/instances_NAME.json; *out is the caller's (yolo_free). */
yolo_status yolo_synth_folder_images(const yolo_synth_plan *plan, int split, char **out);
yolo_status yolo_synth_folder_labels(const yolo_synth_plan *plan, int split, char **out);
/* Writes data.cfg: the last file of all. */
yolo_status yolo_synth_folder_describe(const yolo_synth_plan *plan);

#endif
