/* PNM, binary: P5 (grey) and P6 (RGB) (Netpbm, pgm(5) and ppm(5)).
 *
 *   "P6" blank width blank height blank maximum one-blank rows          # comments up to the end of a line
 *
 * Our own reader: stb_image's reads 16-bit samples in the wrong order and past its buffer, and does not scale
 * by the maximum. A sample v becomes v * 255 / maximum, rounded; with two bytes a sample and the maximum
 * 65535 its upper byte, as for every 16-bit format. */
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/decoders.h"

typedef struct reader {
  const uint8_t *p, *end;
} reader;

static bool is_blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Skips blanks and comments, reads a number; -1 when there is none or it exceeds 65535. */
static int next_number(reader *r) {
  int value = 0;
  while (r->p < r->end && (is_blank(*r->p) || *r->p == '#')) {
    if (*r->p == '#')
      while (r->p < r->end && *r->p != '\n' && *r->p != '\r') r->p++;
    else
      r->p++;
  }
  if (r->p == r->end || *r->p < '0' || *r->p > '9') return -1;
  while (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
    value = value * 10 + (*r->p++ - '0');
    if (value > 65535) return -1;
  }
  return value;
}

/* One sample to 8 bits. */
static uint8_t scale_sample(unsigned value, unsigned maximum) {
  if (maximum == 255) return (uint8_t)value;
  if (maximum == 65535) return (uint8_t)(value >> 8);
  if (value > maximum) value = maximum;
  return (uint8_t)((value * 255 + maximum / 2) / maximum);
}

static void convert(const uint8_t *from, size_t pixels, int channels, unsigned maximum, uint8_t *to) {
  size_t bytes = maximum > 255 ? 2 : 1;
  for (size_t i = 0; i < pixels; i++)
    for (size_t c = 0; c < 3; c++) {
      const uint8_t *sample = from + (channels == 3 ? i * 3 + c : i) * bytes;
      to[i * 3 + c] = scale_sample(bytes == 2 ? yolo_be16(sample) : *sample, maximum);
    }
}

yolo_status yolo_decode_pnm(const yolo_encoded *in, yolo_image *out) {
  reader r = {in->bytes + 2, in->bytes + in->length};
  int channels = in->bytes[1] == '6' ? 3 : 1;
  int width = next_number(&r), height = next_number(&r), maximum = next_number(&r);
  if (width < 0 || height < 0 || maximum < 1 || r.p == r.end || !is_blank(*r.p))
    return yolo_fail(YOLO_EFORMAT, "damaged or truncated PNM: width, height and maximum cannot be read");
  r.p++;
  yolo_status st = yolo_image_check_size(width, height);
  if (st != YOLO_OK) return st;
  size_t pixels = (size_t)width * (size_t)height, samples = pixels * (size_t)channels;
  if ((size_t)(r.end - r.p) < samples * (maximum > 255 ? 2 : 1))
    return yolo_fail(YOLO_EFORMAT, "truncated PNM: the file ends before its pixels do");
  if ((st = yolo_image_new(width, height, out)) != YOLO_OK) return st;
  convert(r.p, pixels, channels, (unsigned)maximum, out->pixels);
  return YOLO_OK;
}
