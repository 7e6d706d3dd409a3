/* The page of a training: which curves come of a results.csv, whole or damaged, and what stands in the page. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "tests/unit/suite.h"
#include "train/report/train_page.h"

#define HEAD \
  "epoch,images,lr,gradient_norm,loss,box,objectness,class,other,positives,mean_iou,recall50,AP,AP50,AP75,AR100,top1,top5\n"

static int count_of(const char *text, const char *what) {
  int n = 0;
  for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what)) ++n;
  return n;
}

static char *curves_of(const char *csv, int best) {
  yolo_text out = {0};
  ck_assert_int_eq(yolo_train_section_curves(csv, best, &out), YOLO_OK);
  if (!out.data) ck_assert_int_eq(yolo_text_append(&out, "", 0), YOLO_OK);
  return out.data;
}

static const char detector[] = HEAD
    "1,10,0.01,3,4,2,1,1,-1e-9,40,0.5,0.25,,,,,,\n"
    "2,10,0.02,2,2,1,0.5,0.5,0,20,0.6,0.5,0.25,0.5,0.125,0.4,,\n"
    "3,10,0.01,1,1,0.5,0.25,0.25,0,20,0.7,0.75,0.125,0.25,0,0.3,,\n";

START_TEST(a_detector_has_six_charts) {
  char *page = curves_of(detector, 2);
  ck_assert_int_eq(count_of(page, "<svg"), 6);
  ck_assert_ptr_nonnull(strstr(page, "best: 0.2500, epoch 2"));
  ck_assert_ptr_nonnull(strstr(page, ">mAP50-95<"));
  ck_assert_ptr_nonnull(strstr(page, ">objectness<"));
  ck_assert_ptr_null(strstr(page, "other parts")); /* rounding is no part */
  ck_assert_ptr_null(strstr(page, "top-1"));
  /* The loss, 4 2 1: one row of epochs from the left to the right edge, the axis from 0 to 4 or wider. */
  ck_assert_ptr_nonnull(strstr(page, "M62.0 "));
  ck_assert_ptr_nonnull(strstr(page, "L622.0 "));
  yolo_free(page);
}
END_TEST

START_TEST(without_validation_there_is_no_score) {
  char *page = curves_of(HEAD "1,10,0.01,3,4,2,1,1,0,40,0.5,0.25,,,,,,\n2,10,0.01,2,3,1,1,1,0,40,0.5,0.25,,,,,,\n", 0);
  ck_assert_int_eq(count_of(page, "<svg"), 5);
  ck_assert_ptr_null(strstr(page, "mAP"));
  ck_assert_ptr_null(strstr(page, "best"));
  yolo_free(page);
}
END_TEST

START_TEST(a_classifier_has_top_1) {
  char *page = curves_of(HEAD "1,10,0.01,3,4,0,0,4,0,0,0,0,,,,,0.5,0.75\n2,10,0.01,2,3,0,0,3,0,0,0,0,,,,,0.625,1\n", 2);
  ck_assert_int_eq(count_of(page, "<svg"), 4); /* scores, loss, rate, gradient */
  ck_assert_ptr_nonnull(strstr(page, ">top-1<"));
  ck_assert_ptr_nonnull(strstr(page, "best: 0.6250, epoch 2"));
  ck_assert_ptr_null(strstr(page, ">total</text>")); /* a loss of one part needs no legend */
  ck_assert_ptr_null(strstr(page, "mAP"));
  yolo_free(page);
}
END_TEST

/* One epoch is a dot. */
START_TEST(one_epoch_can_be_seen) {
  char *page = curves_of(HEAD "1,10,0.01,3,4,2,1,1,0,40,0.5,0.25,0.5,0.6,0.4,0.5,,\n", 1);
  ck_assert_int_eq(count_of(page, "<svg"), 6);
  ck_assert_int_ge(count_of(page, "h0\""), 6);
  yolo_free(page);
}
END_TEST

/* A loss that falls by more than a power of ten is drawn over its logarithm. */
START_TEST(large_falls_are_logarithmic) {
  char *page = curves_of(HEAD "1,10,0.01,1,1000,1000,0,0,0,1,0.5,0.5,,,,,,\n2,10,0.01,1,1,1,0,0,0,1,0.5,0.5,,,,,,\n", 0);
  ck_assert_ptr_nonnull(strstr(page, ">100<"));
  ck_assert_ptr_nonnull(strstr(page, ">10<"));
  ck_assert_ptr_null(strstr(page, ">200<"));
  yolo_free(page);
}
END_TEST

/* 300 epochs stay light, and so do a hundred thousand; the last point is always there. */
START_TEST(long_runs_stay_light) {
  yolo_text csv = {0};
  ck_assert_int_eq(yolo_text_format(&csv, "%s", HEAD), YOLO_OK);
  for (int i = 1; i <= 100000; ++i)
    ck_assert_int_eq(yolo_text_format(&csv, "%d,10,0.01,3,%d,2,1,1,0,40,0.5,0.25,0.5,0.5,0.5,0.5,,\n", i, 5 + i % 3), YOLO_OK);
  char *page = curves_of(csv.data, 77);
  ck_assert_uint_lt(strlen(page), 200000);
  ck_assert_int_ge(count_of(page, "L622.0 "), 6);
  ck_assert_ptr_nonnull(strstr(page, "epoch 77"));
  yolo_free(page);
  yolo_text_free(&csv);
}
END_TEST

/* Whatever lies there: no crash, no number that is none. */
START_TEST(damaged_tables_draw_what_they_can) {
  static const char *const tables[] = {"",
                                       "\n",
                                       "epoch",
                                       HEAD,
                                       HEAD "1",
                                       HEAD "1,2,3",
                                       HEAD "1,10,nan,inf,-4,,,,,,,,,,,,,\n",
                                       HEAD "1,10,1e999,<script>,4,2,1,1,0,40,0.5,0.25,2,-1,7,,,\n",
                                       HEAD ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n\n\n,\n",
                                       "loss,epoch\n1,1\n2,2\n",
                                       "a,b,c,d\n1,1,1,1\n"};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; ++i) {
    char *page = curves_of(tables[i], 1);
    ck_assert_ptr_null(strstr(page, "nan"));
    ck_assert_ptr_null(strstr(page, "inf"));
    ck_assert_ptr_null(strstr(page, "<script"));
    ck_assert_int_eq(count_of(page, "<svg"), count_of(page, "</svg>"));
    yolo_free(page);
  }
}
END_TEST

static const yolo_html_fact facts[] = {{"Network", "<b>net"}, {"Data", "3 images"}};

START_TEST(the_page_holds_facts_curves_and_the_best_model) {
  yolo_text out = {0};
  yolo_train_page page = {
      .title = "<i>t", .facts = facts, .n_facts = 2, .csv = detector, .best_epoch = 2, .judged = "<h2>X</h2>"};
  ck_assert_int_eq(yolo_train_page_write(&page, &out), YOLO_OK);
  ck_assert_ptr_nonnull(strstr(out.data, "&lt;i&gt;t"));
  ck_assert_ptr_nonnull(strstr(out.data, "&lt;b&gt;net"));
  ck_assert_ptr_nonnull(strstr(out.data, "of epoch 2."));
  ck_assert_ptr_nonnull(strstr(out.data, "<h2>X</h2>"));
  ck_assert_ptr_nonnull(strstr(out.data, "</html>"));
  out.length = 0;
  page.judged = NULL;
  page.best_epoch = 0;
  ck_assert_int_eq(yolo_train_page_write(&page, &out), YOLO_OK);
  ck_assert_ptr_null(strstr(out.data, "best.safetensors"));
  yolo_text_free(&out);
}
END_TEST

START_TEST(short_memory_leaks_nothing) {
  const yolo_train_page page = {.title = "t", .facts = facts, .n_facts = 2, .csv = detector, .best_epoch = 2, .judged = "x"};
  yolo_status st = YOLO_ENOMEM;
  long before = yolo_memory_get_stats().live;
  int failures = 0;
  for (long nth = 1; st == YOLO_ENOMEM; ++nth) {
    yolo_text out = {0};
    yolo_memory_fail_at(nth);
    st = yolo_train_page_write(&page, &out);
    yolo_memory_fail_at(0);
    yolo_text_free(&out);
    failures += st == YOLO_ENOMEM;
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
  }
  ck_assert_int_eq(st, YOLO_OK);
  ck_assert_int_gt(failures, 5);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("train_page");
  TCase *tc = tcase_create("train_page");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, a_detector_has_six_charts);
  tcase_add_test(tc, without_validation_there_is_no_score);
  tcase_add_test(tc, a_classifier_has_top_1);
  tcase_add_test(tc, one_epoch_can_be_seen);
  tcase_add_test(tc, large_falls_are_logarithmic);
  tcase_add_test(tc, long_runs_stay_light);
  tcase_add_test(tc, damaged_tables_draw_what_they_can);
  tcase_add_test(tc, the_page_holds_facts_curves_and_the_best_model);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
