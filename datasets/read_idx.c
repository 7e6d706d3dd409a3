/* IDX, the format of MNIST and its like (Yann LeCun, "The MNIST database"): two files, gzipped or not, numbers big-endian.
 *
 *   images   00 00 08 03   number, rows, columns (32 bits each)   number * rows * columns grey bytes
 *   labels   00 00 08 01   number                                 number bytes, each a class
 *
 * Either file may be named, or the folder that holds one such pair; the other is found by its name (`images` against
 * `labels`, `idx3` against `idx1`). Names of classes: those given, else "0", "1", "2" ... Pixels are kept in memory. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "datasets/decoders.h"
#include "datasets/readers.h"

enum { IMAGES_MAGIC = 0x803, LABELS_MAGIC = 0x801, MOST_HEADER = 16 };
static const uint64_t most_bytes = (uint64_t)1 << 33; /* of pixels: a gzip file may unfold a thousandfold */

typedef struct stream {
  gzFile file;
  const char *path;
} stream;

static yolo_status read_all(stream *s, uint8_t *to, size_t length) {
  for (size_t have = 0; have < length;) {
    size_t piece = length - have < 1 << 20 ? length - have : 1 << 20;
    int got = gzread(s->file, to + have, (unsigned)piece), code = 0;
    const char *reason = got < 0 ? gzerror(s->file, &code) : "";
    if (got < 0) return yolo_fail(YOLO_EFORMAT, "%s: the gzip data are damaged: %s", s->path, reason);
    if (got == 0) return yolo_fail(YOLO_EFORMAT, "%s: the file ends before what its header promises", s->path);
    have += (size_t)got;
  }
  return YOLO_OK;
}

/* Opens and reads the header: a magic number and `n` sizes. */
static yolo_status open_stream(const char *path, uint32_t magic, int n, uint32_t *sizes, stream *out) {
  uint8_t header[MOST_HEADER];
  out->path = path;
  if (!yolo_is_file(path)) return yolo_fail(YOLO_EIO, "%s: there is no such file", path);
  out->file = gzopen(path, "rb");
  if (!out->file) return yolo_fail(YOLO_EIO, "%s: cannot be opened", path);
  yolo_status st = read_all(out, header, 4 + 4 * (size_t)n);
  if (st != YOLO_OK) return st;
  if (yolo_be32(header) != magic)
    return yolo_fail(YOLO_EFORMAT, "%s: it begins with %08x, an IDX file of %s with %08x", path, (unsigned)yolo_be32(header),
                     magic == IMAGES_MAGIC ? "images" : "labels", (unsigned)magic);
  for (int i = 0; i < n; ++i) sizes[i] = yolo_be32(header + 4 + 4 * i);
  return YOLO_OK;
}

static yolo_status expect_end(stream *s) {
  uint8_t byte;
  if (gzread(s->file, &byte, 1) == 0) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "%s: the file goes on behind what its header promises, or is damaged", s->path);
}

typedef struct job {
  yolo_dataset_builder *builder;
  stream images, labels;
  uint32_t number, rows, columns;
  yolo_class_numbers classes;
  uint8_t *pixels; /* of one image */
} job;

static yolo_status take_record(job *j, uint32_t record) {
  size_t size = (size_t)j->rows * j->columns, image = 0;
  char name[24];
  uint8_t label = 0;
  yolo_new_image added = {.file = j->images.path, .name = name, .label_file = j->labels.path, .place = record + (uint64_t)1};
  yolo_status st = YOLO_OK;
  snprintf(name, sizeof name, "%u", record + 1);
  added.width = (int)j->columns;
  added.height = (int)j->rows;
  YOLO_TRY(read_all(&j->images, j->pixels, size));
  YOLO_TRY(read_all(&j->labels, &label, 1));
  YOLO_TRY(yolo_class_number(&j->classes, j->builder, label, &added.label));
  if (added.label < 0) {
    yolo_data_report(yolo_dataset_builder_sink(j->builder), YOLO_RULE_CLASS_UNKNOWN, j->labels.path, record + (uint64_t)1,
                     "label %u: there are only %d classes", (unsigned)label, j->classes.count);
    return YOLO_OK;
  }
  YOLO_TRY(yolo_dataset_builder_pixels(j->builder, j->pixels, size, 1, &added.pixels));
  YOLO_TRY(yolo_add_image(j->builder, &added, &image));
done:
  return st;
}

static yolo_status check_headers(const job *j, uint32_t labels) {
  yolo_status st = yolo_image_check_size(j->columns, j->rows);
  if (st != YOLO_OK) return yolo_error_prefix(st, "%s: ", j->images.path);
  if (j->number != labels)
    return yolo_fail(YOLO_EFORMAT, "%s holds %u images, %s %u labels", j->images.path, (unsigned)j->number, j->labels.path,
                     (unsigned)labels);
  if ((uint64_t)j->number * j->rows * j->columns > most_bytes)
    return yolo_fail(YOLO_EFORMAT, "%s: %u images of %u x %u are more than the 8 GiB that are read", j->images.path,
                     (unsigned)j->number, (unsigned)j->columns, (unsigned)j->rows);
  return YOLO_OK;
}

static yolo_status read_pair(const char *images, const char *labels, yolo_dataset_builder *builder) {
  job j = {.builder = builder, .classes.made_up = ""};
  uint32_t sizes[3] = {0}, count = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(open_stream(images, IMAGES_MAGIC, 3, sizes, &j.images));
  YOLO_TRY(open_stream(labels, LABELS_MAGIC, 1, &count, &j.labels));
  j.number = sizes[0];
  j.rows = sizes[1];
  j.columns = sizes[2];
  YOLO_TRY(check_headers(&j, count));
  YOLO_TRY(yolo_class_numbers_begin(&j.classes, builder));
  YOLO_ENOMEM_IF_NULL(j.pixels = yolo_alloc((size_t)j.rows * j.columns));
  for (uint32_t i = 0; i < j.number; ++i) YOLO_TRY(take_record(&j, i));
  YOLO_TRY(expect_end(&j.images));
  YOLO_TRY(expect_end(&j.labels));
done:
  if (j.images.file) (void)gzclose_r(j.images.file);
  if (j.labels.file) (void)gzclose_r(j.labels.file);
  yolo_class_numbers_free(&j.classes);
  yolo_free(j.pixels);
  return st;
}

/* ---- names ---- */

/* The file name with the last `from` as `to`; *out NULL: it does not occur. */
static yolo_status swap_word(const char *path, const char *from, const char *to, char **out) {
  const char *base = yolo_basename(path), *at = NULL;
  yolo_text text = {0};
  for (const char *p = base; (p = strstr(p, from)) != NULL; ++p) at = p;
  *out = NULL;
  if (!at) return YOLO_OK;
  yolo_status st = yolo_text_format(&text, "%.*s%s%s", (int)(at - path), path, to, at + strlen(from));
  *out = text.data;
  return st;
}

/* The same name with .gz, or without, where that is the one that exists. */
static yolo_status settle_gzip(char **path) {
  yolo_text other = {0};
  bool zipped = yolo_has_suffix(*path, ".gz");
  if (yolo_is_file(*path)) return YOLO_OK;
  yolo_status st = yolo_text_format(&other, "%.*s%s", (int)(strlen(*path) - (zipped ? 3 : 0)), *path, zipped ? "" : ".gz");
  if (st == YOLO_OK && yolo_is_file(other.data)) {
    yolo_free(*path);
    *path = other.data;
    other.data = NULL;
  }
  yolo_text_free(&other);
  return st;
}

/* The other file of a pair: "images" and "idx3" against "labels" and "idx1"; *out NULL: the name has neither word. */
static yolo_status other_file(const char *path, bool to_labels, char **out) {
  char *first = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(swap_word(path, to_labels ? "images" : "labels", to_labels ? "labels" : "images", &first));
  YOLO_TRY(swap_word(first ? first : path, to_labels ? "idx3" : "idx1", to_labels ? "idx1" : "idx3", out));
  if (!*out) {
    *out = first;
    first = NULL;
  }
  if (*out) st = settle_gzip(out);
done:
  yolo_free(first);
  return st;
}

static bool named_images(const char *name) { return strstr(yolo_basename(name), "idx3") != NULL; }
static bool named_labels(const char *name) { return strstr(yolo_basename(name), "idx1") != NULL; }

/* The one file of images in a folder. */
static yolo_status find_images(const char *folder, char **out) {
  const yolo_folder_options options = {.wanted = named_images, .depth = 1};
  yolo_file_list files = {0};
  yolo_status st = yolo_folder_files(folder, &options, &files);
  *out = NULL;
  if (st == YOLO_OK && files.count == 0)
    st = yolo_fail(YOLO_EFORMAT, "%s: no IDX file of images (...idx3-ubyte) lies in this folder", folder);
  if (st == YOLO_OK && files.count > 1)
    st = yolo_fail(YOLO_EINVAL, "%s holds %zu IDX files of images; name the one that is meant, e.g. %s", folder, files.count,
                   files.paths[0]);
  if (st == YOLO_OK) {
    *out = files.paths[0];
    files.count = 0;
  }
  yolo_file_list_free(&files);
  return st;
}

static yolo_status read_idx(const yolo_data_source *source, yolo_dataset_builder *builder) {
  char *found = NULL, *other = NULL;
  const char *images = source->images, *labels = source->labels;
  yolo_status st = YOLO_OK;
  if (yolo_is_folder(labels)) {
    YOLO_TRY(find_images(labels, &found));
    images = labels = found;
  }
  if (!images || named_images(labels)) { /* one file was named: which of the two? */
    bool is_images = !named_labels(labels);
    YOLO_TRY(other_file(labels, is_images, &other));
    if (!other) {
      st = yolo_fail(YOLO_EINVAL, "%s: the other file of the pair is not clear from its name; name both", labels);
      goto done;
    }
    images = is_images ? labels : other;
    labels = is_images ? other : labels;
  }
  st = read_pair(images, labels, builder);
done:
  yolo_free(found);
  yolo_free(other);
  return st;
}

static bool sniff_idx(const yolo_data_source *source) {
  uint8_t magic[4] = {0};
  char *found = NULL;
  if (yolo_is_folder(source->labels)) {
    yolo_status st = find_images(source->labels, &found);
    yolo_free(found);
    return st == YOLO_OK || st == YOLO_EINVAL;
  }
  if (!yolo_is_file(source->labels)) return false;
  gzFile file = gzopen(source->labels, "rb");
  int got = file ? gzread(file, magic, sizeof magic) : 0;
  if (file) (void)gzclose_r(file);
  return got == (int)sizeof magic && (yolo_be32(magic) == IMAGES_MAGIC || yolo_be32(magic) == LABELS_MAGIC);
}

const yolo_data_reader yolo_data_reader_idx = {"idx", "MNIST's IDX files, gzipped or not: images and labels", sniff_idx,
                                               read_idx};
