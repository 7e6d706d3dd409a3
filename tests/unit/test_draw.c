/* Drawing: labels stay in the picture and readable, colours are stable and apart, nothing breaks on odd sizes.
 * Pictures are in a block of exactly their size, so that a sanitizer sees every pixel beside them. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/draw.h"
#include "detect/font.h"
#include "tests/unit/suite.h"

static yolo_image grey_picture(int width, int height) {
  yolo_image image = {0};
  ck_assert_int_eq(yolo_image_new(width, height, &image), YOLO_OK);
  memset(image.pixels, 128, (size_t)width * (size_t)height * 3);
  return image;
}

static const uint8_t *pixel(const yolo_image *image, int x, int y) {
  return &image->pixels[((size_t)y * (size_t)image->width + (size_t)x) * 3];
}

static bool is(const yolo_image *image, int x, int y, const uint8_t rgb[3]) { return memcmp(pixel(image, x, y), rgb, 3) == 0; }

START_TEST(colours) {
  uint8_t a[3], b[3];
  for (int i = 0; i < 200; i++)
    for (int k = 0; k < i; k++) {
      yolo_class_colour(i, a);
      yolo_class_colour(k, b);
      int apart = abs(a[0] - b[0]) + abs(a[1] - b[1]) + abs(a[2] - b[2]);
      int least = i < 20 ? 60 : i < 80 ? 9 : 1;
      ck_assert_msg(apart >= least, "classes %d and %d are only %d apart", i, k, apart);
    }
  yolo_class_colour(-1, a); /* nonsense gives some colour */
  yolo_class_colour(0, a);
  const uint8_t red[] = {250, 37, 37};
  ck_assert_int_eq(memcmp(a, red, 3), 0); /* stable: changing it changes every picture of every user */
}
END_TEST

/* Every printable character leaves ink of its own; no two look alike. */
START_TEST(letters) {
  enum { WIDTH = 40, HEIGHT = 40, COUNT = '~' - '!' + 1 };
  static uint8_t ink[COUNT][WIDTH * HEIGHT * 3];
  const uint8_t white[] = {255, 255, 255};
  for (int i = 0; i < COUNT; i++) {
    char text[2] = {(char)('!' + i), 0};
    yolo_image image = {.pixels = ink[i], .width = WIDTH, .height = HEIGHT, .orientation = 1};
    yolo_text_draw(&image, 8, 4, 28, text, white);
    int sum = 0;
    for (int k = 0; k < WIDTH * HEIGHT * 3; k++) sum += ink[i][k];
    ck_assert_msg(sum > 255 * 3 * 4, "'%s' has no ink", text);
    for (int k = 0; k < i; k++)
      ck_assert_msg(memcmp(ink[i], ink[k], sizeof ink[i]) != 0, "'%c' and '%c' are one", '!' + i, '!' + k);
  }
}
END_TEST

START_TEST(text_widths) {
  ck_assert(yolo_text_width("", 20) == 0);
  ck_assert_float_gt(yolo_text_width("ww", 20), yolo_text_width("w", 20));
  ck_assert_float_gt(yolo_text_width("w", 40), yolo_text_width("w", 20));
  /* Accents are left off; one '?' for each other character outside ASCII, not for each byte. */
  ck_assert(yolo_text_width("M\xC3\xBCnchen", 20) == yolo_text_width("Munchen", 20));
  ck_assert(yolo_text_width("\xC3\x80\xC3\xBF", 20) == yolo_text_width("Ay", 20)); /* the ends of the table */
  ck_assert(yolo_text_width("\xE2\x82\xAC\xF0\x9F\x90\x95", 20) == yolo_text_width("??", 20));
  ck_assert(yolo_text_width("\xC3", 20) == yolo_text_width("?", 20)); /* cut off in the middle */
  ck_assert(yolo_text_is_legible("dog") && yolo_text_is_legible("?") && yolo_text_is_legible(""));
  ck_assert(yolo_text_is_legible("\xC5\xBDirafa") && !yolo_text_is_legible("\xE7\x8A\xAC") && !yolo_text_is_legible("\t"));
}
END_TEST

/* Rows and columns that a label's ground covers. */
static void ground(const yolo_image *image, const uint8_t rgb[3], int *x1, int *y1, int *x2, int *y2) {
  *x1 = *y1 = 1 << 20;
  *x2 = *y2 = -1;
  for (int y = 0; y < image->height; y++)
    for (int x = 0; x < image->width; x++) {
      if (!is(image, x, y, rgb)) continue;
      *x1 = x < *x1 ? x : *x1;
      *y1 = y < *y1 ? y : *y1;
      *x2 = x + 1 > *x2 ? x + 1 : *x2;
      *y2 = y + 1 > *y2 ? y + 1 : *y2;
    }
}

START_TEST(labels_stay_inside) {
  static const int places[][2] = {{50, 50}, {-40, 10}, {180, 10}, {190, 95}, {0, 0}, {-1000, -1000}, {1000, 1000}, {60, 99}};
  const uint8_t blue[] = {20, 40, 200};
  yolo_image free_standing = grey_picture(200, 100);
  int x1, y1, x2, y2, width, height;
  ck_assert_int_eq(yolo_draw_label(&free_standing, 50, 50, 16, "dog 0.93", blue), YOLO_OK);
  ground(&free_standing, blue, &x1, &y1, &x2, &y2);
  ck_assert_int_eq(x1, 50);
  ck_assert_int_eq(y1, 50);
  width = x2 - x1;
  height = y2 - y1;
  ck_assert_int_gt(width, 40);
  ck_assert_int_ge(height, 16);
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    yolo_image image = grey_picture(200, 100);
    ck_assert_int_eq(yolo_draw_label(&image, places[i][0], places[i][1], 16, "dog 0.93", blue), YOLO_OK);
    ground(&image, blue, &x1, &y1, &x2, &y2);
    ck_assert_int_eq(x2 - x1, width); /* whole, wherever it was asked for */
    ck_assert_int_eq(y2 - y1, height);
    yolo_image_release(&image);
  }
  yolo_image_release(&free_standing);
}
END_TEST

START_TEST(ink_is_readable) {
  static const uint8_t grounds[][3] = {{250, 37, 37}, {255, 255, 90}, {10, 10, 90}, {255, 255, 255}, {0, 0, 0}, {90, 200, 90}};
  for (size_t i = 0; i < sizeof grounds / sizeof *grounds; i++) {
    yolo_image image = grey_picture(120, 30);
    ck_assert_int_eq(yolo_draw_label(&image, 0, 0, 16, "WWW 0.93", grounds[i]), YOLO_OK);
    int most = 0;
    double from = 0.299 * grounds[i][0] + 0.587 * grounds[i][1] + 0.114 * grounds[i][2];
    for (int x = 4; x < 60; x++) {
      const uint8_t *p = pixel(&image, x, 12);
      int contrast = (int)fabs(0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2] - from);
      most = contrast > most ? contrast : most;
    }
    ck_assert_int_ge(most, 110);
    yolo_image_release(&image);
  }
}
END_TEST

static yolo_detection box(int class_id, float confidence, float x1, float y1, float x2, float y2) {
  return (yolo_detection){class_id, confidence, x1, y1, x2, y2};
}

START_TEST(frames_and_places) {
  static const char *const names[] = {"dog", "cat"};
  yolo_detection d[] = {box(0, .9f, 20, 40, 80, 90), box(0, .8f, 100, 0, 180, 60)};
  yolo_result result = {.count = 2, .detections = d, .width = 200, .height = 100};
  yolo_image image = grey_picture(200, 100);
  uint8_t rgb[3];
  yolo_class_colour(0, rgb);
  ck_assert_int_eq(yolo_draw_result(&image, &result, names, 2), YOLO_OK);
  ck_assert(is(&image, 20, 60, rgb) && is(&image, 79, 60, rgb) && is(&image, 50, 89, rgb)); /* one pixel wide here */
  ck_assert(!is(&image, 19, 60, rgb) && !is(&image, 80, 60, rgb) && !is(&image, 50, 90, rgb));
  ck_assert(!is(&image, 50, 70, rgb));
  ck_assert(is(&image, 21, 38, rgb)); /* its label above */
  ck_assert(is(&image, 101, 2, rgb)); /* no room above: inside */
  yolo_image_release(&image);
}
END_TEST

START_TEST(labels_make_room) {
  static const char *const names[] = {"car", "truck"};
  yolo_detection d[] = {box(0, .9f, 60, 60, 150, 110), box(1, .5f, 60, 60, 150, 110)};
  yolo_result result = {.count = 2, .detections = d, .width = 200, .height = 120};
  yolo_image both = grey_picture(200, 120), alone = grey_picture(200, 120);
  uint8_t car[3], truck[3];
  yolo_class_colour(0, car);
  yolo_class_colour(1, truck);
  ck_assert_int_eq(yolo_draw_result(&both, &result, names, 2), YOLO_OK);
  result.count = 1;
  ck_assert_int_eq(yolo_draw_result(&alone, &result, names, 2), YOLO_OK);
  int x1, y1, x2, y2, trucks = 0;
  ground(&alone, car, &x1, &y1, &x2, &y2);
  ck_assert_int_lt(y1, 60);
  for (int y = y1; y < 60; y++) /* the label of the better one is untouched */
    ck_assert_int_eq(memcmp(pixel(&both, x1, y), pixel(&alone, x1, y), (size_t)(x2 - x1) * 3), 0);
  for (int y = 0; y < 120; y++)
    for (int x = 0; x < 200; x++) trucks += is(&both, x, y, truck);
  ck_assert_int_gt(trucks, 300); /* and the other one is there */
  yolo_image_release(&both);
  yolo_image_release(&alone);
}
END_TEST

START_TEST(odd_sizes) {
  static const int sizes[][2] = {{1, 1}, {20, 20}, {1, 300}, {300, 1}, {7, 9}, {2000, 16}, {64, 64}};
  static const char *const names[] = {"a class name that is much longer than the picture is wide", ""};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    float w = (float)sizes[i][0], h = (float)sizes[i][1];
    yolo_detection d[] = {box(0, .9f, 0, 0, w, h), box(1, 1, w / 2, h / 2, w / 2, h / 2), box(7, .5f, w - 1, h - 1, w, h),
                          box(-3, 2, -50, -50, 1e9f, 1e9f), box(0, NAN, NAN, NAN, NAN, NAN)};
    yolo_result result = {.count = 5, .detections = d, .width = sizes[i][0], .height = sizes[i][1]};
    yolo_image image = grey_picture(sizes[i][0], sizes[i][1]);
    ck_assert_int_eq(yolo_draw_result(&image, &result, names, 2), YOLO_OK);
    ck_assert_int_eq(yolo_draw_result(&image, &result, NULL, 0), YOLO_OK);
    ck_assert_int_ne(pixel(&image, 0, 0)[0] + pixel(&image, 0, 0)[1] * 256, 128 + 128 * 256);
    yolo_image_release(&image);
  }
}
END_TEST

/* Labels of small pictures: a twentieth of the longer side, but neither smaller than 7 nor larger than 12 where the shorter one
 * asks for no more. */
START_TEST(small_pictures_have_small_labels) {
  static const struct {
    int width, height;
    float label;
  } rows[] = {{128, 128, 7}, {180, 120, 9}, {120, 180, 9}, {240, 100, 12}, {320, 320, 12}, {456, 456, 12}, {760, 912, 20}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const float w = (float)rows[i].width, h = (float)rows[i].height;
    yolo_drawn_box box = {w * .1f, h * .4f, w * .9f, h * .9f, 0, 1, "dog 0.93", false, NULL, 0};
    yolo_image usual = grey_picture(rows[i].width, rows[i].height), told = grey_picture(rows[i].width, rows[i].height);
    ck_assert_int_eq(yolo_draw_boxes(&usual, &box, 1, 0, false), YOLO_OK);
    ck_assert_int_eq(yolo_draw_boxes(&told, &box, 1, rows[i].label, false), YOLO_OK);
    ck_assert_msg(memcmp(usual.pixels, told.pixels, (size_t)rows[i].width * (size_t)rows[i].height * 3) == 0, "%dx%d",
                  rows[i].width, rows[i].height);
    yolo_image_release(&usual);
    yolo_image_release(&told);
  }
}
END_TEST

/* Text and lines follow the picture: the share of a large picture that a label takes is that of a small one. */
START_TEST(sizes_follow_the_picture) {
  static const char *const names[] = {"dog"};
  uint8_t rgb[3];
  double share[2];
  yolo_class_colour(0, rgb);
  for (int i = 0; i < 2; i++) {
    int side = i ? 2400 : 600;
    float s = (float)side;
    yolo_detection d = box(0, .9f, s * .2f, s * .5f, s * .9f, s * .9f);
    yolo_result result = {.count = 1, .detections = &d, .width = side, .height = side};
    yolo_image image = grey_picture(side, side);
    ck_assert_int_eq(yolo_draw_result(&image, &result, names, 1), YOLO_OK);
    long inked = 0;
    for (int y = 0; y < side; y++)
      for (int x = 0; x < side; x++) inked += is(&image, x, y, rgb);
    share[i] = (double)inked / side / side;
    yolo_image_release(&image);
  }
  ck_assert_double_eq_tol(share[0], share[1], 0.2 * share[0]);
}
END_TEST

START_TEST(refusals) {
  yolo_image none = {0}, image = grey_picture(20, 20);
  yolo_detection d = box(0, .9f, 1, 1, 9, 9);
  yolo_result result = {.count = 1, .detections = &d};
  const uint8_t rgb[] = {1, 2, 3};
  ck_assert_int_eq(yolo_draw_result(&none, &result, NULL, 0), YOLO_EINVAL);
  ck_assert_int_eq(yolo_draw_label(&none, 0, 0, 12, "a", rgb), YOLO_EINVAL);
  ck_assert_int_eq(yolo_draw_label(&image, 0, 0, NAN, "a", rgb), YOLO_EINVAL);
  ck_assert_int_eq(yolo_draw_label(&image, 0, 0, -3, "a", rgb), YOLO_EINVAL);
  yolo_memory_fail_at(1);
  ck_assert_int_eq(yolo_draw_result(&image, &result, NULL, 0), YOLO_ENOMEM);
  yolo_memory_fail_at(0);
  yolo_image_release(&image);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("draw");
  TCase *tests = tcase_create("draw");
  const TTest *const all[] = {
      colours,           letters,          text_widths, labels_stay_inside,       ink_is_readable,
      frames_and_places, labels_make_room, odd_sizes,   sizes_follow_the_picture, small_pictures_have_small_labels,
      refusals};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) tcase_add_test(tests, all[i]);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? 0 : 1;
}
