/* From 8-bit pixels to the network's input: resize, letterbox, normalise, in one pass.
 *
 * Two bilinear conventions exist and differ by up to several AP points (FACTS: preprocessing):
 *   half-pixel     source = (x + 0.5) * in/out - 0.5      (OpenCV, PyTorch align_corners=False)
 *   align-corners  source = x * (in-1)/(out-1)            (original Darknet)
 * Stretch fills the whole input; letterbox keeps the aspect ratio and fills the rest with grey 0.5. The
 * choice belongs to the model and is stored in its file. */
#ifndef YOLO_DATASETS_RESIZE_H
#define YOLO_DATASETS_RESIZE_H

#include "backbone/base/resample.h"
#include "backbone/base/tensor.h"
#include "datasets/image.h"

typedef enum yolo_resize_fit { YOLO_FIT_STRETCH, YOLO_FIT_LETTERBOX } yolo_resize_fit;
typedef enum yolo_resize_filter { YOLO_FILTER_HALF_PIXEL, YOLO_FILTER_ALIGN_CORNERS } yolo_resize_filter;

typedef struct yolo_preprocess {
  yolo_resize_fit fit;
  yolo_resize_filter filter;
  float mean[3], scale[3]; /* value = (byte/255 - mean) * scale; zero scale means 1 */
  float pad;               /* letterbox grey, before normalisation; 0 means 0.5 */
} yolo_preprocess;

/* Where the image ended up: input = image * scale + offset, in input pixels. */
typedef struct yolo_placement {
  float scale_x, scale_y, offset_x, offset_y;
} yolo_placement;

/* Fills image `n` of `input` (N, H, W, 3) (or C = 1: grey by the mean of channels 0.299 0.587 0.114).
 * Scratch: at most a few rows, allocated inside. */
yolo_status yolo_preprocess_run(const yolo_preprocess *how, const yolo_pixels *pixels, const yolo_tensor *input, int n,
                                yolo_placement *out);

/* The same in two steps, so that the second one can happen on a device.
 *
 * describe: checks and geometry, for an image of an input of shape (N, H, W, 1 or 3). `out` points to the pixels. */
yolo_status yolo_preprocess_describe(const yolo_preprocess *how, const yolo_pixels *pixels, yolo_shape input,
                                     yolo_resample *out, yolo_placement *place);
/* run, on the host. In this order: rows first,  p = upper * (1 - wy) + lower * wy,  then columns,  v = p0 + (p1 - p0) * wx,
 * then  v * gain + bias  of the channel. Grey pixels fill all channels; colour into one channel is 0.299 R + 0.587 G +
 * 0.114 B, added in this order, with gain and bias of channel 0. */
yolo_status yolo_resample_run(const yolo_resample *how, const yolo_tensor *input, int n);

/* Only the geometry (half-pixel sizes as the run would use). */
yolo_placement yolo_preprocess_place(const yolo_preprocess *how, int width, int height, int input_w, int input_h);

#endif
