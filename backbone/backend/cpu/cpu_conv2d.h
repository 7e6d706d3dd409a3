/* Convolution on the CPU: three algorithms behind one packed form. cpu_conv2d.c chooses by shape, packs and
 * dispatches; cpu_conv2d_direct.c, cpu_conv2d_winograd.c and cpu_conv2d_depthwise.c each bring one. */
#ifndef YOLO_CPU_CONV2D_H
#define YOLO_CPU_CONV2D_H

#include "backbone/backend/cpu/cpu.h"

typedef enum yolo_conv_algorithm {
  YOLO_CONV_DIRECT = 1, /* implicit GEMM; each group by itself */
  YOLO_CONV_WINOGRAD2,
  YOLO_CONV_WINOGRAD4,
  YOLO_CONV_DEPTHWISE
} yolo_conv_algorithm;

enum { YOLO_DEPTHWISE_MAX_KERNEL = 64 };

/* The first 64 bytes of a packed convolution; then the bias, then the weights. */
typedef struct yolo_conv_pack {
  int algorithm;
  int k;       /* depth of one group's GEMM (direct) or input channels (winograd) */
  int panels;  /* of nr filters, per group */
  int filters; /* per group */
  int has_bias;
  int reserved[11];
} yolo_conv_pack;

static inline const float *yolo_conv_pack_bias(const yolo_conv_pack *pack) {
  return pack->has_bias ? (const float *)(pack + 1) : NULL;
}
/* Filters in order, then a panel of zeros, so that whole vectors can be read from any filter on. */
static inline size_t yolo_conv_bias_floats(const yolo_device *device, const yolo_conv2d_attrs *a) {
  return (size_t)yolo_round_up(a->filters, 16) + (size_t)device->isa->nr;
}
static inline const float *yolo_conv_pack_weights(const yolo_device *device, const yolo_conv2d_attrs *a,
                                                  const yolo_conv_pack *pack) {
  return (const float *)(pack + 1) + yolo_conv_bias_floats(device, a);
}

/* The window of a convolution, both axes by themselves: gradients of strided and dilated ones need that. Pads before
 * the map may be negative: windows then begin inside it. */
typedef struct yolo_conv_window {
  int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left;
} yolo_conv_window;
yolo_conv_window yolo_conv_window_of(const yolo_conv2d_attrs *attrs);

/* Where weight (filter, ky, kx, channel) of a group lies: at[filter * .filter + ky * .row + ...]. Forward reads them as
 * they are, the data gradient turned by 180 degrees with filters and channels exchanged. */
typedef struct yolo_conv_weights {
  const float *at;
  ptrdiff_t group, filter, row, column, channel;
} yolo_conv_weights;

/* What the windows of output pixels see: pixels [m0, m1) of all (N, OH, OW), depth [k0, k0 + kc) of (ky, kx, c) of group
 * g, into rows at YOLO_PANEL_STRIDE. */
typedef struct yolo_conv_patches {
  const yolo_isa *isa;
  const yolo_tensor *in;
  yolo_conv_window window;
  int out_h, out_w, groups, channels; /* channels of a group */
} yolo_conv_patches;
void yolo_conv_pack_patches(const yolo_conv_patches *patches, int g, int m0, int m1, int k0, int kc, float *to);

/* Where outputs go that are every s-th pixel of a larger map, or are added to what is there. */
typedef struct yolo_conv_place {
  bool apart;        /* not neighbours: pixels stand at out.stride, rows and images at the following distances */
  size_t row, image; /* in floats */
  bool add;
} yolo_conv_place;

/* What a whole epilogue can do inside the micro-kernel: activations of the form max(x, slope x). */
bool yolo_conv_slope(yolo_activation act, float *slope);

/* Each algorithm has three functions, called by cpu_conv2d.c:
 *   sizes    bytes of the packed weights (without head and bias) and of the scratch; depends on the shapes, the
 *            attributes and the device, never on whether anything was packed before
 *   pack     lays the weights out at `to` and sets pack->k; the other members are set
 *   forward  in (N, H, W, C) to out (N, OH, OW, O) with the whole epilogue; the maps may differ from those it was
 *            packed for. m: outputs along one side of a Winograd tile, 2 or 4; add: to what out holds. */
yolo_op_sizes yolo_conv_direct_sizes(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_direct_pack(const yolo_device *device, const yolo_op_call *call, const yolo_conv_weights *weights,
                           yolo_conv_pack *pack, float *to);
void yolo_conv_direct_forward(const yolo_device *device, const yolo_op_call *call);
/* With another window than the attributes say, and with outputs apart; place NULL: all of out, written. */
void yolo_conv_direct_run(const yolo_device *device, const yolo_op_call *call, const yolo_conv_window *window,
                          const yolo_conv_place *place);

yolo_op_sizes yolo_conv_winograd_sizes(const yolo_device *device, const yolo_op_call *call, int m);
void yolo_conv_winograd_pack(const yolo_device *device, const yolo_op_call *call, int m, const yolo_conv_weights *weights,
                             yolo_conv_pack *pack, float *to);
void yolo_conv_winograd_forward(const yolo_device *device, const yolo_op_call *call, int m, bool add);

yolo_op_sizes yolo_conv_depthwise_sizes(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_depthwise_pack(const yolo_device *device, const yolo_op_call *call, yolo_conv_pack *pack, float *to);
void yolo_conv_depthwise_forward(const yolo_device *device, const yolo_op_call *call);

/* ---- backward ---- */

bool yolo_conv_is_depthwise(const yolo_conv2d_attrs *attrs, int channels);
/* The whole packed form, head included, and the rule on shapes: cpu_conv2d.c. */
yolo_conv_algorithm yolo_conv_choose(const yolo_op_call *call, int thrift);
yolo_op_sizes yolo_conv_sizes_as(const yolo_device *device, const yolo_op_call *call, yolo_conv_algorithm algorithm);
void yolo_conv_pack_weights_as(const yolo_device *device, const yolo_op_call *call, yolo_conv_algorithm algorithm,
                               const yolo_conv_weights *weights, void *to);

/* Each part: bytes of scratch, and the work. cpu_conv2d_backward.c calls those that are wanted, one after the other. */
size_t yolo_conv_data_grad_work(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_data_grad(const yolo_device *device, const yolo_op_call *call);
size_t yolo_conv_weight_grad_work(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_weight_grad(const yolo_device *device, const yolo_op_call *call);
bool yolo_conv_winograd_grad_fits(const yolo_op_call *call); /* the rule on shapes: by Winograd or by the plain product */
size_t yolo_conv_winograd_grad_work(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_winograd_weight_grad(const yolo_device *device, const yolo_op_call *call);
size_t yolo_conv_depthwise_grad_work(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_depthwise_data_grad(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_depthwise_weight_grad(const yolo_device *device, const yolo_op_call *call);

yolo_status yolo_conv_backward(const yolo_device *device, const yolo_op_call *call);
size_t yolo_conv_backward_work(const yolo_device *device, const yolo_op_call *call);

#endif
