/* What is to be explained: a detection, or a class of a classifier, as the few values of the network that made it.
 *
 * The score y whose gradient is asked for is a sum of logits, because probabilities near 1 hardly move:
 *   [yolo], [region], [Gaussian_yolo]   y = to + ck        objectness and class of the anchor's row
 *   the same where the layer before has applied the logistic (new_coords)   y = logit(po) + logit(pk)
 *   [ssd]                               y = ck - cb        class against background
 *   [detection]                         y = C + pk         confidence of the box, class of its cell, as they are
 *   classifiers                         y = ck             in front of the softmax (Selvaraju et al. 2017, section 3)  */
#ifndef YOLO_TRAIN_EXPLAIN_TARGET_H
#define YOLO_TRAIN_EXPLAIN_TARGET_H

#include "train/explain/pass.h"

/* y = sum of sign * value, or of sign * logit(value) where the value is a probability. */
typedef struct yolo_explain_seed {
  int y, x, channel;
  double sign;
  bool probability;
} yolo_explain_seed;

typedef struct yolo_explain_target {
  int head, class_id;
  float confidence;
  yolo_box box;       /* in pixels of the network's input; not of classifiers */
  int node;           /* of spec->graph: whose values they are */
  int cell_x, cell_y; /* -1: classifiers */
  int row;            /* anchor or default box of the cell */
  int n_seeds;
  yolo_explain_seed seeds[2];
  double score; /* y, as the pass gave it */
} yolo_explain_target;

/* The detections of the picture that a pass has seen, best first; the same as `yolo detect` finds. */
enum { YOLO_EXPLAIN_MOST_HEADS = 64 };
typedef struct yolo_explain_found {
  yolo_boxes boxes;                   /* in pixels of the input; `index` is the order of production */
  int first[YOLO_EXPLAIN_MOST_HEADS]; /* of each head: its first candidate */
  yolo_decode how;
} yolo_explain_found;

yolo_status yolo_explain_detect(const yolo_explain_pass *pass, float confidence, int width, int height,
                                yolo_explain_found *out);
void yolo_explain_found_release(yolo_explain_found *found);
/* Which values made detection `index`. */
yolo_status yolo_explain_locate(const yolo_explain_pass *pass, const yolo_explain_found *found, int index,
                                yolo_explain_target *out);
/* A class of a classifier; -1: the likeliest. */
yolo_status yolo_explain_class(const yolo_explain_pass *pass, int class_id, yolo_explain_target *out);

/* Of the last pass; its values are gone after the backward pass. */
double yolo_explain_score(const yolo_explain_pass *pass, const yolo_explain_target *target);
/* dy/dvalue into the gradients of its node, and back through the network. */
yolo_status yolo_explain_backward(yolo_explain_pass *pass, const yolo_explain_target *target);
const char *yolo_explain_score_text(const yolo_explain_pass *pass, const yolo_explain_target *target); /* "y = to + ck, ..." */
/* A box of the input in pixels of the picture, clipped to it; false: nothing of it lies there. */
bool yolo_explain_map_box(const yolo_explain_pass *pass, const yolo_box *box, int width, int height, yolo_detection *out);

#endif
