/* Images: decoded 8-bit RGB in memory, sniffed by content, turned upright by EXIF, bounded in memory.
 *
 * The bytes are hostile: sides are at most 32768, pixels at most 2^28, a decoder gets at most a small
 * multiple of width x height x 4 bytes from its header, and a truncated file is refused. */
#ifndef YOLO_DATASETS_IMAGE_H
#define YOLO_DATASETS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

enum { YOLO_IMAGE_MAX_SIDE = 32768, YOLO_IMAGE_MAX_PIXELS = 1 << 28 };

/* RGB, 8 bit, rows without padding: pixels[(y*width + x)*3 + c]. */
typedef struct yolo_image {
  uint8_t *pixels; /* owned; yolo_image_release */
  int width, height;
  int orientation;    /* the EXIF tag that was applied, 1 when none */
  int exif;           /* the EXIF tag of the file, applied or not; 1 when none */
  int warnings;       /* complaints of the decoder about a file it could still read whole */
  char warning[96];   /* the first of them, or "" */
  const char *format; /* "JPEG", "PNG", ...: static text */
} yolo_image;

/* "JPEG", "PNG", "BMP", "GIF", "TGA", "PSD", "PNM", or a known format no decoder here reads ("WebP", "TIFF",
 * "HEIC", "AVIF", "JPEG XL", "JPEG 2000", "PDF", "SVG" ...), or NULL. TGA has no magic and is guessed last. */
const char *yolo_image_sniff(const uint8_t *bytes, size_t length);

/* `name` is only for messages. *out is zeroed on failure. */
yolo_status yolo_image_decode(const uint8_t *bytes, size_t length, const char *name, yolo_image *out);
yolo_status yolo_image_load(const char *path, yolo_image *out);

/* Labels speak of the image as somebody's program saw it: turned upright by its EXIF tag, or as stored. */
typedef enum yolo_exif_rule {
  YOLO_EXIF_APPLY,  /* what yolo_image_load does */
  YOLO_EXIF_IGNORE, /* as stored */
  YOLO_EXIF_MATCH   /* applied where the turned image has the wanted size, else as stored */
} yolo_exif_rule;
yolo_status yolo_image_load_as(const char *path, yolo_exif_rule rule, int wanted_width, int wanted_height, yolo_image *out);
yolo_status yolo_image_new(int width, int height, yolo_image *out); /* pixels undefined */
void yolo_image_release(yolo_image *image);                         /* frees the pixels, zeroes the struct */

/* Format by suffix: .jpg/.jpeg (quality 90), .png, .bmp, .tga. Written whole or not at all. */
yolo_status yolo_image_save(const yolo_image *image, const char *path);
/* One byte a pixel, as a grey PNG whatever the suffix: class-index masks. */
yolo_status yolo_grey_save(const uint8_t *values, int width, int height, const char *path);
/* The same into memory; the suffix of `name` says the format. *out is the caller's (yolo_free). */
yolo_status yolo_image_encode(const yolo_image *image, const char *name, uint8_t **out, size_t *length);

/* The EXIF orientation (1..8) of JPEG bytes; 1 when absent or damaged. */
int yolo_exif_orientation(const uint8_t *bytes, size_t length);

/* "libjpeg-turbo 2.1.5" or "stb_image": who decodes JPEG in this build. */
const char *yolo_image_jpeg_decoder(void);

/* ---- pixels of any layout as a view (decoded images and raw pixels of the API) ---- */
typedef enum yolo_pixel_layout {
  YOLO_PIXELS_RGB,
  YOLO_PIXELS_BGR,
  YOLO_PIXELS_RGBA,
  YOLO_PIXELS_BGRA,
  YOLO_PIXELS_GREY
} yolo_pixel_layout;
static inline int yolo_pixel_bytes(yolo_pixel_layout layout) {
  return layout == YOLO_PIXELS_GREY ? 1 : layout == YOLO_PIXELS_RGBA || layout == YOLO_PIXELS_BGRA ? 4 : 3;
}
typedef struct yolo_pixels {
  const uint8_t *data;
  int width, height;
  size_t row_stride; /* bytes */
  yolo_pixel_layout layout;
} yolo_pixels;
static inline yolo_pixels yolo_image_pixels(const yolo_image *image) {
  yolo_pixels p = {image->pixels, image->width, image->height, (size_t)image->width * 3, YOLO_PIXELS_RGB};
  return p;
}

#endif
