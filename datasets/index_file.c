/* An index file: a header, then the arrays of a dataset as they lie in memory, each at a multiple of 64 bytes.
 *
 *   header | key | classes | images | annotations | segments | texts | sources | info
 *
 * It never leaves the machine it was made on: another version, byte order or struct size means "no index". Offsets follow from
 * the counts in the header, which has a checksum; what the arrays refer to is compared with those counts, so that a damaged
 * file cannot lead anybody outside. (Masks check themselves when they are unpacked: segments.c.) */
#include <string.h>

#include "backbone/base/fnv.h"
#include "backbone/base/memory.h"
#include "backbone/base/output.h"
#include "datasets/file_map.h"
#include "datasets/index_cache.h"

enum { VERSION = 1, ALIGNMENT = 64, BYTE_ORDER_MARK = 0x01020304 };
enum { KEY, CLASSES, IMAGES, ANNOTATIONS, SEGMENTS, TEXTS, SOURCES, INFO, PARTS };

static const size_t part_sizes[PARTS] = {
    1, sizeof(yolo_data_class), sizeof(yolo_data_image), sizeof(yolo_annotation), 1, 1, sizeof(yolo_data_source_info), 1};

typedef struct index_header {
  char magic[8];
  uint32_t version, byte_order;
  uint64_t sizes[PARTS];  /* of the structs */
  uint64_t counts[PARTS]; /* elements */
  yolo_index_stamp stamp;
  uint64_t total; /* bytes of the file */
  uint64_t checksum;
} index_header;

static uint64_t align_up(uint64_t at) { return (at + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

/* Over the header without its last member. */
static uint64_t checksum(const index_header *header) {
  return yolo_fnv_bytes(YOLO_FNV_START, header, offsetof(index_header, checksum));
}

static index_header make_header(const yolo_index *index, const uint64_t counts[PARTS]) {
  index_header h;
  memset(&h, 0, sizeof h);
  memcpy(h.magic, "YOLOIDX\n", 8);
  h.version = VERSION;
  h.byte_order = BYTE_ORDER_MARK;
  h.stamp = index->stamp;
  h.total = align_up(sizeof h);
  for (int i = 0; i < PARTS; i++) {
    h.sizes[i] = part_sizes[i];
    h.counts[i] = counts[i];
    h.total = align_up(h.total + counts[i] * part_sizes[i]);
  }
  h.checksum = checksum(&h);
  return h;
}

/* ---- writing ---- */

static yolo_status write_part(yolo_output *output, const void *bytes, size_t length) {
  static const char zeros[ALIGNMENT];
  yolo_status st = length ? yolo_output_write(output, bytes, length) : YOLO_OK;
  size_t padding = (size_t)(align_up(length) - length);
  return st == YOLO_OK && padding ? yolo_output_write(output, zeros, padding) : st;
}

yolo_status yolo_index_write(const yolo_index *index, const yolo_dataset *d) {
  yolo_status st = YOLO_OK;
  yolo_output *output = NULL;
  const void *parts[PARTS] = {index->key, d->classes, d->images, d->annotations, d->segments, d->texts, d->sources, d->info};
  const uint64_t counts[PARTS] = {strlen(index->key) + 1, d->n_classes, d->n_images,  d->n_annotations,
                                  d->n_segments,          d->n_texts,   d->n_sources, d->info ? strlen(d->info) + 1 : 0};
  index_header header = make_header(index, counts);
  YOLO_TRY(yolo_output_open(index->path, &output));
  YOLO_TRY(write_part(output, &header, sizeof header));
  for (int i = 0; i < PARTS; i++) YOLO_TRY(write_part(output, parts[i], (size_t)counts[i] * part_sizes[i]));
  YOLO_TRY(yolo_output_commit(output));
done:
  yolo_output_close(output);
  return st;
}

/* ---- checking ---- */

/* Is this the header of a whole file for this key and stamp? The counts may then be multiplied without fear. */
static bool header_holds(const index_header *h, const yolo_index *index, uint64_t length) {
  if (memcmp(h->magic, "YOLOIDX\n", 8) != 0 || h->version != VERSION || h->byte_order != BYTE_ORDER_MARK) return false;
  if (h->checksum != checksum(h) || memcmp(&h->stamp, &index->stamp, sizeof h->stamp) != 0) return false;
  for (int i = 0; i < PARTS; i++)
    if (h->sizes[i] != part_sizes[i] || h->counts[i] > length / part_sizes[i]) return false;
  return h->total == length && make_header(index, h->counts).total == length;
}

/* Hands the parts of the mapping to the dataset. */
static void place_parts(char *bytes, const index_header *h, yolo_dataset *d, const char **key) {
  char *parts[PARTS];
  uint64_t at = align_up(sizeof *h);
  for (int i = 0; i < PARTS; i++) {
    parts[i] = bytes + at;
    at = align_up(at + h->counts[i] * part_sizes[i]);
  }
  *key = parts[KEY];
  d->classes = (yolo_data_class *)(void *)parts[CLASSES];
  d->images = (yolo_data_image *)(void *)parts[IMAGES];
  d->annotations = (yolo_annotation *)(void *)parts[ANNOTATIONS];
  d->segments = (uint8_t *)parts[SEGMENTS];
  d->texts = parts[TEXTS];
  d->sources = (yolo_data_source_info *)(void *)parts[SOURCES];
  d->info = h->counts[INFO] ? parts[INFO] : NULL;
  d->n_classes = h->counts[CLASSES];
  d->n_images = h->counts[IMAGES];
  d->n_annotations = h->counts[ANNOTATIONS];
  d->n_segments = h->counts[SEGMENTS];
  d->n_texts = h->counts[TEXTS];
  d->n_sources = h->counts[SOURCES];
}

/* Every text ends inside: it is enough that the last one does. */
static bool texts_hold(const yolo_dataset *d, const index_header *h) {
  if (d->n_texts == 0 || d->texts[0] != '\0' || d->texts[d->n_texts - 1] != '\0') return false;
  if (d->info && d->info[h->counts[INFO] - 1] != '\0') return false;
  for (size_t i = 0; i < d->n_classes; i++)
    if (d->classes[i].name >= d->n_texts || d->classes[i].group >= d->n_texts) return false;
  for (size_t i = 0; i < d->n_sources; i++)
    if (d->sources[i].format >= d->n_texts || d->sources[i].labels >= d->n_texts) return false;
  return true;
}

static bool image_holds(const yolo_dataset *d, const yolo_data_image *image, size_t first) {
  if (image->file >= d->n_texts || image->name >= d->n_texts) return false;
  if (image->mask_file >= d->n_texts || image->label_file >= d->n_texts) return false;
  if (image->width < 0 || image->height < 0 || image->pixels != UINT64_MAX || image->source >= d->n_sources) return false;
  if (image->label != YOLO_DATA_NO_LABEL && (image->label < 0 || (size_t)image->label >= d->n_classes)) return false;
  return image->first == first && image->count <= d->n_annotations - first;
}

static bool annotation_holds(const yolo_dataset *d, const yolo_annotation *a, size_t image) {
  if (a->image != image || a->class_index < 0 || (size_t)a->class_index >= d->n_classes) return false;
  if (a->kind > YOLO_SEGMENT_COUNTS) return false;
  return a->kind == YOLO_SEGMENT_NONE ? a->segment <= d->n_segments : a->segment < d->n_segments;
}

static bool arrays_hold(const yolo_dataset *d) {
  size_t next = 0;
  for (size_t i = 0; i < d->n_images; i++) {
    const yolo_data_image *image = &d->images[i];
    if (!image_holds(d, image, next)) return false;
    for (size_t end = next + image->count; next < end; next++)
      if (!annotation_holds(d, &d->annotations[next], i)) return false;
  }
  return next == d->n_annotations;
}

/* ---- mapping ---- */

static bool key_holds(const char *key, size_t length, const char *wanted) {
  return length == strlen(wanted) + 1 && memcmp(key, wanted, length) == 0;
}

yolo_status yolo_index_map(const yolo_index *index, yolo_dataset **out) {
  yolo_status st = YOLO_OK;
  yolo_file_map map = {0};
  index_header header;
  const char *key;
  bool good = false;
  yolo_dataset *d = yolo_calloc(1, sizeof *d);
  YOLO_ENOMEM_IF_NULL(d);
  YOLO_TRY(yolo_file_map_open(index->path, YOLO_MAP_KEEP, &map));
  if (map.mapped && map.length >= sizeof header) {
    memcpy(&header, map.bytes, sizeof header);
    good = header_holds(&header, index, map.length);
  }
  if (good) {
    place_parts(map.bytes, &header, d, &key);
    good = key_holds(key, header.counts[KEY], index->key) && texts_hold(d, &header) && arrays_hold(d);
  }
  if (!good) {
    st = yolo_fail(YOLO_EFORMAT, "%s: not an index of this file as it is now", index->path);
    goto done;
  }
  d->mapping = map.bytes;
  d->mapping_size = map.length;
  map = (yolo_file_map){0};
  *out = d;
  d = NULL;
done:
  yolo_file_map_close(&map);
  yolo_free(d); /* its arrays lie in the mapping */
  return st;
}

void yolo_index_unmap(yolo_dataset *dataset) {
  yolo_file_map map = {dataset->mapping, dataset->mapping_size, true};
  yolo_file_map_close(&map);
}
