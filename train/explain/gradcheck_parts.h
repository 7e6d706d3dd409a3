/* What gradcheck.c (setting up, layers) and gradcheck_heads.c share. Private to them. */
#ifndef YOLO_TRAIN_EXPLAIN_GRADCHECK_PARTS_H
#define YOLO_TRAIN_EXPLAIN_GRADCHECK_PARTS_H

#include "backbone/base/rng.h"
#include "train/explain/gradcheck.h"

enum { YOLO_GRADCHECK_TRUTHS = 3, YOLO_GRADCHECK_HEADS = YOLO_SESSION_MOST_GROUPS * 8 };

/* A head at the point where everything is judged; dense copies. */
typedef struct gradcheck_head {
  float *value, *slope; /* v, dL/dv; owned */
  size_t count;
} gradcheck_head;

struct yolo_gradcheck {
  yolo_session *session;
  yolo_gradcheck_options options;
  yolo_truth *items;   /* owned: YOLO_GRADCHECK_TRUTHS an image */
  yolo_truths *truths; /* owned: one an image */
  float *grads;        /* owned: of all parameters */
  size_t n_values;
  bool together;                              /* the tensors of a layer are moved together */
  double typical;                             /* length of the gradient of a tensor, of all tensors in the mean */
  gradcheck_head heads[YOLO_GRADCHECK_HEADS]; /* group * 8 + head */
};

/* |a - b| as a share of the larger one, or of `least`. */
double yolo_gradcheck_error(double a, double b, double least);
yolo_gradcheck_verdict yolo_gradcheck_judge(const yolo_gradcheck *check, double error, double doubt);
void yolo_gradcheck_worse(yolo_gradcheck_row *row, double error, double doubt, yolo_gradcheck_verdict verdict);
/* The losses of group g over its heads as they are now. */
yolo_status yolo_gradcheck_loss(const yolo_gradcheck *check, int g, const yolo_loss_head *heads, yolo_loss_report *out);
yolo_status yolo_gradcheck_heads(yolo_gradcheck *check, bool (*row)(void *payload, const yolo_gradcheck_row *row),
                                 void *payload);

/* gradcheck_size.c: what the options leave open of pictures and their size; whether tensors are moved together. */
void yolo_gradcheck_choose_size(yolo_gradcheck *check);

#endif
