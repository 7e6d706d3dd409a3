/* stb_image (Sean Barrett and others, public domain) under supervision: a memory budget from the header, and,
 * where a format's reader takes zeros for missing bytes, a stream that notices.
 *
 * It allocates through the capped door of decoder_memory.c. Its assertions are switched off, since a library
 * does not abort: what they guard is checked before (decode_*.c) and by fuzzing. The formats left out are those whose
 * reader overlooks errors (PNM: our own reads it) or which nobody meets (PIC, HDR). */
#include <string.h>

#include "datasets/decoders.h"

#define STBI_MALLOC(size)         yolo_decoder_alloc(size)
#define STBI_REALLOC(block, size) yolo_decoder_realloc(block, size)
#define STBI_FREE(block)          yolo_decoder_free(block)
#define STBI_ASSERT(condition)    ((void)(condition))
#define STBI_MAX_DIMENSIONS       YOLO_IMAGE_MAX_SIDE
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_PIC
#define STBI_NO_PNM
#define STB_IMAGE_STATIC /* a program that brings its own copy shall not meet ours */
#define STB_IMAGE_IMPLEMENTATION
/* clang-format off: one before the other */
#include "datasets/stb_quiet.h"
#include <stb/stb_image.h>
/* clang-format on */
#pragma GCC diagnostic pop

/* ---- a stream that remembers whether more was wanted than there is ---- */
typedef struct stream {
  const uint8_t *bytes;
  size_t length, position;
  bool ran_dry;
} stream;

static int stream_read(void *payload, char *data, int size) {
  stream *s = payload;
  size_t left = s->length - s->position, wanted = size > 0 ? (size_t)size : 0;
  size_t given = wanted < left ? wanted : left;
  if (given == 0 && wanted > 0) s->ran_dry = true;
  memcpy(data, s->bytes + s->position, given);
  s->position += given;
  return (int)given;
}

static void stream_skip(void *payload, int count) {
  stream *s = payload;
  size_t left = s->length - s->position;
  if (count < 0 || (size_t)count > left) s->ran_dry = true;
  s->position = s->ran_dry ? s->length : s->position + (size_t)count;
}

static int stream_at_end(void *payload) {
  const stream *s = payload;
  return s->position == s->length;
}

/* ---- memory ---- */

/* What an honest file can need at one time. The two extremes: PNG, 16-bit RGBA, interlaced: inflated 8, image 8, one
 * pass 4 bytes a pixel; JPEG, progressive, four channels: planes 4, coefficients 8, result 3, on sides
 * rounded up to its largest block (32). stb_image gathers the compressed data of a PNG in a buffer that
 * doubles, hence twice the file, and starts several buffers at a few kilobytes, hence the constant. */
static size_t memory_budget(const yolo_encoded *in, int width, int height) {
  size_t padded_w = ((size_t)width + 31) / 32 * 32, padded_h = ((size_t)height + 31) / 32 * 32;
  return padded_w * padded_h * 4 * 6 + 2 * in->length + ((size_t)1 << 20);
}

static yolo_status explain(yolo_decoder_refusal refusal, int width, int height) {
  if (refusal == YOLO_REFUSED_BY_BUDGET)
    return yolo_fail(YOLO_ENOMEM, "the data unpack to far more than the %d x %d pixels of the header: damaged, or a trap",
                     width, height);
  if (refusal == YOLO_REFUSED_BY_SYSTEM) return yolo_fail(YOLO_ENOMEM, "not enough memory for %d x %d pixels", width, height);
  const char *reason = stbi_failure_reason();
  return yolo_fail(YOLO_EFORMAT, "the image data are damaged (stb_image: %s)", reason && *reason ? reason : "no reason given");
}

yolo_status yolo_decode_stb(const yolo_encoded *in, int width, int height, bool watched, yolo_image *out) {
  static const stbi_io_callbacks callbacks = {stream_read, stream_skip, stream_at_end};
  stream s = {in->bytes, in->length, 0, false};
  int w = 0, h = 0, channels = 0;
  yolo_decoder_memory_begin(memory_budget(in, width, height));
  stbi_convert_iphone_png_to_rgb_thread(1); /* Apple's variant of PNG keeps blue before red */
  uint8_t *pixels = watched ? stbi_load_from_callbacks(&callbacks, &s, &w, &h, &channels, 3)
                            : stbi_load_from_memory(in->bytes, (int)in->length, &w, &h, &channels, 3);
  yolo_decoder_refusal refusal = yolo_decoder_memory_end(pixels);
  out->pixels = pixels;
  out->width = w;
  out->height = h;
  if (s.ran_dry) return yolo_fail(YOLO_EFORMAT, "the file is truncated: its image data end too early");
  if (!pixels) return explain(refusal, width, height);
  if (w != width || h != height)
    return yolo_fail(YOLO_EFORMAT, "the header says %d x %d pixels, the data %d x %d", width, height, w, h);
  return YOLO_OK;
}
