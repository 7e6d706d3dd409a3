/* CIFAR-10 and CIFAR-100 in their binary version (Alex Krizhevsky, "Learning multiple layers of features from tiny images"):
 * records of one size and nothing else.
 *
 *   CIFAR-10    class                    3072 bytes: 32 x 32 red, then green, then blue
 *   CIFAR-100   coarse class, class      3072 bytes
 *
 * One .bin file may be named, or the folder with data_batch_1.bin ... (train.bin); the test file has to be named. Which of the
 * two it is follows from the length and the labels. Names: those given, else batches.meta.txt or fine_label_names.txt beside
 * the file, else "class 0", "class 1" ... Pixels are kept in memory. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/lines.h"
#include "datasets/readers.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE, MOST_FILE = 1 << 30 };

static bool is_bin(const char *name) { return yolo_has_suffix(name, ".bin"); }
static bool is_train(const char *name) {
  return is_bin(name) && (strncmp(name, "data_batch", 10) == 0 || strcmp(name, "train.bin") == 0);
}

/* Bytes before the pixels of a record: 1, 2, or 0 when it is neither. */
static size_t label_bytes(const uint8_t *bytes, size_t length) {
  for (size_t n = 1; n <= 2; ++n) {
    size_t record = n + PIXELS;
    bool fits = length > 0 && length % record == 0;
    for (size_t at = 0; fits && at < length; at += record)
      fits = n == 1 ? bytes[at] < 10 : bytes[at] < 20 && bytes[at + 1] < 100;
    if (fits) return n;
  }
  return 0;
}

static yolo_status take_record(yolo_dataset_builder *builder, yolo_class_numbers *classes, const char *path,
                               const uint8_t *record, size_t labels, size_t number) {
  uint8_t pixels[PIXELS];
  yolo_text name = {0};
  size_t image = 0;
  yolo_new_image added = {.file = path, .label_file = path, .width = SIDE, .height = SIDE, .place = number};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_class_number(classes, builder, record[labels - 1], &added.label));
  if (added.label < 0) {
    yolo_data_report(yolo_dataset_builder_sink(builder), YOLO_RULE_CLASS_UNKNOWN, path, number,
                     "label %d: there are only %d classes", record[labels - 1], classes->count);
    return YOLO_OK;
  }
  for (int i = 0; i < PIXELS; ++i) pixels[i] = record[labels + (size_t)(i % 3 * PLANE + i / 3)];
  YOLO_TRY(yolo_text_format(&name, "%s:%zu", yolo_basename(path), number));
  added.name = name.data;
  YOLO_TRY(yolo_dataset_builder_pixels(builder, pixels, sizeof pixels, 3, &added.pixels));
  YOLO_TRY(yolo_add_image(builder, &added, &image));
done:
  yolo_text_free(&name);
  return st;
}

static yolo_status read_names(const char *folder, size_t labels, yolo_class_numbers *classes) {
  char *path = NULL;
  yolo_status st = yolo_path_join(folder, labels == 1 ? "batches.meta.txt" : "fine_label_names.txt", &path);
  if (st == YOLO_OK && yolo_is_file(path)) st = yolo_read_lines(path, YOLO_NAMES_FILE_MAX, &classes->own);
  yolo_free(path);
  return st;
}

static yolo_status read_file(yolo_dataset_builder *builder, const char *path) {
  yolo_class_numbers classes = {.made_up = "class "};
  char *bytes = NULL, *folder = NULL;
  size_t length = 0;
  int given = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_read_file(path, MOST_FILE, &bytes, &length));
  size_t labels = label_bytes((const uint8_t *)bytes, length), record = labels + PIXELS;
  if (labels == 0) {
    st = yolo_fail(YOLO_EFORMAT, "%s: %zu bytes that are neither CIFAR-10 (records of %d) nor CIFAR-100 (of %d)", path, length,
                   PIXELS + 1, PIXELS + 2);
    goto done;
  }
  YOLO_TRY(yolo_path_parent(path, &folder));
  if (!yolo_dataset_builder_names(builder, &given)) YOLO_TRY(read_names(folder, labels, &classes));
  YOLO_TRY(yolo_class_numbers_begin(&classes, builder));
  for (size_t i = 0; i < length / record; ++i)
    YOLO_TRY(take_record(builder, &classes, path, (const uint8_t *)bytes + i * record, labels, i + 1));
done:
  yolo_class_numbers_free(&classes);
  yolo_free(bytes);
  yolo_free(folder);
  return st;
}

static yolo_status read_cifar(const yolo_data_source *source, yolo_dataset_builder *builder) {
  const yolo_folder_options options = {.wanted = is_train, .depth = 1};
  yolo_file_list files = {0};
  if (!yolo_is_folder(source->labels)) return read_file(builder, source->labels);
  yolo_status st = yolo_folder_files(source->labels, &options, &files);
  for (size_t i = 0; st == YOLO_OK && i < files.count; ++i) st = read_file(builder, files.paths[i]);
  if (st == YOLO_OK && files.count == 0)
    st = yolo_fail(YOLO_EFORMAT, "%s: no data_batch_1.bin or train.bin lies in this folder; name the file that is meant",
                   source->labels);
  yolo_file_list_free(&files);
  return st;
}

static bool sniff_cifar(const yolo_data_source *source) {
  const yolo_folder_options options = {.wanted = is_train, .depth = 1};
  yolo_file_list files = {0};
  char *bytes = NULL;
  size_t length = 0;
  bool folder = yolo_is_folder(source->labels), found = false;
  if (folder) (void)yolo_folder_files(source->labels, &options, &files);
  const char *path = !folder && is_bin(source->labels) ? source->labels : files.count ? files.paths[0] : NULL;
  if (path && yolo_read_file(path, MOST_FILE, &bytes, &length) == YOLO_OK)
    found = label_bytes((const uint8_t *)bytes, length) > 0;
  yolo_free(bytes);
  yolo_file_list_free(&files);
  return found;
}

const yolo_data_reader yolo_data_reader_cifar = {"cifar", "CIFAR-10 and CIFAR-100, binary version", sniff_cifar, read_cifar};
