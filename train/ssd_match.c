/* Which default boxes answer for which truths. See ssd_match.h. */
#include "train/ssd_match.h"

static const double IGNORED_SHARE = 0.5;

static bool counts(const yolo_truth *t) { return !t->ignore && yolo_truth_usable(t); }

/* Overlaps that differ by less are equal: a small truth lies within several default boxes of one area, and rounding is not to
 * choose between them. */
static const double SAME = 1e-9;

static double distance(const yolo_centred *a, const yolo_centred *b) {
  return (a->x - b->x) * (a->x - b->x) + (a->y - b->y) * (a->y - b->y);
}

/* The free default box that a truth overlaps most; of equal ones the nearest, of those the first. */
static yolo_ssd_suitor best_free(const yolo_ssd_matching *m, const yolo_truth *truth) {
  const yolo_centred wanted = yolo_truth_box(truth);
  yolo_ssd_suitor best = {-1, -1};
  double away = INFINITY;
  for (int r = 0; r < m->rows; r++) {
    const double iou = m->match[r] < 0 ? yolo_overlap_iou(&m->defaults[r], &wanted) : 0;
    if (!(iou > 0) || iou < best.iou - SAME) continue;
    const double d = distance(&m->defaults[r], &wanted);
    if (iou <= best.iou + SAME && d >= away - SAME) continue;
    best = (yolo_ssd_suitor){iou, r};
    away = d;
  }
  return best;
}

static int most_overlapping(const yolo_ssd_suitor *suitors, int count) {
  int best = -1;
  for (int t = 0; t < count; t++)
    if (suitors[t].iou > 0 && (best < 0 || suitors[t].iou > suitors[best].iou)) best = t;
  return best;
}

/* Every truth gets a default box of its own. Those that wanted the same one look again. */
static void settle_best(const yolo_truths *truths, const yolo_ssd_matching *m) {
  for (int t = 0; t < truths->count; t++)
    m->suitors[t] = counts(&truths->items[t]) ? best_free(m, &truths->items[t]) : (yolo_ssd_suitor){-1, -1};
  for (int t; (t = most_overlapping(m->suitors, truths->count)) >= 0;) {
    const int row = m->suitors[t].row;
    m->match[row] = t;
    m->suitors[t].iou = -1;
    for (int other = 0; other < truths->count; other++)
      if (m->suitors[other].iou > 0 && m->suitors[other].row == row) m->suitors[other] = best_free(m, &truths->items[other]);
  }
}

/* The other default boxes that overlap a truth well enough. */
static void settle_others(const yolo_truths *truths, const yolo_ssd_matching *m) {
  for (int r = 0; r < m->rows; r++) m->overlaps[r] = m->match[r] >= 0 ? INFINITY : 0;
  for (int t = 0; t < truths->count; t++) {
    const yolo_centred wanted = yolo_truth_box(&truths->items[t]);
    for (int r = 0; counts(&truths->items[t]) && r < m->rows; r++) {
      const double iou = yolo_overlap_iou(&m->defaults[r], &wanted);
      if (iou < m->threshold || !(iou > m->overlaps[r])) continue;
      m->match[r] = t;
      m->overlaps[r] = iou;
    }
  }
}

void yolo_ssd_match(const yolo_loss_image *image, const yolo_ssd_matching *m) {
  bool ignoring = false;
  for (int t = 0; t < image->truths->count; t++) ignoring = ignoring || image->truths->items[t].ignore;
  for (int r = 0; r < m->rows; r++) m->match[r] = YOLO_SSD_NOBODY;
  settle_best(image->truths, m);
  settle_others(image->truths, m);
  for (int r = 0; ignoring && r < m->rows; r++)
    if (m->match[r] < 0 && yolo_loss_box_ignored(image, &m->defaults[r], IGNORED_SHARE)) m->match[r] = YOLO_SSD_IGNORED;
}
