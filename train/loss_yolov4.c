/* YOLOv4's loss for [yolo] (Bochkovskiy et al., "YOLOv4", 2020, section 3.4), as Darknet (AlexeyAB) trains it:
 *
 *   L = sum over answering pairs of iou_normalizer (1 - overlap)                 box; the mean where truths share a prediction
 *     + obj_normalizer x sum over predictions that are not ignored of D(to)      objectness
 *     + cls_normalizer x sum over answering predictions and classes of D(ck)     class
 *
 * overlap is IoU, GIoU, DIoU or CIoU (iou_loss; with mse the box part is that of yolov3 times iou_normalizer). Several anchors
 * may answer (iou_thresh, iou_thresh_kind), and what overlaps a truth is ignored only where some class is above 0.25.
 *
 * Objectness and class have exact derivatives (focal_loss weights them by a number that is taken as a constant). The box part
 * has not: Darknet follows the overlap's slope by centre and size (in shares of the picture; the aspect term without its factor
 * 1 / (w^2 + h^2)) straight to the raw values, tw and th multiplied by exp(t) (by nothing with new_coords), and clips each at
 * max_delta. Published normalizers count on these slopes.
 *
 * Other than in Darknet, cls_normalizer holds with and without counters_per_class, truths that share a prediction are averaged
 * by their number, and objectness_smooth=1 moves only what would be ignored: it is wanted at its overlap. */
#include "backbone/base/memory.h"
#include "train/darknet_loss.h"

static void box(const yolo_darknet_keys *keys, const yolo_grid_row *row, const yolo_truth *truth, double weight,
                yolo_darknet_box *out) {
  (keys->by_overlap ? yolo_darknet_box_overlap : yolo_darknet_box_differences)(keys, row, truth, weight, out);
}

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  yolo_darknet *darknet = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_darknet_make(heads, n_heads, 1, &darknet));
  for (int i = 0; i < n_heads; i++)
    YOLO_TRY(yolo_darknet_read_keys(&heads[i], darknet->grid.heads[i].keys, darknet->grid.classes));
  darknet->box = box;
  *out = darknet;
  darknet = NULL;
done:
  yolo_free(darknet);
  return st;
}

const yolo_loss_def yolo_loss_yolov4 = {.name = "yolov4",
                                        .summary = "IoU losses, several anchors a truth (Bochkovskiy et al. 2020)",
                                        .heads = {"yolo", NULL},
                                        .recipe = YOLO_PRESET_DARKNET,
                                        .asked_by = "iou_loss",
                                        .make = make,
                                        .run = yolo_darknet_run};
