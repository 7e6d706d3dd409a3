/* An activation by itself: copy where it is not in place, then the vectorised function. Backward: dL/d out times the slope, at
 * the output where that is enough (ops/op_activation.c says where). */
#include "backbone/backend/cpu/cpu.h"

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_activation_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0], *out = call->out;
  if (in->data != out->data)
    device->isa->copy_rows(yolo_nth_pixel(out, first), out->stride, yolo_nth_pixel(in, first), in->stride, end - first,
                           out->shape.c);
  yolo_cpu_activate(device, out, first, end, a->act);
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_pixels_of(device, call, call->out->shape, run);
  return YOLO_OK;
}

static void run_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_activation_attrs *a = call->attrs;
  const yolo_tensor *at = yolo_activation_slope_of_output(a->act) ? call->out : &call->in[0];
  yolo_cpu_slope(device, a->act, at, call->grad_out, &call->grad_in[0], first, end, call->beta[0] != 0);
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  if (call->grad_in && call->grad_in[0].data) yolo_cpu_pixels_of(device, call, call->grad_out->shape, run_back);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_activation = {.forward = forward, .backward = backward};
