/* What becomes of objects: outlines and boxes go through the layer's matrix, are clipped, and are dropped when too little is
 * left.
 *
 * A box without a mask is treated as an outline of four corners, so one path serves both. Clipping is Sutherland and Hodgman's
 * (1974): one half plane after the other, which leaves edges along the border that enclose nothing. So the box of a clipped
 * mask is tightened by looking which pixels it fills. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/augment_parts.h"

/* Points with a x + b y + c >= 0 stay. */
typedef struct plane {
  double a, b, c;
} plane;

static yolo_status reserve_clip(yolo_augmenter *augmenter, int points) {
  size_t floats = (size_t)points * 4; /* clipping a ring adds at most as many points as it has */
  if (augmenter->clip_room >= floats) return YOLO_OK;
  for (int i = 0; i < 2; i++) {
    float *grown = yolo_realloc(augmenter->clip[i], floats * sizeof *grown);
    if (!grown) return YOLO_ENOMEM;
    augmenter->clip[i] = grown;
  }
  augmenter->clip_room = floats;
  return YOLO_OK;
}

static double distance(plane p, const float *xy) { return p.a * (double)xy[0] + p.b * (double)xy[1] + p.c; }

/* `to` has room for 2n points; returns how many it got. */
static int clip_ring(plane p, const float *from, int n, float *to) {
  int count = 0;
  for (int i = 0; i < n; i++) {
    const float *here = from + (size_t)i * 2, *before = from + (size_t)(i ? i - 1 : n - 1) * 2;
    double d = distance(p, here), e = distance(p, before);
    if ((d >= 0) != (e >= 0)) { /* the border is crossed */
      double t = e / (e - d);
      to[count * 2] = (float)((double)before[0] + t * ((double)here[0] - (double)before[0]));
      to[count * 2 + 1] = (float)((double)before[1] + t * ((double)here[1] - (double)before[1]));
      count++;
    }
    if (d >= 0) {
      memcpy(to + (size_t)count * 2, here, 2 * sizeof *to);
      count++;
    }
  }
  return count;
}

/* The ring in clip[0] against planes; true: something was outside. */
static yolo_status clip_planes(yolo_augmenter *augmenter, const plane *planes, int n_planes, int *n, bool *clipped) {
  for (int i = 0; i<n_planes && * n> 0; i++) {
    int outside = 0;
    for (int k = 0; k < *n; k++) outside += distance(planes[i], augmenter->clip[0] + (size_t)k * 2) < 0;
    if (outside == 0) continue;
    *clipped = true;
    yolo_status st = reserve_clip(augmenter, *n);
    if (st != YOLO_OK) return st;
    *n = outside == *n ? 0 : clip_ring(planes[i], augmenter->clip[0], *n, augmenter->clip[1]);
    float *t = augmenter->clip[0];
    augmenter->clip[0] = augmenter->clip[1];
    augmenter->clip[1] = t;
  }
  return YOLO_OK;
}

static yolo_status clip_rect(yolo_augmenter *augmenter, yolo_rect r, int *n, bool *clipped) {
  plane planes[4] = {{1, 0, -r.x1}, {-1, 0, r.x2}, {0, 1, -r.y1}, {0, -1, r.y2}};
  return clip_planes(augmenter, planes, 4, n, clipped);
}

static double signed_area(const float *xy, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) {
    const float *a = xy + (size_t)i * 2, *b = xy + (size_t)(i + 1 < n ? i + 1 : 0) * 2;
    sum += (double)a[0] * (double)b[1] - (double)b[0] * (double)a[1];
  }
  return sum / 2;
}

static void move_points(const yolo_matrix *matrix, float *xy, int n) {
  const double *m = matrix->m;
  for (int i = 0; i < n; i++, xy += 2) {
    double x = (double)xy[0], y = (double)xy[1], w = m[6] * x + m[7] * y + m[8];
    xy[0] = (float)((m[0] * x + m[1] * y + m[2]) / w);
    xy[1] = (float)((m[3] * x + m[4] * y + m[5]) / w);
  }
}

/* Rounding may have left a clipped point a little outside. */
static void clamp_points(float *xy, int n, float width, float height) {
  for (int i = 0; i < n; i++, xy += 2) {
    xy[0] = xy[0] < 0 ? 0 : xy[0] > width ? width : xy[0];
    xy[1] = xy[1] < 0 ? 0 : xy[1] > height ? height : xy[1];
  }
}

/* ---- one ring ---- */

/* Areas of a part before and after each of the two clippings (in the source, in the output), to say how much is left. */
typedef struct areas {
  double whole, shown, moved, left; /* signed sums over the rings of the part at hand */
  double sums[4];                   /* of finished parts */
  int part;
} areas;

static void close_part(areas *a) {
  a->sums[0] += fabs(a->whole);
  a->sums[1] += fabs(a->shown);
  a->sums[2] += fabs(a->moved);
  a->sums[3] += fabs(a->left);
  a->whole = a->shown = a->moved = a->left = 0;
}

static double share_left(const areas *a) {
  double in_source = a->sums[0] > 0 ? a->sums[1] / a->sums[0] : 0, in_output = a->sums[2] > 0 ? a->sums[3] / a->sums[2] : 0;
  return fmin(1, in_source) * fmin(1, in_output);
}

/* clip[0] holds the ring afterwards, *n points, moved and clipped. */
static yolo_status move_ring(yolo_augmenter *augmenter, const yolo_layer *layer, int width, int height, const float *xy, int *n,
                             areas *a, bool *clipped) {
  const double *m = layer->to_output.m;
  yolo_status st = reserve_clip(augmenter, *n);
  if (st != YOLO_OK) return st;
  double area = signed_area(xy, *n);
  if (!isfinite(area)) *n = 0;
  memcpy(augmenter->clip[0], xy, (size_t)*n * 2 * sizeof *xy);
  a->whole += area;
  YOLO_TRY(clip_rect(augmenter, layer->rect, n, clipped));
  plane front = {m[6], m[7], m[8] - 1e-3}; /* perspective: nothing from behind the viewer */
  if (m[6] != 0 || m[7] != 0) YOLO_TRY(clip_planes(augmenter, &front, 1, n, clipped));
  a->shown += signed_area(augmenter->clip[0], *n);
  move_points(&layer->to_output, augmenter->clip[0], *n);
  a->moved += signed_area(augmenter->clip[0], *n);
  YOLO_TRY(clip_rect(augmenter, (yolo_rect){0, 0, width, height}, n, clipped));
  clamp_points(augmenter->clip[0], *n, (float)width, (float)height);
  a->left += signed_area(augmenter->clip[0], *n);
done:
  return st;
}

/* ---- one object ---- */

static void widen(yolo_object *o, const float *xy, int n) {
  for (int i = 0; i < n; i++, xy += 2) {
    o->x1 = xy[0] < o->x1 ? xy[0] : o->x1;
    o->y1 = xy[1] < o->y1 ? xy[1] : o->y1;
    o->x2 = xy[0] > o->x2 ? xy[0] : o->x2;
    o->y2 = xy[1] > o->y2 ? xy[1] : o->y2;
  }
}

static void begin_box(yolo_object *o) {
  o->x1 = o->y1 = INFINITY;
  o->x2 = o->y2 = -INFINITY;
}

/* A ring of the part `part` of the source: parts keep their numbers, so that holes stay with what they are holes of. */
static yolo_status add_ring(yolo_outline *outline, const float *xy, int n, int part, bool cut) {
  yolo_status st = yolo_outline_add(outline, xy, n, cut);
  if (st != YOLO_OK) return st;
  outline->rings[outline->n_rings - 1].part = part;
  if (outline->n_parts <= part) outline->n_parts = part + 1;
  return YOLO_OK;
}

static yolo_status move_outline(yolo_augmenter *augmenter, const yolo_layer *layer, int width, int height,
                                const yolo_outline *from, yolo_object *to, areas *a, bool *clipped) {
  yolo_status st = YOLO_OK;
  bool touched = false;
  for (int i = 0; i < from->n_rings; i++) {
    const yolo_ring *ring = &from->rings[i];
    int n = ring->count;
    areas ignored = {0};
    if (n < 3) continue;
    if (ring->part != a->part) close_part(a);
    a->part = ring->part;
    YOLO_TRY(move_ring(augmenter, layer, width, height, from->xy + (size_t)ring->first * 2, &n, ring->cut ? &ignored : a,
                       ring->cut ? &touched : clipped));
    if (n < 3) continue;
    YOLO_TRY(add_ring(&to->outline, augmenter->clip[0], n, ring->part, ring->cut));
    if (ring->cut) {
      *clipped = true;
    } else {
      widen(to, augmenter->clip[0], n);
    }
  }
  close_part(a);
done:
  return st;
}

static yolo_status move_box(yolo_augmenter *augmenter, const yolo_layer *layer, int width, int height, const yolo_object *from,
                            yolo_object *to, areas *a) {
  float corners[8] = {from->x1, from->y1, from->x2, from->y1, from->x2, from->y2, from->x1, from->y2};
  bool clipped = false;
  int n = 4;
  *a = (areas){.part = -1};
  yolo_status st = move_ring(augmenter, layer, width, height, corners, &n, a, &clipped);
  if (st != YOLO_OK) return st;
  begin_box(to); /* with a mask and without chance: the file's box, not the mask's */
  widen(to, augmenter->clip[0], n);
  close_part(a);
  return YOLO_OK;
}

static bool centre_stays(const yolo_layer *layer, const yolo_object *o, int width, int height) {
  float centre[2] = {(o->x1 + o->x2) / 2, (o->y1 + o->y2) / 2};
  const yolo_rect *r = &layer->rect;
  double x = (double)centre[0], y = (double)centre[1];
  if (x < r->x1 || x >= r->x2 || y < r->y1 || y >= r->y2) return false;
  move_points(&layer->to_output, centre, 1);
  return centre[0] >= 0 && centre[0] < (float)width && centre[1] >= 0 && centre[1] < (float)height;
}

/* ---- what is left of a box ---- */

/* The pixels that the box touches. */
typedef struct window {
  int x, y, width, height;
} window;

static window window_of(const yolo_object *o) {
  int x = (int)floorf(o->x1), y = (int)floorf(o->y1);
  return (window){x, y, (int)ceilf(o->x2) - x, (int)ceilf(o->y2) - y};
}

/* Outline in the window: as bytes in *block. */
static yolo_status fill_window(const yolo_outline *outline, window w, uint8_t **block, size_t *room) {
  yolo_status st = yolo_augment_reserve(block, room, (size_t)w.width * (size_t)w.height);
  if (st != YOLO_OK) return st;
  return yolo_outline_fill(outline, w.x, w.y, 1, w.width, w.height, *block);
}

/* A pixel that is filled has its centre inside, so the outline ends within half a pixel of it. */
static size_t tighten_to(const uint8_t *mask, window w, yolo_object *o) {
  int x1 = w.width, y1 = w.height, x2 = -1, y2 = -1;
  size_t count = 0;
  for (int y = 0; y < w.height; y++) {
    for (int x = 0; x < w.width; x++) {
      if (!mask[(size_t)y * (size_t)w.width + (size_t)x]) continue;
      count++;
      if (x < x1) x1 = x;
      if (x > x2) x2 = x;
      if (y < y1) y1 = y;
      y2 = y;
    }
  }
  o->x1 = fmaxf(o->x1, (float)(w.x + x1) - 0.5f);
  o->y1 = fmaxf(o->y1, (float)(w.y + y1) - 0.5f);
  o->x2 = fminf(o->x2, (float)(w.x + x2) + 1.5f);
  o->y2 = fminf(o->y2, (float)(w.y + y2) + 1.5f);
  if (count == 0) begin_box(o);
  return count;
}

/* The box of an object with a mask shrinks to what is left of it; *pixels: how many there are. */
static yolo_status tighten(yolo_augmenter *augmenter, yolo_object *object, size_t *pixels) {
  size_t count = 0;
  if (object->x2 > object->x1 && object->y2 > object->y1) {
    window w = window_of(object);
    yolo_status st = fill_window(&object->outline, w, &augmenter->mask, &augmenter->mask_room);
    if (st != YOLO_OK) return st;
    count = tighten_to(augmenter->mask, w, object);
  }
  if (pixels) *pixels = count;
  return YOLO_OK;
}

yolo_status yolo_augment_move_one(yolo_augmenter *augmenter, const yolo_layer *layer, const yolo_object *from,
                                  yolo_sample *out) {
  int width = out->image.width, height = out->image.height;
  bool masked = from->outline.n_rings > 0, clipped = false;
  yolo_object *to = NULL;
  areas a = {.part = -1};
  yolo_status st = YOLO_OK;
  if (augmenter->augment.keep_centre && augmenter->moves && !centre_stays(layer, from, width, height)) return YOLO_OK;
  YOLO_TRY(yolo_sample_push(out, &to));
  to->class_index = from->class_index;
  to->flags = from->flags;
  to->weight = from->weight;
  begin_box(to);
  if (masked) YOLO_TRY(move_outline(augmenter, layer, width, height, &from->outline, to, &a, &clipped));
  if (!masked || !augmenter->moves) YOLO_TRY(move_box(augmenter, layer, width, height, from, to, &a));
  to->visible = from->visible * (float)share_left(&a);
  if (clipped && augmenter->moves) YOLO_TRY(tighten(augmenter, to, NULL));
  if (!(to->x2 > to->x1) || !(to->y2 > to->y1)) out->n_objects--;
done:
  return st;
}

yolo_status yolo_augment_move(yolo_augmenter *augmenter, const yolo_layer *layer, yolo_sample *out) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < layer->sample->n_objects && st == YOLO_OK; i++) {
    st = yolo_augment_move_one(augmenter, layer, &layer->sample->objects[i], out);
  }
  return st;
}

/* ---- what is covered ---- */

/* Where the cutter spans a box from side to side, the box ends at it. */
static void trim_box(yolo_object *o, const yolo_object *c) {
  if (c->y1 <= o->y1 && c->y2 >= o->y2) {
    if (c->x1 <= o->x1) o->x1 = fmaxf(o->x1, c->x2);
    if (c->x2 >= o->x2) o->x2 = fminf(o->x2, c->x1);
  }
  if (c->x1 <= o->x1 && c->x2 >= o->x2) {
    if (c->y1 <= o->y1) o->y1 = fmaxf(o->y1, c->y2);
    if (c->y2 >= o->y2) o->y2 = fminf(o->y2, c->y1);
  }
}

static yolo_status cover_mask(yolo_augmenter *augmenter, yolo_object *object, const yolo_outline *cutter) {
  size_t before = 0, after = 0;
  yolo_object copy = *object; /* its box only: it may be tightened, not the object's */
  yolo_status st = YOLO_OK;
  YOLO_TRY(tighten(augmenter, &copy, &before));
  YOLO_TRY(yolo_outline_join(&object->outline, cutter, true));
  YOLO_TRY(tighten(augmenter, object, &after));
  object->visible *= before ? (float)after / (float)before : 0;
done:
  return st;
}

yolo_status yolo_augment_cover(yolo_augmenter *augmenter, yolo_object *object, const yolo_outline *cutter, bool trim) {
  yolo_object bounds = {0};
  begin_box(&bounds);
  widen(&bounds, cutter->xy, cutter->n_points);
  if (bounds.x1 >= object->x2 || bounds.x2 <= object->x1 || bounds.y1 >= object->y2 || bounds.y2 <= object->y1) return YOLO_OK;
  if (object->outline.n_rings > 0) return cover_mask(augmenter, object, cutter);
  window w = window_of(object);
  yolo_status st = fill_window(cutter, w, &augmenter->mask, &augmenter->mask_room);
  if (st != YOLO_OK) return st;
  size_t count = 0, all = (size_t)w.width * (size_t)w.height;
  for (size_t i = 0; i < all; i++) count += augmenter->mask[i];
  object->visible *= 1 - (float)count / (float)all;
  if (trim) trim_box(object, &bounds);
  return YOLO_OK;
}

static bool stays(const yolo_augment *a, const yolo_object *o) {
  double w = (double)(o->x2 - o->x1), h = (double)(o->y2 - o->y1);
  if (!(w > 0) || !(h > 0) || !(o->visible > 0) || (double)o->visible < a->keep_area) return false;
  if (w <= a->keep_pixels || h <= a->keep_pixels) return false;
  return a->keep_aspect <= 0 || (w <= h * a->keep_aspect && h <= w * a->keep_aspect);
}

void yolo_augment_keep(const yolo_augment *augment, yolo_sample *out) {
  for (int i = out->n_objects - 1; i >= 0; i--) {
    if (!stays(augment, &out->objects[i])) yolo_sample_drop(out, i);
  }
}
