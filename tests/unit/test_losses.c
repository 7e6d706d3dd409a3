/* Losses: small cases by hand, derivatives against finite differences, what is ignored and what is counted.
 * scripts/compare_losses.py compares them with PyTorch. */
#include "tests/unit/loss_fixture.h"
#include "tests/unit/suite.h"
#include "train/box_loss.h"

/* ---- by hand ---- */

START_TEST(yolov3_by_hand) {
  lab l;
  lab_open(&l, "[net]\n[yolo]\nclasses=2\nnum=1\nanchors=24,16\nlab_channels=7\n", "yolov3", 1, 1, 2);
  const yolo_truth truth = {0.75f, 0.25f, 0.5f, 0.25f, 1, 1, false};
  l.images[0].items = &truth;
  l.images[0].count = 1;
  lab_make(&l);
  lab_run(&l);
  /* All values are 0. The truth is in cell 1, in its middle; its height is the anchor's, its width twice as much. */
  const double small = 2 - 0.125, quarter = yolo_divergence_logit(0, 0.25), wide = log(2);
  ck_assert_double_eq_tol(lab_part(&l, "box"), small * (quarter + wide * wide / 2), 1e-12);
  ck_assert_double_eq_tol(lab_part(&l, "objectness"), 2 * log(2), 1e-12);
  ck_assert_double_eq_tol(lab_part(&l, "class"), 2 * log(2), 1e-12);
  const double wanted[7] = {0, small * 0.25, -small * wide, 0, -0.5, 0.5, -0.5};
  for (int k = 0; k < 7; k++) ck_assert_double_eq_tol((double)lab_grad(&l, 0, 0, 0, 1)[k], wanted[k], 1e-6);
  ck_assert_float_eq(lab_grad(&l, 0, 0, 0, 0)[4], 0.5f);
  ck_assert_float_eq(lab_grad(&l, 0, 0, 0, 0)[0], 0);
  ck_assert_int_eq(l.report.positives, 1);
  ck_assert_int_eq(l.report.truths, 1);
  /* Box (0.75, 0.5, 0.25, 0.25) and truth (0.75, 0.25, 0.5, 0.25) touch. */
  ck_assert_double_eq(l.report.iou, 0);
  ck_assert_int_eq(l.report.recalled50, 0);
  lab_close(&l);
}
END_TEST

START_TEST(an_answer_that_fits_is_recalled) {
  lab l;
  const yolo_truth truth = {0.25f, 0.5f, 0.25f, 0.25f, 0, 1, false};
  lab_open(&l, "[net]\n[yolo]\nclasses=2\nnum=1\nanchors=24,16\nlab_channels=7\niou_loss=ciou\n", "yolov4", 1, 1, 2);
  l.images[0].items = &truth;
  l.images[0].count = 1;
  lab_make(&l);
  lab_run(&l);
  ck_assert_double_eq_tol(lab_part(&l, "box"), 0, 1e-12);
  ck_assert_double_eq_tol(l.report.iou, 1, 1e-12);
  ck_assert_int_eq(l.report.recalled50, 1);
  ck_assert_int_eq(l.report.recalled75, 1);
  lab_close(&l);
}
END_TEST

START_TEST(softmax_by_hand) {
  lab l;
  lab_open(&l, classes, "softmax", 2, 1, 1);
  l.images[0].label = 2;
  l.images[1].label = 0;
  l.images[1].label2 = 1;
  l.images[1].label_share = 0.75f;
  lab_value(&l, 0, 0, 0, 0)[2] = 1;
  lab_make(&l);
  lab_run(&l);
  ck_assert_double_eq_tol(l.report.total, (log(3 + exp(1)) - 1 + log(4)) / 2, 1e-12);
  ck_assert_int_eq(l.report.correct, 2); /* the first of equal ones */
  ck_assert_double_eq_tol((double)lab_grad(&l, 0, 1, 0, 0)[0], (0.25 - 0.75) / 2, 1e-6);
  ck_assert_double_eq_tol((double)lab_grad(&l, 0, 1, 0, 0)[1], 0, 1e-6);
  lab_close(&l);
}
END_TEST

/* Through the softmax that the network ends in, -t / p becomes p - t, also where p has underflowed. */
START_TEST(probabilities_carry_the_same_gradient) {
  static const float p[4] = {0.7f, 0.2f, 0.1f, 0};
  for (int label = 0; label < 4; label++) {
    lab l;
    lab_open(&l, given, "softmax", 1, 1, 1);
    memcpy(lab_value(&l, 0, 0, 0, 0), p, sizeof p);
    l.images[0].label = label;
    lab_make(&l);
    lab_run(&l);
    const float *grad = lab_grad(&l, 0, 0, 0, 0);
    double sum = 0;
    for (int k = 0; k < 4; k++) sum += (double)grad[k] * (double)p[k];
    ck_assert(isfinite(l.report.total));
    for (int k = 0; k < 4 && label < 3; k++)
      ck_assert_double_eq_tol((double)p[k] * ((double)grad[k] - sum), (double)p[k] - (k == label), 1e-6);
    lab_close(&l);
  }
}
END_TEST

/* ---- numbers of PyTorch ---- */

static const struct {
  const char *loss, *cfg;
  double parts[4], length;
} golden[] = {
#include "tests/unit/loss_golden.inc"
};

START_TEST(numbers_of_pytorch) {
  for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
    lab l;
    double length = 0;
    const bool vector = strcmp(golden[i].loss, "detection") == 0;
    lab_open(&l, golden[i].cfg, golden[i].loss, 2, vector ? 1 : 2, vector ? 1 : 3);
    l.images[0].items = some;
    l.images[0].count = SOME;
    for (int h = 0; h < l.batch.n_heads; h++)
      for (int p = 0, k = 0; p < (int)yolo_shape_pixels(l.heads[h].value.shape); p++)
        for (int c = 0; c < l.heads[h].value.shape.c; c++, k++)
          yolo_nth_pixel(&l.heads[h].value, (size_t)p)[c] = (float)(1.2 * sin(0.7 * k + 1 + h));
    lab_make(&l);
    lab_run(&l);
    for (int h = 0; h < l.batch.n_heads; h++)
      for (size_t k = 0; k < lab_floats(&l, h); k++) length += pow((double)((float *)l.heads[h].grad.data)[k], 2);
    for (int k = 0; k < l.report.n_parts; k++)
      ck_assert_double_eq_tol(l.report.parts[k].value, golden[i].parts[k], 1e-6 * (1 + fabs(golden[i].parts[k])));
    ck_assert_double_eq_tol(sqrt(length), golden[i].length, 1e-6 * (1 + golden[i].length));
    lab_close(&l);
  }
}
END_TEST

/* The gains multiply the parts, and their defaults are YOLOv5's. */
START_TEST(gains_of_yolov5) {
  static const char *const cfgs[] = {"[net]\n[yolo]\n" YOLO_KEYS "mask=1,2\nlab_channels=14\n",
                                     "[net]\n[yolo]\n" YOLO_KEYS
                                     "mask=1,2\nlab_channels=14\nbox_gain=.15\nobj_gain=2\ncls_gain=3\n"};
  static const double factors[] = {3, 2, 6};
  double parts[2][3];
  for (int i = 0; i < 2; i++) {
    lab l;
    lab_open(&l, cfgs[i], "yolov5", 1, 4, 6);
    lab_draw(&l, 7, 1, 0);
    l.images[0].items = some;
    l.images[0].count = SOME;
    lab_make(&l);
    lab_run(&l);
    ck_assert_int_eq(l.report.n_parts, 3);
    for (int k = 0; k < 3; k++) parts[i][k] = l.report.parts[k].value;
    lab_close(&l);
  }
  for (int k = 0; k < 3; k++) {
    ck_assert_double_gt(parts[0][k], 0);
    ck_assert_double_eq_tol(parts[1][k], factors[k] * parts[0][k], 1e-9 * parts[1][k]);
  }
}
END_TEST

/* ---- derivatives ---- */

/* truth_thresh and ignore_thresh of 1: no step of a difference crosses a threshold. */
#define STILL YOLO_KEYS "ignore_thresh=1\ntruth_thresh=1\nlabel_smooth_eps=.1\n"

START_TEST(gradients_are_derivatives) {
  static const struct {
    const char *cfg, *loss;
    int row, first, h, w;
    float middle;
  } cases[] = {
      {"[net]\n[yolo]\n" STILL "mask=1,2\nscale_x_y=1.1\nlab_channels=14\n[yolo]\n" STILL "mask=0\nlab_channels=7\n", "yolov3",
       0, 0, 3, 4, 0},
      {"[net]\n[yolo]\n" STILL "mask=1,2\nnew_coords=1\nscale_x_y=2\nlab_channels=14\n", "yolov3", 0, 0, 3, 4, 0.5f},
      {"[net]\n[yolo]\n" STILL "mask=1,2\niou_loss=ciou\nlab_channels=14\niou_thresh=.2\n", "yolov4", 7, 4, 3, 4, 0},
      {"[net]\n[yolo]\n" STILL "mask=1,2\nscale_x_y=2\nlab_channels=14\n", "yolov5", 7, 4, 3, 4, 0},
      {"[net]\n[yolo]\n" STILL "mask=1,2\nnew_coords=1\nscale_x_y=2\nlab_channels=14\n", "yolov5", 7, 4, 3, 4, 0.5f},
      {"[net]\n[region]\nclasses=2\nnum=2\nanchors=1,1, 2,2\nsoftmax=1\nbias_match=1\nthresh=1\nlab_channels=14\n", "region", 0,
       0, 3, 4, 0},
      {"[net]\n[region]\nclasses=2\nnum=2\nanchors=1,1, 2,2\nbias_match=1\nthresh=1\nlab_channels=14\n", "region", 0, 0, 3, 4,
       0},
      {"[net]\n[detection]\nclasses=2\nnum=2\nside=2\nforced=1\nsqrt=1\nlab_channels=48\n", "detection", 0, 0, 1, 1, 0},
      {"[net]\n[detection]\nclasses=2\nnum=2\nside=2\nforced=1\nsoftmax=1\nlab_channels=48\n", "detection", 0, 0, 1, 1, 0},
      {"[net]\n[Gaussian_yolo]\n" STILL "mask=1,2\nlab_channels=22\n", "gaussian", 11, 8, 3, 4, 0},
      {classes, "softmax", 0, 0, 1, 1, 0},
      {given, "softmax", 0, 0, 1, 1, 0.5f}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    lab l;
    lab_open(&l, cases[i].cfg, cases[i].loss, 2, cases[i].h, cases[i].w);
    lab_draw(&l, 11 + i, cases[i].middle > 0 ? 0.08f : 1, cases[i].middle);
    l.images[1].items = some;
    l.images[1].count = SOME;
    l.images[1].label = 2;
    l.batch.label_smoothing = 0.1;
    lab_make(&l);
    ck_assert_int_gt(lab_differences(&l, 1, cases[i].row, cases[i].first, 2e-3), 7);
    lab_close(&l);
  }
}
END_TEST

START_TEST(scale_and_absent_gradient) {
  for (int i = 0; i < ALL; i++) {
    lab l;
    open_any(&l, i, 3);
    lab_run(&l);
    const double total = l.report.total;
    float *grad = l.heads[0].grad.data;
    float *kept = yolo_alloc(lab_floats(&l, 0) * sizeof *kept);
    ck_assert_ptr_nonnull(kept);
    memcpy(kept, grad, lab_floats(&l, 0) * sizeof *kept);
    l.batch.scale = 0.5f;
    lab_run(&l);
    ck_assert_double_eq(l.report.total, total);
    for (size_t k = 0; k < lab_floats(&l, 0); k++)
      ck_assert_double_eq_tol((double)grad[k], (double)kept[k] / 2, 1e-12 + 1e-6 * fabs((double)kept[k]));
    yolo_tensor absent = l.heads[0].grad;
    l.heads[0].grad.data = NULL;
    ck_assert_int_eq(l.loss->run(l.attrs, &l.batch, &l.report), YOLO_OK);
    ck_assert_double_eq(l.report.total, total);
    l.heads[0].grad = absent;
    yolo_free(kept);
    lab_close(&l);
  }
}
END_TEST

/* Following the gradient from random values ends with every object found: its box by 0.75 at least. */
START_TEST(descent_finds_the_objects) {
  static const yolo_truth apart[] = {
      {0.2f, 0.3f, 0.3f, 0.4f, 1, 1, false}, {0.7f, 0.65f, 0.2f, 0.25f, 0, 1, false}, {0.8f, 0.2f, 0.3f, 0.35f, 1, 1, false}};
  for (int i = 0; i < ALL - 2; i++) {
    lab l;
    double first = 0;
    open_any(&l, i, 2);
    lab_draw(&l, 21, 0.3f, every_loss[i].cfg == detection ? 0.5f : 0);
    for (int n = 0; n < 2; n++) l.images[n] = (yolo_truths){.items = apart, .count = 3, .label = -1, .label2 = -1};
    l.batch.seen = 1000000;
    for (int step = 0; step < 3000; step++) {
      lab_run(&l);
      if (step == 0) first = l.report.total;
      for (int h = 0; h < l.batch.n_heads; h++)
        for (size_t k = 0; k < lab_floats(&l, h); k++)
          ((float *)l.heads[h].value.data)[k] -= 0.1f * ((float *)l.heads[h].grad.data)[k];
    }
    ck_assert_msg(l.report.recalled75 == 6 && l.report.total < 0.75 * first, "%s: %ld of %ld found, %g after %g",
                  every_loss[i].loss, l.report.recalled75, l.report.truths, l.report.total, first);
    lab_close(&l);
  }
}
END_TEST

/* ---- what is there and what is not ---- */

START_TEST(empty_images) {
  for (int i = 0; i < ALL; i++) {
    lab l;
    open_any(&l, i, 1);
    lab_run(&l);
    ck_assert(isfinite(l.report.total) && l.report.total >= 0);
    ck_assert_int_eq(l.report.images, 1);
    ck_assert_int_eq(l.report.truths + l.report.positives + l.report.recalled50 + l.report.correct, 0);
    ck_assert_double_eq(l.report.iou, 0);
    double sum = 0;
    for (int k = 0; k < l.report.n_parts; k++) sum += l.report.parts[k].value;
    ck_assert_double_eq_tol(sum, l.report.total, 1e-12);
    lab_close(&l);
  }
}
END_TEST

START_TEST(unusable_truths_are_passed_over) {
  const yolo_truth odd[] = {{0.5f, 0.5f, 0, 0.5f, 1, 1, false},    {0.5f, 0.5f, -1, 0.5f, 1, 1, false},
                            {NAN, 0.5f, 0.1f, 0.1f, 1, 1, false},  {0.5f, 0.5f, INFINITY, 1, 1, 1, false},
                            {1.5f, 0.5f, 0.1f, 0.1f, 1, 1, false}, {0.5f, -0.1f, 0.1f, 0.1f, 1, 1, false}};
  for (int i = 0; i < ALL - 2; i++) {
    lab l;
    open_any(&l, i, 1);
    lab_run(&l);
    const double total = l.report.total;
    l.images[0].items = odd;
    l.images[0].count = sizeof odd / sizeof odd[0];
    lab_run(&l);
    ck_assert_double_eq(l.report.total, total);
    ck_assert_int_eq(l.report.truths + l.report.positives, 0);
    lab_close(&l);
  }
}
END_TEST

/* A region that is ignored takes the punishment of what lies in it, and asks for nothing. */
START_TEST(ignored_regions) {
  const yolo_truth everything = {0.5f, 0.5f, 1, 1, 77, 1, true};
  for (int i = 0; i < ALL - 2; i++) {
    lab l;
    open_any(&l, i, 1);
    if (every_loss[i].cfg == detection) lab_draw(&l, 3, 0.1f, 0.5f);
    l.batch.seen = 1000000;
    lab_run(&l);
    const double punished = lab_part(&l, "objectness");
    l.images[0].items = &everything;
    l.images[0].count = 1;
    lab_run(&l);
    ck_assert_double_lt(lab_part(&l, "objectness"), 0.8 * punished);
    ck_assert_int_eq(l.report.truths + l.report.positives, 0);
    for (int k = 0; k < l.report.n_parts; k++)
      if (strcmp(l.report.parts[k].name, "objectness") != 0) ck_assert_double_eq(l.report.parts[k].value, 0);
    lab_close(&l);
  }
}
END_TEST

START_TEST(counts) {
  for (int i = 0; i < ALL - 2; i++) {
    lab l;
    open_any(&l, i, 4);
    lab_run(&l);
    ck_assert_int_eq(l.report.truths, USABLE * 3 - 3); /* images 1 and 2 begin later in the list */
    ck_assert_int_gt(l.report.positives, 2);
    ck_assert(l.report.iou >= 0 && l.report.iou <= (double)l.report.positives);
    ck_assert(l.report.recalled75 <= l.report.recalled50 && l.report.recalled50 <= l.report.truths);
    lab_close(&l);
  }
}
END_TEST

/* Shares of mixup halve what an object asks for. */
START_TEST(weights_of_truths) {
  const yolo_truth whole = {0.3f, 0.4f, 0.25f, 0.35f, 1, 1, false}, half = {0.3f, 0.4f, 0.25f, 0.35f, 1, 0.5f, false};
  for (int i = 0; i < ALL - 2; i++) {
    lab l;
    double class_part[2], box_part[2];
    open_any(&l, i, 1);
    l.batch.seen = 1000000;
    l.images[0].count = 1;
    for (int k = 0; k < 2; k++) {
      l.images[0].items = k ? &half : &whole;
      lab_run(&l);
      class_part[k] = lab_part(&l, "class");
      box_part[k] = lab_part(&l, "box");
    }
    ck_assert_double_gt(class_part[0], 0);
    ck_assert_double_eq_tol(class_part[1], class_part[0] / 2, 1e-12);
    ck_assert_double_eq_tol(box_part[1], box_part[0] / 2, 1e-12);
    lab_close(&l);
  }
}
END_TEST

START_TEST(region_draws_to_its_anchors_at_first) {
  lab l;
  open_any(&l, 3, 1);
  lab_run(&l);
  ck_assert_double_gt(lab_part(&l, "prior"), 0);
  l.batch.seen = 12800;
  lab_run(&l);
  ck_assert_double_eq(lab_part(&l, "prior"), 0);
  lab_close(&l);
}
END_TEST

START_TEST(max_delta_clips) {
  lab l;
  lab_open(&l, "[net]\n[yolo]\n" YOLO_KEYS "mask=1,2\niou_loss=ciou\nmax_delta=.001\nlab_channels=14\n", "yolov4", 2, 3, 4);
  lab_draw(&l, 5, 1, 0);
  l.images[1].items = some;
  l.images[1].count = SOME;
  lab_make(&l);
  lab_run(&l);
  float largest = 0;
  for (int p = 0; p < 24; p++)
    for (int k = 0; k < 14; k++)
      if (k % 7 < 4) largest = fmaxf(largest, fabsf(yolo_nth_pixel(&l.heads[0].grad, (size_t)p)[k]));
  ck_assert_float_eq_tol(largest, 0.0005f, 1e-9f); /* the mean over two images */
  lab_close(&l);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("losses");
  TCase *tc = tcase_create("losses");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, yolov3_by_hand);
  tcase_add_test(tc, an_answer_that_fits_is_recalled);
  tcase_add_test(tc, softmax_by_hand);
  tcase_add_test(tc, probabilities_carry_the_same_gradient);
  tcase_add_test(tc, numbers_of_pytorch);
  tcase_add_test(tc, gains_of_yolov5);
  tcase_add_test(tc, gradients_are_derivatives);
  tcase_add_test(tc, descent_finds_the_objects);
  tcase_add_test(tc, scale_and_absent_gradient);
  tcase_add_test(tc, empty_images);
  tcase_add_test(tc, unusable_truths_are_passed_over);
  tcase_add_test(tc, ignored_regions);
  tcase_add_test(tc, counts);
  tcase_add_test(tc, weights_of_truths);
  tcase_add_test(tc, region_draws_to_its_anchors_at_first);
  tcase_add_test(tc, max_delta_clips);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
