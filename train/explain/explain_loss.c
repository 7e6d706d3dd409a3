/* A loss taken apart. See explain_loss.h. */
#include "train/explain/explain_loss.h"

#include "backbone/base/memory.h"
#include "train/explain/explain_assign.h"

static void add(yolo_loss_share *to, const yolo_loss_row *row, double part) {
  for (int i = 0; i < YOLO_LOSS_MOST_PARTS; i++) {
    to->parts[i] += part * row->cost[i];
    to->total += part * row->cost[i];
  }
  to->predictions++;
}

yolo_status yolo_loss_shares_make(const yolo_loss_trace *trace, int n_heads, int n_truths, yolo_loss_shares *out) {
  *out = (yolo_loss_shares){.n_truths = n_truths, .n_heads = n_heads};
  out->truths = yolo_calloc((size_t)n_truths + 1, sizeof *out->truths);
  if (!out->truths) return YOLO_ENOMEM;
  for (int t = 0; t < n_truths; t++) out->truths[t].best_iou = -1;
  for (int i = 0; i < trace->n_answers; i++) {
    const yolo_loss_answer *answer = &trace->answers[i];
    const yolo_loss_row *row = &trace->rows[answer->row];
    yolo_loss_share *truth = &out->truths[answer->truth];
    add(truth, row, 1.0 / row->answers);
    if (answer->iou > truth->best_iou) truth->best_iou = answer->iou;
  }
  for (int i = 0; i < trace->n_rows; i++) {
    const yolo_loss_row *row = &trace->rows[i];
    out->shared += row->answers > 1;
    if (row->answers > 0) continue;
    if (yolo_loss_row_costs(row))
      add(&out->background[row->head], row, 1);
    else
      out->left_out++;
  }
  return YOLO_OK;
}
