/* A cfg for other classes or another input size: what every user of Darknet does by hand before a training.
 *
 *   [yolo]           classes=n   and filters= of the layer before it   (anchors of its mask) x (5 + n)
 *   [Gaussian_yolo]                                                    (anchors of its mask) x (9 + n)
 *   [region]                                                           num x (5 + n)
 *   [ssd]                                                              (default boxes of a cell) x (5 + n)
 *   [detection]      classes=n   and output= or filters=               side^2 x (5 num + n) values in all
 *   a classifier     output= or filters= of its last layer             n
 *
 * The text is changed where these numbers stand; comments, order and everything else stay as they are. */
#ifndef YOLO_TRAIN_MODEL_CLASSES_H
#define YOLO_TRAIN_MODEL_CLASSES_H

#include "backbone/base/status.h"

typedef struct yolo_model_adaptation {
  int classes;       /* 0: as in the cfg */
  int width, height; /* of the input; 0: as in the cfg */
} yolo_model_adaptation;

/* `file` is for messages, which name line and section. *out belongs to the caller (yolo_free). The result is text: whether the
 * network is sound is found when it is built. */
yolo_status yolo_model_adapt(const char *text, const char *file, const yolo_model_adaptation *to, char **out);

#endif
