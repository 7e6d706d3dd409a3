/* PNG (W3C Recommendation, third edition): a walk over the chunks, then stb_image.
 *
 *   89 "PNG" 0D 0A 1A 0A | length, type, data, CRC | ... | 0 "IEND" CRC
 *
 * stb_image checks no CRC and needs no IEND; here every chunk that counts must be whole and its checksum
 * right. Alpha is dropped, not blended: a detector sees the colours that are stored. 16-bit samples keep
 * their upper byte. */
#include <string.h>
#include <zlib.h>

#include "datasets/decoders.h"

enum { SIGNATURE = 8, CHUNK_FRAME = 12, MAX_CHUNK = 0x7FFFFFFF };

typedef struct chunk {
  char type[5];
  const uint8_t *data;
  size_t length;
} chunk;

typedef struct walk {
  const uint8_t *p;
  size_t left;
  int width, height; /* of IHDR, 0 before it */
  int orientation;   /* of eXIf, 1 without it */
  bool data_seen, ended;
} walk;

static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
static bool is_critical(const chunk *c) { return c->type[0] >= 'A' && c->type[0] <= 'Z'; }

/* The next chunk, whole, its type four letters, its checksum right (a wrong one in a chunk that does not
 * count is only a warning). */
static yolo_status next_chunk(walk *w, chunk *out, yolo_image *image) {
  if (w->left < CHUNK_FRAME) return yolo_fail(YOLO_EFORMAT, "truncated PNG: the file ends before its IEND chunk");
  size_t length = yolo_be32(w->p);
  memcpy(out->type, w->p + 4, 4);
  out->type[4] = '\0';
  for (int i = 0; i < 4; i++)
    if (!is_letter(out->type[i])) return yolo_fail(YOLO_EFORMAT, "damaged PNG: a chunk has no proper name");
  if (length > MAX_CHUNK) return yolo_fail(YOLO_EFORMAT, "damaged PNG: chunk %s has an impossible length", out->type);
  if (length > w->left - CHUNK_FRAME) return yolo_fail(YOLO_EFORMAT, "truncated PNG: the file ends inside chunk %s", out->type);
  out->data = w->p + 8;
  out->length = length;
  if (crc32(crc32(0, NULL, 0), w->p + 4, (uInt)length + 4) != yolo_be32(out->data + length)) {
    if (is_critical(out)) return yolo_fail(YOLO_EFORMAT, "damaged PNG: the checksum of chunk %s is wrong", out->type);
    yolo_image_warn(image, "the checksum of PNG chunk %s is wrong", out->type);
  }
  w->p += length + CHUNK_FRAME;
  w->left -= length + CHUNK_FRAME;
  return YOLO_OK;
}

static yolo_status take_header(walk *w, const chunk *c) {
  if (c->length != 13 || w->width) return yolo_fail(YOLO_EFORMAT, "damaged PNG: a wrong IHDR chunk");
  yolo_status st = yolo_image_check_size(yolo_be32(c->data), yolo_be32(c->data + 4));
  if (st != YOLO_OK) return st;
  w->width = (int)yolo_be32(c->data);
  w->height = (int)yolo_be32(c->data + 4);
  return YOLO_OK;
}

static yolo_status take_chunk(walk *w, const chunk *c) {
  if (strcmp(c->type, "IHDR") == 0) return take_header(w, c);
  if (strcmp(c->type, "CgBI") == 0) return YOLO_OK; /* Apple's mark, before IHDR */
  if (!w->width) return yolo_fail(YOLO_EFORMAT, "damaged PNG: it does not begin with an IHDR chunk");
  if (strcmp(c->type, "IEND") == 0) w->ended = true;
  if (strcmp(c->type, "IDAT") == 0) w->data_seen = true;
  if (strcmp(c->type, "eXIf") == 0) w->orientation = yolo_tiff_orientation(c->data, c->length);
  if (is_critical(c) && !w->ended && strcmp(c->type, "IDAT") != 0 && strcmp(c->type, "PLTE") != 0)
    return yolo_fail(YOLO_EUNSUPPORTED, "a PNG with an unknown chunk %s that a reader may not skip; convert it", c->type);
  return YOLO_OK;
}

yolo_status yolo_decode_png(const yolo_encoded *in, yolo_image *out) {
  yolo_status st = YOLO_OK;
  walk w = {in->bytes, in->length, 0, 0, 1, false, false};
  chunk c;
  if (in->length < SIGNATURE) return yolo_fail(YOLO_EFORMAT, "truncated PNG: the file ends inside its signature");
  w.p += SIGNATURE;
  w.left -= SIGNATURE;
  while (!w.ended) {
    YOLO_TRY(next_chunk(&w, &c, out));
    YOLO_TRY(take_chunk(&w, &c));
  }
  if (!w.data_seen) return yolo_fail(YOLO_EFORMAT, "damaged PNG: it has no IDAT chunk");
  YOLO_TRY(yolo_decode_stb(in, w.width, w.height, false, out));
  out->orientation = w.orientation;
done:
  return st;
}
