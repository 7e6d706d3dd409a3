/* datasets/mask.h against values of pycocotools 2.0.11 (scripts/compare_coco_masks.py holds thousands more against it), and
 * what must be refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/mask.h"
#include "suite.h"

static void expect(yolo_rle *rle, const char *text, uint32_t area, double x, double y, double w, double h) {
  const double expected[4] = {x, y, w, h};
  double box[4];
  yolo_text out = {0};
  ck_assert_int_eq(yolo_rle_to_text(rle, &out), YOLO_OK);
  ck_assert_str_eq(out.data, text);
  ck_assert_uint_eq(yolo_rle_area(rle), area);
  yolo_rle_box(rle, box);
  for (int i = 0; i < 4; i++) ck_assert_double_eq(box[i], expected[i]);
  yolo_text_free(&out);
}

static yolo_rle polygon(int height, int width, size_t k, const double *xy) {
  yolo_rle rle = {0};
  ck_assert_int_eq(yolo_rle_from_polygon(xy, k, height, width, &rle), YOLO_OK);
  return rle;
}

static yolo_rle from_text(const char *text, int height, int width) {
  yolo_rle rle = {0};
  ck_assert_int_eq(yolo_rle_from_text(text, strlen(text), height, width, &rle), YOLO_OK);
  return rle;
}

typedef struct golden_polygon {
  const char *text;
  int height, width, k;
  double xy[20], area, box[4];
} golden_polygon;

static const golden_polygon polygons[] = {
    {";284L1OO2M2O1Oc0", 10, 10, 3, {1, 1, 8, 2, 3, 9}, 27, {1, 1, 7, 7}},
    {"083N2N2N;0E2N2N29", 10, 10, 4, {0, 0, 9, 9, 9, 0, 0, 9}, 40, {0, 0, 9, 8}}, /* crosses itself */
    {"b0350000000>", 8, 9, 4, {1.5, 1.5, 6.5, 1.5, 6.5, 4.5, 1.5, 4.5}, 15, {2, 2, 5, 3}},
    {"T3", 10, 10, 3, {20, 20, 30, 20, 30, 30}, 0, {0, 0, 0, 0}},
    {"06400000l1", 10, 10, 4, {-5, -5, 4, -5, 4, 6, -5, 6}, 24, {0, 0, 4, 6}},
    {"T3", 10, 10, 3, {3, 3, 3, 3, 3, 3}, 0, {0, 0, 0, 0}},
    {"T3", 10, 10, 3, {0, 0, 9.3, 4.7, 9.3, 4.9}, 0, {0, 0, 0, 0}},
    {"0S1", 5, 7, 4, {0, 0, 7, 0, 7, 5, 0, 5}, 35, {0, 0, 7, 5}},
    {">191IO34M2103NOML04O:",
     10,
     10,
     10,
     {5, 0, 6.2, 3.5, 10, 3.8, 7, 6, 8.1, 9.7, 5, 7.6, 1.9, 9.7, 3, 6, 0, 3.8, 3.8, 3.5},
     33,
     {1, 1, 8, 8}},
    {"0n0", 6, 5, 4, {-1000, -900, 1200, -800, 1100, 1300.5, -700, 900}, 30, {0, 0, 5, 6}},
    {"T3", 10, 10, 0, {0}, 0, {0, 0, 0, 0}},
    {"0", 0, 10, 3, {1, 1, 8, 2, 3, 9}, 0, {0, 0, 0, 0}},
    {"0", 10, 0, 3, {1, 1, 8, 2, 3, 9}, 0, {0, 0, 0, 0}},
};

START_TEST(polygons_are_the_apis) {
  for (size_t i = 0; i < sizeof polygons / sizeof *polygons; i++) {
    const golden_polygon *p = &polygons[i];
    yolo_rle rle = polygon(p->height, p->width, (size_t)p->k, p->xy);
    expect(&rle, p->text, (uint32_t)p->area, p->box[0], p->box[1], p->box[2], p->box[3]);
    yolo_rle_free(&rle);
  }
}
END_TEST

START_TEST(boxes_are_the_apis) {
  const double inside[4] = {2, 3, 4, 2}, across[4] = {-1.5, 2.5, 30, 3.2};
  yolo_rle rle = {0};
  ck_assert_int_eq(yolo_rle_from_box(inside, 10, 10, &rle), YOLO_OK);
  expect(&rle, "g02800000U1", 8, 2, 3, 4, 2);
  yolo_rle_free(&rle);
  ck_assert_int_eq(yolo_rle_from_box(across, 10, 10, &rle), YOLO_OK);
  expect(&rle, "33700000000000000000M", 30, 0, 3, 10, 3);
  yolo_rle_free(&rle);
}
END_TEST

START_TEST(far_and_missing_points_are_refused) {
  const double far[] = {0, 0, 2e8, 0, 0, 5}, nan[] = {0, 0, NAN, 0, 0, 5}, inf[] = {0, 0, 0, INFINITY, 0, 5};
  const double large[] = {-1e8, -1e8, 1e8, -1e8, 1e8, 1e8, -1e8, 1e8};
  const double *bad[] = {far, nan, inf};
  yolo_rle rle = {0};
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(yolo_rle_from_polygon(bad[i], 3, 10, 10, &rle), YOLO_EFORMAT);
    ck_assert_ptr_nonnull(strstr(yolo_error_message(), "point 2"));
    ck_assert_ptr_null(rle.runs);
  }
  rle = polygon(10, 10, 4, large);
  expect(&rle, "0T3", 100, 0, 0, 10, 10);
  yolo_rle_free(&rle);
  ck_assert_int_eq(yolo_rle_from_polygon(large, 4, 65536, 65536, &rle), YOLO_EINVAL);
  ck_assert_int_eq(yolo_rle_from_polygon(large, 4, -1, 5, &rle), YOLO_EINVAL);
}
END_TEST

/* A comb with more edges over each column than a band of the buffer holds, against pixel columns cut out one by one. */
START_TEST(bands_of_columns_join_without_a_seam) {
  enum { TEETH = 2000, HEIGHT = 30, WIDTH = 100 };
  static double comb[4 * TEETH], part[4 * TEETH];
  static uint8_t whole[HEIGHT * WIDTH], column[HEIGHT];
  for (int i = 0; i < 2 * TEETH; i++) {
    comb[2 * i] = i % 2 ? 99.3 : .4;
    comb[2 * i + 1] = i * 28. / (2 * TEETH) + (i % 7) * .4;
  }
  yolo_rle rle = polygon(HEIGHT, WIDTH, 2 * TEETH, comb);
  yolo_rle_decode(&rle, whole, 1, HEIGHT);
  yolo_rle_free(&rle);
  for (int x = 0; x < WIDTH; x += 9) {
    memcpy(part, comb, sizeof part);
    rle = polygon(HEIGHT, x + 1, 2 * TEETH, part); /* the same columns, as the last ones of a narrower mask */
    yolo_rle last = {HEIGHT, x + 1, rle.count, rle.runs};
    uint8_t *all = yolo_alloc((size_t)HEIGHT * (size_t)(x + 1));
    yolo_rle_decode(&last, all, 1, HEIGHT);
    memcpy(column, all + (size_t)x * HEIGHT, HEIGHT);
    ck_assert_mem_eq(column, whole + (size_t)x * HEIGHT, HEIGHT);
    yolo_free(all);
    yolo_rle_free(&rle);
  }
}
END_TEST

START_TEST(merges_and_overlaps_are_the_apis) {
  static const double expected[3][3] = {{0x1.5555555555555p-2, 0x1.0000000000000p+0, 0x1.89d89d89d89d9p-4},
                                        {0x1.ed097b425ed09p-2, 0x1.5555555555555p-2, 0x1.6aaaaaaaaaaabp-1},
                                        {0x1.0000000000000p+0, 0x1.5555555555555p-2, 0x1.3b13b13b13b14p-2}};
  const uint8_t crowd[3] = {0, 1, 0};
  double iou[9];
  yolo_rle both = {0};
  yolo_rle dt[3] = {from_text(polygons[0].text, 10, 10), from_text(polygons[8].text, 10, 10),
                    from_text(polygons[4].text, 10, 10)};
  yolo_rle gt[3] = {from_text(polygons[8].text, 10, 10), from_text(polygons[1].text, 10, 10),
                    from_text(polygons[0].text, 10, 10)};
  ck_assert_int_eq(yolo_rle_merge(dt, 3, false, &both), YOLO_OK);
  expect(&both, "064001MJ081N1010OJN1004O:", 56, 0, 0, 9, 9);
  yolo_rle_free(&both);
  ck_assert_int_eq(yolo_rle_merge(dt, 2, true, &both), YOLO_OK);
  expect(&both, "h0282K22MX1", 15, 2, 1, 4, 7);
  yolo_rle_free(&both);
  ck_assert_int_eq(yolo_rle_iou(dt, 3, gt, 3, crowd, iou), YOLO_OK);
  for (int i = 0; i < 9; i++) ck_assert_double_eq(iou[i], expected[i / 3][i % 3]);
  for (int i = 0; i < 3; i++) {
    yolo_rle_free(&dt[i]);
    yolo_rle_free(&gt[i]);
  }
}
END_TEST

START_TEST(other_sizes_are_told_apart) {
  yolo_rle masks[2] = {from_text("0T3", 10, 10), from_text("0S1", 5, 7)}, out = {0};
  double iou = 0;
  ck_assert_int_eq(yolo_rle_iou(&masks[0], 1, &masks[1], 1, NULL, &iou), YOLO_OK);
  ck_assert_double_eq(iou, -1);
  ck_assert_int_eq(yolo_rle_merge(masks, 2, false, &out), YOLO_OK);
  ck_assert(out.height == 0 && out.width == 0 && out.count == 0);
  yolo_rle_free(&out);
  ck_assert_int_eq(yolo_rle_merge(NULL, 0, false, &out), YOLO_OK);
  ck_assert(out.height == 0 && out.width == 0 && out.count == 0);
  yolo_rle_free(&out);
  ck_assert_int_eq(yolo_rle_iou(NULL, 0, masks, 2, NULL, NULL), YOLO_OK);
  yolo_rle_free(&masks[0]);
  yolo_rle_free(&masks[1]);
}
END_TEST

START_TEST(box_overlaps_are_the_apis) {
  const double dt[1][4] = {{0, 0, 4, 4}}, gt[4][4] = {{2, 2, 4, 4}, {1, 1, 9, 9}, {4, 0, 4, 4}, {0, NAN, 4, 4}};
  const uint8_t crowd[4] = {0, 1, 0, 0};
  double iou[4];
  yolo_xywh_iou(dt, 1, gt, 4, crowd, iou);
  ck_assert_double_eq(iou[0], 4. / 28);
  ck_assert_double_eq(iou[1], .5625);
  ck_assert_double_eq(iou[2], 0);
  ck_assert_double_eq(iou[3], 1);
}
END_TEST

START_TEST(pixels_come_back) {
  const uint8_t rows[12] = {9, 0, 0, 0, 0, 255, 1, 0, 0, 0, 0, 0};
  uint8_t back[12], spread[36], filled[64 * 3];
  yolo_rle rle = {0};
  ck_assert_int_eq(yolo_rle_encode(rows, 3, 4, 4, 1, &rle), YOLO_OK);
  expect(&rle, "0130O02", 3, 0, 0, 3, 2);
  yolo_rle_decode(&rle, back, 4, 1);
  for (int i = 0; i < 12; i++) ck_assert_uint_eq(back[i], rows[i] != 0);
  memset(spread, 7, sizeof spread);
  yolo_rle_decode(&rle, spread, 12, 3); /* every third byte */
  for (int i = 0; i < 36; i++) ck_assert_uint_eq(spread[i], i % 3 ? 7 : rows[i / 3] != 0);
  yolo_rle_free(&rle);
  memset(filled, 0, sizeof filled);
  memset(filled + 64, 1, 64);
  filled[64 + 5] = 0;
  ck_assert_int_eq(yolo_rle_encode(filled, 64, 3, 1, 64, &rle), YOLO_OK);
  expect(&rle, "P251e1o1", 63, 1, 0, 1, 64);
  yolo_rle_free(&rle);
  ck_assert_int_eq(yolo_rle_encode(filled, 0, 3, 1, 0, &rle), YOLO_OK);
  ck_assert(rle.count == 1 && rle.runs[0] == 0);
  yolo_rle_decode(&rle, filled, 1, 0);
  yolo_rle_free(&rle);
}
END_TEST

START_TEST(counts_are_read) {
  const double good[] = {2, 0, 3, 1, 6};
  yolo_rle rle = {0};
  ck_assert_int_eq(yolo_rle_from_counts(good, 5, 3, 4, &rle), YOLO_OK);
  expect(&rle, "20313", 1, 1, 2, 1, 1);
  yolo_rle_free(&rle);
}
END_TEST

/* Two empty runs that meet end the API's walk; a third mask must not make it endless. */
START_TEST(empty_runs_end_a_merge_early_and_never_hang) {
  const double counts[] = {2, 0, 0, 1, 9}, other[] = {2, 0, 10};
  yolo_rle masks[3] = {{0}}, out = {0};
  ck_assert_int_eq(yolo_rle_from_counts(counts, 5, 3, 4, &masks[0]), YOLO_OK);
  ck_assert_int_eq(yolo_rle_from_counts(other, 3, 3, 4, &masks[1]), YOLO_OK);
  masks[2] = from_text("0<", 3, 4);
  ck_assert_int_eq(yolo_rle_merge(masks, 2, false, &out), YOLO_OK);
  ck_assert(out.count == 1 && out.runs[0] == 2);
  yolo_rle_free(&out);
  ck_assert_int_eq(yolo_rle_merge(masks, 3, false, &out), YOLO_OK);
  ck_assert_uint_eq(yolo_rle_area(&out), 12);
  yolo_rle_free(&out);
  for (int i = 0; i < 3; i++) yolo_rle_free(&masks[i]);
}
END_TEST

typedef struct bad_text {
  const char *text, *why;
  int height, width;
} bad_text;

static const bad_text bad_texts[] = {
    {"", "12 pixels before", 3, 4},
    {"2", "10 pixels before", 3, 4},
    {"=", "beyond", 3, 4},                    /* 13 pixels */
    {"1O;", "run 2 is negative", 3, 4},       /* -1 */
    {"115L", "run 4 is negative", 3, 4},      /* 1-4 after 1 1 5 */
    {"2 :", "character 2 has code 32", 3, 4}, /* not a digit */
    {"2p", "character 2 has code 112", 3, 4},
    {"2\xff", "character 2 has code 255", 3, 4},
    {"12P", "ends within a number", 3, 4},
    {"PPPPPPPPPPPP0", "longer than 32 bits", 3, 4},
    {"ooooooo0", "longer than 32 bits", 3, 4},
    {"ooooooO", "is negative", 3, 4},
    {"oooooo?", "beyond", 3, 4},
    {"<", "cannot have", -3, 4},
    {"<", "cannot have", 3, -4},
    {"<", "cannot have", 1 << 20, 1 << 20},
};

START_TEST(hostile_texts_are_refused) {
  yolo_rle rle = {0};
  for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
    const bad_text *b = &bad_texts[i];
    const yolo_status st = yolo_rle_from_text(b->text, strlen(b->text), b->height, b->width, &rle);
    ck_assert_msg(st == YOLO_EFORMAT || st == YOLO_EINVAL, "'%s' is taken", b->text);
    ck_assert_msg(strstr(yolo_error_message(), b->why) != NULL, "'%s': %s", b->text, yolo_error_message());
    ck_assert_ptr_null(rle.runs);
  }
  ck_assert_int_eq(yolo_rle_from_text("1\0;", 3, 3, 4, &rle), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "code 0"));
}
END_TEST

START_TEST(hostile_counts_are_refused) {
  static const struct {
    double counts[3];
    const char *why;
  } rows[] = {{{2, -1, 11}, "run 2 is negative"}, {{2, 1.5, 8.5}, "count 2 (1.5)"},   {{2, NAN, 5}, "count 2"},
              {{2, 1e300, 5}, "count 2"},         {{2, 4294967298., 5}, "beyond"},    {{2, 2, 2}, "6 pixels before"},
              {{12, 0, 1}, "run 3 reaches"},      {{INFINITY, 0, 1}, "count 1 (inf)"}};
  yolo_rle rle = {0};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ck_assert_int_eq(yolo_rle_from_counts(rows[i].counts, 3, 3, 4, &rle), YOLO_EFORMAT);
    ck_assert_msg(strstr(yolo_error_message(), rows[i].why) != NULL, "%s", yolo_error_message());
  }
  ck_assert_int_eq(yolo_rle_from_counts(NULL, 0, 3, 4, &rle), YOLO_EFORMAT);
}
END_TEST

/* The largest masks: 2^32 - 1 pixels, runs of more than 2^31. */
START_TEST(runs_of_32_bits_survive) {
  const double counts[] = {5, 4294967290.};
  yolo_rle rle = {0}, again = {0};
  yolo_text text = {0};
  double iou;
  ck_assert_int_eq(yolo_rle_from_counts(counts, 2, 65535, 65537, &rle), YOLO_OK);
  ck_assert_int_eq(yolo_rle_to_text(&rle, &text), YOLO_OK);
  ck_assert_int_eq(yolo_rle_from_text(text.data, text.length, 65535, 65537, &again), YOLO_OK);
  ck_assert_mem_eq(rle.runs, again.runs, 2 * sizeof *rle.runs);
  ck_assert_uint_eq(yolo_rle_area(&again), 4294967290u);
  ck_assert_int_eq(yolo_rle_iou(&rle, 1, &again, 1, NULL, &iou), YOLO_OK);
  ck_assert_double_eq(iou, 1);
  yolo_rle_free(&rle);
  yolo_rle_free(&again);
  yolo_text_free(&text);
}
END_TEST

static yolo_status everything(void) {
  const uint8_t pixels[12] = {1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 0};
  const double counts[] = {2, 3, 7};
  yolo_rle masks[5] = {{0}}, merged = {0};
  yolo_text text = {0};
  double iou[4];
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_rle_encode(pixels, 3, 4, 4, 1, &masks[0]));
  YOLO_TRY(yolo_rle_encode(pixels, 3, 4, 1, 3, &masks[1]));
  YOLO_TRY(yolo_rle_from_counts(counts, 3, 3, 4, &masks[2]));
  YOLO_TRY(yolo_rle_from_polygon((const double[]){0, 0, 3, 0, 3, 3}, 3, 3, 4, &masks[3]));
  YOLO_TRY(yolo_rle_to_text(&masks[3], &text));
  YOLO_TRY(yolo_rle_from_text(text.data, text.length, 3, 4, &masks[4]));
  YOLO_TRY(yolo_rle_merge(masks, 5, false, &merged));
  YOLO_TRY(yolo_rle_iou(masks, 2, masks + 2, 2, NULL, iou));
done:
  for (int i = 0; i < 5; i++) yolo_rle_free(&masks[i]);
  yolo_rle_free(&merged);
  yolo_text_free(&text);
  return st;
}

START_TEST(short_memory_is_an_error_without_a_leak) {
  const long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  int n = 0;
  while (st != YOLO_OK && n < 1000) {
    yolo_memory_fail_at(++n);
    st = everything();
    yolo_memory_fail_at(0);
    ck_assert(st == YOLO_OK || st == YOLO_ENOMEM);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_int_gt(n, 15);
  ck_assert_int_eq(st, YOLO_OK);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("mask");
  TCase *cases = tcase_create("mask");
  tcase_add_test(cases, polygons_are_the_apis);
  tcase_add_test(cases, boxes_are_the_apis);
  tcase_add_test(cases, far_and_missing_points_are_refused);
  tcase_add_test(cases, bands_of_columns_join_without_a_seam);
  tcase_add_test(cases, merges_and_overlaps_are_the_apis);
  tcase_add_test(cases, other_sizes_are_told_apart);
  tcase_add_test(cases, box_overlaps_are_the_apis);
  tcase_add_test(cases, pixels_come_back);
  tcase_add_test(cases, counts_are_read);
  tcase_add_test(cases, empty_runs_end_a_merge_early_and_never_hang);
  tcase_add_test(cases, hostile_texts_are_refused);
  tcase_add_test(cases, hostile_counts_are_refused);
  tcase_add_test(cases, runs_of_32_bits_survive);
  tcase_add_test(cases, short_memory_is_an_error_without_a_leak);
  suite_add_tcase(suite, cases);
  return suite_run(suite) ? EXIT_FAILURE : EXIT_SUCCESS;
}
