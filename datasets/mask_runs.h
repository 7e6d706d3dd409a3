/* Inside of the mask files: sizes, and the walk along the runs of two masks at once.
 *
 * A walk takes the longest piece on which both masks stay what they are, again and again. It is the COCO API's, with its two
 * habits: one run is fetched a step, so an empty run costs a step of length 0; and it ends where nothing is left of both runs
 * in hand, so two empty runs that meet inside the masks end it early. A mask that such an end has left short is background from
 * there on (the API's walk would never end). */
#ifndef YOLO_DATASETS_MASK_RUNS_H
#define YOLO_DATASETS_MASK_RUNS_H

#include "datasets/mask.h"

/* Height and width are not negative and their product fits 32 bits. */
yolo_status yolo_rle_check_size(int height, int width, uint32_t *pixels);

typedef struct yolo_run_cursor {
  const uint32_t *next, *end; /* runs not yet fetched */
  uint32_t left;              /* of the run in hand */
  bool inside;                /* the run in hand belongs to the object */
} yolo_run_cursor;

static inline yolo_run_cursor yolo_run_start(const yolo_rle *rle) {
  if (rle->count == 0) return (yolo_run_cursor){0};
  return (yolo_run_cursor){rle->runs + 1, rle->runs + rle->count, rle->runs[0], false};
}

static inline void yolo_run_take(yolo_run_cursor *cursor, uint32_t length) {
  cursor->left -= length;
  if (cursor->left > 0) return;
  cursor->inside = !cursor->inside && cursor->next != cursor->end;
  if (cursor->next != cursor->end) cursor->left = *cursor->next++;
}

static inline bool yolo_run_is_over(const yolo_run_cursor *cursor) { return cursor->left == 0 && cursor->next == cursor->end; }

/* Moves both on by the shorter of the runs in hand, whose length goes to *length; false: that was the end. */
static inline bool yolo_run_step(yolo_run_cursor *a, yolo_run_cursor *b, uint32_t *length) {
  const bool a_over = yolo_run_is_over(a), b_over = yolo_run_is_over(b);
  *length = b_over || (!a_over && a->left < b->left) ? a->left : b->left;
  if (!a_over) yolo_run_take(a, *length);
  if (!b_over) yolo_run_take(b, *length);
  return (uint32_t)(a->left + b->left) > 0;
}

#endif
