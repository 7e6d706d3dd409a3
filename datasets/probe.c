/* Image sizes from headers: see probe.h.
 *
 * One function a format. Each looks at what is there of the file and says DONE, MORE (the answer may lie further behind) or
 * UNSURE (let the decoder judge). A first look takes 4 KiB; JPEGs with large EXIF or colour profiles need a second. */
#include "datasets/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "datasets/decoders.h"

enum { FIRST_LOOK = 4096, SECOND_LOOK = 1 << 18, CHUNK_HEADER = 8, CHUNK_CRC = 4, PNG_SIGNATURE = 8, MOST_EXIF = 1 << 16 };

typedef enum verdict { DONE, MORE, UNSURE } verdict;

/* What is known of the file. */
typedef struct view {
  int fd;
  const uint8_t *bytes;
  size_t length;
  uint64_t whole; /* bytes of the file */
} view;

static verdict sized(int64_t width, int64_t height, yolo_image_header *out) {
  if (width < 1 || height < 1 || width > YOLO_IMAGE_MAX_SIDE || height > YOLO_IMAGE_MAX_SIDE) return UNSURE;
  out->width = (int)width;
  out->height = (int)height;
  return DONE;
}

static verdict probe_jpeg(const view *v, yolo_image_header *out) {
  yolo_jpeg_markers m = yolo_jpeg_read_markers(v->bytes, v->length);
  if (!m.frame) return m.end == YOLO_JPEG_TRUNCATED ? MORE : UNSURE;
  out->orientation = m.exif ? yolo_tiff_orientation(m.exif, m.exif_length) : 1;
  return sized(m.width, m.height, out);
}

static size_t read_at(int fd, void *to, size_t length, uint64_t offset) {
  size_t have = 0;
  while (have < length) {
    ssize_t got = pread(fd, (char *)to + have, length - have, (off_t)(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    have += (size_t)got;
  }
  return have;
}

/* The eXIf chunk may stand before or behind the pixels: only the chunks' heads are read. */
static int png_orientation(const view *v) {
  uint8_t head[CHUNK_HEADER], exif[MOST_EXIF];
  for (uint64_t at = PNG_SIGNATURE; read_at(v->fd, head, sizeof head, at) == sizeof head;) {
    size_t length = yolo_be32(head);
    if (memcmp(head + 4, "IEND", 4) == 0) break;
    if (memcmp(head + 4, "eXIf", 4) == 0) {
      size_t take = length < sizeof exif ? length : sizeof exif;
      return read_at(v->fd, exif, take, at + CHUNK_HEADER) == take ? yolo_tiff_orientation(exif, take) : 1;
    }
    at += CHUNK_HEADER + length + CHUNK_CRC;
  }
  return 1;
}

static verdict probe_png(const view *v, yolo_image_header *out) {
  const size_t ihdr = PNG_SIGNATURE + CHUNK_HEADER;
  if (v->length < ihdr + 8 || memcmp(v->bytes + PNG_SIGNATURE + 4, "IHDR", 4) != 0) return UNSURE;
  out->orientation = png_orientation(v);
  return sized(yolo_be32(v->bytes + ihdr), yolo_be32(v->bytes + ihdr + 4), out);
}

static verdict probe_bmp(const view *v, yolo_image_header *out) {
  const uint8_t *p = v->bytes;
  if (v->length < 26) return UNSURE;
  if (yolo_le32(p + 14) == 12) return sized(yolo_le16(p + 18), yolo_le16(p + 20), out);
  int64_t height = (int32_t)yolo_le32(p + 22);
  return sized((int32_t)yolo_le32(p + 18), height < 0 ? -height : height, out);
}

static verdict probe_gif(const view *v, yolo_image_header *out) {
  return v->length < 10 ? UNSURE : sized(yolo_le16(v->bytes + 6), yolo_le16(v->bytes + 8), out);
}

static verdict probe_tga(const view *v, yolo_image_header *out) {
  return v->length < 16 ? UNSURE : sized(yolo_le16(v->bytes + 12), yolo_le16(v->bytes + 14), out);
}

static verdict probe_psd(const view *v, yolo_image_header *out) {
  return v->length < 22 ? UNSURE : sized(yolo_be32(v->bytes + 18), yolo_be32(v->bytes + 14), out);
}

/* "P6" blank width blank height, with comments in between. */
static verdict probe_pnm(const view *v, yolo_image_header *out) {
  int64_t sides[2] = {0, 0};
  size_t at = 2;
  for (int k = 0; k < 2; k++) {
    while (at < v->length && !(v->bytes[at] >= '0' && v->bytes[at] <= '9')) {
      if (v->bytes[at] == '#')
        while (at < v->length && v->bytes[at] != '\n') at++;
      else
        at++;
    }
    for (; at < v->length && v->bytes[at] >= '0' && v->bytes[at] <= '9'; at++) {
      sides[k] = sides[k] * 10 + (v->bytes[at] - '0');
      if (sides[k] > YOLO_IMAGE_MAX_SIDE) return UNSURE;
    }
  }
  return at < v->length ? sized(sides[0], sides[1], out) : MORE;
}

static const struct prober {
  const char *format;
  verdict (*probe)(const view *v, yolo_image_header *out);
} probers[] = {
    {"JPEG", probe_jpeg}, {"PNG", probe_png}, {"BMP", probe_bmp}, {"GIF", probe_gif},
    {"TGA", probe_tga},   {"PSD", probe_psd}, {"PNM", probe_pnm},
};

static verdict look(const view *v, yolo_image_header *out) {
  const char *format = yolo_image_sniff(v->bytes, v->length);
  *out = (yolo_image_header){0, 0, 1, NULL};
  for (size_t i = 0; format && i < sizeof probers / sizeof *probers; i++) {
    if (strcmp(probers[i].format, format) != 0) continue;
    out->format = probers[i].format;
    return probers[i].probe(v, out);
  }
  return UNSURE;
}

/* The decoder's word, where the header gave none; its sentence, where it has none either. */
static yolo_status decode_instead(const char *path, yolo_image_header *out) {
  yolo_image image;
  yolo_status st = yolo_image_load(path, &image);
  if (st != YOLO_OK) return st;
  bool turned = image.orientation >= 5;
  *out = (yolo_image_header){turned ? image.height : image.width, turned ? image.width : image.height, image.orientation,
                             image.format};
  yolo_image_release(&image);
  return YOLO_OK;
}

/* A longer look for a header that does not end in the first one. */
static yolo_status look_further(view *v, yolo_image_header *out, verdict *said) {
  yolo_status st = YOLO_OK;
  uint8_t *block = NULL;
  size_t most = v->whole < YOLO_IMAGE_MAX_FILE ? (size_t)v->whole : YOLO_IMAGE_MAX_FILE;
  for (size_t size = SECOND_LOOK; *said == MORE && v->length < most; size *= 16) {
    if (size > most) size = most;
    yolo_free(block);
    YOLO_ENOMEM_IF_NULL(block = yolo_alloc(size));
    v->bytes = block;
    v->length = read_at(v->fd, block, size, 0);
    *said = look(v, out);
    if (v->length < size) break; /* it shrank meanwhile */
  }
done:
  yolo_free(block);
  return st;
}

static yolo_status check_size(const char *path, const yolo_image_header *h) {
  yolo_status st = yolo_image_check_size(h->width, h->height);
  return st == YOLO_OK ? st : yolo_error_prefix(st, "%s: ", path);
}

yolo_status yolo_image_probe(const char *path, yolo_image_header *out) {
  uint8_t start[FIRST_LOOK];
  struct stat info;
  verdict said = UNSURE;
  yolo_status st = YOLO_OK;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait: it is refused below */
  if (fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    view v = {fd, start, read_at(fd, start, sizeof start, 0), (uint64_t)info.st_size};
    said = look(&v, out);
    if (said == MORE) st = look_further(&v, out, &said);
  }
  if (fd >= 0) close(fd);
  if (st != YOLO_OK) return st;
  return said == DONE ? check_size(path, out) : decode_instead(path, out);
}
