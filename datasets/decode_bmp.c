/* BMP (Microsoft, "Bitmap storage"): the header is checked, then stb_image.
 *
 *   "BM" size 0 0 offset | header size, width, height, planes, bits, compression ... | [palette] | rows
 *
 * Rows are padded to four bytes and stand bottom up unless the height is negative. stb_image takes zeros for
 * missing bytes and looks outside the palette for a wrong index: both are refused here. */
#include "datasets/decoders.h"

enum { FILE_HEADER = 14, OS2_HEADER = 12 };

typedef struct bmp {
  size_t offset, header, row; /* row: bytes, with padding */
  int64_t width, height;      /* height: positive */
  unsigned bits, compression;
  size_t palette; /* entries */
} bmp;

static const char *const compressions[] = {
    NULL, "run-length (RLE8)", "run-length (RLE4)", NULL, "an embedded JPEG", "an embedded PNG", "alpha bit fields"};

static yolo_status truncated(void) { return yolo_fail(YOLO_EFORMAT, "truncated BMP: the file ends before its pixels do"); }

static yolo_status read_header(const yolo_encoded *in, bmp *b) {
  const uint8_t *p = in->bytes;
  if (in->length < FILE_HEADER + OS2_HEADER) return truncated();
  b->offset = yolo_le32(p + 10);
  b->header = yolo_le32(p + 14);
  if (b->header != 12 && b->header != 40 && b->header != 56 && b->header != 108 && b->header != 124)
    return yolo_fail(YOLO_EUNSUPPORTED, "a BMP with a header of %zu bytes, a kind no decoder here reads; convert it to PNG",
                     b->header);
  if (in->length < FILE_HEADER + b->header) return truncated();
  bool old = b->header == OS2_HEADER;
  b->width = old ? (int64_t)yolo_le16(p + 18) : (int32_t)yolo_le32(p + 18);
  b->height = old ? (int64_t)yolo_le16(p + 20) : (int32_t)yolo_le32(p + 22);
  if (b->height < 0) b->height = -b->height;
  b->bits = yolo_le16(p + (old ? 24 : 28));
  b->compression = old ? 0 : yolo_le32(p + 30);
  return YOLO_OK;
}

static yolo_status check_kind(const bmp *b) {
  const unsigned known = sizeof compressions / sizeof compressions[0];
  if (b->compression >= known || compressions[b->compression])
    return yolo_fail(YOLO_EUNSUPPORTED, "a BMP compressed in a way no decoder here reads (%s); convert it to PNG or JPEG",
                     b->compression < known ? compressions[b->compression] : "unknown");
  bool indexed = b->bits == 1 || b->bits == 4 || b->bits == 8;
  if (!indexed && b->bits != 16 && b->bits != 24 && b->bits != 32)
    return yolo_fail(YOLO_EUNSUPPORTED, "a BMP with %u bits a pixel, which no decoder here reads; convert it to PNG", b->bits);
  if (b->header == OS2_HEADER && b->bits != 24)
    return yolo_fail(YOLO_EUNSUPPORTED, "an old OS/2 BMP with %u bits a pixel, which no decoder here reads; convert it to PNG",
                     b->bits);
  return YOLO_OK;
}

/* Every index must have its colour. `pixels`: rows of b->row bytes, the last one perhaps without padding. */
static yolo_status check_indices(const bmp *b, const uint8_t *pixels) {
  unsigned per_byte = 8 / b->bits, mask = (1u << b->bits) - 1;
  if (b->palette > mask) return YOLO_OK;
  for (int64_t y = 0; y < b->height; y++)
    for (int64_t x = 0; x < b->width; x++) {
      unsigned byte = pixels[(size_t)y * b->row + (size_t)x / per_byte];
      unsigned shift = 8 - b->bits - (unsigned)(x % per_byte) * b->bits;
      if (((byte >> shift) & mask) >= b->palette)
        return yolo_fail(YOLO_EFORMAT, "damaged BMP: a pixel names a colour that its palette of %zu does not have", b->palette);
    }
  return YOLO_OK;
}

yolo_status yolo_decode_bmp(const yolo_encoded *in, yolo_image *out) {
  yolo_status st = YOLO_OK;
  bmp b = {0};
  YOLO_TRY(read_header(in, &b));
  YOLO_TRY(check_kind(&b));
  YOLO_TRY(yolo_image_check_size(b.width, b.height));
  size_t tight = ((size_t)b.width * b.bits + 7) / 8, rows = (size_t)b.height;
  b.row = (tight + 3) / 4 * 4;
  if (b.offset < FILE_HEADER + b.header) return yolo_fail(YOLO_EFORMAT, "damaged BMP: its pixels begin inside its header");
  if (b.offset > in->length || in->length - b.offset < (rows - 1) * b.row + tight) return truncated();
  if (b.bits <= 8) {
    b.palette = (b.offset - FILE_HEADER - b.header) / 4;
    YOLO_TRY(check_indices(&b, in->bytes + b.offset));
  }
  YOLO_TRY(yolo_decode_stb(in, (int)b.width, (int)b.height, false, out));
done:
  return st;
}
