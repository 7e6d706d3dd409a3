/* Internal to datasets/: how samples are filled. */
#ifndef YOLO_DATASETS_SAMPLE_H
#define YOLO_DATASETS_SAMPLE_H

#include "datasets/augment.h"

/* Empties a sample that will get a picture of its own again: unlike yolo_sample_clear, the pixels' memory stays. */
void yolo_sample_restart(yolo_sample *sample);
/* An image (or label map) of this size, contents undefined, in memory that is used again where it suffices. */
yolo_status yolo_sample_reserve_image(yolo_sample *sample, int width, int height);
yolo_status yolo_sample_reserve_map(yolo_sample *sample, int width, int height);
/* One more object, all zero but with an empty outline that may hold memory. */
yolo_status yolo_sample_push(yolo_sample *sample, yolo_object **out);
/* Takes object i out; those behind it move up, in their order. */
void yolo_sample_drop(yolo_sample *sample, int i);

#endif
