/* GIF, first frame (CompuServe, GIF89a specification, 1990): a dry run of the LZW data, then stb_image.
 *
 *   "GIF89a" screen [palette] { 21 extension } 2C rectangle [palette] code-size { length bytes } 00 ... 3B
 *
 * The dry run decodes lengths only: each code stands for one string, a new string is an old one and a pixel,
 *     length(new) = length(previous) + 1.
 * Fewer pixels than the rectangle has: truncated. Much more data after the last pixel: refused, because
 * stb_image would walk every string to its end for nothing, thousands of steps a byte. */
#include <string.h>

#include "datasets/decoders.h"

enum { MAX_CODES = 4096, HEADER = 13, DESCRIPTOR = 9, IDLE_BYTES = 4096 };

typedef struct reader {
  const uint8_t *p, *end;
} reader;

static size_t left(const reader *r) { return (size_t)(r->end - r->p); }

static bool skip(reader *r, size_t count) {
  if (count > left(r)) return false;
  r->p += count;
  return true;
}

static size_t palette_bytes(unsigned flags) { return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0; }

/* Steps over length-prefixed blocks and the zero that ends them; *bytes counts what they hold. */
static bool skip_blocks(reader *r, size_t *bytes) {
  for (;;) {
    if (left(r) < 1) return false;
    size_t size = *r->p++;
    if (size == 0) return true;
    if (!skip(r, size)) return false;
    if (bytes) *bytes += size;
  }
}

/* ---- bits across blocks, lowest first ---- */
typedef struct bit_reader {
  reader source;
  size_t block_left, consumed;
  uint32_t bits;
  int count;
} bit_reader;

/* The next code of `width` bits, -1 at the end of the data. */
static int next_code(bit_reader *b, int width) {
  while (b->count < width) {
    if (b->block_left == 0) {
      if (left(&b->source) < 1 || *b->source.p == 0) return -1;
      b->block_left = *b->source.p++;
    }
    if (left(&b->source) < 1) return -1;
    b->bits |= (uint32_t)*b->source.p++ << b->count;
    b->count += 8;
    b->block_left--;
    b->consumed++;
  }
  int code = (int)(b->bits & ((1u << width) - 1));
  b->bits >>= width;
  b->count -= width;
  return code;
}

typedef struct strings {
  uint16_t length[MAX_CODES]; /* pixels of each code's string, at most MAX_CODES */
  int clear, next, width, previous;
} strings;

static void clear_strings(strings *s, int code_size) {
  s->clear = 1 << code_size;
  s->next = s->clear + 2;
  s->width = code_size + 1;
  s->previous = -1;
}

/* Learns what `code` says; its number of pixels, or 0 when there is no such code. */
static int take_code(strings *s, int code) {
  if (code > s->next || (code == s->next && (s->previous < 0 || s->next >= MAX_CODES))) return 0;
  if (s->previous >= 0 && s->next < MAX_CODES) {
    s->length[s->next] = (uint16_t)(s->length[s->previous] + 1);
    s->next++;
    if (s->next == 1 << s->width && s->width < 12) s->width++;
  }
  s->previous = code;
  return s->length[code];
}

/* Counts pixels until there are enough; `r` stands at the first block. */
static yolo_status count_pixels(const reader *r, int code_size, int64_t wanted, size_t *consumed) {
  bit_reader b = {*r, 0, 0, 0, 0};
  strings s;
  int64_t pixels = 0;
  memset(&s, 0, sizeof s);
  for (int i = 0; i < 1 << code_size; i++) s.length[i] = 1;
  clear_strings(&s, code_size);
  while (pixels < wanted) {
    int code = next_code(&b, s.width);
    if (code < 0 || code == s.clear + 1)
      return yolo_fail(YOLO_EFORMAT, "truncated GIF: its first frame has %lld of %lld pixels", (long long)pixels,
                       (long long)wanted);
    if (code == s.clear) {
      clear_strings(&s, code_size);
      continue;
    }
    int more = take_code(&s, code);
    if (more == 0) return yolo_fail(YOLO_EFORMAT, "damaged GIF: a code that does not exist yet");
    pixels += more;
  }
  *consumed = b.consumed;
  return YOLO_OK;
}

/* `r` stands behind the 2C of the first frame. */
static yolo_status check_frame(reader *r, yolo_image *out) {
  size_t consumed = 0, held = 0;
  if (left(r) < DESCRIPTOR) return yolo_fail(YOLO_EFORMAT, "truncated GIF: the file ends before its first frame");
  const uint8_t *d = r->p;
  int64_t wanted = (int64_t)yolo_le16(d + 4) * yolo_le16(d + 6);
  if (!skip(r, DESCRIPTOR + palette_bytes(d[8])) || left(r) < 1)
    return yolo_fail(YOLO_EFORMAT, "truncated GIF: the file ends before its first frame");
  int code_size = *r->p++;
  if (code_size < 1 || code_size > 11) return yolo_fail(YOLO_EFORMAT, "damaged GIF: codes of %d bits", code_size);
  if (wanted == 0) return yolo_fail(YOLO_EFORMAT, "damaged GIF: its first frame has no pixels");
  yolo_status st = count_pixels(r, code_size, wanted, &consumed);
  if (st != YOLO_OK) return st;
  if (!skip_blocks(r, &held))
    yolo_image_warn(out, "the GIF ends behind the last pixel of its first frame, without an end mark");
  if (held > consumed + IDLE_BYTES) return yolo_fail(YOLO_EFORMAT, "damaged GIF: far more data than pixels");
  return YOLO_OK;
}

yolo_status yolo_decode_gif(const yolo_encoded *in, yolo_image *out) {
  yolo_status st = YOLO_OK;
  reader r = {in->bytes, in->bytes + in->length};
  if (in->length < HEADER) return yolo_fail(YOLO_EFORMAT, "truncated GIF: the file ends inside its header");
  int width = (int)yolo_le16(r.p + 6), height = (int)yolo_le16(r.p + 8);
  YOLO_TRY(yolo_image_check_size(width, height));
  bool whole = skip(&r, HEADER + palette_bytes(r.p[10]));
  while (whole && left(&r) > 0 && *r.p == 0x21) { /* extensions: label, blocks */
    whole = skip(&r, 2) && skip_blocks(&r, NULL);
  }
  if (!whole || left(&r) < 1) return yolo_fail(YOLO_EFORMAT, "truncated GIF: the file ends before its first frame");
  if (*r.p++ != 0x2C) return yolo_fail(YOLO_EFORMAT, "damaged GIF: it has no frame where one must be");
  YOLO_TRY(check_frame(&r, out));
  YOLO_TRY(yolo_decode_stb(in, width, height, false, out));
done:
  return st;
}
