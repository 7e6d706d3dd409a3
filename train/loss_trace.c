/* Traces of losses. See loss_trace.h. */
#include "train/loss_trace.h"

#include <string.h>

#include "backbone/base/memory.h"

void yolo_loss_trace_release(yolo_loss_trace *trace) {
  yolo_free(trace->rows);
  yolo_free(trace->answers);
  *trace = (yolo_loss_trace){0};
}

void yolo_loss_trace_restart(yolo_loss_trace *trace) {
  trace->n_rows = trace->n_answers = 0;
  trace->open = -1;
  trace->starved = false;
}

/* Room for one more of `count` items; false: there is none, which ends the trace. */
static bool grow(yolo_loss_trace *trace, void **items, int count, int *room, size_t size) {
  if (trace->starved) return false;
  if (count < *room) return true;
  const int wanted = *room ? *room + *room / 2 : 256;
  void *more = yolo_realloc(*items, (size_t)wanted * size);
  if (more) {
    *items = more;
    *room = wanted;
  }
  trace->starved = more == NULL;
  return more != NULL;
}

void yolo_loss_trace_open(yolo_loss_image *image, const yolo_loss_row *row) {
  yolo_loss_trace *trace = image->trace;
  void *rows = trace->rows;
  trace->open = -1;
  if (!grow(trace, &rows, trace->n_rows, &trace->rows_room, sizeof *trace->rows)) return;
  trace->rows = rows;
  trace->rows[trace->n_rows] = *row;
  yolo_loss_trace_reopen(image, trace->n_rows++);
}

void yolo_loss_trace_reopen(yolo_loss_image *image, int row) {
  yolo_loss_trace *trace = image->trace;
  trace->open = row;
  memcpy(trace->before, image->value, sizeof trace->before);
}

void yolo_loss_trace_close(yolo_loss_image *image) {
  yolo_loss_trace *trace = image->trace;
  if (trace->open < 0) return;
  for (int i = 0; i < YOLO_LOSS_MOST_PARTS; i++) trace->rows[trace->open].cost[i] += image->value[i] - trace->before[i];
  trace->open = -1;
}

void yolo_loss_trace_answer(yolo_loss_image *image, int truth, double iou) {
  yolo_loss_trace *trace = image->trace;
  void *answers = trace->answers;
  if (trace->open < 0 || !grow(trace, &answers, trace->n_answers, &trace->answers_room, sizeof *trace->answers)) return;
  trace->answers = answers;
  trace->answers[trace->n_answers++] = (yolo_loss_answer){trace->open, truth, iou};
  trace->rows[trace->open].answers++;
}

yolo_status yolo_loss_trace_finish(const yolo_loss_batch *batch, double factor) {
  for (int n = 0; batch->traces && n < batch->count; n++) {
    yolo_loss_trace *trace = &batch->traces[n];
    if (trace->starved) return yolo_fail(YOLO_ENOMEM, "not enough memory to write down what the loss does");
    for (int r = 0; r < trace->n_rows; r++)
      for (int i = 0; i < YOLO_LOSS_MOST_PARTS; i++) trace->rows[r].cost[i] *= factor;
  }
  return YOLO_OK;
}
