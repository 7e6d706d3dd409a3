/* What the losses of heads over a grid share ([yolo], [Gaussian_yolo], [region]): where the values of a prediction stand, its
 * box, which predictions answer for which truths, and the walk over all rows.
 *
 * A row is one prediction: anchor a of cell (cx, cy). The assignment of a loss lists items (row, truth); the walk then visits
 * every row once, with the items that are its own. */
#ifndef YOLO_TRAIN_GRID_LOSS_H
#define YOLO_TRAIN_GRID_LOSS_H

#include "train/loss_run.h"

typedef struct yolo_grid_head {
  int n, total; /* anchors of this head; anchors its section lists */
  int spread;   /* from one coordinate's value to the next: 1, or 2 where a deviation stands between */
  int classes, objectness, first_class, size; /* where the values stand in a row; values of a row */
  double scale;                               /* scale_x_y */
  bool new_coords;                            /* the layer before has applied the logistic */
  bool softmax;                               /* classes exclude each other */
  bool in_cells;                              /* anchors are in cells of the grid, not in pixels of the input */
  const float *anchors;                       /* total pairs (width, height) */
  const int *mask;                            /* n of them */
  void *keys;                                 /* what the loss read from the section */
} yolo_grid_head;

/* The first member of what `make` returns: all of it is one block. */
typedef struct yolo_grid {
  int n_heads, classes;
  int rows_a_cell; /* anchors of all heads */
  yolo_grid_head *heads;
} yolo_grid;

/* size: of the loss's attributes, which begin with a yolo_grid; key_size: of its keys for each head. What they hold is zero. */
yolo_status yolo_grid_make(const yolo_loss_head *heads, int n_heads, int spread, size_t size, size_t key_size, void **out);

/* Whether a batch has the heads that the grid was made for. */
yolo_status yolo_grid_check(const yolo_grid *grid, const yolo_loss_batch *batch);

typedef struct yolo_grid_row {
  const yolo_grid_head *head;
  const float *value;
  float *grad; /* NULL: not wanted */
  int cx, cy, anchor;
  int w, h;                /* of the grid */
  double prior_w, prior_h; /* the anchor, as shares of the input */
} yolo_grid_row;

typedef struct yolo_grid_item {
  int row, truth;
} yolo_grid_item;

/* Index of anchor a of a cell in the order of rows. */
static inline int yolo_grid_row_index(const yolo_grid_head *head, int w, int cx, int cy, int a) {
  return (cy * w + cx) * head->n + a;
}
/* The cell of a coordinate 0..1: the last one at 1. */
static inline int yolo_grid_cell(double at, int cells) {
  const int cell = (int)(at * cells);
  return cell < cells ? cell : cells - 1;
}

/* Anchor k (of all that the section lists) as shares of the input. */
yolo_centred yolo_grid_prior(const yolo_grid_head *head, int k, const yolo_loss_batch *batch, const yolo_tensor *value);
/* The box of a row, in shares of the input: what the head decodes. */
yolo_centred yolo_grid_box(const yolo_grid_row *row);
/* Centre of a row within its cell (0..1, and beyond where scale_x_y stretches), and its derivative by the value. */
double yolo_grid_centre(const yolo_grid_head *head, double value, double *slope);

/* Visits every row of head h in order. Sorts the items. */
typedef void (*yolo_grid_visit)(const void *attrs, yolo_loss_image *image, const yolo_grid_row *row,
                                const yolo_grid_item *items, int n_items);
void yolo_grid_walk(const yolo_grid *grid, int h, yolo_loss_image *image, yolo_grid_item *items, int n_items,
                    yolo_grid_visit visit, const void *attrs);

static inline void yolo_grid_push(const yolo_loss_image *image, const yolo_grid_row *row, int k, double derivative) {
  if (row->grad) row->grad[k] += (float)(image->step * derivative);
}

/* How far a value (a logit; with new_coords a probability) is from a target: the divergence of the two, whose derivative is
 * sigmoid(value) - target; for probabilities half the square, so that the derivative before the logistic is Darknet's. */
double yolo_grid_miss(const yolo_grid_head *head, double value, double target, double *slope);
/* Probability that a value stands for. */
double yolo_grid_probability(const yolo_grid_head *head, double value);

#endif
