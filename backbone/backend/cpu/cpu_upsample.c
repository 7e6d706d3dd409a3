/* Nearest-neighbour upsampling: whole pixels are copied. */
#include "backbone/backend/cpu/cpu.h"

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_upsample_attrs *a = call->attrs;
  const yolo_shape out = call->out->shape;
  for (int p = first; p < end; p++) {
    const int x = p % out.w, y = p / out.w % out.h, image = p / out.w / out.h;
    float *to = yolo_nth_pixel(call->out, p);
    device->isa->copy_rows(to, 0, yolo_pixel(&call->in[0], image, y / a->factor, x / a->factor), 0, 1, out.c);
    if (a->scale != 1)
      for (int c = 0; c < out.c; c++) to[c] *= a->scale;
  }
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_pixels(device, call, run);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_upsample = {.forward = forward};
