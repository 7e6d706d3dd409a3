/* Ids after several sources were joined. */
#ifndef YOLO_DATASETS_BUILDER_IDS_H
#define YOLO_DATASETS_BUILDER_IDS_H

#include "datasets/dataset.h"

/* Class ids are made unique; where sources share image or annotation ids, these are numbered anew from 1. */
yolo_status yolo_unique_ids(yolo_dataset *dataset);

#endif
