/* Whole files: read within limits, written whole or not at all. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/output.h"
#include "backbone/base/text.h"
#include "tests/unit/suite.h"

static char folder[] = P_tmpdir "/yolo-test-file-XXXXXX";

/* A name in the test folder; valid until the next call but three. */
static const char *in_folder(const char *name) {
  static char paths[4][256];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void expect_file(const char *path, const char *content) {
  char *bytes = NULL;
  size_t length = 0;
  ck_assert_int_eq(yolo_read_file(path, 1000, &bytes, &length), YOLO_OK);
  ck_assert_uint_eq(length, strlen(content));
  ck_assert_str_eq(bytes, content);
  yolo_free(bytes);
}

START_TEST(files_are_written_whole) {
  const char *path = in_folder("whole.txt"), *link_path = in_folder("link.txt");
  struct stat info;
  ck_assert_int_eq(yolo_write_file(path, "first", 5), YOLO_OK);
  ck_assert_int_eq(chmod(path, 0640), 0);
  ck_assert_int_eq(symlink("whole.txt", link_path), 0);
  ck_assert_int_eq(yolo_write_file(link_path, "second", 6), YOLO_OK);
  expect_file(path, "second");
  ck_assert_int_eq(lstat(link_path, &info), 0);
  ck_assert(S_ISLNK(info.st_mode));
  ck_assert_int_eq(stat(path, &info), 0);
  ck_assert_int_eq(info.st_mode & 0777, 0640);

  yolo_output *output = NULL, *other = NULL;
  ck_assert_int_eq(yolo_output_open(path, &output), YOLO_OK);
  ck_assert_int_eq(yolo_output_open(path, &other), YOLO_OK); /* two at a time do not mix */
  ck_assert_int_eq(yolo_output_write(output, "half", 4), YOLO_OK);
  yolo_output_close(output);
  expect_file(path, "second");
  ck_assert_int_eq(yolo_output_write(other, "third", 5), YOLO_OK);
  ck_assert_int_eq(yolo_output_commit(other), YOLO_OK);
  yolo_output_close(other);
  expect_file(path, "third");
}
END_TEST

START_TEST(a_full_disk_is_noticed) {
  ck_assert_int_eq(yolo_write_file("/dev/full", "text", 4), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "/dev/full"));
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "No space left"));
  ck_assert_int_eq(yolo_write_file("/dev/null", "text", 4), YOLO_OK);
  ck_assert_int_eq(yolo_write_file(in_folder("no/such/folder.txt"), "text", 4), YOLO_EIO);
  ck_assert_int_eq(yolo_write_file(folder, "text", 4), YOLO_EIO);
}
END_TEST

START_TEST(files_are_read_within_limits) {
  char *bytes = NULL;
  size_t length = 0;
  const char *path = in_folder("read.txt");
  ck_assert_int_eq(yolo_write_file(path, "0123456789", 10), YOLO_OK);
  ck_assert_int_eq(yolo_read_file(path, 9, &bytes, &length), YOLO_EFORMAT);
  ck_assert_int_eq(yolo_read_file(path, 10, &bytes, &length), YOLO_OK);
  yolo_free(bytes);
  ck_assert_int_eq(yolo_read_file("/dev/zero", 100000, &bytes, &length), YOLO_EFORMAT); /* endless */
  ck_assert_int_eq(yolo_read_file(folder, 100, &bytes, &length), YOLO_EIO);
  ck_assert_int_eq(yolo_read_file(in_folder("absent"), 100, &bytes, &length), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "absent"));
}
END_TEST

START_TEST(files_survive_missing_memory) {
  const char *path = in_folder("memory.txt");
  yolo_status st = YOLO_ENOMEM;
  ck_assert_int_eq(yolo_write_file(path, "old", 3), YOLO_OK);
  long live = yolo_memory_get_stats().live;
  int failures = 0;
  for (int nth = 1; st == YOLO_ENOMEM; nth++, failures++) {
    yolo_memory_fail_at(nth);
    st = yolo_write_file(path, "new", 3);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    expect_file(path, st == YOLO_OK ? "new" : "old");
  }
  ck_assert_int_eq(st, YOLO_OK);
  ck_assert_int_ge(failures, 4);
}
END_TEST

int main(void) {
  if (!mkdtemp(folder)) return 1;
  Suite *suite = suite_create("file");
  TCase *tests = tcase_create("file");
  tcase_add_test(tests, files_are_written_whole);
  tcase_add_test(tests, a_full_disk_is_noticed);
  tcase_add_test(tests, files_are_read_within_limits);
  tcase_add_test(tests, files_survive_missing_memory);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  unlink(in_folder("whole.txt"));
  unlink(in_folder("link.txt"));
  unlink(in_folder("read.txt"));
  unlink(in_folder("memory.txt"));
  if (rmdir(folder) != 0) { /* a temporary file was left behind */
    printf("%s is not empty\n", folder);
    failed++;
  }
  return failed == 0 ? 0 : 1;
}
