/* What becomes of boxes that do not fit their image: yolo_box_judge and yolo_dataset_clean. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/dataset.h"
#include "tests/unit/suite.h"

/* ---- one box, in an image of 640 x 2000 ---- */

typedef struct judge_case {
  double box[4];
  yolo_box_fate fate;
  yolo_data_rule why; /* of a box that is not kept */
  double after[4];    /* of a box that is not dropped */
} judge_case;

static const judge_case cases[] = {
    {{0, 0, 640, 2000}, YOLO_BOX_KEEP, 0, {0, 0, 640, 2000}},
    {{10, 20, 30, 40}, YOLO_BOX_KEEP, 0, {10, 20, 30, 40}},
    {{0.5, 0.5, 0.25, 0.25}, YOLO_BOX_KEEP, 0, {0.5, 0.5, 0.25, 0.25}},
    /* decimals: inside without a word */
    {{600, 0, 40.004, 10}, YOLO_BOX_KEEP, 0, {600, 0, 40, 10}},
    {{-0.004, 0, 40, 10}, YOLO_BOX_KEEP, 0, {0, 0, 39.996, 10}},
    /* a pixel on the short side (0.2% of 640 is 1.28), four on the long one */
    {{-1, 0, 40, 10}, YOLO_BOX_CLIP, YOLO_RULE_BOX_CLIPPED, {0, 0, 39, 10}},
    {{601, 0, 40.25, 10}, YOLO_BOX_CLIP, YOLO_RULE_BOX_CLIPPED, {601, 0, 39, 10}},
    {{0, -4, 40, 10}, YOLO_BOX_CLIP, YOLO_RULE_BOX_CLIPPED, {0, 0, 40, 6}},
    {{0, 1990, 40, 14}, YOLO_BOX_CLIP, YOLO_RULE_BOX_CLIPPED, {0, 1990, 40, 10}},
    {{-1, -1, 642, 2002}, YOLO_BOX_CLIP, YOLO_RULE_BOX_CLIPPED, {0, 0, 640, 2000}},
    /* farther */
    {{-1.5, 0, 40, 10}, YOLO_BOX_DROP, YOLO_RULE_BOX_OUTSIDE, {0}},
    {{601, 0, 41, 10}, YOLO_BOX_DROP, YOLO_RULE_BOX_OUTSIDE, {0}},
    {{0, -4.5, 40, 10}, YOLO_BOX_DROP, YOLO_RULE_BOX_OUTSIDE, {0}},
    {{700, 0, 40, 10}, YOLO_BOX_DROP, YOLO_RULE_BOX_OUTSIDE, {0}},
    {{-100, 0, 40, 10}, YOLO_BOX_DROP, YOLO_RULE_BOX_OUTSIDE, {0}},
    /* near the edge, but wholly outside */
    {{-0.5, 0, 0.5, 10}, YOLO_BOX_DROP, YOLO_RULE_BOX_OUTSIDE, {0}},
    {{640, 0, 0.5, 10}, YOLO_BOX_DROP, YOLO_RULE_BOX_OUTSIDE, {0}},
    /* no area */
    {{10, 10, 0, 5}, YOLO_BOX_DROP, YOLO_RULE_BOX_EMPTY, {0}},
    {{10, 10, 5, 0}, YOLO_BOX_DROP, YOLO_RULE_BOX_EMPTY, {0}},
    {{10, 10, -5, 5}, YOLO_BOX_DROP, YOLO_RULE_BOX_EMPTY, {0}},
    {{900, 10, -5, 5}, YOLO_BOX_DROP, YOLO_RULE_BOX_EMPTY, {0}},
    /* no numbers */
    {{NAN, 10, 5, 5}, YOLO_BOX_DROP, YOLO_RULE_BOX_INVALID, {0}},
    {{10, 10, NAN, 5}, YOLO_BOX_DROP, YOLO_RULE_BOX_INVALID, {0}},
    {{10, -INFINITY, 5, 5}, YOLO_BOX_DROP, YOLO_RULE_BOX_INVALID, {0}},
    {{10, 10, 5, INFINITY}, YOLO_BOX_DROP, YOLO_RULE_BOX_INVALID, {0}},
    {{1.7e308, 10, 1.7e308, 5}, YOLO_BOX_DROP, YOLO_RULE_BOX_INVALID, {0}},
};
enum { N_CASES = sizeof cases / sizeof *cases };

START_TEST(boxes_are_judged) {
  const judge_case *c = &cases[_i];
  double box[4];
  yolo_data_rule why = YOLO_RULE_COUNT;
  memcpy(box, c->box, sizeof box);
  ck_assert_int_eq(yolo_box_judge(box, 640, 2000, &why), c->fate);
  if (c->fate != YOLO_BOX_KEEP) ck_assert_int_eq(why, c->why);
  for (int k = 0; k < 4 && c->fate != YOLO_BOX_DROP; ++k) ck_assert_double_eq_tol(box[k], c->after[k], 1e-12);
}
END_TEST

START_TEST(an_image_of_unknown_size_has_no_outside) {
  double box[4] = {-50, 7000, 10, 10};
  yolo_data_rule why;
  ck_assert_int_eq(yolo_box_judge(box, 0, 0, &why), YOLO_BOX_KEEP);
  ck_assert_double_eq(box[0], -50);
  box[2] = 0;
  ck_assert_int_eq(yolo_box_judge(box, 0, 0, &why), YOLO_BOX_DROP);
  ck_assert_int_eq(why, YOLO_RULE_BOX_EMPTY);
}
END_TEST

/* ---- a data set ---- */

/* Two images of 640 x 2000; all the cases lie in the second, and one good box in the first. */
static yolo_dataset *make_dataset(void) {
  yolo_dataset_builder *builder = NULL;
  yolo_dataset *dataset = NULL;
  size_t index;
  int class_index;
  yolo_data_image image = {.id = YOLO_DATA_RUNNING_ID, .pixels = UINT64_MAX, .width = 640, .height = 2000, .label = -1};
  ck_assert_int_eq(yolo_dataset_builder_new(NULL, &builder), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_source(builder, "voc", "labels"), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_class(builder, "cat", NULL, 7, &class_index), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_text(builder, "a.jpg", &image.name), YOLO_OK);
  for (int i = 0; i < 2; ++i) ck_assert_int_eq(yolo_dataset_builder_image(builder, &image, &index), YOLO_OK);
  for (int i = 0; i <= N_CASES; ++i) {
    const double *box = cases[i < N_CASES ? i : 0].box;
    yolo_annotation a = {.id = YOLO_DATA_RUNNING_ID,
                         .x = box[0],
                         .y = box[1],
                         .width = box[2],
                         .height = box[3],
                         .area = box[2] * box[3],
                         .place = (uint64_t)i + 1,
                         .image = i < N_CASES};
    ck_assert_int_eq(yolo_dataset_builder_annotation(builder, &a), YOLO_OK);
  }
  ck_assert_int_eq(yolo_dataset_builder_info(builder, "{}"), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_finish(builder, &dataset), YOLO_OK);
  yolo_dataset_builder_free(builder);
  return dataset;
}

typedef struct seen {
  size_t n;
  uint64_t last_line;
} seen;

static void see(void *payload, const yolo_data_issue *issue) {
  seen *s = payload;
  s->n++;
  ck_assert_str_eq(issue->file, "labels");
  ck_assert_uint_gt(issue->line, s->last_line); /* the case number, in order */
  s->last_line = issue->line;
  ck_assert_int_eq(issue->rule, cases[issue->line - 1].why);
  ck_assert_ptr_nonnull(strstr(issue->what, "'cat' in a.jpg"));
}

START_TEST(a_data_set_is_cleaned) {
  yolo_dataset *dataset = make_dataset(), *clean = NULL;
  seen s = {0};
  yolo_data_sink sink = {.report = see, .payload = &s};
  size_t kept = 1, reported = 0, at = 0;
  ck_assert_int_eq(yolo_dataset_clean(dataset, &sink, &clean), YOLO_OK);
  for (int i = 0; i < N_CASES; ++i) kept += cases[i].fate != YOLO_BOX_DROP, reported += cases[i].fate != YOLO_BOX_KEEP;
  ck_assert_uint_eq(s.n, reported);
  ck_assert_uint_eq(clean->n_annotations, kept);
  ck_assert_uint_eq(clean->images[0].count, 1);
  ck_assert_uint_eq(clean->images[1].first, 1);
  ck_assert_uint_eq(clean->images[1].count, kept - 1);
  for (int i = 0; i < N_CASES; ++i) {
    if (cases[i].fate == YOLO_BOX_DROP) continue;
    const yolo_annotation *a = &clean->annotations[1 + at++];
    ck_assert_uint_eq(a->place, (uint64_t)i + 1);
    ck_assert_double_eq_tol(a->x, cases[i].after[0], 1e-12);
    ck_assert_double_eq_tol(a->height, cases[i].after[3], 1e-12);
    if (cases[i].fate == YOLO_BOX_CLIP) ck_assert_double_eq_tol(a->area, a->width * a->height, 1e-9);
  }
  ck_assert_uint_eq(dataset->n_annotations, N_CASES + 1); /* what was read stays as it is */
  ck_assert_str_eq(yolo_dataset_class_name(clean, 0), "cat");
  ck_assert_str_eq(clean->info, "{}");
  yolo_dataset_free(dataset);
  yolo_dataset_free(clean);
}
END_TEST

START_TEST(memory_may_be_short) {
  yolo_dataset *dataset = make_dataset(), *clean = NULL;
  long before = yolo_memory_get_stats().live, nth = 0;
  yolo_status st = YOLO_ENOMEM;
  while (st != YOLO_OK) {
    yolo_memory_fail_at(++nth);
    st = yolo_dataset_clean(dataset, NULL, &clean);
    yolo_memory_fail_at(0);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
    ck_assert_ptr_null(clean);
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
  }
  ck_assert_int_gt(nth, 5);
  yolo_dataset_free(clean);
  yolo_dataset_free(dataset);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("clean");
  TCase *tests = tcase_create("clean");
  tcase_add_loop_test(tests, boxes_are_judged, 0, N_CASES);
  tcase_add_test(tests, an_image_of_unknown_size_has_no_outside);
  tcase_add_test(tests, a_data_set_is_cleaned);
  tcase_add_test(tests, memory_may_be_short);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
