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

/* What a whole epilogue can do inside the micro-kernel: activations of the form max(x, slope x). */
bool yolo_conv_slope(yolo_activation act, float *slope);

/* Each algorithm has three functions, called by cpu_conv2d.c:
 *   sizes    bytes of the packed weights (without head and bias) and of the scratch; depends on the shapes, the
 *            attributes and the device, never on whether anything was packed before
 *   pack     lays the weights (O, KH, KW, C/groups) out at `to` and sets pack->k; the other members are set
 *   forward  in (N, H, W, C) to out (N, OH, OW, O) with the whole epilogue; the maps may differ from those it was
 *            packed for. m: outputs along one side of a Winograd tile, 2 or 4. */
yolo_op_sizes yolo_conv_direct_sizes(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_direct_pack(const yolo_device *device, const yolo_op_call *call, yolo_conv_pack *pack, float *to);
void yolo_conv_direct_forward(const yolo_device *device, const yolo_op_call *call);

yolo_op_sizes yolo_conv_winograd_sizes(const yolo_device *device, const yolo_op_call *call, int m);
void yolo_conv_winograd_pack(const yolo_device *device, const yolo_op_call *call, int m, yolo_conv_pack *pack, float *to);
void yolo_conv_winograd_forward(const yolo_device *device, const yolo_op_call *call, int m);

yolo_op_sizes yolo_conv_depthwise_sizes(const yolo_device *device, const yolo_op_call *call);
void yolo_conv_depthwise_pack(const yolo_device *device, const yolo_op_call *call, yolo_conv_pack *pack, float *to);
void yolo_conv_depthwise_forward(const yolo_device *device, const yolo_op_call *call);

#endif
