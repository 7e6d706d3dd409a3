/* What the suites of a run's files share: a folder, reading and writing whole files, limits on a file's size. */
#ifndef YOLO_TESTS_UNIT_TRAIN_FIXTURE_H
#define YOLO_TESTS_UNIT_TRAIN_FIXTURE_H

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "tests/unit/suite.h"

#define MUST(call) ck_assert_msg((call) == YOLO_OK, "%s", yolo_error_message())

static char folder[] = P_tmpdir "/yolo-test-train-XXXXXX";
enum { SLOTS = 32 };

/* A path in the folder; the last few stay valid. */
static inline const char *in_folder(const char *name) {
  static char paths[SLOTS][128];
  static int next;
  char *path = paths[next++ % SLOTS];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* The sentence must hold every one of the words, which are separated by '|'. */
static inline void expect_words(yolo_status st, const char *words) {
  ck_assert_msg(st < 0, "no failure where '%s' was due", words);
  while (*words) {
    size_t length = strcspn(words, "|");
    char word[256];
    snprintf(word, sizeof word, "%.*s", (int)length, words);
    ck_assert_msg(strstr(yolo_error_message(), word) != NULL, "'%s' lacks '%s'", yolo_error_message(), word);
    words += length + (words[length] == '|');
  }
}

static inline void put(const char *path, const void *bytes, size_t length) {
  remove(path);
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
  ck_assert_int_eq(fclose(file), 0);
}
static inline void put_text(const char *path, const char *text) { put(path, text, strlen(text)); }

/* The caller frees (yolo_free). */
static inline char *get(const char *path, size_t *length) {
  char *bytes = NULL;
  MUST(yolo_read_file(path, (size_t)1 << 30, &bytes, length));
  return bytes;
}

static inline void expect_same_file(const char *one, const char *other) {
  size_t n = 0, m = 0;
  char *a = get(one, &n), *b = get(other, &m);
  ck_assert_uint_eq(n, m);
  ck_assert_int_eq(memcmp(a, b, n), 0);
  yolo_free(a);
  yolo_free(b);
}

/* A disk that is full behind `bytes` of any file; RLIM_INFINITY ends it. */
static inline void limit_files(rlim_t bytes) {
  struct rlimit limit;
  signal(SIGXFSZ, SIG_IGN);
  ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Fails the first, second, third ... allocation: each time an error, nothing left alive, at last success. */
static inline void starve(yolo_status (*attempt)(void), int least) {
  long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  int nth = 0;
  while (st == YOLO_ENOMEM && nth < 20000) {
    yolo_memory_fail_at(++nth);
    st = attempt();
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
  ck_assert_int_ge(nth, least);
}

/* Runs all tests in a fresh folder, which must be empty in the end. */
static inline int run_suite(const char *name, const TTest *const *all, size_t count) {
  if (!mkdtemp(folder)) return 1;
  Suite *suite = suite_create(name);
  TCase *tests = tcase_create(name);
  tcase_set_timeout(tests, 120);
  for (size_t i = 0; i < count; i++) tcase_add_test(tests, all[i]);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  if (rmdir(folder) != 0) { /* a temporary file was left behind */
    printf("%s is not empty\n", folder);
    failed++;
  }
  return failed == 0 ? 0 : 1;
}

#endif
