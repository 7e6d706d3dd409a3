/* Contact sheets and drawn labels: everything lies where it belongs, and nothing is written beside a picture. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/draw.h"
#include "detect/draw_sample.h"
#include "detect/sheet.h"
#include "tests/unit/suite.h"

static yolo_image plain(int width, int height, uint8_t grey) {
  yolo_image image = {0};
  ck_assert_int_eq(yolo_image_new(width, height, &image), YOLO_OK);
  memset(image.pixels, grey, (size_t)width * (size_t)height * 3);
  return image;
}

static const uint8_t *pixel(const yolo_image *image, int x, int y) {
  return &image->pixels[((size_t)y * (size_t)image->width + (size_t)x) * 3];
}

static bool is(const yolo_image *image, int x, int y, const uint8_t rgb[3]) { return memcmp(pixel(image, x, y), rgb, 3) == 0; }

/* ---- resampling ---- */

/* The mean of all pixels stays, whatever the sizes; a whole factor gives exact means. */
START_TEST(resize) {
  yolo_image from = plain(60, 40, 0), to = {0};
  double sum = 0;
  for (int i = 0; i < 60 * 40 * 3; i++) sum += from.pixels[i] = (uint8_t)(i * 7919 % 251);
  static const int sizes[][2] = {{30, 20}, {7, 5}, {1, 1}, {60, 40}, {61, 97}, {240, 160}};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    const int w = sizes[k][0], h = sizes[k][1];
    double mean = 0;
    ck_assert_int_eq(yolo_picture_resize(&from, w, h, &to), YOLO_OK);
    ck_assert(to.width == w && to.height == h);
    for (int i = 0; i < w * h * 3; i++) mean += to.pixels[i];
    ck_assert_double_lt(fabs(mean / (w * h * 3) - sum / (60 * 40 * 3)), 0.6);
    if (w == 60) ck_assert_int_eq(memcmp(to.pixels, from.pixels, 60 * 40 * 3), 0);
    if (w == 240) ck_assert_int_eq(memcmp(pixel(&to, 239, 159), pixel(&from, 59, 39), 3), 0);
    if (w == 30) {
      const int four = *pixel(&from, 8, 6) + *pixel(&from, 9, 6) + *pixel(&from, 8, 7) + *pixel(&from, 9, 7);
      ck_assert_int_eq(*pixel(&to, 4, 3), (four + 2) / 4);
    }
    yolo_image_release(&to);
  }
  yolo_image_release(&from);
  ck_assert_int_eq(yolo_picture_resize(&from, 3, 3, &to), YOLO_EINVAL);
}
END_TEST

/* ---- sheets ---- */

/* Pictures of one grey each come out whole, in the order of their cells, captions below them, the legend at the bottom. */
START_TEST(cells) {
  enum { COUNT = 7, CELL_W = 100, CELL_H = 80 };
  const yolo_sheet_options options = {3, CELL_W, CELL_H, "a title"};
  const yolo_sheet_entry legend[] = {{0, "cat 1"}, {5, "a class with a rather long name 12"}, {9, "dog"}};
  yolo_sheet *sheet = NULL;
  yolo_image out = {0}, thumb = {0};
  ck_assert_int_eq(yolo_sheet_new(COUNT, &options, &sheet), YOLO_OK);
  for (int i = 0; i < COUNT; i++) {
    yolo_image picture = plain(i % 2 ? 400 : 37, i % 2 ? 100 : 61, (uint8_t)(100 + i));
    ck_assert_int_eq(yolo_sheet_fit(sheet, &picture, &thumb), YOLO_OK);
    ck_assert(thumb.width <= CELL_W && thumb.height <= CELL_H);
    ck_assert(thumb.width == CELL_W || thumb.height == CELL_H);
    ck_assert_int_eq(yolo_sheet_put(sheet, i, &thumb, "some/folder/with/a/long/name/image_000000001.jpg", "37x61"), YOLO_OK);
    yolo_image_release(&thumb);
    yolo_image_release(&picture);
  }
  ck_assert_int_eq(yolo_sheet_finish(sheet, legend, 3, &out), YOLO_OK);
  yolo_sheet_free(sheet);
  int found[COUNT][2], text_rows = 0;
  long area[COUNT] = {0};
  memset(found, -1, sizeof found);
  for (int y = 0; y < out.height; y++)
    for (int x = 0; x < out.width; x++)
      for (int i = 0; i < COUNT; i++) {
        const uint8_t grey[3] = {(uint8_t)(100 + i), (uint8_t)(100 + i), (uint8_t)(100 + i)};
        if (!is(&out, x, y, grey)) continue;
        if (area[i]++ == 0) memcpy(found[i], (int[2]){x, y}, sizeof found[i]);
      }
  for (int i = 0; i < COUNT; i++) {
    ck_assert_int_ge(area[i], i % 2 ? 100 * 25 : 48 * 80); /* 400x100 -> 100x25, 37x61 -> 49x80 */
    if (i % 3) ck_assert_int_gt(found[i][0], found[i - 1][0]);
    if (i >= 3) ck_assert_int_gt(found[i][1], found[i - 3][1]);
  }
  for (int y = out.height - 80; y < out.height; y++) {
    uint8_t red[3];
    yolo_class_colour(0, red);
    text_rows += is(&out, 12, y, red);
  }
  ck_assert_int_eq(text_rows, 12); /* the first mark of the legend */
  yolo_image_release(&out);
}
END_TEST

START_TEST(refusals) {
  yolo_sheet *sheet = NULL;
  yolo_image picture = plain(50, 50, 9), big = plain(500, 50, 9), none = {0}, out = {0};
  ck_assert_int_eq(yolo_sheet_new(0, &(yolo_sheet_options){0}, &sheet), YOLO_EINVAL);
  ck_assert_int_eq(yolo_sheet_new(10000, &(yolo_sheet_options){.cell_width = 4096, .cell_height = 4096}, &sheet), YOLO_EINVAL);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "too many for one sheet"));
  ck_assert_int_eq(yolo_sheet_new(2, &(yolo_sheet_options){.cell_width = 64, .cell_height = 64}, &sheet), YOLO_OK);
  ck_assert_int_eq(yolo_sheet_put(sheet, 2, &picture, NULL, NULL), YOLO_EINVAL);
  ck_assert_int_eq(yolo_sheet_put(sheet, -1, &picture, NULL, NULL), YOLO_EINVAL);
  ck_assert_int_eq(yolo_sheet_put(sheet, 0, &big, NULL, NULL), YOLO_EINVAL);
  ck_assert_int_eq(yolo_sheet_fit(sheet, &none, &out), YOLO_EINVAL);
  ck_assert_int_eq(yolo_sheet_put(sheet, 1, &picture, NULL, NULL), YOLO_OK);
  ck_assert_int_eq(yolo_sheet_finish(sheet, NULL, 0, &out), YOLO_OK);
  yolo_sheet_free(sheet);
  yolo_image_release(&picture);
  yolo_image_release(&big);
  yolo_image_release(&out);
}
END_TEST

/* A sheet is a little wider than high, whatever the number of pictures. */
START_TEST(shape) {
  for (int count = 1; count <= 60; count++) {
    yolo_sheet *sheet = NULL;
    yolo_image out = {0};
    ck_assert_int_eq(yolo_sheet_new(count, &(yolo_sheet_options){.cell_width = 64, .cell_height = 48}, &sheet), YOLO_OK);
    ck_assert_int_eq(yolo_sheet_finish(sheet, NULL, 0, &out), YOLO_OK);
    const double ratio = (double)out.width / out.height;
    ck_assert_msg(ratio > 0.3 && ratio < 3.2, "%d pictures: %dx%d", count, out.width, out.height);
    yolo_sheet_free(sheet);
    yolo_image_release(&out);
  }
}
END_TEST

/* ---- masks ---- */

START_TEST(cover) {
  enum { W = 40, H = 30 };
  yolo_image image = plain(W, H, 100);
  const uint8_t rgb[3] = {200, 0, 50}, grey[3] = {100, 100, 100}, tint[3] = {150, 50, 75};
  uint8_t mask[W * H] = {0};
  for (int y = 5; y < 25; y++)
    for (int x = 0; x < 20; x++) mask[y * W + x] = 255;
  ck_assert_int_eq(yolo_draw_cover(&image, mask, rgb, 0.5f), YOLO_OK);
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      const bool inside = mask[y * W + x] > 0;
      /* The left edge of the picture cuts the object: no line there. */
      const bool border = inside && (y == 5 || y == 24 || x == 19);
      ck_assert_msg(is(&image, x, y, border ? rgb : inside ? tint : grey), "pixel %d %d", x, y);
    }
  yolo_image_release(&image);
  ck_assert_int_eq(yolo_draw_cover(&image, mask, rgb, 0.5f), YOLO_EINVAL);
}
END_TEST

/* A mask on a thumbnail of a quarter of its size, and on a picture of twice it. */
START_TEST(rle_of_another_size) {
  enum { W = 80, H = 60 };
  static uint8_t mask[W * H];
  const uint8_t rgb[3] = {0, 255, 0};
  yolo_rle rle = {0};
  for (int y = 20; y < 40; y++)
    for (int x = 40; x < 60; x++) mask[y * W + x] = 1;
  ck_assert_int_eq(yolo_rle_encode(mask, H, W, W, 1, &rle), YOLO_OK);
  static const int sizes[][2] = {{20, 15}, {160, 120}, {80, 60}};
  for (int k = 0; k < 3; k++) {
    const int w = sizes[k][0], h = sizes[k][1];
    yolo_image image = plain(w, h, 0);
    ck_assert_int_eq(yolo_draw_rle(&image, &rle, rgb, 0.5f), YOLO_OK);
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) {
        const bool inside = x >= w / 2 && x < w * 3 / 4 && y >= h / 3 && y < h * 2 / 3;
        ck_assert_msg((pixel(&image, x, y)[1] > 0) == inside, "%dx%d: pixel %d %d", w, h, x, y);
      }
    yolo_image_release(&image);
  }
  yolo_rle_free(&rle);
}
END_TEST

/* ---- labels ---- */

static long differing(const yolo_image *a, const yolo_image *b) {
  long n = 0;
  for (int i = 0; i < a->width * a->height; i++) n += memcmp(a->pixels + i * 3, b->pixels + i * 3, 3) != 0;
  return n;
}

/* Many boxes: sparse drawing leaves most of the picture alone, the other way names every one. A dashed frame has gaps. */
START_TEST(sparse_and_dashed) {
  enum { N = 60 };
  yolo_drawn_box boxes[N];
  yolo_image bare = plain(300, 200, 128), sparse = plain(300, 200, 128), full = plain(300, 200, 128);
  for (int i = 0; i < N; i++) {
    const float x = (float)(i % 10 * 28), y = (float)(i / 10 * 30);
    boxes[i] = (yolo_drawn_box){.x1 = x + 5, .y1 = y + 14, .x2 = x + 15, .y2 = y + 24, .class_id = i, .rank = (float)i};
  }
  ck_assert_int_eq(yolo_draw_boxes(&bare, boxes, N, 0, true), YOLO_OK);
  for (int i = 0; i < N; i++) boxes[i].text = "a long name";
  ck_assert_int_eq(yolo_draw_boxes(&sparse, boxes, N, 0, true), YOLO_OK);
  ck_assert_int_eq(yolo_draw_boxes(&full, boxes, N, 0, false), YOLO_OK);
  const long few = differing(&bare, &sparse), many = differing(&bare, &full);
  ck_assert_msg(few > 300 && few <= 300 * 200 / 8, "sparse labels take %ld pixels", few);
  ck_assert_int_gt(many, 2 * few);
  yolo_image dashed = plain(300, 200, 128), solid = plain(300, 200, 128), empty = plain(300, 200, 128);
  yolo_drawn_box one = {.x1 = 10, .y1 = 10, .x2 = 250, .y2 = 150, .dashed = true};
  ck_assert_int_eq(yolo_draw_boxes(&dashed, &one, 1, 0, false), YOLO_OK);
  one.dashed = false;
  ck_assert_int_eq(yolo_draw_boxes(&solid, &one, 1, 0, false), YOLO_OK);
  const long dashes = differing(&empty, &dashed), line = differing(&empty, &solid);
  ck_assert_msg(dashes * 3 > line && dashes * 3 < 2 * line, "%ld of %ld pixels are dashes", dashes, line);
  yolo_image *all[] = {&bare, &sparse, &full, &dashed, &solid, &empty};
  for (int i = 0; i < 6; i++) yolo_image_release(all[i]);
}
END_TEST

/* A sample on a thumbnail of half its size: frame and mask lie where the object does; a label map tints its pixels. */
START_TEST(sample) {
  yolo_sample s = {.image = plain(200, 100, 90), .label = YOLO_DATA_NO_LABEL, .label2 = YOLO_DATA_NO_LABEL};
  yolo_object objects[2] = {{20, 20, 120, 80, 3, 0, 1, 1, {0}}, {150, 10, 190, 50, 4, YOLO_ANNOTATION_CROWD, 1, 1, {0}}};
  const float square[] = {40, 30, 100, 30, 100, 70, 40, 70};
  yolo_image thumb = plain(100, 50, 90);
  uint8_t rgb[3], map[200 * 100];
  const char *const names[] = {"a", "b", "c", "d", "e"};
  ck_assert_int_eq(yolo_outline_add(&objects[0].outline, square, 4, false), YOLO_OK);
  s.objects = objects;
  s.n_objects = s.objects_room = 2;
  ck_assert_int_eq(yolo_draw_sample(&thumb, &s, names, 5), YOLO_OK);
  yolo_class_colour(3, rgb);
  ck_assert(is(&thumb, 10, 30, rgb) && is(&thumb, 59, 30, rgb) && is(&thumb, 30, 39, rgb)); /* frame */
  ck_assert(is(&thumb, 20, 25, rgb) && is(&thumb, 49, 25, rgb));                            /* line around the mask */
  ck_assert(!is(&thumb, 30, 25, rgb) && pixel(&thumb, 30, 25)[0] != 90);                    /* tint within */
  ck_assert_int_eq(pixel(&thumb, 14, 30)[0], 90);                                           /* between frame and mask */
  memset(map, YOLO_LABEL_IGNORE, sizeof map);
  memset(map + 200 * 90, 2, 200 * 10);
  s.label_map = map;
  s.n_objects = 0;
  memset(thumb.pixels, 90, 100 * 50 * 3);
  ck_assert_int_eq(yolo_draw_sample(&thumb, &s, NULL, 0), YOLO_OK);
  ck_assert(pixel(&thumb, 50, 44)[1] == 90 && pixel(&thumb, 50, 45)[1] != 90);
  yolo_outline_free(&objects[0].outline);
  yolo_image_release(&thumb);
  yolo_image_release(&s.image);
}
END_TEST

START_TEST(short_memory) {
  const long before = yolo_memory_get_stats().live;
  int failures = 0;
  for (long nth = 1;; nth++, failures++) {
    yolo_sheet *sheet = NULL;
    yolo_image out = {0};
    const yolo_sheet_entry legend = {0, "cat"};
    yolo_memory_fail_at(nth);
    yolo_status st = yolo_sheet_new(2, &(yolo_sheet_options){.cell_width = 64, .cell_height = 48}, &sheet);
    if (st == YOLO_OK) st = yolo_sheet_finish(sheet, &legend, 1, &out);
    yolo_memory_fail_at(0);
    yolo_sheet_free(sheet);
    yolo_image_release(&out);
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
  }
  ck_assert_int_eq(failures, 3);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sheet");
  TCase *tests = tcase_create("sheet");
  tcase_add_test(tests, resize);
  tcase_add_test(tests, cells);
  tcase_add_test(tests, refusals);
  tcase_add_test(tests, shape);
  tcase_add_test(tests, cover);
  tcase_add_test(tests, rle_of_another_size);
  tcase_add_test(tests, sparse_and_dashed);
  tcase_add_test(tests, sample);
  tcase_add_test(tests, short_memory);
  suite_add_tcase(suite, tests);
  return suite_run(suite) ? EXIT_FAILURE : EXIT_SUCCESS;
}
