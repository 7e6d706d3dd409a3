/* COCO results and truths: numbers without a tree are strtod's, loadRes's rules, and what is said about bad files. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "tests/unit/eval_fixture.h"
#include "tests/unit/suite.h"
#include "train/eval/eval_report.h"
#include "train/eval/flat_json.h"

/* ---- numbers ---- */

static void expect_number(const char *text, bool whole) {
  const char *at = text, *end = text + strlen(text);
  double got = -99;
  bool good = yolo_flat_number(&at, end, &got);
  ck_assert_msg(good == whole, "'%s' was %sread", text, good ? "" : "not ");
  if (!whole) return;
  double wanted = strtod(text, NULL);
  ck_assert_msg(memcmp(&got, &wanted, sizeof got) == 0, "'%s' is %.17g, not %.17g", text, got, wanted);
  ck_assert_ptr_eq(at, end);
}

START_TEST(numbers_are_correctly_rounded) {
  static const char *const good[] = {"0",
                                     "-0",
                                     "0.0",
                                     "1",
                                     "-12.5",
                                     "1e3",
                                     "1E+3",
                                     "2.5e-3",
                                     "0.1",
                                     "123456789012345678",
                                     "1234567890123456789",
                                     "12345678901234567890123",
                                     "0.30000000000000004",
                                     "9007199254740993",
                                     "9007199254740992.5",
                                     "179769313486231570000",
                                     "1e22",
                                     "1e23",
                                     "1e-22",
                                     "1e300",
                                     "4.9e-324",
                                     "1e-400",
                                     "0.000000000000000000000000000000123",
                                     "100000000000000000000.5",
                                     "0.5000000000000001110223024625156540423631668090820312",
                                     "3.00000000000000000000e0"};
  static const char *const bad[] = {"",   "-",  ".5",  "-.5", "1.",       "1e", "1e+",
                                    "01", "00", "nan", "NaN", "Infinity", "+1", "1e999"};
  for (size_t i = 0; i < COUNT(good); ++i) expect_number(good[i], true);
  for (size_t i = 0; i < COUNT(bad); ++i) expect_number(bad[i], false);
}
END_TEST

START_TEST(random_numbers) {
  yolo_rng rng = {.key = 11};
  for (int i = 0; i < 200000; ++i) {
    char text[64];
    uint64_t bits = (uint64_t)yolo_rng_u32(&rng) << 32 | yolo_rng_u32(&rng);
    double value = (double)(bits >> 11) * 0x1p-53;
    int digits = 1 + (int)(yolo_rng_u32(&rng) % 17);
    switch (i % 4) {
      case 0: snprintf(text, sizeof text, "%.*g", digits, value); break;
      case 1: snprintf(text, sizeof text, "%.*f", digits, value * 1000); break;
      case 2:
        snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)(bits & 1023), (unsigned long long)(bits >> (bits & 31)));
        break;
      default: snprintf(text, sizeof text, "-%llue-%u", (unsigned long long)bits, (unsigned)(bits % 28)); break;
    }
    expect_number(text, true);
  }
}
END_TEST

START_TEST(flat_elements) {
  static const char *const good[] = {
      "{\"image_id\":3,\"category_id\":2,\"bbox\":[1,2,3,4.5],\"score\":0.25}",
      " { \"score\" : 0.25 ,\n\"bbox\" : [ 1 , 2 , 3 , 4.5 ] , \"category_id\": 2, \"image_id\" :3 } "};
  static const char *const bad[] = {"",
                                    "{}",
                                    "{\"image_id\":3}",
                                    "[1]",
                                    "{\"image_id\":3,\"category_id\":2,\"bbox\":[1,2,3],\"score\":0.25}",
                                    "{\"image_id\":3,\"category_id\":2,\"bbox\":[1,2,3,4,5],\"score\":0.25}",
                                    "{\"image_id\":3,\"category_id\":2,\"bbox\":[1,2,3,4],\"score\":0.25,\"id\":1}",
                                    "{\"image_id\":3,\"image_id\":3,\"bbox\":[1,2,3,4],\"score\":0.25}",
                                    "{\"image_id\":3,\"category_id\":2,\"bbox\":[1,2,3,4],\"score\":\"0.25\"}",
                                    "{\"image_id\":3,\"category_id\":2,\"bbox\":[1,2,3,4],\"score\":0.25",
                                    "{\"image_id\":3,\"category_id\":2,\"bbox\":[1,2,3,4],\"score\":0.25}x"};
  for (size_t i = 0; i < COUNT(good); ++i) {
    yolo_flat_result r = {0};
    ck_assert(yolo_flat_result_read(good[i], strlen(good[i]), &r));
    ck_assert(r.image_id == 3 && r.category_id == 2 && r.score == 0.25 && r.box[0] == 1 && r.box[3] == 4.5);
    for (size_t n = 0; n < strlen(good[i]) - 1; ++n) ck_assert(!yolo_flat_result_read(good[i], n, &r));
  }
  for (size_t i = 0; i < COUNT(bad); ++i) {
    yolo_flat_result r;
    ck_assert_msg(!yolo_flat_result_read(bad[i], strlen(bad[i]), &r), "%s", bad[i]);
  }
}
END_TEST

/* ---- truths ---- */

typedef struct row {
  int64_t id;
  size_t image; /* of the dataset: ids 30, 10, 20 */
  int class_index;
  double x;
} row;

static yolo_dataset *dataset_of(const row *rows, size_t n) {
  static const int64_t ids[] = {30, 10, 20};
  yolo_dataset_builder *b = NULL;
  yolo_dataset *d = NULL;
  int index;
  ck_ok(yolo_dataset_builder_new(NULL, &b));
  ck_ok(yolo_dataset_builder_source(b, "coco", "test"));
  ck_ok(yolo_dataset_builder_class(b, "nine", NULL, 9, &index));
  ck_ok(yolo_dataset_builder_class(b, "four", NULL, 4, &index));
  for (int i = 0; i < 3; ++i) {
    yolo_data_image image = {.id = ids[i], .pixels = UINT64_MAX, .width = 64, .height = 48, .label = YOLO_DATA_NO_LABEL};
    size_t number;
    char name[16];
    snprintf(name, sizeof name, "%d.jpg", (int)ids[i]);
    ck_ok(yolo_dataset_builder_text(b, name, &image.file));
    image.name = image.file;
    ck_ok(yolo_dataset_builder_image(b, &image, &number));
  }
  for (size_t i = 0; i < n; ++i) {
    yolo_annotation a = {.id = rows[i].id, .x = rows[i].x, .y = 0, .width = 10, .height = 10, .area = 90, .place = i + 1};
    double polygon[] = {a.x, 0, a.x + 10, 0, a.x + 10, 10, a.x, 10};
    const double *xy = polygon;
    size_t length = 8;
    a.image = (uint32_t)rows[i].image;
    a.class_index = rows[i].class_index;
    a.flags = YOLO_ANNOTATION_HAS_AREA | YOLO_ANNOTATION_HAS_BOX;
    a.kind = YOLO_SEGMENT_POLYGONS;
    ck_ok(yolo_dataset_builder_polygons(b, &xy, &length, 1, &a.segment));
    ck_ok(yolo_dataset_builder_annotation(b, &a));
  }
  ck_ok(yolo_dataset_builder_finish(b, &d));
  yolo_dataset_builder_free(b);
  return d;
}

START_TEST(truths_are_ordered_by_id) {
  static const row rows[] = {{1, 0, 0, 0}, {2, 1, 0, 1}, {3, 2, 1, 2}, {4, 1, 1, 3}};
  yolo_dataset *d = dataset_of(rows, COUNT(rows));
  yolo_eval_truths t = {0};
  ck_ok(yolo_eval_truths_make(d, &t));
  ck_assert_uint_eq(t.n_images, 3);
  ck_assert_int_eq(yolo_eval_truths_image(&t, 0)->id, 10);
  ck_assert_int_eq(yolo_eval_truths_image(&t, 2)->id, 30);
  ck_assert_str_eq(yolo_eval_truths_class_name(&t, 0), "four");
  ck_assert_int_eq(yolo_eval_truths_class_id(&t, 1), 9);
  static const int64_t ids[] = {2, 4, 3, 1};
  static const int classes[] = {1, 0, 0, 1};
  for (size_t i = 0; i < t.n; ++i) {
    ck_assert_int_eq(t.items[i].id, ids[i]);
    ck_assert_int_eq(t.items[i].class_index, classes[i]);
  }
  ck_ok(yolo_eval_truths_make_masks(&t, 2));
  ck_assert_uint_eq(yolo_rle_area(t.items[3].mask), 100);
  const bool keep[] = {true, false};
  ck_ok(yolo_eval_truths_keep_classes(&t, keep));
  ck_assert_int_eq(t.n_classes, 1);
  ck_assert_int_eq(t.items[0].class_index, -1);
  ck_assert_int_eq(t.items[1].class_index, 0);
  ck_assert_int_eq(yolo_id_map_get(&t.class_of_id, 9), -1);
  yolo_eval_truths_free(&t);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(one_id_for_two_counts_the_last_twice) {
  static const row rows[] = {{5, 0, 0, 0}, {6, 0, 0, 40}, {5, 1, 1, 20}};
  yolo_dataset *d = dataset_of(rows, COUNT(rows));
  yolo_eval_truths t = {0};
  ck_ok(yolo_eval_truths_make(d, &t));
  ck_assert_uint_eq(t.repeated_ids, 2);
  for (size_t i = 0; i < 3; ++i) {
    if (t.items[i].id != 5) continue;
    ck_assert_uint_eq(t.items[i].image, 0); /* id 10 */
    ck_assert(t.items[i].box[0] == 20 && t.items[i].class_index == 0);
  }
  yolo_eval_truths_free(&t);
  yolo_dataset_free(d);
}
END_TEST

/* Images 10, 20, 30; truth 5 is in 30 and, last, in 10. */
START_TEST(some_images_only) {
  static const row rows[] = {{5, 0, 0, 0}, {6, 0, 0, 40}, {5, 1, 1, 20}, {7, 2, 1, 0}};
  static const struct {
    bool keep[3];
    size_t n;
    int64_t first;
  } cases[] = {
      {{true, false, false}, 1, 5}, {{false, false, true}, 1, 6}, {{true, false, true}, 3, 5}, {{false, true, true}, 2, 7}};
  static const char json[] =
      "[{\"image_id\":10,\"category_id\":9,\"bbox\":[1,1,2,2],\"score\":1},"
      "{\"image_id\":30,\"category_id\":9,\"bbox\":[1,1,2,2],\"score\":1}]";
  yolo_dataset *d = dataset_of(rows, COUNT(rows));
  for (size_t i = 0; i < COUNT(cases); ++i) {
    yolo_eval_truths t = {0};
    yolo_eval_results r;
    ck_ok(yolo_eval_truths_make(d, &t));
    ck_ok(yolo_eval_truths_keep_images(&t, cases[i].keep));
    ck_assert_uint_eq(t.n_images, (unsigned)cases[i].keep[0] + cases[i].keep[1] + cases[i].keep[2]);
    ck_assert_int_eq(yolo_eval_truths_image(&t, 0)->id, cases[i].keep[0] ? 10 : cases[i].keep[1] ? 20 : 30);
    ck_assert_uint_eq(t.n, cases[i].n);
    ck_assert_int_eq(t.items[0].id, cases[i].first);
    for (size_t k = 0; k < t.n; ++k) ck_assert_uint_lt(t.items[k].image, t.n_images);
    ck_ok(yolo_eval_results_read_bytes(json, strlen(json), "r.json", &t, &r));
    ck_assert_uint_eq(r.n, (unsigned)cases[i].keep[0] + cases[i].keep[2]);
    ck_assert_uint_eq(r.items[r.n - 1].image, cases[i].keep[2] ? t.n_images - 1 : 0);
    ck_assert_uint_eq(r.foreign, 0);
    yolo_eval_results_free(&r);
    yolo_eval_truths_free(&t);
  }
  for (int nth = 1; nth <= 2; ++nth) {
    yolo_eval_truths t = {0};
    ck_ok(yolo_eval_truths_make(d, &t));
    yolo_memory_fail_at(nth);
    yolo_status st = yolo_eval_truths_keep_images(&t, cases[0].keep);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(st, YOLO_ENOMEM);
    yolo_eval_truths_free(&t);
  }
  yolo_dataset_free(d);
}
END_TEST

/* ---- results ---- */

#define HEAD "\"image_id\":10,\"category_id\":9,\"score\":0.5"
#define MASK "\"segmentation\":{\"size\":[48,64],\"counts\":[0,48,3024]}"

static void expect_trouble(const yolo_eval_truths *t, const char *json, const char *sentence) {
  yolo_eval_results r;
  yolo_status st = yolo_eval_results_read_bytes(json, strlen(json), "r.json", t, &r);
  ck_assert_msg(st != YOLO_OK, "%s was read", json);
  ck_assert_msg(strstr(yolo_error_message(), sentence) != NULL, "%s: %s", json, yolo_error_message());
  ck_assert_ptr_null(r.items);
}

START_TEST(results_that_are_none) {
  static const struct {
    const char *json, *sentence;
  } table[] = {
      {"", "empty"},
      {"{}", "no list of detections"},
      {"[1]", "byte 2: detection 1 is no object"},
      {"[{}]", "no whole number \"image_id\""},
      {"[{\"image_id\":1.5}]", "no whole number \"image_id\""},
      {"[{\"image_id\":10}]", "no whole number \"category_id\""},
      {"[{\"image_id\":10,\"category_id\":9}]", "no number \"score\""},
      {"[{" HEAD "}]", "neither \"bbox\" nor \"segmentation\""},
      {"[{" HEAD ",\"bbox\":[]}]", "neither \"bbox\" nor \"segmentation\""},
      {"[{" HEAD ",\"bbox\":[1,2,3]}]", "not four numbers"},
      {"[{" HEAD ",\"bbox\":[1,2,3,4,5]}]", "not four numbers"},
      {"[{" HEAD ",\"bbox\":[1,2,3,\"4\"]}]", "not four numbers"},
      {"[{" HEAD ",\"bbox\":[1,2,3,1e999]}]", "not four numbers"},
      {"[{" HEAD ",\"bbox\":[1,2,3,4]},{" HEAD "}]", "detection 2 has no \"bbox\", but the first one has"},
      {"[{" HEAD "," MASK "},{" HEAD ",\"bbox\":[1,2,3,4]}]", "detection 2 has no \"segmentation\""},
      {"[{\"image_id\":11,\"category_id\":9,\"bbox\":[1,2,3,4],\"score\":0.5}]", "detection 1 is of image_id 11, which"},
      {"[{" HEAD ",\"bbox\":[1,2,3,4]},{" HEAD ",\"bbox\":[1,2,3,4}]", "byte"},
      {"[{" HEAD ",\"bbox\":[1,2,3,NaN]}]", "broken JSON"},
      {"[{" HEAD ",\"segmentation\":5}]", "detection 1: a \"segmentation\" is"},
      {"[{" HEAD ",\"segmentation\":{\"size\":[48],\"counts\":\"0\"}}]", "a \"segmentation\" is"},
      {"[{" HEAD ",\"segmentation\":{\"size\":[48,64],\"counts\":[1]}}]", "detection 1:"},
      {"[{" HEAD ",\"segmentation\":{\"size\":[48,64],\"counts\":\"zzz\"}}]", "detection 1:"},
      {"[{" HEAD ",\"segmentation\":[[1,2,3,4]]}]", "no three points"},
      {"[{" HEAD ",\"segmentation\":[]}]", "without a polygon"},
      {"[{" HEAD ",\"segmentation\":[[1,2,3,4,5,\"6\"]]}]", "no number"}};
  static const row rows[] = {{1, 0, 0, 0}};
  yolo_dataset *d = dataset_of(rows, 1);
  yolo_eval_truths t = {0};
  ck_ok(yolo_eval_truths_make(d, &t));
  for (size_t i = 0; i < COUNT(table); ++i) expect_trouble(&t, table[i].json, table[i].sentence);
  yolo_eval_truths_free(&t);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(rules_of_load_res) {
  static const row rows[] = {{1, 0, 0, 0}};
  static const char boxes[] = "[{" HEAD
                              ",\"bbox\":[1,2,3,4]},{\"image_id\":30,\"category_id\":5,\"score\":1,\"bbox\":[0,0,1,1]},"
                              "{\"image_id\":30.0,\"category_id\":4,\"score\":1,\"bbox\":[0,0,2,1],\"id\":7}]";
  static const char both[] = "[{" HEAD ",\"bbox\":[1,2,3,4]," MASK "},{" HEAD ",\"bbox\":[0,0,8,8]}]";
  static const char masks[] = "[{" HEAD "," MASK "},{" HEAD ",\"bbox\":[5,5,5,5]," MASK "}]";
  yolo_dataset *d = dataset_of(rows, 1);
  yolo_eval_truths t = {0};
  yolo_eval_results r;
  ck_ok(yolo_eval_truths_make(d, &t));
  ck_ok(yolo_eval_results_read_bytes(boxes, sizeof boxes - 1, "r", &t, &r));
  ck_assert(r.has_boxes && !r.has_masks);
  ck_assert_uint_eq(r.n, 2);
  ck_assert_uint_eq(r.foreign, 1);
  ck_assert_int_eq(r.foreign_id, 5);
  ck_assert(r.items[0].area == 12 && r.items[0].image == 0 && r.items[0].class_index == 1);
  ck_assert(r.items[1].image == 2 && r.items[1].class_index == 0);
  ck_ok(yolo_eval_results_make_masks(&r, &t)); /* a box without a mask is a rectangle */
  ck_assert_uint_eq(yolo_rle_area(r.items[0].mask), 12);
  yolo_eval_results_free(&r);
  ck_ok(yolo_eval_results_read_bytes(both, sizeof both - 1, "r", &t, &r));
  ck_assert(r.has_boxes && r.has_masks && r.items[0].area == 12); /* with "bbox", its area; for masks too */
  ck_ok(yolo_eval_results_make_masks(&r, &t));
  ck_assert_uint_eq(yolo_rle_area(r.items[0].mask), 48);
  ck_assert_uint_eq(yolo_rle_area(r.items[1].mask), 64);
  yolo_eval_results_free(&r);
  ck_ok(yolo_eval_results_read_bytes(masks, sizeof masks - 1, "r", &t, &r));
  ck_assert(!r.has_boxes && r.has_masks && r.items[0].area == 48 && r.items[1].area == 48);
  ck_assert(r.items[0].box[2] == 1 && r.items[0].box[3] == 48 && r.items[1].box[0] == 5);
  yolo_eval_results_free(&r);
  ck_ok(yolo_eval_results_read_bytes("[]", 2, "r", &t, &r));
  ck_assert_uint_eq(r.n, 0);
  yolo_eval_results_free(&r);
  yolo_eval_truths_free(&t);
  yolo_dataset_free(d);
}
END_TEST

/* ---- a whole run ---- */

START_TEST(report_of_a_run) {
  static const row rows[] = {{1, 0, 0, 0}, {2, 0, 0, 30}, {3, 1, 0, 0}};
  static const char found[] =
      "[{\"image_id\":30,\"category_id\":9,\"score\":0.9,\"bbox\":[0,0,10,10]},"
      "{\"image_id\":10,\"category_id\":9,\"score\":0.8,\"bbox\":[40,0,10,10]}]";
  yolo_dataset *d = dataset_of(rows, COUNT(rows));
  yolo_eval_truths t = {0};
  yolo_eval_results r = {0};
  yolo_eval_report report;
  yolo_eval_report_options options = {.boxes = true, .masks = true, .draws = 20, .confidence = -1};
  long live = yolo_memory_get_stats().live, nth = 0;
  yolo_status st;
  yolo_eval_params_coco(&options.params, YOLO_EVAL_BOX);
  options.params.threads = 1;
  do {
    yolo_memory_fail_at(++nth);
    st = yolo_eval_truths_make(d, &t);
    if (st == YOLO_OK) st = yolo_eval_results_read_bytes(found, sizeof found - 1, "r", &t, &r);
    if (st == YOLO_OK) st = yolo_eval_report_make(&t, &r, &options, &report);
    yolo_memory_fail_at(0);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
    yolo_eval_results_free(&r);
    yolo_eval_truths_free(&t);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  } while (nth < 1000);
  ck_ok(st);
  ck_assert_int_gt(nth, 60);
  ck_assert(report.kinds[0].scored && report.kinds[1].scored && report.main_kind == YOLO_EVAL_MASK);
  ck_assert(report.confidence == 0.9);          /* F1 is best with the right one alone */
  ck_assert_uint_eq(report.images[0].image, 0); /* the worst: one object, missed; the wrong detection is below */
  ck_assert_uint_eq(report.images[0].missed, 1);
  ck_assert_uint_eq(report.images[0].wrong, 0);
  ck_assert_uint_eq(report.images[1].image, 2);
  ck_assert(fabs(report.images[1].f1 - 2.0 / 3) < 1e-15);
  ck_assert(report.images[2].f1 == 1 && report.images[2].image == 1);
  ck_assert_uint_eq(report.sizes[1].truths, 3); /* sqrt(90) lies from 8 to 16 */
  ck_assert_uint_eq(report.sizes[1].found, 1);
  ck_assert_int_eq(yolo_eval_report_verdict(&report, 0), YOLO_EVAL_RIGHT);
  ck_assert_int_eq(yolo_eval_report_verdict(&report, 1), YOLO_EVAL_BELOW);
  yolo_eval_report_free(&report);
  yolo_eval_results_free(&r);
  yolo_eval_truths_free(&t);
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
  yolo_dataset_free(d);
}
END_TEST

/* ---- the example of the COCO API ---- */

static void expect_example(const char *data, const char *kind, bool masks, const double wanted[YOLO_EVAL_NUMBERS]) {
  char truth[512], found[512];
  yolo_dataset *d = NULL;
  yolo_eval_truths t = {0};
  yolo_eval_results r = {0};
  yolo_eval_report report;
  yolo_eval_report_options options = {.boxes = !masks, .masks = masks, .confidence = -1};
  const yolo_data_open_options open = {.no_cache = true};
  snprintf(truth, sizeof truth, "%s/cocoeval/instances_val2014_100.json", data);
  snprintf(found, sizeof found, "%s/cocoeval/instances_val2014_fake%s100_results.json", data, kind);
  const yolo_data_source source = {"coco", truth, NULL};
  yolo_eval_params_coco(&options.params, YOLO_EVAL_BOX);
  ck_ok(yolo_dataset_open(&source, 1, &open, &d));
  ck_ok(yolo_eval_truths_make(d, &t));
  ck_ok(yolo_eval_results_read(found, &t, &r));
  ck_ok(yolo_eval_report_make(&t, &r, &options, &report));
  for (int i = 0; i < YOLO_EVAL_NUMBERS; ++i) {
    double got = report.kinds[masks].numbers[i];
    ck_assert_msg(fabs(got - wanted[i]) < 1e-12, "%s %s: %.17g, not %.17g", kind, yolo_eval_number_names[i], got, wanted[i]);
  }
  yolo_eval_report_free(&report);
  yolo_eval_results_free(&r);
  yolo_eval_truths_free(&t);
  yolo_dataset_free(d);
}

START_TEST(example_of_the_coco_api) {
  static const double boxes[YOLO_EVAL_NUMBERS] = {
      0.5045806987249628,  0.6969727247299577, 0.5729816669904824, 0.5856257209410443, 0.5193996948036719, 0.5013978986347466,
      0.38681277964578054, 0.5936795762842003, 0.595352982877607,  0.6398109626113442, 0.5664205978994309, 0.5642905982905982};
  static const double masks[YOLO_EVAL_NUMBERS] = {0.3195452758576433, 0.5622883972521636,  0.29892653412086784,
                                                  0.3873740315997838, 0.31018272403369485, 0.3269339071005138,
                                                  0.2682297225711534, 0.41544868114906375, 0.4168394992198818,
                                                  0.4694498622754236, 0.37675922666197265, 0.3814715099715099};
  const char *data = getenv("YOLO_TEST_DATA");
  if (!data) {
    printf("SKIP: YOLO_TEST_DATA is not set; the example of the COCO API was not scored\n");
    return;
  }
  expect_example(data, "bbox", false, boxes);
  expect_example(data, "segm", true, masks);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("eval_results");
  TCase *tc = tcase_create("eval_results");
  suite_add_tcase(suite, tc);
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, numbers_are_correctly_rounded);
  tcase_add_test(tc, random_numbers);
  tcase_add_test(tc, flat_elements);
  tcase_add_test(tc, truths_are_ordered_by_id);
  tcase_add_test(tc, one_id_for_two_counts_the_last_twice);
  tcase_add_test(tc, some_images_only);
  tcase_add_test(tc, results_that_are_none);
  tcase_add_test(tc, rules_of_load_res);
  tcase_add_test(tc, report_of_a_run);
  tcase_add_test(tc, example_of_the_coco_api);
  return suite_run(suite) == 0 ? 0 : 1;
}
