/* The EXIF orientation tag: how a camera was held (CIPA DC-008, section 4.6.4; TIFF 6.0, section 2).
 *
 *   "II" 42 | offset of IFD0 | ... count | 12-byte entries: tag, type, count, value | ...
 *
 *   1 upright          2 mirrored            3 turned by 180      4 flipped
 *   5 transposed       6 turn it clockwise   7 transversed        8 turn it anticlockwise
 *
 * Offsets come from the file and are hostile: each is compared with the length before it is followed. A damaged block
 * means "no orientation", never a failure: the picture itself may be whole. */
#include <string.h>

#include "datasets/decoders.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4, ENTRY_SIZE = 12 };

typedef struct tiff {
  const uint8_t *bytes;
  size_t length;
  bool big_endian;
} tiff;

static uint32_t read16(const tiff *t, size_t at) { return t->big_endian ? yolo_be16(t->bytes + at) : yolo_le16(t->bytes + at); }
static uint32_t read32(const tiff *t, size_t at) { return t->big_endian ? yolo_be32(t->bytes + at) : yolo_le32(t->bytes + at); }

/* The value of one directory entry, 0 when it is not the orientation. */
static uint32_t orientation_of(const tiff *t, size_t entry) {
  uint32_t type = read16(t, entry + 2);
  if (read16(t, entry) != TAG_ORIENTATION || read32(t, entry + 4) != 1) return 0;
  if (type == TYPE_SHORT) return read16(t, entry + 8);
  return type == TYPE_LONG ? read32(t, entry + 8) : 0;
}

int yolo_tiff_orientation(const uint8_t *bytes, size_t length) {
  tiff t = {bytes, length, false};
  if (length < 8) return 1;
  t.big_endian = memcmp(bytes, "MM\0*", 4) == 0;
  if (!t.big_endian && memcmp(bytes, "II*\0", 4) != 0) return 1;
  size_t directory = read32(&t, 4);
  if (directory < 8 || directory > length - 2) return 1;
  size_t entries = read16(&t, directory), fit = (length - directory - 2) / ENTRY_SIZE;
  if (entries > fit) entries = fit;
  for (size_t i = 0; i < entries; i++) {
    uint32_t value = orientation_of(&t, directory + 2 + i * ENTRY_SIZE);
    if (value >= 1 && value <= 8) return (int)value;
  }
  return 1;
}

int yolo_exif_orientation(const uint8_t *bytes, size_t length) {
  yolo_jpeg_markers m = yolo_jpeg_read_markers(bytes, length);
  return m.exif ? yolo_tiff_orientation(m.exif, m.exif_length) : 1;
}
