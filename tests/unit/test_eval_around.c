/* What stands around COCOeval's numbers: the bootstrap, curves over confidence, the confusion matrix. */
#include <check.h>
#include <math.h>

#include "tests/unit/eval_fixture.h"
#include "tests/unit/suite.h"
#include "train/eval/bootstrap.h"
#include "train/eval/confusion.h"
#include "train/eval/curves.h"

/* ---- bootstrap ---- */

/* Image i as often as weights[i] says, each time as an image of its own. */
static yolo_eval_set repeated(const yolo_eval_set *set, const uint32_t *weights) {
  size_t room = 20 * (set->n_truths + set->n_detections), n_truths = 0, n_found = 0;
  yolo_eval_truth *truths = calloc(room, sizeof *truths);
  yolo_eval_detection *found = calloc(room, sizeof *found);
  uint32_t image = 0;
  for (uint32_t i = 0; i < set->n_images; ++i) {
    for (uint32_t w = 0; w < weights[i]; ++w, ++image) {
      for (size_t t = 0; t < set->n_truths; ++t) {
        if (set->truths[t].image != i) continue;
        truths[n_truths] = set->truths[t];
        truths[n_truths++].image = image;
      }
      for (size_t d = 0; d < set->n_detections; ++d) {
        if (set->detections[d].image != i) continue;
        found[n_found] = set->detections[d];
        found[n_found++].image = image;
      }
    }
  }
  return (yolo_eval_set){truths, found, n_truths, n_found, image, set->n_classes};
}

START_TEST(weights_are_repetitions) {
  static const uint32_t weights[2][8] = {{1, 1, 1, 1, 1, 1, 1, 1}, {0, 3, 1, 0, 2, 1, 1, 0}};
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const uint32_t *w = weights[seed % 2];
    yolo_eval_set set = random_set(seed, 8, 3, 40, 150), again;
    yolo_eval_params p;
    yolo_eval_matches m;
    yolo_eval_result r;
    double ap, ap50, numbers[YOLO_EVAL_NUMBERS];
    yolo_eval_detection *found = (yolo_eval_detection *)set.detections;
    for (size_t i = 0; i < set.n_detections; ++i)
      found[i].score = (double)i; /* ties between images would be settled otherwise */
    yolo_eval_params_coco(&p, YOLO_EVAL_BOX);
    ck_ok(yolo_eval_match_all(&set, &p, &m));
    ck_ok(yolo_eval_weighted_ap(&m, w, &ap, &ap50));
    again = repeated(&set, w);
    ck_ok(yolo_eval_run(&again, &p, &r));
    yolo_eval_summary(&r, numbers);
    ck_assert_msg(fabs(ap - numbers[0]) < 1e-12 && fabs(ap50 - numbers[1]) < 1e-12, "%.17g %.17g, %.17g %.17g", ap, numbers[0],
                  ap50, numbers[1]);
    yolo_eval_matches_free(&m);
    yolo_eval_result_free(&r);
    free_set(&set);
    free_set(&again);
  }
}
END_TEST

START_TEST(intervals) {
  yolo_eval_set set = random_set(5, 50, 4, 300, 900);
  yolo_eval_params p;
  yolo_eval_matches m;
  yolo_eval_bootstrap one, many, other;
  double ap, ap50;
  yolo_eval_params_coco(&p, YOLO_EVAL_BOX);
  p.threads = 1;
  ck_ok(yolo_eval_match_all(&set, &p, &m));
  ck_ok(yolo_eval_weighted_ap(&m, NULL, &ap, &ap50));
  ck_ok(yolo_eval_bootstrap_run(&m, 400, 7, &one));
  m.params.threads = 3;
  ck_ok(yolo_eval_bootstrap_run(&m, 400, 7, &many));
  ck_ok(yolo_eval_bootstrap_run(&m, 400, 8, &other));
  ck_assert(one.ap.low == many.ap.low && one.ap.high == many.ap.high);
  ck_assert(one.ap50.low == many.ap50.low && one.ap50.high == many.ap50.high);
  ck_assert(other.ap.low != one.ap.low);
  ck_assert(one.ap.low < ap && ap < one.ap.high && one.ap50.low < ap50 && ap50 < one.ap50.high);
  ck_assert(one.ap.high - one.ap.low > 0.005 && one.ap.high - one.ap.low < 0.3);
  ck_assert(fabs(other.ap.low - one.ap.low) < 0.03);
  ck_assert_int_eq(yolo_eval_bootstrap_run(&m, 0, 7, &one), YOLO_EINVAL);
  yolo_eval_matches_free(&m);
  free_set(&set);
}
END_TEST

/* ---- curves and confusion ---- */

START_TEST(curves_by_hand) {
  const yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 0, 20, 10), TRUTH(3, 0, 1, 0, 10)};
  const yolo_eval_detection found[] = {FOUND(0, 0, 0, 10, 0.8), FOUND(0, 0, 20, 10, 0.4), FOUND(0, 0, 60, 10, 0.4),
                                       FOUND(0, 1, 60, 10, 0.6), FOUND(0, 2, 0, 10, 0.9)};
  const yolo_eval_set set = set_of(truths, 3, found, 5, 1, 3);
  yolo_eval_params p = one_threshold(0.5);
  yolo_eval_matches m;
  yolo_eval_curves c;
  ck_ok(yolo_eval_match_all(&set, &p, &m));
  ck_ok(yolo_eval_curves_make(&m, 0, &c));
  ck_assert(c.low == 0 && c.high == 1);
  ck_assert(yolo_eval_curve_confidence(&c, 0) == 0 && yolo_eval_curve_confidence(&c, 200) == 1);
  const yolo_eval_curve *first = &c.classes[0];
  ck_assert(first->precision[200] == -1 && first->recall[200] == 0 && first->f1[200] == 0);
  ck_assert(first->precision[100] == 1 && first->recall[100] == 0.5);                /* from 0.5 on: one, right */
  ck_assert(fabs(first->precision[80] - 2.0 / 3) < 1e-15 && first->recall[80] == 1); /* from 0.4 on: all three */
  ck_assert(fabs(first->best.f1 - 0.8) < 1e-15 && first->best.confidence == 0.4);    /* P 2/3, R 1 */
  ck_assert(c.classes[1].best.f1 == 0 || c.classes[1].best.right == 0);              /* never right */
  ck_assert(c.classes[2].best.f1 == -1 && c.classes[2].recall[0] == -1);             /* no truth */
  ck_assert_uint_eq(c.all.truths, 3);
  ck_assert(fabs(c.all.recall[0] - 2.0 / 3) < 1e-15 && fabs(c.all.precision[0] - 2.0 / 5) < 1e-15);
  yolo_eval_curves_free(&c);
  yolo_eval_matches_free(&m);
}
END_TEST

START_TEST(confusion_by_hand) {
  yolo_eval_truth truths[] = {TRUTH(1, 0, 0, 0, 10), TRUTH(2, 0, 1, 100, 10), TRUTH(3, 1, 1, 0, 10), TRUTH(4, 1, 0, 200, 50)};
  truths[3].crowd = true;
  const yolo_eval_detection found[] = {
      FOUND(0, 0, 0, 10, 0.9),    /* right */
      FOUND(0, 1, 1, 10, 0.95),   /* better scored, but farther off: background taken for class 1 */
      FOUND(0, 0, 100, 10, 0.5),  /* class 1 taken for class 0 */
      FOUND(0, 1, 100, 10, 0.1),  /* below the confidence */
      FOUND(1, 0, 210, 10, 0.9),  /* on the crowd: not counted */
      FOUND(1, 0, 500, 10, 0.9)}; /* background */
  static const size_t wanted[3][3] = {{1, 0, 0}, {1, 0, 1}, {1, 1, 0}};
  const yolo_eval_set set = set_of(truths, 4, found, COUNT(found), 2, 2);
  yolo_eval_confusion c;
  ck_ok(yolo_eval_confusion_make(&set, 0.5, 0.25, &c));
  ck_assert_int_eq(c.n, 3);
  for (int t = 0; t < 3; ++t) {
    for (int d = 0; d < 3; ++d)
      ck_assert_msg(c.counts[t * 3 + d] == wanted[t][d], "[%d][%d] is %zu", t, d, c.counts[t * 3 + d]);
  }
  yolo_eval_confusion_free(&c);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("eval_around");
  TCase *tc = tcase_create("eval_around");
  suite_add_tcase(suite, tc);
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, weights_are_repetitions);
  tcase_add_test(tc, intervals);
  tcase_add_test(tc, curves_by_hand);
  tcase_add_test(tc, confusion_by_hand);
  return suite_run(suite) == 0 ? 0 : 1;
}
