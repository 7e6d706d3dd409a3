/* Scores of label maps and of classifiers, by hand. */
#include <check.h>
#include <math.h>

#include "detect/yolo.h"
#include "tests/unit/suite.h"
#include "train/eval/semantic.h"
#include "train/eval/topk.h"

#define ck_near(a, b) ck_assert_msg(fabs((a) - (b)) < 1e-15, "%.17g, not %.17g", (double)(a), (double)(b))

START_TEST(one_matrix_over_all_images) {
  static const uint8_t truth[2][6] = {{0, 0, 0, 1, 1, 255}, {2, 2, 0, 0, 255, 255}};
  static const uint8_t said[2][6] = {{0, 0, 1, 1, 0, 1}, {2, 0, 0, 3, 3, 0}};
  yolo_semantic s;
  yolo_semantic_scores r;
  ck_assert_int_eq(yolo_semantic_new(255, &s), YOLO_OK);
  for (int i = 0; i < 2; ++i) yolo_semantic_add(&s, truth[i], said[i], 6);
  yolo_semantic_score(&s, &r);
  ck_assert_uint_eq(r.pixels, 9);
  ck_assert_uint_eq(s.ignored, 3);
  ck_assert_int_eq(r.n_classes, 4);
  /* class: truth, said, both: 0: 5, 5, 3; 1: 2, 2, 1; 2: 2, 1, 1; 3: 0, 1, 0 */
  ck_near(r.iou[0], 3.0 / 7);
  ck_near(r.iou[1], 1.0 / 3);
  ck_near(r.iou[2], 1.0 / 2);
  ck_near(r.iou[3], 0); /* said, but never there: counts as 0 */
  ck_near(r.iou[4], -1);
  ck_near(r.dice[0], 6.0 / 10);
  ck_near(r.dice[2], 2.0 / 3);
  ck_near(r.accuracy[0], 3.0 / 5);
  ck_near(r.accuracy[3], -1);
  ck_near(r.mean_iou, (3.0 / 7 + 1.0 / 3 + 1.0 / 2) / 4);
  ck_near(r.mean_dice, (6.0 / 10 + 1.0 / 2 + 2.0 / 3) / 4);
  ck_near(r.mean_accuracy, (3.0 / 5 + 1.0 / 2 + 1.0 / 2) / 3);
  ck_near(r.pixel_accuracy, 5.0 / 9);
  yolo_semantic_free(&s);
}
END_TEST

START_TEST(what_the_ignore_index_is) {
  static const uint8_t truth[] = {255, 0, 7}, said[] = {255, 255, 7};
  yolo_semantic s;
  yolo_semantic_scores r;
  ck_assert_int_eq(yolo_semantic_new(YOLO_SEMANTIC_NO_IGNORE, &s), YOLO_OK); /* then 255 is a class like any other */
  yolo_semantic_score(&s, &r);
  ck_assert(r.mean_iou == -1 && r.pixel_accuracy == -1);
  yolo_semantic_add(&s, truth, said, 3);
  yolo_semantic_score(&s, &r);
  ck_assert_uint_eq(r.pixels, 3);
  ck_near(r.iou[255], 1.0 / 2);
  yolo_semantic_free(&s);
  ck_assert_int_eq(yolo_semantic_new(7, &s), YOLO_OK);
  yolo_semantic_add(&s, truth, said, 3);
  yolo_semantic_score(&s, &r);
  ck_assert_uint_eq(r.pixels, 2);
  ck_near(r.iou[7], -1);
  ck_near(r.pixel_accuracy, 1.0 / 2); /* 0 was called 255, which is wrong */
  yolo_semantic_free(&s);
}
END_TEST

START_TEST(top_one_and_five) {
  static const float scores[7] = {0.1f, 0.3f, 0.1f, 0.2f, 0.1f, 0.1f, 0.1f};
  const float same[7] = {0}, broken[7] = {NAN, NAN, 0.5f, NAN, NAN, NAN, NAN};
  yolo_topk t;
  ck_assert_int_eq(yolo_topk_new(7, &t), YOLO_OK);
  ck_assert_int_eq(yolo_topk_add(&t, scores, 1), 0);
  ck_assert_int_eq(yolo_topk_add(&t, scores, 3), 1);
  ck_assert_int_eq(yolo_topk_add(&t, scores, 0), 2); /* five classes tie: the first of them stands first */
  ck_assert_int_eq(yolo_topk_add(&t, scores, 4), 4);
  ck_assert_int_eq(yolo_topk_add(&t, scores, 5), 5);
  ck_assert_int_eq(yolo_topk_add(&t, same, 0), 0);
  ck_assert_int_eq(yolo_topk_add(&t, same, 6), 6);
  ck_assert_int_eq(yolo_topk_add(&t, broken, 2), 0);
  ck_assert_int_eq(yolo_topk_add(&t, broken, 6), 6); /* what is not a number is never right */
  ck_assert_uint_eq(t.all.images, 9);
  ck_assert_uint_eq(t.all.top1, 3);
  ck_assert_uint_eq(t.all.top5, 6);
  ck_assert_uint_eq(t.classes[6].images, 2);
  ck_assert_uint_eq(t.classes[6].top5, 0);
  yolo_topk_free(&t);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("semantic");
  TCase *tc = tcase_create("semantic");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, one_matrix_over_all_images);
  tcase_add_test(tc, what_the_ignore_index_is);
  tcase_add_test(tc, top_one_and_five);
  return suite_run(suite) == 0 ? 0 : 1;
}
