/* Feature maps: what the channels of a layer answer to one picture (Zeiler & Fergus, "Visualizing and Understanding
 * Convolutional Networks", ECCV 2014, section 2, look at the same maps).
 *
 * Of channel k, over the pixels (i, j) of the map:  mean_k, the standard deviation s_k, and the share of exact zeros. A channel
 * of one value everywhere tells nothing about this picture: it is called dead here (a ReLU that never opens has 0 everywhere).
 */
#ifndef YOLO_TRAIN_EXPLAIN_FEATURES_H
#define YOLO_TRAIN_EXPLAIN_FEATURES_H

#include "detect/heatmap.h"
#include "train/explain/pass.h"

typedef struct yolo_feature {
  int channel;
  float smallest, largest;
  double mean, deviation, zeros; /* zeros: a share, 0 to 1 */
  bool dead;
} yolo_feature;

typedef struct yolo_features {
  yolo_feature *items; /* owned: one a channel, the most active (largest deviation) first */
  int count, dead;
  double mean, zeros; /* of the whole layer */
  float smallest, largest;
} yolo_features;

/* Of image 0. */
yolo_status yolo_features_of(const yolo_tensor *value, yolo_features *out);
void yolo_features_release(yolo_features *features);
/* Channels in their own order. */
void yolo_features_by_number(yolo_features *features);

#endif
