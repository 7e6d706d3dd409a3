/* JPEG without decoding: a walk over the markers (ITU-T T.81, annex B) that says what kind of file it is,
 * where its EXIF lies, and whether its end is there.
 *
 *   FF D8 | FF xx len len ... | ... | FF DA len len ... entropy-coded bytes ... FF D9
 *
 * Inside entropy-coded bytes an FF is followed by 00 (a stuffed data byte) or by D0..D7 (a restart marker);
 * anything else is the next marker. A file that ends before FF D9 was cut off, whatever a decoder makes of it. */
#include <string.h>

#include "datasets/decoders.h"

enum { SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DHT = 0xC4, APP1 = 0xE1, APP14 = 0xEE };

typedef struct cursor {
  const uint8_t *p, *end;
} cursor;

static bool is_frame(int marker) { /* SOF0..SOF15 without DHT, JPG and DAC; F7 is JPEG-LS */
  return (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) || marker == 0xF7;
}

static bool stands_alone(int marker) { return (marker >= 0xD0 && marker <= 0xD8) || marker == 0x01; }

/* The next marker, fill bytes skipped; -1 at the end of the bytes, 0 where no marker stands. */
static int next_marker(cursor *c) {
  if (c->p == c->end) return -1;
  if (*c->p != 0xFF) return 0;
  while (c->p < c->end && *c->p == 0xFF) c->p++;
  return c->p == c->end ? -1 : *c->p++;
}

/* Leaves the cursor at the marker after entropy-coded bytes, or at the end. Stray bytes between segments
 * are stepped over in the same way, as every decoder does. */
static void skip_to_marker(cursor *c) {
  while (c->p < c->end) {
    const uint8_t *ff = memchr(c->p, 0xFF, (size_t)(c->end - c->p));
    if (!ff || ff + 1 >= c->end) {
      c->p = c->end;
      return;
    }
    int code = ff[1];
    c->p = ff;
    if (code != 0 && code != 0xFF && !(code >= 0xD0 && code <= 0xD7)) return;
    c->p += code == 0xFF ? 1 : 2;
  }
}

static const char *read_frame(const uint8_t *body, size_t size, yolo_jpeg_markers *m) {
  if (size < 6) return "the frame header is too short";
  m->precision = body[0];
  m->height = (int)yolo_be16(body + 1);
  m->width = (int)yolo_be16(body + 3);
  m->components = body[5];
  return size < 6 + 3 * (size_t)m->components ? "the frame header is too short" : NULL;
}

/* A Huffman table has at most 256 symbols; the decoder behind us would not count them. */
static const char *check_huffman(const uint8_t *body, size_t size) {
  while (size > 0) {
    size_t symbols = 0;
    if (size < 17) return "a Huffman table is too short";
    for (int i = 1; i <= 16; i++) symbols += body[i];
    if (symbols > 256) return "a Huffman table has more than 256 symbols";
    if (size < 17 + symbols) return "a Huffman table is too short";
    body += 17 + symbols;
    size -= 17 + symbols;
  }
  return NULL;
}

static void read_application(int marker, const uint8_t *body, size_t size, yolo_jpeg_markers *m) {
  if (marker == APP14 && size >= 12 && memcmp(body, "Adobe", 5) == 0) m->adobe_transform = body[11];
  if (marker == APP1 && size > 6 && memcmp(body, "Exif\0", 6) == 0 && !m->exif) {
    m->exif = body + 6;
    m->exif_length = size - 6;
  }
}

static const char *read_segment(int marker, const uint8_t *body, size_t size, yolo_jpeg_markers *m) {
  if (marker == DHT) return check_huffman(body, size);
  if (marker == SOS) m->scans++;
  if (is_frame(marker) && m->frame) return "it has two frame headers";
  if (is_frame(marker)) {
    m->frame = marker;
    return read_frame(body, size, m);
  }
  read_application(marker, body, size, m);
  return NULL;
}

static yolo_jpeg_markers ended(yolo_jpeg_markers m, yolo_jpeg_end end, const char *complaint) {
  m.end = end;
  m.complaint = complaint;
  return m;
}

yolo_jpeg_markers yolo_jpeg_read_markers(const uint8_t *bytes, size_t length) {
  yolo_jpeg_markers m = {.adobe_transform = -1};
  cursor c = {bytes, bytes + length};
  if (length < 2 || next_marker(&c) != SOI) return ended(m, YOLO_JPEG_DAMAGED, "it does not begin with the SOI marker");
  for (;;) {
    int marker = next_marker(&c);
    if (marker == -1) return ended(m, YOLO_JPEG_TRUNCATED, NULL);
    if (marker == EOI) return ended(m, YOLO_JPEG_COMPLETE, NULL);
    if (marker == 0) skip_to_marker(&c);
    if (marker == 0 || stands_alone(marker)) continue;
    if (c.end - c.p < 2) return ended(m, YOLO_JPEG_TRUNCATED, NULL);
    size_t size = yolo_be16(c.p);
    if (size < 2) return ended(m, YOLO_JPEG_DAMAGED, "a segment has an impossible length");
    if ((size_t)(c.end - c.p) < size) return ended(m, YOLO_JPEG_TRUNCATED, NULL);
    const char *complaint = read_segment(marker, c.p + 2, size - 2, &m);
    if (complaint) return ended(m, YOLO_JPEG_DAMAGED, complaint);
    c.p += size;
    if (marker == SOS) skip_to_marker(&c);
  }
}
