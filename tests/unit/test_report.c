/* Pages and charts: charts are well-formed XML, nothing of a name gets out as markup, pictures come back as they were. */
#include <check.h>
#include <expat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "tests/unit/suite.h"
#include "train/report/html.h"
#include "train/report/svg.h"

static const char *const hostile = "<script>\"a\" & 'b'\x01\xff";

/* Counts elements of one name; fails on what is no XML. */
typedef struct tally {
  const char *name;
  int count;
} tally;

static void on_start(void *payload, const char *name, const char **attributes) {
  tally *t = payload;
  (void)attributes;
  t->count += strcmp(name, t->name) == 0;
}

static int count_elements(const yolo_text *svg, const char *name) {
  tally t = {name, 0};
  XML_Parser parser = XML_ParserCreate("UTF-8");
  XML_SetUserData(parser, &t);
  XML_SetStartElementHandler(parser, on_start);
  enum XML_Status status = XML_Parse(parser, svg->data, (int)svg->length, 1);
  ck_assert_msg(status == XML_STATUS_OK, "%s in line %lu of\n%s", XML_ErrorString(XML_GetErrorCode(parser)),
                (unsigned long)XML_GetCurrentLineNumber(parser), svg->data);
  XML_ParserFree(parser);
  return t.count;
}

START_TEST(lines_are_drawn) {
  double x[] = {0, 0.5, 1, 2}, y[] = {0.1, NAN, 0.4, 0.2}, many[] = {1, 2, 3, 4};
  yolo_svg_series series[] = {{.name = hostile, .x = x, .y = y, .count = 4},
                              {.name = "all", .x = x, .y = many, .count = 4, .colour = 1, .thin = true},
                              {.name = "two", .x = x, .y = many, .count = 4, .colour = 2, .steps = true, .dashed = true}};
  yolo_svg_mark mark = {1, 0.4, hostile};
  yolo_svg_lines chart = {.title = hostile, .x_label = "recall", .y_label = "precision", .series = series, .n_series = 3};
  yolo_text text = {0};
  chart.marks = &mark;
  chart.n_marks = 1;
  ck_assert_int_eq(yolo_svg_put_lines(&text, &chart), YOLO_OK);
  ck_assert_int_eq(count_elements(&text, "circle"), 1);
  ck_assert_int_eq(count_elements(&text, "path"), 4); /* three lines and the axes */
  ck_assert_ptr_null(strstr(text.data, "<script"));
  ck_assert_ptr_null(strstr(text.data, "nan"));
  yolo_text_free(&text);
}
END_TEST

/* No point, one point, constant, zero or negative values on a logarithmic axis: a chart, never nonsense. */
START_TEST(odd_data_give_a_chart) {
  double x[] = {3, 4}, flat[] = {7, 7}, bad[] = {-1, 0};
  const double *const values[] = {flat, flat, bad, bad};
  static const int counts[] = {0, 1, 2, 2};
  for (int i = 0; i < 8; ++i) {
    yolo_svg_series series = {.name = "one", .x = x, .y = values[i % 4], .count = counts[i % 4]};
    yolo_svg_lines chart = {.title = "t", .series = &series, .n_series = 1, .log_y = i >= 4};
    yolo_text text = {0};
    ck_assert_int_eq(yolo_svg_put_lines(&text, &chart), YOLO_OK);
    ck_assert_int_ge(count_elements(&text, "line"), 2);
    ck_assert_ptr_null(strstr(text.data, "nan"));
    ck_assert_ptr_null(strstr(text.data, "inf"));
    yolo_text_free(&text);
  }
}
END_TEST

START_TEST(bars_and_matrices_are_drawn) {
  const char *const names[] = {"cat", hostile, "a rather long name of a class that has to be cut somewhere"};
  double values[] = {3, 0, 12}, counts[] = {5, 1, 0, 0, 0, 0, 2, 2, 90};
  for (int sideways = 0; sideways < 2; ++sideways) {
    yolo_svg_bars bars = {.title = "boxes", .names = names, .values = values, .count = 3, .sideways = sideways == 1};
    yolo_text text = {0};
    ck_assert_int_eq(yolo_svg_put_bars(&text, &bars), YOLO_OK);
    ck_assert_int_eq(count_elements(&text, "rect"), 3);
    yolo_text_free(&text);
  }
  yolo_svg_matrix matrix = {.title = "confusion", .names = names, .values = counts, .count = 3};
  yolo_text text = {0};
  ck_assert_int_eq(yolo_svg_put_matrix(&text, &matrix), YOLO_OK);
  ck_assert_int_eq(count_elements(&text, "rect"), 9);
  yolo_text_free(&text);
}
END_TEST

START_TEST(steps_are_nice) {
  ck_assert_double_eq_tol(yolo_nice_step(1, 5), 0.2, 1e-15);
  ck_assert_double_eq_tol(yolo_nice_step(1234, 5), 500, 1e-9);
  ck_assert_double_eq(yolo_nice_step(0, 5), 1);
  ck_assert_double_eq(yolo_nice_step(INFINITY, 5), 1);
}
END_TEST

START_TEST(pages_escape_and_embed) {
  const char *const cells[] = {"class", "AP", hostile, "0.5"};
  yolo_image image;
  yolo_text page = {0};
  ck_assert_int_eq(yolo_image_new(20, 10, &image), YOLO_OK);
  memset(image.pixels, 90, 600);
  ck_assert_int_eq(yolo_html_begin(&page, hostile), YOLO_OK);
  ck_assert_int_eq(yolo_html_heading(&page, hostile), YOLO_OK);
  ck_assert_int_eq(yolo_html_paragraph(&page, "%s", hostile), YOLO_OK);
  ck_assert_int_eq(yolo_html_table(&page, cells, 2, 2), YOLO_OK);
  ck_assert_int_eq(yolo_html_picture(&page, &image, hostile), YOLO_OK);
  ck_assert_int_eq(yolo_html_end(&page), YOLO_OK);
  ck_assert_ptr_null(strstr(page.data, "<script"));
  ck_assert_ptr_null(strstr(page.data, "http"));
  ck_assert_ptr_nonnull(strstr(page.data, "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&#65533;&#65533;"));
  ck_assert_ptr_nonnull(strstr(page.data, "data:image/jpeg;base64,/9j/"));
  yolo_text_free(&page);
  yolo_image_release(&image);
}
END_TEST

START_TEST(short_memory_leaks_nothing) {
  yolo_image image;
  long live = yolo_memory_get_stats().live;
  ck_assert_int_eq(yolo_image_new(8, 8, &image), YOLO_OK);
  memset(image.pixels, 9, 192);
  for (long n = 1;; ++n) {
    yolo_text page = {0};
    yolo_memory_fail_at(n);
    yolo_status st = yolo_html_begin(&page, "t");
    if (st == YOLO_OK) st = yolo_html_picture(&page, &image, "c");
    yolo_memory_fail_at(0);
    yolo_text_free(&page);
    ck_assert_int_eq(yolo_memory_get_stats().live, live + 1);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
    ck_assert_int_lt(n, 100);
  }
  yolo_image_release(&image);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("report");
  TCase *tc = tcase_create("report");
  tcase_add_test(tc, lines_are_drawn);
  tcase_add_test(tc, odd_data_give_a_chart);
  tcase_add_test(tc, bars_and_matrices_are_drawn);
  tcase_add_test(tc, steps_are_nice);
  tcase_add_test(tc, pages_escape_and_embed);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
