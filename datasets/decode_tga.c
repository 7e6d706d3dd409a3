/* TGA (Truevision, "TGA file format specification 2.0"): the header is checked, then stb_image.
 *
 *   id length, palette?, type, palette start/length/bits, x, y, width, height, bits, flags | id | palette | pixels
 *
 * Types 1, 2, 3 (palette, colour, grey) are plain: their length follows from the header. 9, 10, 11 are the same,
 * run-length coded: the stream under the decoder tells when it ran dry. */
#include "datasets/decoders.h"

enum { HEADER = 18, RUN_LENGTH = 8 };

/* TGA has no magic number: the fields of the header must make sense together. */
bool yolo_tga_plausible(const uint8_t *p, size_t length) {
  if (length < HEADER) return false;
  unsigned type = p[2] & ~(unsigned)RUN_LENGTH, bits = p[16], palette_bits = p[7];
  bool indexed = p[1] == 1;
  if (p[1] > 1 || type < 1 || type > 3 || p[2] > 11) return false;
  if (yolo_le16(p + 12) == 0 || yolo_le16(p + 14) == 0) return false;
  if (indexed != (type == 1)) return false;
  if (indexed)
    return (bits == 8 || bits == 16) && yolo_le16(p + 5) > 0 &&
           (palette_bits == 15 || palette_bits == 16 || palette_bits == 24 || palette_bits == 32);
  if (type == 3) return bits == 8 || bits == 16;
  return bits == 15 || bits == 16 || bits == 24 || bits == 32;
}

/* Bytes before the pixels. stb_image takes the palette's start for a number of bytes to skip; files where it
 * is not zero are so rare, and so often read wrongly, that they are refused. */
static size_t bytes_before_pixels(const uint8_t *p) {
  size_t palette = p[1] ? (size_t)yolo_le16(p + 5) * ((p[7] + 7u) / 8) : 0;
  return HEADER + p[0] + palette;
}

yolo_status yolo_decode_tga(const yolo_encoded *in, yolo_image *out) {
  const uint8_t *p = in->bytes;
  int width = (int)yolo_le16(p + 12), height = (int)yolo_le16(p + 14);
  yolo_status st = yolo_image_check_size(width, height);
  if (st != YOLO_OK) return st;
  if (p[1] && yolo_le16(p + 3) != 0)
    return yolo_fail(YOLO_EUNSUPPORTED, "a TGA whose palette does not begin at colour 0; convert it to PNG");
  if (p[17] & 0x10) return yolo_fail(YOLO_EUNSUPPORTED, "a TGA stored from right to left; convert it to PNG");
  size_t before = bytes_before_pixels(p), pixel = (p[16] + 7u) / 8, count = (size_t)width * (size_t)height;
  /* A run is one byte and one pixel, and at most 128 pixels long: a header that promises more would only cost time. */
  size_t needed = before + (p[2] & RUN_LENGTH ? (count + 127) / 128 * (1 + pixel) : count * pixel);
  if (in->length < needed) return yolo_fail(YOLO_EFORMAT, "truncated TGA: the file ends before its pixels do");
  return yolo_decode_stb(in, width, height, (p[2] & RUN_LENGTH) != 0, out);
}
