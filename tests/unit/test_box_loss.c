/* Overlaps: values by hand, gradients against finite differences; cross entropies. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "backbone/base/rng.h"
#include "tests/unit/suite.h"
#include "train/box_loss.h"

static const yolo_overlap_kind kinds[] = {YOLO_OVERLAP_IOU, YOLO_OVERLAP_GIOU, YOLO_OVERLAP_DIOU, YOLO_OVERLAP_CIOU};
static const double PI = 3.14159265358979323846;

static double between(yolo_rng *rng, double low, double high) { return low + (high - low) * (double)yolo_rng_uniform(rng); }

START_TEST(values_by_hand) {
  /* Unit squares half a side apart: I = 1/2, U = 3/2, around 3/2, diagonal^2 = 3.25, distance^2 = 1/4. */
  const yolo_centred a = {0, 0, 1, 1}, b = {0.5, 0, 1, 1}, far = {3, 0, 1, 1}, flat = {0, 0, 0, 1}, tall = {0, 0, 1, 2};
  yolo_overlap_rule rule = {YOLO_OVERLAP_IOU, 0, 0, false};
  ck_assert_double_eq_tol(yolo_overlap_iou(&a, &b), 1.0 / 3, 1e-15);
  ck_assert_double_eq_tol(yolo_overlap_of(&rule, &a, &b).value, 1.0 / 3, 1e-15);
  rule.kind = YOLO_OVERLAP_GIOU;
  ck_assert_double_eq_tol(yolo_overlap_of(&rule, &a, &b).value, 1.0 / 3, 1e-15);
  ck_assert_double_eq_tol(yolo_overlap_of(&rule, &a, &far).value, -(4 - 2) / 4.0, 1e-15);
  rule.kind = YOLO_OVERLAP_DIOU;
  ck_assert_double_eq_tol(yolo_overlap_of(&rule, &a, &b).value, 1.0 / 3 - 0.25 / 3.25, 1e-15);
  rule.kind = YOLO_OVERLAP_CIOU;
  const double v = 4 / (PI * PI) * pow(atan(0.5) - atan(1), 2);
  ck_assert_double_eq_tol(yolo_overlap_of(&rule, &a, &tall).value, 0.5 - v * v / (v + 0.5), 1e-15);
  ck_assert_double_eq(yolo_overlap_of(&rule, &a, &a).value, 1);
  ck_assert_double_eq(yolo_overlap_iou(&a, &far), 0);
  ck_assert_double_eq(yolo_overlap_iou(&a, &flat), 0);
  ck_assert_double_eq(yolo_overlap_iou(&flat, &flat), 0);
  ck_assert_double_eq_tol(yolo_overlap_covered(&a, &tall), 1, 1e-15);
  ck_assert_double_eq_tol(yolo_overlap_covered(&tall, &a), 0.5, 1e-15);
}
END_TEST

START_TEST(boxes_without_area_give_numbers) {
  const yolo_centred boxes[] = {{0, 0, 0, 0}, {0.5, 0.5, 0, 1}, {0.5, 0.5, 1, 0}, {0.5, 0.5, 1, 1}, {9, 9, 1e-300, 1e-300}};
  for (int k = 0; k < 4; k++)
    for (int plain = 0; plain < 2; plain++)
      for (int i = 0; i < 25; i++) {
        const yolo_overlap_rule rule = {kinds[k], 0, 0, plain != 0};
        const yolo_overlap o = yolo_overlap_of(&rule, &boxes[i / 5], &boxes[i % 5]);
        ck_assert(isfinite(o.iou) && isfinite(o.value) && isfinite(o.dx) && isfinite(o.dy) && isfinite(o.dw) && isfinite(o.dh));
      }
}
END_TEST

/* The value with `a` of CIoU held at what it is for `fixed`. */
static double held(const yolo_overlap_rule *rule, const yolo_centred *box, const yolo_centred *truth,
                   const yolo_centred *fixed) {
  yolo_overlap_rule part = *rule;
  if (rule->kind != YOLO_OVERLAP_CIOU) return yolo_overlap_of(rule, box, truth).value;
  const double iou = yolo_overlap_iou(fixed, truth);
  const double there = 4 / (PI * PI) * pow(atan(truth->w / truth->h) - atan(fixed->w / fixed->h), 2);
  const double here = 4 / (PI * PI) * pow(atan(truth->w / truth->h) - atan(box->w / box->h), 2);
  part.kind = YOLO_OVERLAP_DIOU;
  return yolo_overlap_of(&part, box, truth).value - there / (1 - iou + there) * here;
}

START_TEST(gradients_are_those_of_the_values) {
  yolo_rng rng = {5, 0, 0};
  const double step = 1e-6;
  int apart = 0, within = 0;
  for (int i = 0; i < 4000; i++) {
    const yolo_overlap_rule rule = {kinds[i % 4], 0, 0, false};
    const yolo_centred truth = {between(&rng, 0, 1), between(&rng, 0, 1), between(&rng, 0.05, 1), between(&rng, 0.05, 1)};
    const yolo_centred box = {between(&rng, 0, 1), between(&rng, 0, 1), between(&rng, 0.05, 1), between(&rng, 0.05, 1)};
    const yolo_overlap o = yolo_overlap_of(&rule, &box, &truth);
    const double slope[4] = {o.dx, o.dy, o.dw, o.dh};
    ck_assert_double_eq_tol(held(&rule, &box, &truth, &box), o.value, 1e-12);
    for (int k = 0; k < 4; k++) {
      double low[4] = {box.x, box.y, box.w, box.h}, high[4] = {box.x, box.y, box.w, box.h};
      low[k] -= step;
      high[k] += step;
      const yolo_centred a = {low[0], low[1], low[2], low[3]}, b = {high[0], high[1], high[2], high[3]};
      const double numeric = (held(&rule, &b, &truth, &box) - held(&rule, &a, &truth, &box)) / (2 * step);
      ck_assert_double_eq_tol(slope[k], numeric, 1e-6 * (1 + fabs(numeric)));
    }
    apart += o.iou <= 0;
    within += yolo_overlap_covered(&box, &truth) > 1 - 1e-9;
  }
  ck_assert_int_gt(apart, 100); /* the draw has both extremes */
  ck_assert_int_gt(within, 20);
}
END_TEST

START_TEST(plain_aspect_lacks_its_denominator) {
  const yolo_centred box = {0.4, 0.5, 0.2, 0.3}, truth = {0.5, 0.5, 0.5, 0.2};
  const yolo_overlap_rule whole = {YOLO_OVERLAP_CIOU, 0, 0, false}, plain = {YOLO_OVERLAP_CIOU, 0, 0, true};
  const yolo_overlap_rule distance = {YOLO_OVERLAP_DIOU, 0, 0, false};
  const yolo_overlap a = yolo_overlap_of(&whole, &box, &truth), b = yolo_overlap_of(&plain, &box, &truth);
  const yolo_overlap d = yolo_overlap_of(&distance, &box, &truth);
  ck_assert_double_eq(a.value, b.value);
  ck_assert_double_eq(a.dx, b.dx);
  ck_assert_double_eq_tol((a.dw - d.dw) * (0.04 + 0.09), b.dw - d.dw, 1e-12);
  ck_assert_double_eq_tol((a.dh - d.dh) * (0.04 + 0.09), b.dh - d.dh, 1e-12);
  ck_assert(fabs(b.dw - d.dw) > 1e-3);
}
END_TEST

START_TEST(cross_entropy) {
  ck_assert_double_eq_tol(yolo_bce_logit(0, 0.3), log(2), 1e-15);
  ck_assert_double_eq_tol(yolo_bce_logit(2, 1), -log(yolo_sigmoid(2)), 1e-14);
  ck_assert_double_eq_tol(yolo_bce_logit(-800, 1), 800, 1e-9);
  ck_assert_double_eq_tol(yolo_bce_logit(800, 0), 800, 1e-9);
  ck_assert_double_eq_tol(yolo_divergence_logit(log(0.3 / 0.7), 0.3), 0, 1e-15);
  ck_assert_double_gt(yolo_divergence_logit(0, 0.3), 0);
  ck_assert_double_eq(yolo_entropy(0), 0);
  ck_assert_double_eq(yolo_entropy(1), 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("box_loss");
  TCase *tc = tcase_create("box_loss");
  tcase_add_test(tc, values_by_hand);
  tcase_add_test(tc, boxes_without_area_give_numbers);
  tcase_add_test(tc, gradients_are_those_of_the_values);
  tcase_add_test(tc, plain_aspect_lacks_its_denominator);
  tcase_add_test(tc, cross_entropy);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
