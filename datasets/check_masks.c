/* Masks of annotations: can each be read, has it the size of its image, does its box lie around it?
 *
 * How near box and mask must be: the boxes of COCO are those of the polygons to two decimals, its crowds' are one pixel larger
 * than those of their RLE, and a polygon that was drawn into an RLE grows or shrinks by a pixel. So two pixels, or 2% of a
 * large box, are no finding. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/check_parts.h"
#include "datasets/segments.h"

#define MASK_BOX_PIXELS 2.0
#define MASK_BOX_SHARE  0.02

typedef struct mask_look {
  yolo_check_run *run;
  const yolo_dataset *dataset;
  const yolo_annotation *annotation;
} mask_look;

static void say(const mask_look *look, yolo_data_rule rule, const char *what) {
  char who[YOLO_WHO_MAX];
  yolo_check_place place = yolo_check_place_of(look->run, look->dataset, look->annotation);
  yolo_data_report(&look->run->sink, rule, place.file, place.line, "%s %s",
                   yolo_annotation_who(look->dataset, look->annotation, who), what);
}

/* ---- the box around it ---- */

static double larger(double a, double b) { return a > b ? a : b; }

/* `around`: left, top, right, bottom of the mask. */
static void check_around(const mask_look *look, const double around[4]) {
  const yolo_annotation *a = look->annotation;
  if (!(a->flags & YOLO_ANNOTATION_HAS_BOX) || !isfinite(a->x + a->y + a->width + a->height)) return;
  if (a->width <= 0 || a->height <= 0) return;
  double off_x = larger(fabs(around[0] - a->x), fabs(around[2] - a->x - a->width));
  double off_y = larger(fabs(around[1] - a->y), fabs(around[3] - a->y - a->height));
  if (off_x <= larger(MASK_BOX_PIXELS, MASK_BOX_SHARE * a->width) &&
      off_y <= larger(MASK_BOX_PIXELS, MASK_BOX_SHARE * a->height))
    return;
  yolo_text what = {0};
  if (yolo_text_format(&what, "is not around its mask, which spans [%.7g, %.7g, %.7g, %.7g]", around[0], around[1],
                       around[2] - around[0], around[3] - around[1]) == YOLO_OK) {
    say(look, YOLO_RULE_MASK_BOX, what.data);
  }
  yolo_text_free(&what);
}

/* ---- polygons ---- */

static void check_points(const mask_look *look, const yolo_polygons *polygons) {
  double around[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (size_t i = 0, first = 0; i < polygons->n; first = polygons->ends[i++]) {
    if (polygons->ends[i] - first < 6) {
      say(look, YOLO_RULE_MASK_INVALID, "has a mask with a polygon of fewer than three points");
      return;
    }
  }
  for (size_t i = 0; i < polygons->n_values; ++i) {
    double v = polygons->xy[i];
    if (!isfinite(v)) {
      say(look, YOLO_RULE_MASK_INVALID, "has a mask with a point that is not finite");
      return;
    }
    around[i % 2] = v < around[i % 2] ? v : around[i % 2];
    around[2 + i % 2] = larger(v, around[2 + i % 2]);
  }
  if (polygons->n_values) check_around(look, around);
}

static yolo_status check_polygons(const mask_look *look) {
  yolo_polygons polygons = {0};
  yolo_status st = yolo_annotation_polygons(look->dataset, look->annotation, &polygons);
  if (st == YOLO_OK) check_points(look, &polygons);
  yolo_polygons_free(&polygons);
  if (st == YOLO_OK || st == YOLO_ENOMEM) return st;
  say(look, YOLO_RULE_MASK_INVALID, "has a mask that cannot be read");
  return YOLO_OK;
}

/* ---- RLE ---- */

static void check_runs(const mask_look *look, const yolo_rle *rle) {
  double box[4];
  yolo_rle_box(rle, box);
  if (box[2] <= 0 || box[3] <= 0) {
    say(look, YOLO_RULE_MASK_INVALID, "has a mask without any pixel");
    return;
  }
  check_around(look, (const double[4]){box[0], box[1], box[0] + box[2], box[1] + box[3]});
}

static yolo_status check_rle(const mask_look *look) {
  const yolo_data_image *image = &look->dataset->images[look->annotation->image];
  yolo_packed_rle packed = {0};
  yolo_rle rle = {0};
  yolo_status st = yolo_segment_read_rle(look->dataset, look->annotation, &packed);
  bool known = image->width > 0 && image->height > 0;
  if (st == YOLO_OK && known && (packed.width != image->width || packed.height != image->height)) {
    yolo_text what = {0};
    st = yolo_text_format(&what, "has a mask of %dx%d pixels, but its image has %dx%d", packed.width, packed.height,
                          image->width, image->height);
    if (st == YOLO_OK) say(look, YOLO_RULE_MASK_SIZE, what.data);
    yolo_text_free(&what);
    return st;
  }
  if (st == YOLO_OK) st = yolo_rle_from_text(packed.text, packed.length, packed.height, packed.width, &rle);
  if (st == YOLO_OK) check_runs(look, &rle);
  yolo_rle_free(&rle);
  if (st == YOLO_OK || st == YOLO_ENOMEM) return st;
  say(look, YOLO_RULE_MASK_INVALID, "has a mask that cannot be read");
  return YOLO_OK;
}

/* ---- a split ---- */

yolo_status yolo_check_masks(yolo_check_run *run, yolo_check_part *part) {
  const yolo_dataset *d = part->dataset;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < d->n_annotations && st == YOLO_OK; ++i) {
    mask_look look = {run, d, &d->annotations[i]};
    if (look.annotation->kind == YOLO_SEGMENT_POLYGONS) st = check_polygons(&look);
    if (look.annotation->kind == YOLO_SEGMENT_RLE || look.annotation->kind == YOLO_SEGMENT_COUNTS) st = check_rle(&look);
  }
  return st;
}
