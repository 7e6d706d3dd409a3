/* Heat maps: where in the picture a layer sees what speaks for an answer.
 *
 * Grad-CAM (Selvaraju et al., "Grad-CAM", ICCV 2017, section 3, equations 1 and 2), with A_k the maps of a layer, y the score:
 *   alpha_k = 1/Z sum over i,j of dy/dA_k(i,j)        how much map k speaks for y
 *   L(i,j)  = max(0, sum_k alpha_k A_k(i,j))
 * Behind global average pooling and one linear layer alpha_k is that layer's weight / Z: the CAM of Zhou et al. 2016.
 *
 * Eigen-CAM (Muhammad & Yeasin, "Eigen-CAM", IJCNN 2020, section III): with the maps as columns of a matrix A (pixels x
 * channels) and v its first right singular vector,
 *   L = A v
 * No score, no class, no gradient: what the layer as a whole looks at. v and -v are both such vectors; the sign is the one with
 * which L is positive where activations are strong. What is negative is cut off, as above. */
#ifndef YOLO_TRAIN_EXPLAIN_CAM_H
#define YOLO_TRAIN_EXPLAIN_CAM_H

#include "train/explain/pass.h"

typedef struct yolo_cam {
  int height, width;
  float *map;    /* owned: height x width, 0 and more */
  float largest; /* of the map; 0: nothing speaks for it */
  double share;  /* Eigen-CAM: of the layer's sum of squares, what the first component explains */
} yolo_cam;

/* Of image 0; both tensors have one shape. alpha: NULL, or room for one weight a channel. */
yolo_status yolo_cam_gradient(const yolo_tensor *value, const yolo_tensor *gradient, double *alpha, yolo_cam *out);
yolo_status yolo_cam_eigen(const yolo_tensor *value, yolo_cam *out);
void yolo_cam_release(yolo_cam *cam);

/* The layer to look at when nobody names one: the last that has a map and lies in front of the layer that makes the scores of
 * a head. */
yolo_status yolo_cam_default_layer(const yolo_model_spec *spec, int head, int *out);

#endif
