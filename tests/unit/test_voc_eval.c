/* Pascal VOC's average precision by hand. */
#include <check.h>
#include <math.h>

#include "backbone/base/memory.h"
#include "tests/unit/eval_fixture.h"
#include "tests/unit/suite.h"
#include "train/eval/voc_eval.h"

static yolo_voc_result run(const yolo_eval_set *set, yolo_voc_rule rule) {
  yolo_voc_result r;
  const yolo_voc_options how = {.rule = rule, .iou = 0.5, .threads = 1};
  ck_ok(yolo_voc_run(set, &how, &r));
  return r;
}

static void expect(const yolo_eval_set *set, yolo_voc_rule rule, double ap, size_t right, size_t wrong) {
  yolo_voc_result r = run(set, rule);
  ck_assert_msg(fabs(r.classes[0].ap - ap) < 1e-15, "AP %.17g, not %.17g", r.classes[0].ap, ap);
  ck_assert_uint_eq(r.classes[0].right, right);
  ck_assert_uint_eq(r.classes[0].wrong, wrong);
  yolo_voc_result_free(&r);
}

START_TEST(both_rules) {
  /* Right, wrong, right, right of five truths: recalls 1/5, 2/5, 3/5 with precisions 1, 2/3, 3/4 (made monotone: 1, 3/4, 3/4).
   */
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 0, 20, 10), TRUTH(3, 1, 0, 0, 10),
                                    TRUTH(4, 1, 0, 20, 10), TRUTH(5, 1, 0, 40, 10)};
  const yolo_eval_detection found[] = {FOUND(1, 0, 0, 10, 0.5), FOUND(0, 0, 0, 10, 0.9), FOUND(0, 0, 70, 10, 0.8),
                                       FOUND(1, 0, 20, 10, 0.4)};
  const yolo_eval_set set = set_of(truths, 5, found, 4, 2, 2);
  expect(&set, YOLO_VOC_2012, (1 + 0.75 + 0.75) / 5, 3, 1);
  expect(&set, YOLO_VOC_2007, (3 * 1 + 4 * 0.75) / 11, 3, 1); /* recalls 0, .1, .2; then .3 to .6, reached in whole numbers */
  yolo_voc_result r = run(&set, YOLO_VOC_2012);
  ck_assert(r.classes[1].ap == -1 && fabs(r.mean_ap - 0.5) < 1e-15); /* a class without truth is not in the mean */
  yolo_voc_result_free(&r);
}
END_TEST

START_TEST(tied_to_the_best_truth) {
  /* The second detection overlaps the other truth enough, but its best is taken: wrong, where COCO would take the other. */
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 0, 2, 10)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.9), FOUND(0, 0, 0, 10, 0.8)};
  const yolo_eval_set set = set_of(truths, 2, found, 2, 1, 1);
  expect(&set, YOLO_VOC_2012, 0.5, 1, 1);
}
END_TEST

START_TEST(difficult_and_crowds_count_neither_way) {
  yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 0, 20, 10), TRUTH(3, 0, 0, 40, 10)};
  truths[1].difficult = true;
  truths[2].crowd = true;
  const yolo_eval_detection found[] = {FOUND(0, 0, 20, 10, 0.9), FOUND(0, 0, 20, 10, 0.8), FOUND(0, 0, 40, 10, 0.7),
                                       FOUND(0, 0, 0, 10, 0.6)};
  const yolo_eval_set set = set_of(truths, 3, found, 4, 1, 1), hard = set_of(truths + 1, 2, found, 4, 1, 1);
  expect(&set, YOLO_VOC_2012, 1, 1, 0);
  expect(&set, YOLO_VOC_2007, 1, 1, 0);
  yolo_voc_result r = run(&hard, YOLO_VOC_2012);
  ck_assert(r.classes[0].ap == -1 && r.mean_ap == -1);
  yolo_voc_result_free(&r);
}
END_TEST

START_TEST(overlap_of_exactly_a_half_is_right) {
  /* 10 x 10 against 20 x 10 around it: 100 / 200. In Pascal's corners: 1..10 against 1..20. */
  const yolo_eval_truth truths[] = {{.id = 1, .box = {0, 0, 10, 10}, .area = 100}};
  const yolo_eval_detection found[] = {{.score = 1, .box = {0, 0, 20, 10}}, {.score = 0.5, .box = {0, 0, 21, 10}}};
  const yolo_eval_set set = set_of(truths, 1, found, 1, 1, 1), other = set_of(truths, 1, found + 1, 1, 1, 1);
  expect(&set, YOLO_VOC_2012, 1, 1, 0);
  expect(&other, YOLO_VOC_2012, 0, 0, 1);
}
END_TEST

START_TEST(more_than_a_hundred_and_ties) {
  /* No limit of detections; equal scores are taken in the order of the file. */
  static yolo_eval_detection found[301];
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10)};
  for (int i = 0; i < 300; ++i) found[i] = (yolo_eval_detection)FOUND(0, 0, 1000 + 20 * i, 10, 0.5);
  found[300] = (yolo_eval_detection)FOUND(0, 0, 0, 10, 0.5);
  const yolo_eval_set set = set_of(truths, 1, found, 301, 1, 1);
  expect(&set, YOLO_VOC_2012, 1.0 / 301, 1, 300);
}
END_TEST

START_TEST(threads_and_short_memory) {
  yolo_eval_set set = random_set(3, 20, 6, 200, 700);
  yolo_voc_result one = run(&set, YOLO_VOC_2007), many;
  yolo_voc_options how = {.rule = YOLO_VOC_2007, .iou = 0.5, .threads = 3};
  ck_ok(yolo_voc_run(&set, &how, &many));
  for (int k = 0; k < 6; ++k) ck_assert(one.classes[k].ap == many.classes[k].ap);
  ck_assert(one.mean_ap > 0 && one.mean_ap == many.mean_ap);
  yolo_voc_result_free(&one);
  yolo_voc_result_free(&many);
  how = (yolo_voc_options){.rule = YOLO_VOC_2012, .iou = 0.5, .threads = 1};
  long live = yolo_memory_get_stats().live, nth = 0;
  yolo_status st;
  do {
    yolo_memory_fail_at(++nth);
    st = yolo_voc_run(&set, &how, &one);
    yolo_memory_fail_at(0);
    yolo_voc_result_free(&one);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  } while (st == YOLO_ENOMEM && nth < 200);
  ck_assert_int_eq(st, YOLO_OK);
  ck_assert_int_gt(nth, 10);
  free_set(&set);
}
END_TEST

/* Boxes that are equal, of masks that share a half, and less than that. */
START_TEST(masks_by_their_pixels) {
  /* 4 x 4, by columns: truth the left half; found its upper half (4 of 8 pixels), and three pixels of it with a far one. */
  uint32_t left[] = {0, 8, 8}, upper[] = {0, 2, 2, 2, 10}, three[] = {0, 2, 2, 1, 10, 1};
  yolo_rle half = {.height = 4, .width = 4, .runs = left, .count = 3},
           quarter = {.height = 4, .width = 4, .runs = upper, .count = 5};
  yolo_rle less = {.height = 4, .width = 4, .runs = three, .count = 6};
  const yolo_eval_truth truths[] = {{.id = 1, .box = {0, 0, 4, 4}, .area = 8, .mask = &half}};
  const yolo_eval_detection found[] = {{.score = 1, .box = {0, 0, 4, 4}, .mask = &less},
                                       {.score = 0.5, .box = {0, 0, 4, 4}, .mask = &quarter}};
  const yolo_eval_set set = set_of(truths, 1, found, 2, 1, 1);
  yolo_voc_options how = {.rule = YOLO_VOC_2012, .overlap = YOLO_EVAL_MASK, .iou = 0.5, .threads = 1};
  yolo_voc_result r;
  ck_ok(yolo_voc_run(&set, &how, &r));
  ck_assert(r.classes[0].ap == 0.5); /* the first is wrong by its pixels */
  ck_assert(r.classes[0].right == 1 && r.classes[0].wrong == 1);
  yolo_voc_result_free(&r);
  expect(&set, YOLO_VOC_2012, 1, 1, 1); /* and right by its box */
  const yolo_eval_truth bare[] = {{.id = 1, .box = {0, 0, 4, 4}, .area = 8}};
  const yolo_eval_set other = set_of(bare, 1, found, 2, 1, 1);
  ck_assert_int_eq(yolo_voc_run(&other, &how, &r), YOLO_EINVAL);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("voc_eval");
  TCase *tc = tcase_create("voc_eval");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, both_rules);
  tcase_add_test(tc, tied_to_the_best_truth);
  tcase_add_test(tc, difficult_and_crowds_count_neither_way);
  tcase_add_test(tc, overlap_of_exactly_a_half_is_right);
  tcase_add_test(tc, more_than_a_hundred_and_ties);
  tcase_add_test(tc, masks_by_their_pixels);
  tcase_add_test(tc, threads_and_short_memory);
  return suite_run(suite) == 0 ? 0 : 1;
}
