/* Heat maps over pictures, and maps of numbers as pictures, in colours whose order one sees. */
#ifndef YOLO_DETECT_HEATMAP_H
#define YOLO_DETECT_HEATMAP_H

#include "datasets/resize.h"

typedef struct yolo_heat_scale {
  uint8_t rgb[256][3]; /* from 0 (dark) to 1 (bright) */
} yolo_heat_scale;
void yolo_heat_scale_make(yolo_heat_scale *out);

/* Numbers (height x width) over a network's input of input_width x input_height, where the picture lies at `place`. */
typedef struct yolo_heat {
  const float *values;
  int height, width;
  float low, high; /* what the ends of the scale mean */
  int input_width, input_height;
  yolo_placement place;
} yolo_heat;

/* Over the picture, which loses its own colours. Between the centres of the map's cells values are interpolated; the placement
 * is undone, so that a letterbox's border is left out. */
yolo_status yolo_heat_draw(yolo_image *image, const yolo_heat *heat, const yolo_heat_scale *scale);

/* The map by itself: every cell a block of size x size pixels or more, as large as fits; blocks have one size. `values` has
 * `stride` numbers from one cell to the next. */
yolo_status yolo_heat_picture(const float *values, size_t stride, int height, int width, float low, float high, int most_width,
                              int most_height, const yolo_heat_scale *scale, yolo_image *out);

/* The scale as a bar with the numbers of its ends, along the lower edge of the picture. */
yolo_status yolo_heat_bar(yolo_image *image, const char *low, const char *high, const yolo_heat_scale *scale);

#endif
