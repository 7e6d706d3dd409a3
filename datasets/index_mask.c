/* Class-index masks from PNG files: see index_mask.h.
 *
 * The decoder behind us only hands out colours. So the file is given another palette first, in which colour i is (i, i, i):
 * what comes out is then the index itself. Grey samples of fewer than 8 bits come out spread over 0..255, and are brought
 * back. PLTE's place and checksum: W3C PNG, third edition, sections 5.6 and 11.2.2. */
#include "datasets/index_mask.h"

#include <string.h>
#include <zlib.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "datasets/decoders.h"

enum { SIGNATURE = 8, FRAME = 12, IHDR_LENGTH = 13, PALETTE = 3, GREY = 0, GREY_ALPHA = 4, PLTE_LENGTH = 768 };

static void put32(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void write_plte(uint8_t *p) {
  put32(p, PLTE_LENGTH);
  memcpy(p + 4, "PLTE", 4);
  for (int i = 0; i < PLTE_LENGTH; i++) p[8 + i] = (uint8_t)(i / 3);
  put32(p + 8 + PLTE_LENGTH, (uint32_t)crc32(crc32(0, NULL, 0), p + 4, PLTE_LENGTH + 4));
}

/* A copy with the plain palette in place of its own, without tRNS, which would only cost memory. Damage is left
 * for the decoder to find. */
static yolo_status plain_palette(const yolo_encoded *in, yolo_encoded *out, uint8_t **block) {
  size_t at = SIGNATURE, to = SIGNATURE;
  uint8_t *copy = yolo_alloc(in->length + FRAME + PLTE_LENGTH);
  if (!copy) return YOLO_ENOMEM;
  memcpy(copy, in->bytes, SIGNATURE);
  for (bool done = false; in->length - at >= FRAME;) {
    const uint8_t *chunk = in->bytes + at;
    size_t length = yolo_be32(chunk);
    if (length > in->length - at - FRAME) break;
    if (memcmp(chunk + 4, "PLTE", 4) == 0) {
      if (!done) write_plte(copy + to);
      if (!done) to += FRAME + PLTE_LENGTH;
      done = true;
    } else if (memcmp(chunk + 4, "tRNS", 4) != 0) {
      memcpy(copy + to, chunk, length + FRAME);
      to += length + FRAME;
    }
    at += length + FRAME;
  }
  memcpy(copy + to, in->bytes + at, in->length - at);
  *out = (yolo_encoded){copy, to + in->length - at};
  *block = copy;
  return YOLO_OK;
}

/* What the header says: `spread` is by how much the decoder multiplies a stored value. */
static yolo_status check_header(const yolo_encoded *in, bool *palette, int *spread) {
  const uint8_t *ihdr = in->bytes + SIGNATURE + 8;
  const char *format = yolo_image_sniff(in->bytes, in->length);
  if (!format || strcmp(format, "PNG") != 0)
    return yolo_fail(YOLO_EFORMAT, "a class-index mask is a PNG file, not %s", format ? format : "this");
  if (in->length < SIGNATURE + FRAME + IHDR_LENGTH || memcmp(ihdr - 4, "IHDR", 4) != 0)
    return yolo_fail(YOLO_EFORMAT, "damaged PNG: it does not begin with an IHDR chunk");
  int bits = ihdr[8], kind = ihdr[9];
  *palette = kind == PALETTE;
  if (kind != PALETTE && kind != GREY && kind != GREY_ALPHA)
    return yolo_fail(YOLO_EUNSUPPORTED, "its pixels are colours; a class-index mask has one number a pixel (grey or palette)");
  if (bits > 8) return yolo_fail(YOLO_EUNSUPPORTED, "%d bits a pixel; class-index masks have at most 8", bits);
  *spread = kind == PALETTE || bits == 0 ? 1 : 255 / ((1 << bits) - 1);
  return YOLO_OK;
}

static yolo_status take_values(const yolo_image *image, int spread, yolo_index_mask *out) {
  size_t count = (size_t)image->width * (size_t)image->height;
  out->values = yolo_alloc(count);
  if (!out->values) return YOLO_ENOMEM;
  for (size_t i = 0; i < count; i++) out->values[i] = (uint8_t)(image->pixels[i * 3] / spread);
  out->width = image->width;
  out->height = image->height;
  return YOLO_OK;
}

yolo_status yolo_index_mask_decode(const uint8_t *bytes, size_t length, const char *name, yolo_index_mask *out) {
  yolo_encoded in = {bytes, length};
  yolo_image image = {0};
  uint8_t *block = NULL;
  bool palette = false;
  int spread = 1;
  yolo_status st = YOLO_OK;
  *out = (yolo_index_mask){0};
  YOLO_TRY(check_header(&in, &palette, &spread));
  if (palette) YOLO_TRY(plain_palette(&in, &in, &block));
  YOLO_TRY(yolo_decode_png(&in, &image));
  YOLO_TRY(take_values(&image, spread, out));
done:
  yolo_image_release(&image);
  yolo_free(block);
  return st == YOLO_OK ? st : yolo_error_prefix(st, "%s: ", name);
}

yolo_status yolo_index_mask_load(const char *path, yolo_index_mask *out) {
  char *bytes = NULL;
  size_t length = 0;
  *out = (yolo_index_mask){0};
  yolo_status st = yolo_read_file(path, YOLO_IMAGE_MAX_FILE, &bytes, &length);
  if (st == YOLO_OK) st = yolo_index_mask_decode((const uint8_t *)bytes, length, path, out);
  yolo_free(bytes);
  return st;
}

void yolo_index_mask_release(yolo_index_mask *mask) {
  yolo_free(mask->values);
  *mask = (yolo_index_mask){0};
}
