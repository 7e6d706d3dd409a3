/* Masks of annotations as they are packed into dataset->segments.
 *
 *   polygons:  form (1: 1/100 pixel in int32, 2: double) | n | numbers of polygon 0 .. n-1 | values of all polygons
 *   RLE:       form (3) | height | width | length | COCO's compressed text
 *
 * Counts are varints (7 bits a byte, low ones first, 0x80: more follow), values lie unaligned in the machine's byte order. COCO
 * writes two decimals: k/100 in four bytes gives back the very double that k.kk parses to, because both are the double closest
 * to that fraction; any other number is stored as the double it is. */
#ifndef YOLO_DATASETS_SEGMENTS_H
#define YOLO_DATASETS_SEGMENTS_H

#include "datasets/dataset.h"

/* Bytes the polygons or the RLE text may take at most. */
size_t yolo_segment_polygons_bound(const size_t *lengths, size_t n);
size_t yolo_segment_rle_bound(size_t text_length);
/* Write to `out`, which has the bound's room; return the bytes used. */
size_t yolo_segment_pack_polygons(const double *const *xy, const size_t *lengths, size_t n, uint8_t *out);
size_t yolo_segment_pack_rle(int height, int width, const char *text, size_t length, uint8_t *out);

/* An RLE as it lies in the dataset; the text is not terminated. */
typedef struct yolo_packed_rle {
  int height, width;
  const char *text;
  size_t length;
} yolo_packed_rle;
yolo_status yolo_segment_read_rle(const yolo_dataset *dataset, const yolo_annotation *annotation, yolo_packed_rle *out);

#endif
