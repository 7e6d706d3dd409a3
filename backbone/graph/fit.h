/* Offsets of buffers that live for some time, in one block: those that are never alive together may share memory.
 *
 * Largest first, each into the smallest gap between the buffers alive at the same time ("greedy by size"; Pisarchyk & Lee,
 * "Efficient memory management for deep neural net inference", 2020, section 5.2). A pure function. */
#ifndef YOLO_GRAPH_FIT_H
#define YOLO_GRAPH_FIT_H

#include <stddef.h>

#include "backbone/base/status.h"

enum { YOLO_FIT_ALIGN = 64 }; /* bytes: one cache line, one AVX-512 register */

typedef struct yolo_fit {
  int first, last; /* alive during [first, last] */
  size_t bytes;    /* 0: nothing to place */
  size_t offset;   /* found */
} yolo_fit;

/* *total: where the last one ends. */
yolo_status yolo_fit_offsets(yolo_fit *buffers, int count, size_t *total);

/* Elements from one pixel to the next. Whole cache lines (row_align elements) once there is one to fill; up to three channels
 * stay dense (an image as it was decoded).
 *
 * A 1x1 convolution walks down the pixels of a tile at this stride. On a processor whose stride is a multiple of
 * 2 KiB (`conflict` bytes; 0: no such care), the lines it touches fall into two of the 64 sets of a first-level cache of 48 KiB
 * and 12 ways, and throw each other out after 24 pixels. One more line a pixel spreads them over all sets. */
size_t yolo_fit_stride(int channels, size_t elem, size_t row_align, size_t conflict);

#endif
