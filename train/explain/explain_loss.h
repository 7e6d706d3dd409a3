/* A loss taken apart: what each truth costs, part by part, and what the predictions cost that should have found nothing. */
#ifndef YOLO_TRAIN_EXPLAIN_LOSS_H
#define YOLO_TRAIN_EXPLAIN_LOSS_H

#include "train/session.h"

typedef struct yolo_loss_share {
  double parts[YOLO_LOSS_MOST_PARTS], total;
  int predictions; /* that cost it */
  double best_iou; /* of a truth with a prediction that answers for it; -1: none does */
} yolo_loss_share;

/* Sums of shares are the report's numbers. A prediction that answers for several truths is shared among them in equal parts. */
typedef struct yolo_loss_shares {
  yolo_loss_share *truths; /* owned: yolo_free */
  int n_truths;
  yolo_loss_share background[8]; /* by level: predictions that answer for nothing */
  int n_heads;
  int left_out; /* predictions that cost nothing, whatever they say */
  int shared;   /* predictions that answer for several truths */
} yolo_loss_shares;

yolo_status yolo_loss_shares_make(const yolo_loss_trace *trace, int n_heads, int n_truths, yolo_loss_shares *out);

#endif
