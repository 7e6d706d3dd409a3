/* Small data sets of every format in a scratch folder, and what reading them gave. */
#ifndef YOLO_TESTS_UNIT_FORMATS_FIXTURE_H
#define YOLO_TESTS_UNIT_FORMATS_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/dataset.h"

/* ---- a scratch folder, which is the current one ---- */

static char scratch[] = P_tmpdir "/yolo-test-formats-XXXXXX";

static inline void scratch_begin(void) {
  ck_assert_ptr_nonnull(mkdtemp(scratch));
  ck_assert_int_eq(chdir(scratch), 0);
}

static inline void scratch_end(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", scratch);
  ck_assert_int_eq(chdir("/"), 0);
  ck_assert_int_eq(system(command), 0);
}

static inline void put_bytes(const char *name, const void *bytes, size_t length) {
  ck_assert_int_eq(yolo_path_make_parent(name), YOLO_OK);
  ck_assert_int_eq(yolo_write_file(name, bytes, length), YOLO_OK);
}

static inline void put_text(const char *name, const char *text) { put_bytes(name, text, strlen(text)); }

static inline void put_image(const char *name, int width, int height) {
  yolo_image image;
  ck_assert_int_eq(yolo_image_new(width, height, &image), YOLO_OK);
  for (int i = 0; i < width * height * 3; ++i) image.pixels[i] = (uint8_t)(i * 7 % 251);
  ck_assert_int_eq(yolo_path_make_parent(name), YOLO_OK);
  ck_assert_int_eq(yolo_image_save(&image, name), YOLO_OK);
  yolo_image_release(&image);
}

/* Pieces of VOC XML. */
#define OBJECT(name, box) "<object><name>" name "</name><bndbox>" box "</bndbox></object>\n"
#define BOX(a, b, c, d)   "<xmin>" a "</xmin><ymin>" b "</ymin><xmax>" c "</xmax><ymax>" d "</ymax>"

/* ---- PNG files as no encoder here writes them ---- */

static inline void append_chunk(yolo_text *to, const char *type, const void *data, size_t length) {
  uint8_t size[4] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length};
  uLong crc = crc32(crc32(0, NULL, 0), (const Bytef *)type, 4);
  if (length) crc = crc32(crc, data, (uInt)length);
  uint8_t check[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
  ck_assert_int_eq(yolo_text_append(to, (const char *)size, 4), YOLO_OK);
  ck_assert_int_eq(yolo_text_append(to, type, 4), YOLO_OK);
  ck_assert_int_eq(yolo_text_append(to, data ? data : "", length), YOLO_OK);
  ck_assert_int_eq(yolo_text_append(to, (const char *)check, 4), YOLO_OK);
}

/* kind: 0 grey, 3 palette (its colours have nothing to do with the indices), 2 RGB. values: width x height bytes, one sample a
 * pixel; rows are packed to `bits`. */
static inline void put_png(const char *name, int width, int height, int bits, int kind, const uint8_t *values) {
  uint8_t header[13] = {0, 0, 0, (uint8_t)width, 0, 0, 0, (uint8_t)height, (uint8_t)bits, (uint8_t)kind, 0, 0, 0};
  uint8_t rows[4096] = {0}, packed[8192], palette[768];
  size_t row = (size_t)(kind == 2 ? width * 3 : (width * bits + 7) / 8) + 1;
  uLongf length = sizeof packed;
  yolo_text png = {0};
  ck_assert_uint_le(row * (size_t)height, sizeof rows);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      uint8_t *line = rows + (size_t)y * row + 1;
      if (bits == 16) line[2 * x] = values[y * width + x];
      if (bits == 8) line[kind == 2 ? 3 * x : x] = values[y * width + x];
      if (bits < 8) line[x * bits / 8] |= (uint8_t)(values[y * width + x] << (8 - bits - x * bits % 8));
    }
  for (int i = 0; i < 768; ++i) palette[i] = (uint8_t)(i * 53 + 11);
  ck_assert_int_eq(compress(packed, &length, rows, (uLong)(row * (size_t)height)), Z_OK);
  ck_assert_int_eq(yolo_text_append(&png, "\x89PNG\r\n\x1a\n", 8), YOLO_OK);
  append_chunk(&png, "IHDR", header, sizeof header);
  if (kind == 3) append_chunk(&png, "PLTE", palette, bits == 8 ? 768 : (size_t)3 << bits);
  if (kind == 3) append_chunk(&png, "tRNS", "\0\1\2", 3);
  append_chunk(&png, "IDAT", packed, length);
  append_chunk(&png, "IEND", NULL, 0);
  put_bytes(name, png.data, png.length);
  yolo_text_free(&png);
}

/* ---- IDX and CIFAR ---- */

static inline void put_idx(const char *images, const char *labels, int n) {
  uint8_t pixels[16 + 64 * 6] = {0, 0, 8, 3, 0, 0, 0, (uint8_t)n, 0, 0, 0, 2, 0, 0, 0, 3}; /* 2 rows of 3 */
  uint8_t classes[8 + 64] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)n};
  for (int i = 0; i < n * 6; ++i) pixels[16 + i] = (uint8_t)i;
  for (int i = 0; i < n; ++i) classes[8 + i] = (uint8_t)(i % 4);
  put_bytes(images, pixels, 16 + (size_t)n * 6);
  put_bytes(labels, classes, 8 + (size_t)n);
}

static inline void put_cifar(const char *name, int label_bytes, int n) {
  uint8_t record[3074];
  yolo_text file = {0};
  for (int i = 0; i < n; ++i) {
    record[0] = (uint8_t)(i % 10);
    record[label_bytes - 1] = (uint8_t)(label_bytes == 1 ? i % 10 : 90 + i % 10);
    for (int k = 0; k < 3072; ++k) record[label_bytes + k] = (uint8_t)(k / 1024 * 100 + k % 100 + i);
    ck_assert_int_eq(yolo_text_append(&file, (const char *)record, (size_t)label_bytes + 3072), YOLO_OK);
  }
  put_bytes(name, file.data, file.length);
  yolo_text_free(&file);
}

/* ---- reading ---- */

enum { MOST_ISSUES = 64 };
typedef struct finding {
  yolo_data_rule rule;
  char file[256];
  uint64_t line;
} finding;
typedef struct findings {
  finding items[MOST_ISSUES];
  int count;
} findings;

static inline void take_issue(void *payload, const yolo_data_issue *issue) {
  findings *f = payload;
  ck_assert_ptr_nonnull(issue->what);
  ck_assert_uint_gt(strlen(issue->what), 8);
  if (f->count == MOST_ISSUES) return;
  finding *item = &f->items[f->count++];
  item->rule = issue->rule;
  item->line = issue->line;
  snprintf(item->file, sizeof item->file, "%s", issue->file);
}

/* found may be NULL. */
static inline yolo_status try_open(const char *format, const char *labels, const char *images, findings *found,
                                   yolo_dataset **out) {
  const yolo_data_source source = {format, labels, images};
  yolo_data_sink sink = {.report = take_issue, .payload = found};
  if (found) found->count = 0;
  const yolo_data_open_options options = {.no_cache = true, .sink = found ? &sink : NULL};
  return yolo_dataset_open(&source, 1, &options, out);
}

static inline yolo_dataset *open_set(const char *format, const char *labels, const char *images, findings *found) {
  yolo_dataset *dataset = NULL;
  yolo_status st = try_open(format, labels, images, found, &dataset);
  ck_assert_msg(st == YOLO_OK, "%s: %s", labels, yolo_error_message());
  return dataset;
}

static inline const char *image_name(const yolo_dataset *d, size_t i) { return yolo_dataset_text(d, d->images[i].name); }

static inline void expect_box(const yolo_annotation *a, double x, double y, double width, double height) {
  ck_assert_double_eq_tol(a->x, x, 1e-9);
  ck_assert_double_eq_tol(a->y, y, 1e-9);
  ck_assert_double_eq_tol(a->width, width, 1e-9);
  ck_assert_double_eq_tol(a->height, height, 1e-9);
}

#endif
