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

/* dL/d in = scale * the sum over its copies; a row of copies at a time, neighbouring pixels in one go. */
static void run_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_upsample_attrs *a = call->attrs;
  const yolo_tensor *grad = &call->grad_in[0], *up = call->grad_out;
  const yolo_shape in = grad->shape;
  for (int p = first, pixels; p < end; p += pixels) {
    const int x = p % in.w, y = p / in.w % in.h, image = p / in.w / in.h;
    pixels = yolo_min_int(end - p, in.w - x);
    for (int k = 0; k < a->factor * a->factor; k++) {
      const float *tap = yolo_pixel(up, image, y * a->factor + k / a->factor, x * a->factor + k % a->factor);
      const yolo_mixture m = {.taps = &tap,
                              .weights = &a->scale,
                              .count = 1,
                              .step = (size_t)a->factor * up->stride,
                              .to = yolo_nth_pixel(grad, p),
                              .to_step = grad->stride,
                              .n = in.c,
                              .pixels = pixels,
                              .add = k > 0 || call->beta[0] != 0};
      device->isa->mix(&m);
    }
  }
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  if (call->grad_in && call->grad_in[0].data) yolo_cpu_pixels_of(device, call, call->grad_in[0].shape, run_back);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_upsample = {.forward = forward, .backward = backward};
