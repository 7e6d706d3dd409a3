/* A "segmentation" of COCO JSON as a mask: RLE (text or counts), or polygons drawn into the image. */
#ifndef YOLO_TRAIN_EVAL_SEGMENT_JSON_H
#define YOLO_TRAIN_EVAL_SEGMENT_JSON_H

#include <cjson/cJSON.h>

#include "datasets/mask.h"

/* width and height: of the image, for polygons; an RLE brings its own. *out: yolo_rle_free. */
yolo_status yolo_eval_segment_read(const cJSON *segment, int width, int height, yolo_rle *out);

#endif
