/* Concatenation by copying: only for the inputs that the planner could not place in the wide buffer. */
#include "backbone/backend/cpu/cpu.h"

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  int channel = 0;
  for (int i = 0; i < call->n_in; i++) {
    const yolo_tensor *in = &call->in[i];
    float *to = yolo_nth_pixel(call->out, first) + channel;
    if (to != yolo_nth_pixel(in, first)) /* already there otherwise */
      device->isa->copy_rows(to, call->out->stride, yolo_nth_pixel(in, first), in->stride, end - first, in->shape.c);
    channel += in->shape.c;
  }
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_pixels(device, call, run);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_concat = {.forward = forward};
