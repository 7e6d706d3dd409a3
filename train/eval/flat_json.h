/* The element most result files are made of, {"image_id":1,"category_id":2,"bbox":[x,y,w,h],"score":s}, read without a tree.
 *
 * Half a million of them cost a second through cJSON and a tenth of that here. What is not of this form (another key, an
 * escape, a number that needs care) is not judged but left to cJSON. */
#ifndef YOLO_TRAIN_EVAL_FLAT_JSON_H
#define YOLO_TRAIN_EVAL_FLAT_JSON_H

#include <stdbool.h>
#include <stddef.h>

typedef struct yolo_flat_result {
  double image_id, category_id, score, box[4];
} yolo_flat_result;

/* False: not of this form, or not complete. */
bool yolo_flat_result_read(const char *text, size_t length, yolo_flat_result *out);

/* A JSON number at *at, correctly rounded; moves *at behind it. False where there is none, or where its digits are too many
 * for exact arithmetic. */
bool yolo_flat_number(const char **at, const char *end, double *out);

#endif
