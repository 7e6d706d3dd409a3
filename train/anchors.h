/* Anchors from the boxes of a data set: k-means over their sizes with the distance 1 - IoU (Redmon & Farhadi 2017, "YOLO9000",
 * section 2: large boxes shall not count more than small ones), and how well a list of anchors covers boxes.
 *
 * The IoU of two sizes is that of two boxes with one common corner: min(w, w') min(h, h') / (w h + w' h' - the same). */
#ifndef YOLO_TRAIN_ANCHORS_H
#define YOLO_TRAIN_ANCHORS_H

#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

typedef struct yolo_box_size {
  double width, height; /* in pixels of the network's input */
} yolo_box_size;

enum { YOLO_MOST_ANCHORS = 128 };

typedef struct yolo_anchor_search {
  int clusters; /* 1 to YOLO_MOST_ANCHORS */
  int restarts; /* 0: 50; the best one counts */
  uint64_t seed;
  int threads; /* 0: all this process may use; the result does not depend on it */
} yolo_anchor_search;

/* Fills anchors[clusters], the smallest area first. All sizes must be finite and above 0. Fewer different boxes than clusters
 * is an error. */
yolo_status yolo_anchors_find(const yolo_box_size *boxes, size_t n, const yolo_anchor_search *how, yolo_box_size *anchors);

typedef struct yolo_anchor_fit {
  double average_iou;               /* of each box with its best anchor */
  double ratio_recall;              /* share of boxes with an anchor whose sides differ by less than a factor of 4 (YOLOv5) */
  double iou_recall;                /* share of boxes with an anchor of IoU above 0.5 */
  double shares[YOLO_MOST_ANCHORS]; /* of boxes whose best anchor by IoU it is */
} yolo_anchor_fit;
void yolo_anchors_judge(const yolo_box_size *boxes, size_t n, const yolo_box_size *anchors, int clusters, yolo_anchor_fit *out);

#endif
