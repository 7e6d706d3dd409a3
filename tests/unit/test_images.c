/* Images: every format decodes to the same picture, says why it cannot, and never more than its header allows. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "datasets/decoders.h"

#include "tests/golden/images.h"
#include "tests/unit/image_bytes.h"
#include "tests/unit/suite.h"

static yolo_status decode(const yolo_text *t, size_t length, yolo_image *out) {
  uint8_t *exact = malloc(length ? length : 1); /* the sanitizer watches its end */
  memcpy(exact, t->data, length);
  yolo_status st = yolo_image_decode(exact, length, "test", out);
  free(exact);
  return st;
}

/* ---- the picture in each format ---- */

static void ppm8(yolo_text *t) { make_ppm(t, 1); }
static void ppm16(yolo_text *t) { make_ppm(t, 2); }
static void bmp_up(yolo_text *t) { make_bmp24(t, false); }
static void bmp_down(yolo_text *t) { make_bmp24(t, true); }
static void bmp_palette(yolo_text *t) { make_bmp8(t, 40, 0); }
static void tga_plain(yolo_text *t) { make_tga(t, false); }
static void tga_packets(yolo_text *t) { make_tga(t, true); }
static void psd_raw(yolo_text *t) { make_psd(t, false); }
static void psd_packed(yolo_text *t) { make_psd(t, true); }
static void gif_flat(yolo_text *t) { make_flat_gif(t, 0); }

/* Through our own writer. */
static void written(yolo_text *t, const char *name) {
  char *bytes = NULL;
  size_t length = 0;
  yolo_image image = sample_image();
  ck_assert_int_eq(yolo_image_save(&image, in_folder(name)), YOLO_OK);
  ck_assert_int_eq(yolo_read_file(in_folder(name), 1 << 20, &bytes, &length), YOLO_OK);
  put(t, bytes, length);
  unlink(in_folder(name));
  yolo_free(bytes);
  yolo_image_release(&image);
}
static void jpeg_written(yolo_text *t) { written(t, "sample.jpg"); }
static void png_written(yolo_text *t) { written(t, "sample.PNG"); }
static void bmp_written(yolo_text *t) { written(t, "sample.bmp"); }
static void tga_written(yolo_text *t) { written(t, "sample.tga"); }
static void jpeg_cmyk(yolo_text *t) { put(t, golden_cmyk_jpeg, sizeof golden_cmyk_jpeg); }

static int palette_bmp(int x, int y, int c) { return (x + y) % 40 * (c + 1); }
static int palette_gif(int x, int y, int c) { return c == 0 ? x + y : c == 1 ? 2 * (x + y) : 255 - (x + y); }
static int flat_gif(int x, int y, int c) { return (void)x, (void)y, c == 0 ? 5 : c == 1 ? 10 : 250; }
static int half_grey(int x, int y, int c) { return (void)c, (image_sample(x, y, 0) / 2 * 255 + 63) / 127; }
static int colour(int x, int y, int c) { return image_sample(x, y, c); }

static const struct sample {
  const char *format;
  void (*make)(yolo_text *t);
  int (*want)(int x, int y, int c); /* NULL: not compared */
  int tolerance, width, height;
  size_t idle; /* bytes at the end that no pixel needs */
} samples[] = {
    {"PNM", ppm8, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"PNM", ppm16, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"PNM", make_pgm, half_grey, 0, SAMPLE_W, SAMPLE_H, 0},
    {"BMP", bmp_up, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"BMP", bmp_down, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"BMP", bmp_palette, palette_bmp, 0, SAMPLE_W, SAMPLE_H, 0},
    {"BMP", bmp_written, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"TGA", tga_plain, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"TGA", tga_packets, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"TGA", tga_written, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"PSD", psd_raw, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"PSD", psd_packed, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"GIF", make_gif, palette_gif, 0, SAMPLE_W, SAMPLE_H, 4}, /* end code in its block, end of blocks, trailer */
    {"GIF", gif_flat, flat_gif, 0, 64, 50, 3},
    {"PNG", make_sample_png, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"PNG", png_written, colour, 0, SAMPLE_W, SAMPLE_H, 0},
    {"JPEG", jpeg_written, colour, 16, SAMPLE_W, SAMPLE_H, 0},
    {"JPEG", jpeg_cmyk, NULL, 0, 24, 16, 0},
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

START_TEST(formats_show_the_picture) {
  const struct sample *s = &samples[_i];
  yolo_text t = {NULL, 0, 0};
  yolo_image image;
  s->make(&t);
  ck_assert_str_eq(yolo_image_sniff((const uint8_t *)t.data, t.length), s->format);
  ck_assert_msg(decode(&t, t.length, &image) == YOLO_OK, "%s: %s", s->format, yolo_error_message());
  ck_assert_str_eq(image.format, s->format);
  ck_assert_int_eq(image.width, s->width);
  ck_assert_int_eq(image.height, s->height);
  ck_assert_int_eq(image.orientation, 1);
  ck_assert_msg(image.warnings == 0, "%s: %s", s->format, image.warning);
  for (int i = 0; s->want && i < s->width * s->height * 3; i++) {
    int want = s->want(i / 3 % s->width, i / 3 / s->width, i % 3);
    ck_assert_msg(abs(image.pixels[i] - want) <= s->tolerance, "%s: value %d is %d, not %d", s->format, i, image.pixels[i],
                  want);
  }
  yolo_image_release(&image);
  yolo_text_free(&t);
}
END_TEST

START_TEST(truncated_files_are_refused) {
  const struct sample *s = &samples[_i];
  yolo_text t = {NULL, 0, 0};
  yolo_image image;
  s->make(&t);
  for (size_t length = 0; length < t.length; length++) {
    yolo_status st = decode(&t, length, &image);
    if (length + s->idle >= t.length) {
      ck_assert_int_eq(st, YOLO_OK);
      ck_assert_int_ge(image.warnings, length + 1 < t.length); /* only the trailer may be missing without a word */
      yolo_image_release(&image);
      continue;
    }
    ck_assert_msg(st != YOLO_OK, "%s cut at %zu of %zu was taken", s->format, length, t.length);
    ck_assert_ptr_null(image.pixels);
    if (length >= 16 && strcmp(s->format, "PNM") != 0 && strcmp(s->format, "TGA") != 0)
      ck_assert_msg(strstr(yolo_error_message(), "truncated") != NULL, "%s", yolo_error_message());
  }
  yolo_text_free(&t);
}
END_TEST

START_TEST(missing_memory_is_survived) {
  const struct sample *s = &samples[_i];
  yolo_text t = {NULL, 0, 0};
  yolo_image image;
  yolo_status st = YOLO_ENOMEM;
  s->make(&t);
  long live = yolo_memory_get_stats().live, failures = 0;
  for (long nth = 1; nth < 20; nth++) { /* stb's sniffing may do without one, hence no end at the first success */
    yolo_memory_fail_at(nth);
    st = decode(&t, t.length, &image);
    yolo_memory_fail_at(0);
    if (st == YOLO_OK) yolo_image_release(&image);
    if (st != YOLO_OK) ck_assert_int_eq(st, YOLO_ENOMEM);
    failures += st != YOLO_OK;
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_int_eq(st, YOLO_OK);
  ck_assert_int_ge(failures, 1);
  yolo_text_free(&t);
}
END_TEST

/* ---- what cannot be read is named ---- */

static void expect_refusal(const void *bytes, size_t length, const char *words) {
  yolo_image image;
  ck_assert_int_ne(yolo_image_decode(bytes, length, "folder/b\xC3\xA4r", &image), YOLO_OK);
  ck_assert_ptr_null(image.pixels);
  ck_assert_msg(strncmp(yolo_error_message(), "folder/b\xC3\xA4r: ", 13) == 0, "no name: %s", yolo_error_message());
  ck_assert_msg(strstr(yolo_error_message(), words) != NULL, "'%s' is not in: %s", words, yolo_error_message());
}

#define BYTES(text) text, sizeof(text) - 1
#define JPEG_OF_FRAME(code, bits) \
  BYTES("\xFF\xD8\xFF" code "\0\x0B" bits "\0\x08\0\x08\x01\x01\x11\0\xFF\xDA\0\x08\x01\x01\0\0\x3F\0\x12\xFF\xD9")

typedef struct refusal {
  const char *bytes;
  size_t length;
  const char *words;
} refusal;

START_TEST(unreadable_bytes_are_named) {
  static const refusal cases[] = {
      {BYTES(""), "empty"},
      {BYTES("RIFF\x10\0\0\0WEBPVP8 "), "WebP is a format no decoder here reads; convert it to JPEG or PNG"},
      {BYTES("II*\0\x08\0\0\0"), "TIFF"},
      {BYTES("\0\0\0\x20"
             "ftypheic\0\0\0\0"),
       "HEIC"},
      {BYTES("\0\0\0\x20"
             "ftypavif\0\0\0\0"),
       "AVIF"},
      {BYTES("\0\0\0\x20"
             "ftypisom\0\0\0\0"),
       "MP4 video"},
      {BYTES("\xFF\x0A\x01\x02\x03"), "JPEG XL"},
      {BYTES("\0\0\0\x0CjP  \r\n\x87\n\0"), "JPEG 2000"},
      {BYTES("%PDF-1.7"), "PDF"},
      {BYTES("<?xml version=\"1.0\"?>\n<!-- x --><svg width=\"2\">"), "SVG"},
      {BYTES("\0\0\x01\0\x01\0"), "ICO"},
      {BYTES("P3 2 2 255 0 0 0"), "ASCII PNM"},
      {BYTES("P4 8 1 \xFF"), "1-bit PNM"},
      {BYTES("PF\n2 2\n-1.0\n"), "PFM"},
      {BYTES("#?RADIANCE\n"), "Radiance HDR"},
      {BYTES("\xEF\xBB\xBF\n <!DOCTYPE HTML><title>404</title>"), "web page (HTML)"},
      {BYTES("<html><body>Forbidden"), "web page (HTML)"},
      {BYTES("Not found\n"), "a text"},
      {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"), "git lfs pull"},
      {BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "begins with zeros"},
      {BYTES("\x01\x02\x03\x04\x05\x06\xFF\x80"), "not an image of a known format"},
      {BYTES("P5 0 4 255\n"), "without pixels"},
      {BYTES("P5 40000 4 255\n"), "40000 x 4"},
      {BYTES("P5 32768 32768 255\n"), "32768 x 32768"},
      {BYTES("P5 99999999999 4 255\n"), "cannot be read"},
      {BYTES("P6 4 4 0\n"), "cannot be read"},
      {JPEG_OF_FRAME("\xC9", "\x08"), "arithmetic"},
      {JPEG_OF_FRAME("\xC1", "\x0C"), "12-bit"},
      {JPEG_OF_FRAME("\xC3", "\x08"), "lossless"},
      {JPEG_OF_FRAME("\xC5", "\x08"), "hierarchical"},
      {JPEG_OF_FRAME("\xF7", "\x08"), "JPEG-LS"},
      {BYTES("\xFF\xD8\xFF\xC0\0\x0B\x08\x40\0\x40\0\x01\x01\x11\0\xFF\xDA\0\x08\x01\x01\0\0\x3F\0\x12\xFF\xD9"),
       "cannot hold"},
      {BYTES("\xFF\xD8\xFF\xC0\0\x0E\x08\0\x08\0\x08\x02\x01\x11\0\x02\x11\0\xFF\xDA\0\x08\x01\x01\0\0\x3F\0\xFF\xD9"),
       "2 channels"},
      {BYTES("\xFF\xD8\xFF\xC0\0\x14\x08\0\x08\0\x08\x04\1\x11\0\2\x11\0\3\x11\0\4\x11\0\xFF\xDA\0\x08\x01\x01\0\0\x3F\0\xFF"
             "\xD9"),
       "no Adobe marker"},
      {BYTES("\xFF\xD8\xFF\xD9"), "no frame header"},
      {BYTES("\xFF\xD8\xFF\xE0\0\x01"), "impossible length"},
      {BYTES("8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x04\0\0\0\x04\0\x08\0\x01"), "grey mode"},
      {BYTES("8BPS\0\x02\0\0\0\0\0\0\0\x03\0\0\0\x04\0\0\0\x04\0\x08\0\x03"), "PSB"},
      {BYTES("\x89PNG\r\n\x1A\n\0\0\0\0IHDR\0\0\0\0"), "checksum of chunk IHDR"},
      {BYTES("\x89PNG\r\n\x1A\n\xFF\xFF\xFF\xFFIHDR\0\0\0\0"), "impossible length"},
      {BYTES("GIF89a\0\0\x04\0\0\0\0"), "without pixels"},
      {BYTES("GIF89a\x04\0\x04\0\0\0\0;"), "no frame"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) expect_refusal(cases[i].bytes, cases[i].length, cases[i].words);
}
END_TEST

/* One byte or word of a good file changed. */
START_TEST(changed_headers_are_named) {
  static const struct {
    void (*make)(yolo_text *t);
    size_t at;
    const char *bytes;
    size_t length;
    const char *words;
  } cases[] = {
      {bmp_up, 30, BYTES("\1"), "run-length (RLE8)"},
      {bmp_up, 30, BYTES("\4"), "embedded JPEG"},
      {bmp_up, 30, BYTES("\xFF\xFF\xFF\xFF"), "unknown"},
      {bmp_up, 28, BYTES("\2"), "2 bits"},
      {bmp_up, 14, BYTES("\x40"), "header of 64"},
      {bmp_up, 22, BYTES("\0\0\0\x80"), "side"},
      {bmp_up, 10, BYTES("\x0A"), "inside its header"},
      {bmp_up, 10, BYTES("\x0A\0\0\x7F"), "truncated"},
      {bmp_palette, 54 + 40 * 4 + 7, BYTES("\x63"), "palette of 40"},
      {tga_plain, 17, BYTES("\x10"), "right to left"},
      {psd_raw, 26, BYTES("\xFF\xFF\xFF\xFF"), "truncated"},
      {psd_raw, 26 + 4 + 8 + 4, BYTES("\0\2"), "compressed in a way"},
      {psd_raw, 22, BYTES("\0\1"), "1 bits"},
      /* headers that promise far more than the file can hold, however well it is packed */
      {tga_packets, 12, BYTES("\xFF\x7F\0\x20"), "truncated TGA"},
      {psd_raw, 14, BYTES("\0\0\x20\0\0\0\x7F\xFF"), "truncated PSD"},
      {psd_packed, 14, BYTES("\0\0\x20\0\0\0\x7F\xFF"), "truncated PSD"},
      {make_gif, 13 + 384 + 9 + 10, BYTES("\x0D"), "codes of 13 bits"},
      {make_gif, 13 + 384 + 9 + 10 + 4, BYTES("\xF0"), "does not exist yet"},
      {make_gif, 13 + 384 + 9 + 5, BYTES("\xFF"), "truncated GIF"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    yolo_text t = {NULL, 0, 0};
    cases[i].make(&t);
    memcpy(t.data + cases[i].at, cases[i].bytes, cases[i].length);
    expect_refusal(t.data, t.length, cases[i].words);
    yolo_text_free(&t);
  }
}
END_TEST

START_TEST(unfit_pngs_are_named) {
  static const struct {
    const char *type, *words;
  } cases[] = {{"ABCD", "unknown chunk ABCD"}, {"IHDR", "wrong IHDR"}, {"IEND", "no IDAT"}, {"1ABC", "proper name"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    yolo_text t = {NULL, 0, 0}, good = {NULL, 0, 0};
    make_sample_png(&good);
    put(&t, good.data, 33); /* signature, IHDR */
    put_png_chunk(&t, cases[i].type, "", 0);
    expect_refusal(t.data, t.length, cases[i].words);
    yolo_text_free(&t);
    yolo_text_free(&good);
  }
}
END_TEST

/* FACTS of the trade: 8 x 8 in the header, hundreds of megabytes behind it. */
START_TEST(bombs_are_refused) {
  size_t length = (size_t)48 << 20;
  uint8_t *zeros = calloc(length, 1);
  yolo_text t = {NULL, 0, 0}, gif = {NULL, 0, 0};
  make_png(&t, 8, 8, zeros, length);
  ck_assert_uint_lt(t.length, 100000);
  long calls = yolo_memory_get_stats().calls;
  expect_refusal(t.data, t.length, "unpack to far more than the 8 x 8 pixels");
  ck_assert_int_lt(yolo_memory_get_stats().calls - calls, 40);
  make_flat_gif(&gif, 0);
  gif.data[13 + 384 + 9 + 5] = gif.data[13 + 384 + 9 + 7] = 1; /* a frame of 1 x 1 in front of much data */
  yolo_text padded = {NULL, 0, 0};
  put(&padded, gif.data, gif.length - 2);
  for (int i = 0; i < 40; i++) put8(&padded, 255), put(&padded, zeros, 255);
  put8(&padded, 0);
  expect_refusal(padded.data, padded.length, "far more data than pixels");
  yolo_text_free(&padded);
  yolo_text_free(&gif);
  yolo_text_free(&t);
  free(zeros);
}
END_TEST

/* ---- EXIF ---- */

/* The sample JPEG with an Exif segment behind its SOI. */
static void put_exif(yolo_text *t, const yolo_text *jpeg, const char *tiff, size_t length) {
  put(t, jpeg->data, 2);
  put8(t, 0xFF), put8(t, 0xE1), put_be16(t, (unsigned)length + 8), put(t, "Exif\0\0", 6), put(t, tiff, length);
  put(t, jpeg->data + 2, jpeg->length - 2);
}

static void upright_to_stored(int o, int x, int y, int *sx, int *sy) { /* w, h: of the stored picture */
  const int w = SAMPLE_W, h = SAMPLE_H;
  *sx = o >= 5 ? y : x;
  *sy = o >= 5 ? x : y;
  if (o == 2 || o == 3 || o == 7 || o == 8) *sx = w - 1 - *sx;
  if (o == 3 || o == 4 || o == 6 || o == 7) *sy = h - 1 - *sy;
}

/* `turned` is `stored` with orientation o applied. */
static void check_upright(const yolo_image *turned, const yolo_image *stored, int o) {
  ck_assert_int_eq(turned->orientation, o);
  ck_assert_int_eq(turned->width, o >= 5 ? SAMPLE_H : SAMPLE_W);
  for (int y = 0; y < turned->height; y++)
    for (int x = 0; x < turned->width; x++) {
      int sx, sy;
      upright_to_stored(o, x, y, &sx, &sy);
      ck_assert_mem_eq(turned->pixels + (y * turned->width + x) * 3, stored->pixels + (sy * SAMPLE_W + sx) * 3, 3);
    }
}

START_TEST(orientation_is_applied) {
  void (*const makers[])(yolo_text *) = {jpeg_written, make_sample_png};
  for (int png = 0; png < 2; png++) {
    yolo_text plain = {NULL, 0, 0};
    yolo_image stored, upright;
    makers[png](&plain);
    ck_assert_int_eq(decode(&plain, plain.length, &stored), YOLO_OK);
    for (int i = 0; i < 16; i++) {
      char little_tiff[] = "II*\0\x08\0\0\0\2\0\x0F\1\2\0\1\0\0\0A\0\0\0\x12\1\3\0\1\0\0\0?\0\0\0\0\0\0\0";
      char big_tiff[] = "MM\0*\0\0\0\x08\0\2\1\x0F\0\2\0\0\0\1A\0\0\0\1\x12\0\3\0\0\0\1\0?\0\0\0\0\0\0";
      const char *tiff = i % 2 ? big_tiff : little_tiff;
      const int o = i / 2 + 1;
      yolo_text t = {NULL, 0, 0};
      little_tiff[30] = (char)o;
      big_tiff[31] = (char)o;
      ck_assert_int_eq(sizeof little_tiff, sizeof big_tiff);
      if (png) {
        put_after_png_header(&t, &plain, "eXIf", tiff, sizeof big_tiff - 1);
      } else {
        put_exif(&t, &plain, tiff, sizeof big_tiff - 1);
        ck_assert_int_eq(yolo_exif_orientation((const uint8_t *)t.data, t.length), o);
      }
      ck_assert_int_eq(decode(&t, t.length, &upright), YOLO_OK);
      check_upright(&upright, &stored, o);
      yolo_image_release(&upright);
      yolo_text_free(&t);
    }
    yolo_image_release(&stored);
    yolo_text_free(&plain);
  }
}
END_TEST

START_TEST(damaged_exif_means_upright) {
  static const struct {
    const char *tiff;
    size_t length;
  } cases[] = {
      {BYTES("")},
      {BYTES("II*\0")},
      {BYTES("XX*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0")},
      {BYTES("II*\0\xFF\xFF\xFF\xFF\1\0\x12\1\3\0\1\0\0\0\6\0\0\0")}, /* directory far outside */
      {BYTES("II*\0\x15\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0")},       /* its count half outside */
      {BYTES("II*\0\x08\0\0\0\xFF\xFF\x12\1\3\0\1\0\0\0")},           /* its entry cut off */
      {BYTES("II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x09\0\0\0")},     /* 9 */
      {BYTES("II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\0\0\0\0")},       /* 0 */
      {BYTES("II*\0\x08\0\0\0\1\0\x12\1\2\0\1\0\0\0\6\0\0\0")},       /* a text */
      {BYTES("II*\0\x08\0\0\0\1\0\x12\1\3\0\2\0\0\0\6\0\0\0")},       /* two values */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t *exact = malloc(cases[i].length + 1);
    memcpy(exact, cases[i].tiff, cases[i].length);
    ck_assert_int_eq(yolo_tiff_orientation(exact, cases[i].length), 1);
    free(exact);
  }
  ck_assert_int_eq(yolo_tiff_orientation((const uint8_t *)"II*\0\x08\0\0\0\1\0\x12\1\4\0\1\0\0\0\6\0\0\0", 22), 6); /* LONG */
  ck_assert_int_eq(yolo_exif_orientation((const uint8_t *)"no JPEG", 7), 1);
}
END_TEST

int main(void) {
  if (!make_folder()) return 1;
  Suite *suite = suite_create("images");
  TCase *tests = tcase_create("images");
  tcase_add_loop_test(tests, formats_show_the_picture, 0, SAMPLES);
  tcase_add_loop_test(tests, truncated_files_are_refused, 0, SAMPLES);
  tcase_add_loop_test(tests, missing_memory_is_survived, 0, SAMPLES);
  tcase_add_test(tests, unreadable_bytes_are_named);
  tcase_add_test(tests, changed_headers_are_named);
  tcase_add_test(tests, unfit_pngs_are_named);
  tcase_add_test(tests, bombs_are_refused);
  tcase_add_test(tests, orientation_is_applied);
  tcase_add_test(tests, damaged_exif_means_upright);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  if (rmdir(test_folder) != 0) { /* something was left behind */
    printf("%s is not empty\n", test_folder);
    failed++;
  }
  return failed == 0 ? 0 : 1;
}
