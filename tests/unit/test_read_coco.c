/* The COCO reader and writer: small files whose every value is known, files with faults, and real ones. */
#include <math.h>

#include "backbone/base/rng.h"
#include "tests/unit/coco_fixture.h"

static char scratch[64];
static void make_scratch(void) { coco_scratch(scratch); }
static void drop_scratch(void) { coco_remove(scratch); }

/* Categories last, ids with holes, beyond 32 bits and out of order; all kinds of masks; what may be missing is missing. */
static const char good[] =
    "{\"info\": {\"year\": 2020, \"t\": \"a \\\"b\\\"\"}, \"licenses\": [{\"id\": 1}], \"other\": [[1]],\n"
    "\"annotations\": [\n"
    "{\"id\": 30, \"image_id\": 5000000000, \"category_id\": 18, \"bbox\": [1.5, 2, 3.25, 4], \"area\": 7.5, \"iscrowd\": 0,"
    " \"segmentation\": [[1.5, 2, 4.75, 2, 4.75, 6], [0.1, 0.2, 0.3, 0.25, 0.123456789, 7]], \"extra\": {\"a\": [1]}},\n"
    "{\"id\": 7, \"image_id\": 3.0, \"category_id\": 90, \"bbox\": [0, 0, 2, 2], \"area\": 3, \"iscrowd\": 1,"
    " \"segmentation\": {\"size\": [4, 5], \"counts\": [2, 3, 15]}},\n"
    "{\"id\": 8, \"image_id\": 3, \"category_id\": 18, \"segmentation\": {\"size\": [4, 5], \"counts\": \"23?\"}},\n"
    "{\"id\": 9, \"image_id\": 3, \"category_id\": 18, \"segmentation\": [[1, 1, 3, 1, 3, 4, 1, 4]], \"ignore\": 1},\n"
    "{\"id\": 10, \"image_id\": 3, \"category_id\": 18, \"bbox\": [-3, -1, 100, 0.5], \"segmentation\": []}],\n"
    "\"images\": [{\"id\": 5000000000, \"file_name\": \"sub/b.jpg\", \"width\": 5, \"height\": 4, \"coco_url\": "
    "\"http://x\"},\n"
    "{\"id\": 3, \"file_name\": \"a.jpg\", \"height\": 4, \"width\": 5.0}, {\"id\": 0, \"file_name\": \"empty.jpg\"}],\n"
    "\"categories\": [{\"id\": 90, \"name\": \"cat\", \"supercategory\": \"animal\"}, {\"id\": 18, \"name\": \"d\\u00f6g\"}]}";

static void expect_good_images(const yolo_dataset *d) {
  ck_assert_uint_eq(d->n_classes, 2);
  ck_assert_uint_eq(d->n_images, 3);
  ck_assert_uint_eq(d->n_annotations, 5);
  ck_assert_str_eq(yolo_dataset_class_name(d, 0), "cat");
  ck_assert_str_eq(yolo_dataset_text(d, d->classes[0].group), "animal");
  ck_assert_str_eq(yolo_dataset_class_name(d, 1), "d\xC3\xB6g");
  ck_assert_str_eq(yolo_dataset_text(d, d->classes[1].group), "");
  ck_assert(d->classes[0].id == 90 && d->classes[1].id == 18);
  ck_assert(d->images[0].id == INT64_C(5000000000) && d->images[0].width == 5 && d->images[0].height == 4);
  ck_assert(d->images[0].first == 0 && d->images[0].count == 1 && d->images[1].first == 1 && d->images[1].count == 4);
  ck_assert(d->images[2].count == 0 && d->images[2].id == 0 && d->images[2].width == 0);
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].name), "sub/b.jpg");
  ck_assert_str_eq(yolo_dataset_text(d, d->sources[0].format), "coco");
}

static void expect_good_annotations(const yolo_dataset *d) {
  const yolo_annotation *a = d->annotations;
  ck_assert(a[0].id == 30 && a[0].x == 1.5 && a[0].y == 2 && a[0].width == 3.25 && a[0].height == 4 && a[0].area == 7.5);
  ck_assert(a[0].class_index == 1 && a[0].kind == YOLO_SEGMENT_POLYGONS);
  ck_assert_int_eq(a[0].flags, YOLO_ANNOTATION_HAS_AREA | YOLO_ANNOTATION_HAS_BOX);
  ck_assert(a[1].id == 7 && a[1].kind == YOLO_SEGMENT_COUNTS && (a[1].flags & YOLO_ANNOTATION_CROWD) && a[1].class_index == 0);
  /* counts "23?" is 2, 3, 15: column 0 rows 2-3 and column 1 row 0 */
  ck_assert(a[2].kind == YOLO_SEGMENT_RLE && a[2].x == 0 && a[2].y == 0 && a[2].width == 2 && a[2].height == 4);
  ck_assert(a[2].area == 3 && a[2].flags == 0);
  ck_assert(a[3].x == 1 && a[3].y == 1 && a[3].width == 2 && a[3].height == 3 && a[3].area == 6);
  ck_assert_int_eq(a[3].flags, YOLO_ANNOTATION_IGNORE);
  ck_assert(a[4].x == -3 && a[4].width == 100 && a[4].height == 0.5 && a[4].area == 50 && a[4].kind == YOLO_SEGMENT_NONE);
  for (int i = 0; i < 5; i++) ck_assert(a[i].place > 1 && good[a[i].place - 1] == '{');
}

START_TEST(reads_what_is_there) {
  issues all;
  yolo_dataset *d = NULL;
  yolo_polygons p = {0};
  yolo_rle rle = {0};
  char *path = coco_put(scratch, "instances_x.json", good);
  issues_begin(&all);
  ck_assert_int_eq(coco_open(path, &all, &d), YOLO_OK);
  ck_assert_str_eq(all.text.data, "");
  expect_good_images(d);
  expect_good_annotations(d);
  ck_assert_int_eq(yolo_annotation_polygons(d, &d->annotations[0], &p), YOLO_OK);
  ck_assert(p.n == 2 && p.n_values == 12 && p.ends[0] == 6 && p.ends[1] == 12 && p.xy[10] == 0.123456789 && p.xy[5] == 6);
  ck_assert_int_eq(yolo_annotation_rle(d, &d->annotations[1], &rle), YOLO_OK);
  ck_assert(rle.count == 3 && rle.runs[0] == 2 && rle.runs[1] == 3 && rle.runs[2] == 15 && rle.height == 4 && rle.width == 5);
  ck_assert_int_eq(yolo_annotation_polygons(d, &d->annotations[1], &(yolo_polygons){0}), YOLO_EINVAL);
  ck_assert_int_eq(yolo_annotation_rle(d, &d->annotations[4], &(yolo_rle){0}), YOLO_EINVAL);
  yolo_rle_free(&rle);
  yolo_polygons_free(&p);
  yolo_dataset_free(d);
  yolo_text_free(&all.text);
  yolo_free(path);
}
END_TEST

/* Written and read again: every value, and "info" and "licenses" with it; twice written is the same file. */
START_TEST(round_trip) {
  char *path = coco_put(scratch, "a.json", good), *second = NULL, *third = NULL, *x = NULL, *y = NULL;
  yolo_dataset *a = NULL, *b = NULL;
  ck_assert_int_eq(yolo_path_join(scratch, "b.json", &second), YOLO_OK);
  ck_assert_int_eq(yolo_path_join(scratch, "c.json", &third), YOLO_OK);
  ck_assert_int_eq(coco_open(path, NULL, &a), YOLO_OK);
  ck_assert_int_eq(coco_writer_row()->write(a, second, NULL), YOLO_OK);
  ck_assert_int_eq(coco_open(second, NULL, &b), YOLO_OK);
  coco_expect_equal(a, b);
  ck_assert_str_eq(a->info, "{\"info\": {\"year\": 2020, \"t\": \"a \\\"b\\\"\"}, \"licenses\": [{\"id\": 1}]}");
  ck_assert_str_eq(a->info, b->info);
  ck_assert_int_eq(coco_writer_row()->write(b, third, NULL), YOLO_OK);
  ck_assert_int_eq(yolo_read_file(second, 1 << 20, &x, NULL), YOLO_OK);
  ck_assert_int_eq(yolo_read_file(third, 1 << 20, &y, NULL), YOLO_OK);
  ck_assert_str_eq(x, y);
  ck_assert_ptr_nonnull(strstr(x, "0.123456789"));
  ck_assert_ptr_nonnull(strstr(x, "[2,3,15]"));
  yolo_dataset_free(a);
  yolo_dataset_free(b);
  yolo_free(path), yolo_free(second), yolo_free(third), yolo_free(x), yolo_free(y);
}
END_TEST

/* Numbers of all sizes keep every bit on the way out and in. */
START_TEST(numbers_round_trip) {
  yolo_rng rng = {.key = 3};
  yolo_text text = {0};
  yolo_dataset *a = NULL, *b = NULL;
  char *out = NULL, *path = NULL;
  yolo_text_format(
      &text, "{\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"}],\"categories\":[{\"id\":1,\"name\":\"a\"}],\"annotations\":[");
  for (int i = 1; i <= 3000; i++) {
    yolo_text_format(&text, "%s{\"id\":%d,\"image_id\":1,\"category_id\":1,\"area\":0.1,\"bbox\":[", i > 1 ? "," : "", i);
    for (int k = 0; k < 4; k++) {
      double v =
          ldexp((double)yolo_rng_u32(&rng) * 4294967296.0 + yolo_rng_u32(&rng) - 9e18, (int)(yolo_rng_u32(&rng) % 100) - 120);
      if (i % 3 == 0) v = round(v * 100) / 100;
      yolo_text_format(&text, "%s%.17g", k ? "," : "", v);
    }
    yolo_text_format(&text, "]}");
  }
  yolo_text_format(&text, "]}");
  path = coco_put(scratch, "n.json", text.data);
  ck_assert_int_eq(coco_open(path, NULL, &a), YOLO_OK);
  ck_assert_uint_eq(a->n_annotations, 3000);
  ck_assert_int_eq(yolo_path_join(scratch, "o.json", &out), YOLO_OK);
  ck_assert_int_eq(coco_writer_row()->write(a, out, NULL), YOLO_OK);
  ck_assert_int_eq(coco_open(out, NULL, &b), YOLO_OK);
  coco_expect_equal(a, b);
  yolo_dataset_free(a);
  yolo_dataset_free(b);
  yolo_text_free(&text);
  yolo_free(out);
  yolo_free(path);
}
END_TEST

/* ---- faults: a list of annotations (or images, or categories), and what is said; how many annotations are left ---- */

#define IMAGES           "\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\", \"width\": 8, \"height\": 8}]"
#define CATEGORIES       "\"categories\": [{\"id\": 1, \"name\": \"a\"}]"
#define ANNOTATION(rest) "\"annotations\": [{\"id\": 4, " rest "}]"
#define WITH(rest)       "{" IMAGES ", " CATEGORIES ", " ANNOTATION(rest) "}"
#define ITS              "\"image_id\": 1, \"category_id\": 1, "
#define BOX              "\"bbox\": [1, 1, 2, 2]"
#define ONE              "\"annotations\": [{\"id\": 4, " ITS BOX "}]"

static const struct {
  const char *json, *said;
  size_t left;
} faults[] = {
    {WITH("\"image_id\": 2, \"category_id\": 1, " BOX), "label-orphan: 128: annotation 4: image_id 2 is not among the images",
     0},
    {WITH("\"image_id\": 1, \"category_id\": 9, " BOX), "class-unknown: 128: annotation 4: category_id 9 is not among", 0},
    {WITH("\"image_id\": \"1\", \"category_id\": 1, " BOX),
     "label-syntax: 128: annotation 4: \"image_id\" and \"category_id\" must", 0},
    {WITH("\"image_id\": 1.5, \"category_id\": 1, " BOX), "must be whole numbers", 0},
    {WITH(ITS "\"area\": 3"), "label-syntax: 128: annotation 4: neither a \"bbox\" nor a mask", 0},
    {WITH(ITS "\"bbox\": null"), "neither a \"bbox\" nor a mask", 0},
    {WITH(ITS "\"bbox\": [1, 2, 3]"), "\"bbox\" is not four numbers", 0},
    {WITH(ITS "\"bbox\": [1, 2, 3, 4, 5]"), "\"bbox\" is not four numbers", 0},
    {WITH(ITS "\"bbox\": [1, 2, 3, \"4\"]"), "\"bbox\" is not four numbers", 0},
    {WITH(ITS "\"bbox\": [1, 2, 3, 1e999]"), "\"bbox\" is not four numbers", 0},
    {WITH(ITS "\"bbox\": {\"x\": 1}"), "\"bbox\" is not four numbers", 0},
    {WITH(ITS BOX ", \"segmentation\": [[1, 1, 2, 2]]"), "mask-invalid: 128: annotation 4: what is no list of at least three",
     1},
    {WITH(ITS BOX ", \"segmentation\": [[1, 1, 2, 2, 3, 3, 4]]"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS BOX ", \"segmentation\": [1, 1, 2, 2, 3, 1]"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS BOX ", \"segmentation\": [[1, 1, 2, 2, 3, \"x\"]]"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS BOX ", \"segmentation\": \"x\""), "mask-invalid: 128: annotation 4: \"segmentation\" is neither", 1},
    {WITH(ITS BOX ", \"segmentation\": {\"counts\": [64]}"), "mask-invalid: 128: annotation 4: a mask without \"size\"", 1},
    {WITH(ITS BOX ", \"segmentation\": {\"size\": [8, 8]}"), "a mask without \"counts\"", 1},
    {WITH(ITS BOX ", \"segmentation\": {\"size\": [8, 8], \"counts\": [63]}"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS BOX ", \"segmentation\": {\"size\": [8, 8], \"counts\": [1, -1, 64]}"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS BOX ", \"segmentation\": {\"size\": [8, 8], \"counts\": [1, \"a\"]}"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS BOX ", \"segmentation\": {\"size\": [8, 8], \"counts\": \"~~\"}"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS BOX ", \"segmentation\": {\"size\": [1e9, 1e9], \"counts\": [5]}"), "mask-invalid: 128: annotation 4", 1},
    {WITH(ITS "\"segmentation\": [[1, 1]]"), "neither a \"bbox\" nor a mask", 0},
    {"{" IMAGES ", " CATEGORIES ", \"annotations\": [5, \"x\", null, [1]]}", "label-syntax: 128: an annotation without id", 0},
    {"{" IMAGES ", " CATEGORIES ", \"annotations\": [{\"id\": \"a\", " ITS BOX "}]}", "\"id\" is no whole number", 0},
    {"{" IMAGES ", " CATEGORIES ", \"annotations\": [{\"id\": 4, " ITS BOX "}, {\"id\": 4, " ITS BOX "}]}",
     ": annotation 4: the id occurs twice", 2},
    {"{\"images\": [{\"file_name\": \"b\"}, {\"id\": 1, \"file_name\": \"a\"}], " CATEGORIES ", " ONE "}",
     "label-syntax: 13: the image 'b' needs a whole number", 1},
    {"{\"images\": [{\"id\": 2}, {\"id\": 1, \"file_name\": \"a\"}], " CATEGORIES ", " ONE "}", "image 2 has no text", 1},
    {"{\"images\": [{\"id\": 1, \"file_name\": \"b\"}, {\"id\": 1, \"file_name\": \"a\"}], " CATEGORIES ", " ONE "}",
     "image id 1 occurs twice; 'a' is left out", 1},
    {"{\"images\": [{\"id\": 1, \"file_name\": \"b\", \"width\": -1}], " CATEGORIES ", " ONE "}", "\"width\" is no size", 1},
    {"{" IMAGES ", \"categories\": [{\"id\": 1, \"name\": \"a\"}, {\"id\": 1, \"name\": \"b\"}], " ONE "}",
     "category id 1 ('b') occurs twice", 1},
    {"{" IMAGES ", \"categories\": [{\"id\": 1, \"name\": \"a\"}, {\"id\": 2, \"name\": \"a\"}], " ONE "}",
     "categories 1 and 2 have one name, 'a'", 1},
    {"{" IMAGES ", \"categories\": [{\"id\": 1}], " ONE "}", "a category needs a whole number", 0},
};

START_TEST(faults_are_reported) {
  issues all;
  yolo_dataset *d = NULL;
  char *path = coco_put(scratch, "f.json", faults[_i].json);
  issues_begin(&all);
  ck_assert_msg(coco_open(path, &all, &d) == YOLO_OK, "%s: %s", faults[_i].json, yolo_error_message());
  ck_assert_msg(strstr(all.text.data, faults[_i].said), "%s\nsaid: %s", faults[_i].json, all.text.data);
  ck_assert_msg(d->n_annotations == faults[_i].left, "%s: %zu are left", faults[_i].json, d->n_annotations);
  yolo_dataset_free(d);
  yolo_text_free(&all.text);
  yolo_free(path);
}
END_TEST

START_TEST(files_that_are_none) {
  static const char *const files[][2] = {
      {"[{\"image_id\": 1}]", "the file is a list, as results of a detector are"},
      {"{\"a\": 1}", "it has no \"images\""},
      {"{\"images\": {}}", "\"images\" is no list"},
      {"{" IMAGES ", \"annotations\": [{\"id\": 1,}]}", "broken JSON"},
      {"{" IMAGES, "cut short"},
      {"", "empty"},
  };
  yolo_dataset *d = NULL;
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    char *path = coco_put(scratch, "f.json", files[i][0]);
    ck_assert_int_eq(coco_open(path, NULL, &d), YOLO_EFORMAT);
    ck_assert_ptr_null(d);
    ck_assert_msg(strstr(yolo_error_message(), files[i][1]) && strstr(yolo_error_message(), path), "%s", yolo_error_message());
    yolo_free(path);
  }
}
END_TEST

START_TEST(categories_from_ids) {
  yolo_dataset *d = NULL;
  issues all;
  char *path = coco_put(scratch, "f.json",
                        "{" IMAGES ", \"annotations\": [{\"id\": 1, \"image_id\": 1, \"category_id\": 70, " BOX
                        "},"
                        "{\"id\": 2, \"image_id\": 1, \"category_id\": 5, " BOX "}]}");
  issues_begin(&all);
  ck_assert_int_eq(coco_open(path, &all, &d), YOLO_OK);
  ck_assert(d->n_classes == 2 && d->classes[0].id == 5 && d->classes[1].id == 70);
  ck_assert_str_eq(yolo_dataset_class_name(d, 1), "category 70");
  ck_assert(d->annotations[0].class_index == 1 && d->annotations[1].class_index == 0);
  yolo_dataset_free(d);
  yolo_text_free(&all.text);
  yolo_free(path);
}
END_TEST

/* ---- the folder of the images ---- */

START_TEST(images_are_found) {
  static const char *const places[][2] = {
      /* the JSON, an image */
      {"1/annotations/instances_v.json", "1/v/a.jpg"},
      {"2/annotations/instances_v.json", "2/images/v/a.jpg"},
      {"3/instances_v.json", "3/v/a.jpg"},
      {"4/instances_v.json", "4/images/v/a.jpg"},
      {"5/annotations/labels.json", "5/images/a.jpg"},
      {"6/labels.json", "6/images/a.jpg"},
      {"7/_annotations.coco.json", "7/a.jpg"},
      {"8/labels.json", "8/a.jpg"},
  };
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    yolo_dataset *d = NULL;
    char *json = coco_put(scratch, places[i][0], "{" IMAGES ", " CATEGORIES ", " ONE "}");
    char *image = coco_put(scratch, places[i][1], "x");
    ck_assert_int_eq(coco_open(json, NULL, &d), YOLO_OK);
    ck_assert_str_eq(yolo_dataset_text(d, d->images[0].file), image);
    yolo_dataset_free(d);
    yolo_free(json);
    yolo_free(image);
  }
}
END_TEST

/* A folder with _annotations.coco.json stands for the file; a given folder of images is believed; an absolute name stays. */
START_TEST(images_as_told) {
  yolo_dataset *d = NULL;
  char folder[96], expected[128];
  char *json = coco_put(scratch, "r/_annotations.coco.json",
                        "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}, {\"id\": 2, \"file_name\": \"/x/b.jpg\"}]}");
  snprintf(folder, sizeof folder, "%s/r", scratch);
  snprintf(expected, sizeof expected, "%s/else/a.jpg", scratch);
  char *elsewhere = coco_put(scratch, "else/x", "");
  elsewhere[strlen(elsewhere) - 2] = '\0';
  yolo_data_source source = {NULL, folder, elsewhere};
  ck_assert_int_eq(yolo_dataset_open(&source, 1, NULL, &d), YOLO_OK);
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].file), expected);
  ck_assert_str_eq(yolo_dataset_text(d, d->images[1].file), "/x/b.jpg");
  yolo_dataset_free(d);
  yolo_free(json);
  yolo_free(elsewhere);
}
END_TEST

/* ---- real files ---- */

typedef struct expected {
  const char *path;
  size_t images, annotations, classes, crowds, polygons, rle, counts;
} expected;
static const expected real[] = {
    {"cocoeval/instances_val2014_100.json", 100, 839, 80, 9, 830, 0, 9},
    {"nuclei/instances_train.json", 226, 6561, 1, 0, 0, 6561, 0},
    {"nuclei/instances_val.json", 47, 1228, 1, 0, 0, 1228, 0},
    {"nuclei/instances_test.json", 61, 1754, 1, 0, 0, 1754, 0},
};

static void expect_counts(const yolo_dataset *d, const expected *e) {
  size_t crowds = 0, kinds[4] = {0};
  for (size_t i = 0; i < d->n_annotations; i++) {
    crowds += (d->annotations[i].flags & YOLO_ANNOTATION_CROWD) != 0;
    kinds[d->annotations[i].kind]++;
  }
  ck_assert(d->n_images == e->images && d->n_annotations == e->annotations && d->n_classes == e->classes);
  ck_assert(crowds == e->crowds && kinds[0] == 0);
  ck_assert(kinds[YOLO_SEGMENT_POLYGONS] == e->polygons && kinds[YOLO_SEGMENT_RLE] == e->rle);
  ck_assert_uint_eq(kinds[YOLO_SEGMENT_COUNTS], e->counts);
}

START_TEST(real_files) {
  const char *data = getenv("YOLO_TEST_DATA");
  const expected *e = &real[_i];
  char *path = NULL, *copy = NULL;
  yolo_dataset *a = NULL, *b = NULL;
  issues all;
  if (!data || !*data) {
    printf("SKIP: YOLO_TEST_DATA is not set: %s is not read\n", e->path);
    return;
  }
  issues_begin(&all);
  ck_assert_int_eq(yolo_path_join(data, e->path, &path), YOLO_OK);
  ck_assert_msg(coco_open(path, &all, &a) == YOLO_OK, "%s", yolo_error_message());
  ck_assert_str_eq(all.text.data, "");
  expect_counts(a, e);
  ck_assert_int_eq(yolo_path_join(scratch, "copy.json", &copy), YOLO_OK);
  ck_assert_int_eq(coco_writer_row()->write(a, copy, NULL), YOLO_OK);
  ck_assert_int_eq(coco_open(copy, NULL, &b), YOLO_OK);
  coco_expect_equal(a, b);
  yolo_dataset_free(a);
  yolo_dataset_free(b);
  yolo_text_free(&all.text);
  yolo_free(path);
  yolo_free(copy);
}
END_TEST

/* ---- trouble ---- */

START_TEST(memory_may_fail) {
  char *path = coco_put(scratch, "m.json", good), *copy = NULL;
  ck_assert_int_eq(yolo_path_join(scratch, "mm.json", &copy), YOLO_OK);
  const long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  for (long n = 1; st != YOLO_OK; n++) {
    yolo_dataset *d = NULL;
    yolo_memory_fail_at(n);
    st = coco_open(path, NULL, &d);
    if (st == YOLO_OK) st = coco_writer_row()->write(d, copy, NULL);
    yolo_memory_fail_at(0);
    yolo_dataset_free(d);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    ck_assert(st == YOLO_OK || st == YOLO_ENOMEM);
    ck_assert_int_lt(n, 2000);
  }
  yolo_free(path);
  yolo_free(copy);
}
END_TEST

/* Up to five changes: cut, a byte, a character of JSON, a digit, a piece taken out. -> the new length, at least 1 */
static size_t change(yolo_rng *rng, char *bytes, size_t n) {
  static const char tokens[] = "{}[]\",:0-9.eE\\ntu \x00\xFF";
  for (uint32_t k = yolo_rng_u32(rng) % 6; k > 0; k--) {
    size_t at = yolo_rng_u32(rng) % n, span = yolo_rng_u32(rng) % 40;
    switch (yolo_rng_u32(rng) % 8) {
      case 0: n = at + 1; break;
      case 1: bytes[at] = (char)yolo_rng_u32(rng); break;
      case 2: bytes[at] = tokens[yolo_rng_u32(rng) % (sizeof tokens - 1)]; break;
      case 3:
        if (at + span >= n || span == 0) break;
        memmove(bytes + at, bytes + at + span, n - at - span);
        n -= span;
        break;
      default: /* digits, mostly: these get furthest */
        for (size_t i = at; i < n; i++)
          if (bytes[i] >= '0' && bytes[i] <= '9') {
            bytes[i] = (char)('0' + yolo_rng_u32(rng) % 10);
            break;
          }
    }
  }
  return n;
}

/* 2,000 changed files: a result or a sentence, and the masks of what was opened can be asked for. */
START_TEST(hostile_files) {
  yolo_rng rng = {.key = 11};
  char *bytes = yolo_strdup(good), *path = coco_put(scratch, "h.json", good);
  const long live = yolo_memory_get_stats().live;
  size_t drawn = 0;
  for (int i = 0; i < 2000; i++) {
    yolo_dataset *d = NULL;
    memcpy(bytes, good, sizeof good);
    ck_assert_int_eq(yolo_write_file(path, bytes, change(&rng, bytes, sizeof good - 1)), YOLO_OK);
    yolo_error_clear();
    yolo_status st = coco_open(path, NULL, &d);
    ck_assert(st == YOLO_OK || strlen(yolo_error_message()) > 10);
    for (size_t a = 0; d && a < d->n_annotations; a++) {
      yolo_rle rle = {0};
      drawn += yolo_annotation_rle(d, &d->annotations[a], &rle) == YOLO_OK;
      yolo_rle_free(&rle);
    }
    yolo_dataset_free(d);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_uint_gt(drawn, 1000); /* not all of them ended at the first bracket */
  yolo_free(bytes);
  yolo_free(path);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("read_coco");
  TCase *tests = tcase_create("all");
  tcase_set_timeout(tests, 300);
  tcase_add_checked_fixture(tests, make_scratch, drop_scratch);
  tcase_add_test(tests, reads_what_is_there);
  tcase_add_test(tests, round_trip);
  tcase_add_test(tests, numbers_round_trip);
  tcase_add_loop_test(tests, faults_are_reported, 0, (int)(sizeof faults / sizeof faults[0]));
  tcase_add_test(tests, files_that_are_none);
  tcase_add_test(tests, categories_from_ids);
  tcase_add_test(tests, images_are_found);
  tcase_add_test(tests, images_as_told);
  tcase_add_loop_test(tests, real_files, 0, (int)(sizeof real / sizeof real[0]));
  tcase_add_test(tests, memory_may_fail);
  tcase_add_test(tests, hostile_files);
  suite_add_tcase(suite, tests);
  return suite_run(suite) ? 1 : 0;
}
