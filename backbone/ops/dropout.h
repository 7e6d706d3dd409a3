/* What the plain loops of dropout and its kernel share: DropBlock's numbers, and what is left for the gradient.
 *
 * `saved` holds one byte an element, (N, H, W, C) without gaps, 1 where the value is kept; with DropBlock then, from the next
 * multiple of four on, one float an image: what the kept values are multiplied by. */
#ifndef YOLO_OPS_DROPOUT_H
#define YOLO_OPS_DROPOUT_H

#include "backbone/ops/op.h"

/* How wide a square is on this map. */
static inline int yolo_dropblock_size(const yolo_dropout_attrs *a, yolo_shape s) {
  int side = s.h < s.w ? s.h : s.w, block = a->block > 0 ? a->block : (int)(a->block_share * (float)side);
  return block < 1 ? 1 : block > side ? side : block;
}

/* The probability with which a place is the first corner of a square, of those places where the whole square lies inside the
 * map (Ghiasi, Lin & Le, "DropBlock", 2018, equation 1). */
static inline double yolo_dropblock_gamma(const yolo_dropout_attrs *a, yolo_shape s) {
  double block = yolo_dropblock_size(a, s), places = (s.h - block + 1) * (s.w - block + 1);
  return a->probability / (block * block) * ((double)s.h * s.w / places);
}

static inline float *yolo_dropblock_scales(void *saved, yolo_shape s) {
  return (float *)((char *)saved + (yolo_shape_count(s) + 3) / 4 * 4);
}

/* An image's factor: all of its values over those that are kept. */
static inline float yolo_dropblock_scale(size_t all, size_t kept) { return kept > 0 ? (float)((double)all / (double)kept) : 0; }

#endif
