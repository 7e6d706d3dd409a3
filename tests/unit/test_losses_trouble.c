/* Losses in trouble: values without bounds, threads, short memory, hostile keys and batches; the table of losses. */
#include "tests/unit/loss_fixture.h"
#include "tests/unit/suite.h"

/* Values without bounds, as in a training that runs away: no crash; a loss that is not finite or a gradient that is. */
START_TEST(wild_values) {
  static const float wild[] = {1e30f, -1e30f, INFINITY, -INFINITY, NAN, 0, 88, -88};
  for (int i = 0; i < ALL; i++) {
    lab l;
    open_any(&l, i, 3);
    for (int h = 0; h < l.batch.n_heads; h++)
      for (size_t k = 0; k < lab_floats(&l, h); k++) ((float *)l.heads[h].value.data)[k] = wild[(k * 7 + k / 5) % 8];
    lab_run(&l);
    ck_assert_int_eq(l.report.images, 3);
    lab_close(&l);
  }
}
END_TEST

/* ---- threads and memory ---- */

START_TEST(equal_bits_for_any_threads) {
  static const int threads[] = {1, 2, 7};
  for (int i = 0; i < ALL; i++) {
    lab l;
    yolo_loss_report first = {0};
    float *kept = NULL;
    open_any(&l, i, LAB_IMAGES);
    for (int t = 0; t < 3; t++) {
      l.batch.threads = threads[t];
      lab_run(&l);
      const size_t bytes = lab_floats(&l, 0) * sizeof(float);
      if (t == 0) {
        first = l.report;
        ck_assert_ptr_nonnull(kept = yolo_alloc(bytes));
        memcpy(kept, l.heads[0].grad.data, bytes);
      }
      ck_assert_double_eq(l.report.total, first.total);
      ck_assert_double_eq(l.report.iou, first.iou);
      ck_assert_int_eq(memcmp(kept, l.heads[0].grad.data, bytes), 0);
    }
    yolo_free(kept);
    lab_close(&l);
  }
}
END_TEST

START_TEST(short_memory) {
  for (int i = 0; i < ALL; i++) {
    lab l;
    open_any(&l, i, 3);
    yolo_free(l.attrs);
    l.attrs = NULL;
    const long live = yolo_memory_get_stats().live;
    int failures = 0;
    for (long n = 1; n < 1000; n++) {
      yolo_memory_fail_at(n);
      yolo_status st = l.loss->make(l.heads, l.batch.n_heads, &l.attrs);
      if (st == YOLO_OK) st = l.loss->run(l.attrs, &l.batch, &l.report);
      yolo_memory_fail_at(0);
      yolo_free(l.attrs);
      l.attrs = NULL;
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
      if (st == YOLO_OK) break;
      ck_assert_int_eq(st, YOLO_ENOMEM);
      failures++;
    }
    ck_assert_int_ge(failures, 2);
    ck_assert_int_lt(failures, 999);
    lab_close(&l);
  }
}
END_TEST

START_TEST(a_step_allocates_nothing) {
  for (int i = 0; i < ALL; i++) {
    lab l;
    yolo_loss_scratch scratch = {0};
    open_any(&l, i, 3);
    l.batch.scratch = &scratch;
    lab_run(&l);
    const long calls = yolo_memory_get_stats().calls;
    lab_run(&l);
    l.images[1].count = 1;
    lab_run(&l);
    ck_assert_int_eq(yolo_memory_get_stats().calls, calls);
    yolo_free(scratch.data);
    lab_close(&l);
  }
}
END_TEST

/* ---- refusals ---- */

static void refused(const char *cfg, const char *loss, const char *sentence) {
  lab l;
  lab_open(&l, cfg, loss, 1, 4, 6);
  ck_assert_int_ne(l.loss->make(l.heads, l.batch.n_heads, &l.attrs), YOLO_OK);
  ck_assert_ptr_null(l.attrs);
  ck_assert_msg(strstr(yolo_error_message(), sentence) && strstr(yolo_error_message(), "test.cfg:"), "%s",
                yolo_error_message());
  lab_close(&l);
}

#define ONE(keys) "[net]\n[yolo]\n" YOLO_KEYS "mask=1,2\nlab_channels=14\n" keys

START_TEST(table_of_losses) {
  lab l;
  lab_open(&l, two_yolo, "yolov3", 1, 1, 1);
  ck_assert_ptr_null(yolo_loss_find("yolov99"));
  ck_assert_ptr_null(yolo_loss_find(NULL));
  ck_assert_ptr_null(yolo_loss_at(-1));
  ck_assert_ptr_null(yolo_loss_at(yolo_loss_count()));
  for (int i = 0; i < yolo_loss_count(); i++) ck_assert_ptr_eq(yolo_loss_find(yolo_loss_at(i)->name), yolo_loss_at(i));
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_yolo, l.heads[0].section), &yolo_loss_yolov3);
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_yolo, NULL), &yolo_loss_yolov3);
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_region, NULL), &yolo_loss_region);
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_detection, NULL), &yolo_loss_detection);
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_gaussian, NULL), &yolo_loss_gaussian);
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_classify, NULL), &yolo_loss_softmax);
  ck_assert(yolo_loss_fits(&yolo_loss_yolov5, &yolo_head_yolo) && !yolo_loss_fits(&yolo_loss_yolov5, &yolo_head_region));
  lab_close(&l);
  lab_open(&l, gaussian, "gaussian", 1, 1, 1); /* has iou_loss, but is no [yolo] */
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_gaussian, l.heads[0].section), &yolo_loss_gaussian);
  ck_assert_ptr_eq(yolo_loss_default(&yolo_head_yolo, l.heads[0].section), &yolo_loss_yolov4);
  lab_close(&l);
}
END_TEST

START_TEST(reports_add_up_by_images) {
  yolo_loss_report sum = {0};
  const yolo_loss_report none = {0};
  const yolo_loss_report a = {1, {{"class", 2}}, 2, 1, 3, 4, 0.5, 1, 1, 1}, b = {1, {{"class", 6}}, 6, 3, 1, 2, 1.5, 0, 0, 2};
  yolo_loss_report_add(&sum, &none);
  yolo_loss_report_add(&sum, &a);
  yolo_loss_report_add(&sum, &none);
  yolo_loss_report_add(&sum, &b);
  ck_assert_int_eq(sum.images, 4);
  ck_assert_double_eq(sum.total, 5);
  ck_assert_double_eq(sum.parts[0].value, 5);
  ck_assert_double_eq(sum.iou, 2);
  ck_assert_int_eq(sum.truths + 10 * sum.positives + 100 * sum.recalled50 + 1000 * sum.recalled75 + 10000 * sum.correct, 31164);
}
END_TEST

START_TEST(hostile_keys) {
  refused(ONE("ignore_thresh=-1\n"), "yolov3", "ignore_thresh=-1 is out of range (0 to 1)");
  refused(ONE("truth_thresh=3\n"), "yolov4", "truth_thresh=3 is out of range");
  refused(ONE("label_smooth_eps=1\n"), "yolov5", "label_smooth_eps=1 is out of range");
  refused(ONE("scale_x_y=.5\n"), "yolov3", "scale_x_y=0.5");
  refused(ONE("iou_loss=huge\n"), "yolov4", "iou_loss=huge is unknown; iou, giou, diou and ciou exist");
  refused(ONE("iou_thresh_kind=mse\n"), "yolov4", "iou_thresh_kind=mse is unknown");
  refused(ONE("max_delta=0\n"), "yolov4", "max_delta=0 is out of range");
  refused(ONE("iou_normalizer=-2\n"), "yolov4", "iou_normalizer=-2 is out of range");
  refused(ONE("cls_normalizer=x\n"), "yolov4", "cls_normalizer");
  refused(ONE("focal_loss=7\n"), "yolov4", "focal_loss=7 is out of range");
  refused(ONE("counters_per_class=1,2,3\n"), "yolov4", "counters_per_class= has 3 numbers for 2 classes");
  refused(ONE("counters_per_class=1,0\n"), "yolov4", "counts begin at 1");
  refused("[net]\n[region]\nclasses=2\nnum=2\nanchors=1,1, 2,2\nlab_channels=14\nthresh=2\n", "region",
          "thresh=2 is out of range");
  refused("[net]\n[region]\nclasses=2\nnum=2\nanchors=1,1, 2,2\nlab_channels=14\nobject_scale=-1\n", "region",
          "object_scale=-1");
  refused("[net]\n[detection]\nclasses=2\nnum=2\nside=2\nlab_channels=2\nrandom=1\n", "detection", "random=1 draws");
  refused("[net]\n[yolo]\n" YOLO_KEYS "mask=1,2\nlab_channels=14\n[yolo]\nclasses=5\nnum=1\nanchors=1,1\nlab_channels=10\n",
          "yolov3", "classes=5, but the first head has 2; they must agree");
}
END_TEST

START_TEST(batches_that_do_not_fit) {
  const yolo_truth strange = {0.5f, 0.5f, 0.1f, 0.1f, 2, 1, false};
  for (int i = 0; i < ALL; i++) {
    lab l;
    open_any(&l, i, 2);
    l.images[1].items = &strange;
    l.images[1].count = 1;
    l.images[1].label = 4;
    ck_assert_int_eq(l.loss->run(l.attrs, &l.batch, &l.report), YOLO_EINVAL);
    ck_assert_msg(strstr(yolo_error_message(), "image 1") && strstr(yolo_error_message(), "classes apart"), "%s",
                  yolo_error_message());
    l.images[1] = l.images[0];
    l.batch.n_heads++;
    ck_assert_int_ne(l.loss->run(l.attrs, &l.batch, &l.report), YOLO_OK);
    l.batch.n_heads--;
    l.heads[0].value.shape.c++;
    ck_assert_int_eq(l.loss->run(l.attrs, &l.batch, &l.report), YOLO_ESHAPE);
    l.heads[0].value.shape.c--;
    l.batch.count = 1;
    ck_assert_int_eq(l.loss->run(l.attrs, &l.batch, &l.report), YOLO_ESHAPE);
    lab_close(&l);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("losses_trouble");
  TCase *tc = tcase_create("losses_trouble");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, wild_values);
  tcase_add_test(tc, equal_bits_for_any_threads);
  tcase_add_test(tc, short_memory);
  tcase_add_test(tc, a_step_allocates_nothing);
  tcase_add_test(tc, table_of_losses);
  tcase_add_test(tc, reports_add_up_by_images);
  tcase_add_test(tc, hostile_keys);
  tcase_add_test(tc, batches_that_do_not_fit);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
