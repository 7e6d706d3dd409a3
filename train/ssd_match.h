/* Which default boxes of SSD answer for which truths. Liu et al., "SSD", ECCV 2016, section 2.2, "Matching strategy". */
#ifndef YOLO_TRAIN_SSD_MATCH_H
#define YOLO_TRAIN_SSD_MATCH_H

#include "train/loss_run.h"

enum { YOLO_SSD_NOBODY = -1, YOLO_SSD_IGNORED = -2 };

/* A truth while it looks for its box: the best that is free, and how much the two overlap (-1: it has its box, or none is
 * left). */
typedef struct yolo_ssd_suitor {
  double iou;
  int row;
} yolo_ssd_suitor;

typedef struct yolo_ssd_matching {
  const yolo_centred *defaults; /* as shares of the input */
  int rows;
  double threshold;         /* IoU from which a default box answers for a truth that has another */
  yolo_ssd_suitor *suitors; /* room: one a truth */
  double *overlaps;         /* room: rows */
  int *match;               /* result, rows: index of a truth, YOLO_SSD_NOBODY or YOLO_SSD_IGNORED */
} yolo_ssd_matching;

/* First every truth gets one default box of its own: of all pairs that are left the one that overlaps most is settled, until
 * each truth has its box ("bipartite"; a truth that overlaps no free box has none). Then every other default box answers for
 * the truth that it overlaps most, where that is `threshold` or more. At equal overlap a truth takes the nearest box, of those
 * the first, and a box the first truth. Of the rest, those of which more than half lies in a truth that is to be ignored are
 * ignored. */
void yolo_ssd_match(const yolo_loss_image *image, const yolo_ssd_matching *m);

#endif
