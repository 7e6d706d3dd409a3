/* Analytic against numeric gradients of any network, layer by layer, through the real losses of its heads.
 *
 * The chain rule is checked link by link, dL/dp = dL/dv dv/dp with v the values of the heads and p parameters of a layer:
 *
 *   heads    each dL/dv against (L(v + e) - L(v - e)) / 2e, in double. Where a loss defines its gradient itself (box part of
 *            Darknet's overlap losses), that part is left out; what a loss takes for a constant (the overlap that objectness
 *            is wanted to be) is held still.
 *   layers   u = dL/dv is held still and the network is checked against f(p) = sum u v(p), whose gradient is what backward
 *            computes: (f(p + e d) - f(p - e d)) / 2e against <g, d> along random directions d, half of whose length lies
 *            along a random half of g. So no step can make the loss choose other answers.
 *
 * Forward passes are in fp32 and have kinks (relu, max pooling): no step is right for all. e runs down a ladder; the numeric
 * value is the one that differs least from the one before it, which says nothing of the analytic value, and that difference is
 * its doubt. A direction that disagrees is tried again along two others, and the middle one of the three counts: a kink beside
 * the parameters spoils a direction, a mistake all of them. An error above the tolerance that the doubt could explain is no
 * failure but unclear, and so is one whose doubt is above a tenth. */
#ifndef YOLO_TRAIN_EXPLAIN_GRADCHECK_H
#define YOLO_TRAIN_EXPLAIN_GRADCHECK_H

#include "train/session.h"

typedef struct yolo_gradcheck_options {
  int width, height; /* 0: small ones that the network can take */
  int batch;         /* 0: 2; 8 where a map of hardly a cell is normalised */
  int directions;    /* of each tensor; 0: 1 */
  int values;        /* of each head; 0: 96 */
  uint64_t seed;
  double tolerance; /* 0: 0.03 */
} yolo_gradcheck_options;

typedef enum yolo_gradcheck_verdict {
  YOLO_GRADCHECK_OK,
  YOLO_GRADCHECK_UNCLEAR, /* the numeric value is too uncertain to say */
  YOLO_GRADCHECK_FAIL
} yolo_gradcheck_verdict;

typedef struct yolo_gradcheck_row {
  int layer; /* of the cfg */
  bool head; /* dL/d values of a head, else dL/d parameters of the layer */
  const char *kind;
  size_t checked; /* parameters, or values of the head */
  size_t skipped; /* values of a head whose gradient its loss defines itself, or where it jumps */
  double error;   /* the largest relative one */
  double doubt;   /* of the numeric value there, as relative */
  yolo_gradcheck_verdict verdict;
} yolo_gradcheck_row;

typedef struct yolo_gradcheck yolo_gradcheck;
/* Random pictures and truths of the session's network as it is: a forward, its losses and a backward pass. Parameters are moved
 * while it runs and put back. */
yolo_status yolo_gradcheck_new(yolo_session *session, const yolo_gradcheck_options *options, yolo_gradcheck **out);
void yolo_gradcheck_free(yolo_gradcheck *check);
void yolo_gradcheck_size(const yolo_gradcheck *check, int *batch, int *width, int *height);
/* The analytic gradients that are judged; offsets as in yolo_trainer_values. */
float *yolo_gradcheck_gradients(yolo_gradcheck *check);

/* Heads, then layers from the last to the first: the order of backward. `row` is called for each as soon as it is known;
 * false stops (YOLO_ECANCELLED). */
yolo_status yolo_gradcheck_run(yolo_gradcheck *check, bool (*row)(void *payload, const yolo_gradcheck_row *row), void *payload);

#endif
