/* One resampling: a layer's pixels through its matrix into the output, bilinear (nearest for label maps).
 *
 *   output centre (x + 1/2, y + 1/2)  ->  source (u, v) by the inverse matrix;  shown where (u, v) lies in the layer's
 * rectangle value = (1-fy) ((1-fx) p00 + fx p01) + fy ((1-fx) p10 + fx p11),   fx = frac(u - 1/2), fy = frac(v - 1/2)
 *
 * in whole numbers with weights of 1/256; neighbours outside the image are its border. Without rotation, shear and perspective
 * the axes are apart: two source rows are blended into one row of 16 bits (contiguous, vectorised), whose neighbours a table of
 * positions then blends. */
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/augment_parts.h"

enum { ONE = 256, HALF = ONE * ONE / 2 }; /* the unit of a weight; a half of what two weights multiply to */

void yolo_warp_free(yolo_warp *warp) {
  yolo_free(warp->row);
  yolo_free(warp->taps);
  memset(warp, 0, sizeof *warp);
}

static yolo_status reserve(yolo_warp *warp, size_t row, size_t taps) {
  if (warp->row_room < row) {
    yolo_free(warp->row);
    warp->row_room = 0;
    warp->row = yolo_alloc_array(row, sizeof *warp->row);
    if (!warp->row) return YOLO_ENOMEM;
    warp->row_room = row;
  }
  if (warp->taps_room < taps) {
    yolo_free(warp->taps);
    warp->taps_room = 0;
    warp->taps = yolo_alloc_array(taps, sizeof *warp->taps);
    if (!warp->taps) return YOLO_ENOMEM;
    warp->taps_room = taps;
  }
  return YOLO_OK;
}

static yolo_warp_tap tap_at(double u, int size) {
  double s = u - 0.5;
  if (s < 0) s = 0;
  if (s > size - 1) s = size - 1;
  int low = (int)s;
  return (yolo_warp_tap){low, low + 1 < size ? low + 1 : low, (int)((s - low) * ONE + 0.5)};
}

/* ---- axes apart ---- */

/* Outputs of one axis. */
typedef struct span {
  int first, last; /* [first, last) is covered by the layer */
  int low, high;   /* the least and greatest source position that is read */
} span;

/* taps[i] for the outputs i whose centre, at a * (i + 1/2) + b in the source, lies in [from, to). */
static span make_taps(double a, double b, double from, double to, int outputs, int size, yolo_warp_tap *taps) {
  span s = {outputs, 0, size, 0};
  for (int i = 0; i < outputs; i++) {
    double u = a * (i + 0.5) + b;
    if (u < from || u >= to) continue;
    taps[i] = tap_at(u, size);
    if (i < s.first) s.first = i;
    if (taps[i].low < s.low) s.low = taps[i].low;
    if (taps[i].high > s.high) s.high = taps[i].high;
    s.last = i + 1;
  }
  return s;
}

static void blend_rows(const uint8_t *restrict a, const uint8_t *restrict b, int weight, size_t n, uint16_t *restrict row) {
  uint16_t wb = (uint16_t)weight, wa = (uint16_t)(ONE - weight);
  for (size_t i = 0; i < n; i++) row[i] = (uint16_t)(a[i] * wa + b[i] * wb);
}

static void blend_columns(const uint16_t *row, const yolo_warp_tap *taps, int n, int base, uint8_t *to) {
  for (int i = 0; i < n; i++, to += 3) {
    const uint16_t *p = row + (taps[i].low - base) * 3, *q = row + (taps[i].high - base) * 3;
    uint32_t wq = (uint32_t)taps[i].weight, wp = ONE - wq;
    to[0] = (uint8_t)((p[0] * wp + q[0] * wq + HALF) >> 16);
    to[1] = (uint8_t)((p[1] * wp + q[1] * wq + HALF) >> 16);
    to[2] = (uint8_t)((p[2] * wp + q[2] * wq + HALF) >> 16);
  }
}

static yolo_status warp_straight(yolo_warp *warp, const yolo_layer *layer, const double *m, yolo_image *out) {
  const yolo_image *in = &layer->sample->image;
  const yolo_rect *r = &layer->rect;
  yolo_status st = reserve(warp, (size_t)in->width * 3, (size_t)out->width + (size_t)out->height);
  if (st != YOLO_OK) return st;
  yolo_warp_tap *across = warp->taps, *down = warp->taps + out->width;
  span x = make_taps(m[0], m[2], r->x1, r->x2, out->width, in->width, across);
  span y = make_taps(m[4], m[5], r->y1, r->y2, out->height, in->height, down);
  if (x.first >= x.last) return YOLO_OK;
  size_t stride = (size_t)in->width * 3, length = (size_t)(x.high - x.low + 1) * 3;
  const uint8_t *pixels = in->pixels + (size_t)x.low * 3;
  for (int j = y.first; j < y.last; j++) {
    blend_rows(pixels + (size_t)down[j].low * stride, pixels + (size_t)down[j].high * stride, down[j].weight, length,
               warp->row);
    uint8_t *to = out->pixels + ((size_t)j * (size_t)out->width + (size_t)x.first) * 3;
    blend_columns(warp->row, across + x.first, x.last - x.first, x.low, to);
  }
  return YOLO_OK;
}

/* ---- any matrix ---- */

/* Where the centre of output (x, y) comes from; false: not from this layer. */
static inline bool source_of(const double *m, const yolo_rect *r, bool affine, int x, int y, double *u, double *v) {
  double a = x + 0.5, b = y + 0.5;
  *u = m[0] * a + (m[1] * b + m[2]);
  *v = m[3] * a + (m[4] * b + m[5]);
  if (!affine) {
    double w = m[6] * a + (m[7] * b + m[8]);
    if (w <= 0) return false;
    *u /= w;
    *v /= w;
  }
  return *u >= r->x1 && *u < r->x2 && *v >= r->y1 && *v < r->y2;
}

static inline void sample_pixel(const yolo_image *in, double u, double v, uint8_t *to) {
  yolo_warp_tap x = tap_at(u, in->width), y = tap_at(v, in->height);
  const uint8_t *upper = in->pixels + (size_t)y.low * (size_t)in->width * 3;
  const uint8_t *lower = in->pixels + (size_t)y.high * (size_t)in->width * 3;
  uint32_t wq = (uint32_t)x.weight, wp = ONE - wq, wl = (uint32_t)y.weight, wu = ONE - wl;
  const uint8_t *a = upper + x.low * 3, *b = upper + x.high * 3, *c = lower + x.low * 3, *d = lower + x.high * 3;
  for (int i = 0; i < 3; i++) {
    to[i] = (uint8_t)(((a[i] * wp + b[i] * wq) * wu + (c[i] * wp + d[i] * wq) * wl + HALF) >> 16);
  }
}

static void warp_any(const yolo_layer *layer, const double *m, yolo_image *out) {
  bool affine = m[6] == 0 && m[7] == 0 && m[8] == 1;
  for (int y = 0; y < out->height; y++) {
    uint8_t *to = out->pixels + (size_t)y * (size_t)out->width * 3;
    double u, v;
    for (int x = 0; x < out->width; x++) {
      if (source_of(m, &layer->rect, affine, x, y, &u, &v)) sample_pixel(&layer->sample->image, u, v, to + x * 3);
    }
  }
}

static void warp_map(const yolo_layer *layer, const double *m, yolo_sample *out) {
  const yolo_sample *in = layer->sample;
  for (int y = 0; y < out->image.height; y++) {
    uint8_t *to = out->label_map + (size_t)y * (size_t)out->image.width;
    double u, v;
    for (int x = 0; x < out->image.width; x++) {
      if (!source_of(m, &layer->rect, false, x, y, &u, &v)) continue;
      to[x] = in->label_map ? in->label_map[(size_t)v * (size_t)in->image.width + (size_t)u] : YOLO_LABEL_IGNORE;
    }
  }
}

yolo_status yolo_warp_layer(yolo_warp *warp, const yolo_layer *layer, yolo_sample *out) {
  yolo_matrix inverse;
  if (!yolo_matrix_invert(&layer->to_output, &inverse) || yolo_rect_area(layer->rect) <= 0) return YOLO_OK;
  const double *m = inverse.m;
  if (out->label_map) warp_map(layer, m, out);
  if (m[1] == 0 && m[3] == 0 && m[6] == 0 && m[7] == 0) return warp_straight(warp, layer, m, &out->image);
  warp_any(layer, m, &out->image);
  return YOLO_OK;
}
