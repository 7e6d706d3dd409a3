/* Cross entropy of a softmax, for classifiers:
 *
 *   L = - sum_k t_k log p_k,   t = (1 - e) (share of label, 1 - share of label2) + e / K
 *
 * e: label smoothing (Szegedy et al., "Rethinking the Inception architecture", CVPR 2016, section 7); two labels with shares:
 * mixup and cutmix. Images without a label are left out of the sum (the mean is over all images of the batch).
 *
 * Where the head reads scores, p is their softmax and dL/dscore = p - t. Where the network ends in [softmax], the head reads p
 * itself: dL/dp = -t / p, which the softmax before it turns into the same p - t. A p that has underflowed is taken as the least
 * normal float; the score behind it stands 87 below the best, and its gradient is lost in that one step. */
#include <float.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "train/loss_run.h"

typedef struct softmax {
  yolo_loss_plan plan;
  int classes;
  bool given; /* the head reads probabilities */
} softmax;

typedef struct targets {
  double share[2], rest; /* of the two labels, beyond the rest, which every class has */
  int label[2];
} targets;

static targets targets_of(const yolo_loss_image *image, int classes) {
  const yolo_truths *truths = image->truths;
  const double smooth = image->batch->label_smoothing;
  const double first = truths->label2 >= 0 ? (double)truths->label_share : 1;
  return (targets){{(1 - smooth) * first, (1 - smooth) * (1 - first)}, smooth / classes, {truths->label, truths->label2}};
}

static double wanted(const targets *t, int k) {
  return t->rest + (k == t->label[0] ? t->share[0] : 0) + (k == t->label[1] ? t->share[1] : 0);
}

static void one_image(const void *attrs, yolo_loss_image *image) {
  const softmax *loss = attrs;
  const yolo_loss_head *head = &image->batch->heads[0];
  const float *value = yolo_pixel(&head->value, image->index, 0, 0);
  float *grad = head->grad.data ? yolo_pixel(&head->grad, image->index, 0, 0) : NULL;
  const targets t = targets_of(image, loss->classes);
  double sum = 0;
  int best = 0;
  if (image->truths->label < 0) return;
  for (int k = 1; k < loss->classes; k++) best = value[k] > value[best] ? k : best;
  for (int k = 0; !loss->given && k < loss->classes; k++) sum += exp((double)value[k] - (double)value[best]);
  for (int k = 0; k < loss->classes; k++) {
    const double want = wanted(&t, k), floor = value[k] > FLT_MIN ? (double)value[k] : (double)FLT_MIN;
    const double log_p = loss->given ? log(floor) : (double)value[k] - (double)value[best] - log(sum);
    if (want > 0) image->value[0] -= want * log_p;
    if (grad) grad[k] += (float)(image->step * (loss->given ? -want / floor : exp(log_p) - want));
  }
  image->correct += best == image->truths->label;
}

static yolo_status make(const yolo_loss_head *heads, int n_heads, void **out) {
  *out = NULL;
  if (n_heads != 1) return yolo_fail(YOLO_EUNSUPPORTED, "the softmax loss trains one classifier, not %d heads", n_heads);
  softmax *loss = yolo_calloc(1, sizeof *loss);
  if (!loss) return YOLO_ENOMEM;
  loss->classes = heads[0].head->classes;
  loss->given = heads[0].section && strcmp(heads[0].section->name, "softmax") == 0;
  loss->plan = (yolo_loss_plan){.parts = {"class"}, .image = one_image};
  *out = loss;
  return YOLO_OK;
}

static yolo_status check_labels(const softmax *loss, const yolo_loss_batch *batch) {
  const double smooth = batch->label_smoothing;
  if (!(smooth >= 0 && smooth < 1))
    return yolo_fail(YOLO_EINVAL, "a label smoothing of %g is out of range (0 to below 1)", smooth);
  for (int n = 0; n < batch->count; n++) {
    const yolo_truths *t = &batch->images[n];
    if (t->label >= loss->classes || t->label2 >= loss->classes)
      return yolo_fail(YOLO_EINVAL, "image %d: class %d, but the network tells %d classes apart (0 to %d)", n,
                       t->label >= loss->classes ? t->label : t->label2, loss->classes, loss->classes - 1);
    if (t->label >= 0 && t->label2 >= 0 && !(t->label_share >= 0 && t->label_share <= 1))
      return yolo_fail(YOLO_EINVAL, "image %d: a label's share of %g is out of range (0 to 1)", n, (double)t->label_share);
  }
  return YOLO_OK;
}

static yolo_status run(const void *attrs, const yolo_loss_batch *batch, yolo_loss_report *out) {
  const softmax *loss = attrs;
  const yolo_shape shape = batch->heads[0].value.shape;
  *out = (yolo_loss_report){0};
  if (batch->n_heads != 1 || shape.h != 1 || shape.w != 1 || shape.c != loss->classes)
    return yolo_fail(YOLO_ESHAPE, "a classifier of %d classes was given %d x %d x %d values", loss->classes, shape.w, shape.h,
                     shape.c);
  yolo_status st = check_labels(loss, batch);
  return st == YOLO_OK ? yolo_loss_run_images(&loss->plan, attrs, batch, out) : st;
}

const yolo_loss_def yolo_loss_softmax = {.name = "softmax",
                                         .summary = "cross entropy of a softmax, smoothed and mixed labels",
                                         .heads = {"classify", NULL},
                                         .recipe = YOLO_PRESET_CLASSIFY,
                                         .make = make,
                                         .run = run};
