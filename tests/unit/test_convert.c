/* Writers of label files, and round trips through all of them. */
#include <math.h>
#include <sys/stat.h>

#include "datasets/index_mask.h"
#include "tests/unit/formats_fixture.h"
#include "tests/unit/suite.h"

static const yolo_data_writer *writer(const char *name) {
  for (int i = 0; i < yolo_data_writer_count; ++i)
    if (strcmp(yolo_data_writers[i]->name, name) == 0) return yolo_data_writers[i];
  ck_abort_msg("no writer %s", name);
  return NULL;
}

static void take_note(void *payload, const char *sentence) {
  yolo_text *notes = payload;
  ck_assert_int_eq(yolo_text_format(notes, "%s\n", sentence), YOLO_OK);
}

/* Writes, and hands back what was said. */
static void write_set(const yolo_dataset *d, const char *format, const char *path, yolo_text *notes) {
  const yolo_log log = {notes ? take_note : NULL, notes};
  ck_assert_msg(writer(format)->write(d, path, &log) == YOLO_OK, "%s: %s", format, yolo_error_message());
}

static yolo_dataset *through(yolo_dataset *d, const char *format, const char *path) {
  write_set(d, format, path, NULL);
  yolo_dataset_free(d);
  return open_set(format, path, NULL, NULL);
}

/* ---- a small set with everything in it ---- */

static const char everything[] =
    "{\"images\":[{\"id\":5,\"file_name\":\"a/1.png\",\"width\":20,\"height\":10},"
    "{\"id\":6,\"file_name\":\"b/1.png\",\"width\":20,\"height\":10},{\"id\":7,\"file_name\":\"b/"
    "1.bmp\",\"width\":20,\"height\":10}],"
    "\"annotations\":["
    "{\"id\":1,\"image_id\":5,\"category_id\":2,\"bbox\":[1.25,2.5,3.125,4],\"area\":12.5,\"iscrowd\":0},"
    "{\"id\":2,\"image_id\":5,\"category_id\":1,\"bbox\":[0,0,20,10],\"area\":200,\"iscrowd\":1,"
    "\"segmentation\":{\"size\":[10,20],\"counts\":[0,200]}},"
    "{\"id\":3,\"image_id\":5,\"category_id\":1,\"bbox\":[2,2,12,6],\"area\":32,\"iscrowd\":0,"
    "\"segmentation\":[[2,2,6,2,6,6,2,6],[10,4,14,4,14,8,10,8]]},"
    "{\"id\":4,\"image_id\":6,\"category_id\":1,\"bbox\":[1,1,2,2],\"area\":4,\"iscrowd\":0,"
    "\"segmentation\":{\"size\":[10,20],\"counts\":[11,2,8,2,177]}}],"
    "\"categories\":[{\"id\":2,\"name\":\"<cat> & "
    "\\\"dog\\\"\"},{\"id\":1,\"name\":\"b\\u00e9\"},{\"id\":3,\"name\":\"unused\"}]}";

static yolo_dataset *open_everything(void) {
  put_image("src/a/1.png", 20, 10);
  put_image("src/b/1.png", 20, 10);
  put_image("src/b/1.bmp", 20, 10);
  put_text("src/all.json", everything);
  return open_set("coco", "src/all.json", "src", NULL);
}

static void expect_link(const char *link, const char *image) {
  struct stat a, b;
  ck_assert_msg(lstat(link, &a) == 0, "there is no %s", link);
  ck_assert(S_ISLNK(a.st_mode));
  ck_assert_int_eq(stat(link, &a), 0);
  ck_assert_int_eq(stat(image, &b), 0);
  ck_assert(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

static void expect_said(const yolo_text *notes, const char *what) {
  ck_assert_msg(notes->data && strstr(notes->data, what) != NULL, "'%s' is not said in:\n%s", what,
                notes->data ? notes->data : "");
}

START_TEST(yolo_is_written) {
  yolo_dataset *d = open_everything();
  yolo_text notes = {0};
  findings found;
  write_set(d, "yolo", "yolo", &notes);
  yolo_dataset_free(d);
  expect_said(&notes, "1 crowd");
  expect_said(&notes, "1 masks of several parts");
  expect_said(&notes, "1 masks stored as runs");
  yolo_text_free(&notes);
  expect_link("yolo/images/a/1.png", "src/a/1.png");
  expect_link("yolo/images/b/1-2.bmp", "src/b/1.bmp"); /* its labels must not be those of b/1.png */
  static const char *const ways[] = {"yolo", "yolo/images.txt", "yolo/images", "yolo/labels"};
  for (size_t i = 0; i < 4; ++i) {
    d = open_set(NULL, ways[i], NULL, &found);
    ck_assert_int_eq(found.count, 0);
    ck_assert_uint_eq(d->n_images, 3);
    ck_assert_uint_eq(d->n_classes, 3);
    ck_assert_str_eq(yolo_dataset_class_name(d, 0), "<cat> & \"dog\"");
    ck_assert_uint_eq(d->n_annotations, 3);
    expect_box(&d->annotations[0], 1.25, 2.5, 3.125, 4);
    expect_box(&d->annotations[1], 2, 2, 12, 6);
    ck_assert_int_eq(d->annotations[1].kind, YOLO_SEGMENT_POLYGONS);
    ck_assert_double_eq_tol(d->annotations[1].area, 32, 1e-9); /* the way between the parts has no area */
    expect_box(&d->annotations[2], 1, 1, 2, 2);
    yolo_dataset_free(d);
  }
}
END_TEST

START_TEST(voc_is_written) {
  yolo_dataset *d = open_everything();
  yolo_text notes = {0};
  findings found;
  write_set(d, "voc", "voc", &notes);
  yolo_dataset_free(d);
  expect_said(&notes, "1 crowd");
  expect_said(&notes, "2 masks became boxes");
  yolo_text_free(&notes);
  expect_link("voc/JPEGImages/a_1.png", "src/a/1.png");
  static const char *const ways[] = {"voc", "voc/ImageSets/Main/all.txt", "voc/Annotations"};
  for (size_t i = 0; i < 3; ++i) {
    d = open_set(NULL, ways[i], NULL, &found);
    ck_assert_int_eq(found.count, 0);
    ck_assert_uint_eq(d->n_images, 3);
    ck_assert_uint_eq(d->n_classes, 3);
    ck_assert_str_eq(yolo_dataset_class_name(d, 0), "<cat> & \"dog\"");
    ck_assert_str_eq(yolo_dataset_class_name(d, 1), "b\xC3\xA9");
    ck_assert_uint_eq(d->n_annotations, 3);
    expect_box(&d->annotations[0], 1.25, 2.5, 3.125, 4);
    expect_box(&d->annotations[1], 2, 2, 12, 6);
    yolo_dataset_free(d);
  }
}
END_TEST

START_TEST(masks_are_written) {
  yolo_dataset *d = open_everything();
  yolo_text notes = {0};
  yolo_index_mask mask;
  write_set(d, "masks", "masks", &notes);
  yolo_dataset_free(d);
  expect_said(&notes, "1 objects have only a box");
  yolo_text_free(&notes);
  ck_assert_int_eq(yolo_index_mask_load("masks/masks/b/1.png", &mask), YOLO_OK);
  for (int i = 0; i < 200; ++i) {
    int x = i % 20, y = i / 20;
    ck_assert_int_eq(mask.values[i], x >= 1 && x < 3 && y >= 1 && y < 3 ? 2 : 0);
  }
  yolo_index_mask_release(&mask);
  d = open_set(NULL, "masks", NULL, NULL);
  ck_assert_uint_eq(d->n_classes, 4);
  ck_assert_str_eq(yolo_dataset_class_name(d, 0), "background");
  ck_assert_uint_eq(d->n_annotations, 2); /* the crowd covers its smaller neighbour's class */
  d = through(d, "masks", "masks2");      /* a second time: nothing moves */
  ck_assert_uint_eq(d->n_classes, 4);
  yolo_dataset_free(d);
  char *a = NULL, *b = NULL;
  size_t na = 0, nb = 0;
  ck_assert_int_eq(yolo_read_file("masks/masks/a/1.png", 10000, &a, &na), YOLO_OK);
  ck_assert_int_eq(yolo_read_file("masks2/masks/a/1.png", 10000, &b, &nb), YOLO_OK);
  ck_assert_uint_eq(na, nb);
  ck_assert_mem_eq(a, b, na);
  yolo_free(a);
  yolo_free(b);
}
END_TEST

START_TEST(small_masks_lie_on_large_ones) {
  yolo_index_mask mask;
  put_image("o/a.png", 4, 1);
  put_text("o/o.json",
           "{\"images\":[{\"id\":1,\"file_name\":\"a.png\",\"width\":4,\"height\":1}],\"annotations\":["
           "{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[1,0,1,1],\"area\":1,\"iscrowd\":0,"
           "\"segmentation\":{\"size\":[1,4],\"counts\":[1,1,2]}},"
           "{\"id\":2,\"image_id\":1,\"category_id\":2,\"bbox\":[0,0,3,1],\"area\":3,\"iscrowd\":0,"
           "\"segmentation\":{\"size\":[1,4],\"counts\":[0,3,1]}}],"
           "\"categories\":[{\"id\":1,\"name\":\"x\"},{\"id\":2,\"name\":\"y\"}]}");
  yolo_dataset *d = open_set("coco", "o/o.json", NULL, NULL);
  write_set(d, "masks", "o/out", NULL);
  yolo_dataset_free(d);
  ck_assert_int_eq(yolo_index_mask_load("o/out/masks/a.png", &mask), YOLO_OK);
  ck_assert_mem_eq(mask.values, ((const uint8_t[]){2, 1, 2, 0}), 4);
  yolo_index_mask_release(&mask);
}
END_TEST

START_TEST(another_file_in_the_place_of_a_link_is_an_error) {
  const yolo_log log = {0};
  yolo_dataset *d = open_everything();
  put_image("taken/images/a/1.png", 3, 3);
  ck_assert_int_eq(writer("yolo")->write(d, "taken", &log), YOLO_EINVAL);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "taken/images/a/1.png"));
  yolo_dataset_free(d);
}
END_TEST

START_TEST(an_image_in_its_place_stays) { /* src/images/a.png gets src/labels/a.txt */
  struct stat info;
  put_image("own/images/a.png", 8, 8);
  put_text("own/own.json",
           "{\"images\":[{\"id\":1,\"file_name\":\"images/a.png\",\"width\":8,\"height\":8}],\"annotations\":["
           "{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[1,1,4,4],\"area\":16,\"iscrowd\":0}],"
           "\"categories\":[{\"id\":1,\"name\":\"x\"}]}");
  yolo_dataset *d = open_set("coco", "own/own.json", NULL, NULL);
  write_set(d, "yolo", "own", NULL);
  yolo_dataset_free(d);
  ck_assert_int_eq(lstat("own/images/a.png", &info), 0);
  ck_assert(S_ISREG(info.st_mode));
  d = open_set(NULL, "own", NULL, NULL);
  ck_assert_uint_eq(d->n_annotations, 1);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(memory_may_be_short) {
  yolo_dataset *d = open_everything();
  long live = yolo_memory_get_stats().live;
  static const char *const formats[] = {"yolo", "voc", "masks"};
  for (size_t i = 0; i < 3; ++i) {
    yolo_status st = YOLO_ENOMEM;
    for (long nth = 1; st != YOLO_OK; ++nth) {
      const yolo_log log = {0};
      ck_assert_int_lt(nth, 5000);
      yolo_memory_fail_at(nth);
      st = writer(formats[i])->write(d, "short", &log);
      yolo_memory_fail_at(0);
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
      ck_assert_msg(st == YOLO_OK || st == YOLO_ENOMEM, "%s %ld: %s", formats[i], nth, yolo_error_message());
    }
  }
  yolo_dataset_free(d);
}
END_TEST

/* ---- real data: COCO -> VOC -> YOLO -> COCO keeps every box ---- */

/* The k-th annotation of an image that is no crowd; NULL behind the last. */
static const yolo_annotation *countable(const yolo_dataset *d, const yolo_data_image *image, uint32_t k) {
  for (uint32_t i = 0; i < image->count; ++i) {
    const yolo_annotation *a = &d->annotations[image->first + i];
    if (!(a->flags & YOLO_ANNOTATION_CROWD) && k-- == 0) return a;
  }
  return NULL;
}

static size_t compare_boxes(const yolo_dataset *a, const yolo_dataset *b) {
  size_t boxes = 0;
  ck_assert_uint_eq(a->n_images, b->n_images);
  for (size_t i = 0; i < a->n_images; ++i) {
    const yolo_annotation *p, *q;
    char stem[64];
    snprintf(stem, sizeof stem, "%.*s", (int)strcspn(image_name(a, i), "."), image_name(a, i));
    ck_assert_msg(strstr(image_name(b, i), stem) != NULL, "%s became %s", image_name(a, i), image_name(b, i));
    uint32_t k = 0;
    for (; (p = countable(a, &a->images[i], k)) != NULL; ++k, ++boxes) {
      ck_assert_ptr_nonnull(q = countable(b, &b->images[i], k));
      ck_assert_str_eq(yolo_dataset_class_name(a, p->class_index), yolo_dataset_class_name(b, q->class_index));
      ck_assert_double_le(fabs(p->x - q->x), 0.5);
      ck_assert_double_le(fabs(p->y - q->y), 0.5);
      ck_assert_double_le(fabs(p->x + p->width - q->x - q->width), 0.5);
      ck_assert_double_le(fabs(p->y + p->height - q->y - q->height), 0.5);
    }
    ck_assert_ptr_null(countable(b, &b->images[i], k));
  }
  return boxes;
}

static void round_trip(const char *data, const char *format, const char *labels, const char *images, size_t boxes) {
  char path[512], folder[512];
  snprintf(path, sizeof path, "%s/%s", data, labels);
  snprintf(folder, sizeof folder, "%s/%s", data, images);
  yolo_dataset *first = open_set(format, path, folder, NULL);
  write_set(first, "coco", "trip.json", NULL);
  yolo_dataset *d = open_set("coco", "trip.json", folder, NULL);
  d = through(d, "voc", "trip-voc");
  d = through(d, "yolo", "trip-yolo");
  write_set(d, "coco", "trip2.json", NULL);
  yolo_dataset_free(d);
  d = open_set("coco", "trip2.json", "trip-yolo/images", NULL);
  ck_assert_uint_eq(compare_boxes(first, d), boxes);
  yolo_dataset_free(d);
  yolo_dataset_free(first);
  ck_assert_int_eq(system("rm -rf trip-voc trip-yolo trip.json trip2.json"), 0);
}

START_TEST(real_sets_come_back) {
  const char *data = getenv("YOLO_TEST_DATA");
  if (!data) {
    printf("SKIP: YOLO_TEST_DATA is not set; round trips of real data sets were not made\n");
    return;
  }
  round_trip(data, "voc", "bccd", "bccd/JPEGImages", 4888);
  round_trip(data, "coco", "coco/annotations/instances_val2017.json", "coco/val2017", 1765);
  round_trip(data, "coco", "coco/annotations/instances_train2017.json", "coco/train2017", 1451);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("convert");
  TCase *core = tcase_create("core");
  tcase_add_unchecked_fixture(core, scratch_begin, scratch_end);
  tcase_add_test(core, yolo_is_written);
  tcase_add_test(core, voc_is_written);
  tcase_add_test(core, masks_are_written);
  tcase_add_test(core, small_masks_lie_on_large_ones);
  tcase_add_test(core, another_file_in_the_place_of_a_link_is_an_error);
  tcase_add_test(core, an_image_in_its_place_stays);
  tcase_add_test(core, memory_may_be_short);
  tcase_add_test(core, real_sets_come_back);
  tcase_set_timeout(core, 300);
  suite_add_tcase(suite, core);
  return suite_run(suite) == 0 ? 0 : 1;
}
