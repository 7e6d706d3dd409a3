/* Masks as outlines: closed rings of points in continuous pixel coordinates, which every geometric transform can move exactly.
 *
 * A pixel (i, j) covers [i, i+1) x [j, j+1). Rings of one part are combined by the even-odd rule (a part from an RLE has its
 * holes as further rings), parts are united, and then parts marked `cut` are taken away (what was pasted on top). */
#ifndef YOLO_DATASETS_OUTLINE_H
#define YOLO_DATASETS_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datasets/mask.h"

typedef struct yolo_ring {
  int first, count; /* points */
  int part;         /* rings of one part have one number */
  bool cut;
} yolo_ring;

/* Zero-initialise; yolo_outline_free. No ring: the object has no mask. */
typedef struct yolo_outline {
  float *xy; /* points: x y x y ... */
  yolo_ring *rings;
  int n_points, n_rings, n_parts;
  int points_room, rings_room;
} yolo_outline;

void yolo_outline_free(yolo_outline *outline);
void yolo_outline_clear(yolo_outline *outline); /* empties, keeps the memory */
yolo_status yolo_outline_copy(const yolo_outline *from, yolo_outline *to);
/* A new part with one ring. */
yolo_status yolo_outline_add(yolo_outline *outline, const float *xy, int count, bool cut);
/* All parts of `other`, turned into cuts where `cut`; else what was a cut stays one. */
yolo_status yolo_outline_join(yolo_outline *outline, const yolo_outline *other, bool cut);
/* Adds one polygon as a part; `values` numbers, an odd last one is ignored. Fewer than three points enclose and add nothing. */
yolo_status yolo_outline_from_polygon(yolo_outline *outline, const double *xy, size_t values);
/* Adds a part: the borders between pixels, traced: exact, holes included. An empty mask adds nothing. */
yolo_status yolo_outline_from_rle(yolo_outline *outline, const yolo_rle *rle);

/* Fills mask[height][width] with 1 where the pixel's centre is inside, else 0, in the window whose upper left corner is (x0,
 * y0); scale: pixels of the mask per unit. */
yolo_status yolo_outline_fill(const yolo_outline *outline, double x0, double y0, double scale, int width, int height,
                              uint8_t *mask);
/* The box x1 y1 x2 y2 around what is inside [0, width] x [0, height]: exact for outlines without cuts, on the pixel grid where
 * cuts lie in the box. *any false: nothing is left. *area (may be NULL): the area inside, in pixels, each part for itself; a
 * ring that crosses itself counts with signs. */
yolo_status yolo_outline_bounds(const yolo_outline *outline, int width, int height, double box[4], double *area, bool *any);

#endif
