/* Ids of images and annotations in COCO JSON: other formats have none. Ids are compared within one file, because several
 * files of a split may count from 1 each. */
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/check_parts.h"

typedef struct id_row {
  uint32_t source;
  int64_t id;
  size_t index;
} id_row;

static int compare_rows(const void *left, const void *right) {
  const id_row *a = left, *b = right;
  if (a->source != b->source) return a->source < b->source ? -1 : 1;
  if (a->id != b->id) return a->id < b->id ? -1 : 1;
  return a->index < b->index ? -1 : a->index > b->index;
}

static bool same_id(const id_row *a, const id_row *b) { return a->source == b->source && a->id == b->id; }

static bool has_ids(const yolo_dataset *d, uint32_t source) {
  return strcmp(yolo_dataset_text(d, d->sources[source].format), "coco") == 0;
}

static void say_image_twice(yolo_check_run *run, const yolo_dataset *d, const id_row *row) {
  const yolo_data_image *image = &d->images[row->index];
  yolo_check_place place = yolo_check_place_of(run, d, image, image->place);
  yolo_data_report(&run->sink, YOLO_RULE_ID_DUPLICATE, place.file, place.line, "the image id %lld of %s is taken already",
                   (long long)row->id, yolo_dataset_text(d, image->name));
}

static void say_annotation_twice(yolo_check_run *run, const yolo_dataset *d, const id_row *row) {
  const yolo_annotation *a = &d->annotations[row->index];
  char who[YOLO_WHO_MAX];
  yolo_check_place place = yolo_check_place_of(run, d, &d->images[a->image], a->place);
  yolo_data_report(&run->sink, YOLO_RULE_ID_DUPLICATE, place.file, place.line, "%s has an id that is taken already",
                   yolo_annotation_who(d, a, who));
}

static void say_zero(yolo_check_run *run, const yolo_dataset *d, const yolo_annotation *a) {
  char who[YOLO_WHO_MAX];
  yolo_check_place place = yolo_check_place_of(run, d, &d->images[a->image], a->place);
  yolo_data_report(&run->sink, YOLO_RULE_ID_ZERO, place.file, place.line,
                   "%s has the id 0: scores count a detection that matches it as wrong", yolo_annotation_who(d, a, who));
}

/* The rows that repeat an id, in the order of the data set. */
static size_t keep_repeated(id_row *rows, size_t n) {
  size_t kept = 0;
  qsort(rows, n, sizeof *rows, compare_rows);
  for (size_t i = n; i-- > 1;)
    if (!same_id(&rows[i - 1], &rows[i])) rows[i].index = SIZE_MAX;
  for (size_t i = 1; i < n; ++i)
    if (rows[i].index != SIZE_MAX) rows[kept++] = rows[i];
  return kept;
}

yolo_status yolo_check_ids(yolo_check_run *run, yolo_check_part *part) {
  const yolo_dataset *d = part->dataset;
  size_t most = d->n_images > d->n_annotations ? d->n_images : d->n_annotations, n = 0;
  id_row *rows = yolo_alloc_array(most + 1, sizeof *rows);
  if (!rows) return YOLO_ENOMEM;
  for (size_t i = 0; i < d->n_images; ++i) {
    const yolo_data_image *image = &d->images[i];
    if (has_ids(d, image->source)) rows[n++] = (id_row){image->source, image->id, i};
  }
  n = keep_repeated(rows, n);
  for (size_t i = 0; i < n; ++i) say_image_twice(run, d, &rows[i]);
  n = 0;
  for (size_t i = 0; i < d->n_annotations; ++i) {
    const yolo_annotation *a = &d->annotations[i];
    uint32_t source = d->images[a->image].source;
    if (!has_ids(d, source)) continue;
    rows[n++] = (id_row){source, a->id, i};
    if (a->id == 0) say_zero(run, d, a);
  }
  n = keep_repeated(rows, n);
  for (size_t i = 0; i < n; ++i) say_annotation_twice(run, d, &rows[i]);
  yolo_free(rows);
  return YOLO_OK;
}
