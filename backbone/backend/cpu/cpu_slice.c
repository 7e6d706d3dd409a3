/* A slice of the channels, by copying: only where the planner could not make it a view. */
#include "backbone/backend/cpu/cpu.h"

static yolo_tensor part_of(const yolo_op_call *call, const yolo_tensor *whole) {
  const yolo_slice_attrs *a = call->attrs;
  yolo_tensor part = *whole;
  part.data = (float *)part.data + a->first;
  return part;
}

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_tensor part = part_of(call, &call->in[0]);
  yolo_cpu_hand_on(device, &part, call->out, call->out->shape.c, first, end, false);
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_pixels_of(device, call, call->out->shape, run);
  return YOLO_OK;
}

/* The other channels get nothing: zeros, or what they have. */
static void run_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_tensor *grad = &call->grad_in[0], part = part_of(call, grad);
  const yolo_slice_attrs *a = call->attrs;
  const int after = a->first + a->count;
  yolo_cpu_hand_on(device, call->grad_out, &part, a->count, first, end, call->beta[0] != 0);
  if (call->beta[0] != 0) return;
  float *pixel = yolo_nth_pixel(grad, first);
  device->isa->zero_rows(pixel, grad->stride, end - first, a->first);
  device->isa->zero_rows(pixel + after, grad->stride, end - first, grad->shape.c - after);
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  if (call->grad_in && call->grad_in[0].data) yolo_cpu_pixels_of(device, call, call->grad_in[0].shape, run_back);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_slice = {.forward = forward, .backward = backward};
