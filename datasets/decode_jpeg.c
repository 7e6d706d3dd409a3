/* JPEG: the questions that do not depend on who decodes, then stb_image or libjpeg-turbo.
 *
 * Both decoders give the same picture: accurate (integer, "slow") inverse DCT, triangle filter for halved
 * chroma, and for four channels with an Adobe marker the product of ink and black, R = C*K/255 (Adobe stores
 * the inks inverted, so that C here means the light that passes). */
#include "datasets/decoders.h"

enum { MAX_SCANS = 200 }; /* an honest progressive file has about 10; each scan walks over the whole image */

/* Why nobody here decodes this kind of frame, NULL when somebody does. */
static const char *frame_kind(const yolo_jpeg_markers *m) {
  switch (m->frame) {
    case 0xC0:
    case 0xC1:
    case 0xC2: return m->precision == 8 ? NULL : m->precision == 12 ? "12-bit" : "odd-precision";
    case 0xC3: return "lossless";
    case 0xF7: return "JPEG-LS (lossless)";
    case 0xC9:
    case 0xCA: return "arithmetic-coded";
    case 0xCB: return "lossless arithmetic-coded";
    default: return "hierarchical";
  }
}

static yolo_status check_channels(const yolo_jpeg_markers *m) {
  if (m->components == 1 || m->components == 3) return YOLO_OK;
  if (m->components != 4)
    return yolo_fail(YOLO_EUNSUPPORTED, "a JPEG with %d channels; convert it to one with 1, 3 or 4", m->components);
  if (m->adobe_transform == 0 || m->adobe_transform == 2) return YOLO_OK;
  return yolo_fail(YOLO_EUNSUPPORTED,
                   "a JPEG with four channels and no Adobe marker that says which inks they are; convert it to RGB");
}

/* Even the flattest image spends a bit on each 8x8 block of its finest channel (at least a quarter of the
 * image's size, by the sampling factors): n bytes cannot hold more than 2048 n pixels. */
static yolo_status check_plausible(const yolo_encoded *in, const yolo_jpeg_markers *m) {
  if ((int64_t)m->width * m->height <= (int64_t)in->length * 2048) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "damaged JPEG: %zu bytes cannot hold the %d x %d pixels of its header", in->length, m->width,
                   m->height);
}

static yolo_status inspect(const yolo_encoded *in, yolo_jpeg_markers *m) {
  yolo_status st = YOLO_OK;
  *m = yolo_jpeg_read_markers(in->bytes, in->length);
  if (m->end == YOLO_JPEG_DAMAGED) return yolo_fail(YOLO_EFORMAT, "damaged JPEG: %s", m->complaint);
  if (m->frame && frame_kind(m))
    return yolo_fail(YOLO_EUNSUPPORTED, "a JPEG of a kind no decoder here reads: %s; convert it to an ordinary JPEG or PNG",
                     frame_kind(m));
  if (m->end == YOLO_JPEG_TRUNCATED) return yolo_fail(YOLO_EFORMAT, "truncated JPEG: the file ends before its end marker");
  if (!m->frame) return yolo_fail(YOLO_EFORMAT, "damaged JPEG: it has no frame header");
  if (m->scans == 0) return yolo_fail(YOLO_EFORMAT, "damaged JPEG: it has no image data");
  if (m->scans > MAX_SCANS)
    return yolo_fail(YOLO_EFORMAT, "damaged JPEG: %d scans, where %d are more than enough", m->scans, MAX_SCANS);
  YOLO_TRY(check_channels(m));
  YOLO_TRY(yolo_image_check_size(m->width, m->height));
  YOLO_TRY(check_plausible(in, m));
done:
  return st;
}

yolo_status yolo_decode_jpeg_stb(const yolo_encoded *in, yolo_image *out) {
  yolo_jpeg_markers m;
  yolo_status st = inspect(in, &m);
  return st != YOLO_OK ? st : yolo_decode_stb(in, m.width, m.height, false, out);
}

#ifdef YOLO_HAVE_TURBOJPEG
#include <turbojpeg.h>

#include "backbone/base/memory.h"

/* a * b / 255, rounded (Jim Blinn, "Three wrongs make a right", 1995): the formula of stb_image. */
static uint8_t multiply_bytes(unsigned a, unsigned b) {
  unsigned t = a * b + 128;
  return (uint8_t)((t + (t >> 8)) >> 8);
}

/* (C, M, Y, K) to (R, G, B), in place: pixel i is written at or before where it was read. */
static void inks_to_light(uint8_t *pixels, size_t count) {
  for (size_t i = 0; i < count; i++) {
    unsigned black = pixels[i * 4 + 3];
    for (size_t c = 0; c < 3; c++) pixels[i * 3 + c] = multiply_bytes(pixels[i * 4 + c], black);
  }
}

static yolo_status turbo_decode(tjhandle handle, const yolo_encoded *in, const yolo_jpeg_markers *m, yolo_image *out) {
  int flags = TJFLAG_ACCURATEDCT | TJFLAG_LIMITSCANS;
  int w = 0, h = 0, sampling = 0, space = 0;
  bool inks = m->components == 4;
  size_t count = (size_t)m->width * (size_t)m->height;
  if (tjDecompressHeader3(handle, in->bytes, (unsigned long)in->length, &w, &h, &sampling, &space) != 0 &&
      tjGetErrorCode(handle) == TJERR_FATAL)
    return yolo_fail(YOLO_EFORMAT, "damaged JPEG: %s", tjGetErrorStr2(handle));
  if (w != m->width || h != m->height)
    return yolo_fail(YOLO_EFORMAT, "damaged JPEG: its headers disagree about the size (%d x %d, %d x %d)", m->width, m->height,
                     w, h);
  out->width = w;
  out->height = h;
  out->pixels = yolo_alloc_array(count, inks ? 4 : 3);
  if (!out->pixels) return YOLO_ENOMEM;
  if (tjDecompress2(handle, in->bytes, (unsigned long)in->length, out->pixels, w, 0, h, inks ? TJPF_CMYK : TJPF_RGB, flags) !=
      0) {
    if (tjGetErrorCode(handle) == TJERR_FATAL) return yolo_fail(YOLO_EFORMAT, "damaged JPEG: %s", tjGetErrorStr2(handle));
    yolo_image_warn(out, "%s", tjGetErrorStr2(handle));
  }
  if (inks) inks_to_light(out->pixels, count);
  return YOLO_OK;
}

yolo_status yolo_decode_jpeg_turbo(const yolo_encoded *in, yolo_image *out) {
  yolo_status st = YOLO_OK;
  yolo_jpeg_markers m;
  tjhandle handle = NULL;
  YOLO_TRY(inspect(in, &m));
  handle = tjInitDecompress();
  if (!handle) {
    st = yolo_fail(YOLO_ENOMEM, "libjpeg-turbo does not start: %s", tjGetErrorStr2(NULL));
    goto done;
  }
  YOLO_TRY(turbo_decode(handle, in, &m, out));
done:
  if (handle) tjDestroy(handle);
  return st;
}

yolo_status yolo_decode_jpeg(const yolo_encoded *in, yolo_image *out) { return yolo_decode_jpeg_turbo(in, out); }

const char *yolo_image_jpeg_decoder(void) { return "libjpeg-turbo " YOLO_HAVE_TURBOJPEG; }

#else

yolo_status yolo_decode_jpeg_turbo(const yolo_encoded *in, yolo_image *out) {
  (void)in;
  (void)out;
  return yolo_fail(YOLO_EUNSUPPORTED, "this build has no libjpeg-turbo");
}

yolo_status yolo_decode_jpeg(const yolo_encoded *in, yolo_image *out) { return yolo_decode_jpeg_stb(in, out); }

const char *yolo_image_jpeg_decoder(void) { return "stb_image"; }

#endif
