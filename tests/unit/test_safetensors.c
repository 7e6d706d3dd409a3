/* safetensors in and out: round trip, the judge of headers, half precision, hostile bytes. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/half.h"
#include "tests/unit/weights_fixture.h"

/* The data begin at a multiple of 8. */
static void expect_aligned(const char *path) {
  char *bytes = NULL;
  size_t length = 0;
  ck_assert_int_eq(yolo_read_file(path, 10000, &bytes, &length), YOLO_OK);
  ck_assert_int_eq(bytes[0] % 8, 0);
  ck_assert_uint_eq((length - FLOATS * sizeof(float)) % 8, 0);
  yolo_free(bytes);
}

START_TEST(safetensors_round_trip) {
  float values[FLOATS];
  yolo_tensor_desc desc, wrong = small[1];
  yolo_safetensors_reader *reader = NULL;
  ck_assert_int_eq(write_small_safetensors(path_a), YOLO_OK);
  ck_assert_int_eq(write_small_safetensors(path_b), YOLO_OK);
  expect_same_file(path_a, path_b);
  expect_aligned(path_a);
  ck_assert_int_eq(read_small_safetensors(path_a, values), YOLO_OK);
  expect_small(values);
  ck_assert_int_eq(yolo_safetensors_open(path_a, &reader), YOLO_OK);
  ck_assert_str_eq(yolo_safetensors_metadata(reader, "names"), about[1].value);
  ck_assert_ptr_null(yolo_safetensors_metadata(reader, "absent"));
  ck_assert_int_eq(yolo_safetensors_count(reader), TENSORS);
  for (int i = 0; i < TENSORS; i++) {
    ck_assert_int_eq(yolo_safetensors_at(reader, i, &desc), YOLO_OK);
    ck_assert_str_eq(desc.name, small[i].name);
    ck_assert_int_eq(memcmp(desc.dims, small[i].dims, sizeof desc.dims), 0);
  }
  expect_words(yolo_safetensors_at(reader, TENSORS, &desc), "tensor 3 of 3");
  wrong.dims[0] = 8;
  expect_words(yolo_safetensors_read(reader, &wrong, values),
               "layer 0 [convolutional] (model.0.conv.weight) is 4x3x3x3, the cfg wants 8x3x3x3");
  wrong.name = "model.0.conv.weigth";
  expect_words(yolo_safetensors_read(reader, &wrong, values), "the closest name is 'model.0.conv.weight'");
  wrong.name = "something.else";
  expect_words(yolo_safetensors_read(reader, &wrong, values), "has no tensor for layer 0 [convolutional] (something.else)");
  yolo_safetensors_close(reader);
}
END_TEST

/* A file of this header (padded by nothing) and `data` bytes of zeros. */
static void put_header(const char *json, size_t data) {
  unsigned char bytes[2048] = {0};
  size_t length = strlen(json);
  ck_assert_uint_le(8 + length + data, sizeof bytes);
  for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)(length >> (8 * i));
  memcpy(bytes + 8, json, length);
  put(path_a, bytes, 8 + length + data);
}

#define TENSOR(name, shape, offsets) "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

START_TEST(safetensors_headers_are_judged) {
  static const struct {
    const char *json;
    size_t data;
    const char *words;
  } table[] = {{"{" TENSOR("a", "[2]", "[0,8]") "}  ", 8, NULL},
               {"{}", 0, NULL},
               {"{" TENSOR("b", "[1]", "[4,8]") "," TENSOR("a", "[]", "[0,4]") "," TENSOR("e", "[0,9]", "[8,8]") "}", 8, NULL},
               {"{" TENSOR("a", "[2]", "[0,8]"), 8, "',' or '}' was expected"},
               {"{" TENSOR("a", "[2]", "[0,8]") "}x", 8, "the end was expected"},
               {"{" TENSOR("a", "[2]", "[0,8]") ",}", 8, "a name in quotes was expected"},
               {"{" TENSOR("a", "[2]", "[0,8]") "}", 7, "ends at byte 8 of the data, of which the file has 7"},
               {"{" TENSOR("a", "[2]", "[0,8]") "}", 9, "1 bytes after the last tensor"},
               {"{" TENSOR("a", "[3]", "[0,8]") "}", 8, "its shape wants 12 bytes, its offsets give 8"},
               {"{" TENSOR("a", "[2]", "[8,0]") "}", 8, "run backwards"},
               {"{" TENSOR("a", "[2]", "[0,8,9]") "}", 8, "not two byte positions"},
               {"{" TENSOR("a", "[2]", "[-8,0]") "}", 8, "not two byte positions"},
               {"{" TENSOR("a", "[2]", "[0,8.5]") "}", 8, "not two byte positions"},
               {"{" TENSOR("a", "[-2]", "[0,8]") "}", 8, "no sensible number"},
               {"{" TENSOR("a", "[99999999999]", "[0,8]") "}", 8, "no sensible number"},
               {"{" TENSOR("a", "[2147483647,2147483647,2147483647,2]", "[0,8]") "}", 8, "too large"},
               {"{" TENSOR("a", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "more than 8 dimensions"},
               {"{" TENSOR("a", "{}", "[0,4]") "}", 4, "no list of numbers"},
               {"{" TENSOR("a", "[2]", "[0,8]") "," TENSOR("b", "[1]", "[4,8]") "}", 8, "'b': overlaps"},
               {"{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("b", "[1]", "[8,12]") "}", 12, "'b': there is a hole"},
               {"{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("a", "[1]", "[4,8]") "}", 8, "'a': is there twice"},
               {"{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "the type 'F33', which is not known"},
               {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "lacks dtype, shape or data_offsets"},
               {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "described twice"},
               {"{\"a\":7}", 4, "not described by an object"},
               {"{\"a\\u001b[31m\":{}}", 0, "without control characters"},
               {"{\"__metadata__\":{\"k\":7}}", 0, "a metadata value in quotes was expected"},
               {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "'k' is there twice"},
               {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "only once"}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    yolo_safetensors_reader *reader = NULL;
    put_header(table[i].json, table[i].data);
    yolo_status st = yolo_safetensors_open(path_a, &reader);
    if (table[i].words) {
      expect_words(st, table[i].words);
    } else {
      ck_assert_msg(st == YOLO_OK, "%s: %s", table[i].json, yolo_error_message());
    }
    yolo_safetensors_close(reader);
  }
}
END_TEST

START_TEST(safetensors_cut_and_bombs) {
  yolo_safetensors_reader *reader = NULL;
  put(path_a, BYTES("\xFF\0\0\0\0\0\0\0{\"a\":"));
  expect_words(yolo_safetensors_open(path_a, &reader), "ends inside its safetensors header: 5 of 255 bytes");
  put(path_a, BYTES("\xFF\xFF\xFF\x7F\0\0\0\0{\"a\":"));
  expect_words(yolo_safetensors_open(path_a, &reader), "more than the 100000000 allowed");
  enum { SIZE = 1 << 20 };
  char *bomb = malloc(SIZE);
  ck_assert_ptr_nonnull(bomb);
  for (int kind = 0; kind < 2; kind++) { /* a tower of brackets; a list that would cost 64 bytes a digit */
    for (size_t i = 0; i < SIZE; i++) bomb[i] = kind == 0 ? '[' : i % 2 ? '0' : ',';
    memcpy(bomb, "\xF8\xFF\x0F\0\0\0\0\0{\"a\":[", 14);
    bomb[14] = '0';
    put(path_a, bomb, SIZE);
    expect_words(yolo_safetensors_open(path_a, &reader), "the description of a tensor was expected");
  }
  free(bomb);
}
END_TEST

START_TEST(safetensors_half_precision) {
  /* F16: 1, -2, 65504 (largest), 2^-24 (smallest), -0, inf; BF16: 1, -2.5, 3.140625 */
  static const unsigned char data[] = {0x00, 0x3C, 0x00, 0xC0, 0xFF, 0x7B, 0x01, 0x00, 0x00, 0x80,
                                       0x00, 0x7C, 0x80, 0x3F, 0x20, 0xC0, 0x49, 0x40, 9,    9};
  static const char json[] =
      "{\"h\":{\"dtype\":\"F16\",\"shape\":[6],\"data_offsets\":[0,12]},\"b\":{\"dtype\":\"BF16\",\"shape\":[3],"
      "\"data_offsets\":[12,18]},\"i\":{\"dtype\":\"I8\",\"shape\":[1,1,1,1,2],\"data_offsets\":[18,20]}}";
  unsigned char bytes[8 + sizeof json - 1 + sizeof data] = {(unsigned char)(sizeof json - 1)};
  yolo_tensor_desc half = {"h", 1, {6}, 0, NULL, false}, brain = {"b", 1, {3}, 0, NULL, false}, any;
  yolo_safetensors_reader *reader = NULL;
  float values[6];
  memcpy(bytes + 8, json, sizeof json - 1);
  memcpy(bytes + 8 + sizeof json - 1, data, sizeof data);
  put(path_a, bytes, sizeof bytes);
  ck_assert_int_eq(yolo_safetensors_open(path_a, &reader), YOLO_OK);
  ck_assert_int_eq(yolo_safetensors_read(reader, &half, values), YOLO_OK);
  ck_assert(values[0] == 1.0f && values[1] == -2.0f && values[2] == 65504.0f && values[3] == 0x1p-24f);
  ck_assert(values[4] == 0.0f && signbit(values[4]) && isinf(values[5]));
  ck_assert_int_eq(yolo_safetensors_read(reader, &brain, values), YOLO_OK);
  ck_assert(values[0] == 1.0f && values[1] == -2.5f && values[2] == 3.140625f);
  expect_words(yolo_safetensors_at(reader, 2, &any), "has 5 dimensions");
  yolo_safetensors_close(reader);
}
END_TEST

/* A tensor in 16 bits beside one in 32: the first comes back rounded to nearest, the second as it was. */
START_TEST(safetensors_halves_are_written) {
  enum { MANY = 5000 };
  static const yolo_tensor_desc descs[] = {{"h", 2, {50, 100}, 0, NULL, true}, {"f", 1, {2}, 0, NULL, false}};
  static float values[MANY], back[MANY];
  const float pair[] = {1.0f / 3, 1e30f}, beyond = 65520.0f;
  yolo_safetensors_writer *writer = NULL;
  yolo_safetensors_reader *reader = NULL;
  char *bytes = NULL;
  size_t length = 0;
  for (int i = 0; i < MANY; i++) values[i] = (float)(i - 2500) * 0.37f;
  ck_assert_int_eq(yolo_safetensors_create(path_a, descs, 2, NULL, 0, &writer), YOLO_OK);
  ck_assert_int_eq(yolo_safetensors_write(writer, values, MANY), YOLO_OK);
  ck_assert_int_eq(yolo_safetensors_write(writer, pair, 2), YOLO_OK);
  ck_assert_int_eq(yolo_safetensors_writer_finish(writer), YOLO_OK);
  yolo_safetensors_writer_close(writer);
  ck_assert_int_eq(yolo_read_file(path_a, 100000, &bytes, &length), YOLO_OK);
  ck_assert_uint_lt(length, 2 * MANY + 300);
  yolo_free(bytes);
  ck_assert_int_eq(yolo_safetensors_open(path_a, &reader), YOLO_OK);
  ck_assert_int_eq(yolo_safetensors_read(reader, &descs[0], back), YOLO_OK);
  for (int i = 0; i < MANY; i++) ck_assert(back[i] == yolo_float_of_half(yolo_half_of_float(values[i])));
  ck_assert_int_eq(yolo_safetensors_read(reader, &descs[1], back), YOLO_OK);
  ck_assert(back[0] == pair[0] && back[1] == pair[1]);
  yolo_safetensors_close(reader);
  values[4321] = beyond;
  ck_assert_int_eq(yolo_safetensors_create(path_a, descs, 2, NULL, 0, &writer), YOLO_OK);
  expect_words(yolo_safetensors_write(writer, values, MANY), "does not fit into 16 bits");
  yolo_safetensors_writer_close(writer);
}
END_TEST

START_TEST(safetensors_writer_refuses) {
  static const yolo_tensor_desc twice[] = {{"a", 1, {1}, 0, NULL, false}, {"a", 1, {1}, 0, NULL, false}},
                                empty[] = {{"a", 1, {0}, 0, NULL, false}};
  yolo_safetensors_writer *writer = NULL;
  float values[FLOATS] = {0};
  expect_words(yolo_safetensors_create(path_a, twice, 2, NULL, 0, &writer), "is there twice");
  expect_words(yolo_safetensors_create(path_a, empty, 1, NULL, 0, &writer), "no elements");
  expect_words(yolo_safetensors_create("/nonexistent/a", small, TENSORS, NULL, 0, &writer), "/nonexistent/a");
  put(path_a, "old", 3);
  ck_assert_int_eq(yolo_safetensors_create(path_a, small, TENSORS, NULL, 0, &writer), YOLO_OK);
  expect_words(yolo_safetensors_write(writer, values, 5), "tensor 0 was announced with 4 values, not 5");
  ck_assert_int_eq(yolo_safetensors_write(writer, values, 4), YOLO_OK);
  expect_words(yolo_safetensors_writer_finish(writer), "only 1 of 3");
  yolo_safetensors_writer_close(writer);
  char *bytes = NULL;
  ck_assert_int_eq(yolo_read_file(path_a, 100, &bytes, NULL), YOLO_OK);
  ck_assert_str_eq(bytes, "old");
  yolo_free(bytes);
  expect_words(write_small_safetensors("/dev/full"), "No space left");
  expect_words(write_small_darknet("/dev/full", 2, 0), "No space left");
}
END_TEST

static float scratch[FLOATS];
static yolo_status try_read(void) { return read_small_safetensors(path_a, scratch); }
static yolo_status try_write(void) { return write_small_safetensors(path_a); }

START_TEST(safetensors_without_memory) {
  starve(try_write);
  starve(try_read);
}
END_TEST

START_TEST(safetensors_mutated) {
  ck_assert_int_eq(write_small_safetensors(path_b), YOLO_OK);
  mutations(path_b, read_small_safetensors, 2);
}
END_TEST

int main(void) {
  const TTest *const all[] = {
      safetensors_round_trip,         safetensors_headers_are_judged, safetensors_cut_and_bombs,  safetensors_half_precision,
      safetensors_halves_are_written, safetensors_writer_refuses,     safetensors_without_memory, safetensors_mutated};
  return run_suite("safetensors", all, sizeof all / sizeof all[0]);
}
