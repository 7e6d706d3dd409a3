/* Annotations one by one and against each other: boxes that do not fit, boxes drawn twice, unknown classes, id 0. Readers
 * have reported what concerns their format, ids that occur twice among it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/check_parts.h"

/* Closer than this in every coordinate, two boxes are one (pixels; label files have 2 to 6 decimals). */
#define SAME_BOX 0.01
/* A click without a drag; the smallest boxes of COCO and of nuclei in microscopy have about 2 pixels. */
#define TINY_BOX 1.01

static bool is_coco(const yolo_dataset *d, const yolo_data_image *image) {
  return strcmp(yolo_dataset_text(d, d->sources[image->source].format), "coco") == 0;
}

/* ---- one annotation ---- */

static void check_annotation(yolo_check_run *run, const yolo_dataset *d, const yolo_annotation *a) {
  const yolo_data_image *image = &d->images[a->image];
  double box[4] = {a->x, a->y, a->width, a->height};
  yolo_data_rule why;
  char who[YOLO_WHO_MAX];
  yolo_check_place place = yolo_check_place_of(run, d, a);
  yolo_box_fate fate = yolo_box_judge(box, image->width, image->height, &why);
  yolo_box_report(d, a, fate, why, place.file, place.line, &run->sink);
  if (fate != YOLO_BOX_DROP && a->width <= TINY_BOX && a->height <= TINY_BOX) {
    yolo_data_report(&run->sink, YOLO_RULE_BOX_TINY, place.file, place.line, "%s has one pixel at most",
                     yolo_annotation_who(d, a, who));
  }
  if (a->class_index < 0 || (size_t)a->class_index >= d->n_classes) {
    yolo_data_report(&run->sink, YOLO_RULE_CLASS_UNKNOWN, place.file, place.line, "%s has a class that is not in the list",
                     yolo_annotation_who(d, a, who));
  }
  if (is_coco(d, image) && a->id == 0) {
    yolo_data_report(&run->sink, YOLO_RULE_ID_ZERO, place.file, place.line,
                     "%s has the id 0: COCOeval counts a detection that matches it as wrong", yolo_annotation_who(d, a, who));
  }
  if (is_coco(d, image) && !(a->flags & YOLO_ANNOTATION_HAS_AREA)) {
    yolo_data_report(&run->sink, YOLO_RULE_AREA_MISSING, place.file, place.line, "%s has no \"area\"",
                     yolo_annotation_who(d, a, who));
  }
}

/* ---- boxes drawn twice ---- */

static int compare_numbers(double a, double b) { return a < b ? -1 : a > b; }

/* Boxes that are not finite do not come here: NaN has no order. */
static int compare_boxes(const void *left, const void *right) {
  const yolo_annotation *a = *(const yolo_annotation *const *)left, *b = *(const yolo_annotation *const *)right;
  int order = a->class_index - b->class_index;
  if (!order) order = compare_numbers(a->x, b->x);
  if (!order) order = compare_numbers(a->y, b->y);
  if (!order) order = compare_numbers(a->width, b->width);
  if (!order) order = compare_numbers(a->height, b->height);
  return order ? order : a < b ? -1 : a > b;
}

static bool same_box(const yolo_annotation *a, const yolo_annotation *b) {
  return a->class_index == b->class_index && fabs(a->x - b->x) < SAME_BOX && fabs(a->y - b->y) < SAME_BOX &&
         fabs(a->width - b->width) < SAME_BOX && fabs(a->height - b->height) < SAME_BOX;
}

/* Two objects may well share a box: then their masks differ. A mask that cannot be read has its own finding. */
static yolo_status same_mask(const yolo_dataset *d, const yolo_annotation *a, const yolo_annotation *b, bool *same) {
  yolo_rle first = {0}, second = {0};
  yolo_status st = YOLO_OK;
  *same = true;
  if (a->kind == YOLO_SEGMENT_NONE || b->kind == YOLO_SEGMENT_NONE) return YOLO_OK;
  YOLO_TRY(yolo_annotation_rle(d, a, &first));
  YOLO_TRY(yolo_annotation_rle(d, b, &second));
  *same = first.count == second.count && memcmp(first.runs, second.runs, first.count * sizeof *first.runs) == 0;
done:
  yolo_rle_free(&first);
  yolo_rle_free(&second);
  return st == YOLO_ENOMEM ? st : YOLO_OK;
}

static yolo_status check_twice(yolo_check_run *run, const yolo_dataset *d, const yolo_annotation *a, const yolo_annotation *b) {
  char who[YOLO_WHO_MAX];
  bool same = false;
  if (!same_box(a, b)) return YOLO_OK;
  yolo_status st = same_mask(d, a, b, &same);
  if (st != YOLO_OK || !same) return st;
  yolo_check_place place = yolo_check_place_of(run, d, b);
  yolo_data_report(&run->sink, YOLO_RULE_BOX_DUPLICATE, place.file, place.line, "%s is there twice",
                   yolo_annotation_who(d, b, who));
  return YOLO_OK;
}

static bool is_sound(const yolo_annotation *a) {
  return isfinite(a->x) && isfinite(a->y) && isfinite(a->width) && isfinite(a->height) && a->width > 0 && a->height > 0;
}

static yolo_status check_duplicates(yolo_check_run *run, const yolo_dataset *d, const yolo_data_image *image,
                                    const yolo_annotation **sorted) {
  yolo_status st = YOLO_OK;
  size_t n = 0;
  for (uint32_t i = 0; i < image->count; ++i) {
    const yolo_annotation *a = &d->annotations[image->first + i];
    if (is_sound(a)) sorted[n++] = a;
  }
  qsort(sorted, n, sizeof *sorted, compare_boxes);
  for (size_t i = 1; i < n && st == YOLO_OK; ++i) st = check_twice(run, d, sorted[i - 1], sorted[i]);
  return st;
}

/* ---- a split ---- */

/* An image that cannot be used has its finding; some readers leave out its labels, because they need its size. And labels
 * that could not be read have theirs. */
static void check_unlabelled(yolo_check_run *run, const yolo_check_part *part, size_t index) {
  const yolo_dataset *d = part->dataset;
  const yolo_data_image *image = &d->images[index];
  if (image->count > 0 || image->label != YOLO_DATA_NO_LABEL || image->mask_file || part->images[index].unusable) return;
  if (run->options->no_images && image->width == 0) return;
  if (image->label_file && yolo_strmap_get(&run->blamed, yolo_dataset_text(d, image->label_file), NULL)) return;
  yolo_check_place place = yolo_check_image_place(run, d, image);
  yolo_data_report(&run->sink, YOLO_RULE_IMAGE_UNLABELLED, place.file, place.line, "%s has no object",
                   yolo_dataset_text(d, image->name));
}

yolo_status yolo_check_boxes(yolo_check_run *run, yolo_check_part *part) {
  const yolo_dataset *d = part->dataset;
  yolo_status st = YOLO_OK;
  uint32_t most = 0;
  const yolo_annotation **sorted = NULL;
  for (size_t i = 0; i < d->n_images; ++i) most = d->images[i].count > most ? d->images[i].count : most;
  YOLO_ENOMEM_IF_NULL(sorted = yolo_alloc_array((size_t)most + 1, sizeof *sorted));
  for (size_t i = 0; i < d->n_images; ++i) {
    const yolo_data_image *image = &d->images[i];
    check_unlabelled(run, part, i);
    for (uint32_t j = 0; j < image->count; ++j) check_annotation(run, d, &d->annotations[image->first + j]);
    YOLO_TRY(check_duplicates(run, d, image, sorted));
  }
done:
  yolo_free(sorted);
  return st;
}
