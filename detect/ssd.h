/* Default boxes of SSD: where they stand, and how a box is written as its difference from one. Shared by the head [ssd] and its
 * loss. Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, sections 2.1 and 2.2.
 *
 * Default box k of cell (x, y), in pixels of the network's input:
 *   centre  ((x + offset) step, (y + offset) step)          step 0: the input divided by the map
 *   k = 0   a square of min_size
 *   k = 1   a square of sqrt(min_size max_size), where there is a max_size
 *   then, for each of aspect_ratios, a: min_size sqrt(a) wide and min_size / sqrt(a) high, and the same on its side.
 * A map's channels are, box by box in this order, x y w h, the background, and the classes. Over all boxes of a map: row,
 * column, k.
 *
 * A box (gx gy gw gh: centre, size) is written as its difference from a default box d, divided by the variances v:
 *   tx = (gx - dx) / dw / v0      tw = ln(gw / dw) / v2        ty, th likewise with v1, v3 */
#ifndef YOLO_DETECT_SSD_H
#define YOLO_DETECT_SSD_H

#include "detect/head.h"

typedef struct yolo_ssd_size {
  double w, h;
} yolo_ssd_size;

typedef struct yolo_ssd_attrs {
  int n;               /* default boxes a cell */
  double step, offset; /* step 0: the input divided by the map */
  bool clip;           /* default boxes end at the edges of the input */
  double variances[4];
  yolo_ssd_size sizes[]; /* n */
} yolo_ssd_attrs;

enum { YOLO_SSD_OFFSETS = 4 }; /* x y w h come before the classes, of which the first is the background */

/* Values of one default box. */
static inline int yolo_ssd_row(const yolo_head *head) { return YOLO_SSD_OFFSETS + 1 + head->classes; }

typedef struct yolo_ssd_box {
  double x, y, w, h; /* centre and size in pixels of the input */
} yolo_ssd_box;

/* Default box cell->row of a cell; Without area where it lies outside of a clipping input. */
yolo_ssd_box yolo_ssd_default(const yolo_ssd_attrs *attrs, const yolo_cell *cell, int input_w, int input_h);
void yolo_ssd_encode(const yolo_ssd_attrs *attrs, const yolo_ssd_box *from, const yolo_ssd_box *box, double t[4]);
yolo_ssd_box yolo_ssd_decode(const yolo_ssd_attrs *attrs, const yolo_ssd_box *from, const float *t);

/* The softmax over background and classes of a row: the largest score and the sum of exp(score - largest). */
typedef struct yolo_ssd_softmax {
  double largest, sum;
} yolo_ssd_softmax;
yolo_ssd_softmax yolo_ssd_softmax_of(const float *scores, int count);

#endif
