/* Readers of label files: the paths between images and labels, YOLO txt, Darknet's .data; all of them when memory is short. */
#include "datasets/folder.h"
#include "datasets/readers.h"
#include "tests/unit/formats_fixture.h"
#include "tests/unit/suite.h"

/* ---- paths ---- */

START_TEST(only_the_last_folder_called_images_is_replaced) {
  static const struct {
    const char *path, *labels;
  } rows[] = {{"data/images/train/a.jpg", "data/labels/train/a.jpg"},
              {"images/a.jpg", "labels/a.jpg"},
              {"/x/images/y/images/a.jpg", "/x/images/y/labels/a.jpg"},
              {"data/images12.jpg", NULL},
              {"my_images/images.jpg", NULL},
              {"JPEGImages/images", NULL},
              {"images2/a.jpg", NULL},
              {"a.jpg", NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    char *out = NULL;
    ck_assert_int_eq(yolo_swap_folder(rows[i].path, "images", "labels", &out), YOLO_OK);
    if (rows[i].labels)
      ck_assert_str_eq(out, rows[i].labels);
    else
      ck_assert_ptr_null(out);
    yolo_free(out);
  }
}
END_TEST

START_TEST(suffixes_change_in_the_file_name_only) {
  static const struct {
    const char *path, *out;
  } rows[] = {{"a.jpg", "a.txt"}, {"a.b/c", "a.b/c.txt"}, {"a.b/c.d.png", "a.b/c.d.txt"}, {"x/.hidden", "x/.hidden.txt"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    char *out = NULL;
    ck_assert_int_eq(yolo_change_suffix(rows[i].path, ".txt", &out), YOLO_OK);
    ck_assert_str_eq(out, rows[i].out);
    yolo_free(out);
  }
}
END_TEST

START_TEST(natural_order) {
  static const char *const sorted[] = {"a/z", "a1", "a2", "a02", "a10", "a10b", "b"};
  for (size_t i = 0; i + 1 < sizeof sorted / sizeof *sorted; ++i) {
    bool equal_values = strcmp(sorted[i], "a2") == 0; /* a2 and a02: by byte */
    int order = yolo_natural_compare(sorted[i], sorted[i + 1]);
    ck_assert(equal_values ? order != 0 : order < 0);
    ck_assert_int_eq(order<0, yolo_natural_compare(sorted[i + 1], sorted[i])> 0);
  }
}
END_TEST

/* ---- YOLO ---- */

static const struct {
  const char *line;
  int rule; /* -1: fine */
} lines[] = {
    {"0 0.5 0.5 0.25 0.5", -1},
    {"  1\t.25 .5 5e-1 1.0  \r", -1},
    {"\r", -1},
    {"0 0.5 0.5 0.25", YOLO_RULE_LABEL_SYNTAX},
    {"0 0.5 0.5 0.25 0.5 0.9", YOLO_RULE_LABEL_SYNTAX},
    {"0 0.1 0.1 0.9 0.1 0.9 0.9 0.1", YOLO_RULE_LABEL_SYNTAX},
    {"cat 0.5 0.5 0.25 0.5", YOLO_RULE_LABEL_SYNTAX},
    {"0 0,5 0,5 0,2 0,5", YOLO_RULE_LABEL_SYNTAX},
    {"0 nan 0.5 0.25 0.5", YOLO_RULE_LABEL_SYNTAX},
    {"0.5 0.5 0.5 0.25 0.5", YOLO_RULE_CLASS_UNKNOWN},
    {"-1 0.5 0.5 0.25 0.5", YOLO_RULE_CLASS_UNKNOWN},
    {"2 0.5 0.5 0.25 0.5", YOLO_RULE_CLASS_UNKNOWN},
    {"99999999999 0.5 0.5 0.25 0.5", YOLO_RULE_CLASS_UNKNOWN},
    {"1 0.1 0.2 0.9 0.2 0.9 0.7", -1},
    {"0 -0.5 1.5 2 3", -1},
};

START_TEST(yolo_lines_are_read_or_reported) {
  yolo_text text = {0};
  findings found;
  int next = 0;
  ck_assert_int_eq(yolo_text_format(&text, "\xEF\xBB\xBF"), YOLO_OK);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i)
    ck_assert_int_eq(yolo_text_format(&text, "%s\n", lines[i].line), YOLO_OK);
  put_image("y/images/a.png", 40, 20);
  put_image("y/images/b.png", 8, 8);
  put_text("y/labels/a.txt", text.data);
  put_text("y/classes.txt", "cat\nbig dog\n");
  yolo_text_free(&text);
  yolo_dataset *d = open_set(NULL, "y/images", NULL, &found);
  ck_assert_str_eq(yolo_dataset_text(d, d->sources[0].format), "yolo");
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    if (lines[i].rule < 0) continue;
    ck_assert_int_eq((int)found.items[next].rule, lines[i].rule);
    ck_assert_uint_eq(found.items[next].line, i + 1);
    ck_assert_str_eq(found.items[next++].file, "y/labels/a.txt");
  }
  ck_assert_int_eq(found.count, next);
  ck_assert_uint_eq(d->n_images, 2);
  ck_assert_uint_eq(d->n_classes, 2);
  ck_assert_str_eq(yolo_dataset_class_name(d, 1), "big dog");
  ck_assert_uint_eq(d->images[0].count, 4);
  ck_assert_int_eq(d->images[0].width, 40);
  ck_assert_int_eq(d->images[0].height, 20);
  expect_box(&d->annotations[0], 15, 5, 10, 10);
  expect_box(&d->annotations[1], 0, 0, 20, 20);
  ck_assert_int_eq(d->annotations[1].class_index, 1);
  ck_assert_int_eq(d->annotations[1].id, 2);
  expect_box(&d->annotations[2], 4, 4, 32, 10);
  ck_assert_int_eq(d->annotations[2].kind, YOLO_SEGMENT_POLYGONS);
  ck_assert_double_eq_tol(d->annotations[2].area, 160, 1e-9);
  expect_box(&d->annotations[3], -60, 0, 80, 60);
  ck_assert_uint_eq(d->annotations[3].place, 15);
  ck_assert_uint_eq(d->images[1].count, 0);
  ck_assert_int_eq(d->images[1].id, 2);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(yolo_places) {
  findings found;
  put_image("p/obj/images1.png", 10, 10); /* Darknet would look for "labels1.txt" */
  put_text("p/obj/images1.txt", "3 .5 .5 .2 .2\n");
  put_image("p/obj/lone.png", 10, 10);
  put_text("p/list.txt", "obj\\images1.png\r\n\r\np/obj/lone.png\nobj/gone.png\n");
  yolo_dataset *d = open_set(NULL, "p/list.txt", NULL, &found);
  ck_assert_int_eq(found.count, 0);
  ck_assert_uint_eq(d->n_images, 3);
  ck_assert_uint_eq(d->images[0].count, 1);
  ck_assert_uint_eq(d->images[1].place, 3);
  ck_assert_str_eq(image_name(d, 0), "obj\\images1.png");
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].file), "p/obj/images1.png");
  ck_assert_int_eq(d->images[2].width, 0); /* missing: for the check to find */
  ck_assert_uint_eq(d->n_classes, 4);
  ck_assert_str_eq(yolo_dataset_class_name(d, 3), "class 3");
  yolo_dataset_free(d);

  put_image("p/pics/sub/a.png", 10, 10); /* two folders that mirror each other */
  put_text("p/txt/sub/a.txt", "0 .5 .5 .2 .2\n");
  put_text("p/txt/sub/orphan.txt", "0 .5 .5 .2 .2\n");
  d = open_set("yolo", "p/txt", "p/pics", &found);
  ck_assert_uint_eq(d->n_annotations, 1);
  ck_assert_int_eq(found.count, 1);
  ck_assert_int_eq((int)found.items[0].rule, YOLO_RULE_LABEL_ORPHAN);
  ck_assert_str_eq(found.items[0].file, "p/txt/sub/orphan.txt");
  yolo_dataset_free(d);

  put_image("p/images/train/a.png", 10, 10); /* the folder of the labels was named, or the one above both */
  put_text("p/labels/train/a.txt", "0 .5 .5 .2 .2\n");
  static const char *const same[] = {"p/labels/train", "p/images/train", "p/images", "p/labels/"};
  for (size_t i = 0; i < sizeof same / sizeof *same; ++i) {
    d = open_set(NULL, same[i], NULL, &found);
    ck_assert_uint_eq(d->n_images, 1);
    ck_assert_uint_eq(d->n_annotations, 1);
    ck_assert_int_eq(found.count, 0);
    yolo_dataset_free(d);
  }
}
END_TEST

START_TEST(yolo_names_that_were_given_count) {
  static const char *const names[] = {"x", "y"};
  const yolo_data_source source = {"yolo", "n/images", NULL};
  findings found = {.count = 0};
  yolo_data_sink sink = {.report = take_issue, .payload = &found};
  const yolo_data_open_options options = {.names = names, .n_names = 2, .sink = &sink};
  yolo_dataset *d = NULL;
  put_image("n/images/a.png", 10, 10);
  put_text("n/labels/a.txt", "1 .5 .5 .2 .2\n2 .5 .5 .2 .2\n");
  put_text("n/classes.txt", "a\nb\nc\n");
  ck_assert_int_eq(yolo_dataset_open(&source, 1, &options, &d), YOLO_OK);
  ck_assert_uint_eq(d->n_classes, 2);
  ck_assert_uint_eq(d->n_annotations, 1);
  ck_assert_int_eq(d->annotations[0].class_index, 1);
  ck_assert_int_eq(found.count, 1);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(binary_labels_take_their_image_along) {
  findings found;
  put_image("b/images/a.png", 10, 10);
  put_image("b/images/b.png", 10, 10);
  put_bytes("b/labels/a.txt", "0 .5\0.5", 7);
  put_text("b/labels/b.txt", "");
  yolo_dataset *d = open_set("yolo", "b/images", NULL, &found);
  ck_assert_uint_eq(d->n_images, 1);
  ck_assert_str_eq(image_name(d, 0), "b.png");
  ck_assert_int_eq(found.count, 1);
  ck_assert_int_eq((int)found.items[0].rule, YOLO_RULE_LABEL_SYNTAX);
  yolo_dataset_free(d);
}
END_TEST

START_TEST(darknet_data_files) {
  findings found;
  yolo_dataset *d = NULL;
  put_image("k/data/obj/a.png", 10, 10);
  put_text("k/data/obj/a.txt", "1 .5 .5 .2 .2\n");
  put_image("k/data/obj/b.png", 10, 10);
  put_text("k/data/train.txt", "data/obj/a.png\n"); /* relative to where Darknet was started */
  put_text("k/data/test.txt", "data/obj/b.png\ndata/obj/a.png\n");
  put_text("k/data/obj.names", "cat\ndog\n");
  put_text("k/data/obj.data",
           "classes= 2\n# a comment\ntrain  = data/train.txt\nvalid=data/test.txt\nnames = data/obj.names\n"
           "backup = backup/\n");
  d = open_set(NULL, "k/data/obj.data", NULL, &found);
  ck_assert_str_eq(yolo_dataset_text(d, d->sources[0].format), "darknet");
  ck_assert_uint_eq(d->n_images, 1);
  ck_assert_uint_eq(d->n_annotations, 1);
  ck_assert_str_eq(yolo_dataset_class_name(d, d->annotations[0].class_index), "dog");
  yolo_dataset_free(d);
  d = open_set("darknet", "k/data/obj.data:valid", NULL, &found);
  ck_assert_uint_eq(d->n_images, 2);
  yolo_dataset_free(d);
  put_text("k/data/bad.data", "classes = 3\ntrain = data/train.txt\nnames = data/obj.names\n");
  ck_assert_int_eq(try_open(NULL, "k/data/bad.data", NULL, NULL, &d), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "2 names"));
  ck_assert_int_eq(try_open("darknet", "k/data/bad.data:valid", NULL, NULL, &d), YOLO_EFORMAT);
  put_text("k/data/bad.data", "train data/train.txt\n");
  ck_assert_int_eq(try_open(NULL, "k/data/bad.data", NULL, NULL, &d), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "bad.data:1"));
}
END_TEST

/* ---- trouble ---- */

/* Every allocation fails once: a status and a sentence, nothing left behind. */
static void exhaust(const char *format, const char *labels) {
  long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  for (long nth = 1; st != YOLO_OK; ++nth) {
    yolo_dataset *d = NULL;
    ck_assert_int_lt(nth, 5000);
    yolo_memory_fail_at(nth);
    st = try_open(format, labels, NULL, NULL, &d);
    yolo_memory_fail_at(0);
    yolo_dataset_free(d);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    ck_assert_msg(st == YOLO_OK || st == YOLO_ENOMEM, "%s, allocation %ld: %s", format, nth, yolo_error_message());
  }
}

START_TEST(memory_may_be_short) {
  static const uint8_t values[8] = {0, 1, 1, 0, 255, 1, 2, 0};
  put_image("e/images/a.png", 4, 2);
  put_text("e/labels/a.txt", "0 .5 .5 .2 .2\n3 .1 .1 .9 .1 .9 .9\nbad\n");
  put_text("e/list.txt", "e/images/a.png\n");
  put_text("e/obj.names", "a\nb\nc\nd\n");
  put_text("e/obj.data", "train = e/list.txt\nnames = e/obj.names\n");
  put_image("e/JPEGImages/a.png", 4, 2);
  put_text("e/Annotations/a.xml", "<annotation>" OBJECT("x", BOX("1", "1", "2", "2")) "</annotation>");
  put_image("e/m/images/a.png", 4, 2);
  put_png("e/m/masks/a.png", 4, 2, 8, 3, values);
  put_image("e/c/x/a.png", 4, 2);
  put_idx("e/i/a-images-idx3-ubyte", "e/i/a-labels-idx1-ubyte", 3);
  put_cifar("e/f/train.bin", 1, 2);
  exhaust("yolo", "e/images");
  exhaust("yolo", "e/list.txt");
  exhaust("darknet", "e/obj.data");
  exhaust("voc", "e/Annotations");
  exhaust("masks", "e/m");
  exhaust("folders", "e/c");
  exhaust("idx", "e/i");
  exhaust("cifar", "e/f");
}
END_TEST

START_TEST(nothing_there) {
  for (int i = 0; i < yolo_data_reader_count; ++i) {
    yolo_dataset *d = NULL;
    long live = yolo_memory_get_stats().live;
    ck_assert_int_ne(try_open(yolo_data_readers[i]->name, "no/such/place", NULL, NULL, &d), YOLO_OK);
    ck_assert_msg(strstr(yolo_error_message(), "no/such/place") != NULL, "%s: %s", yolo_data_readers[i]->name,
                  yolo_error_message());
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
}
END_TEST

/* ---- real data ---- */

START_TEST(real_sets) {
  const char *data = getenv("YOLO_TEST_DATA");
  char path[512];
  size_t counts[3] = {0};
  if (!data) {
    printf("SKIP: YOLO_TEST_DATA is not set; real data sets were not read\n");
    return;
  }
  snprintf(path, sizeof path, "%s/bccd", data);
  findings found;
  yolo_dataset *d = open_set(NULL, path, NULL, &found);
  ck_assert_int_eq(found.count, 0);
  ck_assert_uint_eq(d->n_images, 364);
  ck_assert_uint_eq(d->n_classes, 3);
  for (size_t i = 0; i < d->n_annotations; ++i) counts[d->annotations[i].class_index]++;
  for (int i = 0; i < 3; ++i) {
    const char *name = yolo_dataset_class_name(d, i);
    ck_assert_uint_eq(counts[i], strcmp(name, "RBC") == 0 ? 4155 : strcmp(name, "WBC") == 0 ? 372 : 361);
  }
  yolo_dataset_free(d);
  snprintf(path, sizeof path, "%s/mnist/train-images-idx3-ubyte.gz", data);
  d = open_set(NULL, path, NULL, &found);
  ck_assert_uint_eq(d->n_images, 60000);
  ck_assert_uint_eq(d->n_pixels, 60000 * 784);
  size_t fives = 0;
  for (size_t i = 0; i < d->n_images; ++i) fives += d->images[i].label == 5;
  ck_assert_uint_eq(fives, 5421);
  yolo_dataset_free(d);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("formats");
  TCase *core = tcase_create("core");
  tcase_add_unchecked_fixture(core, scratch_begin, scratch_end);
  tcase_add_test(core, only_the_last_folder_called_images_is_replaced);
  tcase_add_test(core, suffixes_change_in_the_file_name_only);
  tcase_add_test(core, natural_order);
  tcase_add_test(core, yolo_lines_are_read_or_reported);
  tcase_add_test(core, yolo_places);
  tcase_add_test(core, yolo_names_that_were_given_count);
  tcase_add_test(core, binary_labels_take_their_image_along);
  tcase_add_test(core, darknet_data_files);
  tcase_add_test(core, memory_may_be_short);
  tcase_add_test(core, nothing_there);
  tcase_add_test(core, real_sets);
  tcase_set_timeout(core, 300);
  suite_add_tcase(suite, core);
  return suite_run(suite) == 0 ? 0 : 1;
}
