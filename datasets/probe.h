/* The size of an image file from its first bytes, without decoding it.
 *
 * JPEG, PNG, BMP, GIF, PNM, TGA and PSD; where a header does not tell, the file is decoded. A size is a promise of the header:
 * the pixels behind it may still be damaged or missing. */
#ifndef YOLO_DATASETS_PROBE_H
#define YOLO_DATASETS_PROBE_H

#include <stdbool.h>

#include "backbone/base/status.h"

typedef struct yolo_image_header {
  int width, height;  /* as stored, before any turn */
  int orientation;    /* EXIF, 1..8; 1 when none */
  const char *format; /* static text, as yolo_image_sniff gives it */
} yolo_image_header;

/* Fails, with a sentence that names the file, where no decoder here would begin: no file, no image, another format, a size
 * that is refused. */
yolo_status yolo_image_probe(const char *path, yolo_image_header *out);

/* The size of the upright image. */
static inline int yolo_upright_width(const yolo_image_header *h) { return h->orientation >= 5 ? h->height : h->width; }
static inline int yolo_upright_height(const yolo_image_header *h) { return h->orientation >= 5 ? h->width : h->height; }

#endif
