/* Boxes, their overlaps and non-maximum suppression. Host code for every backend. */
#ifndef YOLO_DETECT_BOX_H
#define YOLO_DETECT_BOX_H

#include <stdbool.h>

#include "backbone/base/status.h"

/* A candidate: corners, confidence, class, and the order in which the heads produced it (ties are broken by
 * it, so the order of results is stable). */
typedef struct yolo_box {
  float x1, y1, x2, y2;
  float confidence;
  int class_id;
  int index;  /* order of production */
  int source; /* candidates of one anchor (several classes) share it */
} yolo_box;

typedef struct yolo_boxes {
  yolo_box *items; /* owned; yolo_boxes_free */
  int count, capacity;
} yolo_boxes;

yolo_status yolo_boxes_add(yolo_boxes *boxes, const yolo_box *box); /* sets index */
void yolo_boxes_free(yolo_boxes *boxes);

/* No "+1": corners are continuous coordinates. Empty boxes have IoU 0. */
float yolo_box_iou(const yolo_box *a, const yolo_box *b);
/* IoU - (centre distance)^2 / (diagonal of the enclosing box)^2 (Zheng et al. 2020, "Distance-IoU loss", eq. 7). */
float yolo_box_diou(const yolo_box *a, const yolo_box *b);

typedef enum yolo_nms { YOLO_NMS_BY_IOU = 1, YOLO_NMS_BY_DIOU, YOLO_NMS_OFF } yolo_nms;

typedef struct yolo_nms_options {
  yolo_nms kind;
  float threshold; /* 0 or more */
  bool agnostic;
  int max_detections; /* <= 0: no limit */
} yolo_nms_options;

/* Sorts by confidence (descending, then index), suppresses greedily (overlap > threshold), cuts to
 * max_detections. In place. */
yolo_status yolo_boxes_suppress(yolo_boxes *boxes, const yolo_nms_options *options);

#endif
