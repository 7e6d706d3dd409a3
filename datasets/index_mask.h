/* Class-index masks: a PNG with one number a pixel, the class that lies there. 255 says "ignore".
 *
 * A palette only makes such a file pleasant to look at: what counts is the index, not the colour. Grey files count by their
 * value (1, 2 and 4 bits as stored, not spread over 0..255). */
#ifndef YOLO_DATASETS_INDEX_MASK_H
#define YOLO_DATASETS_INDEX_MASK_H

#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

enum { YOLO_MASK_IGNORE = 255 };

/* Zero-initialise; yolo_index_mask_release. */
typedef struct yolo_index_mask {
  uint8_t *values; /* owned: height rows of width */
  int width, height;
} yolo_index_mask;

/* PNG with a palette or grey, at most 8 bits; colours and 16 bits are refused with a sentence. */
yolo_status yolo_index_mask_load(const char *path, yolo_index_mask *out);
yolo_status yolo_index_mask_decode(const uint8_t *bytes, size_t length, const char *name, yolo_index_mask *out);
void yolo_index_mask_release(yolo_index_mask *mask);

#endif
