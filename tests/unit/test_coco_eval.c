/* COCOeval by hand: every quirk in a case of its own; equal numbers for any number of threads; short memory. That whole sets
 * agree with pycocotools is scripts/compare_coco_eval.py's to show. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "tests/unit/eval_fixture.h"
#include "tests/unit/suite.h"
#include "train/eval/bootstrap.h"
#include "train/eval/confusion.h"
#include "train/eval/curves.h"
#include "train/eval/score_sort.h"

/* Right, wrong and ignored detections of class 0 in area a, as a text: "RWI", by score. */
static const char *verdicts(const yolo_eval_set *set, const yolo_eval_params *p, int a) {
  static char text[256];
  yolo_eval_matches m;
  ck_ok(yolo_eval_match_all(set, p, &m));
  size_t n = m.first[1];
  ck_assert_uint_lt(n, sizeof text);
  for (size_t i = 0; i < n; ++i) {
    size_t at = i * (size_t)p->n_areas + (size_t)a;
    text[i] = m.ignored[at] & 1 ? 'I' : m.hits[at] & 1 ? 'R' : 'W';
  }
  text[n] = '\0';
  yolo_eval_matches_free(&m);
  return text;
}

START_TEST(parameters_are_numpys) {
  yolo_eval_params p;
  yolo_eval_params_coco(&p, YOLO_EVAL_BOX);
  ck_assert_int_eq(p.n_ious, 10);
  ck_assert_int_eq(yolo_eval_iou_index(&p, 0.5), 0);
  ck_assert_int_eq(yolo_eval_iou_index(&p, 0.75), 5);
  ck_assert(p.ious[8] == 0.8999999999999999 && p.ious[9] == 0.95); /* numpy.linspace(.5, .95, 10) */
  ck_assert_int_eq(p.n_recalls, 101);
  ck_assert(p.recalls[29] == 0.29 && p.recalls[35] == 0.35000000000000003 && p.recalls[100] == 1);
  ck_assert_int_eq(yolo_eval_limit_index(&p, 100), 2);
  ck_assert_int_eq(yolo_eval_limit_index(&p, 7), -1);
}
END_TEST

START_TEST(one_right_detection) {
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.7)};
  const yolo_eval_set set = set_of(truths, 1, found, 1, 1, 2);
  yolo_eval_params p;
  yolo_eval_result r;
  double numbers[YOLO_EVAL_NUMBERS];
  yolo_eval_params_coco(&p, YOLO_EVAL_BOX);
  ck_ok(yolo_eval_run(&set, &p, &r));
  yolo_eval_summary(&r, numbers);
  /* 1 / (1 + eps): pycocotools' perfect precision is not quite 1. */
  ck_assert(r.precision[0] == 1 / (1 + 2.220446049250313e-16) && r.precision[0] < 1);
  ck_assert(fabs(numbers[0] - 1) < 1e-15 && fabs(numbers[1] - 1) < 1e-15);
  ck_assert(fabs(numbers[3] - 1) < 1e-15 && numbers[4] == -1 && numbers[5] == -1);
  ck_assert(numbers[6] == 1 && numbers[8] == 1);
  ck_assert(r.scores[0] == 0.7);
  yolo_eval_class_summary(&r, 1, numbers);
  for (int i = 0; i < YOLO_EVAL_NUMBERS; ++i) ck_assert(numbers[i] == -1); /* a class without truth */
  yolo_eval_result_free(&r);
}
END_TEST

START_TEST(precision_over_recall) {
  /* Right, wrong, right of four truths: recalls 1/4, 1/4, 1/2; precisions 1, 1/2, 2/3. */
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 0, 20, 10), TRUTH(3, 0, 0, 40, 10),
                                    TRUTH(4, 0, 0, 60, 10)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 20, 10, 0.3), FOUND(0, 0, 0, 10, 0.9), FOUND(0, 0, 90, 10, 0.5)};
  const yolo_eval_set set = set_of(truths, 4, found, 3, 1, 1);
  yolo_eval_params p = one_threshold(0.5);
  yolo_eval_result r;
  p.n_areas = p.n_limits = 1;
  p.limits[0] = 100;
  ck_ok(yolo_eval_run(&set, &p, &r));
  for (int i = 0; i < p.n_recalls; ++i) {
    double wanted = i <= 25 ? 1 / (1 + 2.220446049250313e-16) : i <= 50 ? 2 / (3 + 2.220446049250313e-16) : 0;
    ck_assert_msg(r.precision[i] == wanted, "recall %d: %.17g, not %.17g", i, r.precision[i], wanted);
    ck_assert(r.scores[i] == (i <= 25 ? 0.9 : i <= 50 ? 0.3 : 0));
  }
  ck_assert(r.recall[0] == 0.5);
  yolo_eval_result_free(&r);
}
END_TEST

START_TEST(recall_zero_is_reached_by_the_first_detection) {
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 50, 10, 0.9), FOUND(0, 0, 0, 10, 0.3)};
  const yolo_eval_set set = set_of(truths, 1, found, 2, 1, 1), none = set_of(truths, 1, found, 0, 1, 1);
  yolo_eval_params p = one_threshold(0.5);
  yolo_eval_result r;
  p.n_areas = p.n_limits = 1;
  ck_ok(yolo_eval_run(&set, &p, &r)); /* limit 1: only the wrong one is looked at */
  ck_assert(r.precision[0] == 0 && r.scores[0] == 0.9 && r.scores[1] == 0 && r.recall[0] == 0);
  yolo_eval_result_free(&r);
  p.limits[0] = 2;
  ck_ok(yolo_eval_run(&set, &p, &r));
  ck_assert(r.precision[0] == 0.5 && r.scores[0] == 0.9 && r.scores[1] == 0.3 && r.recall[0] == 1);
  yolo_eval_result_free(&r);
  ck_ok(yolo_eval_run(&none, &p, &r));
  ck_assert(r.precision[0] == 0 && r.scores[0] == 0 && r.recall[0] == 0);
  yolo_eval_result_free(&r);
}
END_TEST

START_TEST(quirks_of_matching) {
  yolo_eval_params p = one_threshold(0.5);
  { /* the best truth is taken: the next best that overlaps enough will do */
    const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 0, 2, 10)};
    const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.9), FOUND(0, 0, 0, 10, 0.8), FOUND(0, 0, 0, 10, 0.7)};
    const yolo_eval_set set = set_of(truths, 2, found, 3, 1, 1);
    ck_assert_str_eq(verdicts(&set, &p, 0), "RRW");
  }
  { /* equal overlaps: the later truth is taken, which leaves the first to a detection that reaches it alone */
    const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 0, 4, 10)};
    const yolo_eval_detection found[] = {FOUND(0, 0, 2, 10, 0.9), FOUND(0, 0, -1, 10, 0.8)};
    const yolo_eval_detection other[] = {FOUND(0, 0, 2, 10, 0.9), FOUND(0, 0, 5, 10, 0.8)};
    const yolo_eval_set first = set_of(truths, 2, found, 2, 1, 1), second = set_of(truths, 2, other, 2, 1, 1);
    ck_assert_str_eq(verdicts(&first, &p, 0), "RR");
    ck_assert_str_eq(verdicts(&second, &p, 0), "RW");
  }
  { /* an overlap equal to the threshold matches: 10 of 20 pixels in common is 1/3, 15 of 25 is 3/5 */
    const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 20)};
    const yolo_eval_detection found[] = {FOUND(0, 0, 5, 20, 0.9)};
    const yolo_eval_set set = set_of(truths, 1, found, 1, 1, 1);
    yolo_eval_params exact = one_threshold(300.0 / 500.0), above = one_threshold(0.6000001);
    ck_assert_str_eq(verdicts(&set, &exact, 0), "R");
    ck_assert_str_eq(verdicts(&set, &above, 0), "W");
  }
  { /* id 0: the truth is taken, but its detection stays wrong */
    const yolo_eval_truth truths[] = {TRUTH(0, 0, 0, 0, 10)};
    const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.9), FOUND(0, 0, 0, 10, 0.8)};
    const yolo_eval_set set = set_of(truths, 1, found, 2, 1, 1);
    ck_assert_str_eq(verdicts(&set, &p, 0), "WW");
  }
  { /* IoU 1 at threshold 1 */
    const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10)};
    const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.9)};
    const yolo_eval_set set = set_of(truths, 1, found, 1, 1, 1);
    yolo_eval_params full = one_threshold(1);
    ck_assert_str_eq(verdicts(&set, &full, 0), "R");
  }
}
END_TEST

START_TEST(crowds) {
  yolo_eval_params p = one_threshold(0.5);
  yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 100), TRUTH(2, 0, 0, 0, 10)};
  truths[0].crowd = true;
  /* The small one is the truth's; the others lie in the crowd (intersection over their own area) and count for nothing. */
  const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.5), FOUND(0, 0, 20, 10, 0.9), FOUND(0, 0, 40, 10, 0.8),
                                       FOUND(0, 0, 0, 10, 0.4), FOUND(0, 0, 200, 10, 0.3)};
  const yolo_eval_set set = set_of(truths, 2, found, 5, 1, 1);
  ck_assert_str_eq(verdicts(&set, &p, 0), "IIRIW");
}
END_TEST

START_TEST(areas_include_both_ends) {
  yolo_eval_params p = one_threshold(0.5);
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 32), TRUTH(2, 0, 0, 1000, 33)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 0, 32, 0.9), FOUND(0, 0, 1000, 33, 0.8), FOUND(0, 0, 500, 10, 0.7),
                                       FOUND(0, 0, 700, 96, 0.6), FOUND(0, 0, 1500, 97, 0.5)};
  const yolo_eval_set set = set_of(truths, 2, found, 5, 1, 1);
  ck_assert_str_eq(verdicts(&set, &p, 0), "RRWWW");
  ck_assert_str_eq(verdicts(&set, &p, 1), "RIWII"); /* small: up to 32x32; found but out of the range: ignored */
  ck_assert_str_eq(verdicts(&set, &p, 2), "RRIWI"); /* medium: 32x32 counts here too, as does 96x96 */
  ck_assert_str_eq(verdicts(&set, &p, 3), "IIIWW");
}
END_TEST

START_TEST(limits_and_ties) {
  /* Two images; ties keep the order of images, then of the file. */
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 1, 0, 0, 10)};
  const yolo_eval_detection found[] = {FOUND(1, 0, 0, 10, 0.5), FOUND(0, 0, 50, 10, 0.5), FOUND(0, 0, 0, 10, 0.5),
                                       FOUND(1, 0, 50, 10, -0.0), FOUND(1, 0, 80, 10, 0.0)};
  const yolo_eval_set set = set_of(truths, 2, found, 5, 2, 1);
  static const uint32_t order[] = {1, 2, 0, 3, 4}, ranks[] = {0, 1, 0, 1, 2};
  yolo_eval_params p = one_threshold(0.5);
  yolo_eval_matches m;
  yolo_eval_result r;
  ck_ok(yolo_eval_match_all(&set, &p, &m));
  ck_assert_uint_eq(m.n, 5);
  for (size_t i = 0; i < m.n; ++i) {
    ck_assert_uint_eq(m.items[i].detection, order[i]);
    ck_assert_uint_eq(m.items[i].rank, ranks[i]);
  }
  ck_assert_uint_eq(m.items[1].truth, 0);
  ck_assert_uint_eq(m.items[0].truth, YOLO_EVAL_NO_TRUTH);
  ck_ok(yolo_eval_accumulate(&m, &r));
  ck_assert(r.recall[0] == 0.5 && r.recall[1] == 1); /* at most 1: image 0 gives its first, which is wrong */
  yolo_eval_matches_free(&m);
  yolo_eval_result_free(&r);
  p.n_limits = 1;
  p.limits[0] = 2;
  ck_assert_str_eq(verdicts(&set, &p, 0), "WRRW");
}
END_TEST

START_TEST(odd_sets) {
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 9, 0, 0, 10), TRUTH(3, 0, 7, 0, 10)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.5), FOUND(9, 0, 0, 10, 0.5), FOUND(0, -1, 0, 10, 0.5)};
  const yolo_eval_set set = set_of(truths, 3, found, 3, 1, 1), empty = {.n_images = 0};
  yolo_eval_params p = one_threshold(0.5);
  yolo_eval_result r;
  double numbers[YOLO_EVAL_NUMBERS];
  ck_assert_str_eq(verdicts(&set, &p, 0), "R"); /* the others name images and classes that there are not */
  ck_ok(yolo_eval_run(&empty, &p, &r));
  yolo_eval_summary(&r, numbers);
  ck_assert(numbers[0] == -1);
  yolo_eval_result_free(&r);
  p.limits[1] = 1;
  ck_assert_int_eq(yolo_eval_run(&set, &p, &r), YOLO_EINVAL); /* limits do not ascend */
  p = one_threshold(0.5);
  p.overlap = YOLO_EVAL_MASK;
  ck_assert_int_eq(yolo_eval_run(&set, &p, &r), YOLO_EINVAL); /* there are no masks */
  ck_assert_ptr_null(r.precision);
}
END_TEST

START_TEST(classes_as_one) {
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 1, 0, 10)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.5)};
  const yolo_eval_set set = set_of(truths, 1, found, 1, 1, 2);
  yolo_eval_params p = one_threshold(0.5);
  ck_assert_str_eq(verdicts(&set, &p, 0), "W");
  p.class_agnostic = true;
  ck_assert_str_eq(verdicts(&set, &p, 0), "R");
}
END_TEST

START_TEST(sorting) {
  static yolo_score_key keys[3000], room[3000];
  yolo_rng rng = {.key = 4};
  for (size_t n = 0; n <= COUNT(keys); n = n < 40 ? n + 1 : n + 740) {
    for (int kind = 0; kind < 3; ++kind) {
      for (size_t i = 0; i < n; ++i) {
        double score = kind == 0   ? (double)yolo_rng_uniform(&rng)
                       : kind == 1 ? (double)(yolo_rng_u32(&rng) % 5) / 4
                                   : (double)yolo_rng_normal(&rng) * 1e9;
        keys[i] = (yolo_score_key){yolo_score_to_key(score), (uint32_t)i};
        ck_assert(yolo_score_from_key(keys[i].key) == score);
      }
      yolo_score_sort(keys, room, n);
      for (size_t i = 1; i < n; ++i) {
        double before = yolo_score_from_key(keys[i - 1].key), after = yolo_score_from_key(keys[i].key);
        ck_assert(before > after || (before == after && keys[i - 1].place < keys[i].place));
      }
    }
  }
  ck_assert(yolo_score_to_key(-0.0) == yolo_score_to_key(0.0));
}
END_TEST

/* ---- any number of threads; short memory ---- */

START_TEST(threads_change_nothing) {
  yolo_eval_set set = random_set(1, 60, 7, 900, 4000);
  yolo_eval_params p;
  yolo_eval_result one, many;
  yolo_eval_params_coco(&p, YOLO_EVAL_BOX);
  p.threads = 1;
  ck_ok(yolo_eval_run(&set, &p, &one));
  for (int threads = 2; threads <= 5; threads += 3) {
    p.threads = threads;
    ck_ok(yolo_eval_run(&set, &p, &many));
    size_t n = 10 * 7 * 4 * 3;
    ck_assert(memcmp(one.precision, many.precision, n * 101 * sizeof(double)) == 0);
    ck_assert(memcmp(one.scores, many.scores, n * 101 * sizeof(double)) == 0);
    ck_assert(memcmp(one.recall, many.recall, n * sizeof(double)) == 0);
    yolo_eval_result_free(&many);
  }
  yolo_eval_result_free(&one);
  free_set(&set);
}
END_TEST

START_TEST(short_memory) {
  yolo_eval_set set = random_set(2, 5, 2, 20, 40);
  yolo_eval_params p = one_threshold(0.5);
  long live = yolo_memory_get_stats().live, nth = 0;
  yolo_status st;
  do {
    yolo_eval_matches m;
    yolo_eval_result r = {0};
    yolo_eval_bootstrap b;
    yolo_eval_curves curves = {0};
    yolo_eval_confusion confusion = {0};
    yolo_memory_fail_at(++nth);
    st = yolo_eval_match_all(&set, &p, &m);
    if (st == YOLO_OK) st = yolo_eval_accumulate(&m, &r);
    if (st == YOLO_OK) st = yolo_eval_bootstrap_run(&m, 3, 0, &b);
    if (st == YOLO_OK) st = yolo_eval_curves_make(&m, 0, &curves);
    if (st == YOLO_OK) st = yolo_eval_confusion_make(&set, 0.5, 0.1, &confusion);
    yolo_memory_fail_at(0);
    ck_assert(st == YOLO_OK || st == YOLO_ENOMEM);
    yolo_eval_matches_free(&m);
    yolo_eval_result_free(&r);
    yolo_eval_curves_free(&curves);
    yolo_eval_confusion_free(&confusion);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  } while (st == YOLO_ENOMEM && nth < 500);
  ck_assert_int_eq(st, YOLO_OK);
  ck_assert_int_gt(nth, 30);
  free_set(&set);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("coco_eval");
  TCase *tc = tcase_create("coco_eval");
  suite_add_tcase(suite, tc);
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, parameters_are_numpys);
  tcase_add_test(tc, one_right_detection);
  tcase_add_test(tc, precision_over_recall);
  tcase_add_test(tc, recall_zero_is_reached_by_the_first_detection);
  tcase_add_test(tc, quirks_of_matching);
  tcase_add_test(tc, crowds);
  tcase_add_test(tc, areas_include_both_ends);
  tcase_add_test(tc, limits_and_ties);
  tcase_add_test(tc, odd_sets);
  tcase_add_test(tc, classes_as_one);
  tcase_add_test(tc, sorting);
  tcase_add_test(tc, threads_change_nothing);
  tcase_add_test(tc, short_memory);
  return suite_run(suite) == 0 ? 0 : 1;
}
