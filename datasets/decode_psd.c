/* PSD, the flattened image of a Photoshop file (Adobe Photoshop File Formats Specification): the sections before
 * the pixels are checked, then stb_image.
 *
 *   "8BPS" 1 | channels, height, width, depth, mode | three sections: length, bytes | compression | planes */
#include "datasets/decoders.h"

enum { HEADER = 26, MODE_RGB = 3, COMPRESSION_RAW = 0, COMPRESSION_RLE = 1, MOST_READ = 4 /* channels, by stb_image */ };

static const char *mode_name(uint32_t mode) {
  static const char *const names[] = {"bitmap", "grey", "indexed", "RGB", "CMYK", "?", "?", "multichannel", "duotone", "Lab"};
  return mode < sizeof names / sizeof names[0] ? names[mode] : "unknown";
}

static yolo_status truncated(void) { return yolo_fail(YOLO_EFORMAT, "truncated PSD: the file ends before its pixels do"); }

/* Where the pixels' compression word stands, behind colour table, resources and layers. */
static yolo_status find_pixels(const yolo_encoded *in, size_t *at) {
  *at = HEADER;
  for (int section = 0; section < 3; section++) {
    if (in->length - *at < 4) return truncated();
    size_t size = yolo_be32(in->bytes + *at);
    *at += 4;
    if (size > in->length - *at) return truncated();
    *at += size;
  }
  return in->length - *at < 2 ? truncated() : YOLO_OK;
}

static yolo_status check_kind(const uint8_t *p) {
  if (yolo_be16(p + 4) != 1) return yolo_fail(YOLO_EUNSUPPORTED, "a large Photoshop file (PSB); save it as PNG or JPEG");
  uint32_t mode = yolo_be16(p + 24), depth = yolo_be16(p + 22), channels = yolo_be16(p + 12);
  if (mode != MODE_RGB)
    return yolo_fail(YOLO_EUNSUPPORTED, "a Photoshop file in %s mode, where only RGB is read; save it as PNG or JPEG",
                     mode_name(mode));
  if (depth != 8 && depth != 16)
    return yolo_fail(YOLO_EUNSUPPORTED, "a Photoshop file with %u bits a channel; save it as PNG or JPEG", depth);
  if (channels < 3 || channels > 16) return yolo_fail(YOLO_EFORMAT, "damaged PSD: RGB with %u channels", channels);
  return YOLO_OK;
}

/* The fewest bytes that can hold the pixels. Run-length coded: a word a row of every channel, then runs of two bytes and
 * at most 128 pixels. A header that promises more than the file can hold would only cost time. */
static size_t fewest_bytes(const uint8_t *p, uint32_t compression) {
  size_t count = (size_t)yolo_be32(p + 14) * (size_t)yolo_be32(p + 18), rows = yolo_be32(p + 14);
  size_t channels = yolo_be16(p + 12), read = channels < MOST_READ ? channels : MOST_READ;
  if (compression == COMPRESSION_RAW) return read * count * (yolo_be16(p + 22) / 8);
  return 2 * rows * channels + read * ((count + 127) / 128 * 2);
}

yolo_status yolo_decode_psd(const yolo_encoded *in, yolo_image *out) {
  yolo_status st = YOLO_OK;
  const uint8_t *p = in->bytes;
  size_t at = 0;
  if (in->length < HEADER) return truncated();
  YOLO_TRY(check_kind(p));
  YOLO_TRY(yolo_image_check_size(yolo_be32(p + 18), yolo_be32(p + 14)));
  YOLO_TRY(find_pixels(in, &at));
  uint32_t compression = yolo_be16(p + at);
  if (compression > COMPRESSION_RLE || (compression == COMPRESSION_RLE && yolo_be16(p + 22) == 16))
    return yolo_fail(YOLO_EUNSUPPORTED, "a Photoshop file compressed in a way no decoder here reads; save it as PNG or JPEG");
  if (in->length - at - 2 < fewest_bytes(p, compression)) return truncated();
  YOLO_TRY(yolo_decode_stb(in, (int)yolo_be32(p + 18), (int)yolo_be32(p + 14), true, out));
done:
  return st;
}
