/* Depthwise convolution (one filter a channel, as in MobileNet, Howard et al. 2017, section 3.1): no GEMM, a
 * multiply-add a tap with channels as lanes. A task is a few rows of outputs. */
#include <string.h>

#include "backbone/backend/cpu/cpu_conv2d.h"

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  const yolo_conv_pack *pack;
  int rows_per_task;
} job;

static size_t padded_channels(const yolo_device *device, const yolo_op_call *call) {
  return (size_t)yolo_round_up(call->in[0].shape.c, device->isa->lanes);
}

yolo_op_sizes yolo_conv_depthwise_sizes(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  const size_t taps = (size_t)a->kernel_h * (size_t)a->kernel_w;
  return (yolo_op_sizes){.pack = taps * padded_channels(device, call) * sizeof(float), .work = 0};
}

/* (KH*KW, padded C): a tap's weights of neighbouring channels side by side. */
void yolo_conv_depthwise_pack(const yolo_device *device, const yolo_op_call *call, yolo_conv_pack *pack, float *to) {
  const yolo_conv2d_attrs *a = call->attrs;
  const int taps = a->kernel_h * a->kernel_w, channels = call->in[0].shape.c;
  const size_t padded = padded_channels(device, call);
  const float *weight = call->param[0].data; /* (C, KH, KW, 1) */
  pack->k = taps;
  memset(to, 0, (size_t)taps * padded * sizeof(float));
  for (int c = 0; c < channels; c++)
    for (int t = 0; t < taps; t++) to[(size_t)t * padded + (size_t)c] = weight[(size_t)c * (size_t)taps + (size_t)t];
}

static void run_row(const job *j, int image, int oy) {
  const yolo_op_call *call = j->call;
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0], *out = call->out;
  const size_t padded = padded_channels(j->device, call);
  const float *weights = yolo_conv_pack_weights(j->device, a, j->pack);
  const float *rows[YOLO_DEPTHWISE_MAX_KERNEL];
  for (int ky = 0; ky < a->kernel_h; ky++) {
    const int iy = oy * a->stride_h - a->pad.top + ky * a->dilation;
    rows[ky] = iy < 0 || iy >= in->shape.h ? NULL : yolo_pixel(in, image, iy, 0);
  }
  yolo_depthwise_row row = {.rows = rows, .in_stride = in->stride, .out_stride = out->stride, .in_w = in->shape.w};
  row.channels = in->shape.c;
  row.kernel_h = a->kernel_h;
  row.kernel_w = a->kernel_w;
  row.stride = a->stride_w;
  row.dilation = a->dilation;
  row.pad_left = a->pad.left;
  row.weight = weights;
  row.weight_stride = padded;
  row.bias = yolo_conv_pack_bias(j->pack);
  row.out = yolo_pixel(out, image, oy, 0);
  row.out_w = out->shape.w;
  const bool easy = yolo_conv_slope(a->act1, &row.slope);
  if (!easy) row.slope = 1;
  j->device->isa->depthwise(&row);
  const float *residual = a->residual ? yolo_pixel(&call->in[1], image, oy, 0) : NULL;
  const yolo_epilogue how = {.act1 = easy ? YOLO_ACT_linear : a->act1,
                             .act2 = a->act2,
                             .residual = residual,
                             .ldr = a->residual ? call->in[1].stride : 0};
  if (how.act1 != YOLO_ACT_linear || how.act2 != YOLO_ACT_linear || how.residual)
    j->device->isa->epilogue(row.out, out->stride, out->shape.w, out->shape.c, &how);
}

static void run_task(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_shape out = j->call->out->shape;
  (void)thread;
  const int end = yolo_min_int(out.n * out.h, (task + 1) * j->rows_per_task);
  for (int y = task * j->rows_per_task; y < end; y++) run_row(j, y / out.h, y % out.h);
}

void yolo_conv_depthwise_forward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_shape out = call->out->shape;
  job j = {.device = device, .call = call, .pack = call->packed};
  const int rows = out.n * out.h;
  j.rows_per_task = yolo_max_int(1, rows / (device->threads * 4));
  yolo_parallel(device->threads, yolo_divide_up(rows, j.rows_per_task), run_task, &j);
}
