/* Pieces that losses share: overlaps of boxes with their gradients, and cross entropies. All in double.
 *
 *   IoU  = I / U                            I intersection, U union
 *   GIoU = IoU - (C - U) / C                C the area of the smallest box around both
 *   DIoU = IoU - d^2 / c^2                  d distance of the centres, c diagonal of that box
 *   CIoU = DIoU - a v                       v = 4/pi^2 (atan(W/H) - atan(w/h))^2,  a = v / (1 - IoU + v)
 * GIoU: Rezatofighi et al., CVPR 2019, section 3. DIoU, CIoU: Zheng et al., AAAI 2020, equations 6 to 12; `a` takes no part in
 * the gradient. */
#ifndef YOLO_TRAIN_BOX_LOSS_H
#define YOLO_TRAIN_BOX_LOSS_H

#include <math.h>
#include <stdbool.h>

typedef struct yolo_centred {
  double x, y, w, h; /* centre and size, in any unit */
} yolo_centred;

typedef enum yolo_overlap_kind { YOLO_OVERLAP_IOU, YOLO_OVERLAP_GIOU, YOLO_OVERLAP_DIOU, YOLO_OVERLAP_CIOU } yolo_overlap_kind;

typedef struct yolo_overlap_rule {
  yolo_overlap_kind kind;
  double eps;        /* added to U, C and c^2 */
  double eps_aspect; /* added to the denominator of `a` */
  /* Gradient of v without its factor 1 / (w^2 + h^2), which explodes for small boxes (Zheng et al., below equation 12). */
  bool plain_aspect;
} yolo_overlap_rule;

typedef struct yolo_overlap {
  double iou, value;     /* IoU as it is (without eps); what the rule says */
  double dx, dy, dw, dh; /* of value, with respect to the first box */
} yolo_overlap;

/* Boxes without area overlap with nothing. */
double yolo_overlap_iou(const yolo_centred *a, const yolo_centred *b);
/* Share of a's area that lies within b: the measure for crowds and other regions that are left out. */
double yolo_overlap_covered(const yolo_centred *a, const yolo_centred *b);
yolo_overlap yolo_overlap_of(const yolo_overlap_rule *rule, const yolo_centred *box, const yolo_centred *truth);

static inline double yolo_sigmoid(double t) { return 1 / (1 + exp(-t)); }

/* -y log s - (1 - y) log(1 - s) with s = sigmoid(t); its derivative is s - y. */
static inline double yolo_bce_logit(double t, double y) { return (t > 0 ? t : 0) - t * y + log1p(exp(-fabs(t))); }

static inline double yolo_entropy(double y) { return (y > 0 ? -y * log(y) : 0) + (y < 1 ? -(1 - y) * log(1 - y) : 0); }

/* The same less the entropy of y, so that a perfect answer costs nothing (the Kullback-Leibler divergence). */
static inline double yolo_divergence_logit(double t, double y) { return yolo_bce_logit(t, y) - yolo_entropy(y); }

#endif
