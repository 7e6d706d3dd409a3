/* Squeeze-and-excitation's last step: a map times one factor a channel (or, with scale_wh, one a pixel). */
#include "backbone/backend/cpu/cpu.h"

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_scale_channels_attrs *a = call->attrs;
  const yolo_shape out = call->out->shape;
  for (int p = first; p < end; p++) {
    const float *from = yolo_nth_pixel(&call->in[0], p);
    float *to = yolo_nth_pixel(call->out, p);
    if (a->scale_wh) {
      const float factor = *yolo_nth_pixel(&call->in[1], p);
      for (int c = 0; c < out.c; c++) to[c] = from[c] * factor;
    } else {
      device->isa->multiply(to, from, yolo_nth_pixel(&call->in[1], p / (out.h * out.w)), out.c);
    }
  }
  yolo_cpu_activate(device, call->out, first, end, a->act);
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_pixels(device, call, run);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_scale_channels = {.forward = forward};
