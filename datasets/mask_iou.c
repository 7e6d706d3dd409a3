/* Overlap of masks and of boxes, as COCOeval asks for it: |A and B| / |A or B|, for a crowd |A and B| / |A|.
 *
 * The COCO API walks along the runs of every pair whose boxes overlap, from the first pixel to the last. Here the masks are
 * turned once into lists of intervals, and a pair is walked only where both have some. Counts are whole numbers, so the
 * quotient has the API's bits. Masks with empty runs in the middle, on which the API's walk may end early, are walked as the
 * API does. */
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/mask_runs.h"

/* fmin and fmax without the call: where one is not a number, the other. */
static inline double lesser(double a, double b) { return a < b || b != b ? a : b; }
static inline double greater(double a, double b) { return a > b || b != b ? a : b; }

static inline double box_iou(const double d[4], const double g[4], bool crowd) {
  const double w = lesser(d[2] + d[0], g[2] + g[0]) - greater(d[0], g[0]);
  const double h = lesser(d[3] + d[1], g[3] + g[1]) - greater(d[1], g[1]);
  if (w <= 0 || h <= 0) return 0;
  const double both = w * h, d_area = d[2] * d[3];
  return both / (crowd ? d_area : d_area + g[2] * g[3] - both);
}

void yolo_xywh_iou(const double (*dt)[4], size_t n_dt, const double (*gt)[4], size_t n_gt, const uint8_t *crowd, double *iou) {
  for (size_t g = 0; g < n_gt; g++)
    for (size_t d = 0; d < n_dt; d++) iou[g * n_dt + d] = box_iou(dt[d], gt[g], crowd && crowd[g]);
}

/* One mask, prepared. Interval i of the object covers the pixels from ends[2i] to ends[2i+1]. */
typedef struct walk_mask {
  const yolo_rle *rle;
  double box[4];
  uint32_t *ends;
  size_t intervals;
  uint32_t area;
  bool plain; /* no empty run but the first, and below 2^31 pixels: the API's walk goes to the end */
} walk_mask;

/* Writes the ends (at most one a run) and returns where the next mask's go. */
static uint32_t *prepare(const yolo_rle *rle, uint32_t *ends, walk_mask *out) {
  uint64_t at = 0;
  *out =
      (walk_mask){.rle = rle, .ends = ends, .intervals = rle->count / 2, .area = yolo_rle_area(rle), .plain = rle->count > 0};
  yolo_rle_box(rle, out->box);
  for (size_t i = 0; i < rle->count; i++) {
    at += rle->runs[i];
    ends[i] = (uint32_t)at;
    if (i > 0 && rle->runs[i] == 0) out->plain = false;
  }
  if (at != (uint64_t)rle->height * (uint64_t)rle->width || at > INT32_MAX) out->plain = false;
  return ends + rle->count;
}

/* The first interval that ends after `position`. */
static size_t first_after(const walk_mask *m, uint32_t position) {
  size_t low = 0, high = m->intervals;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (m->ends[2 * middle + 1] > position)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

static uint32_t intersection(const walk_mask *a, const walk_mask *b) {
  if (a->intervals == 0 || b->intervals == 0) return 0;
  const uint32_t *i = a->ends + 2 * first_after(a, b->ends[0]), *i_end = a->ends + 2 * a->intervals;
  const uint32_t *j = b->ends + 2 * first_after(b, a->ends[0]), *j_end = b->ends + 2 * b->intervals;
  uint32_t sum = 0;
  while (i < i_end && j < j_end) {
    const uint32_t a_end = i[1], b_end = j[1];
    const int32_t start = (int32_t)(i[0] > j[0] ? i[0] : j[0]), end = (int32_t)(a_end < b_end ? a_end : b_end);
    sum += (uint32_t)(end > start ? end - start : 0);
    i += a_end <= b_end ? 2 : 0;
    j += b_end <= a_end ? 2 : 0;
  }
  return sum;
}

/* The API's walk, early end and all. */
static uint32_t walk(const yolo_rle *a, const yolo_rle *b, uint32_t *either) {
  yolo_run_cursor ca = yolo_run_start(a), cb = yolo_run_start(b);
  uint32_t both = 0, length;
  *either = 0;
  for (bool more = true; more;) {
    const bool in_a = ca.inside, in_b = cb.inside;
    more = yolo_run_step(&ca, &cb, &length);
    if (in_a || in_b) *either += length;
    if (in_a && in_b) both += length;
  }
  return both;
}

static double mask_iou(const walk_mask *d, const walk_mask *g, bool crowd) {
  if (!(box_iou(d->box, g->box, crowd) > 0)) return 0;
  if (d->rle->height != g->rle->height || d->rle->width != g->rle->width) return -1;
  uint32_t both, either;
  if (d->plain && g->plain) {
    both = intersection(d, g);
    either = d->area + g->area - both;
  } else {
    both = walk(d->rle, g->rle, &either);
  }
  if (both == 0) return 0;
  return (double)both / (double)(crowd ? d->area : either);
}

yolo_status yolo_rle_iou(const yolo_rle *dt, size_t n_dt, const yolo_rle *gt, size_t n_gt, const uint8_t *crowd, double *iou) {
  walk_mask *masks = NULL;
  uint32_t *ends = NULL, *next;
  size_t runs = 0;
  yolo_status st = YOLO_OK;
  if (n_dt == 0 || n_gt == 0) return YOLO_OK;
  for (size_t d = 0; d < n_dt; d++) runs += dt[d].count;
  for (size_t g = 0; g < n_gt; g++) runs += gt[g].count;
  masks = yolo_alloc_array(n_dt + n_gt, sizeof *masks);
  next = ends = yolo_alloc_array(runs, sizeof *ends);
  if (!masks || !ends) {
    st = YOLO_ENOMEM;
    goto done;
  }
  for (size_t d = 0; d < n_dt; d++) next = prepare(&dt[d], next, &masks[d]);
  for (size_t g = 0; g < n_gt; g++) next = prepare(&gt[g], next, &masks[n_dt + g]);
  for (size_t g = 0; g < n_gt; g++)
    for (size_t d = 0; d < n_dt; d++) iou[g * n_dt + d] = mask_iou(&masks[d], &masks[n_dt + g], crowd && crowd[g]);
done:
  yolo_free(masks);
  yolo_free(ends);
  return st;
}
