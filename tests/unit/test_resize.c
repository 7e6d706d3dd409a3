/* Preprocessing: PyTorch's numbers, Darknet's geometry, every pixel layout, degenerate sizes, guard bands. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/resize.h"

#include "tests/golden/images.h"
#include "tests/unit/suite.h"

enum { WIDTH = 7, HEIGHT = 5, ROW = WIDTH * 4 + 3 }; /* rows with bytes to spare that belong to nobody */

/* The picture of scripts/make_golden_images.py in any layout. */
static yolo_pixels draw(yolo_pixel_layout layout, uint8_t *bytes) {
  static const int steps[] = {3, 3, 4, 4, 1};
  yolo_pixels p = {bytes, WIDTH, HEIGHT, ROW, layout};
  memset(bytes, 0xEE, (size_t)ROW * HEIGHT);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++)
      for (int c = 0; c < 3; c++) {
        bool swapped = layout == YOLO_PIXELS_BGR || layout == YOLO_PIXELS_BGRA;
        int place = layout == YOLO_PIXELS_GREY ? 0 : swapped ? 2 - c : c;
        if (layout == YOLO_PIXELS_GREY && c > 0) continue;
        bytes[y * ROW + x * steps[layout] + place] = (uint8_t)((37 * x + 101 * y + 59 * c + 13 * x * y * c) % 256);
      }
  return p;
}

START_TEST(equals_pytorch) {
  static const yolo_pixel_layout layouts[] = {YOLO_PIXELS_RGB, YOLO_PIXELS_BGR, YOLO_PIXELS_RGBA, YOLO_PIXELS_BGRA};
  uint8_t bytes[ROW * HEIGHT];
  for (size_t i = 0; i < sizeof golden_resizes / sizeof golden_resizes[0]; i++)
    for (size_t l = 0; l < 4; l++) {
      const struct golden_resize *g = &golden_resizes[i];
      size_t count = (size_t)g->width * (size_t)g->height * 3;
      float *values = calloc(count, sizeof *values);
      yolo_tensor input = yolo_tensor_dense(values, (yolo_shape){1, g->height, g->width, 3});
      yolo_preprocess how = {.filter = g->align_corners ? YOLO_FILTER_ALIGN_CORNERS : YOLO_FILTER_HALF_PIXEL};
      yolo_pixels pixels = draw(layouts[l], bytes);
      ck_assert_int_eq(yolo_preprocess_run(&how, &pixels, &input, 0, NULL), YOLO_OK);
      for (size_t k = 0; k < count; k++) ck_assert_float_eq_tol(values[k], g->values[k], 2e-6f);
      free(values);
    }
}
END_TEST

START_TEST(geometry_is_darknets) {
  static const struct {
    yolo_resize_fit fit;
    int width, height, input_w, input_h;
    yolo_placement want;
  } cases[] = {
      {YOLO_FIT_STRETCH, 768, 576, 416, 416, {416.f / 768, 416.f / 576, 0, 0}},
      {YOLO_FIT_LETTERBOX, 768, 576, 416, 416, {416.f / 768, 312.f / 576, 0, 52}},
      {YOLO_FIT_LETTERBOX, 576, 768, 416, 416, {312.f / 576, 416.f / 768, 52, 0}},
      {YOLO_FIT_LETTERBOX, 1352, 900, 416, 416, {416.f / 1352, 276.f / 900, 0, 70}}, /* 276.92 cut, 140 halved */
      {YOLO_FIT_LETTERBOX, 640, 427, 320, 320, {320.f / 640, 213.f / 427, 0, 53}},   /* 107 halved down */
      {YOLO_FIT_LETTERBOX, 100, 100, 608, 416, {416.f / 100, 416.f / 100, 96, 0}},
      {YOLO_FIT_LETTERBOX, 10000, 1, 416, 416, {416.f / 10000, 1, 0, 207}},
      {YOLO_FIT_LETTERBOX, 1, 10000, 416, 416, {1, 416.f / 10000, 207, 0}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    yolo_preprocess how = {.fit = cases[i].fit};
    yolo_placement p = yolo_preprocess_place(&how, cases[i].width, cases[i].height, cases[i].input_w, cases[i].input_h);
    ck_assert_float_eq_tol(p.scale_x, cases[i].want.scale_x, 1e-6f);
    ck_assert_float_eq_tol(p.scale_y, cases[i].want.scale_y, 1e-6f);
    ck_assert_float_eq(p.offset_x, cases[i].want.offset_x);
    ck_assert_float_eq(p.offset_y, cases[i].want.offset_y);
  }
}
END_TEST

/* Letterbox into a strided batch: image 1 of 3 is written, pixel lanes beyond C and the other images are not. */
START_TEST(letterbox_pads_and_stays_inside) {
  enum { SIDE = 10, STRIDE = 5, COUNT = 3 * SIDE * SIDE * STRIDE };
  const float guard = -77.0f;
  static float values[COUNT];
  uint8_t bytes[ROW * HEIGHT];
  yolo_pixels pixels = draw(YOLO_PIXELS_RGB, bytes);
  yolo_tensor input = {values, YOLO_F32, {3, SIDE, SIDE, 3}, STRIDE};
  yolo_preprocess how = {.fit = YOLO_FIT_LETTERBOX, .mean = {0.1f, 0.2f, 0.3f}, .scale = {2, 0, 4}, .pad = 0.25f};
  yolo_placement where;
  for (int i = 0; i < COUNT; i++) values[i] = guard;
  ck_assert_int_eq(yolo_preprocess_run(&how, &pixels, &input, 1, &where), YOLO_OK);
  ck_assert_float_eq(where.offset_y, 1); /* 7x5 -> 10x7: (10-7)/2 */
  for (int n = 0; n < 3; n++)
    for (int y = 0; y < SIDE; y++)
      for (int x = 0; x < SIDE; x++) {
        const float *p = yolo_pixel(&input, n, y, x);
        for (int c = 0; c < STRIDE; c++) {
          if (n != 1 || c >= 3)
            ck_assert_float_eq(p[c], guard);
          else
            ck_assert_float_ne(p[c], guard);
        }
        if (n != 1 || (y >= 1 && y < 8)) continue;
        ck_assert_float_eq_tol(p[0], (0.25f - 0.1f) * 2, 1e-6f);
        ck_assert_float_eq_tol(p[1], 0.25f - 0.2f, 1e-6f);
        ck_assert_float_eq_tol(p[2], (0.25f - 0.3f) * 4, 1e-6f);
      }
}
END_TEST

START_TEST(normalises) {
  uint8_t bytes[3] = {255, 51, 0};
  float values[3];
  yolo_pixels pixel = {bytes, 1, 1, 3, YOLO_PIXELS_RGB};
  yolo_tensor input = yolo_tensor_dense(values, (yolo_shape){1, 1, 1, 3});
  yolo_preprocess how = {.mean = {0.5f, 0.1f, 0.25f}, .scale = {2, 10, 4}};
  ck_assert_int_eq(yolo_preprocess_run(&how, &pixel, &input, 0, NULL), YOLO_OK);
  ck_assert_float_eq_tol(values[0], 1.0f, 1e-6f);
  ck_assert_float_eq_tol(values[1], 1.0f, 1e-6f);
  ck_assert_float_eq_tol(values[2], -1.0f, 1e-6f);
}
END_TEST

START_TEST(grey_in_and_out) {
  uint8_t bytes[ROW * HEIGHT];
  float grey[HEIGHT * WIDTH], colour[HEIGHT * WIDTH * 3];
  yolo_tensor one = yolo_tensor_dense(grey, (yolo_shape){1, HEIGHT, WIDTH, 1});
  yolo_tensor three = yolo_tensor_dense(colour, (yolo_shape){1, HEIGHT, WIDTH, 3});
  yolo_preprocess how = {.filter = YOLO_FILTER_HALF_PIXEL};
  yolo_pixels pixels = draw(YOLO_PIXELS_BGR, bytes);
  ck_assert_int_eq(yolo_preprocess_run(&how, &pixels, &one, 0, NULL), YOLO_OK);
  for (int i = 0; i < HEIGHT * WIDTH; i++) {
    const uint8_t *p = bytes + i / WIDTH * ROW + i % WIDTH * 3;
    ck_assert_float_eq_tol(grey[i], (0.114f * p[0] + 0.587f * p[1] + 0.299f * p[2]) / 255, 1e-6f);
  }
  pixels = draw(YOLO_PIXELS_GREY, bytes);
  ck_assert_int_eq(yolo_preprocess_run(&how, &pixels, &one, 0, NULL), YOLO_OK);
  ck_assert_int_eq(yolo_preprocess_run(&how, &pixels, &three, 0, NULL), YOLO_OK);
  for (int i = 0; i < HEIGHT * WIDTH; i++) {
    ck_assert_float_eq_tol(grey[i], bytes[i / WIDTH * ROW + i % WIDTH] / 255.0f, 1e-6f);
    for (int c = 0; c < 3; c++) ck_assert_float_eq(colour[i * 3 + c], grey[i]);
  }
}
END_TEST

/* A picture of one value stays of one value, whatever the sizes; nothing is read outside exact blocks. */
START_TEST(degenerate_sizes_work) {
  static const int sizes[][4] = {{1, 1, 1, 1},   {1, 9, 5, 3},   {9, 1, 3, 5}, {1, 1, 64, 64},
                                 {300, 2, 1, 1}, {2, 300, 1, 7}, {5, 5, 5, 5}, {1000, 1, 8, 8}};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (int mode = 0; mode < 4; mode++) {
      int w = sizes[i][0], h = sizes[i][1], ow = sizes[i][2], oh = sizes[i][3];
      size_t count = (size_t)ow * (size_t)oh * 3;
      uint8_t *bytes = malloc((size_t)w * (size_t)h * 3); /* exact: the sanitizer watches its ends */
      float *values = malloc(count * sizeof *values);
      memset(bytes, 102, (size_t)w * (size_t)h * 3);
      yolo_pixels pixels = {bytes, w, h, (size_t)w * 3, YOLO_PIXELS_RGB};
      yolo_tensor input = yolo_tensor_dense(values, (yolo_shape){1, oh, ow, 3});
      yolo_preprocess how = {mode & 1 ? YOLO_FIT_LETTERBOX : YOLO_FIT_STRETCH,
                             mode & 2 ? YOLO_FILTER_ALIGN_CORNERS : YOLO_FILTER_HALF_PIXEL,
                             {0},
                             {0},
                             102.0f / 255};
      ck_assert_int_eq(yolo_preprocess_run(&how, &pixels, &input, 0, NULL), YOLO_OK);
      for (size_t k = 0; k < count; k++) ck_assert_float_eq_tol(values[k], 102.0f / 255, 1e-6f);
      free(bytes);
      free(values);
    }
}
END_TEST

START_TEST(wrong_arguments_are_named) {
  static const struct {
    yolo_pixels pixels;
    yolo_shape shape;
    int n;
    const char *words;
  } cases[] = {
      {{NULL, 4, 4, 12, YOLO_PIXELS_RGB}, {1, 4, 4, 3}, 0, "no image"},
      {{(const uint8_t *)"", 0, 4, 12, YOLO_PIXELS_RGB}, {1, 4, 4, 3}, 0, "no image of 0 x 4"},
      {{(const uint8_t *)"", 4, 4, 11, YOLO_PIXELS_RGB}, {1, 4, 4, 3}, 0, "row stride of 11"},
      {{(const uint8_t *)"", 4, 4, 12, YOLO_PIXELS_RGBA}, {1, 4, 4, 3}, 0, "row stride of 12"},
      {{(const uint8_t *)"", 4, 4, 12, (yolo_pixel_layout)9}, {1, 4, 4, 3}, 0, "layout 9"},
      {{(const uint8_t *)"", 4, 4, 12, YOLO_PIXELS_RGB}, {1, 4, 4, 2}, 0, "(1, 4, 4, 2)"},
      {{(const uint8_t *)"", 4, 4, 12, YOLO_PIXELS_RGB}, {1, 4, 4, 3}, 1, "image 1 of"},
      {{(const uint8_t *)"", 4, 4, 12, YOLO_PIXELS_RGB}, {1, 0, 4, 3}, 0, "(1, 0, 4, 3)"},
  };
  float values[48];
  yolo_preprocess how = {.fit = YOLO_FIT_STRETCH};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    yolo_tensor input = yolo_tensor_dense(values, cases[i].shape);
    ck_assert_int_ne(yolo_preprocess_run(&how, &cases[i].pixels, &input, cases[i].n, NULL), YOLO_OK);
    ck_assert_msg(strstr(yolo_error_message(), cases[i].words) != NULL, "'%s' is not in: %s", cases[i].words,
                  yolo_error_message());
  }
}
END_TEST

/* What a device is told: the whole of the work, in plain numbers. */
START_TEST(descriptions) {
  static const struct {
    yolo_pixel_layout layout;
    int step, order[3];
  } layouts[] = {{YOLO_PIXELS_RGB, 3, {0, 1, 2}},
                 {YOLO_PIXELS_BGR, 3, {2, 1, 0}},
                 {YOLO_PIXELS_RGBA, 4, {0, 1, 2}},
                 {YOLO_PIXELS_BGRA, 4, {2, 1, 0}},
                 {YOLO_PIXELS_GREY, 1, {0, 0, 0}}};
  const yolo_preprocess boxed = {.fit = YOLO_FIT_LETTERBOX, .mean = {0.5f, 0, 0}, .scale = {2, 0, 1}, .pad = 0.25f};
  const yolo_preprocess whole = {.fit = YOLO_FIT_STRETCH, .filter = YOLO_FILTER_ALIGN_CORNERS};
  uint8_t bytes[ROW * HEIGHT];
  yolo_resample r;
  yolo_placement place;
  for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
    yolo_pixels pixels = draw(layouts[i].layout, bytes);
    ck_assert_int_eq(yolo_preprocess_describe(&boxed, &pixels, (yolo_shape){1, 10, 10, 3}, &r, &place), YOLO_OK);
    ck_assert(r.pixels == bytes && r.width == WIDTH && r.height == HEIGHT && r.row_stride == ROW);
    ck_assert(r.step == layouts[i].step && memcmp(r.order, layouts[i].order, sizeof r.order) == 0);
    ck_assert(r.x == 0 && r.y == 1 && r.box_width == 10 && r.box_height == 7 && !r.align_corners);
    ck_assert(place.offset_x == 0 && place.offset_y == 1 && place.scale_x == 10.0f / WIDTH && place.scale_y == 7.0f / HEIGHT);
    ck_assert(r.gain[0] == 2 / 255.0f && r.bias[0] == -1 && r.pad[0] == -0.5f);
    ck_assert(r.gain[1] == 1 / 255.0f && r.bias[1] == 0 && r.pad[1] == 0.25f);
    ck_assert_int_eq(yolo_preprocess_describe(&whole, &pixels, (yolo_shape){1, 9, 8, 1}, &r, NULL), YOLO_OK);
    ck_assert(r.x == 0 && r.y == 0 && r.box_width == 8 && r.box_height == 9 && r.align_corners && r.pad[2] == 0.5f);
  }
}
END_TEST

/* A picture of the wanted size is copied: byte * gain + bias to the bit, whatever the layout, and without memory. */
START_TEST(equal_sizes_copy) {
  enum { MARGIN = 2, COUNT = (HEIGHT + 2 * MARGIN) * WIDTH * 5 };
  static const yolo_preprocess hows[] = {{.filter = YOLO_FILTER_HALF_PIXEL},
                                         {.filter = YOLO_FILTER_ALIGN_CORNERS, .mean = {0.1f, 0.2f, 0.3f}, .scale = {2, 0, 4}},
                                         {.fit = YOLO_FIT_LETTERBOX, .pad = 0.25f}};
  uint8_t bytes[ROW * HEIGHT];
  float values[COUNT];
  for (int k = 0; k < 3 * 4 * 2; k++) {
    const yolo_preprocess *how = &hows[k % 3];
    const int margin = how->fit == YOLO_FIT_LETTERBOX ? MARGIN : 0;
    yolo_pixels pixels = draw((yolo_pixel_layout)(k / 3 % 4), bytes);
    yolo_tensor input = {values, YOLO_F32, {1, HEIGHT + 2 * margin, WIDTH, 3}, k < 12 ? 3 : 5};
    yolo_resample r;
    for (int i = 0; i < COUNT; i++) values[i] = -77;
    yolo_memory_fail_at(1);
    ck_assert_int_eq(yolo_preprocess_run(how, &pixels, &input, 0, NULL), YOLO_OK);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_preprocess_describe(how, &pixels, input.shape, &r, NULL), YOLO_OK);
    ck_assert(r.y == margin && r.box_height == HEIGHT && r.box_width == WIDTH);
    for (int y = 0; y < input.shape.h; y++)
      for (int x = 0; x < WIDTH; x++)
        for (int c = 0; c < (int)input.stride; c++) {
          const bool inside = y >= margin && y < margin + HEIGHT;
          const uint8_t *p = bytes + (inside ? y - margin : 0) * ROW + x * r.step;
          const float want = c > 2 ? -77 : inside ? (float)p[r.order[c]] * r.gain[c] + r.bias[c] : r.pad[c];
          ck_assert_float_eq(yolo_pixel(&input, 0, y, x)[c], want);
        }
  }
}
END_TEST

START_TEST(a_description_must_fit) {
  uint8_t bytes[ROW * HEIGHT];
  float values[2 * 10 * 10 * 3];
  const yolo_preprocess how = {.fit = YOLO_FIT_LETTERBOX};
  yolo_pixels pixels = draw(YOLO_PIXELS_RGB, bytes);
  yolo_tensor input = yolo_tensor_dense(values, (yolo_shape){2, 10, 10, 3}), other = input;
  yolo_resample r;
  ck_assert_int_eq(yolo_preprocess_describe(&how, &pixels, input.shape, &r, NULL), YOLO_OK);
  ck_assert_int_eq(yolo_resample_run(&r, &input, 1), YOLO_OK);
  ck_assert_int_eq(yolo_resample_run(&r, &input, 2), YOLO_ESHAPE);
  other.shape.w = 9;
  ck_assert_int_eq(yolo_resample_run(&r, &other, 0), YOLO_ESHAPE);
  ck_assert_str_eq(yolo_error_message(), "a picture of 10 x 7 at (0, 1) does not fit into an input of 9 x 10");
  other = input;
  other.dtype = YOLO_F16;
  ck_assert_int_eq(yolo_resample_run(&r, &other, 0), YOLO_ESHAPE);
  other = input;
  other.stride = 2;
  ck_assert_int_eq(yolo_resample_run(&r, &other, 0), YOLO_ESHAPE);
}
END_TEST

START_TEST(survives_missing_memory) {
  uint8_t bytes[ROW * HEIGHT];
  float values[4 * 4 * 3];
  yolo_pixels pixels = draw(YOLO_PIXELS_RGB, bytes);
  yolo_tensor input = yolo_tensor_dense(values, (yolo_shape){1, 4, 4, 3});
  yolo_preprocess how = {.fit = YOLO_FIT_LETTERBOX};
  long live = yolo_memory_get_stats().live;
  int failures = 0;
  yolo_status st = YOLO_ENOMEM;
  for (long nth = 1; st != YOLO_OK && nth < 20; nth++, failures++) {
    yolo_memory_fail_at(nth);
    st = yolo_preprocess_run(&how, &pixels, &input, 0, NULL);
    yolo_memory_fail_at(0);
    if (st != YOLO_OK) ck_assert_int_eq(st, YOLO_ENOMEM);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_int_eq(st, YOLO_OK);
  ck_assert_int_ge(failures, 3);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("resize");
  TCase *tests = tcase_create("resize");
  tcase_add_test(tests, equals_pytorch);
  tcase_add_test(tests, geometry_is_darknets);
  tcase_add_test(tests, letterbox_pads_and_stays_inside);
  tcase_add_test(tests, normalises);
  tcase_add_test(tests, grey_in_and_out);
  tcase_add_test(tests, degenerate_sizes_work);
  tcase_add_test(tests, wrong_arguments_are_named);
  tcase_add_test(tests, descriptions);
  tcase_add_test(tests, equal_sizes_copy);
  tcase_add_test(tests, a_description_must_fit);
  tcase_add_test(tests, survives_missing_memory);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? 0 : 1;
}
