/* What part of an image's plane the network gets to see: Darknet's jitter, SSD's expand and IoU crops, crops of an area.
 *
 * A view is a rectangle in the image's own coordinates. It may reach outside; there the fill shows. */
#include <math.h>

#include "datasets/augment_parts.h"

static double width_of(yolo_rect r) { return r.x2 - r.x1; }
static double height_of(yolo_rect r) { return r.y2 - r.y1; }

/* Each side moves on its own, in or out (AlexeyAB's data.c, load_data_detection). */
static yolo_rect jitter(yolo_rng *rng, double share, yolo_rect v) {
  double dx = share * width_of(v), dy = share * height_of(v);
  double x1 = v.x1 + yolo_draw_between(rng, -dx, dx), x2 = v.x2 + yolo_draw_between(rng, -dx, dx);
  double y1 = v.y1 + yolo_draw_between(rng, -dy, dy), y2 = v.y2 + yolo_draw_between(rng, -dy, dy);
  return (yolo_rect){x1, y1, x2, y2};
}

/* A canvas up to `most` times as wide and high, the image somewhere on it: small objects (SSD, section 3.6). */
static yolo_rect expand(yolo_rng *rng, double most, yolo_rect v) {
  double ratio = yolo_draw_between(rng, 1, most), w = width_of(v), h = height_of(v);
  double x = v.x1 - yolo_draw_between(rng, 0, w * ratio - w), y = v.y1 - yolo_draw_between(rng, 0, h * ratio - h);
  return (yolo_rect){x, y, x + w * ratio, y + h * ratio};
}

/* ---- SSD's crops ---- */

static double iou(yolo_rect a, yolo_rect b) {
  double both = yolo_rect_area(yolo_rect_meet(a, b));
  double either = yolo_rect_area(a) + yolo_rect_area(b) - both;
  return either > 0 ? both / either : 0;
}

/* Does some object keep its centre and overlap the crop by `least`? An image without objects takes any crop. */
static bool crop_will_do(const yolo_sample *sample, yolo_rect crop, double least) {
  for (int i = 0; i < sample->n_objects; i++) {
    const yolo_object *o = &sample->objects[i];
    double x = ((double)o->x1 + (double)o->x2) / 2, y = ((double)o->y1 + (double)o->y2) / 2;
    if (x < crop.x1 || x >= crop.x2 || y < crop.y1 || y >= crop.y2) continue;
    if (iou((yolo_rect){(double)o->x1, (double)o->y1, (double)o->x2, (double)o->y2}, crop) >= least) return true;
  }
  return sample->n_objects == 0;
}

static yolo_rect part(yolo_rng *rng, yolo_rect v, double w, double h) {
  double x = v.x1 + yolo_draw_between(rng, 0, width_of(v) - w), y = v.y1 + yolo_draw_between(rng, 0, height_of(v) - h);
  return (yolo_rect){x, y, x + w, y + h};
}

/* Sides of 0.3 to 1 of the image's, no more elongated than 1:2, and an IoU drawn from the list; the whole image where none is
 * found. */
static yolo_rect iou_crop(yolo_rng *rng, const yolo_sample *sample, yolo_rect v) {
  enum { TRIES = 50 };
  static const double overlaps[] = {0, 0.1, 0.3, 0.5, 0.7, 0.9};
  double least = overlaps[yolo_draw_index(rng, sizeof overlaps / sizeof *overlaps)];
  for (int i = 0; i < TRIES; i++) {
    double w = yolo_draw_between(rng, 0.3, 1) * width_of(v), h = yolo_draw_between(rng, 0.3, 1) * height_of(v);
    yolo_rect crop = part(rng, v, w, h);
    if (w <= 2 * h && h <= 2 * w && crop_will_do(sample, crop, least)) return crop;
  }
  return v;
}

/* ---- crops of an area ---- */

/* The centre with the sides' ratio of `aspect`, as large as there is room. */
static yolo_rect centre(yolo_rect v, double aspect) {
  double w = fmin(width_of(v), height_of(v) * aspect), h = w / aspect;
  double x = (v.x1 + v.x2 - w) / 2, y = (v.y1 + v.y2 - h) / 2;
  return (yolo_rect){x, y, x + w, y + h};
}

/* A share of the area with sides from 3:4 to 4:3 (torchvision's RandomResizedCrop); the centre where none fits. */
static yolo_rect area_crop(yolo_rng *rng, const double range[2], yolo_rect v) {
  enum { TRIES = 10 };
  const double most = log(4.0 / 3);
  for (int i = 0; i < TRIES; i++) {
    double area = yolo_draw_between(rng, range[0], range[1]) * yolo_rect_area(v);
    double ratio = exp(yolo_draw_between(rng, -most, most)), w = sqrt(area * ratio), h = sqrt(area / ratio);
    if (w <= width_of(v) && h <= height_of(v)) return part(rng, v, w, h);
  }
  return centre(v, fmin(fmax(width_of(v) / height_of(v), 3.0 / 4), 4.0 / 3));
}

yolo_rect yolo_augment_view(const yolo_augment *a, yolo_rng *rng, const yolo_sample *sample, int width, int height) {
  yolo_rect v = {0, 0, sample->image.width, sample->image.height};
  if (rng) {
    if (a->jitter > 0) v = jitter(rng, a->jitter, v);
    if (yolo_draw_chance(rng, a->expand)) v = expand(rng, a->expand_most, v);
    if (yolo_draw_chance(rng, a->crop)) v = iou_crop(rng, sample, v);
    if (a->area_crop[0] < 1) return area_crop(rng, a->area_crop, v);
  }
  return a->fit == YOLO_AUGMENT_CROP ? centre(v, (double)width / height) : v;
}
