/* conv2d on the CPU: which algorithm, and the parts they share.
 *
 * The choice is a rule on shapes, never on timing, so that equal machines compute equal bits:
 *   depthwise (one input channel a group, as many filters as channels)      -> its own kernel
 *   3x3, stride 1, dilation 1, one group, enough channels                   -> Winograd; F(4x4) where the map
 *     or the batch is large enough that its tiles are well filled and its 4x larger weights are used often, else F(2x2)
 *   everything else                                                         -> implicit GEMM
 * Thrift 1 turns F(4x4) into F(2x2) (1.8x instead of 4x the weights), thrift 2 turns both into the GEMM (1x). */
#include <string.h>

#include "backbone/backend/cpu/cpu_conv2d.h"

bool yolo_conv_slope(yolo_activation act, float *slope) {
  if (act == YOLO_ACT_linear)
    *slope = 1;
  else if (act == YOLO_ACT_leaky)
    *slope = 0.1f;
  else if (act == YOLO_ACT_relu)
    *slope = 0;
  else
    return false;
  return true;
}

/* Below this many tiles the transformed weights are read for too little work: memory would be the limit. */
enum { FEWEST_TILES = 36, MANY_TILES = 192 };

bool yolo_conv_is_depthwise(const yolo_conv2d_attrs *a, int channels) {
  return a->groups == channels && a->filters == channels && channels > 1 && a->kernel_h <= YOLO_DEPTHWISE_MAX_KERNEL;
}

yolo_conv_algorithm yolo_conv_choose(const yolo_op_call *call, int thrift) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_shape in = call->in[0].shape, out = call->out->shape;
  if (call->packed) return (yolo_conv_algorithm)((const yolo_conv_pack *)call->packed)->algorithm;
  if (yolo_conv_is_depthwise(a, in.c)) return YOLO_CONV_DEPTHWISE;
  const bool plain3x3 =
      a->kernel_h == 3 && a->kernel_w == 3 && a->stride_h == 1 && a->stride_w == 1 && a->dilation == 1 && a->groups == 1;
  if (!plain3x3 || in.c < 16 || a->filters < 16 || thrift >= 2) return YOLO_CONV_DIRECT;
  const long tiles2 = (long)out.n * yolo_divide_up(out.h, 2) * yolo_divide_up(out.w, 2);
  const long tiles4 = (long)out.n * yolo_divide_up(out.h, 4) * yolo_divide_up(out.w, 4);
  if (tiles2 < FEWEST_TILES) return YOLO_CONV_DIRECT;
  const bool large = out.h * out.w >= 400 || (out.h % 4 == 0 && out.w % 4 == 0 && out.h * out.w >= 256);
  const bool many = tiles4 >= MANY_TILES && 36 * tiles4 < 16 * tiles2 / 5 * 4; /* a fifth fewer multiplications */
  return (large || many) && thrift == 0 ? YOLO_CONV_WINOGRAD4 : YOLO_CONV_WINOGRAD2;
}

yolo_op_sizes yolo_conv_sizes_as(const yolo_device *device, const yolo_op_call *call, yolo_conv_algorithm algorithm) {
  yolo_op_sizes sizes;
  switch (algorithm) {
    case YOLO_CONV_WINOGRAD2: sizes = yolo_conv_winograd_sizes(device, call, 2); break;
    case YOLO_CONV_WINOGRAD4: sizes = yolo_conv_winograd_sizes(device, call, 4); break;
    case YOLO_CONV_DEPTHWISE: sizes = yolo_conv_depthwise_sizes(device, call); break;
    default: sizes = yolo_conv_direct_sizes(device, call);
  }
  sizes.pack += sizeof(yolo_conv_pack) + yolo_conv_bias_floats(device, call->attrs) * sizeof(float);
  return sizes;
}

static yolo_op_sizes conv_sizes(const yolo_device *device, const yolo_op_call *call, int thrift) {
  return yolo_conv_sizes_as(device, call, yolo_conv_choose(call, thrift));
}

void yolo_conv_pack_weights_as(const yolo_device *device, const yolo_op_call *call, yolo_conv_algorithm algorithm,
                               const yolo_conv_weights *weights, void *to) {
  const yolo_conv2d_attrs *a = call->attrs;
  yolo_conv_pack *pack = to;
  memset(pack, 0, sizeof *pack);
  pack->algorithm = (int)algorithm;
  pack->has_bias = a->bias;
  pack->filters = a->filters / a->groups;
  pack->panels = yolo_divide_up(pack->filters, device->isa->nr);
  float *bias = (float *)(pack + 1), *panels = bias + yolo_conv_bias_floats(device, a);
  memset(bias, 0, yolo_conv_bias_floats(device, a) * sizeof(float));
  if (a->bias) memcpy(bias, call->param[1].data, (size_t)a->filters * sizeof(float));
  switch (algorithm) {
    case YOLO_CONV_WINOGRAD2: yolo_conv_winograd_pack(device, call, 2, weights, pack, panels); break;
    case YOLO_CONV_WINOGRAD4: yolo_conv_winograd_pack(device, call, 4, weights, pack, panels); break;
    case YOLO_CONV_DEPTHWISE: yolo_conv_depthwise_pack(device, call, pack, panels); break;
    default: yolo_conv_direct_pack(device, call, weights, pack, panels);
  }
}

/* In memory weights are (O, KH, KW, C/groups). */
static yolo_status conv_pack(const yolo_device *device, const yolo_op_call *call, int thrift, void *to) {
  const yolo_conv2d_attrs *a = call->attrs;
  const ptrdiff_t channels = call->in[0].shape.c / a->groups;
  yolo_conv_weights weights = {.at = call->param[0].data, .channel = 1, .column = channels, .row = channels * a->kernel_w};
  weights.filter = weights.row * a->kernel_h;
  weights.group = weights.filter * (a->filters / a->groups);
  yolo_conv_pack_weights_as(device, call, yolo_conv_choose(call, thrift), &weights, to);
  return YOLO_OK;
}

static yolo_status conv_forward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv_pack *pack = call->packed;
  switch (pack->algorithm) {
    case YOLO_CONV_WINOGRAD2: yolo_conv_winograd_forward(device, call, 2, false); break;
    case YOLO_CONV_WINOGRAD4: yolo_conv_winograd_forward(device, call, 4, false); break;
    case YOLO_CONV_DEPTHWISE: yolo_conv_depthwise_forward(device, call); break;
    default: yolo_conv_direct_forward(device, call);
  }
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_conv2d = {.sizes = conv_sizes,
                                         .pack = conv_pack,
                                         .forward = conv_forward,
                                         .backward = yolo_conv_backward,
                                         .backward_work = yolo_conv_backward_work};
