/* Internal to datasets/: what stands between the bytes of a file and a decoded image.
 *
 * One function a format, all of one shape, listed in decode.c's table. Each checks with its own eyes what
 * the decoder behind it would overlook (truncation above all), asks for pixels, and fills `out`. Sentences
 * do not name the file: yolo_image_decode puts the name in front. */
#ifndef YOLO_DATASETS_DECODERS_H
#define YOLO_DATASETS_DECODERS_H

#include "datasets/image.h"

/* An encoded image in memory. `length` is at most YOLO_IMAGE_MAX_FILE. */
typedef struct yolo_encoded {
  const uint8_t *bytes;
  size_t length;
} yolo_encoded;

enum { YOLO_IMAGE_MAX_FILE = 1 << 30 };

/* ---- one a format; on failure out->pixels may be set, the caller releases `out` ---- */
yolo_status yolo_decode_jpeg(const yolo_encoded *in, yolo_image *out); /* the best decoder of this build */
yolo_status yolo_decode_jpeg_stb(const yolo_encoded *in, yolo_image *out);
yolo_status yolo_decode_jpeg_turbo(const yolo_encoded *in, yolo_image *out); /* YOLO_EUNSUPPORTED when not built in */
yolo_status yolo_decode_png(const yolo_encoded *in, yolo_image *out);
yolo_status yolo_decode_bmp(const yolo_encoded *in, yolo_image *out);
yolo_status yolo_decode_gif(const yolo_encoded *in, yolo_image *out);
yolo_status yolo_decode_tga(const yolo_encoded *in, yolo_image *out);
yolo_status yolo_decode_psd(const yolo_encoded *in, yolo_image *out);
yolo_status yolo_decode_pnm(const yolo_encoded *in, yolo_image *out);

/* ---- shared by them ---- */

/* Fails unless 1 <= width, height <= YOLO_IMAGE_MAX_SIDE and the product is at most YOLO_IMAGE_MAX_PIXELS. */
yolo_status yolo_image_check_size(int64_t width, int64_t height);

/* Counts a complaint; the first one is kept. */
void yolo_image_warn(yolo_image *image, const char *format, ...) YOLO_PRINTF(2, 3);

/* stb_image on bytes whose header says width x height. `watched`: the decoder reads through callbacks and
 * an image for which it wanted more bytes than there are is refused as truncated. */
yolo_status yolo_decode_stb(const yolo_encoded *in, int width, int height, bool watched, yolo_image *out);

bool yolo_tga_plausible(const uint8_t *bytes, size_t length); /* for the sniffer: TGA has no magic */

static inline uint32_t yolo_be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static inline uint32_t yolo_be32(const uint8_t *p) { return yolo_be16(p) << 16 | yolo_be16(p + 2); }
static inline uint32_t yolo_le16(const uint8_t *p) { return (uint32_t)p[1] << 8 | p[0]; }
static inline uint32_t yolo_le32(const uint8_t *p) { return yolo_le16(p + 2) << 16 | yolo_le16(p); }

/* ---- JPEG: what its markers say, found without decoding ---- */
typedef enum yolo_jpeg_end {
  YOLO_JPEG_COMPLETE,  /* the EOI marker was reached */
  YOLO_JPEG_TRUNCATED, /* the bytes ended before it */
  YOLO_JPEG_DAMAGED    /* a marker makes no sense: `complaint` says which */
} yolo_jpeg_end;

typedef struct yolo_jpeg_markers {
  yolo_jpeg_end end;
  const char *complaint; /* static text, NULL unless DAMAGED */
  int frame;             /* SOF marker, 0xC0 ...; 0: none was found */
  int precision, width, height, components;
  int adobe_transform; /* of the APP14 segment, -1 without one */
  int scans;
  const uint8_t *exif; /* the TIFF part of the first Exif APP1 segment, or NULL; points into the bytes */
  size_t exif_length;
} yolo_jpeg_markers;

yolo_jpeg_markers yolo_jpeg_read_markers(const uint8_t *bytes, size_t length);

/* Orientation tag of a TIFF block, 1 when absent or damaged. */
int yolo_tiff_orientation(const uint8_t *tiff, size_t length);

/* ---- the capped door through which stb_image and stb_image_write allocate (decoder_memory.c) ---- */
void yolo_decoder_memory_begin(size_t budget);

typedef enum yolo_decoder_refusal { YOLO_REFUSED_NOTHING, YOLO_REFUSED_BY_BUDGET, YOLO_REFUSED_BY_SYSTEM } yolo_decoder_refusal;

/* Frees every block that the decoder left behind except `keep`, which then belongs to the caller
 * (yolo_free), and says why an allocation was refused, if one was. */
yolo_decoder_refusal yolo_decoder_memory_end(void *keep);

void *yolo_decoder_alloc(size_t size);
void *yolo_decoder_realloc(void *block, size_t size);
void yolo_decoder_free(void *block);

#endif
