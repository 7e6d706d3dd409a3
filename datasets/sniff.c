/* What kind of file is this? Decided by its first bytes, never by its name.
 *
 * Known formats that no decoder here reads are in the list too, so that the error can name them. */
#include <ctype.h>
#include <string.h>

#include "datasets/decoders.h"

typedef struct signature {
  size_t offset;
  const char *bytes;
  size_t length;
  const char *format;
} signature;

#define MAGIC(offset, bytes, format) \
  { offset, bytes, sizeof(bytes) - 1, format }

static const signature signatures[] = {
    MAGIC(0, "\xFF\xD8\xFF", "JPEG"),
    MAGIC(0, "\x89PNG\r\n\x1A\n", "PNG"),
    MAGIC(0, "GIF87a", "GIF"),
    MAGIC(0, "GIF89a", "GIF"),
    MAGIC(0, "8BPS", "PSD"),
    /* from here on: named, not read */
    MAGIC(8, "WEBP", "WebP"),
    MAGIC(8, "AVI ", "AVI video"),
    MAGIC(0, "II*\0", "TIFF"),
    MAGIC(0, "MM\0*", "TIFF"),
    MAGIC(0, "II+\0", "TIFF"),
    MAGIC(0, "MM\0+", "TIFF"),
    MAGIC(4, "ftypavif", "AVIF"),
    MAGIC(4, "ftypavis", "AVIF"),
    MAGIC(4, "ftyphei", "HEIC"),
    MAGIC(4, "ftyphev", "HEIC"),
    MAGIC(4, "ftypmif1", "HEIC"),
    MAGIC(4, "ftypmsf1", "HEIC"),
    MAGIC(4, "ftyp", "MP4 video"),
    MAGIC(0, "\xFF\x0A", "JPEG XL"),
    MAGIC(0, "\0\0\0\x0CJXL \r\n\x87\n", "JPEG XL"),
    MAGIC(0, "\0\0\0\x0CjP  \r\n\x87\n", "JPEG 2000"),
    MAGIC(0, "\xFF\x4F\xFF\x51", "JPEG 2000"),
    MAGIC(0, "%PDF", "PDF"),
    MAGIC(0, "%!PS", "PostScript"),
    MAGIC(0, "\0\0\x01\0", "ICO"),
    MAGIC(0, "#?RADIANCE", "Radiance HDR"),
    MAGIC(0, "#?RGBE", "Radiance HDR"),
    MAGIC(0, "\x76\x2F\x31\x01", "OpenEXR"),
    MAGIC(0, "DDS ", "DDS"),
    MAGIC(0, "qoif", "QOI"),
    MAGIC(0, "gimp xcf", "GIMP XCF"),
    MAGIC(0, "\x1A\x45\xDF\xA3", "Matroska video"),
    MAGIC(0, "PK\x03\x04", "ZIP"),
    MAGIC(0, "\x1F\x8B", "gzip"),
};

static bool starts_with(const uint8_t *bytes, size_t length, const char *word) {
  for (size_t i = 0; word[i]; i++)
    if (i >= length || tolower(bytes[i]) != word[i]) return false;
  return true;
}

static bool contains(const uint8_t *bytes, size_t length, const char *word) {
  for (size_t i = 0; i < length; i++)
    if (starts_with(bytes + i, length - i, word)) return true;
  return false;
}

/* SVG drawings and HTML pages (what a failed download leaves behind) begin after blanks and a byte order mark. */
static const char *sniff_markup(const uint8_t *bytes, size_t length) {
  static const char *const page[] = {"<!doctype html", "<html", "<head", "<body", "<script", "<title"};
  if (length > 1024) length = 1024;
  if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) bytes += 3, length -= 3;
  while (length > 0 && isspace(*bytes)) bytes++, length--;
  if (length == 0 || *bytes != '<') return NULL;
  for (size_t i = 0; i < sizeof page / sizeof page[0]; i++)
    if (starts_with(bytes, length, page[i])) return "HTML";
  if (contains(bytes, length, "<svg")) return "SVG";
  if (contains(bytes, length, "<html")) return "HTML";
  return starts_with(bytes, length, "<?xml") ? "XML" : NULL;
}

/* "P" and a digit, then a blank or a comment. */
static const char *sniff_netpbm(const uint8_t *bytes, size_t length) {
  if (length < 3 || bytes[0] != 'P' || !(isspace(bytes[2]) || bytes[2] == '#')) return NULL;
  switch (bytes[1]) {
    case '1':
    case '2':
    case '3': return "ASCII PNM";
    case '4': return "1-bit PNM";
    case '5':
    case '6': return "PNM";
    case '7': return "PAM";
    case 'F':
    case 'f': return "PFM";
    default: return NULL;
  }
}

/* "BM" alone may begin a text: the two reserved words and a sensible header size must follow. */
static const char *sniff_bmp(const uint8_t *bytes, size_t length) {
  if (length < 2 || memcmp(bytes, "BM", 2) != 0) return NULL;
  if (length < 18) return length < 6 || bytes[5] == 0 ? "BMP" : NULL;
  uint32_t header = yolo_le32(bytes + 14);
  return header >= 12 && header <= 256 ? "BMP" : NULL;
}

const char *yolo_image_sniff(const uint8_t *bytes, size_t length) {
  const char *format = NULL;
  for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
    const signature *s = &signatures[i];
    if (length >= s->offset + s->length && memcmp(bytes + s->offset, s->bytes, s->length) == 0) return s->format;
  }
  if ((format = sniff_bmp(bytes, length))) return format;
  if ((format = sniff_netpbm(bytes, length))) return format;
  if ((format = sniff_markup(bytes, length))) return format;
  return yolo_tga_plausible(bytes, length) ? "TGA" : NULL;
}
