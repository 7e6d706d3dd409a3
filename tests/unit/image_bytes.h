/* Small image files made in memory, one maker a format, for the tests of datasets/.
 *
 * All show the same 20 x 12 picture (image_sample) so that a decoder's result can be compared; formats with a palette
 * or one channel say in their comment what they show instead. */
#ifndef YOLO_TESTS_IMAGE_BYTES_H
#define YOLO_TESTS_IMAGE_BYTES_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "backbone/base/text.h"
#include "datasets/image.h"

enum { SAMPLE_W = 20, SAMPLE_H = 12 };

static inline uint8_t image_sample(int x, int y, int c) {
  return (uint8_t)(c == 0 ? x * 12 : c == 1 ? y * 20 : 40 + x * 5 + y * 7);
}

static inline yolo_image sample_image(void) {
  yolo_image image;
  ck_assert_int_eq(yolo_image_new(SAMPLE_W, SAMPLE_H, &image), YOLO_OK);
  for (int i = 0; i < SAMPLE_W * SAMPLE_H * 3; i++) image.pixels[i] = image_sample(i / 3 % SAMPLE_W, i / 3 / SAMPLE_W, i % 3);
  return image;
}

/* ---- a folder for the test's files ---- */

static char test_folder[512];

static inline bool make_folder(void) {
  const char *where = getenv("TMPDIR");
  snprintf(test_folder, sizeof test_folder, "%s/yolo-images-XXXXXX", where ? where : P_tmpdir);
  return mkdtemp(test_folder) != NULL;
}

/* A name in that folder; valid until the next call. */
static inline const char *in_folder(const char *name) {
  static char path[1024];
  snprintf(path, sizeof path, "%s/%s", test_folder, name);
  return path;
}

/* ---- bytes ---- */

static inline void put(yolo_text *t, const void *bytes, size_t length) {
  ck_assert_int_eq(yolo_text_append(t, bytes, length), YOLO_OK);
}
static inline void put8(yolo_text *t, unsigned v) {
  uint8_t byte = (uint8_t)v;
  put(t, &byte, 1);
}
static inline void put_le16(yolo_text *t, unsigned v) { put8(t, v), put8(t, v >> 8); }
static inline void put_le32(yolo_text *t, unsigned v) { put_le16(t, v), put_le16(t, v >> 16); }
static inline void put_be16(yolo_text *t, unsigned v) { put8(t, v >> 8), put8(t, v); }
static inline void put_be32(yolo_text *t, unsigned v) { put_be16(t, v >> 16), put_be16(t, v); }

static inline void make_ppm(yolo_text *t, int bytes_a_sample) {
  const char *head = bytes_a_sample == 2 ? "P6\n# a comment\n20 12\n65535\n" : "P6 20 12 255\n";
  put(t, head, strlen(head));
  for (int y = 0; y < SAMPLE_H; y++)
    for (int x = 0; x < SAMPLE_W; x++)
      for (int c = 0; c < 3; c++) {
        put8(t, image_sample(x, y, c));
        if (bytes_a_sample == 2) put8(t, 0xC3); /* cut off by the 16-to-8 rule */
      }
}

/* Shows channel 0, stored with the maximum 127 and rounded down. */
static inline void make_pgm(yolo_text *t) {
  put(t, "P5\n20\n12\n127\n", 13);
  for (int y = 0; y < SAMPLE_H; y++)
    for (int x = 0; x < SAMPLE_W; x++) put8(t, image_sample(x, y, 0) / 2u);
}

static inline void make_bmp24(yolo_text *t, bool top_down) {
  put(t, "BM", 2);
  put_le32(t, 54 + SAMPLE_W * SAMPLE_H * 3), put_le32(t, 0), put_le32(t, 54);
  put_le32(t, 40), put_le32(t, SAMPLE_W), put_le32(t, (unsigned)(top_down ? -SAMPLE_H : SAMPLE_H));
  put_le16(t, 1), put_le16(t, 24), put_le32(t, 0), put_le32(t, 0), put_le32(t, 0), put_le32(t, 0), put_le32(t, 0),
      put_le32(t, 0);
  for (int row = 0; row < SAMPLE_H; row++)
    for (int x = 0; x < SAMPLE_W; x++)
      for (int c = 2; c >= 0; c--) put8(t, image_sample(x, top_down ? row : SAMPLE_H - 1 - row, c));
}

/* Pixel (x, y) has colour (x + y) % colours of a palette of (k, 2k, 3k). */
static inline void make_bmp8(yolo_text *t, unsigned colours, unsigned first_index) {
  unsigned offset = 54 + colours * 4;
  put(t, "BM", 2);
  put_le32(t, offset + SAMPLE_W * SAMPLE_H), put_le32(t, 0), put_le32(t, offset);
  put_le32(t, 40), put_le32(t, SAMPLE_W), put_le32(t, SAMPLE_H);
  put_le16(t, 1), put_le16(t, 8), put_le32(t, 0), put_le32(t, 0), put_le32(t, 0), put_le32(t, 0), put_le32(t, colours),
      put_le32(t, 0);
  for (unsigned k = 0; k < colours; k++) put8(t, 3 * k), put8(t, 2 * k), put8(t, k), put8(t, 0);
  for (int y = SAMPLE_H - 1; y >= 0; y--)
    for (int x = 0; x < SAMPLE_W; x++) put8(t, x + y == 0 ? first_index : (unsigned)(x + y) % colours);
}

/* Type 2 (plain), or type 10 with each row as one packet of literal pixels. */
static inline void make_tga(yolo_text *t, bool packets) {
  put8(t, 3), put8(t, 0), put8(t, packets ? 10 : 2), put_le32(t, 0), put8(t, 0), put_le32(t, 0);
  put_le16(t, SAMPLE_W), put_le16(t, SAMPLE_H), put8(t, 24), put8(t, 0x20), put(t, "id!", 3);
  for (int y = 0; y < SAMPLE_H; y++) {
    if (packets) put8(t, SAMPLE_W - 1);
    for (int x = 0; x < SAMPLE_W; x++)
      for (int c = 2; c >= 0; c--) put8(t, image_sample(x, y, c));
  }
}

static inline void make_psd(yolo_text *t, bool packed) {
  put(t, "8BPS", 4);
  put_be16(t, 1), put(t, "\0\0\0\0\0\0", 6), put_be16(t, 3), put_be32(t, SAMPLE_H), put_be32(t, SAMPLE_W);
  put_be16(t, 8), put_be16(t, 3), put_be32(t, 0), put_be32(t, 4), put(t, "8BIM", 4), put_be32(t, 0), put_be16(t, packed);
  if (packed)
    for (int row = 0; row < SAMPLE_H * 3; row++) put_be16(t, SAMPLE_W + 1);
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < SAMPLE_H; y++) {
      if (packed) put8(t, SAMPLE_W - 1);
      for (int x = 0; x < SAMPLE_W; x++) put8(t, image_sample(x, y, c));
    }
}

static inline void put_gif_head(yolo_text *t, int w, int h) {
  put(t, "GIF89a", 6);
  put_le16(t, (unsigned)w), put_le16(t, (unsigned)h), put8(t, 0x80 | 6), put8(t, 0), put8(t, 0);
  for (unsigned k = 0; k < 128; k++) put8(t, k), put8(t, 2 * k), put8(t, 255 - k);
  put(t, "!\xFE\x05hello\0", 9);
  put8(t, 0x2C), put_le32(t, 0), put_le16(t, (unsigned)w), put_le16(t, (unsigned)h), put8(t, 0);
}

/* Pixel (x, y) has colour x + y of a palette of (k, 2k, 255 - k). With codes of 8 bits, and a clear before the
 * table would need a ninth, every code is a byte. */
static inline void make_gif(yolo_text *t) {
  put_gif_head(t, SAMPLE_W, SAMPLE_H);
  put8(t, 7);
  for (int y = 0; y < SAMPLE_H; y++) {
    put8(t, SAMPLE_W + 1), put8(t, 128);
    for (int x = 0; x < SAMPLE_W; x++) put8(t, (unsigned)(x + y));
  }
  put8(t, 1), put8(t, 129), put8(t, 0), put8(t, 0x3B);
}

typedef struct bit_sink {
  uint8_t bytes[4096];
  size_t count; /* bits */
} bit_sink;

static inline void put_bits(bit_sink *b, unsigned value, int width) {
  for (int i = 0; i < width; i++, b->count++)
    if (value >> i & 1) b->bytes[b->count / 8] |= (uint8_t)(1u << b->count % 8);
}

/* One colour (5), 64 x 50: after the first code each one names the string that is just being learnt, and
 * codes grow from 8 bits to 9. `extra` more codes follow behind the last pixel. */
static inline void make_flat_gif(yolo_text *t, int extra) {
  bit_sink bits;
  memset(&bits, 0, sizeof bits);
  int width = 8, next = 130, length = 1, pixels = 1;
  put_bits(&bits, 128, width);
  put_bits(&bits, 5, width);
  while (pixels < 64 * 50 || extra-- > 0) {
    put_bits(&bits, (unsigned)next++, width);
    pixels += ++length;
    if (next == 1 << width && width < 12) width++;
  }
  put_bits(&bits, 129, width);
  put_gif_head(t, 64, 50);
  put8(t, 7);
  size_t bytes = (bits.count + 7) / 8;
  for (size_t at = 0; at < bytes; at += 255) {
    size_t block = bytes - at < 255 ? bytes - at : 255;
    put8(t, (unsigned)block), put(t, bits.bytes + at, block);
  }
  put8(t, 0), put8(t, 0x3B);
}

static inline void put_png_chunk(yolo_text *t, const char *type, const void *data, size_t length) {
  put_be32(t, (unsigned)length);
  size_t start = t->length;
  put(t, type, 4), put(t, data, length);
  put_be32(t, (unsigned)crc32(0, (const Bytef *)t->data + start, (uInt)length + 4));
}

/* A PNG header and whatever `raw` bytes inflate to behind it; RGB, 8 bit. */
static inline void make_png(yolo_text *t, unsigned w, unsigned h, const uint8_t *raw, size_t length) {
  uint8_t head[13] = {(uint8_t)(w >> 24),
                      (uint8_t)(w >> 16),
                      (uint8_t)(w >> 8),
                      (uint8_t)w,
                      (uint8_t)(h >> 24),
                      (uint8_t)(h >> 16),
                      (uint8_t)(h >> 8),
                      (uint8_t)h,
                      8,
                      2,
                      0,
                      0,
                      0};
  uLongf packed = compressBound((uLong)length);
  uint8_t *data = malloc(packed);
  ck_assert_int_eq(compress2(data, &packed, raw, (uLong)length, 9), Z_OK);
  put(t, "\x89PNG\r\n\x1A\n", 8);
  put_png_chunk(t, "IHDR", head, sizeof head);
  put_png_chunk(t, "tEXt", "Comment\0two chunks of data follow", 33);
  put_png_chunk(t, "IDAT", data, packed / 2);
  put_png_chunk(t, "IDAT", data + packed / 2, packed - packed / 2);
  put_png_chunk(t, "IEND", "", 0);
  free(data);
}

/* Puts a chunk behind the header of a PNG. */
static inline void put_after_png_header(yolo_text *t, const yolo_text *png, const char *type, const void *data, size_t length) {
  const size_t head = 8 + 25; /* signature, IHDR */
  put(t, png->data, head);
  put_png_chunk(t, type, data, length);
  put(t, png->data + head, png->length - head);
}

static inline void make_sample_png(yolo_text *t) {
  uint8_t raw[SAMPLE_H][1 + SAMPLE_W * 3];
  for (int y = 0; y < SAMPLE_H; y++) {
    raw[y][0] = 0;
    for (int i = 0; i < SAMPLE_W * 3; i++) raw[y][1 + i] = image_sample(i / 3, y, i % 3);
  }
  make_png(t, SAMPLE_W, SAMPLE_H, &raw[0][0], sizeof raw);
}

#endif
