/* Darknet's .data file: where a data set's lists and names are.
 *
 *   classes = 2
 *   train   = data/train.txt
 *   valid   = data/test.txt
 *   names   = data/obj.names
 *   backup  = backup/
 *
 * Paths are relative to the current folder, as Darknet has it; where nothing is there, to the file's own folder, then to the
 * one above (a data/obj.data that says data/train.txt). */
#ifndef YOLO_DATASETS_DARKNET_DATA_H
#define YOLO_DATASETS_DARKNET_DATA_H

#include "backbone/base/log.h"
#include "backbone/base/status.h"

/* Zero-initialise; yolo_darknet_data_release. A key that is not there is NULL (classes: 0). */
typedef struct yolo_darknet_data {
  int classes;
  char *train, *valid, *names; /* resolved */
  char *backup;                /* as written: where weights go */
} yolo_darknet_data;

/* Keys of no use here (eval ...) are noted once. */
yolo_status yolo_darknet_data_load(const char *path, const yolo_log *log, yolo_darknet_data *out);
void yolo_darknet_data_release(yolo_darknet_data *data);

#endif
