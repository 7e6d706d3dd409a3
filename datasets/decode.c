/* From the bytes of a file to upright 8-bit RGB: sniff, decode, turn.
 *
 * yolo_image_load_as -> decode_as -> the row of `decoders` for the sniffed format -> turn_upright. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "datasets/decoders.h"

static const struct decoder {
  const char *format;
  yolo_status (*decode)(const yolo_encoded *in, yolo_image *out);
} decoders[] = {
    {"JPEG", yolo_decode_jpeg}, {"PNG", yolo_decode_png}, {"BMP", yolo_decode_bmp}, {"GIF", yolo_decode_gif},
    {"TGA", yolo_decode_tga},   {"PSD", yolo_decode_psd}, {"PNM", yolo_decode_pnm},
};

/* ---- small things ---- */

yolo_status yolo_image_check_size(int64_t width, int64_t height) {
  if (width < 1 || height < 1)
    return yolo_fail(YOLO_EFORMAT, "an image without pixels (%lld x %lld)", (long long)width, (long long)height);
  if (width > YOLO_IMAGE_MAX_SIDE || height > YOLO_IMAGE_MAX_SIDE)
    return yolo_fail(YOLO_EFORMAT, "%lld x %lld pixels: a side may have %d", (long long)width, (long long)height,
                     YOLO_IMAGE_MAX_SIDE);
  if (width * height > YOLO_IMAGE_MAX_PIXELS)
    return yolo_fail(YOLO_EFORMAT, "%lld x %lld pixels: an image may have %d", (long long)width, (long long)height,
                     YOLO_IMAGE_MAX_PIXELS);
  return YOLO_OK;
}

void yolo_image_warn(yolo_image *image, const char *format, ...) {
  if (image->warnings++ > 0) return;
  va_list args;
  va_start(args, format);
  vsnprintf(image->warning, sizeof image->warning, format, args);
  va_end(args);
}

yolo_status yolo_image_new(int width, int height, yolo_image *out) {
  yolo_status st = yolo_image_check_size(width, height);
  memset(out, 0, sizeof *out);
  if (st != YOLO_OK) return st;
  out->pixels = yolo_alloc_array((size_t)width * (size_t)height, 3);
  if (!out->pixels) return YOLO_ENOMEM;
  out->width = width;
  out->height = height;
  out->orientation = out->exif = 1;
  return YOLO_OK;
}

void yolo_image_release(yolo_image *image) {
  if (!image) return;
  yolo_free(image->pixels);
  memset(image, 0, sizeof *image);
}

/* ---- orientation ---- */

/* Where pixel (x, y) of the upright image lies in the stored one: start + x * right + y * down, in pixels. */
typedef struct turn {
  ptrdiff_t start, right, down;
} turn;

static turn plan_turn(int orientation, ptrdiff_t w, ptrdiff_t h) {
  const ptrdiff_t last_x = w - 1, last_y = (h - 1) * w;
  const turn turns[8] = {
      {0, 1, w}, {last_x, -1, w}, {last_x + last_y, -1, -w}, {last_y, 1, -w}, /* 1-4: rows stay rows */
      {0, w, 1}, {last_y, -w, 1}, {last_x + last_y, -w, -1}, {last_x, w, -1}, /* 5-8: rows become columns */
  };
  return turns[orientation - 1];
}

/* Copies in square tiles, so that reading along columns stays within the cache. */
static void copy_turned(const uint8_t *from, turn t, int width, int height, uint8_t *to) {
  enum { TILE = 32 };
  for (int top = 0; top < height; top += TILE)
    for (int left = 0; left < width; left += TILE)
      for (int y = top; y < height && y < top + TILE; y++)
        for (int x = left; x < width && x < left + TILE; x++) {
          const uint8_t *s = from + (t.start + x * t.right + y * t.down) * 3;
          uint8_t *d = to + ((size_t)y * (size_t)width + (size_t)x) * 3;
          d[0] = s[0];
          d[1] = s[1];
          d[2] = s[2];
        }
}

/* JPEG keeps the tag in a marker, PNG in a chunk that its decoder has read; the other formats have none. */
static int stored_orientation(const yolo_encoded *in, const yolo_image *image) {
  if (strcmp(image->format, "JPEG") == 0) return yolo_exif_orientation(in->bytes, in->length);
  return image->orientation > 1 ? image->orientation : 1;
}

/* The orientation to apply: the tag's, or 1. */
static int chosen_orientation(int tag, yolo_exif_rule rule, int wanted_width, int wanted_height, const yolo_image *image) {
  int width = tag >= 5 ? image->height : image->width, height = tag >= 5 ? image->width : image->height;
  if (rule == YOLO_EXIF_APPLY) return tag;
  return rule == YOLO_EXIF_MATCH && width == wanted_width && height == wanted_height ? tag : 1;
}

static yolo_status turn_upright(int orientation, yolo_image *image) {
  image->orientation = orientation;
  if (orientation == 1) return YOLO_OK;
  int width = orientation >= 5 ? image->height : image->width;
  int height = orientation >= 5 ? image->width : image->height;
  uint8_t *turned = yolo_alloc_array((size_t)width * (size_t)height, 3);
  if (!turned) return YOLO_ENOMEM;
  copy_turned(image->pixels, plan_turn(orientation, image->width, image->height), width, height, turned);
  yolo_free(image->pixels);
  image->pixels = turned;
  image->width = width;
  image->height = height;
  return YOLO_OK;
}

/* ---- decode ---- */

/* Bytes nobody recognised: say what they look like. */
static yolo_status refuse_unknown(const uint8_t *bytes, size_t length) {
  size_t look = length < 512 ? length : 512, text = 0;
  if (length >= 7 && memcmp(bytes, "version", 7) == 0 && length < 1024)
    return yolo_fail(YOLO_EFORMAT,
                     "not an image but a short text, perhaps a Git LFS pointer (then `git lfs pull` brings the image)");
  for (size_t i = 0; i < look; i++) text += bytes[i] >= 0x20 ? bytes[i] != 0x7F : bytes[i] >= '\t' && bytes[i] <= '\r';
  if (text == look) return yolo_fail(YOLO_EFORMAT, "not an image but a text");
  if (bytes[0] == 0)
    for (size_t i = 0; i <= look; i++) {
      if (i == look) return yolo_fail(YOLO_EFORMAT, "not an image: it begins with zeros, as after a broken copy or download");
      if (bytes[i] != 0) break;
    }
  return yolo_fail(YOLO_EFORMAT, "not an image of a known format; JPEG, PNG, BMP, GIF, TGA, PSD and PNM are read");
}

static yolo_status refuse_format(const char *format) {
  if (strcmp(format, "HTML") == 0)
    return yolo_fail(YOLO_EFORMAT, "not an image but a web page (HTML), as a failed download leaves behind; download it again");
  return yolo_fail(YOLO_EUNSUPPORTED, "%s is a format no decoder here reads; convert it to JPEG or PNG", format);
}

static yolo_status decode_sniffed(const yolo_encoded *in, yolo_image *out) {
  const char *format = yolo_image_sniff(in->bytes, in->length);
  if (!format) return refuse_unknown(in->bytes, in->length);
  for (size_t i = 0; i < sizeof decoders / sizeof decoders[0]; i++)
    if (strcmp(decoders[i].format, format) == 0) {
      yolo_status st = decoders[i].decode(in, out);
      out->format = decoders[i].format;
      return st;
    }
  return refuse_format(format);
}

static yolo_status decode_as(const uint8_t *bytes, size_t length, const char *name, yolo_exif_rule rule, int wanted_width,
                             int wanted_height, yolo_image *out) {
  yolo_status st = YOLO_OK;
  yolo_encoded in = {bytes, length};
  memset(out, 0, sizeof *out);
  if (length == 0) {
    st = yolo_fail(YOLO_EFORMAT, "the file is empty");
    goto done;
  }
  if (length > YOLO_IMAGE_MAX_FILE) {
    st = yolo_fail(YOLO_EFORMAT, "%zu bytes are too many for an image; the limit is 1 GiB", length);
    goto done;
  }
  YOLO_TRY(decode_sniffed(&in, out));
  out->exif = stored_orientation(&in, out);
  YOLO_TRY(turn_upright(chosen_orientation(out->exif, rule, wanted_width, wanted_height, out), out));
done:
  if (st != YOLO_OK) yolo_image_release(out);
  return st == YOLO_OK ? st : yolo_error_prefix(st, "%s: ", name);
}

yolo_status yolo_image_decode(const uint8_t *bytes, size_t length, const char *name, yolo_image *out) {
  return decode_as(bytes, length, name, YOLO_EXIF_APPLY, 0, 0, out);
}

/* ---- load ---- */

/* A folder, a pipe (which would wait for ever) or nothing at all, each with its sentence. */
static yolo_status check_file(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) {
    int error = errno;
    return yolo_fail(YOLO_EIO, "%s: %s", path, error == ENOENT ? "there is no such file" : strerror(error));
  }
  if (S_ISDIR(info.st_mode)) return yolo_fail(YOLO_EIO, "%s: this is a folder, not an image", path);
  if (!S_ISREG(info.st_mode)) return yolo_fail(YOLO_EIO, "%s: this is no ordinary file (a pipe, a socket or a device)", path);
  return YOLO_OK;
}

yolo_status yolo_image_load_as(const char *path, yolo_exif_rule rule, int wanted_width, int wanted_height, yolo_image *out) {
  yolo_status st = YOLO_OK;
  char *bytes = NULL;
  size_t length = 0;
  memset(out, 0, sizeof *out);
  YOLO_TRY(check_file(path));
  YOLO_TRY(yolo_read_file(path, YOLO_IMAGE_MAX_FILE, &bytes, &length));
  YOLO_TRY(decode_as((const uint8_t *)bytes, length, path, rule, wanted_width, wanted_height, out));
done:
  yolo_free(bytes);
  return st;
}

yolo_status yolo_image_load(const char *path, yolo_image *out) { return yolo_image_load_as(path, YOLO_EXIF_APPLY, 0, 0, out); }
