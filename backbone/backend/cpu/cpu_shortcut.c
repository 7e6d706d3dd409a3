/* Shortcut additions: the unweighted form on maps of one size is fast; weighted and subsampled ones are rare and run
 * the plain loops. */
#include "backbone/backend/cpu/cpu.h"

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_shortcut_attrs *a = call->attrs;
  const yolo_tensor *out = call->out;
  if (call->in[0].data != out->data)
    device->isa->copy_rows(yolo_nth_pixel(out, first), out->stride, yolo_nth_pixel(&call->in[0], first), call->in[0].stride,
                           end - first, out->shape.c);
  for (int i = 1; i < call->n_in; i++) {
    const yolo_tensor *in = &call->in[i];
    const int common = yolo_min_int(in->shape.c, out->shape.c);
    for (int p = first; p < end; p++) device->isa->add_rows(yolo_nth_pixel(out, p), yolo_nth_pixel(in, p), common);
  }
  yolo_cpu_activate(device, out, first, end, a->act);
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_shortcut_attrs *a = call->attrs;
  bool same_size = true;
  for (int i = 1; i < call->n_in; i++)
    same_size = same_size && call->in[i].shape.h == call->out->shape.h && call->in[i].shape.w == call->out->shape.w &&
                (call->in[i].data != call->out->data);
  if (a->weights_per || !same_size) return yolo_op_shortcut.forward(call);
  yolo_cpu_pixels(device, call, run);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_shortcut = {.forward = forward};
