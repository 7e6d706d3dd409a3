/* yolo data check as a function: the same findings for any number of threads, what is counted, and what happens when memory is
 * short. Which fault is found by which rule is the table of tests/cli/data_check.sh. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/text.h"
#include "datasets/check_parts.h"
#include "tests/unit/suite.h"

static char folder[] = P_tmpdir "/yolo-test-check-XXXXXX";

/* A path in the test folder; valid until the next call but three. */
static const char *in_folder(const char *name) {
  static char paths[4][256];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* ---- a set with faults ---- */

enum { IMAGES = 200, SIDE = 16 };

/* Image i: every tenth is cut, every seventh has the pixels of the one before. */
static void write_image(const char *path, int i) {
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  fprintf(file, "P6\n%d %d\n255\n", SIDE, SIDE);
  for (int k = 0; k < SIDE * SIDE * 3 - (i % 10 == 9 ? 50 : 0); ++k) fputc((k * 7 + (i % 7 == 6 ? i - 1 : i)) & 255, file);
  fclose(file);
}

/* Every image has a good box; every fifth one outside, every third another without height. */
static void write_set(int images, const char *name) {
  char path[300];
  yolo_text json = {0};
  snprintf(path, sizeof path, "%s/images", folder);
  mkdir(path, 0700);
  ck_assert_int_eq(yolo_text_format(&json,
                                    "{\"categories\": [{\"id\": 4, \"name\": \"cat\"}, {\"id\": 2, \"name\": \"dog\"}],\n"
                                    "\"images\": ["),
                   YOLO_OK);
  for (int i = 0; i < images; ++i) {
    snprintf(path, sizeof path, "%s/images/%d.ppm", folder, i);
    write_image(path, i);
    yolo_text_format(&json, "%s\n{\"id\": %d, \"file_name\": \"%d.ppm\", \"width\": 16, \"height\": 16}", i ? "," : "", i + 1,
                     i);
  }
  yolo_text_format(&json, "],\n\"annotations\": [");
  for (int i = 0, id = 1; i < images; ++i) {
    yolo_text_format(&json, "%s\n{\"id\": %d, \"image_id\": %d, \"category_id\": 4, \"bbox\": [1, 2, 8, 4], \"area\": 32}",
                     i ? "," : "", id, i + 1);
    id++;
    if (i % 5 == 0) {
      yolo_text_format(&json, ",\n{\"id\": %d, \"image_id\": %d, \"category_id\": 2, \"bbox\": [9, 9, 20, 4], \"area\": 80}",
                       id++, i + 1);
    }
    if (i % 3 == 0) {
      yolo_text_format(&json, ",\n{\"id\": %d, \"image_id\": %d, \"category_id\": 2, \"bbox\": [9, 9, 2, 0], \"area\": 0}",
                       id++, i + 1);
    }
  }
  ck_assert_int_eq(yolo_text_format(&json, "]}\n"), YOLO_OK);
  ck_assert_int_eq(yolo_write_file(in_folder(name), json.data, json.length), YOLO_OK);
  yolo_text_free(&json);
}

static yolo_status check_set(const char *name, const yolo_check_options *options, yolo_check_report *report) {
  const yolo_data_source source = {.format = "coco", .labels = in_folder(name)};
  const yolo_check_split split = {"train", &source, 1};
  return yolo_check_splits(&split, 1, options, report);
}

/* ---- one result ---- */

START_TEST(threads_change_nothing) {
  static const int threads[] = {1, 2, 7};
  yolo_check_report first = {0};
  write_set(IMAGES, "many.json");
  for (int t = 0; t < 3; ++t) {
    yolo_check_options options = {.threads = threads[t], .no_cache = true};
    yolo_check_report report;
    ck_assert_int_eq(check_set("many.json", &options, &report), YOLO_OK);
    if (t == 0) {
      first = report;
      continue;
    }
    ck_assert_uint_eq(report.n_findings, first.n_findings);
    ck_assert_mem_eq(report.findings, first.findings, first.n_findings * sizeof *first.findings);
    ck_assert_uint_eq(report.n_texts, first.n_texts);
    ck_assert_mem_eq(report.texts, first.texts, first.n_texts);
    yolo_check_report_free(&report);
  }
  yolo_check_report_free(&first);
}
END_TEST

START_TEST(everything_is_counted) {
  yolo_check_options options = {.no_cache = true};
  yolo_check_report r;
  size_t cut = 0, twins = 0;
  write_set(IMAGES, "many.json");
  ck_assert_int_eq(check_set("many.json", &options, &r), YOLO_OK);
  for (int i = 0; i < IMAGES; ++i) cut += i % 10 == 9, twins += i % 7 == 6 && i % 10 != 9 && (i - 1) % 10 != 9;
  ck_assert_uint_eq(r.counts[YOLO_RULE_IMAGE_UNREADABLE], cut);
  ck_assert_uint_eq(r.counts[YOLO_RULE_BOX_OUTSIDE], 40);
  ck_assert_uint_eq(r.counts[YOLO_RULE_BOX_EMPTY], 67);
  /* the pattern of bytes repeats after 256 images, which are not there */
  ck_assert_uint_eq(r.counts[YOLO_RULE_IMAGE_DUPLICATE], twins);
  ck_assert_uint_eq(r.n_findings, cut + 40 + 67 + twins);
  ck_assert_uint_eq(r.severities[YOLO_SEVERITY_ERROR], cut + 40 + 67);
  ck_assert_uint_eq(r.severities[YOLO_SEVERITY_WARNING], twins);
  ck_assert_uint_eq(r.decoded, IMAGES - cut);
  ck_assert_uint_eq(r.all.images, IMAGES);
  ck_assert_uint_eq(r.all.objects, IMAGES + 40 + 67);
  ck_assert_uint_eq(r.all.sizes[0], IMAGES + 40); /* a box without height has no size */
  ck_assert_uint_eq(r.all.aspects[4], IMAGES);    /* 8:4 */
  ck_assert_uint_eq(r.all.aspects[5], 40);        /* 20:4 */
  ck_assert_uint_eq(r.all.sides[5], IMAGES);      /* sqrt(32) of 16 */
  ck_assert_uint_eq(r.all.sides[6], 40);
  ck_assert_uint_eq(r.all.crowd[3], 14); /* three objects: i divisible by 15 */
  ck_assert_uint_eq(r.n_classes, 2);
  ck_assert_str_eq(yolo_check_text(&r, r.classes[1].name), "dog");
  ck_assert_uint_eq(r.classes[1].objects, 107);
  ck_assert_uint_eq(r.classes[1].images, 107 - 14);
  yolo_check_report_free(&r);
}
END_TEST

/* ---- trouble ---- */

static bool stop_early(void *payload, int split, size_t done, size_t total) {
  int *calls = payload;
  ck_assert_int_eq(split, 0);
  ck_assert_uint_eq(total, IMAGES);
  ck_assert_uint_le(done, total);
  return ++*calls < 2;
}

START_TEST(it_can_be_stopped) {
  long before = yolo_memory_get_stats().live;
  int calls = 0;
  yolo_check_options options = {.no_cache = true, .progress = stop_early, .payload = &calls};
  yolo_check_report report;
  write_set(IMAGES, "many.json");
  ck_assert_int_eq(check_set("many.json", &options, &report), YOLO_ECANCELLED);
  ck_assert_int_eq(calls, 2);
  ck_assert_ptr_null(report.findings);
  ck_assert_int_eq(yolo_memory_get_stats().live, before);
}
END_TEST

/* An image that does not fit into the memory is one that cannot be read; all else is a failure. */
START_TEST(memory_may_be_short) {
  yolo_check_options options = {.no_cache = true, .threads = 1};
  yolo_check_report whole, report;
  write_set(10, "few.json");
  long calls = yolo_memory_get_stats().calls;
  ck_assert_int_eq(check_set("few.json", &options, &whole), YOLO_OK);
  calls = yolo_memory_get_stats().calls - calls;
  long before = yolo_memory_get_stats().live, failures = 0;
  for (long nth = 1; nth <= calls; ++nth) {
    yolo_memory_fail_at(nth);
    yolo_status st = check_set("few.json", &options, &report);
    yolo_memory_fail_at(0);
    ck_assert_msg(st == YOLO_OK || st == YOLO_ENOMEM, "allocation %ld: %d %s", nth, st, yolo_error_message());
    failures += st == YOLO_ENOMEM;
    if (st == YOLO_OK) yolo_check_report_free(&report);
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
  }
  yolo_check_report_free(&whole);
  ck_assert_int_gt(failures, calls / 2);
}
END_TEST

/* ---- lines and hashes ---- */

START_TEST(bytes_become_lines) {
  enum { BYTES = 300000 };
  char *text = malloc(BYTES);
  yolo_line_index *lines = NULL;
  yolo_rng rng = {.key = 5};
  uint64_t line = 1;
  for (int i = 0; i < BYTES; ++i) text[i] = yolo_rng_u32(&rng) % 40 == 0 ? '\n' : 'x';
  ck_assert_int_eq(yolo_write_file(in_folder("lines.txt"), text, BYTES), YOLO_OK);
  ck_assert_int_eq(yolo_line_index_new(&lines), YOLO_OK);
  for (int i = 0; i < BYTES; ++i) {
    bool looked_at = i % 997 == 0 || i % 65536 < 2 || i % 65536 == 65535;
    if (looked_at) ck_assert_uint_eq(yolo_line_of(lines, in_folder("lines.txt"), (uint64_t)i + 1), line);
    line += text[i] == '\n';
  }
  ck_assert_uint_eq(yolo_line_of(lines, in_folder("lines.txt"), 0), 0);
  ck_assert_uint_eq(yolo_line_of(lines, in_folder("lines.txt"), 10 * BYTES), 0);
  ck_assert_uint_eq(yolo_line_of(lines, in_folder("nowhere.txt"), 1), 0);
  yolo_line_index_free(lines);
  free(text);
}
END_TEST

static int bits(yolo_hash a, yolo_hash b) { return __builtin_popcountll(a.a ^ b.a) + __builtin_popcountll(a.b ^ b.b); }

/* Every single flipped bit changes about half of the 128; other lengths and seeds give other hashes. */
START_TEST(hashes_are_well_mixed) {
  uint8_t bytes[77] = {0};
  yolo_hash plain = yolo_hash_bytes(bytes, sizeof bytes, 3);
  int total = 0, n = sizeof bytes * 8;
  for (int i = 0; i < n; ++i) {
    bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    int changed = bits(plain, yolo_hash_bytes(bytes, sizeof bytes, 3));
    bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    ck_assert_int_ge(changed, 35); /* 5 standard deviations of a fair coin below 64 */
    total += changed;
  }
  ck_assert_double_eq_tol((double)total / n, 64, 1.5);
  for (size_t length = 0; length < sizeof bytes; ++length) {
    ck_assert_int_ge(bits(plain, yolo_hash_bytes(bytes, length, 3)), 35);
  }
  ck_assert_int_ge(bits(plain, yolo_hash_bytes(bytes, sizeof bytes, 4)), 35);
  ck_assert_int_eq(yolo_hash_compare(plain, yolo_hash_bytes(bytes, sizeof bytes, 3)), 0);
}
END_TEST

START_TEST(every_rule_has_its_words) {
  for (int i = 0; i < YOLO_RULE_COUNT; ++i) {
    ck_assert_uint_gt(strlen(yolo_rules[i].meaning), 10);
    for (int j = 0; j < i; ++j) ck_assert_str_ne(yolo_rules[i].name, yolo_rules[j].name);
  }
  yolo_data_sink counted = {0};
  yolo_data_report(&counted, YOLO_RULE_BOX_TINY, "f", 1, "x");
  yolo_data_report(NULL, YOLO_RULE_BOX_TINY, "f", 1, "x");
  ck_assert_uint_eq(counted.counts[YOLO_RULE_BOX_TINY], 1);
}
END_TEST

static int remove_folder(void) {
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

int main(void) {
  Suite *suite = suite_create("check");
  TCase *tests = tcase_create("check");
  if (!mkdtemp(folder)) return EXIT_FAILURE;
  tcase_add_test(tests, threads_change_nothing);
  tcase_add_test(tests, everything_is_counted);
  tcase_add_test(tests, it_can_be_stopped);
  tcase_add_test(tests, memory_may_be_short);
  tcase_add_test(tests, bytes_become_lines);
  tcase_add_test(tests, hashes_are_well_mixed);
  tcase_add_test(tests, every_rule_has_its_words);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  if (remove_folder() != 0) failed++;
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
