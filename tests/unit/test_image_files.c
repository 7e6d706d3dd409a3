/* Image files: loaded and saved by name, whole or not at all; what is no file says so. */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "datasets/image.h"

#include "tests/unit/image_bytes.h"
#include "tests/unit/suite.h"

START_TEST(files_are_loaded_and_saved) {
  static const char *const names[] = {"h\xC3\xBChner \xE9\xB8\xA1.png", "a b.BMP", "c.tga", "d.jpeg"};
  yolo_image image = sample_image(), again;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    ck_assert_msg(yolo_image_save(&image, in_folder(names[i])) == YOLO_OK, "%s", yolo_error_message());
    ck_assert_msg(yolo_image_load(in_folder(names[i]), &again) == YOLO_OK, "%s", yolo_error_message());
    ck_assert_int_eq(again.width, SAMPLE_W);
    if (i < 3) ck_assert_mem_eq(again.pixels, image.pixels, SAMPLE_W * SAMPLE_H * 3);
    yolo_image_release(&again);
    unlink(in_folder(names[i]));
  }
  ck_assert_int_eq(yolo_image_save(&image, in_folder("x.webp")), YOLO_EINVAL);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), ".jpg, .jpeg, .png"));
  ck_assert_int_eq(yolo_image_save(&image, in_folder("no/such/folder.png")), YOLO_EIO);
  ck_assert_int_eq(symlink("/dev/full", in_folder("full.png")), 0);
  ck_assert_int_eq(yolo_image_save(&image, in_folder("full.png")), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "full.png"));
  unlink(in_folder("full.png"));
  yolo_image_release(&image);
  ck_assert_int_eq(yolo_image_save(&image, in_folder("x.png")), YOLO_EINVAL);
}
END_TEST

START_TEST(saving_survives_missing_memory) {
  yolo_image image = sample_image();
  static const char *const names[] = {"m.png", "m.jpg", "m.bmp", "m.tga"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    long live = yolo_memory_get_stats().live, failures = 0;
    yolo_status st = YOLO_ENOMEM;
    for (long nth = 1; st != YOLO_OK && nth < 50; nth++) {
      yolo_memory_fail_at(nth);
      st = yolo_image_save(&image, in_folder(names[i]));
      yolo_memory_fail_at(0);
      failures += st != YOLO_OK;
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
      ck_assert_int_eq(access(in_folder(names[i]), F_OK), st == YOLO_OK ? 0 : -1);
    }
    ck_assert_int_eq(st, YOLO_OK);
    ck_assert_int_ge(failures, 2);
    unlink(in_folder(names[i]));
  }
  yolo_image_release(&image);
}
END_TEST

START_TEST(odd_files_are_named) {
  yolo_image image;
  ck_assert_int_eq(yolo_image_load(in_folder("missing.jpg"), &image), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "missing.jpg: there is no such file"));
  ck_assert_int_eq(yolo_image_load(test_folder, &image), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "folder, not an image"));
  ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
  ck_assert_int_eq(yolo_image_load(in_folder("pipe"), &image), YOLO_EIO); /* and does not wait */
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "no ordinary file"));
  unlink(in_folder("pipe"));
  ck_assert_int_eq(yolo_write_file(in_folder("empty.jpg"), "", 0), YOLO_OK);
  ck_assert_int_eq(yolo_image_load(in_folder("empty.jpg"), &image), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "empty.jpg: the file is empty"));
  ck_assert_int_eq(truncate(in_folder("empty.jpg"), ((off_t)1 << 30) + 1), 0);
  ck_assert_int_eq(yolo_image_load(in_folder("empty.jpg"), &image), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "larger than"));
  unlink(in_folder("empty.jpg"));
  ck_assert_int_eq(yolo_image_new(0, 5, &image), YOLO_EFORMAT);
  ck_assert_int_eq(yolo_image_new(32768, 8193, &image), YOLO_EFORMAT);
}
END_TEST

int main(void) {
  if (!make_folder()) return 1;
  Suite *suite = suite_create("image_files");
  TCase *tests = tcase_create("image_files");
  tcase_add_test(tests, files_are_loaded_and_saved);
  tcase_add_test(tests, saving_survives_missing_memory);
  tcase_add_test(tests, odd_files_are_named);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  if (rmdir(test_folder) != 0) { /* something was left behind */
    printf("%s is not empty\n", test_folder);
    failed++;
  }
  return failed == 0 ? 0 : 1;
}
