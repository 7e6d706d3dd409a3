/* Pages of scored runs: what they say of each image, names that are hostile, runs with nothing in them, short memory. */
#include <check.h>
#include <math.h>

#include "tests/unit/coco_fixture.h"
#include "train/report/classify_page.h"
#include "train/report/eval_page.h"
#include "train/report/eval_parts.h"
#include "train/report/semantic_page.h"

/* One run: a COCO file and a results file in a scratch folder. */
typedef struct scored {
  char folder[64];
  yolo_dataset *dataset;
  yolo_eval_truths truths;
  yolo_eval_results results;
  yolo_eval_report report;
} scored;

static void put_image(const char *folder, const char *name) {
  yolo_image image;
  char *path = NULL;
  ck_assert_int_eq(yolo_image_new(64, 48, &image), YOLO_OK);
  memset(image.pixels, 120, 64 * 48 * 3);
  ck_assert_int_eq(yolo_path_join(folder, name, &path), YOLO_OK);
  ck_assert_int_eq(yolo_image_save(&image, path), YOLO_OK);
  yolo_free(path);
  yolo_image_release(&image);
}

static void open_run(scored *s, const char *truth, const char *results, bool masks, int draws) {
  yolo_eval_report_options options = {.boxes = true, .masks = masks, .draws = draws, .seed = 1, .confidence = 0};
  *s = (scored){.dataset = NULL};
  coco_scratch(s->folder);
  put_image(s->folder, "a.png");
  put_image(s->folder, "b.png");
  char *path = coco_put(s->folder, "truth.json", truth);
  ck_assert_int_eq(coco_open(path, NULL, &s->dataset), YOLO_OK);
  yolo_free(path);
  ck_assert_int_eq(yolo_eval_truths_make(s->dataset, &s->truths), YOLO_OK);
  ck_assert_int_eq(yolo_eval_results_read_bytes(results, strlen(results), "results", &s->truths, &s->results), YOLO_OK);
  yolo_eval_params_coco(&options.params, YOLO_EVAL_BOX);
  options.params.threads = 1;
  ck_assert_msg(yolo_eval_report_make(&s->truths, &s->results, &options, &s->report) == YOLO_OK, "%s", yolo_error_message());
}

static void close_run(scored *s) {
  yolo_eval_report_free(&s->report);
  yolo_eval_results_free(&s->results);
  yolo_eval_truths_free(&s->truths);
  yolo_dataset_free(s->dataset);
  coco_remove(s->folder);
}

static const yolo_html_fact facts[] = {{"Truth", "<b>&\"'"}, {"Detections", "3"}};

static yolo_eval_page page_of(const scored *s) {
  return (yolo_eval_page){.report = &s->report,
                          .title = "<i>run",
                          .facts = facts,
                          .n_facts = 2,
                          .images_run = 2,
                          .pictures = YOLO_EVAL_PAGE_PICTURES};
}

static int count_of(const yolo_text *page, const char *what) {
  int n = 0;
  for (const char *p = page->data; (p = strstr(p, what)) != NULL; p += strlen(what)) ++n;
  return n;
}

static void expect(const yolo_text *page, const char *what) {
  ck_assert_msg(strstr(page->data, what) != NULL, "the page lacks: %s", what);
}

/* Nothing of a name became markup, and no number is nonsense. */
static void expect_sound(const yolo_text *page) {
  static const char *const never[] = {"<script", "<i>", "<b>&", "nan\"", ">nan", "inf\"", ">inf", "\x01", "http"};
  for (size_t i = 0; i < sizeof never / sizeof *never; ++i)
    ck_assert_msg(strstr(page->data, never[i]) == NULL, "the page holds %s", never[i]);
  ck_assert_int_eq(count_of(page, "<svg"), count_of(page, "</svg>"));
  ck_assert_int_eq(count_of(page, "<table>"), count_of(page, "</table>"));
  ck_assert_int_eq(count_of(page, "<div"), count_of(page, "</div>"));
  ck_assert_int_eq(count_of(page, "<figure"), count_of(page, "</figure>"));
  expect(page, "</html>");
}

/* The classes are called what an attacker would like, not UTF-8, and very long. */
#define LONG_NAME "long long long long long long long long long long long long long long name"
static const char hostile_truth[] =
    "{\"images\":[{\"id\":1,\"file_name\":\"a.png\",\"width\":64,\"height\":48},"
    "{\"id\":2,\"file_name\":\"b.png\",\"width\":64,\"height\":48},"
    "{\"id\":3,\"file_name\":\"<img src=x onerror=y>.png\",\"width\":64,\"height\":48}],"
    "\"categories\":[{\"id\":1,\"name\":\"<script>alert('1')</script>\"},{\"id\":2,\"name\":\"\\u0001\\\"%s%n\"},"
    "{\"id\":3,\"name\":\"" LONG_NAME
    "\"},{\"id\":4,\"name\":\"\\u732b\\u732b\"}],"
    "\"annotations\":["
    "{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[4,4,20,20],\"area\":400,\"iscrowd\":0,"
    "\"segmentation\":[[4,4,24,4,24,24,4,24]]},"
    "{\"id\":2,\"image_id\":1,\"category_id\":2,\"bbox\":[34,14,20,20],\"area\":400,\"iscrowd\":0,"
    "\"segmentation\":[[34,14,54,14,54,34,34,34]]},"
    "{\"id\":3,\"image_id\":1,\"category_id\":3,\"bbox\":[2,30,10,10],\"area\":100,\"iscrowd\":1,"
    "\"segmentation\":{\"size\":[48,64],\"counts\":[126,10,2936]}},"
    "{\"id\":4,\"image_id\":2,\"category_id\":4,\"bbox\":[10,10,30,30],\"area\":900,\"iscrowd\":0,"
    "\"segmentation\":[[10,10,40,10,40,40,10,40]]},"
    "{\"id\":5,\"image_id\":3,\"category_id\":1,\"bbox\":[10,10,30,30],\"area\":900,\"iscrowd\":0,"
    "\"segmentation\":[[10,10,40,10,40,40,10,40]]}]}";
static const char hostile_results[] =
    "[{\"image_id\":1,\"category_id\":1,\"bbox\":[5,4,20,20],\"score\":0.9},"
    "{\"image_id\":1,\"category_id\":1,\"bbox\":[4,5,20,20],\"score\":0.8},"
    "{\"image_id\":1,\"category_id\":4,\"bbox\":[34,14,20,20],\"score\":0.7},"
    "{\"image_id\":1,\"category_id\":2,\"bbox\":[44,14,20,20],\"score\":0.65},"
    "{\"image_id\":1,\"category_id\":4,\"bbox\":[50,40,8,8],\"score\":0.62},"
    "{\"image_id\":1,\"category_id\":3,\"bbox\":[2,30,10,10],\"score\":0.61},"
    "{\"image_id\":2,\"category_id\":4,\"bbox\":[10,10,30,30],\"score\":0.6}]";

START_TEST(each_finding_has_its_reason) {
  scored s;
  page_findings f;
  yolo_text words = {0};
  open_run(&s, hostile_truth, hostile_results, false, 0);
  ck_assert_int_eq(page_find(&s.report, 0, &f), YOLO_OK);
  ck_assert_uint_eq(f.n_truths, 3);
  ck_assert_int_eq(f.truths[0].fate, PAGE_FOUND);
  ck_assert_int_eq(f.truths[1].fate, PAGE_MISSED);
  ck_assert_int_eq(f.truths[2].fate, PAGE_NOT_SCORED);
  static const page_reason reasons[] = {PAGE_NO_REASON, PAGE_TWICE, PAGE_OTHER, PAGE_INEXACT, PAGE_NOTHING, PAGE_NO_REASON};
  ck_assert_uint_eq(f.n_detections, 6);
  for (size_t i = 0; i < 6; ++i) ck_assert_int_eq(f.detections[i].reason, reasons[i]);
  ck_assert_int_eq(f.detections[0].verdict, YOLO_EVAL_RIGHT);
  ck_assert_int_eq(f.detections[5].verdict, YOLO_EVAL_IGNORED);
  ck_assert_ptr_eq(f.detections[2].close, f.truths[1].truth);
  ck_assert_double_eq_tol(f.detections[3].overlap, 1.0 / 3, 1e-12);
  ck_assert_int_eq(page_tell(&s.report, &f, &words), YOLO_OK);
  ck_assert_str_eq(words.data,
                   "1 right, 1 missed (\x01\"%s%n), 4 false: <script>alert('1')</script> 0.80 found once more; "
                   "\xE7\x8C\xAB\xE7\x8C\xAB 0.70, which is \x01\"%s%n; \x01\"%s%n 0.65, whose box is off (IoU 0.333); "
                   "\xE7\x8C\xAB\xE7\x8C\xAB 0.62 where nothing is");
  yolo_text_free(&words);
  page_findings_free(&f);
  close_run(&s);
}
END_TEST

START_TEST(hostile_names_stay_text) {
  for (int masks = 0; masks < 2; ++masks) {
    scored s;
    yolo_text page = {0};
    open_run(&s, hostile_truth, hostile_results, masks == 1, 50);
    const yolo_eval_page what = page_of(&s);
    ck_assert_int_eq(yolo_eval_page_write(&what, &page), YOLO_OK);
    expect_sound(&page);
    expect(&page, "<dd>&lt;b&gt;&amp;&quot;&#39;</dd>");
    expect(&page, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
    expect(&page, "&lt;img src=x onerror=y&gt;.png");
    expect(&page, LONG_NAME);
    expect(&page, "1 of the 3 pictures could not be read");
    ck_assert_int_eq(count_of(&page, "<svg"), 6);
    ck_assert_int_eq(count_of(&page, "<img "), 4);
    if (masks) expect(&page, "<th>box AP</th>");
    yolo_text_free(&page);
    close_run(&s);
  }
}
END_TEST

/* No detection, no truth, no image, one class: a page that says so. */
START_TEST(empty_runs_have_a_page) {
#define IMAGES  "{\"images\":[{\"id\":1,\"file_name\":\"a.png\",\"width\":64,\"height\":48}],"
#define CLASSES "\"categories\":[{\"id\":1,\"name\":\"cat\"}],"
  static const struct {
    const char *truth, *results, *says;
    int pictures;
  } rows[] = {
      {IMAGES CLASSES "\"annotations\":[]}", "[]", "There is no image with a truth or a detection", 0},
      {IMAGES CLASSES "\"annotations\":[]}", "[{\"image_id\":1,\"category_id\":1,\"bbox\":[1,1,9,9],\"score\":0.5}]",
       "0 right, 0 missed, 1 false: cat 0.50 where nothing is", 2},
      {IMAGES CLASSES
       "\"annotations\":[{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[4,4,20,20],\"area\":400,\"iscrowd\":0}]}",
       "[]", "0 right, 1 missed (cat), 0 false", 2},
      {"{\"images\":[]," CLASSES "\"annotations\":[]}", "[]", "There is no image with a truth or a detection", 0},
      {IMAGES "\"categories\":[],\"annotations\":[]}", "[]", "There is no image with a truth or a detection", 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    scored s;
    yolo_text page = {0};
    open_run(&s, rows[i].truth, rows[i].results, false, 20);
    const yolo_eval_page what = page_of(&s);
    ck_assert_msg(yolo_eval_page_write(&what, &page) == YOLO_OK, "row %zu: %s", i, yolo_error_message());
    expect_sound(&page);
    expect(&page, rows[i].says);
    ck_assert_int_eq(count_of(&page, "<img "), rows[i].pictures);
    yolo_text_free(&page);
    close_run(&s);
  }
}
END_TEST

/* All classes as one: the matches have one class, the confusion all of them. */
START_TEST(classes_as_one) {
  scored s;
  yolo_text page = {0};
  open_run(&s, hostile_truth, hostile_results, false, 0);
  yolo_eval_report_options options = s.report.options;
  options.params.class_agnostic = true;
  yolo_eval_report_free(&s.report);
  ck_assert_int_eq(yolo_eval_report_make(&s.truths, &s.results, &options, &s.report), YOLO_OK);
  const yolo_eval_page what = page_of(&s);
  ck_assert_int_eq(yolo_eval_page_write(&what, &page), YOLO_OK);
  expect_sound(&page);
  expect(&page, "all classes");
  ck_assert_int_eq(count_of(&page, "<svg"), 5); /* no curve by class */
  yolo_text_free(&page);
  close_run(&s);
}
END_TEST

/* A threshold below 0.5 comes first: what is found is still judged at 0.5, as the numbers beside it. */
START_TEST(partners_are_those_of_the_main_threshold) {
  scored s;
  page_findings f;
  open_run(&s, hostile_truth, hostile_results, false, 0);
  yolo_eval_report_options options = s.report.options;
  options.params.n_ious = 2;
  options.params.ious[0] = 0.3;
  options.params.ious[1] = 0.5;
  yolo_eval_report_free(&s.report);
  ck_assert_int_eq(yolo_eval_report_make(&s.truths, &s.results, &options, &s.report), YOLO_OK);
  ck_assert_double_eq(s.report.curves.iou, 0.5);
  ck_assert_int_eq(page_find(&s.report, 0, &f), YOLO_OK);
  ck_assert_int_eq(f.truths[1].fate, PAGE_MISSED);
  ck_assert_int_eq(f.detections[3].reason, PAGE_INEXACT);
  page_findings_free(&f);
  close_run(&s);
}
END_TEST

/* 300 classes: no matrix that nobody could read, but the table and the list. */
START_TEST(many_classes_stay_readable) {
  yolo_text truth = {0}, page = {0};
  scored s;
  yolo_text_format(&truth,
                   "{\"images\":[{\"id\":1,\"file_name\":\"a.png\",\"width\":64,\"height\":48}],\"annotations\":[{\"id\":1,"
                   "\"image_id\":1,\"category_id\":7,\"bbox\":[4,4,20,20],\"area\":400,\"iscrowd\":0}],\"categories\":[");
  for (int k = 0; k < 300; ++k) yolo_text_format(&truth, "%s{\"id\":%d,\"name\":\"class %d\"}", k ? "," : "", k, k);
  yolo_text_format(&truth, "]}");
  open_run(&s, truth.data, "[{\"image_id\":1,\"category_id\":8,\"bbox\":[4,4,20,20],\"score\":0.5}]", false, 0);
  const yolo_eval_page what = page_of(&s);
  ck_assert_int_eq(yolo_eval_page_write(&what, &page), YOLO_OK);
  expect_sound(&page);
  ck_assert_int_eq(count_of(&page, "<svg"), 5);
  expect(&page, "<td>class 7, taken for class 8</td><td>1</td>");
  expect(&page, "0 right, 1 missed (class 7), 1 false: class 8 0.50, which is class 7");
  yolo_text_free(&truth);
  yolo_text_free(&page);
  close_run(&s);
}
END_TEST

/* ---- the other pages ---- */

static yolo_status classify(yolo_text *page) {
  static const char *const names[] = {"<script>", "dog", LONG_NAME};
  const float scores[][3] = {{0.9f, 0.1f, 0}, {0.9f, 0.1f, 0}, {0, 0, 1}};
  const int labels[] = {0, 1, 2};
  yolo_topk topk;
  yolo_status st = yolo_topk_new(3, &topk);
  if (st != YOLO_OK) return st;
  for (int i = 0; i < 3; ++i) yolo_topk_add(&topk, scores[i], labels[i]);
  const yolo_classify_page what = {.title = "<i>run", .facts = facts, .n_facts = 2, .topk = &topk, .names = names, .failed = 1};
  st = yolo_classify_page_write(&what, page);
  yolo_topk_free(&topk);
  return st;
}

START_TEST(classifiers_have_a_page) {
  yolo_text page = {0};
  ck_assert_int_eq(classify(&page), YOLO_OK);
  expect_sound(&page);
  expect(&page, "<span>top-1</span><b>0.5000</b>");
  expect(&page, "<span>top-5</span><b>0.7500</b>");
  expect(&page, "<td>dog, taken for &lt;script&gt;</td><td>1</td>");
  expect(&page, "1 of them could not be read");
  ck_assert_int_eq(count_of(&page, "<svg"), 1);
  yolo_text_free(&page);
}
END_TEST

static yolo_status compare_maps(size_t pixels, yolo_text *page) {
  static const uint8_t truth[] = {0, 0, 1, 1, 255, 9}, prediction[] = {0, 1, 1, 1, 3, 0};
  yolo_semantic semantic;
  yolo_semantic_scores scores;
  yolo_status st = yolo_semantic_new(255, &semantic);
  if (st != YOLO_OK) return st;
  yolo_semantic_add(&semantic, truth, prediction, pixels);
  yolo_semantic_score(&semantic, &scores);
  const yolo_semantic_page what = {.title = "<i>", .facts = facts, .n_facts = 2, .semantic = &semantic, .scores = &scores};
  st = yolo_semantic_page_write(&what, page);
  yolo_semantic_free(&semantic);
  return st;
}

START_TEST(label_maps_have_a_page) {
  yolo_text page = {0};
  ck_assert_int_eq(compare_maps(6, &page), YOLO_OK);
  expect_sound(&page);
  expect(&page, "<span>pixel accuracy</span><b>0.6000</b>");
  expect(&page, "<td>1</td><td>2</td><td>3</td><td class=\"bar\" style=\"--v:66.7%\">0.6667</td>");
  ck_assert_int_eq(count_of(&page, "<svg"), 1);
  yolo_text_free(&page);
  ck_assert_int_eq(compare_maps(0, &page), YOLO_OK);
  expect_sound(&page);
  expect(&page, "<span>mIoU</span><b>-</b>");
  yolo_text_free(&page);
}
END_TEST

/* ---- short memory ---- */

static yolo_status write_eval(void *payload, yolo_text *page) {
  const yolo_eval_page what = page_of(payload);
  return yolo_eval_page_write(&what, page);
}
static yolo_status write_classify(void *payload, yolo_text *page) {
  (void)payload;
  return classify(page);
}
static yolo_status write_maps(void *payload, yolo_text *page) {
  (void)payload;
  return compare_maps(6, page);
}

static void fail_everywhere(yolo_status (*write)(void *, yolo_text *), void *payload) {
  const long live = yolo_memory_get_stats().live;
  for (long n = 1;; n += n < 400 ? 1 : 7) { /* later ones are much alike */
    yolo_text page = {0};
    yolo_memory_fail_at(n);
    yolo_status st = write(payload, &page);
    yolo_memory_fail_at(0);
    yolo_text_free(&page);
    ck_assert_msg(yolo_memory_get_stats().live == live, "allocation %ld leaks", n);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
    ck_assert_int_lt(n, 20000);
  }
}

START_TEST(short_memory_leaks_nothing) {
  scored s;
  open_run(&s, hostile_truth, hostile_results, true, 3);
  fail_everywhere(write_eval, &s);
  fail_everywhere(write_classify, NULL);
  fail_everywhere(write_maps, NULL);
  close_run(&s);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("eval_page");
  TCase *tc = tcase_create("eval_page");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, each_finding_has_its_reason);
  tcase_add_test(tc, hostile_names_stay_text);
  tcase_add_test(tc, empty_runs_have_a_page);
  tcase_add_test(tc, classes_as_one);
  tcase_add_test(tc, partners_are_those_of_the_main_threshold);
  tcase_add_test(tc, many_classes_stay_readable);
  tcase_add_test(tc, classifiers_have_a_page);
  tcase_add_test(tc, label_maps_have_a_page);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
