/* YOLOv3's loss for [yolo] (Redmon & Farhadi, "YOLOv3: An Incremental Improvement", 2018, section 2), with the deltas of
 * Darknet:
 *
 *   L = sum over answering predictions of (2 - w h) [D(tx) + D(ty) + (tw - tw*)^2 / 2 + (th - th*)^2 / 2]   box
 *     + sum over predictions that are not ignored of D(to)                                                  objectness
 *     + sum over answering predictions and classes of D(ck)                                                 class
 *
 * with D the divergence of the value's logistic from what is wanted. The gradient is the exact derivative of L, and it is
 * Darknet's delta; the number that Darknet prints is the squared length of that gradient instead.
 * Keys: ignore_thresh, truth_thresh, label_smooth_eps. Where two truths share a prediction, the later one has its box. */
#include "backbone/base/memory.h"
#include "train/darknet_loss.h"

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  yolo_darknet *darknet = NULL;
  yolo_status st = yolo_darknet_make(heads, n_heads, 1, &darknet);
  if (darknet) darknet->box = yolo_darknet_box_differences;
  if (st != YOLO_OK) {
    yolo_free(darknet);
    darknet = NULL;
  }
  *out = darknet;
  return st;
}

const yolo_loss_def yolo_loss_yolov3 = {
    .name = "yolov3",
    .summary = "best anchor of all, squared differences and cross entropy (Redmon & Farhadi 2018)",
    .heads = {"yolo", NULL},
    .recipe = YOLO_PRESET_DARKNET,
    .make = make,
    .run = yolo_darknet_run};
