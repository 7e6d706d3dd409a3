/* Building, joining and opening datasets, packed masks, and images with EXIF tags. */
#include "tests/unit/coco_fixture.h"

static char scratch[64];
static void make_scratch(void) { coco_scratch(scratch); }
static void drop_scratch(void) { coco_remove(scratch); }

static yolo_annotation box_of(size_t image, int class_index, double x) {
  return (yolo_annotation){
      .id = YOLO_DATA_RUNNING_ID, .image = (uint32_t)image, .class_index = class_index, .x = x, .width = 1};
}

static size_t add_image(yolo_dataset_builder *b, int64_t id) {
  yolo_data_image image = {.id = id, .pixels = UINT64_MAX, .label = YOLO_DATA_NO_LABEL, .width = 10, .height = 10};
  size_t index = 99;
  ck_assert_int_eq(yolo_dataset_builder_image(b, &image, &index), YOLO_OK);
  return index;
}

/* ---- building ---- */

START_TEST(annotations_are_grouped) {
  yolo_dataset_builder *b = NULL;
  yolo_dataset *d = NULL;
  int c;
  static const int images[] = {2, 0, 2, 1, 2, 0};
  ck_assert_int_eq(yolo_dataset_builder_new(NULL, &b), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_image(b, &(yolo_data_image){0}, &(size_t){0}), YOLO_EINVAL); /* no source yet */
  ck_assert_int_eq(yolo_dataset_builder_source(b, "test", "here"), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_class(b, "a", NULL, 5, &c), YOLO_OK);
  for (size_t i = 0; i < 4; i++) ck_assert_uint_eq(add_image(b, YOLO_DATA_RUNNING_ID), i);
  for (int i = 0; i < 6; i++) {
    yolo_annotation a = box_of((size_t)images[i], 0, i);
    ck_assert_int_eq(yolo_dataset_builder_annotation(b, &a), YOLO_OK);
  }
  yolo_annotation wrong_image = box_of(4, 0, 0), wrong_class = box_of(0, 1, 0), no_class = box_of(0, -1, 0);
  ck_assert_int_eq(yolo_dataset_builder_annotation(b, &wrong_image), YOLO_EINVAL);
  ck_assert_int_eq(yolo_dataset_builder_annotation(b, &wrong_class), YOLO_EINVAL);
  ck_assert_int_eq(yolo_dataset_builder_annotation(b, &no_class), YOLO_EINVAL);
  ck_assert_int_eq(yolo_dataset_builder_finish(b, &d), YOLO_OK);
  yolo_dataset_builder_free(b);
  static const double order[] = {1, 5, 3, 0, 2, 4};
  for (int i = 0; i < 6; i++) ck_assert(d->annotations[i].x == order[i]);
  ck_assert(d->images[0].first == 0 && d->images[0].count == 2 && d->images[1].first == 2 && d->images[1].count == 1);
  ck_assert(d->images[2].first == 3 && d->images[2].count == 3 && d->images[3].first == 6 && d->images[3].count == 0);
  ck_assert(d->images[3].id == 4 && d->annotations[0].id == 2 && d->annotations[1].id == 6);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(named_classes) {
  static const char *const names[] = {"x", "y", "z"};
  yolo_data_open_options options = {.names = names, .n_names = 3};
  yolo_dataset_builder *b = NULL;
  yolo_dataset *d = NULL;
  int c;
  ck_assert_int_eq(yolo_dataset_builder_new(&options, &b), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_class(b, "z", "g", 40, &c), YOLO_OK);
  ck_assert_int_eq(c, 2);
  ck_assert_int_eq(yolo_dataset_builder_class(b, "other", NULL, 1, &c), YOLO_OK);
  ck_assert_int_eq(c, -1);
  ck_assert_int_eq(yolo_dataset_builder_class(b, "z", NULL, 7, &c), YOLO_OK); /* the first source's id stays */
  ck_assert_int_eq(c, 2);
  ck_assert_int_eq(yolo_dataset_builder_finish(b, &d), YOLO_OK);
  ck_assert(d->n_classes == 3 && d->classes[0].id == 0 && d->classes[1].id == 1 && d->classes[2].id == 40);
  ck_assert_str_eq(yolo_dataset_text(d, d->classes[2].group), "g");
  yolo_dataset_builder_free(b);
  yolo_dataset_free(d);
  static const char *const twice[] = {"x", "x"};
  ck_assert_int_eq(yolo_dataset_builder_new(&(yolo_data_open_options){.names = twice, .n_names = 2}, &b), YOLO_EINVAL);
}
END_TEST

/* ---- packed masks ---- */

static yolo_dataset *with_polygon(const double *xy, size_t n) {
  yolo_dataset_builder *b = NULL;
  yolo_dataset *d = NULL;
  yolo_annotation a = box_of(0, 0, 0);
  int c;
  const double *lists[] = {xy, xy};
  const size_t lengths[] = {n, n / 4 * 2};
  ck_assert_int_eq(yolo_dataset_builder_new(NULL, &b), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_source(b, "test", "here"), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_class(b, "a", NULL, 1, &c), YOLO_OK);
  add_image(b, 1);
  a.kind = YOLO_SEGMENT_POLYGONS;
  ck_assert_int_eq(yolo_dataset_builder_polygons(b, lists, lengths, 2, &a.segment), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_annotation(b, &a), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_finish(b, &d), YOLO_OK);
  yolo_dataset_builder_free(b);
  return d;
}

/* Every bit comes back; hundredths take four bytes. */
START_TEST(polygons_keep_every_bit) {
  static const double sets[][8] = {
      {0, 0.01, 0.07, 123.45, 639.99, -0.29, 21474829.99, 1e5},
      {0, 0.01, 0.07, 123.45, 639.99, -0.29, 21474836.49, 1e5},
      {0.1 + 0.2, 1.0 / 3, 5e-324, -1e300, 1e17, 0.005, 1.005, 2},
      {-0.0, 1, 2, 3, 4, 5, 6, 7},
  };
  for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
    yolo_dataset *d = with_polygon(sets[i], 8);
    yolo_polygons p = {0};
    ck_assert_int_eq(yolo_annotation_polygons(d, &d->annotations[0], &p), YOLO_OK);
    ck_assert(p.n == 2 && p.n_values == 12 && p.ends[0] == 8 && p.ends[1] == 12);
    ck_assert_int_eq(memcmp(p.xy, sets[i], sizeof sets[i]), 0);
    ck_assert_int_eq(memcmp(p.xy + 8, sets[i], 4 * sizeof(double)), 0);
    ck_assert_uint_eq(d->n_segments, 4 + 12 * (i == 0 ? 4 : 8));
    yolo_polygons_free(&p);
    yolo_dataset_free(d);
  }
}
END_TEST

/* The packed bytes cut and changed at every place: refused or read, never beyond them. */
START_TEST(damaged_masks) {
  static const double xy[8] = {1, 1, 5.5, 1, 5.5, 5, 1, 5};
  yolo_dataset *d = with_polygon(xy, 8);
  uint8_t *whole = d->segments;
  const size_t n = d->n_segments;
  for (size_t cut = 0; cut < n; cut++) {
    yolo_polygons p = {0};
    d->segments = yolo_alloc(cut); /* of its own, so that a sanitizer sees a byte too many */
    memcpy(d->segments, whole, cut);
    d->n_segments = cut;
    ck_assert_int_eq(yolo_annotation_polygons(d, &d->annotations[0], &p), YOLO_EFORMAT);
    yolo_free(d->segments);
  }
  d->n_segments = n;
  for (size_t at = 0; at < 4; at++)
    for (int value = 0; value < 256; value++) {
      yolo_polygons p = {0};
      yolo_rle rle = {0};
      d->segments = yolo_alloc(n);
      memcpy(d->segments, whole, n);
      d->segments[at] = (uint8_t)value;
      for (int kind = YOLO_SEGMENT_POLYGONS; kind <= YOLO_SEGMENT_COUNTS; kind++) {
        d->annotations[0].kind = (uint8_t)kind;
        if (yolo_annotation_polygons(d, &d->annotations[0], &p) == YOLO_OK) yolo_polygons_free(&p);
        if (yolo_annotation_rle(d, &d->annotations[0], &rle) == YOLO_OK) yolo_rle_free(&rle);
      }
      yolo_free(d->segments);
    }
  d->segments = whole;
  yolo_dataset_free(d);
}
END_TEST

/* ---- several sources ---- */

static const char first_json[] =
    "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}], \"categories\": [{\"id\": 3, \"name\": \"cat\"}, {\"id\": 4, "
    "\"name\": "
    "\"dog\"}], \"annotations\": [{\"id\": 1, \"image_id\": 1, \"category_id\": 4, \"bbox\": [1, 2, 3, 4]}]}";
static const char second_json[] =
    "{\"images\": [{\"id\": 1, \"file_name\": \"b.jpg\"}], \"categories\": [{\"id\": 3, \"name\": \"dog\"}, {\"id\": 9, "
    "\"name\": "
    "\"cow\"}, {\"id\": 4, \"name\": \"owl\"}], \"annotations\": [{\"id\": 1, \"image_id\": 1, \"category_id\": 3, \"bbox\": "
    "[5, 6, "
    "7, 8]}]}";

START_TEST(sources_are_joined) {
  char *paths[2] = {coco_put(scratch, "1.json", first_json), coco_put(scratch, "2.json", second_json)};
  yolo_data_source sources[] = {{NULL, paths[0], NULL}, {"auto", paths[1], NULL}};
  yolo_dataset *d = NULL;
  ck_assert_int_eq(yolo_dataset_open(sources, 2, NULL, &d), YOLO_OK);
  ck_assert(d->n_sources == 2 && d->n_images == 2 && d->n_annotations == 2 && d->n_classes == 4);
  ck_assert(d->annotations[0].class_index == 1 && d->annotations[1].class_index == 1);  /* both dogs */
  ck_assert(d->images[0].id == 1 && d->images[1].id == 2 && d->annotations[1].id == 2); /* both were 1 */
  ck_assert(d->classes[1].id == 4 && d->classes[3].id == 10);                           /* the owl's 4 was the dog's */
  ck_assert(d->images[1].source == 1);
  yolo_dataset_free(d);
  yolo_free(paths[0]);
  yolo_free(paths[1]);
}
END_TEST

START_TEST(opening_fails_with_a_sentence) {
  char *text = coco_put(scratch, "notes.md", "hello");
  const yolo_data_source sources[] = {{NULL, "/nowhere/x.json", NULL}, {"cocoa", text, NULL}, {NULL, text, NULL}};
  static const char *const said[] = {"/nowhere/x.json: there is no such file", "no reader is called 'cocoa'; there are: coco",
                                     "looks like no label format that is known (coco"};
  yolo_dataset *d = NULL;
  for (int i = 0; i < 3; i++) {
    ck_assert_int_ne(yolo_dataset_open(&sources[i], 1, NULL, &d), YOLO_OK);
    ck_assert_msg(strstr(yolo_error_message(), said[i]), "%s", yolo_error_message());
    ck_assert_ptr_null(d);
  }
  ck_assert_int_eq(yolo_dataset_open(sources, 0, NULL, &d), YOLO_EINVAL);
  ck_assert_ptr_null(yolo_data_reader_find("cocoa"));
  ck_assert_str_eq(yolo_data_reader_find("coco")->name, "coco");
  yolo_free(text);
}
END_TEST

/* ---- images ---- */

/* A 4 x 2 BMP cannot carry a tag, so a JPEG made here gets one: APP1 with orientation 6 behind its SOI. */
static char *put_turned_jpeg(void) {
  static const unsigned char exif[] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                                       0,    1,    1, 18, 0,   3,   0,   0,   0, 1, 0,   6,   0, 0,  0, 0, 0, 0};
  yolo_image image;
  char *path = NULL, *bytes = NULL;
  size_t length;
  yolo_text text = {0};
  ck_assert_int_eq(yolo_path_join(scratch, "turned.jpg", &path), YOLO_OK);
  ck_assert_int_eq(yolo_image_new(16, 8, &image), YOLO_OK);
  for (int i = 0; i < 16 * 8 * 3; i++) image.pixels[i] = i % 48 < 24 ? 255 : 0; /* the left half is white */
  ck_assert_int_eq(yolo_image_save(&image, path), YOLO_OK);
  yolo_image_release(&image);
  ck_assert_int_eq(yolo_read_file(path, 1 << 20, &bytes, &length), YOLO_OK);
  yolo_text_append(&text, bytes, 2);
  yolo_text_append(&text, (const char *)exif, sizeof exif);
  yolo_text_append(&text, bytes + 2, length - 2);
  ck_assert_int_eq(yolo_write_file(path, text.data, text.length), YOLO_OK);
  yolo_text_free(&text);
  yolo_free(bytes);
  return path;
}

START_TEST(exif_where_the_labels_say) {
  static const struct {
    int width, height, orientation, is_width;
  } cases[] = {{0, 0, 6, 8}, {8, 16, 6, 8}, {16, 8, 1, 16}, {100, 50, 1, 16}};
  char *path = put_turned_jpeg();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    yolo_text json = {0};
    yolo_dataset *d = NULL;
    yolo_image image;
    yolo_text_format(&json, "{\"images\": [{\"id\": 1, \"file_name\": \"turned.jpg\"");
    if (cases[i].width) yolo_text_format(&json, ", \"width\": %d, \"height\": %d", cases[i].width, cases[i].height);
    yolo_text_format(&json, "}]}");
    char *labels = coco_put(scratch, "e.json", json.data);
    ck_assert_int_eq(coco_open(labels, NULL, &d), YOLO_OK);
    ck_assert_int_eq(yolo_dataset_load_image(d, 0, &image), YOLO_OK);
    ck_assert(image.orientation == cases[i].orientation && image.exif == 6 && image.width == cases[i].is_width);
    yolo_image_release(&image);
    ck_assert_int_eq(yolo_dataset_load_image(d, 1, &image), YOLO_EINVAL);
    yolo_dataset_free(d);
    yolo_text_free(&json);
    yolo_free(labels);
  }
  yolo_free(path);
}
END_TEST

START_TEST(embedded_images) {
  static const uint8_t grey[] = {7, 9, 11, 13, 15, 17};
  yolo_dataset_builder *b = NULL;
  yolo_dataset *d = NULL;
  yolo_image image;
  size_t index;
  yolo_data_image row = {.id = 1, .width = 3, .height = 1, .label = 0};
  ck_assert_int_eq(yolo_dataset_builder_new(NULL, &b), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_source(b, "test", "here"), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_pixels(b, grey, 3, 1, &row.pixels), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_image(b, &row, &index), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_pixels(b, grey + 3, 2, 1, &row.pixels), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_image(b, &row, &index), YOLO_OK); /* a pixel short */
  ck_assert_int_eq(yolo_dataset_builder_pixels(b, grey, 3, 3, &row.pixels), YOLO_EUNSUPPORTED);
  ck_assert_int_eq(yolo_dataset_builder_pixels(b, grey, 3, 2, &row.pixels), YOLO_EINVAL);
  ck_assert_int_eq(yolo_dataset_builder_finish(b, &d), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_load_image(d, 0, &image), YOLO_OK);
  static const uint8_t rgb[] = {7, 7, 7, 9, 9, 9, 11, 11, 11};
  ck_assert(image.width == 3 && image.height == 1 && memcmp(image.pixels, rgb, 9) == 0);
  yolo_image_release(&image);
  ck_assert_int_eq(yolo_dataset_load_image(d, 1, &image), YOLO_EFORMAT);
  yolo_dataset_builder_free(b);
  yolo_dataset_free(d);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("dataset");
  TCase *tests = tcase_create("all");
  tcase_set_timeout(tests, 300);
  tcase_add_checked_fixture(tests, make_scratch, drop_scratch);
  tcase_add_test(tests, annotations_are_grouped);
  tcase_add_test(tests, named_classes);
  tcase_add_test(tests, polygons_keep_every_bit);
  tcase_add_test(tests, damaged_masks);
  tcase_add_test(tests, sources_are_joined);
  tcase_add_test(tests, opening_fails_with_a_sentence);
  tcase_add_test(tests, exif_where_the_labels_say);
  tcase_add_test(tests, embedded_images);
  suite_add_tcase(suite, tests);
  return suite_run(suite) ? 1 : 0;
}
