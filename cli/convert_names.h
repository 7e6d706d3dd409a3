/* COCO JSON names images by file_name; after a conversion these names must still lead to the images. */
#ifndef YOLO_CLI_CONVERT_NAMES_H
#define YOLO_CLI_CONVERT_NAMES_H

#include "datasets/dataset.h"

/* Names as they are, where a reader of `json` would find every image by them; else each image's path, relative where it lies
 * below the folder of `json`, else from /. *out shares everything with `dataset` but what convert_names_release() frees. */
yolo_status convert_names(const yolo_dataset *dataset, const char *json, yolo_dataset *out, bool *changed);
void convert_names_release(yolo_dataset *out);

#endif
