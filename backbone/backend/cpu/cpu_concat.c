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

/* Each input gets its slice back; none is left to copy where the gradients lie as the values do. */
static void run_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  yolo_tensor slice = *call->grad_out;
  for (int i = 0; i < call->n_in; i++) {
    const int channels = call->in[i].shape.c;
    if (call->grad_in[i].data) yolo_cpu_hand_on(device, &slice, &call->grad_in[i], channels, first, end, call->beta[i] != 0);
    slice.data = (float *)slice.data + channels;
  }
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  if (call->grad_in) yolo_cpu_pixels_of(device, call, call->grad_out->shape, run_back);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_concat = {.forward = forward, .backward = backward};
