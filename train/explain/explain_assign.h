/* Which predictions answer for which truth: from the trace of a loss to a list and to pictures. */
#ifndef YOLO_TRAIN_EXPLAIN_ASSIGN_H
#define YOLO_TRAIN_EXPLAIN_ASSIGN_H

#include "datasets/augment.h"
#include "train/session.h"

/* What is looked at: one image after yolo_session_look. Everything is borrowed. */
typedef struct yolo_assign_scene {
  const yolo_session_group *group;
  const yolo_loss_trace *trace;
  const yolo_sample *sample; /* as the network sees it */
  const char *const *names;  /* of its classes */
  int n_names;
  const char *title;
} yolo_assign_scene;

/* A prediction that answers for a truth. */
typedef struct yolo_assign_link {
  int truth, head, anchor, row; /* row: of the trace */
  double iou;                   /* of prediction and truth */
} yolo_assign_link;

/* Sorted by truth, level, anchor, row. *out (trace->n_answers): yolo_free. */
yolo_status yolo_assign_links(const yolo_loss_trace *trace, yolo_assign_link **out);

/* One anchor of a level that answers for a truth, in one cell or several. */
typedef struct yolo_assign_group {
  int end;          /* of its links */
  int nearest;      /* the row whose place is nearest to the truth */
  double shape_iou; /* of anchor and truth, laid on each other */
  double best_iou;  /* of its predictions with the truth */
} yolo_assign_group;
/* The group that begins at link `first` of `count`. */
yolo_assign_group yolo_assign_group_at(const yolo_loss_trace *trace, const yolo_assign_link *links, int count, int first,
                                       const yolo_centred *truth);
/* Truth i of a sample as shares of its picture. */
yolo_centred yolo_assign_truth(const yolo_sample *sample, int i);

/* What became of the predictions of a head. */
typedef struct yolo_assign_counts {
  int rows, answering, background, left_out; /* left_out: it costs nothing, whatever it says */
} yolo_assign_counts;
/* head -1: all. */
yolo_assign_counts yolo_assign_count(const yolo_loss_trace *trace, int head);
static inline bool yolo_loss_row_costs(const yolo_loss_row *row) {
  for (int i = 0; i < YOLO_LOSS_MOST_PARTS; i++)
    if (row->cost[i] != 0) return true;
  return false;
}

/* A sheet: the truths, then a picture a level with its grid, the cells that answer filled in the colour of their truth, their
 * anchors as frames. out: yolo_image_release. */
yolo_status yolo_assign_draw(const yolo_assign_scene *scene, yolo_image *out);

#endif
