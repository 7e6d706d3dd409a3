/* Images against other judges: libpng on PngSuite, libjpeg-turbo against stb_image on photographs, broken files of
 * the world, and thousands of mutations. What needs outside data says SKIP without YOLO_TEST_DATA. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef YOLO_TEST_PNG
#include <png.h>
#endif

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "datasets/decoders.h"

#include "tests/golden/images.h"
#include "tests/unit/image_bytes.h"
#include "tests/unit/suite.h"

typedef void (*visitor)(const char *path, const char *bytes, size_t length, void *payload);

/* Calls `visit` for every file with the suffix in a folder of the outside data, at most `limit`; their number. */
static int for_each_file(const char *folder, const char *suffix, int limit, visitor visit, void *payload) {
  const char *data = getenv("YOLO_TEST_DATA");
  char path[1024];
  int count = 0;
  snprintf(path, sizeof path, "%s/%s", data ? data : "", folder);
  DIR *dir = data ? opendir(path) : NULL;
  if (!dir) {
    printf("SKIP %s: %s\n", folder, data ? "is not in YOLO_TEST_DATA" : "YOLO_TEST_DATA is not set");
    return -1;
  }
  for (struct dirent *e; (e = readdir(dir)) && count < limit;) {
    char *bytes = NULL;
    size_t length = 0;
    if (e->d_name[0] == '.' || !yolo_has_suffix(e->d_name, suffix)) continue;
    snprintf(path, sizeof path, "%s/%s/%s", data, folder, e->d_name);
    ck_assert_int_eq(yolo_read_file(path, 1 << 28, &bytes, &length), YOLO_OK);
    visit(path, bytes, length, payload);
    yolo_free(bytes);
    count++;
  }
  closedir(dir);
  return count;
}

static bool turbo_built(void) { return strncmp(yolo_image_jpeg_decoder(), "libjpeg-turbo ", 14) == 0; }

/* ---- PngSuite against libpng ---- */

#ifdef YOLO_TEST_PNG
typedef struct png_source {
  const uint8_t *bytes;
  size_t left;
} png_source;

static void png_give(png_structp png, png_bytep out, png_size_t count) {
  png_source *s = png_get_io_ptr(png);
  if (count > s->left) png_error(png, "end");
  memcpy(out, s->bytes, count);
  s->bytes += count;
  s->left -= count;
}

static void png_quiet(png_structp png, png_const_charp text) { (void)png, (void)text; }

/* libpng's RGB after the same rules as ours (upper byte of 16 bits, alpha dropped), or NULL. Its errors jump. */
static uint8_t *read_with_libpng(const char *bytes, size_t length, int *w, int *h) {
  png_source source = {(const uint8_t *)bytes, length};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, png_quiet);
  png_infop info = png_create_info_struct(png);
  uint8_t *volatile pixels = NULL;
  png_bytep *volatile rows = NULL;
  if (setjmp(png_jmpbuf(png))) {
    free(pixels);
    pixels = NULL;
    goto done;
  }
  png_set_read_fn(png, &source, png_give);
  png_read_info(png, info);
  png_set_strip_16(png), png_set_expand(png), png_set_strip_alpha(png), png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  *w = (int)png_get_image_width(png, info);
  *h = (int)png_get_image_height(png, info);
  pixels = malloc((size_t)*w * (size_t)*h * 3);
  rows = malloc((size_t)*h * sizeof *rows);
  for (int y = 0; y < *h; y++) rows[y] = pixels + (size_t)y * (size_t)*w * 3;
  png_read_image(png, rows);
  png_read_end(png, NULL);
done:
  free(rows);
  png_destroy_read_struct(&png, &info, NULL);
  return pixels;
}

static void compare_with_libpng(const char *path, const char *bytes, size_t length, void *payload) {
  yolo_image image;
  int w = 0, h = 0, *worst = payload;
  uint8_t *want = read_with_libpng(bytes, length, &w, &h);
  ck_assert_msg(want != NULL, "%s: libpng does not read it", path);
  ck_assert_msg(yolo_image_decode((const uint8_t *)bytes, length, path, &image) == YOLO_OK, "%s", yolo_error_message());
  ck_assert_msg(image.width == w && image.height == h, "%s: %d x %d", path, image.width, image.height);
  for (int i = 0; i < w * h * 3; i++) {
    int difference = abs(image.pixels[i] - want[i]);
    if (difference > *worst) *worst = difference;
    ck_assert_msg(difference <= 1, "%s: value %d is %d, libpng says %d", path, i, image.pixels[i], want[i]);
  }
  yolo_image_release(&image);
  free(want);
}

START_TEST(pngsuite_equals_libpng) {
  static const char *const folders[] = {"robust/pngsuite/primary", "robust/pngsuite/primary_check", "robust/pngsuite/16bit",
                                        "robust/pngsuite/unused"};
  int total = 0, worst = 0;
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    int count = for_each_file(folders[i], ".png", 1000, compare_with_libpng, &worst);
    if (count < 0) return;
    total += count;
  }
  printf("PngSuite: %d files equal libpng, worst difference %d\n", total, worst);
  ck_assert_int_ge(total, 230);
}
END_TEST
#else
START_TEST(pngsuite_equals_libpng) { printf("SKIP PngSuite against libpng: libpng was not found at build\n"); }
END_TEST
#endif

/* ---- broken files: a sentence or a picture, in bounded time, and nothing left behind ---- */

typedef struct tally {
  int read, refused;
  double longest;
  char slowest[256];
} tally;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void judge(yolo_status st, yolo_image *image, tally *t) {
  if (st == YOLO_OK) {
    ck_assert_int_ge(image->width, 1);
    ck_assert_int_ge(image->height, 1);
    ck_assert_ptr_nonnull(image->pixels);
  } else {
    ck_assert_uint_gt(strlen(yolo_error_message()), 8);
    ck_assert_ptr_null(strchr(yolo_error_message(), '\n'));
  }
  t->read += st == YOLO_OK;
  t->refused += st != YOLO_OK;
  yolo_image_release(image);
}

/* JPEGs also through the decoder that yolo_image_decode does not choose. */
static void survive(const char *path, const char *bytes, size_t length, void *payload) {
  tally *t = payload;
  yolo_image image;
  uint8_t *exact = malloc(length ? length : 1);
  memcpy(exact, bytes, length);
  yolo_encoded in = {exact, length};
  long live = yolo_memory_get_stats().live;
  double start = seconds();
  judge(yolo_image_decode(exact, length, path, &image), &image, t);
  const char *format = yolo_image_sniff(exact, length);
  if (turbo_built() && format && strcmp(format, "JPEG") == 0) {
    memset(&image, 0, sizeof image);
    judge(yolo_decode_jpeg_stb(&in, &image), &image, t);
  }
  double taken = seconds() - start;
  if (taken > t->longest) {
    t->longest = taken;
    snprintf(t->slowest, sizeof t->slowest, "%s", yolo_basename(path));
  }
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
  free(exact);
}

START_TEST(broken_files_are_survived) {
  static const struct {
    const char *folder, *suffix;
    int at_least;
  } cases[] = {{"robust/jpeg-crash/images", ".jpg", 10},
               {"robust/jpeg-crash/images/imagetestsuite", ".jpg", 90},
               {"robust/pngsuite/corrupt", ".png", 14},
               {"robust/pngsuite/iphone", ".png", 7}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    tally t = {0, 0, 0, ""};
    int count = for_each_file(cases[i].folder, cases[i].suffix, 1000, survive, &t);
    if (count < 0) return;
    printf("%s: %d files, %d pictures, %d sentences, slowest %.3f s (%s)\n", cases[i].folder, count, t.read, t.refused,
           t.longest, t.slowest);
    ck_assert_int_ge(count, cases[i].at_least);
    ck_assert_double_lt(t.longest, 10.0);
    if (i == 2) ck_assert_int_eq(t.read, 0);    /* every corrupt PNG is refused */
    if (i == 3) ck_assert_int_eq(t.refused, 0); /* Apple's PNGs are read */
  }
}
END_TEST

static void write_jpeg(yolo_text *t) {
  const char *path = in_folder("small.jpg");
  yolo_image image;
  char *bytes = NULL;
  size_t length = 0;
  ck_assert_int_eq(yolo_image_new(40, 30, &image), YOLO_OK);
  for (int i = 0; i < 40 * 30 * 3; i++) image.pixels[i] = (uint8_t)(i * 7 % 251 / (1 + i % 3));
  ck_assert_int_eq(yolo_image_save(&image, path), YOLO_OK);
  ck_assert_int_eq(yolo_read_file(path, 1 << 20, &bytes, &length), YOLO_OK);
  put(t, bytes, length);
  yolo_free(bytes);
  yolo_image_release(&image);
  unlink(path);
}

static void cmyk_jpeg(yolo_text *t) { put(t, golden_cmyk_jpeg, sizeof golden_cmyk_jpeg); }
static void tga(yolo_text *t) { make_tga(t, true); }
static void psd(yolo_text *t) { make_psd(t, true); }
static void bmp(yolo_text *t) { make_bmp24(t, false); }
static void bmp_palette(yolo_text *t) { make_bmp8(t, 40, 0); }
static void gif_flat(yolo_text *t) { make_flat_gif(t, 0); }
static void ppm(yolo_text *t) { make_ppm(t, 2); }

/* One to four bytes changed, at times the file cut as well; drawn by number, so that each can be repeated. */
static size_t mutate(char *bytes, size_t length, uint64_t number) {
  yolo_rng rng = {2024, number, 0};
  int changes = 1 + (int)(yolo_rng_u32(&rng) % 4);
  for (int i = 0; i < changes; i++) {
    size_t reach = yolo_rng_u32(&rng) % 2 && length > 700 ? 700 : length; /* headers twice as often */
    size_t at = yolo_rng_u32(&rng) % reach;
    uint32_t kind = yolo_rng_u32(&rng) % 4, value = yolo_rng_u32(&rng);
    bytes[at] = (char)(kind == 0 ? 0xFF : kind == 1 ? 0 : kind == 2 ? (uint32_t)bytes[at] ^ 1u << value % 8 : value);
  }
  return yolo_rng_u32(&rng) % 8 ? length : yolo_rng_u32(&rng) % length;
}

/* Gives every PNG chunk the checksum of its changed bytes, so that the decoder behind the check meets them. */
static void reseal(char *bytes, size_t length) {
  for (size_t at = 8; at + 12 <= length;) {
    const uint8_t *p = (const uint8_t *)bytes + at;
    size_t size = yolo_be32(p);
    if (size > length - at - 12) return;
    uint32_t crc = (uint32_t)crc32(0, p + 4, (uInt)size + 4);
    for (int i = 0; i < 4; i++) bytes[at + 8 + size + (size_t)i] = (char)(crc >> (24 - 8 * i));
    at += size + 12;
  }
}

START_TEST(mutations_are_survived) {
  static const struct {
    const char *name;
    void (*make)(yolo_text *t);
    uint64_t count;
  } cases[] = {{"JPEG", write_jpeg, 2000},
               {"CMYK JPEG", cmyk_jpeg, 1000},
               {"PNG", make_sample_png, 500},
               {"PNG resealed", make_sample_png, 1000},
               {"GIF", make_gif, 500},
               {"flat GIF", gif_flat, 500},
               {"TGA", tga, 500},
               {"PSD", psd, 500},
               {"BMP", bmp, 500},
               {"BMP palette", bmp_palette, 500},
               {"PNM", ppm, 500}};
  yolo_text good = {NULL, 0, 0};
  tally t = {0, 0, 0, ""};
  cases[_i].make(&good);
  char *bytes = malloc(good.length);
  for (uint64_t number = 0; number < cases[_i].count; number++) {
    memcpy(bytes, good.data, good.length);
    size_t length = mutate(bytes, good.length, number);
    if (strcmp(cases[_i].name, "PNG resealed") == 0) reseal(bytes, length);
    survive(cases[_i].name, bytes, length, &t);
  }
  printf("%s: %d pictures, %d sentences, longest %.3f s\n", cases[_i].name, t.read, t.refused, t.longest);
  ck_assert_double_lt(t.longest, 10.0);
  ck_assert_int_ge(t.refused, 20);
  free(bytes);
  yolo_text_free(&good);
}
END_TEST

/* ---- two JPEG decoders, one picture ---- */

typedef struct difference {
  double mean;
  int worst, files;
} difference;

static void compare_decoders(const char *path, const char *bytes, size_t length, void *payload) {
  yolo_encoded in = {(const uint8_t *)bytes, length};
  yolo_image a, b;
  difference *d = payload;
  double sum = 0;
  int worst = 0;
  memset(&a, 0, sizeof a);
  memset(&b, 0, sizeof b);
  ck_assert_msg(yolo_decode_jpeg_turbo(&in, &a) == YOLO_OK, "%s: %s", path, yolo_error_message());
  ck_assert_msg(yolo_decode_jpeg_stb(&in, &b) == YOLO_OK, "%s: %s", path, yolo_error_message());
  ck_assert_int_eq(a.width, b.width);
  ck_assert_int_eq(a.height, b.height);
  size_t count = (size_t)a.width * (size_t)a.height * 3;
  for (size_t i = 0; i < count; i++) {
    int apart = abs(a.pixels[i] - b.pixels[i]);
    sum += apart;
    if (apart > worst) worst = apart;
  }
  ck_assert_msg(sum / (double)count <= 0.1, "%s: mean difference %.3f", path, sum / (double)count);
  ck_assert_msg(worst <= 4, "%s: a difference of %d", path, worst);
  if (sum / (double)count > d->mean) d->mean = sum / (double)count;
  if (worst > d->worst) d->worst = worst;
  d->files++;
  yolo_image_release(&a);
  yolo_image_release(&b);
}

START_TEST(decoders_agree_on_photographs) {
  difference d = {0, 0, 0};
  if (!turbo_built()) {
    printf("SKIP decoders_agree_on_photographs: this build has no libjpeg-turbo\n");
    return;
  }
  if (for_each_file("images", ".jpg", 100, compare_decoders, &d) < 0) return;
  for_each_file("coco/val2017", ".jpg", 20, compare_decoders, &d);
  for_each_file("bccd/JPEGImages", ".jpg", 3, compare_decoders, &d);
  printf("libjpeg-turbo against stb_image: %d photographs, mean difference at most %.4f, worst %d\n", d.files, d.mean, d.worst);
  ck_assert_int_ge(d.files, 5);
}
END_TEST

/* Inks and black: CMYK as written (transform 0), and the same bytes taken for YCCK (transform 2). */
START_TEST(decoders_agree_on_inks) {
  uint8_t bytes[sizeof golden_cmyk_jpeg];
  difference d = {0, 0, 0};
  memcpy(bytes, golden_cmyk_jpeg, sizeof bytes);
  yolo_encoded in = {bytes, sizeof bytes};
  yolo_image image = {0};
  ck_assert_int_eq(yolo_decode_jpeg_stb(&in, &image), YOLO_OK);
  for (int i = 0; i < 24 * 16; i++) { /* the inks that scripts/make_golden_images.py put on the paper */
    int x = i % 24, y = i / 24, inks[3] = {x * 10, y * 15, (x + y) * 6}, black = x * y % 97;
    for (int c = 0; c < 3; c++) ck_assert_int_le(abs(image.pixels[i * 3 + c] - (255 - inks[c]) * (255 - black) / 255), 24);
  }
  yolo_image_release(&image);
  if (!turbo_built()) {
    printf("SKIP decoders_agree_on_inks: this build has no libjpeg-turbo\n");
    return;
  }
  compare_decoders("CMYK", (const char *)bytes, sizeof bytes, &d);
  uint8_t *adobe = memmem(bytes, sizeof bytes, "Adobe", 5);
  ck_assert_ptr_nonnull(adobe);
  adobe[11] = 2;
  compare_decoders("YCCK", (const char *)bytes, sizeof bytes, &d);
  ck_assert_int_eq(d.files, 2);
}
END_TEST

/* Bytes between the data and the end mark: a complaint, and still a picture. */
START_TEST(complaints_are_kept) {
  yolo_text t = {NULL, 0, 0};
  yolo_image image;
  write_jpeg(&t);
  t.length -= 2;
  for (int i = 0; i < 50; i++) put8(&t, 1);
  put(&t, "\xFF\xD9", 2);
  ck_assert_int_eq(yolo_image_decode((const uint8_t *)t.data, t.length, "x", &image), YOLO_OK);
  ck_assert_int_eq(image.width, 40);
  if (turbo_built()) {
    ck_assert_int_ge(image.warnings, 1);
    ck_assert_msg(strstr(image.warning, "extraneous") != NULL, "%s", image.warning);
  }
  yolo_image_release(&image);
  yolo_text_free(&t);
}
END_TEST

int main(void) {
  if (!make_folder()) return 1;
  Suite *suite = suite_create("images_data");
  TCase *tests = tcase_create("images_data");
  tcase_add_test(tests, pngsuite_equals_libpng);
  tcase_add_test(tests, broken_files_are_survived);
  tcase_add_loop_test(tests, mutations_are_survived, 0, 11);
  tcase_add_test(tests, decoders_agree_on_photographs);
  tcase_add_test(tests, decoders_agree_on_inks);
  tcase_add_test(tests, complaints_are_kept);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  rmdir(test_folder);
  return failed == 0 ? 0 : 1;
}
