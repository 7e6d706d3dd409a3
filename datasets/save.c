/* Images to files, by suffix, through stb_image_write (Sean Barrett and others, public domain), JPEG through libjpeg-turbo
 * where it is built in (faster): encoded in memory first, then written whole or not at all.
 *
 * PNG is compressed by zlib: stb_image_write's own compressor writes past its buffer when memory is short. */
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>
#ifdef YOLO_HAVE_TURBOJPEG
#include <turbojpeg.h>
#endif

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "datasets/decoders.h"

/* What stb_image_write calls to compress: a zlib stream in a block of its own, NULL on failure. */
static unsigned char *deflate_block(unsigned char *data, int length, int *out_length, int quality) {
  uLong bound = compressBound((uLong)length);
  unsigned char *block = yolo_decoder_alloc(bound);
  if (!block) return NULL;
  if (compress2(block, &bound, data, (uLong)length, quality > 6 ? 6 : quality) != Z_OK || bound > INT_MAX - 64) {
    yolo_decoder_free(block);
    return NULL;
  }
  *out_length = (int)bound;
  return block;
}

#define STBIW_MALLOC(size)                                     yolo_decoder_alloc(size)
#define STBIW_REALLOC(block, size)                             yolo_decoder_realloc(block, size)
#define STBIW_FREE(block)                                      yolo_decoder_free(block)
#define STBIW_ASSERT(condition)                                ((void)(condition))
#define STBIW_ZLIB_COMPRESS(data, length, out_length, quality) deflate_block(data, length, out_length, quality)
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
/* clang-format off: one before the other */
#include "datasets/stb_quiet.h"
#include <stb/stb_image_write.h>
/* clang-format on */
#pragma GCC diagnostic pop

enum { JPEG_QUALITY = 90 };

/* Where the encoder's bytes go. stb_image_write hands JPEG over byte by byte, hence the doubling. */
typedef struct sink {
  uint8_t *bytes;
  size_t length, capacity;
  bool failed;
} sink;

static bool grow(sink *s, size_t more) {
  if (more <= s->capacity - s->length) return true;
  size_t capacity = s->capacity ? s->capacity : 65536;
  while (capacity - s->length < more) capacity *= 2;
  uint8_t *bytes = yolo_realloc(s->bytes, capacity);
  if (!bytes) return false;
  s->bytes = bytes;
  s->capacity = capacity;
  return true;
}

static void take(void *payload, void *data, int size) {
  sink *s = payload;
  if (s->failed || size <= 0) return;
  s->failed = !grow(s, (size_t)size);
  if (s->failed) return;
  memcpy(s->bytes + s->length, data, (size_t)size);
  s->length += (size_t)size;
}

/* Both encoders take half as many samples of the colours in each direction at this quality. */
#ifdef YOLO_HAVE_TURBOJPEG
static int encode_jpeg(const yolo_image *image, sink *s) {
  const int w = image->width, h = image->height;
  unsigned long length = tjBufSize(w, h, TJSAMP_420);
  tjhandle handle = tjInitCompress();
  bool done = handle && grow(s, length);
  if (done) {
    unsigned char *to = s->bytes;
    done = tjCompress2(handle, image->pixels, w, 0, h, TJPF_RGB, &to, &length, TJSAMP_420, JPEG_QUALITY, TJFLAG_NOREALLOC) == 0;
    s->length = length;
  }
  if (handle) tjDestroy(handle);
  return done;
}
#else
static int encode_jpeg(const yolo_image *image, sink *s) {
  return stbi_write_jpg_to_func(take, s, image->width, image->height, 3, image->pixels, JPEG_QUALITY);
}
#endif

static int encode_as(const yolo_image *image, const char *path, sink *s) {
  int w = image->width, h = image->height;
  if (yolo_has_suffix(path, ".png")) return stbi_write_png_to_func(take, s, w, h, 3, image->pixels, w * 3);
  if (yolo_has_suffix(path, ".bmp")) return stbi_write_bmp_to_func(take, s, w, h, 3, image->pixels);
  if (yolo_has_suffix(path, ".tga")) return stbi_write_tga_to_func(take, s, w, h, 3, image->pixels);
  return encode_jpeg(image, s);
}

/* False when memory is short. What the encoder forgets to free then, the ledger of its allocations frees. */
static bool encode(const yolo_image *image, const char *path, sink *s) {
  yolo_decoder_memory_begin(SIZE_MAX);
  int done = encode_as(image, path, s);
  yolo_decoder_memory_end(NULL);
  return done && !s->failed;
}

static bool suffix_known(const char *path) {
  static const char *const suffixes[] = {".jpg", ".jpeg", ".png", ".bmp", ".tga"};
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
    if (yolo_has_suffix(path, suffixes[i])) return true;
  return false;
}

yolo_status yolo_image_encode(const yolo_image *image, const char *name, uint8_t **out, size_t *length) {
  sink s = {NULL, 0, 0, false};
  *out = NULL;
  *length = 0;
  if (!suffix_known(name))
    return yolo_fail(YOLO_EINVAL, "%s: images are written as .jpg, .jpeg, .png, .bmp or .tga; choose one of them", name);
  if (!image->pixels || image->width < 1 || image->height < 1)
    return yolo_fail(YOLO_EINVAL, "%s: there is no image to write", name);
  if ((int64_t)image->width * image->height > INT_MAX / 4)
    return yolo_fail(YOLO_EINVAL, "%s: %d x %d pixels are too many to write", name, image->width, image->height);
  if (!encode(image, name, &s)) {
    yolo_free(s.bytes);
    return yolo_fail(YOLO_ENOMEM, "%s: not enough memory to encode %d x %d pixels", name, image->width, image->height);
  }
  *out = s.bytes;
  *length = s.length;
  return YOLO_OK;
}

static bool encode_grey(const uint8_t *values, int width, int height, sink *s) {
  yolo_decoder_memory_begin(SIZE_MAX);
  int done = stbi_write_png_to_func(take, s, width, height, 1, values, width);
  yolo_decoder_memory_end(NULL);
  return done && !s->failed;
}

yolo_status yolo_grey_save(const uint8_t *values, int width, int height, const char *path) {
  sink s = {NULL, 0, 0, false};
  yolo_status st = yolo_image_check_size(width, height);
  if (st != YOLO_OK) return yolo_error_prefix(st, "%s: ", path);
  if (encode_grey(values, width, height, &s))
    st = yolo_write_file(path, s.bytes, s.length);
  else
    st = yolo_fail(YOLO_ENOMEM, "%s: not enough memory to encode %d x %d pixels", path, width, height);
  yolo_free(s.bytes);
  return st;
}

yolo_status yolo_image_save(const yolo_image *image, const char *path) {
  uint8_t *bytes = NULL;
  size_t length = 0;
  yolo_status st = yolo_image_encode(image, path, &bytes, &length);
  if (st == YOLO_OK) st = yolo_write_file(path, bytes, length);
  yolo_free(bytes);
  return st;
}
