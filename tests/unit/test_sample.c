/* Samples from a dataset: pixels, objects with outlines from polygons and RLE, the label map of a mask file; memory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/sample.h"
#include "tests/unit/suite.h"

enum { WIDTH = 40, HEIGHT = 30 };
static char folder[64], image_path[96], mask_path[96];

static void make_files(void) {
  yolo_image image;
  uint8_t map[WIDTH * HEIGHT];
  snprintf(folder, sizeof folder, "%s", P_tmpdir "/yolo-test-sample-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(image_path, sizeof image_path, "%s/a.png", folder);
  snprintf(mask_path, sizeof mask_path, "%s/a-mask.png", folder);
  ck_assert_int_eq(yolo_image_new(WIDTH, HEIGHT, &image), YOLO_OK);
  memset(image.pixels, 77, (size_t)WIDTH * HEIGHT * 3);
  for (int i = 0; i < WIDTH * HEIGHT; i++) map[i] = (uint8_t)(i % WIDTH < 10 ? 3 : i % WIDTH < 20 ? 255 : 0);
  ck_assert_int_eq(yolo_image_save(&image, image_path), YOLO_OK);
  ck_assert_int_eq(yolo_grey_save(map, WIDTH, HEIGHT, mask_path), YOLO_OK);
  yolo_image_release(&image);
}

static void remove_files(void) {
  remove(image_path);
  remove(mask_path);
  remove(folder);
}

static void add(yolo_dataset_builder *b, int kind, uint64_t segment, double x, double y, double w, double h) {
  yolo_annotation a = {.x = x, .y = y, .width = w, .height = h, .segment = segment, .kind = (uint8_t)kind, .class_index = kind};
  a.flags = kind == YOLO_SEGMENT_RLE ? YOLO_ANNOTATION_CROWD : YOLO_ANNOTATION_HAS_BOX;
  ck_assert_int_eq(yolo_dataset_builder_annotation(b, &a), YOLO_OK);
}

/* One image: a box, two polygons of one object, a ring as an RLE. */
static yolo_dataset *make_dataset(bool masked) {
  static const double left[] = {2, 2, 10, 2, 10, 8}, right[] = {20, 3, 30.5, 3, 30.5, 9, 20, 9};
  const double *const lists[] = {left, right};
  const size_t lengths[] = {6, 8};
  yolo_data_image image = {.width = WIDTH, .height = HEIGHT, .label = 5, .pixels = UINT64_MAX};
  yolo_dataset_builder *b = NULL;
  yolo_dataset *out = NULL;
  yolo_rle rle = {0};
  uint8_t ring[WIDTH * HEIGHT] = {0};
  uint64_t segment = 0;
  size_t index = 0;
  int class_index = 0;
  for (int y = 10; y < 20; y++) {
    for (int x = 5; x < 25; x++) ring[y * WIDTH + x] = !(y > 12 && y < 17 && x > 8 && x < 20);
  }
  ck_assert_int_eq(yolo_dataset_builder_new(NULL, &b), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_source(b, "test", "here"), YOLO_OK);
  for (int i = 0; i < 4; i++) {
    char name[] = {(char)('a' + i), 0};
    ck_assert_int_eq(yolo_dataset_builder_class(b, name, NULL, i, &class_index), YOLO_OK);
  }
  ck_assert_int_eq(yolo_dataset_builder_text(b, image_path, &image.file), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_text(b, "a.png", &image.name), YOLO_OK);
  if (masked) ck_assert_int_eq(yolo_dataset_builder_text(b, mask_path, &image.mask_file), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_image(b, &image, &index), YOLO_OK);
  add(b, YOLO_SEGMENT_NONE, 0, 1, 2, 3, 4);
  ck_assert_int_eq(yolo_dataset_builder_polygons(b, lists, lengths, 2, &segment), YOLO_OK);
  add(b, YOLO_SEGMENT_POLYGONS, segment, 2, 2, 28.5, 7);
  ck_assert_int_eq(yolo_rle_encode(ring, HEIGHT, WIDTH, WIDTH, 1, &rle), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_rle(b, &rle, &segment), YOLO_OK);
  add(b, YOLO_SEGMENT_RLE, segment, 5, 10, 20, 10);
  ck_assert_int_eq(yolo_dataset_builder_finish(b, &out), YOLO_OK);
  yolo_dataset_builder_free(b);
  yolo_rle_free(&rle);
  return out;
}

static void expect_box(const yolo_object *o, float x1, float y1, float x2, float y2) {
  ck_assert(o->x1 == x1 && o->y1 == y1 && o->x2 == x2 && o->y2 == y2 && o->weight == 1 && o->visible == 1);
}

START_TEST(objects_and_outlines) {
  yolo_dataset *d = make_dataset(true);
  yolo_sample s = {0};
  double box[4], area = 0;
  bool any = false;
  for (int round = 0; round < 2; round++) { /* into a sample that holds something already */
    ck_assert_msg(yolo_sample_load(d, 0, &s) == YOLO_OK, "%s", yolo_error_message());
    ck_assert_int_eq(s.n_objects, 3);
    expect_box(&s.objects[0], 1, 2, 4, 6);
    expect_box(&s.objects[1], 2, 2, 30.5f, 9);
    ck_assert_int_eq(s.objects[0].outline.n_rings, 0);
    ck_assert_int_eq(s.objects[1].outline.n_parts, 2);
    ck_assert_int_eq(s.objects[2].outline.n_parts, 1);
    ck_assert_int_eq(s.objects[2].outline.n_rings, 2);
    ck_assert_int_eq(s.objects[2].flags, YOLO_ANNOTATION_CROWD);
    ck_assert_int_eq(yolo_outline_bounds(&s.objects[2].outline, WIDTH, HEIGHT, box, &area, &any), YOLO_OK);
    ck_assert(any && area == 200 - 4 * 11);
    ck_assert(s.label == 5 && s.index == 0 && s.label_share == 1 && s.image.width == WIDTH);
    ck_assert_ptr_nonnull(s.label_map);
    ck_assert(s.label_map[9] == 3 && s.label_map[10] == YOLO_LABEL_IGNORE && s.label_map[WIDTH + 20] == 0);
  }
  yolo_sample_free(&s);
  yolo_dataset_free(d);
}
END_TEST

/* A mask of another size is refused with its name; without a mask there is no map, even in a sample that had one. */
START_TEST(label_maps) {
  yolo_dataset *with = make_dataset(true), *without = make_dataset(false);
  yolo_sample s = {0};
  uint8_t small[4] = {0};
  ck_assert_int_eq(yolo_sample_load(with, 0, &s), YOLO_OK);
  ck_assert_int_eq(yolo_sample_load(without, 0, &s), YOLO_OK);
  ck_assert_ptr_null(s.label_map);
  ck_assert_int_eq(yolo_grey_save(small, 2, 2, mask_path), YOLO_OK);
  ck_assert_int_eq(yolo_sample_load(with, 0, &s), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "a-mask.png"));
  yolo_sample_free(&s);
  yolo_dataset_free(with);
  yolo_dataset_free(without);
}
END_TEST

START_TEST(dropping_keeps_the_order) {
  yolo_sample s = {0};
  yolo_object *o = NULL;
  for (int i = 0; i < 20; i++) {
    ck_assert_int_eq(yolo_sample_push(&s, &o), YOLO_OK);
    o->class_index = i;
    float corner[6] = {0, 0, (float)i, 0, 0, (float)i};
    ck_assert_int_eq(yolo_outline_add(&o->outline, corner, 3, false), YOLO_OK);
  }
  for (int i = 18; i >= 0; i -= 2) yolo_sample_drop(&s, i);
  ck_assert_int_eq(s.n_objects, 10);
  for (int i = 0; i < 10; i++) {
    ck_assert_int_eq(s.objects[i].class_index, 2 * i + 1);
    ck_assert(s.objects[i].outline.xy[2] == (float)(2 * i + 1));
  }
  ck_assert_int_eq(yolo_sample_push(&s, &o), YOLO_OK);
  ck_assert(o->outline.n_rings == 0 && o->weight == 1);
  yolo_sample_free(&s);
}
END_TEST

START_TEST(every_allocation_may_fail) {
  yolo_dataset *d = make_dataset(true);
  long live = yolo_memory_get_stats().live;
  for (long nth = 1;; nth++) {
    yolo_sample s = {0};
    yolo_memory_fail_at(nth);
    yolo_status st = yolo_sample_load(d, 0, &s);
    yolo_memory_fail_at(0);
    yolo_sample_free(&s);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
    ck_assert_int_lt(nth, 1000);
  }
  yolo_dataset_free(d);
}
END_TEST

/* The outlines of real annotations: their boxes are the files' boxes. */
START_TEST(real_outlines) {
  const char *root = getenv("YOLO_TEST_DATA");
  if (!root || !*root) {
    printf("SKIP: real outlines (YOLO_TEST_DATA is not set)\n");
    return;
  }
  char labels[512], images[512];
  snprintf(labels, sizeof labels, "%s/coco/annotations/instances_val2017.json", root);
  snprintf(images, sizeof images, "%s/coco/val2017", root);
  yolo_data_source source = {"coco", labels, images};
  yolo_data_open_options options = {.no_cache = true};
  yolo_dataset *d = NULL;
  yolo_sample s = {0};
  int masks = 0, off = 0;
  ck_assert_msg(yolo_dataset_open(&source, 1, &options, &d) == YOLO_OK, "%s", yolo_error_message());
  for (size_t i = 0; i < d->n_images; i++) {
    s.image.width = d->images[i].width; /* only the labels are looked at */
    s.image.height = d->images[i].height;
    ck_assert_int_eq(yolo_sample_load_labels(d, i, &s), YOLO_OK);
    for (int k = 0; k < s.n_objects; k++) {
      const yolo_object *o = &s.objects[k];
      double box[4];
      bool any = false;
      ck_assert_int_gt(o->outline.n_rings, 0);
      ck_assert_int_eq(yolo_outline_bounds(&o->outline, s.image.width, s.image.height, box, NULL, &any), YOLO_OK);
      masks++;
      off += !any || fabs(box[0] - (double)o->x1) > 1 || fabs(box[1] - (double)o->y1) > 1;
      off += any && (fabs(box[2] - (double)o->x2) > 1 || fabs(box[3] - (double)o->y2) > 1);
    }
  }
  printf("%d masks of COCO; %d boxes are more than a pixel from their mask's\n", masks, off);
  ck_assert(masks > 1000 && off * 100 < masks);
  s.image = (yolo_image){0};
  yolo_sample_free(&s);
  yolo_dataset_free(d);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("sample");
  TCase *c = tcase_create("sample");
  tcase_set_timeout(c, 120);
  tcase_add_checked_fixture(c, make_files, remove_files);
  tcase_add_test(c, objects_and_outlines);
  tcase_add_test(c, label_maps);
  tcase_add_test(c, dropping_keeps_the_order);
  tcase_add_test(c, every_allocation_may_fail);
  tcase_add_test(c, real_outlines);
  suite_add_tcase(suite, c);
  return suite_run(suite) != 0;
}
