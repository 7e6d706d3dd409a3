/* Outlines to pixels: scanline fill at pixel centres.
 *
 * A ring's edge crosses the rows whose centres lie between its ends, the upper end included, the lower not. In each row the
 * crossings of a part are sorted, and pixels whose centres lie between the first and second, third and fourth, ... are inside
 * (the even-odd rule). Parts are painted one after the other, cuts last, as nothing.
 *
 * The crossings of a band of rows are sorted by counting; a band that does not fit the buffer is halved, so memory stays
 * bounded whatever the outline. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/outline.h"

enum { BAND_ROOM = 1 << 14 /* crossings, or one an edge where that is more */ };

typedef struct filling {
  const yolo_outline *outline;
  double x0, y0, scale;
  int width, height;
  uint8_t *mask;
  int *next;    /* a row each: where its crossings begin, later end */
  int *columns; /* crossings: the first pixel whose centre is not left of the edge */
  int room;
} filling;

/* An edge in pixels of the mask, top to bottom. */
typedef struct scan_edge {
  double x, y, slope; /* upper end; x a row */
  int first, last;    /* rows crossed: first .. last-1 */
} scan_edge;

/* The first whole number that is not below v, within 0..top; not a number: 0. */
static int up_within(double v, int top) {
  if (!(v > 0)) return 0;
  if (v >= top) return top;
  const int whole = (int)v;
  return whole + (whole < v);
}

static scan_edge edge_between(const filling *f, const float *a, const float *b, int top, int bottom) {
  const double ax = (a[0] - f->x0) * f->scale, ay = (a[1] - f->y0) * f->scale;
  const double bx = (b[0] - f->x0) * f->scale, by = (b[1] - f->y0) * f->scale;
  scan_edge edge = {ay <= by ? ax : bx, ay <= by ? ay : by, 0, 0, 0};
  edge.first = up_within(edge.y - .5, bottom);
  edge.last = up_within((ay <= by ? by : ay) - .5, bottom);
  if (edge.first < top) edge.first = top;
  if (edge.first < edge.last) edge.slope = (bx - ax) / (by - ay);
  return edge;
}

/* The ring's i-th edge of ring->count: the last one closes it. */
static scan_edge ring_edge(const filling *f, const yolo_ring *ring, int i, int top, int bottom) {
  const float *points = f->outline->xy + 2 * (size_t)ring->first;
  const int after = i + 1 < ring->count ? i + 1 : 0;
  return edge_between(f, points + 2 * (size_t)i, points + 2 * (size_t)after, top, bottom);
}

/* The rings [begin, end) are one part. next[r - top + 1]: crossings of row r. */
static size_t count_crossings(const filling *f, int begin, int end, int top, int bottom) {
  size_t total = 0;
  memset(f->next, 0, ((size_t)(bottom - top) + 2) * sizeof *f->next);
  for (int r = begin; r < end; r++)
    for (int i = 0; i < f->outline->rings[r].count; i++) {
      const scan_edge edge = ring_edge(f, &f->outline->rings[r], i, top, bottom);
      if (edge.first >= edge.last) continue;
      f->next[edge.first - top + 1]++;
      f->next[edge.last - top + 1]--;
      total += (size_t)(edge.last - edge.first);
    }
  for (int i = 1; i <= bottom - top; i++) f->next[i] += f->next[i - 1];
  return total;
}

static void place_crossings(const filling *f, int begin, int end, int top, int bottom) {
  for (int i = 1; i <= bottom - top; i++) f->next[i] += f->next[i - 1];
  for (int r = begin; r < end; r++)
    for (int i = 0; i < f->outline->rings[r].count; i++) {
      const scan_edge edge = ring_edge(f, &f->outline->rings[r], i, top, bottom);
      for (int y = edge.first; y < edge.last; y++) {
        const double x = edge.x + (y + .5 - edge.y) * edge.slope;
        f->columns[f->next[y - top]++] = up_within(x - .5, f->width);
      }
    }
}

static int compare_columns(const void *a, const void *b) {
  const int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

static void sort_columns(int *columns, int n) {
  if (n > 24) {
    qsort(columns, (size_t)n, sizeof *columns, compare_columns);
    return;
  }
  for (int i = 1; i < n; i++) {
    const int column = columns[i];
    int k = i;
    for (; k > 0 && columns[k - 1] > column; k--) columns[k] = columns[k - 1];
    columns[k] = column;
  }
}

static void fill_band(const filling *f, int begin, int end, int top, int bottom, uint8_t value) {
  const size_t total = count_crossings(f, begin, end, top, bottom);
  if (total > (size_t)f->room) {
    const int middle = top + (bottom - top) / 2;
    fill_band(f, begin, end, top, middle, value);
    fill_band(f, begin, end, middle, bottom, value);
    return;
  }
  if (total == 0) return;
  place_crossings(f, begin, end, top, bottom);
  int from = 0;
  for (int y = top; y < bottom; y++) {
    int *columns = f->columns + from;
    const int n = f->next[y - top] - from;
    uint8_t *row = f->mask + (size_t)y * (size_t)f->width;
    sort_columns(columns, n);
    for (int i = 0; i + 1 < n; i += 2) memset(row + columns[i], value, (size_t)(columns[i + 1] - columns[i]));
    from += n;
  }
}

/* All parts that are cuts, or all that are not. */
static void fill_parts(const filling *f, bool cut) {
  const yolo_ring *rings = f->outline->rings;
  for (int begin = 0, end; begin < f->outline->n_rings; begin = end) {
    for (end = begin + 1; end < f->outline->n_rings && rings[end].part == rings[begin].part; end++) continue;
    if (rings[begin].cut == cut) fill_band(f, begin, end, 0, f->height, cut ? 0 : 1);
  }
}

yolo_status yolo_outline_fill(const yolo_outline *outline, double x0, double y0, double scale, int width, int height,
                              uint8_t *mask) {
  const int room = outline->n_points > BAND_ROOM ? outline->n_points : BAND_ROOM;
  yolo_status st = YOLO_OK;
  if (width <= 0 || height <= 0) return YOLO_OK;
  memset(mask, 0, (size_t)width * (size_t)height);
  filling f = {outline, x0, y0, scale, width, height, mask, NULL, NULL, room};
  f.next = yolo_alloc_array((size_t)height + 2, sizeof *f.next);
  f.columns = yolo_alloc_array((size_t)room, sizeof *f.columns);
  if (f.next && f.columns) {
    fill_parts(&f, false);
    fill_parts(&f, true);
  } else {
    st = YOLO_ENOMEM;
  }
  yolo_free(f.next);
  yolo_free(f.columns);
  return st;
}
