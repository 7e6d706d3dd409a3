/* How one 8-bit picture becomes one image of the network's input, as plain data: what datasets/resize.c computes on the
 * host and a backend may compute on its device, with the same arithmetic (datasets/resize.h says what it means). */
#ifndef YOLO_BASE_RESAMPLE_H
#define YOLO_BASE_RESAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/hd.h"

typedef struct yolo_resample {
  const uint8_t *pixels; /* host memory, rows from the top */
  int width, height;
  size_t row_stride;               /* bytes */
  int step, order[3];              /* bytes a pixel, and where R, G, B stand in it; step 1: grey */
  int x, y, box_width, box_height; /* the part of the input that the picture fills; the rest is `pad` */
  bool align_corners;              /* else half-pixel centres */
  float gain[3], bias[3], pad[3];  /* input = byte * gain + bias, a channel each */
} yolo_resample;

/* One axis: value = (1 - weight) * from[low] + weight * from[high]. */
typedef struct yolo_tap {
  int low, high;
  float weight;
} yolo_tap;

YOLO_HD static inline yolo_tap yolo_resample_tap(int i, int in, int out, bool align_corners) {
  double s = align_corners ? (out > 1 ? (double)i * (in - 1) / (out - 1) : 0.0) : (i + 0.5) * in / out - 0.5;
  yolo_tap tap;
  if (s < 0) s = 0;
  if (s > in - 1) s = in - 1;
  tap.low = (int)s;
  tap.high = tap.low + 1 < in ? tap.low + 1 : tap.low;
  tap.weight = (float)(s - tap.low);
  return tap;
}

#endif
