/* What a loss did with each prediction of an image, written down while it runs: where the prediction stands, what it says,
 * which truths it answers for, and what it cost, part by part. Off (NULL) it costs a comparison a prediction and changes no
 * bit.
 *
 * Whoever walks over predictions opens a row before it visits one and closes it behind; costs are what the sums grew by in
 * between. yolo_loss_answered() notes the answers. */
#ifndef YOLO_TRAIN_LOSS_TRACE_H
#define YOLO_TRAIN_LOSS_TRACE_H

#include "train/loss_run.h"

typedef struct yolo_loss_row {
  int head; /* of the batch */
  int cx, cy, anchor;
  yolo_centred place; /* the anchor in the middle of its cell, the default box; the cell where there are no anchors */
  yolo_centred box;   /* what is predicted; both as shares of the input */
  double cost[YOLO_LOSS_MOST_PARTS]; /* its share of the report's parts */
  int answers;                       /* truths that it answers for */
} yolo_loss_row;

typedef struct yolo_loss_answer {
  int row, truth;
  double iou; /* of prediction and truth */
} yolo_loss_answer;

/* One image's. Zero-initialise; yolo_loss_trace_release. A run of a loss begins it anew. */
typedef struct yolo_loss_trace {
  yolo_loss_row *rows;
  yolo_loss_answer *answers;
  int n_rows, rows_room, n_answers, answers_room;
  int open; /* row; -1: none */
  double before[YOLO_LOSS_MOST_PARTS];
  bool starved; /* memory ran out: the run fails */
} yolo_loss_trace;
void yolo_loss_trace_release(yolo_loss_trace *trace);

/* ---- for losses ---- */

void yolo_loss_trace_restart(yolo_loss_trace *trace);
void yolo_loss_trace_open(yolo_loss_image *image, const yolo_loss_row *row);
void yolo_loss_trace_reopen(yolo_loss_image *image, int row); /* in a second walk */
void yolo_loss_trace_close(yolo_loss_image *image);
void yolo_loss_trace_answer(yolo_loss_image *image, int truth, double iou);
/* From sums of an image to shares of the report. YOLO_ENOMEM where a trace is not whole. */
yolo_status yolo_loss_trace_finish(const yolo_loss_batch *batch, double factor);

#endif
