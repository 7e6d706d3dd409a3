/* Readers of what is more than text: class-index masks, class folders, IDX, CIFAR. */
#include "datasets/index_mask.h"
#include "tests/unit/formats_fixture.h"
#include "tests/unit/suite.h"

/* ---- masks ---- */

START_TEST(mask_files_hold_indices) {
  static const uint8_t values[6] = {0, 1, 2, 3, 1, 0};
  static const struct { int bits, kind; } good[] = {{8, 0}, {8, 3}, {4, 3}, {2, 3}, {4, 0}, {2, 0}};
  yolo_index_mask mask;
  for (size_t i = 0; i < sizeof good / sizeof *good; ++i) {
    put_png("mask.png", 3, 2, good[i].bits, good[i].kind, values);
    ck_assert_msg(yolo_index_mask_load("mask.png", &mask) == YOLO_OK, "%s", yolo_error_message());
    ck_assert_int_eq(mask.width, 3);
    ck_assert_int_eq(mask.height, 2);
    ck_assert_mem_eq(mask.values, values, 6);
    yolo_index_mask_release(&mask);
  }
  put_png("mask.png", 3, 2, 8, 2, values);
  ck_assert_int_eq(yolo_index_mask_load("mask.png", &mask), YOLO_EUNSUPPORTED);
  put_png("mask.png", 3, 2, 16, 0, values);
  ck_assert_int_eq(yolo_index_mask_load("mask.png", &mask), YOLO_EUNSUPPORTED);
  put_text("mask.png", "GIF89a and no PNG at all");
  ck_assert_int_eq(yolo_index_mask_load("mask.png", &mask), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "mask.png"));
}
END_TEST

START_TEST(masks_become_one_annotation_a_class) {
  static const uint8_t values[8] = {0, 1, 1, 0, 255, 1, 3, 0};
  findings found;
  put_image("m/images/s/a.png", 4, 2);
  put_png("m/masks/s/a.png", 4, 2, 8, 3, values);
  put_image("m/images/small.png", 5, 2);
  put_png("m/masks/small.png", 4, 2, 8, 0, values);
  put_image("m/images/unlabelled.png", 4, 2);
  put_png("m/masks/lone.png", 4, 2, 8, 0, values);
  put_text("m/masks/bad.png", "not a mask");
  put_image("m/images/bad.png", 4, 2);
  put_text("m/classes.txt", "background\nsky\nroad\n");
  yolo_dataset *d = open_set(NULL, "m", NULL, &found);
  ck_assert_str_eq(yolo_dataset_text(d, d->sources[0].format), "masks");
  ck_assert_uint_eq(d->n_images, 1);
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].mask_file), "m/masks/s/a.png");
  ck_assert_uint_eq(d->n_annotations, 1); /* sky; 3 is no class, 255 is ignored */
  expect_box(&d->annotations[0], 1, 0, 2, 2);
  ck_assert_double_eq(d->annotations[0].area, 3);
  ck_assert_int_eq(d->annotations[0].class_index, 1);
  static const yolo_data_rule rules[] = {YOLO_RULE_MASK_VALUE, YOLO_RULE_MASK_SIZE, YOLO_RULE_LABEL_ORPHAN,
                                         YOLO_RULE_MASK_INVALID, YOLO_RULE_IMAGE_UNLISTED};
  ck_assert_int_eq(found.count, 5);
  for (size_t i = 0; i < 5; ++i) {
    int times = 0;
    for (int k = 0; k < found.count; ++k) times += found.items[k].rule == rules[i];
    ck_assert_msg(times == 1, "%s %d times", yolo_rules[rules[i]].name, times);
  }
  yolo_dataset_free(d);
  ck_assert_int_eq(unlink("m/classes.txt"), 0);
  d = open_set(NULL, "m/masks", NULL, NULL);
  ck_assert_uint_eq(d->n_classes, 4);
  ck_assert_str_eq(yolo_dataset_class_name(d, 0), "background");
  ck_assert_uint_eq(d->n_annotations, 2);
  yolo_dataset_free(d);
}
END_TEST

/* ---- classification ---- */

START_TEST(class_folders) {
  findings found;
  put_image("c/dog10/1.png", 4, 4);
  put_image("c/dog2/img10.png", 4, 4);
  put_image("c/dog2/img2.png", 4, 4);
  put_image("c/cat/deep/1.png", 4, 4);
  put_image("c/cat/0.png", 4, 4);
  put_text("c/empty/readme.md", "nothing");
  yolo_dataset *d = open_set(NULL, "c", NULL, &found);
  static const char *const names[] = {"cat/0.png", "cat/deep/1.png", "dog2/img2.png", "dog2/img10.png", "dog10/1.png"};
  static const int labels[] = {0, 0, 1, 1, 2};
  ck_assert_uint_eq(d->n_images, 5);
  ck_assert_uint_eq(d->n_classes, 3);
  for (size_t i = 0; i < 5; ++i) {
    ck_assert_str_eq(image_name(d, i), names[i]);
    ck_assert_int_eq(d->images[i].label, labels[i]);
  }
  yolo_dataset_free(d);
}
END_TEST

START_TEST(idx_files) {
  findings found;
  char *bytes = NULL;
  size_t length = 0;
  put_idx("i/train-images-idx3-ubyte", "i/train-labels-idx1-ubyte", 5);
  static const char *const ways[] = {"i", "i/train-images-idx3-ubyte", "i/train-labels-idx1-ubyte"};
  for (size_t i = 0; i < 3; ++i) {
    yolo_dataset *d = open_set(NULL, ways[i], NULL, &found);
    ck_assert_uint_eq(d->n_images, 5);
    ck_assert_uint_eq(d->n_classes, 4);
    ck_assert_int_eq(d->pixel_channels, 1);
    ck_assert_int_eq(d->images[4].width, 3);
    ck_assert_int_eq(d->images[4].height, 2);
    ck_assert_int_eq(d->images[4].label, 0);
    ck_assert_int_eq(d->pixels[d->images[4].pixels], 24);
    ck_assert_str_eq(yolo_dataset_class_name(d, 3), "3");
    yolo_dataset_free(d);
  }
  ck_assert_int_eq(yolo_read_file(ways[1], 1000, &bytes, &length), YOLO_OK);
  gzFile zipped = gzopen("i/train-images-idx3-ubyte.gz", "wb");
  ck_assert_int_eq(gzwrite(zipped, bytes, (unsigned)length), (int)length);
  ck_assert_int_eq(gzclose(zipped), Z_OK);
  ck_assert_int_eq(unlink(ways[1]), 0);
  yolo_dataset *d = open_set(NULL, ways[2], NULL, &found);
  ck_assert_uint_eq(d->n_images, 5);
  yolo_dataset_free(d);
  static const struct {
    size_t at;
    uint8_t value;
    const char *sentence;
  } damage[] = {{7, 6, "5 labels"}, {3, 1, "begins with"},     {11, 3, "ends before"},
                {11, 1, "goes on"}, {11, 0, "without pixels"}, {8, 1, "a side may have"}};
  for (size_t i = 0; i < sizeof damage / sizeof *damage; ++i) {
    uint8_t kept = (uint8_t)bytes[damage[i].at];
    bytes[damage[i].at] = (char)damage[i].value;
    put_bytes("i/x-images-idx3-ubyte", bytes, length);
    put_idx("i/spare", "i/x-labels-idx1-ubyte", 5);
    ck_assert_int_eq(try_open("idx", "i/x-images-idx3-ubyte", NULL, NULL, &d), YOLO_EFORMAT);
    ck_assert_msg(strstr(yolo_error_message(), damage[i].sentence) != NULL, "%s", yolo_error_message());
    bytes[damage[i].at] = (char)kept;
  }
  yolo_free(bytes);
}
END_TEST

START_TEST(cifar_files) {
  findings found;
  put_cifar("f/data_batch_1.bin", 1, 3);
  put_cifar("f/data_batch_2.bin", 1, 11);
  put_cifar("f/test_batch.bin", 1, 2);
  put_text("f/batches.meta.txt", "n0\nn1\nn2\nn3\nn4\nn5\nn6\nn7\nn8\nn9\n\n");
  yolo_dataset *d = open_set(NULL, "f", NULL, &found);
  ck_assert_uint_eq(d->n_images, 14);
  ck_assert_uint_eq(d->n_classes, 10);
  ck_assert_int_eq(d->pixel_channels, 3);
  ck_assert_int_eq(d->images[12].label, 9);
  static const uint8_t second[3] = {1 + 9, 100 + (1024 + 1) % 100 + 9, (uint8_t)(200 + (2048 + 1) % 100 + 9)};
  ck_assert_mem_eq(d->pixels + d->images[12].pixels + 3, second, 3);
  yolo_dataset_free(d);
  put_cifar("g/train.bin", 2, 4);
  d = open_set(NULL, "g/train.bin", NULL, &found);
  ck_assert_uint_eq(d->n_images, 4);
  ck_assert_int_eq(d->images[1].label, 91);
  ck_assert_str_eq(image_name(d, 1), "train.bin:2");
  yolo_dataset_free(d);
  put_text("g/short.bin", "much too short");
  ck_assert_int_eq(try_open("cifar", "g/short.bin", NULL, NULL, &d), YOLO_EFORMAT);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("read_pixels");
  TCase *core = tcase_create("core");
  tcase_add_unchecked_fixture(core, scratch_begin, scratch_end);
  tcase_add_test(core, mask_files_hold_indices);
  tcase_add_test(core, masks_become_one_annotation_a_class);
  tcase_add_test(core, class_folders);
  tcase_add_test(core, idx_files);
  tcase_add_test(core, cifar_files);
  tcase_set_timeout(core, 300);
  suite_add_tcase(suite, core);
  return suite_run(suite) == 0 ? 0 : 1;
}
