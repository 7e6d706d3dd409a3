/* Shortcut additions: the unweighted form on maps of one size is fast; weighted and subsampled ones are rare and run
 * the plain loops. */
#include "backbone/backend/cpu/cpu.h"

/* out = so_far + in, over the channels that both have; others keep what they are. */
static void add_input(const yolo_device *device, const yolo_tensor *so_far, const yolo_tensor *in, const yolo_tensor *out,
                      int first, int end) {
  const int all = out->shape.c, common = yolo_min_int(in->shape.c, all);
  const int pixels = so_far->stride == in->stride ? end - first : 1; /* in one go */
  for (int p = first; p < end; p += pixels) {
    const float *taps[2] = {yolo_nth_pixel(so_far, p), yolo_nth_pixel(in, p)};
    const yolo_mixture m = {.taps = taps,
                            .count = 2,
                            .step = in->stride,
                            .to = yolo_nth_pixel(out, p),
                            .to_step = out->stride,
                            .n = common,
                            .pixels = pixels};
    device->isa->mix(&m);
  }
  if (common < all && so_far->data != out->data)
    device->isa->copy_rows(yolo_nth_pixel(out, first) + common, out->stride, yolo_nth_pixel(so_far, first) + common,
                           so_far->stride, end - first, all - common);
}

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_shortcut_attrs *a = call->attrs;
  for (int i = 1; i < call->n_in; i++)
    add_input(device, i == 1 ? &call->in[0] : call->out, &call->in[i], call->out, first, end);
  yolo_cpu_activate(device, call->out, first, end, a->act);
}

static bool plain(const yolo_op_call *call, yolo_shape out) {
  const yolo_shortcut_attrs *a = call->attrs;
  bool same_size = true;
  for (int i = 1; i < call->n_in; i++) same_size = same_size && call->in[i].shape.h == out.h && call->in[i].shape.w == out.w;
  return same_size && a->weights_per == 0;
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  bool apart = true;
  for (int i = 1; i < call->n_in; i++) apart = apart && call->in[i].data != call->out->data;
  if (!plain(call, call->out->shape) || !apart) return yolo_op_shortcut.forward(call);
  yolo_cpu_pixels_of(device, call, call->out->shape, run);
  return YOLO_OK;
}

/* ---- backward: dL/d sum goes to every input ---- */

/* Only activations whose slope can be told from the output, or none. In order, since two inputs may lie in one buffer and the
 * first writes there; but dL/d in[0] last where it lies over dL/d out (nothing else lies there then). */
static void run_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_shortcut_attrs *a = call->attrs;
  const yolo_tensor *up = call->grad_out;
  const int begin = call->grad_in[0].data == up->data;
  for (int k = begin; k < begin + call->n_in; k++) {
    const int i = k % call->n_in;
    const yolo_tensor *to = &call->grad_in[i];
    if (!to->data) continue;
    yolo_tensor part = *up;
    part.shape.c = yolo_min_int(to->shape.c, up->shape.c);
    yolo_cpu_slope(device, a->act, call->out, &part, to, first, end, call->beta[i] != 0);
    if (call->beta[i] == 0 && to->shape.c > part.shape.c) /* channels that were dropped */
      device->isa->zero_rows(yolo_nth_pixel(to, first) + part.shape.c, to->stride, end - first, to->shape.c - part.shape.c);
  }
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_shortcut_attrs *a = call->attrs;
  if (!call->grad_in) return YOLO_OK;
  if (!plain(call, call->grad_out->shape) || !yolo_activation_slope_of_output(a->act)) return yolo_op_shortcut.backward(call);
  yolo_cpu_pixels_of(device, call, call->grad_out->shape, run_back);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_shortcut = {.forward = forward, .backward = backward};
