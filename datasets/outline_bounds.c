/* The box and the area of what an outline has inside a rectangle.
 *
 * Without cuts nothing is drawn. The box is that of the pieces of edges inside the rectangle and of the rectangle's corners
 * that lie inside a part. The area of a ring inside the rectangle is the integral over y of its edges' x, clamped to the
 * rectangle's width, with the sign of their direction (Green's theorem): where a ring crosses itself, turns against each other
 * cancel, and what two parts share counts twice. With cuts, what is left is drawn and counted. */
#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/outline.h"

typedef struct bounds {
  double width, height;
  double x1, y1, x2, y2; /* empty: x2 < x1 */
} bounds;

static void include(bounds *b, double x, double y) {
  if (x < b->x1) b->x1 = x;
  if (x > b->x2) b->x2 = x;
  if (y < b->y1) b->y1 = y;
  if (y > b->y2) b->y2 = y;
}

static double within(double v, double top) { return v < 0 ? 0 : v > top ? top : v; }

/* Cuts the piece [t[0], t[1]] of an edge to where 0 <= start + t * move <= top (Liang and Barsky, 1984). An edge along the
 * border has nothing inside: those that meet it there say as much. */
static bool clip(double start, double move, double top, double t[2]) {
  if (move == 0) return start > 0 && start < top;
  const double at_0 = -start / move, at_top = (top - start) / move;
  const double enter = move > 0 ? at_0 : at_top, leave = move > 0 ? at_top : at_0;
  if (enter > t[0]) t[0] = enter;
  if (leave < t[1]) t[1] = leave;
  return t[0] < t[1];
}

static void include_edge(bounds *b, const float *from, const float *to) {
  const double dx = (double)to[0] - from[0], dy = (double)to[1] - from[1];
  double t[2] = {0, 1};
  if (from[0] > 0 && from[1] > 0 && to[0] > 0 && to[1] > 0 && from[0] < b->width && from[1] < b->height && to[0] < b->width &&
      to[1] < b->height) {
    include(b, from[0], from[1]);
    include(b, to[0], to[1]);
    return;
  }
  if (!clip(from[0], dx, b->width, t) || !clip(from[1], dy, b->height, t)) return;
  for (int i = 0; i < 2; i++) {
    const double x = t[i] == 1 ? to[0] : from[0] + t[i] * dx, y = t[i] == 1 ? to[1] : from[1] + t[i] * dy;
    include(b, within(x, b->width), within(y, b->height));
  }
}

/* Whether an edge lies right of a corner of the rectangle, seen from just inside it. */
static bool is_right_of(const bounds *b, const float *from, const float *to, bool right, bool low) {
  const double y = low ? b->height : 0;
  const bool from_below = low ? from[1] >= y : from[1] > y, to_below = low ? to[1] >= y : to[1] > y;
  if (from_below == to_below) return false;
  const double x = from[0] + (y - from[1]) / ((double)to[1] - from[1]) * ((double)to[0] - from[0]);
  return right ? x >= b->width : x > 0;
}

/* The integral of clamp(x, 0, width) over y within the rectangle, from one end of an edge to the other. */
static double edge_area(const bounds *b, const float *from, const float *to) {
  const bool down = from[1] <= to[1];
  const float *a = down ? from : to, *z = down ? to : from;
  const double top = within(a[1], b->height), bottom = within(z[1], b->height);
  if (!(top < bottom)) return 0;
  const double slope = ((double)z[0] - a[0]) / ((double)z[1] - a[1]);
  double cuts[4] = {top, 0, 0, bottom}; /* where x enters and leaves 0..width */
  const double at_0 = slope == 0 ? top : a[1] - a[0] / slope, at_width = slope == 0 ? top : a[1] + (b->width - a[0]) / slope;
  cuts[1] = fmin(fmax(fmin(at_0, at_width), top), bottom);
  cuts[2] = fmin(fmax(fmax(at_0, at_width), top), bottom);
  double sum = 0;
  for (int i = 0; i < 3; i++) {
    const double middle = a[0] + (.5 * (cuts[i] + cuts[i + 1]) - a[1]) * slope;
    sum += within(middle, b->width) * (cuts[i + 1] - cuts[i]);
  }
  return down ? sum : -sum;
}

/* Adds one part to the box; returns its area inside. */
static double include_part(bounds *b, const yolo_outline *outline, int begin, int end) {
  double area = 0;
  bool inside[4] = {false, false, false, false};
  for (int r = begin; r < end; r++) {
    const yolo_ring *ring = &outline->rings[r];
    const float *points = outline->xy + 2 * (size_t)ring->first;
    for (int i = 0; i < ring->count; i++) {
      const float *from = points + 2 * (size_t)i, *to = i + 1 < ring->count ? from + 2 : points;
      include_edge(b, from, to);
      area += edge_area(b, from, to);
      for (int c = 0; c < 4; c++) inside[c] ^= is_right_of(b, from, to, c & 1, c & 2);
    }
  }
  for (int c = 0; c < 4; c++)
    if (inside[c]) include(b, c & 1 ? b->width : 0, c & 2 ? b->height : 0);
  return fabs(area);
}

/* Whether any cut may touch the box. */
static bool is_cut(const yolo_outline *outline, const bounds *b) {
  for (int r = 0; r < outline->n_rings; r++) {
    const yolo_ring *ring = &outline->rings[r];
    if (!ring->cut) continue;
    bounds cut = {b->width, b->height, INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < ring->count; i++)
      include(&cut, outline->xy[2 * (ring->first + i)], outline->xy[2 * (ring->first + i) + 1]);
    if (cut.x1 < b->x2 && cut.x2 > b->x1 && cut.y1 < b->y2 && cut.y2 > b->y1) return true;
  }
  return false;
}

/* Draws what lies in the box and takes box and area from the pixels. */
static yolo_status measure_pixels(const yolo_outline *outline, bounds *b, double *area) {
  const int left = (int)floor(b->x1), top = (int)floor(b->y1);
  const int width = (int)ceil(b->x2) - left, height = (int)ceil(b->y2) - top;
  size_t count = 0;
  uint8_t *mask = yolo_alloc_array((size_t)width, (size_t)height);
  if (!mask) return YOLO_ENOMEM;
  const yolo_status st = yolo_outline_fill(outline, left, top, 1, width, height, mask);
  *b = (bounds){b->width, b->height, INFINITY, INFINITY, -INFINITY, -INFINITY};
  for (int y = 0; st == YOLO_OK && y < height; y++) {
    const uint8_t *row = mask + (size_t)y * (size_t)width, *first = memchr(row, 1, (size_t)width);
    if (!first) continue;
    const uint8_t *last = memrchr(row, 1, (size_t)width);
    for (const uint8_t *p = first; p <= last; p++) count += *p;
    include(b, left + (double)(first - row), top + y);
    include(b, left + (double)(last - row) + 1, top + y + 1);
  }
  *area = (double)count;
  yolo_free(mask);
  return st;
}

yolo_status yolo_outline_bounds(const yolo_outline *outline, int width, int height, double box[4], double *area, bool *any) {
  bounds b = {width, height, INFINITY, INFINITY, -INFINITY, -INFINITY};
  double sum = 0;
  *any = false;
  if (area) *area = 0;
  memset(box, 0, 4 * sizeof *box);
  for (int begin = 0, end; begin < outline->n_rings; begin = end) {
    const yolo_ring *rings = outline->rings;
    for (end = begin + 1; end < outline->n_rings && rings[end].part == rings[begin].part; end++) continue;
    if (!rings[begin].cut) sum += include_part(&b, outline, begin, end);
  }
  if (!(b.x1 < b.x2 && b.y1 < b.y2)) return YOLO_OK;
  if (is_cut(outline, &b)) {
    const yolo_status st = measure_pixels(outline, &b, &sum);
    if (st != YOLO_OK) return st;
  }
  *any = b.x1 < b.x2 && b.y1 < b.y2;
  if (!*any) return YOLO_OK;
  box[0] = b.x1;
  box[1] = b.y1;
  box[2] = b.x2;
  box[3] = b.y2;
  if (area) *area = sum > 0 ? sum : 0;
  return YOLO_OK;
}
