/* What the suites of weights/ share: a folder, a network of three tensors, a way to run the tests. */
#ifndef YOLO_TESTS_UNIT_WEIGHTS_FIXTURE_H
#define YOLO_TESTS_UNIT_WEIGHTS_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/text.h"
#include "tests/unit/suite.h"
#include "weights/weights.h"

/* A literal that may hold zero bytes, and its length. */
#define BYTES(text) text, sizeof text - 1

static char folder[] = P_tmpdir "/yolo-test-weights-XXXXXX";
static char path_a[64], path_b[64];

/* Plain stdio: quicker than a synced file, and independent of what is being tested. A new file each time: to empty
 * and rewrite one makes some file systems flush it to disk. */
static inline void put(const char *path, const void *bytes, size_t length) {
  remove(path);
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
  ck_assert_int_eq(fclose(file), 0);
}

static inline void expect_words(yolo_status st, const char *words) {
  ck_assert_msg(st < 0, "no failure where '%s' was due", words);
  ck_assert_msg(strstr(yolo_error_message(), words) != NULL, "'%s' lacks '%s'", yolo_error_message(), words);
}

static inline void expect_same_file(const char *one, const char *other) {
  char *a = NULL, *b = NULL;
  size_t n = 0, m = 0;
  ck_assert_int_eq(yolo_read_file(one, (size_t)1 << 30, &a, &n), YOLO_OK);
  ck_assert_int_eq(yolo_read_file(other, (size_t)1 << 30, &b, &m), YOLO_OK);
  ck_assert_uint_eq(n, m);
  ck_assert_int_eq(memcmp(a, b, n), 0);
  yolo_free(a);
  yolo_free(b);
}

static const yolo_tensor_desc small[] = {{"model.0.bn.bias", 1, {4}, 0, "convolutional", false},
                                         {"model.0.conv.weight", 4, {4, 3, 3, 3}, 0, "convolutional", false},
                                         {"model.2.linear.weight", 2, {5, 7}, 2, "connected", false}};
enum { TENSORS = 3, FLOATS = 4 + 108 + 35 };

static inline float value_at(int i) { return (float)i * 0.37f - 11.0f; }

static inline yolo_status write_small_darknet(const char *path, int minor, uint64_t seen) {
  yolo_status st = YOLO_OK;
  yolo_darknet_writer *writer = NULL;
  yolo_darknet_header header = {0, minor, 5, seen};
  float values[FLOATS];
  for (int i = 0; i < FLOATS; i++) values[i] = value_at(i);
  YOLO_TRY(yolo_darknet_create(path, &header, &writer));
  YOLO_TRY(yolo_darknet_write(writer, values, 4));
  YOLO_TRY(yolo_darknet_write(writer, values + 4, FLOATS - 4));
  YOLO_TRY(yolo_darknet_writer_finish(writer));
done:
  yolo_darknet_writer_close(writer);
  return st;
}

static inline yolo_status read_small_darknet(const char *path, float *to) {
  yolo_status st = YOLO_OK;
  yolo_darknet_reader *reader = NULL;
  yolo_darknet_header header;
  YOLO_TRY(yolo_darknet_open(path, &reader, &header));
  for (int i = 0; i < TENSORS; i++) {
    YOLO_TRY(yolo_darknet_read(reader, &small[i], to));
    to += yolo_tensor_desc_count(&small[i]);
  }
  YOLO_TRY(yolo_darknet_finish(reader, false));
done:
  yolo_darknet_close(reader);
  return st;
}

static const yolo_metadata about[] = {{"format", "pt"}, {"names", "dog\ncat \"M\xC3\xBCnchen\"\t\\"}};

static inline yolo_status write_small_safetensors(const char *path) {
  yolo_status st = YOLO_OK;
  yolo_safetensors_writer *writer = NULL;
  float values[FLOATS];
  size_t at = 0;
  for (int i = 0; i < FLOATS; i++) values[i] = value_at(i);
  YOLO_TRY(yolo_safetensors_create(path, small, TENSORS, about, 2, &writer));
  for (int i = 0; i < TENSORS; i++) {
    YOLO_TRY(yolo_safetensors_write(writer, values + at, yolo_tensor_desc_count(&small[i])));
    at += yolo_tensor_desc_count(&small[i]);
  }
  YOLO_TRY(yolo_safetensors_writer_finish(writer));
done:
  yolo_safetensors_writer_close(writer);
  return st;
}

/* Reads backwards: the order of a safetensors file does not matter. */
static inline yolo_status read_small_safetensors(const char *path, float *to) {
  yolo_status st = YOLO_OK;
  yolo_safetensors_reader *reader = NULL;
  size_t end = FLOATS;
  YOLO_TRY(yolo_safetensors_open(path, &reader));
  for (int i = TENSORS - 1; i >= 0; i--) {
    end -= yolo_tensor_desc_count(&small[i]);
    YOLO_TRY(yolo_safetensors_read(reader, &small[i], to + end));
  }
done:
  yolo_safetensors_close(reader);
  return st;
}

static inline void expect_small(const float *values) {
  for (int i = 0; i < FLOATS; i++) ck_assert_msg(values[i] == value_at(i), "value %d is %g", i, (double)values[i]);
}

/* ---- hostile bytes and missing memory ---- */

/* One to eight edits: a bit, a byte, a cut, a digit. */
static inline size_t mutate(yolo_rng *rng, unsigned char *bytes, size_t length) {
  for (uint32_t edits = 1 + yolo_rng_u32(rng) % 8; edits > 0 && length > 0; edits--) {
    size_t at = yolo_rng_u32(rng) % (yolo_rng_u32(rng) % 2 && length > 300 ? 300 : length);
    switch (yolo_rng_u32(rng) % 8) {
      case 0: length = at; break;
      case 1:
      case 2: bytes[at] = (unsigned char)yolo_rng_u32(rng); break;
      case 3:
      case 4: bytes[at] = (unsigned char)"0123456789-.[]{}\",:e"[yolo_rng_u32(rng) % 20]; break;
      default: bytes[at] ^= (unsigned char)(1u << yolo_rng_u32(rng) % 8);
    }
  }
  return length;
}

static inline void mutations(const char *original, yolo_status (*read_small)(const char *, float *), uint64_t stream) {
  char *bytes = NULL;
  size_t length = 0;
  unsigned char changed[4096];
  float values[FLOATS];
  int refused = 0;
  ck_assert_int_eq(yolo_read_file(original, sizeof changed, &bytes, &length), YOLO_OK);
  long live = yolo_memory_get_stats().live;
  for (uint64_t k = 0; k < 2000; k++) {
    yolo_rng rng = {k, stream, 0};
    memcpy(changed, bytes, length);
    put(path_a, changed, mutate(&rng, changed, length));
    yolo_error_clear();
    yolo_status st = read_small(path_a, values);
    ck_assert_msg(st == YOLO_OK || strlen(yolo_error_message()) > 10, "mutation %d fails without a sentence", (int)k);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    refused += st != YOLO_OK;
  }
  ck_assert_int_ge(refused, 100);
  ck_assert_int_lt(refused, 2000);
  yolo_free(bytes);
}

/* Fails the first, second, third ... allocation: each time an error, nothing left alive, at last success. */
static inline void starve(yolo_status (*attempt)(void)) {
  long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  int nth = 0;
  while (st == YOLO_ENOMEM && nth < 1000) {
    yolo_memory_fail_at(++nth);
    st = attempt();
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
  ck_assert_int_ge(nth, 4);
}

static inline int run_suite(const char *name, const TTest *const *all, size_t count) {
  if (!mkdtemp(folder)) return 1;
  snprintf(path_a, sizeof path_a, "%s/a", folder);
  snprintf(path_b, sizeof path_b, "%s/b", folder);
  Suite *suite = suite_create(name);
  TCase *tests = tcase_create(name);
  for (size_t i = 0; i < count; i++) tcase_add_test(tests, all[i]);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  unlink(path_a);
  unlink(path_b);
  if (rmdir(folder) != 0) { /* a temporary file was left behind */
    printf("%s is not empty\n", folder);
    failed++;
  }
  return failed == 0 ? 0 : 1;
}

#endif
