/* An activation by itself: copy where it is not in place, then the vectorised function. */
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
  yolo_cpu_pixels(device, call, run);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_activation = {.forward = forward};
