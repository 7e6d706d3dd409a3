/* Drawing what is labelled in a picture: masks, boxes and names of a sample. */
#ifndef YOLO_DETECT_DRAW_SAMPLE_H
#define YOLO_DETECT_DRAW_SAMPLE_H

#include "datasets/augment.h"

/* `picture` shows sample->image, in any size (a thumbnail): label map, masks, boxes and class names are drawn over it. Larger
 * objects lie below smaller ones; frames of crowds are dashed. names may be NULL (numbers). Names are left out where they would
 * cover each other or too much of the picture (the smallest objects first), and where there is only one class. */
yolo_status yolo_draw_sample(yolo_image *picture, const yolo_sample *sample, const char *const *names, int n_names);

#endif
