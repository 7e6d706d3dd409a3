/* Overlaps worked out by hand, and suppression against the plainest possible implementation. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "detect/box.h"
#include "tests/unit/suite.h"

static yolo_box corners(float x1, float y1, float x2, float y2) { return (yolo_box){x1, y1, x2, y2, 0, 0, 0, 0}; }

START_TEST(overlaps_by_hand) {
  static const struct {
    yolo_box a, b;
    double iou, diou;
  } table[] = {
      {{0, 0, 2, 2, 0, 0, 0, 0}, {0, 0, 2, 2, 0, 0, 0, 0}, 1, 1},
      {{0, 0, 2, 2, 0, 0, 0, 0}, {1, 0, 3, 2, 0, 0, 0, 0}, 2.0 / 6, 2.0 / 6 - 1.0 / 13}, /* centres 1 apart, around: 3x2 */
      {{0, 0, 4, 4, 0, 0, 0, 0}, {1, 1, 3, 3, 0, 0, 0, 0}, 4.0 / 16, 4.0 / 16},          /* same centre */
      {{0, 0, 1, 1, 0, 0, 0, 0}, {1, 0, 2, 1, 0, 0, 0, 0}, 0, -1.0 / 5},                 /* touching: no "+1" */
      {{0, 0, 1, 1, 0, 0, 0, 0}, {3, 4, 4, 5, 0, 0, 0, 0}, 0, -25.0 / 41},               /* apart */
      {{0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, 0, 0},                        /* two points */
      {{1, 1, 1, 3, 0, 0, 0, 0}, {0, 0, 2, 4, 0, 0, 0, 0}, 0, 0},                        /* a line in a box */
      {{3, 3, 1, 1, 0, 0, 0, 0}, {0, 0, 4, 4, 0, 0, 0, 0}, 0, 0},                        /* inside out */
      {{-INFINITY, 0, INFINITY, 2, 0, 0, 0, 0}, {0, 0, 2, 2, 0, 0, 0, 0}, 0, NAN},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    ck_assert_float_eq_tol(yolo_box_iou(&table[i].a, &table[i].b), table[i].iou, 1e-6);
    ck_assert_float_eq_tol(yolo_box_iou(&table[i].b, &table[i].a), table[i].iou, 1e-6);
    float diou = yolo_box_diou(&table[i].a, &table[i].b);
    if (isnan(table[i].diou))
      ck_assert(!(diou > 0.1f)); /* whatever it is, it suppresses nothing */
    else
      ck_assert_float_eq_tol(diou, table[i].diou, 1e-6);
  }
}
END_TEST

/* Fills a list; confidence, class and x1 of boxes 10 high. */
static void add(yolo_boxes *boxes, float confidence, int class_id, float x1, float x2) {
  yolo_box box = corners(x1, 0, x2, 10);
  box.confidence = confidence;
  box.class_id = class_id;
  ck_assert_int_eq(yolo_boxes_add(boxes, &box), YOLO_OK);
  ck_assert_int_eq(boxes->items[boxes->count - 1].index, boxes->count - 1);
}

/* Indices (of production) that survive, in order. */
static void expect(yolo_boxes *boxes, yolo_nms_options options, const char *survivors) {
  yolo_boxes copy = {0};
  char got[64] = "";
  for (int i = 0; i < boxes->count; i++) ck_assert_int_eq(yolo_boxes_add(&copy, &boxes->items[i]), YOLO_OK);
  ck_assert_int_eq(yolo_boxes_suppress(&copy, &options), YOLO_OK);
  for (int i = 0; i < copy.count; i++) snprintf(got + strlen(got), sizeof got - strlen(got), "%d", copy.items[i].index);
  ck_assert_str_eq(got, survivors);
  yolo_boxes_free(&copy);
}

START_TEST(suppression_by_hand) {
  yolo_boxes boxes = {0};
  add(&boxes, 0.5f, 0, 0, 10);  /* 0 */
  add(&boxes, 0.9f, 0, 1, 11);  /* 1: IoU 9/11 with 0 */
  add(&boxes, 0.9f, 0, 2, 12);  /* 2: tie with 1; IoU 9/11 with 1, 8/12 with 0 */
  add(&boxes, 0.7f, 1, 1, 11);  /* 3: another class */
  add(&boxes, 0.6f, 0, 30, 40); /* 4: far away */
  add(&boxes, 0.2f, 1, 6, 16);  /* 5: IoU 5/15 with 3 */
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_IOU, 0.45f, false, 0}, "1345");
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_IOU, 0.45f, true, 0}, "145");
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_IOU, 0.3f, false, 0}, "134");
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_IOU, 0.45f, false, 2}, "13");
  expect(&boxes, (yolo_nms_options){YOLO_NMS_OFF, 0.45f, false, 0}, "123405");
  expect(&boxes, (yolo_nms_options){YOLO_NMS_OFF, 0.45f, false, 4}, "1234");
  /* Of 3 and 5, IoU 1/3, the centres are 5 apart and the box around is 15x10: DIoU = 1/3 - 25/325 = 0.256. */
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_DIOU, 0.3f, false, 0}, "1345");
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_DIOU, 0.25f, false, 0}, "134");
  yolo_boxes_free(&boxes);
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_IOU, 0.45f, false, 0}, "");
}
END_TEST

START_TEST(overlap_equal_to_the_threshold_stays) {
  yolo_boxes boxes = {0};
  add(&boxes, 0.9f, 0, 0, 10);
  add(&boxes, 0.8f, 0, 0, 5); /* IoU exactly 1/2 */
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_IOU, 0.5f, false, 0}, "01");
  expect(&boxes, (yolo_nms_options){YOLO_NMS_BY_IOU, 0.4999f, false, 0}, "0");
  yolo_boxes_free(&boxes);
}
END_TEST

/* Repeats: take the best that is left, strike out what it suppresses. */
static int plain(const yolo_boxes *boxes, const yolo_nms_options *options, int *survivors) {
  bool *gone = calloc((size_t)boxes->count, sizeof *gone);
  int count = 0;
  for (;;) {
    int best = -1;
    for (int i = 0; i < boxes->count; i++)
      if (!gone[i] && (best < 0 || boxes->items[i].confidence > boxes->items[best].confidence)) best = i;
    if (best < 0) break;
    survivors[count++] = best;
    gone[best] = true;
    for (int i = 0; i < boxes->count; i++) {
      const yolo_box *a = &boxes->items[best], *b = &boxes->items[i];
      float overlap = options->kind == YOLO_NMS_BY_DIOU ? yolo_box_diou(a, b) : yolo_box_iou(a, b);
      if ((options->agnostic || a->class_id == b->class_id) && overlap > options->threshold) gone[i] = true;
    }
  }
  free(gone);
  return count;
}

START_TEST(suppression_equals_the_plain_one) {
  enum { BOXES = 600 };
  static int survivors[BOXES];
  yolo_rng rng = {1, 2, 0};
  for (int round = 0; round < 12; round++) {
    yolo_boxes boxes = {0}, copy = {0};
    yolo_nms_options options = {round % 2 ? YOLO_NMS_BY_IOU : YOLO_NMS_BY_DIOU, 0.3f, round % 3 == 0, 0};
    for (int i = 0; i < BOXES; i++) {
      float x = 100 * yolo_rng_uniform(&rng), y = 100 * yolo_rng_uniform(&rng);
      yolo_box box = corners(x, y, x + 40 * yolo_rng_uniform(&rng), y + 40 * yolo_rng_uniform(&rng));
      box.class_id = (int)(yolo_rng_u32(&rng) % 5);
      box.confidence = (float)(yolo_rng_u32(&rng) % 50) / 50; /* many ties */
      ck_assert_int_eq(yolo_boxes_add(&boxes, &box), YOLO_OK);
      ck_assert_int_eq(yolo_boxes_add(&copy, &box), YOLO_OK);
    }
    int count = plain(&boxes, &options, survivors);
    ck_assert_int_gt(count, 20);
    ck_assert_int_lt(count, BOXES);
    ck_assert_int_eq(yolo_boxes_suppress(&copy, &options), YOLO_OK);
    ck_assert_int_eq(copy.count, count);
    for (int i = 0; i < count; i++) ck_assert_int_eq(copy.items[i].index, survivors[i]);
    options.max_detections = 7;
    ck_assert_int_eq(yolo_boxes_suppress(&boxes, &options), YOLO_OK);
    ck_assert_int_eq(boxes.count, 7);
    for (int i = 0; i < 7; i++) ck_assert_int_eq(boxes.items[i].index, survivors[i]);
    yolo_boxes_free(&boxes);
    yolo_boxes_free(&copy);
  }
}
END_TEST

/* So many that they are not all sorted at once; with few steps of confidence, and with one alone. */
START_TEST(suppression_of_very_many) {
  enum { BOXES = 9000 };
  static int survivors[BOXES];
  static const uint32_t kinds_of_confidence[] = {4000, 3, 1};
  yolo_rng rng = {7, 2, 0};
  for (int round = 0; round < 3; round++) {
    yolo_boxes boxes = {0}, copy = {0};
    yolo_nms_options options = {round % 2 ? YOLO_NMS_BY_DIOU : YOLO_NMS_BY_IOU, 0.6f, round == 2, 0};
    for (int i = 0; i < BOXES; i++) {
      float x = 100 * yolo_rng_uniform(&rng), y = 100 * yolo_rng_uniform(&rng);
      yolo_box box = corners(x, y, x + 40 * yolo_rng_uniform(&rng), y + 40 * yolo_rng_uniform(&rng));
      box.class_id = (int)(yolo_rng_u32(&rng) % 5);
      box.confidence = 0.001f + (float)(yolo_rng_u32(&rng) % kinds_of_confidence[round]) / 5000;
      ck_assert_int_eq(yolo_boxes_add(&boxes, &box), YOLO_OK);
      ck_assert_int_eq(yolo_boxes_add(&copy, &box), YOLO_OK);
    }
    int count = plain(&boxes, &options, survivors);
    ck_assert_int_gt(count, 300);
    ck_assert_int_eq(yolo_boxes_suppress(&copy, &options), YOLO_OK);
    ck_assert_int_eq(copy.count, count);
    for (int i = 0; i < count; i++) ck_assert_int_eq(copy.items[i].index, survivors[i]);
    options.max_detections = 300;
    ck_assert_int_eq(yolo_boxes_suppress(&boxes, &options), YOLO_OK);
    ck_assert_int_eq(boxes.count, 300);
    for (int i = 0; i < 300; i++) ck_assert_int_eq(boxes.items[i].index, survivors[i]);
    yolo_boxes_free(&boxes);
    yolo_boxes_free(&copy);
  }
}
END_TEST

START_TEST(without_memory) {
  long live = yolo_memory_get_stats().live;
  yolo_nms_options options = {YOLO_NMS_BY_IOU, 0.45f, false, 0};
  for (int nth = 1; nth <= 3; nth++) {
    yolo_boxes boxes = {0};
    yolo_box box = corners(0, 0, 1, 1);
    yolo_memory_fail_at(nth);
    yolo_status st = yolo_boxes_add(&boxes, &box);
    if (st == YOLO_OK) st = yolo_boxes_suppress(&boxes, &options);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(st, YOLO_ENOMEM);
    yolo_boxes_free(&boxes);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("box");
  TCase *tests = tcase_create("box");
  tcase_add_test(tests, overlaps_by_hand);
  tcase_add_test(tests, suppression_by_hand);
  tcase_add_test(tests, overlap_equal_to_the_threshold_stays);
  tcase_add_test(tests, suppression_equals_the_plain_one);
  tcase_add_test(tests, suppression_of_very_many);
  tcase_add_test(tests, without_memory);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? 0 : 1;
}
