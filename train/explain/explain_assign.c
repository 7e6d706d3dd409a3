/* Who answers for what, as a list. See explain_assign.h; the pictures are explain_assign_draw.c's. */
#include "train/explain/explain_assign.h"

#include <math.h>
#include <stdlib.h>

#include "backbone/base/memory.h"

static int by_truth(const void *left, const void *right) {
  const yolo_assign_link *a = left, *b = right;
  const int keys[][2] = {{a->truth, b->truth}, {a->head, b->head}, {a->anchor, b->anchor}, {a->row, b->row}};
  for (int i = 0; i < 4; i++)
    if (keys[i][0] != keys[i][1]) return keys[i][0] < keys[i][1] ? -1 : 1;
  return 0;
}

yolo_status yolo_assign_links(const yolo_loss_trace *trace, yolo_assign_link **out) {
  *out = yolo_alloc_array((size_t)trace->n_answers + 1, sizeof **out);
  if (!*out) return YOLO_ENOMEM;
  for (int i = 0; i < trace->n_answers; i++) {
    const yolo_loss_answer *answer = &trace->answers[i];
    const yolo_loss_row *row = &trace->rows[answer->row];
    (*out)[i] = (yolo_assign_link){answer->truth, row->head, row->anchor, answer->row, answer->iou};
  }
  qsort(*out, (size_t)trace->n_answers, sizeof **out, by_truth);
  return YOLO_OK;
}

yolo_assign_group yolo_assign_group_at(const yolo_loss_trace *trace, const yolo_assign_link *links, int count, int first,
                                       const yolo_centred *truth) {
  const yolo_assign_link *link = &links[first];
  yolo_assign_group group = {.end = first, .nearest = link->row, .best_iou = -1};
  double least = INFINITY;
  for (int i = first;
       i < count && links[i].truth == link->truth && links[i].head == link->head && links[i].anchor == link->anchor; i++) {
    const yolo_centred *place = &trace->rows[links[i].row].place;
    const double x = place->x - truth->x, y = place->y - truth->y, away = x * x + y * y;
    if (away < least) {
      least = away;
      group.nearest = links[i].row;
    }
    group.best_iou = fmax(group.best_iou, links[i].iou);
    group.end = i + 1;
  }
  const yolo_centred *place = &trace->rows[group.nearest].place;
  const yolo_centred here = {0, 0, place->w, place->h}, there = {0, 0, truth->w, truth->h};
  group.shape_iou = yolo_overlap_iou(&here, &there);
  return group;
}

yolo_centred yolo_assign_truth(const yolo_sample *sample, int i) {
  const yolo_object *o = &sample->objects[i];
  const double w = sample->image.width, h = sample->image.height;
  return (yolo_centred){((double)o->x1 + (double)o->x2) / 2 / w, ((double)o->y1 + (double)o->y2) / 2 / h,
                        ((double)o->x2 - (double)o->x1) / w, ((double)o->y2 - (double)o->y1) / h};
}

yolo_assign_counts yolo_assign_count(const yolo_loss_trace *trace, int head) {
  yolo_assign_counts counts = {0};
  for (int i = 0; i < trace->n_rows; i++) {
    const yolo_loss_row *row = &trace->rows[i];
    if (head >= 0 && row->head != head) continue;
    counts.rows++;
    if (row->answers > 0)
      counts.answering++;
    else if (yolo_loss_row_costs(row))
      counts.background++;
    else
      counts.left_out++;
  }
  return counts;
}
