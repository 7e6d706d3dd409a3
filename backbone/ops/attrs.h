/* The attributes of every op: one small struct each, zero meaning the default where one exists. */
#ifndef YOLO_OPS_ATTRS_H
#define YOLO_OPS_ATTRS_H

#include <stdbool.h>

#include "backbone/ops/activation.h"

/* Four explicit pads: Darknet's maxpool, ONNX's SAME and ceil mode all fit. */
typedef struct yolo_pads {
  int top, left, bottom, right;
} yolo_pads;

/* y = act2(act1(conv(x, w) + bias) + residual)
 * in[0]: x (N, H, W, C); in[1]: residual (the shape of y), present when `residual`.
 * param[0]: weight, disk (O, C/groups, KH, KW), memory (O, KH, KW, C/groups); param[1]: bias (O) when `bias`.
 * The reference of the epilogue is the plain ops in sequence. */
typedef struct yolo_conv2d_attrs {
  int filters; /* O */
  int kernel_h, kernel_w, stride_h, stride_w, dilation, groups;
  yolo_pads pad;
  bool bias, residual;
  yolo_activation act1, act2;
} yolo_conv2d_attrs;

/* Inference: y = act(gamma (x - mean) / sqrt(var + eps) + beta). param: weight, bias, running_mean, running_var (C each). */
typedef struct yolo_batchnorm_attrs {
  float eps;      /* 1e-5 for Darknet; every layer carries its own (FACTS of the formats differ) */
  float momentum; /* share of the new batch in the running statistics */
  yolo_activation act;
} yolo_batchnorm_attrs;

typedef struct yolo_activation_attrs {
  yolo_activation act;
} yolo_activation_attrs;

/* Windows; cells outside count as -inf (max) or are left out of the mean (avg). */
typedef struct yolo_pool_attrs {
  int kernel_h, kernel_w, stride_h, stride_w;
  yolo_pads pad;
  bool global; /* avgpool: the whole map, out is (N, 1, 1, C); kernel, stride and pad are ignored */
} yolo_pool_attrs;
typedef yolo_pool_attrs yolo_maxpool_attrs;
typedef yolo_pool_attrs yolo_avgpool_attrs;

typedef struct yolo_upsample_attrs {
  int factor;  /* nearest neighbour */
  float scale; /* every value is multiplied by it; 1 normally */
} yolo_upsample_attrs;

/* Channels of all inputs side by side; N, H, W must agree. */
typedef struct yolo_concat_attrs {
  int unused;
} yolo_concat_attrs;

/* Channels [first, first + count) of the input. */
typedef struct yolo_slice_attrs {
  int first, count;
} yolo_slice_attrs;

/* How a weighted shortcut normalises its weights (Darknet's weights_normalization). */
typedef enum yolo_weight_norm { YOLO_WEIGHTS_PLAIN, YOLO_WEIGHTS_RELU, YOLO_WEIGHTS_SOFTMAX } yolo_weight_norm;

/* y = act(sum_i weight_i * in_i). in[0] is the layer before; its shape is the output's. The other inputs
 * may have more or fewer channels: surplus ones are dropped, missing ones add nothing. `subsample`
 * (original Darknet): of a k times larger map every k-th pixel is added; a k times smaller one is added to
 * every k-th pixel of the output.
 * weights_per: 0 none, 1 one weight an input, 2 one an input and channel. param[0]: (n_in) or (n_in, C). */
typedef struct yolo_shortcut_attrs {
  yolo_activation act;
  int weights_per;
  yolo_weight_norm norm;
  bool subsample;
} yolo_shortcut_attrs;

/* Squeeze-and-excitation: in[0] (N, H, W, C) times in[1] (N, 1, 1, C), then the activation. With
 * `scale_wh`, in[0] is (N, H, W, 1 or C) and the roles of the planes follow Darknet's scale_wh=1. */
typedef struct yolo_scale_channels_attrs {
  yolo_activation act;
  bool scale_wh; /* in[1] is (N, H, W, 1): one factor a pixel */
} yolo_scale_channels_attrs;

/* in[0] * in[1] element by element, then the activation ([sam]). */
typedef struct yolo_multiply_attrs {
  yolo_activation act;
} yolo_multiply_attrs;

/* y = act(W flat(x) + b). Input features run over (C, H, W) on disk and (H, W, C) in memory.
 * param[0]: weight, disk (O, C*H*W), memory (O, H, W, C); param[1]: bias (O) when `bias`. Out (N, 1, 1, O). */
typedef struct yolo_linear_attrs {
  int outputs;
  bool bias;
  yolo_activation act;
} yolo_linear_attrs;

/* A convolution with weights of its own at every output position. param[0]: weight, disk (OH*OW, O, C, K*K),
 * memory (OH*OW, O, K*K, C); param[1]: bias, disk (O, OH, OW), memory (OH, OW, O). */
typedef struct yolo_local_attrs {
  int filters, kernel, stride, pad;
  yolo_activation act;
} yolo_local_attrs;

/* Space to depth. REORG_DARKNET is the permutation that published yolov2 weights expect (it treats the
 * (C, H, W) input as if it had C/stride^2 channels); REORG_3D is the one meant: out channel
 * k = (ky*stride + kx)*C + c takes pixel (y*stride + ky, x*stride + kx), channel c. */
typedef struct yolo_reorg_attrs {
  int stride;
  bool darknet, reverse;
} yolo_reorg_attrs;

/* Identity at inference; in training zeroes with `probability` and scales the rest by 1/(1-p). With `dropblock` whole
 * squares of a channel are zeroed, `block` cells wide, or (block = 0) `block_share` of the map's shorter side, and the rest of
 * an image is scaled so that its share of zeros is made up for. */
typedef struct yolo_dropout_attrs {
  float probability;
  bool dropblock;
  int block;
  float block_share;
} yolo_dropout_attrs;

/* Over channels, in `groups` equal parts, at every pixel, with a temperature. With `flatten` (a classifier's
 * vector), over all of (H, W, C) at once. */
typedef struct yolo_softmax_attrs {
  int groups;        /* 0 counts as 1 */
  float temperature; /* 0 counts as 1 */
  bool flatten;
} yolo_softmax_attrs;

/* y_c = weight_c x_c / sqrt(sum_k x_k^2 + eps) over the channels of a pixel. param[0]: weight (C). */
typedef struct yolo_l2norm_attrs {
  float eps;
  float scale; /* what the weights are before training */
} yolo_l2norm_attrs;

/* No real input (in[0] only gives N): out (N, 1, 1, filters) or (N, atoms, 1, filters) repeats the learned
 * vector param[0] "weight", disk (filters, atoms), memory (atoms, filters). */
typedef struct yolo_implicit_attrs {
  int filters, atoms;
} yolo_implicit_attrs;

#endif
