/* Statistics of `yolo data check`: classes, sizes and shapes of boxes, objects in an image; and the classes without objects. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/strmap.h"
#include "datasets/check_parts.h"

static const double side_ends[YOLO_CHECK_SIDES - 1] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5};
const char *const yolo_check_side_names[YOLO_CHECK_SIDES] = {"below 1%", "1-2%",   "2-5%",        "5-10%",
                                                             "10-20%",   "20-50%", "50% and more"};
static const double aspect_ends[YOLO_CHECK_ASPECTS - 1] = {0.25, 0.5, 1, 2, 4};
const char *const yolo_check_aspect_names[YOLO_CHECK_ASPECTS] = {"below 1:4", "1:4 - 1:2", "1:2 - 1:1",
                                                                 "1:1 - 2:1", "2:1 - 4:1", "4:1 and more"};
static const double crowd_ends[YOLO_CHECK_CROWDS - 1] = {1, 2, 3, 5, 9, 17, 33, 65};
const char *const yolo_check_crowd_names[YOLO_CHECK_CROWDS] = {"0",    "1",     "2",     "3-4",        "5-8",
                                                               "9-16", "17-32", "33-64", "65 and more"};

/* The first bin whose end is above the value. */
static int bin_of(double value, const double *ends, int n) {
  int bin = 0;
  while (bin < n && value >= ends[bin]) ++bin;
  return bin;
}

/* ---- classes, joined by name ---- */

typedef struct class_count {
  yolo_check_report *report;
  yolo_strmap by_name;
  size_t room;
} class_count;

static yolo_status class_of_name(class_count *count, const char *name, size_t *index) {
  yolo_check_report *r = count->report;
  int64_t known;
  if (yolo_strmap_get(&count->by_name, name, &known)) {
    *index = (size_t)known;
    return YOLO_OK;
  }
  yolo_status st = YOLO_OK;
  if (r->n_classes == count->room) {
    size_t room = count->room ? count->room * 2 : 64;
    yolo_check_class *more = yolo_realloc(r->classes, room * sizeof *more);
    if (!more) return YOLO_ENOMEM;
    r->classes = more;
    count->room = room;
  }
  yolo_check_class c = {0};
  YOLO_TRY(yolo_check_add_text(r, name, &c.name));
  YOLO_TRY(yolo_strmap_add(&count->by_name, name, (int64_t)r->n_classes, NULL));
  r->classes[ *index = r->n_classes++] = c;
done:
  return st;
}

/* ---- one split ---- */

static void count_box(yolo_check_counts *c, const yolo_data_image *image, const yolo_annotation *a) {
  double area = a->width * a->height, size = a->area;
  c->objects++;
  c->masks += a->kind != YOLO_SEGMENT_NONE;
  c->crowds += (a->flags & YOLO_ANNOTATION_CROWD) != 0;
  if (!isfinite(area) || a->width <= 0 || a->height <= 0) return;
  c->sizes[size < 32.0 * 32 ? 0 : size < 96.0 * 96 ? 1 : 2]++;
  c->aspects[bin_of(a->width / a->height, aspect_ends, YOLO_CHECK_ASPECTS - 1)]++;
  if (image->width <= 0 || image->height <= 0) return;
  c->sides[bin_of(sqrt(area / ((double)image->width * image->height)), side_ends, YOLO_CHECK_SIDES - 1)]++;
}

/* The counts of one split; `map` gives the joined class, `last` the image (from 1) that was counted last for it. */
typedef struct split_count {
  yolo_check_report *report;
  yolo_check_counts *counts;
  size_t *map, *last;
  bool first;
} split_count;

static void count_object(split_count *s, int class_index, size_t n_classes, size_t image) {
  if (class_index < 0 || (size_t)class_index >= n_classes) return;
  yolo_check_class *c = &s->report->classes[s->map[class_index]];
  c->objects++;
  c->first_objects += s->first;
  if (s->last[class_index] != image + 1) c->images++;
  s->last[class_index] = image + 1;
}

static void count_images(split_count *s, const yolo_dataset *d) {
  for (size_t i = 0; i < d->n_images; ++i) {
    const yolo_data_image *image = &d->images[i];
    s->counts->images++;
    s->counts->labelled += image->count > 0 || image->label != YOLO_DATA_NO_LABEL || image->mask_file;
    s->counts->crowd[bin_of(image->count, crowd_ends, YOLO_CHECK_CROWDS - 1)]++;
    if (image->label != YOLO_DATA_NO_LABEL) count_object(s, image->label, d->n_classes, i);
    for (uint32_t j = 0; j < image->count; ++j) {
      const yolo_annotation *a = &d->annotations[image->first + j];
      count_box(s->counts, image, a);
      count_object(s, a->class_index, d->n_classes, i);
    }
  }
}

static yolo_status count_part(class_count *classes, const yolo_check_part *part) {
  const yolo_dataset *d = part->dataset;
  split_count s = {.report = classes->report, .counts = &classes->report->splits[part->index], .first = part->index == 0};
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(s.map = yolo_calloc(d->n_classes + 1, sizeof *s.map));
  YOLO_ENOMEM_IF_NULL(s.last = yolo_calloc(d->n_classes + 1, sizeof *s.last));
  for (size_t i = 0; i < d->n_classes; ++i) {
    YOLO_TRY(class_of_name(classes, yolo_dataset_class_name(d, (int)i), &s.map[i]));
  }
  count_images(&s, d);
done:
  yolo_free(s.map);
  yolo_free(s.last);
  return st;
}

/* ---- all ---- */

static void add_counts(yolo_check_counts *all, const yolo_check_counts *c) {
  all->images += c->images;
  all->objects += c->objects;
  all->labelled += c->labelled;
  all->masks += c->masks;
  all->crowds += c->crowds;
  for (int i = 0; i < 3; ++i) all->sizes[i] += c->sizes[i];
  for (int i = 0; i < YOLO_CHECK_SIDES; ++i) all->sides[i] += c->sides[i];
  for (int i = 0; i < YOLO_CHECK_ASPECTS; ++i) all->aspects[i] += c->aspects[i];
  for (int i = 0; i < YOLO_CHECK_CROWDS; ++i) all->crowd[i] += c->crowd[i];
}

/* A network cannot learn what the first split, the one it trains on, does not show. */
static void say_empty(yolo_check_run *run) {
  const yolo_check_report *r = run->report;
  const yolo_check_part *part = &run->parts[0];
  const yolo_dataset *d = part->dataset;
  run->split = 0;
  run->kind = YOLO_PLACE_LINE;
  for (size_t i = 0; i < r->n_classes; ++i) {
    if (r->classes[i].first_objects > 0) continue;
    const char *file = d->n_sources ? yolo_dataset_text(d, d->sources[0].labels) : "";
    yolo_data_report(&run->sink, YOLO_RULE_CLASS_EMPTY, file, 0, "the class '%s' has no object in split '%s'",
                     yolo_check_text(r, r->classes[i].name), part->split->name);
  }
}

/* Class-index masks hold their classes as pixels, which are not counted here. */
static bool has_class_masks(const yolo_check_run *run) {
  for (int p = 0; p < run->n_parts; ++p) {
    const yolo_dataset *d = run->parts[p].dataset;
    for (size_t i = 0; i < d->n_images; ++i)
      if (d->images[i].mask_file) return true;
  }
  return false;
}

yolo_status yolo_check_count(yolo_check_run *run) {
  class_count classes = {.report = run->report};
  yolo_status st = YOLO_OK;
  for (int p = 0; p < run->n_parts; ++p) {
    YOLO_TRY(count_part(&classes, &run->parts[p]));
    add_counts(&run->report->all, &run->report->splits[p]);
  }
  if (run->n_parts > 0 && !has_class_masks(run)) say_empty(run);
done:
  yolo_strmap_free(&classes.by_name);
  return st;
}
