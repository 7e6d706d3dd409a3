/* The truths of a dataset as COCOeval wants them: images in the order of their ids, classes in the order of theirs. */
#ifndef YOLO_TRAIN_EVAL_TRUTH_H
#define YOLO_TRAIN_EVAL_TRUTH_H

#include "datasets/dataset.h"
#include "datasets/id_map.h"
#include "train/eval/coco_eval.h"

/* Zero-initialise; yolo_eval_truths_free. The dataset must outlive it. */
typedef struct yolo_eval_truths {
  const yolo_dataset *dataset;
  yolo_eval_truth *items; /* owned, with all that follows; by image, in the file's order */
  size_t n;
  const yolo_annotation **annotations; /* [n]: what each was made of */
  yolo_rle *masks;                     /* [n]; NULL until yolo_eval_truths_make_masks */
  uint32_t n_images;
  int32_t n_classes;
  uint32_t *images;        /* which image of the dataset */
  int32_t *classes;        /* which class of the dataset */
  yolo_id_map image_of_id; /* the file's id -> index here */
  yolo_id_map class_of_id;
  int32_t *class_of;   /* class of the dataset -> index here */
  size_t without_area; /* truths whose "area" the file did not have */
  size_t repeated_ids; /* truths that share an id with another */
  size_t zero_ids;
} yolo_eval_truths;

/* Two annotations with one id: pycocotools keeps the last of them and counts it as often as the id occurs; so does this. */
yolo_status yolo_eval_truths_make(const yolo_dataset *dataset, yolo_eval_truths *out);
/* Rasterises every polygon; a truth without a segment is an error that names it. */
yolo_status yolo_eval_truths_make_masks(yolo_eval_truths *truths, int threads);
/* Only classes with keep[index] are left, numbered anew; truths of the others have class -1 and count for nothing. Before
 * results are read. */
yolo_status yolo_eval_truths_keep_classes(yolo_eval_truths *truths, const bool *keep);
/* Only images with keep[index] are left, numbered anew. image_of_id still knows the others, as YOLO_EVAL_NO_IMAGE: detections
 * there are no error, and count for nothing. Before masks are made and results are read. */
enum { YOLO_EVAL_NO_IMAGE = UINT32_MAX };
yolo_status yolo_eval_truths_keep_images(yolo_eval_truths *truths, const bool *keep);
void yolo_eval_truths_free(yolo_eval_truths *truths);

const yolo_data_image *yolo_eval_truths_image(const yolo_eval_truths *truths, uint32_t index);
const char *yolo_eval_truths_class_name(const yolo_eval_truths *truths, int index);
int64_t yolo_eval_truths_class_id(const yolo_eval_truths *truths, int index);

#endif
