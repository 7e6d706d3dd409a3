/* What becomes of a box that does not fit its image, and a data set without the boxes that cannot be objects.
 *
 * Labels are written with a few decimals, and tools count pixels from 0 or from 1: a box that sticks out by a pixel is one
 * that rounding moved, and is clipped. One that sticks out farther belongs to another image, another size or another
 * convention; cutting it would make an object that nobody drew, so it is dropped and said. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/check_parts.h"

/* Two decimals in each of x and width: what lies below is arithmetic, not a box outside, and is clipped without a word. */
#define BOX_NOISE           0.01
#define BOX_ROUNDING_PIXELS 1.0
#define BOX_ROUNDING_SHARE  0.002

/* ---- one box ---- */

static double overhang(double at, double length, int side) {
  double before = -at, behind = at + length - side;
  return before > behind ? before : behind;
}

static bool far_outside(double out, int side) {
  double share = BOX_ROUNDING_SHARE * side;
  return out > (share > BOX_ROUNDING_PIXELS ? share : BOX_ROUNDING_PIXELS) + BOX_NOISE;
}

/* False: nothing is left inside. */
static bool clip(double *at, double *length, int side) {
  double end = *at + *length;
  if (*at >= 0 && end <= side) return true;
  *at = *at < 0 ? 0 : *at;
  *length = (end > side ? side : end) - *at;
  return *length > 0;
}

yolo_box_fate yolo_box_judge(double box[4], int width, int height, yolo_data_rule *why) {
  *why = YOLO_RULE_BOX_INVALID;
  if (!isfinite(box[0]) || !isfinite(box[1]) || !isfinite(box[0] + box[2]) || !isfinite(box[1] + box[3])) return YOLO_BOX_DROP;
  *why = YOLO_RULE_BOX_EMPTY;
  if (box[2] <= 0 || box[3] <= 0) return YOLO_BOX_DROP;
  if (width <= 0 || height <= 0) return YOLO_BOX_KEEP;
  double out_x = overhang(box[0], box[2], width), out_y = overhang(box[1], box[3], height);
  *why = YOLO_RULE_BOX_OUTSIDE;
  if (far_outside(out_x, width) || far_outside(out_y, height)) return YOLO_BOX_DROP;
  double cut[4] = {box[0], box[1], box[2], box[3]};
  if (!clip(&cut[0], &cut[2], width) || !clip(&cut[1], &cut[3], height)) return YOLO_BOX_DROP;
  memcpy(box, cut, sizeof cut);
  *why = YOLO_RULE_BOX_CLIPPED;
  return out_x > BOX_NOISE || out_y > BOX_NOISE ? YOLO_BOX_CLIP : YOLO_BOX_KEEP;
}

/* ---- saying it ---- */

yolo_place_kind yolo_dataset_place_kind(const yolo_dataset *dataset, const yolo_data_image *image) {
  if (image->pixels != UINT64_MAX) return YOLO_PLACE_RECORD;
  const char *format = yolo_dataset_text(dataset, dataset->sources[image->source].format);
  return strcmp(format, "coco") == 0 ? YOLO_PLACE_BYTE : YOLO_PLACE_LINE;
}

const char *yolo_dataset_label_file(const yolo_dataset *dataset, const yolo_data_image *image) {
  uint64_t text = image->label_file ? image->label_file : dataset->sources[image->source].labels;
  return yolo_dataset_text(dataset, text);
}

const char *yolo_annotation_who(const yolo_dataset *d, const yolo_annotation *a, char to[YOLO_WHO_MAX]) {
  const yolo_data_image *image = &d->images[a->image];
  bool known = a->class_index >= 0 && (size_t)a->class_index < d->n_classes;
  int n = snprintf(to, YOLO_WHO_MAX, "the box [%.7g, %.7g, %.7g, %.7g] of '%.100s' in %.200s", a->x, a->y, a->width, a->height,
                   known ? yolo_dataset_class_name(d, a->class_index) : "?", yolo_dataset_text(d, image->name));
  if (n > 0 && n < YOLO_WHO_MAX && yolo_dataset_place_kind(d, image) == YOLO_PLACE_BYTE)
    snprintf(to + n, YOLO_WHO_MAX - (size_t)n, ", annotation %lld,", (long long)a->id);
  return to;
}

void yolo_box_report(const yolo_dataset *d, const yolo_annotation *a, yolo_box_fate fate, yolo_data_rule why, const char *file,
                     uint64_t line, yolo_data_sink *sink) {
  const yolo_data_image *image = &d->images[a->image];
  char who[YOLO_WHO_MAX];
  if (fate == YOLO_BOX_KEEP || !sink) return;
  yolo_annotation_who(d, a, who);
  if (why == YOLO_RULE_BOX_INVALID) {
    yolo_data_report(sink, why, file, line, "%s is not finite", who);
  } else if (why == YOLO_RULE_BOX_EMPTY) {
    yolo_data_report(sink, why, file, line, "%s has no %s", who, a->width <= 0 ? "width" : "height");
  } else {
    double x = overhang(a->x, a->width, image->width), y = overhang(a->y, a->height, image->height);
    yolo_data_report(sink, why, file, line, "%s sticks out of its %dx%d image by %.4g px", who, image->width, image->height,
                     x > y ? x : y);
  }
}

/* ---- a whole data set ---- */

static yolo_status copy_block(const void *from, size_t count, size_t size, void *out) {
  void *block = yolo_alloc_array(count ? count : 1, size);
  if (!block) return YOLO_ENOMEM;
  if (count) memcpy(block, from, count * size);
  memcpy(out, &block, sizeof block);
  return YOLO_OK;
}

static yolo_status copy_dataset(const yolo_dataset *from, yolo_dataset *to) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(copy_block(from->classes, from->n_classes, sizeof *from->classes, &to->classes));
  YOLO_TRY(copy_block(from->images, from->n_images, sizeof *from->images, &to->images));
  YOLO_TRY(copy_block(from->annotations, from->n_annotations, sizeof *from->annotations, &to->annotations));
  YOLO_TRY(copy_block(from->segments, from->n_segments, 1, &to->segments));
  YOLO_TRY(copy_block(from->texts, from->n_texts, 1, &to->texts));
  YOLO_TRY(copy_block(from->pixels, from->n_pixels, 1, &to->pixels));
  YOLO_TRY(copy_block(from->sources, from->n_sources, sizeof *from->sources, &to->sources));
  if (from->info) YOLO_ENOMEM_IF_NULL(to->info = yolo_strdup(from->info));
  to->n_classes = from->n_classes;
  to->n_images = from->n_images;
  to->n_segments = from->n_segments;
  to->n_texts = from->n_texts;
  to->n_pixels = from->n_pixels;
  to->n_sources = from->n_sources;
  to->pixel_channels = from->pixel_channels;
done:
  return st;
}

/* The box of an annotation by the rules; false: it is to be dropped. */
static bool clean_annotation(const yolo_dataset *d, yolo_annotation *a, yolo_data_sink *sink) {
  const yolo_data_image *image = &d->images[a->image];
  double box[4] = {a->x, a->y, a->width, a->height};
  yolo_data_rule why;
  yolo_box_fate fate = yolo_box_judge(box, image->width, image->height, &why);
  uint64_t line = yolo_dataset_place_kind(d, image) == YOLO_PLACE_LINE ? a->place : 0;
  yolo_box_report(d, a, fate, why, yolo_dataset_label_file(d, image), line, sink);
  if (fate == YOLO_BOX_DROP || a->class_index < 0 || (size_t)a->class_index >= d->n_classes) return false;
  a->x = box[0];
  a->y = box[1];
  a->width = box[2];
  a->height = box[3];
  if (fate == YOLO_BOX_CLIP && a->kind == YOLO_SEGMENT_NONE && !(a->flags & YOLO_ANNOTATION_HAS_AREA)) {
    a->area = a->width * a->height;
  }
  return true;
}

yolo_status yolo_dataset_clean(const yolo_dataset *dataset, yolo_data_sink *sink, yolo_dataset **out) {
  yolo_status st = YOLO_OK;
  yolo_dataset *copy = NULL;
  *out = NULL;
  YOLO_ENOMEM_IF_NULL(copy = yolo_calloc(1, sizeof *copy));
  YOLO_TRY(copy_dataset(dataset, copy));
  size_t kept = 0;
  for (size_t i = 0; i < copy->n_images; ++i) {
    yolo_data_image *image = &copy->images[i];
    size_t first = image->first, end = first + image->count;
    image->first = (uint32_t)kept;
    for (size_t j = first; j < end; ++j) {
      yolo_annotation a = copy->annotations[j];
      if (clean_annotation(copy, &a, sink)) copy->annotations[kept++] = a;
    }
    image->count = (uint32_t)(kept - image->first);
  }
  copy->n_annotations = kept;
  *out = copy;
  copy = NULL;
done:
  yolo_dataset_free(copy);
  return st;
}
