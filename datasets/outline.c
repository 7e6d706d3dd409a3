/* Outlines: their memory, and how parts come together. What an outline is, see outline.h. */
#include "datasets/outline_room.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"

void yolo_outline_free(yolo_outline *outline) {
  yolo_free(outline->xy);
  yolo_free(outline->rings);
  *outline = (yolo_outline){0};
}

void yolo_outline_clear(yolo_outline *outline) { outline->n_points = outline->n_rings = outline->n_parts = 0; }

/* More than `have` elements fit afterwards; grows by half. */
static yolo_status grow(void **block, int have, int more, int *room, size_t size) {
  if (more <= *room - have) return YOLO_OK;
  if (more > INT_MAX / 2 - have) return yolo_fail(YOLO_ENOMEM, "an outline of more than %d points", INT_MAX / 2);
  const int wanted = have + more > *room + *room / 2 ? have + more : *room + *room / 2;
  void *larger = yolo_realloc(*block, (size_t)wanted * size);
  if (!larger) return YOLO_ENOMEM;
  *block = larger;
  *room = wanted;
  return YOLO_OK;
}

yolo_status yolo_outline_reserve(yolo_outline *outline, int points, int rings) {
  void *xy = outline->xy, *list = outline->rings;
  yolo_status st = grow(&xy, outline->n_points, points, &outline->points_room, 2 * sizeof *outline->xy);
  outline->xy = xy;
  if (st == YOLO_OK) st = grow(&list, outline->n_rings, rings, &outline->rings_room, sizeof *outline->rings);
  outline->rings = list;
  return st;
}

yolo_status yolo_outline_copy(const yolo_outline *from, yolo_outline *to) {
  yolo_outline_clear(to);
  return yolo_outline_join(to, from, false);
}

yolo_status yolo_outline_add(yolo_outline *outline, const float *xy, int count, bool cut) {
  const yolo_status st = yolo_outline_reserve(outline, count, 1);
  if (st != YOLO_OK) return st;
  memcpy(outline->xy + 2 * (size_t)outline->n_points, xy, (size_t)count * 2 * sizeof *xy);
  outline->rings[outline->n_rings++] = (yolo_ring){outline->n_points, count, outline->n_parts++, cut};
  outline->n_points += count;
  return YOLO_OK;
}

yolo_status yolo_outline_join(yolo_outline *outline, const yolo_outline *other, bool cut) {
  if (other->n_rings == 0) return YOLO_OK;
  const yolo_status st = yolo_outline_reserve(outline, other->n_points, other->n_rings);
  if (st != YOLO_OK) return st;
  memcpy(outline->xy + 2 * (size_t)outline->n_points, other->xy, (size_t)other->n_points * 2 * sizeof *other->xy);
  for (int i = 0; i < other->n_rings; i++) {
    yolo_ring ring = other->rings[i];
    ring.first += outline->n_points;
    ring.part += outline->n_parts;
    ring.cut = ring.cut || cut;
    outline->rings[outline->n_rings + i] = ring;
  }
  outline->n_points += other->n_points;
  outline->n_rings += other->n_rings;
  outline->n_parts += other->n_parts;
  return YOLO_OK;
}

/* Two points or fewer enclose nothing and add nothing. */
yolo_status yolo_outline_from_polygon(yolo_outline *outline, const double *xy, size_t values) {
  const double farthest = 1 << 30;
  const size_t count = values / 2;
  if (count < 3) return YOLO_OK;
  if (count > INT_MAX / 4) return yolo_fail(YOLO_EFORMAT, "polygon: %zu points are too many", count);
  for (size_t i = 0; i < 2 * count; i++)
    if (!(fabs(xy[i]) <= farthest))
      return yolo_fail(YOLO_EFORMAT, "polygon: point %zu lies too far out (%.9g) or is not a number", i / 2 + 1, xy[i]);
  const yolo_status st = yolo_outline_reserve(outline, (int)count, 1);
  if (st != YOLO_OK) return st;
  float *to = outline->xy + 2 * (size_t)outline->n_points;
  for (size_t i = 0; i < 2 * count; i++) to[i] = (float)xy[i];
  outline->rings[outline->n_rings++] = (yolo_ring){outline->n_points, (int)count, outline->n_parts++, false};
  outline->n_points += (int)count;
  return YOLO_OK;
}
