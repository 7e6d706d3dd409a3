/* [data] of data.cfg: where the images and labels of each split lie, and how they are read. */
#ifndef YOLO_DATASETS_DATA_SETTINGS_H
#define YOLO_DATASETS_DATA_SETTINGS_H

#include <stdbool.h>

#include "backbone/base/settings.h"

typedef enum yolo_data_split { YOLO_SPLIT_TRAIN, YOLO_SPLIT_VAL, YOLO_SPLIT_TEST, YOLO_SPLIT_COUNT } yolo_data_split;
extern const char *const yolo_split_names[YOLO_SPLIT_COUNT]; /* "train", "val", "test" */

typedef struct yolo_data_settings {
  int format;                                 /* 0: auto; else yolo_data_settings_format() has the reader's name */
  yolo_setting_list labels[YOLO_SPLIT_COUNT]; /* the sources of a split */
  yolo_setting_list images[YOLO_SPLIT_COUNT]; /* their folders of images: none, one for all, or one a source */
  yolo_setting_list names;                    /* class names; none: those of the sources */
  int cache;                                  /* yolo_cache_kind (loader.h) */
  char *cache_folder;                         /* NULL: the user's */
  int workers;                                /* 0: the cores this process may use */
  bool index;                                 /* read and write index files */
} yolo_data_settings;

extern const yolo_setting_section yolo_data_section;                   /* name "data", offset 0 in a yolo_data_settings */
const char *yolo_data_settings_format(const yolo_data_settings *data); /* NULL: to be recognised */

#endif
