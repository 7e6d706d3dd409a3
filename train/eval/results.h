/* A COCO results file, read as pycocotools' loadRes reads it: [{"image_id", "category_id", "bbox" or "segmentation",
 * "score"}, ...].
 *
 * The first element says what the file holds. With "bbox", areas are width * height, for masks too; without, boxes and areas
 * come from the masks. Every image_id must be one of the truths'. Detections of categories that the truths do not have count
 * for nothing, as in COCOeval, and are left out. */
#ifndef YOLO_TRAIN_EVAL_RESULTS_H
#define YOLO_TRAIN_EVAL_RESULTS_H

#include "datasets/json_scan.h"
#include "train/eval/truth.h"

/* Zero-initialise; yolo_eval_results_free. */
typedef struct yolo_eval_results {
  yolo_eval_detection *items; /* owned; in the file's order */
  yolo_rle *masks;            /* [room], owned; NULL until there are any */
  size_t n, room;
  bool has_boxes, has_masks; /* what the first element holds */
  size_t foreign;            /* left out: their category is none of the truths' */
  int64_t foreign_id;        /* of the first of them */
} yolo_eval_results;

yolo_status yolo_eval_results_read(const char *path, const yolo_eval_truths *truths, yolo_eval_results *out);
yolo_status yolo_eval_results_read_bytes(const char *bytes, size_t length, const char *name, const yolo_eval_truths *truths,
                                         yolo_eval_results *out);
/* Adds one detection with a box (classes as in truths). */
yolo_status yolo_eval_results_add(yolo_eval_results *results, const yolo_eval_detection *detection);
/* Sets the mask pointers of the items; boxes without a mask become rectangles, as in loadRes. */
yolo_status yolo_eval_results_make_masks(yolo_eval_results *results, const yolo_eval_truths *truths);
void yolo_eval_results_free(yolo_eval_results *results);

#endif
