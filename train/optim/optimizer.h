/* Optimisers: one step from gradients to parameters, element by element.
 *
 *   sgd       v = m v + g;  w -= lr v;  nesterov: w -= lr (g + m v)          (Sutskever et al. 2013; PyTorch's form, and with
 *             g the mean over the images of a step exactly Darknet's: its update of lr/batch over sums, decay * batch)
 *   adam      Kingma & Ba 2015, algorithm 1;  adamw: decoupled decay, Loshchilov & Hutter 2019, algorithm 2
 *   rmsprop   Tieleman & Hinton 2012: s = a s + (1-a) g^2;  w -= lr g / (sqrt(s) + eps), with momentum on the quotient
 *   adagrad   Duchi et al. 2011: s += g^2;  w -= lr g / (sqrt(s) + eps)
 *   adadelta  Zeiler 2012, algorithm 1
 *
 * Weight decay adds decay * w to g (adamw: takes lr * decay * w away from w). Formulas and defaults are those of torch.optim.
 */
#ifndef YOLO_TRAIN_OPTIM_OPTIMIZER_H
#define YOLO_TRAIN_OPTIM_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

typedef enum yolo_optimizer_kind {
  YOLO_OPTIMIZER_SGD,
  YOLO_OPTIMIZER_ADAM,
  YOLO_OPTIMIZER_ADAMW,
  YOLO_OPTIMIZER_RMSPROP,
  YOLO_OPTIMIZER_ADAGRAD,
  YOLO_OPTIMIZER_ADADELTA
} yolo_optimizer_kind;

typedef struct yolo_optimizer_options {
  yolo_optimizer_kind kind;
  bool nesterov;
  double beta1, beta2; /* adam: 0.9, 0.999; beta2 is rmsprop's alpha (0.99) and adadelta's rho (0.9) */
  double eps;
} yolo_optimizer_options;
/* torch.optim's values for the kind. */
yolo_optimizer_options yolo_optimizer_defaults(yolo_optimizer_kind kind);

/* A run of parameters that are treated alike. */
typedef struct yolo_optimizer_range {
  size_t offset, count; /* floats into values, gradients and moments */
  double lr, momentum, decay;
} yolo_optimizer_range;

enum { YOLO_OPTIMIZER_MOST_MOMENTS = 2 };
/* Arrays as long as the values, that live as long as training does. */
typedef struct yolo_optimizer {
  yolo_optimizer_options options;
  int n_moments;                               /* that this kind needs */
  float *moments[YOLO_OPTIMIZER_MOST_MOMENTS]; /* owned, zero at the start */
  size_t count;
  uint64_t steps; /* done */
} yolo_optimizer;

int yolo_optimizer_moments(yolo_optimizer_kind kind); /* arrays that it keeps */
yolo_status yolo_optimizer_new(const yolo_optimizer_options *options, size_t count, yolo_optimizer *out);
void yolo_optimizer_release(yolo_optimizer *optimizer);
/* One step over all ranges. `clip`: gradients are multiplied by it (1: as they are). Equal bits for any number of threads. */
void yolo_optimizer_step(yolo_optimizer *optimizer, float *values, const float *grads, const yolo_optimizer_range *ranges,
                         int n, double clip, int threads);

/* The Euclidean norm over the ranges, summed in fixed chunks in double. */
double yolo_gradient_norm(const float *grads, const yolo_optimizer_range *ranges, int n, int threads);

/* The exponential moving average of all values, buffers too: ema += (1 - d) (w - ema), d = decay (1 - exp(-steps / tau)), so
 * that it follows quickly at the beginning (as YOLOv5 does it, tau 2000). */
void yolo_ema_update(float *ema, const float *values, size_t count, uint64_t steps, double decay, double tau, int threads);

#endif
