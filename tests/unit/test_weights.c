/* Weights on disk: what kind of file, and Darknet's format in and out, to the last byte. */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/weights_fixture.h"

/* ---- sniffing ---- */

START_TEST(kinds_by_content) {
  static const struct {
    const char *bytes;
    size_t length;
    const char *words;
  } table[] = {
      {BYTES(""), "is empty"},
      {BYTES("\n <!DOCTYPE html>\n<html><head><title>404"), "web page, not weights (\"<!DOCTYPE html> <html><head><title>404"},
      {BYTES("version https://git-lfs.github.com/spec/v1\noid"), "Git LFS pointer"},
      {BYTES("[net]\nbatch=1\nM\xC3\xBC\n"), "is a text, not weights (\"[net] batch=1 M \")"},
      {BYTES("0123456789012345678901234567890123456789abcdef"), "(\"0123456789012345678901234567890123456789\")"},
      {BYTES("PK\x03\x04\x14\0\0\0\0\0aaaaaaaa"), "zip archive, most likely a PyTorch"},
      {BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02"), "Python pickle"},
      {BYTES("\x1f\x8b\x08\0\0\0\0\0\0\0aaaaaaaaaa"), "gzip"},
      {BYTES("\x08\x07\x12\x07pytorch\x1a\x03"
             "2.1:aaaaaaa"),
       "ONNX"},
      {BYTES("\0\0\0\0\x02"), "has only 5 bytes (00 00 00 00 02)"},
      {BYTES("\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0"), "bytes 12 34 56 78"}};
  yolo_weights_kind kind = YOLO_WEIGHTS_DARKNET;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    yolo_darknet_reader *darknet = NULL;
    yolo_safetensors_reader *safetensors = NULL;
    put(path_a, table[i].bytes, table[i].length);
    expect_words(yolo_weights_sniff(path_a, &kind), table[i].words);
    ck_assert_int_eq(kind, YOLO_WEIGHTS_UNKNOWN);
    expect_words(yolo_darknet_open(path_a, &darknet, NULL), table[i].words);
    expect_words(yolo_safetensors_open(path_a, &safetensors), table[i].words);
  }
  expect_words(yolo_weights_sniff(folder, &kind), "a folder");
  expect_words(yolo_weights_sniff("/dev/null", &kind), "a device");
  expect_words(yolo_weights_sniff("/nonexistent/file", &kind), "cannot be opened");
}
END_TEST

START_TEST(readers_know_each_others_files) {
  yolo_weights_kind kind = YOLO_WEIGHTS_UNKNOWN;
  yolo_darknet_reader *darknet = NULL;
  yolo_safetensors_reader *safetensors = NULL;
  ck_assert_int_eq(write_small_darknet(path_a, 2, 1), YOLO_OK);
  ck_assert_int_eq(yolo_weights_sniff(path_a, &kind), YOLO_OK);
  ck_assert_int_eq(kind, YOLO_WEIGHTS_DARKNET);
  expect_words(yolo_safetensors_open(path_a, &safetensors), "is no safetensors file");
  ck_assert_int_eq(write_small_safetensors(path_a), YOLO_OK);
  ck_assert_int_eq(yolo_weights_sniff(path_a, &kind), YOLO_OK);
  ck_assert_int_eq(kind, YOLO_WEIGHTS_SAFETENSORS);
  expect_words(yolo_darknet_open(path_a, &darknet, NULL), "is a safetensors file");
}
END_TEST

/* ---- Darknet ---- */

START_TEST(darknet_in_both_generations) {
  for (int minor = 1; minor <= 2; minor++) {
    float values[FLOATS];
    char *bytes = NULL;
    size_t length = 0;
    yolo_darknet_reader *reader = NULL;
    yolo_darknet_header header;
    ck_assert_int_eq(write_small_darknet(path_a, minor, minor == 1 ? 7u : 5000000000u), YOLO_OK);
    ck_assert_int_eq(yolo_read_file(path_a, 10000, &bytes, &length), YOLO_OK);
    ck_assert_uint_eq(length, (minor == 1 ? 16 : 20) + 4 * FLOATS);
    ck_assert_int_eq(
        memcmp(bytes, minor == 1 ? "\0\0\0\0\1\0\0\0\5\0\0\0\7\0\0" : "\0\0\0\0\2\0\0\0\5\0\0\0\0\xF2\x05\x2A\1\0\0", 16), 0);
    yolo_free(bytes);
    ck_assert_int_eq(read_small_darknet(path_a, values), YOLO_OK);
    expect_small(values);
    ck_assert_int_eq(yolo_darknet_open(path_a, &reader, &header), YOLO_OK);
    ck_assert(header.major == 0 && header.minor == minor && header.revision == 5);
    ck_assert(header.seen == (minor == 1 ? 7u : 5000000000u));
    ck_assert_int_eq(yolo_darknet_read(reader, &small[0], NULL), YOLO_OK); /* skipping */
    ck_assert_int_eq(yolo_darknet_read(reader, &small[1], values), YOLO_OK);
    ck_assert(values[0] == value_at(4));
    ck_assert_uint_eq(yolo_darknet_floats_left(reader), 35);
    ck_assert(!yolo_darknet_at_end(reader));
    ck_assert_int_eq(yolo_darknet_finish(reader, true), YOLO_OK);
    expect_words(yolo_darknet_finish(reader, false),
                 "35 floats are left over after layer 0 [convolutional] (model.0.conv.weight)");
    yolo_darknet_close(reader);
  }
  expect_words(write_small_darknet(path_a, 1, 5000000000u), "write version 0.2");
}
END_TEST

START_TEST(darknet_counts_every_byte) {
  static const struct {
    size_t length;
    const char *words;
  } table[] = {{18, "ends inside the header of Darknet weights"},
               {20, "ends inside layer 0 [convolutional] (model.0.bn.bias): 0 of 4 floats are there"},
               {20 + 4 * 104 + 3,
                "(model.0.conv.weight): 100 of 108 floats are there (the file holds 104, the cfg wants 112 up to here)"},
               {20 + 4 * (FLOATS - 1), "ends inside layer 2 [connected] (model.2.linear.weight): 34 of 35"},
               {20 + 4 * FLOATS + 2, "2 bytes are left over after layer 2 [connected]"},
               {20 + 4 * (FLOATS + 9), "9 floats are left over after layer 2 [connected] (model.2.linear.weight)"}};
  unsigned char bytes[20 + 4 * (FLOATS + 9)] = {0, 0, 0, 0, 2};
  float values[FLOATS];
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    put(path_a, bytes, table[i].length);
    expect_words(read_small_darknet(path_a, values), table[i].words);
    expect_words(read_small_darknet(path_a, values), path_a);
  }
}
END_TEST

START_TEST(darknet_real_files) {
  static const struct {
    const char *name;
    int minor;
    size_t floats;
  } table[] = {{"yolo-fastest-1.1", 2, 346062},
               {"yolo-fastest-1.1-xl", 2, 923486},
               {"MobileNetV2-YOLOv3-Nano-coco", 2, 891070},
               {"MobileNetV2-YOLO-Fastest-voc-v2", 2, 209864},
               {"yolo-lite-coco-trial6", 1, 649417}};
  const char *data = getenv("YOLO_TEST_DATA");
  char path[1024];
  if (!data) {
    printf("SKIP darknet_real_files: YOLO_TEST_DATA is not set\n");
    return;
  }
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    yolo_darknet_reader *reader = NULL;
    yolo_darknet_writer *writer = NULL;
    yolo_darknet_header header;
    size_t chunk = 0, left = table[i].floats;
    float values[5000];
    snprintf(path, sizeof path, "%s/weights/%s.weights", data, table[i].name);
    ck_assert_int_eq(yolo_darknet_open(path, &reader, &header), YOLO_OK);
    ck_assert(header.major == 0 && header.minor == table[i].minor);
    ck_assert_uint_eq(yolo_darknet_floats_left(reader), table[i].floats);
    ck_assert_int_eq(yolo_darknet_create(path_a, &header, &writer), YOLO_OK);
    for (; left > 0; left -= chunk) {
      chunk = left < 5000 ? left : 5000 - left % 77; /* uneven pieces */
      yolo_tensor_desc desc = {"piece", 1, {(int)chunk}, 0, NULL, false};
      ck_assert_int_eq(yolo_darknet_read(reader, &desc, values), YOLO_OK);
      bool finite = true;
      for (size_t k = 0; k < chunk; k++) finite &= isfinite(values[k]) != 0;
      ck_assert(finite);
      ck_assert_int_eq(yolo_darknet_write(writer, values, chunk), YOLO_OK);
    }
    ck_assert(yolo_darknet_at_end(reader));
    ck_assert_int_eq(yolo_darknet_finish(reader, false), YOLO_OK);
    ck_assert_int_eq(yolo_darknet_writer_finish(writer), YOLO_OK);
    yolo_darknet_writer_close(writer);
    yolo_darknet_close(reader);
    expect_same_file(path, path_a);
  }
}
END_TEST

static float scratch[FLOATS];
static yolo_status try_read(void) { return read_small_darknet(path_a, scratch); }
static yolo_status try_write(void) { return write_small_darknet(path_a, 2, 1); }

START_TEST(darknet_without_memory) {
  starve(try_write);
  starve(try_read);
}
END_TEST

START_TEST(darknet_mutated) {
  ck_assert_int_eq(write_small_darknet(path_b, 2, 1), YOLO_OK);
  mutations(path_b, read_small_darknet, 1);
}
END_TEST

int main(void) {
  const TTest *const all[] = {kinds_by_content,
                              readers_know_each_others_files,
                              darknet_in_both_generations,
                              darknet_counts_every_byte,
                              darknet_real_files,
                              darknet_without_memory,
                              darknet_mutated};
  return run_suite("weights", all, sizeof all / sizeof all[0]);
}
