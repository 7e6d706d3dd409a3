/* The compact index of a large label file, kept in the user's cache folder, so that the second start takes no time.
 *
 * Folder: $YOLO_CACHE, else $XDG_CACHE_HOME/yolo, else ~/.cache/yolo; where none can be made there is no cache and no error.
 * An index is found by what was opened (label file, images folder, names of classes) and is valid for the very file it was made
 * from (size, times of change, inode). It is mapped, not read. Everything in it is checked before it is believed: a damaged
 * index is as good as none. */
#ifndef YOLO_DATASETS_INDEX_CACHE_H
#define YOLO_DATASETS_INDEX_CACHE_H

#include "datasets/dataset.h"

/* What the label file was when it was looked at: before it was read. */
typedef struct yolo_index_stamp {
  uint64_t size, inode;
  int64_t modified, changed; /* ns */
} yolo_index_stamp;

typedef struct yolo_index {
  char *path; /* of the index file */
  char *key;  /* what it was made for, as text */
  yolo_index_stamp stamp;
  bool settled; /* the file is older than its file system's clock is coarse */
} yolo_index;

/* *out stays NULL where no index is kept: a small file, a pipe, no folder. Else yolo_index_free. */
yolo_status yolo_index_find(const yolo_data_source *source, const yolo_data_open_options *options, yolo_index **out);
void yolo_index_free(yolo_index *index);
/* *out stays NULL when there is no valid index. Fails only when memory is short. */
yolo_status yolo_index_load(const yolo_index *index, const yolo_data_source *source, yolo_dataset **out);
/* Writes the index. Trouble is noted in the log, never an error. */
void yolo_index_store(const yolo_index *index, const yolo_dataset *dataset, const yolo_log *log);
void yolo_index_unmap(yolo_dataset *dataset);

/* ---- the file (index_file.c) ---- */

/* Writes `dataset` with its key and stamp. */
yolo_status yolo_index_write(const yolo_index *index, const yolo_dataset *dataset);
/* Maps an index file; YOLO_EFORMAT when it is none, is another's, is out of date or damaged. */
yolo_status yolo_index_map(const yolo_index *index, yolo_dataset **out);

#endif
