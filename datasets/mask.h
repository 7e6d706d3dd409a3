/* Instance masks as COCO stores them: run-length encoding (RLE) in column order, and polygons.
 *
 * Every function gives the bits that the COCO API (common/maskApi.c of cocodataset/cocoapi) gives for the same input, for
 * sizes whose area fits 32 bits; larger ones are refused. Runs alternate background, object, background ...; the first may be
 * 0. A pixel (x, y) is number x*height + y. (Where the API reads or writes outside its memory or never ends there is nothing to
 * equal: an image without columns has an empty mask, merging goes on to its end.)
 *
 * Runs from elsewhere may be 0 in the middle. Where two such runs meet in a merge, the API ends it there, and so does this one:
 * the runs of the result do not fill the mask then, and the rest is background. */
#ifndef YOLO_DATASETS_MASK_H
#define YOLO_DATASETS_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"
#include "backbone/base/text.h"

/* Zero-initialise; yolo_rle_free. */
typedef struct yolo_rle {
  int height, width;
  size_t count;   /* runs */
  uint32_t *runs; /* owned; they sum to height*width (but see above) */
} yolo_rle;

void yolo_rle_free(yolo_rle *rle); /* frees the runs, zeroes the struct */
yolo_status yolo_rle_copy(const yolo_rle *from, yolo_rle *out);

/* From and to one byte a pixel (0 or not 0; decoded: 0 or 1). Strides in bytes: a row-major picture has x_stride 1 and y_stride
 * width, COCO's column-major order x_stride height and y_stride 1. */
yolo_status yolo_rle_encode(const uint8_t *mask, int height, int width, size_t y_stride, size_t x_stride, yolo_rle *out);
void yolo_rle_decode(const yolo_rle *rle, uint8_t *mask, size_t y_stride, size_t x_stride);

/* Union (or intersection) of n masks of one size; n = 0 gives an empty 0x0 mask, different sizes as the API: count 0. */
yolo_status yolo_rle_merge(const yolo_rle *masks, size_t n, bool intersect, yolo_rle *out);
uint32_t yolo_rle_area(const yolo_rle *rle);
/* x, y, width, height; all 0 for an empty mask. */
void yolo_rle_box(const yolo_rle *rle, double box[4]);

/* iou[g * n_dt + d] (the API's order), for a crowd intersection / area(dt), else intersection / union; -1 where sizes differ
 * and the boxes overlap. crowd may be NULL. The box form is the same rule for [x, y, w, h] boxes, no "+1". */
yolo_status yolo_rle_iou(const yolo_rle *dt, size_t n_dt, const yolo_rle *gt, size_t n_gt, const uint8_t *crowd, double *iou);
void yolo_xywh_iou(const double (*dt)[4], size_t n_dt, const double (*gt)[4], size_t n_gt, const uint8_t *crowd, double *iou);

/* One polygon: k points x0 y0 x1 y1 ..., in pixels. The API's rule (5x oversampled boundary), not a scanline fill. Points that
 * are not finite or so far out (10^8 pixels) that the API's integers would overflow are refused with a sentence. */
yolo_status yolo_rle_from_polygon(const double *xy, size_t k, int height, int width, yolo_rle *out);
yolo_status yolo_rle_from_box(const double box[4], int height, int width, yolo_rle *out);

/* The compressed text form, appended. Reading checks every byte: bad characters, runs that are negative or do not sum to
 * height*width are YOLO_EFORMAT with a sentence. */
yolo_status yolo_rle_to_text(const yolo_rle *rle, yolo_text *out);
yolo_status yolo_rle_from_text(const char *text, size_t length, int height, int width, yolo_rle *out);
/* The uncompressed form: a list of counts. Same checks. */
yolo_status yolo_rle_from_counts(const double *counts, size_t n, int height, int width, yolo_rle *out);

#endif
