/* How a loss walks over a batch: one task an image, each with a report and a sum of its own, which are then added in the order
 * of the images - so the result has equal bits for any number of threads. */
#ifndef YOLO_TRAIN_LOSS_RUN_H
#define YOLO_TRAIN_LOSS_RUN_H

#include "train/box_loss.h"
#include "train/loss.h"

/* Where a truth stands. */
typedef struct yolo_loss_place {
  yolo_centred box;
  int truth;
} yolo_loss_place;

/* One image while its loss is computed. */
typedef struct yolo_loss_image {
  const yolo_loss_batch *batch;
  int index;
  const yolo_truths *truths;
  double *best;                  /* for each truth the best IoU of a prediction that answers for it; -1: none does */
  yolo_loss_place *wanted;       /* the usable truths that count, in order */
  int truths_wanted;             /* how many */
  void *room;                    /* plan->room bytes for each truth */
  struct yolo_loss_trace *trace; /* NULL: nothing is written down */
  double step;                   /* what the derivative of this image's loss is multiplied by: batch->scale / batch->count */
  double value[YOLO_LOSS_MOST_PARTS];
  long positives, correct;
  double iou;
} yolo_loss_image;

typedef struct yolo_loss_plan {
  const char *parts[YOLO_LOSS_MOST_PARTS]; /* names; ends with NULL, or is full */
  int classes;                             /* those of truths lie below; 0: truths are not looked at */
  size_t room;                             /* bytes a truth */
  void (*image)(const void *attrs, yolo_loss_image *image);
} yolo_loss_plan;

yolo_status yolo_loss_run_images(const yolo_loss_plan *plan, const void *attrs, const yolo_loss_batch *batch,
                                 yolo_loss_report *out);

/* A truth that can be learnt: finite, with an area, its centre in the picture. The others are passed over. */
bool yolo_truth_usable(const yolo_truth *truth);
static inline yolo_centred yolo_truth_box(const yolo_truth *t) { return (yolo_centred){t->x, t->y, t->w, t->h}; }

/* A prediction answers for truth t and overlaps it by iou. */
void yolo_loss_answered(yolo_loss_image *image, int t, double iou);
/* Whether `box` lies by more than `share` of its area in a truth that is to be ignored. */
bool yolo_loss_box_ignored(const yolo_loss_image *image, const yolo_centred *box, double share);

/* Overlap of `box` with the truths that count: the best and whose it is (-1: none overlaps). */
typedef struct yolo_loss_nearest {
  double iou;
  int truth;
} yolo_loss_nearest;
yolo_loss_nearest yolo_loss_nearest_truth(const yolo_loss_image *image, const yolo_centred *box);

/* A number of a section between low and high; otherwise a sentence. */
yolo_status yolo_loss_key(const yolo_cfg_section *section, const char *key, double fallback, double low, double high,
                          double *out);

#endif
