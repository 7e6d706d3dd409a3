/* The compact index of a large label file, kept in the user's cache folder, so that the second start takes no time.
 *
 * Folder: $YOLO_CACHE, else $XDG_CACHE_HOME/yolo, else ~/.cache/yolo; where none can be made there is no cache and no error.
 * An index is found by what was opened (label file, images folder, names of classes) and is valid for the very file it was made
 * from (size, time of change, inode). It is mapped, not read. Everything in it is checked before it is believed. */
#ifndef YOLO_DATASETS_INDEX_CACHE_H
#define YOLO_DATASETS_INDEX_CACHE_H

#include "datasets/dataset.h"

/* *out stays NULL when there is no valid index. Fails only when memory is short. */
yolo_status yolo_index_load(const yolo_data_source *source, const yolo_data_open_options *options, yolo_dataset **out);
/* Writes the index of a dataset that was read from `source`. Trouble is noted in the log, never an error. */
void yolo_index_store(const yolo_data_source *source, const yolo_data_open_options *options, const yolo_dataset *dataset);
/* Is the source one whose index is kept: a regular file of some size? */
bool yolo_index_worthwhile(const yolo_data_source *source);
void yolo_index_unmap(yolo_dataset *dataset);

#endif
