/* dL/d in of a convolution: convolutions of stride 1 over dL/d out, with the kernel turned by 180 degrees and filters and
 * channels exchanged, one for each pair of residues of the strides (cpu_conv2d_phase.h). They run on the forward
 * engines: Winograd where the rule on shapes says so, else the implicit GEMM. Weights are packed anew every call, for
 * they change every step. */
#include "backbone/backend/cpu/cpu_conv2d.h"
#include "backbone/backend/cpu/cpu_conv2d_phase.h"

static int common_divisor(int a, int b) { return b == 0 ? a : common_divisor(b, a % b); }

yolo_conv_phase yolo_conv_phase_of(int residue, int size, int kernel, int stride, int dilation, int pad) {
  const int divisor = common_divisor(stride, dilation);
  yolo_conv_phase p = {.step = stride / divisor, .dilation = dilation / divisor};
  int first = 0;
  if (residue < size) p.count = yolo_divide_up(size - residue, stride);
  for (int k = 0; k < kernel; k++) {
    if ((residue + pad - k * dilation) % stride != 0) continue;
    if (p.taps++ == 0) first = k;
    p.last = k;
  }
  if (p.taps > 0) p.pad = (p.taps - 1) * p.dilation - (residue + pad - first * dilation) / stride;
  return p;
}

/* The convolution that makes one pair of residues. */
typedef struct phase_call {
  yolo_conv_phase y, x;
  yolo_conv2d_attrs attrs;
  yolo_conv_window window;
  yolo_conv_place place;
  yolo_conv_algorithm algorithm;
  yolo_tensor in, out;
  yolo_op_call call;
} phase_call;

static void make_call(const yolo_op_call *call, int residue_y, int residue_x, phase_call *p) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_tensor *up = call->grad_out, *grad = &call->grad_in[0];
  const yolo_shape s = call->in[0].shape;
  p->y = yolo_conv_phase_of(residue_y, s.h, a->kernel_h, a->stride_h, a->dilation, a->pad.top);
  p->x = yolo_conv_phase_of(residue_x, s.w, a->kernel_w, a->stride_w, a->dilation, a->pad.left);
  p->attrs = (yolo_conv2d_attrs){.filters = s.c, .groups = a->groups, .kernel_h = p->y.taps, .kernel_w = p->x.taps};
  p->attrs.stride_h = p->attrs.stride_w = 1;
  p->attrs.dilation = p->y.dilation == p->x.dilation ? p->y.dilation : 0; /* 0: only the window knows both */
  p->attrs.pad = (yolo_pads){.top = p->y.pad, .left = p->x.pad};
  p->window = (yolo_conv_window){p->y.taps, p->x.taps, 1, 1, p->y.dilation, p->x.dilation, p->y.pad, p->x.pad};
  p->in = *up;
  p->out = *grad;
  p->out.shape = (yolo_shape){s.n, p->y.count, p->x.count, s.c};
  p->out.stride = grad->stride * (size_t)a->stride_w;
  p->place.apart = a->stride_h > 1 || a->stride_w > 1;
  p->place.row = grad->stride * (size_t)s.w * (size_t)a->stride_h;
  p->place.image = grad->stride * (size_t)s.w * (size_t)s.h;
  p->place.add = call->beta[0] != 0;
  if (grad->data) p->out.data = yolo_pixel(grad, 0, residue_y, residue_x);
  p->call = (yolo_op_call){.id = YOLO_OP_conv2d, .attrs = &p->attrs, .n_in = 1, .in = &p->in, .out = &p->out};
  p->algorithm = p->place.apart || a->groups > 1 ? YOLO_CONV_DIRECT : yolo_conv_choose(&p->call, 0);
}

/* Weight (o, ky, kx, c) is that of filter c, channel o, and tap (last - ky)/step counted from the end. */
static yolo_conv_weights turned(const yolo_op_call *call, const phase_call *p) {
  const yolo_conv2d_attrs *a = call->attrs;
  const ptrdiff_t channels = call->in[0].shape.c / a->groups, row = channels * a->kernel_w, filter = row * a->kernel_h;
  yolo_conv_weights w = {.filter = 1, .channel = filter, .group = filter * (a->filters / a->groups)};
  w.at = (const float *)call->param[0].data + p->y.last * row + p->x.last * channels;
  w.row = -p->y.step * row;
  w.column = -p->x.step * channels;
  return w;
}

size_t yolo_conv_data_grad_work(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  size_t most = 0;
  for (int y = 0; y < a->stride_h; y++) {
    for (int x = 0; x < a->stride_w; x++) {
      phase_call p;
      make_call(call, y, x, &p);
      if (p.y.taps * p.x.taps == 0 || p.y.count * p.x.count == 0) continue;
      const yolo_op_sizes sizes = yolo_conv_sizes_as(device, &p.call, p.algorithm);
      const size_t bytes = yolo_align64(sizes.pack) + sizes.work;
      if (bytes > most) most = bytes;
    }
  }
  return most;
}

/* No kernel position reaches these pixels: their gradient is zero. */
static void clear(const yolo_device *device, const phase_call *p) {
  if (p->place.add) return;
  for (int row = 0; row < p->out.shape.n * p->out.shape.h; row++) {
    const int image = row / p->out.shape.h, y = row % p->out.shape.h;
    float *to = (float *)p->out.data + (size_t)image * p->place.image + (size_t)y * p->place.row;
    device->isa->zero_rows(to, p->out.stride, p->out.shape.w, p->out.shape.c);
  }
}

static void run_phase(const yolo_device *device, const yolo_op_call *call, phase_call *p) {
  const yolo_conv_weights weights = turned(call, p);
  const yolo_op_sizes sizes = yolo_conv_sizes_as(device, &p->call, p->algorithm);
  yolo_conv_pack_weights_as(device, &p->call, p->algorithm, &weights, call->work);
  p->call.packed = call->work;
  p->call.work = (char *)call->work + yolo_align64(sizes.pack);
  if (p->algorithm == YOLO_CONV_DIRECT)
    yolo_conv_direct_run(device, &p->call, &p->window, &p->place);
  else
    yolo_conv_winograd_forward(device, &p->call, p->algorithm == YOLO_CONV_WINOGRAD2 ? 2 : 4, p->place.add);
}

void yolo_conv_data_grad(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  for (int y = 0; y < a->stride_h; y++) {
    for (int x = 0; x < a->stride_w; x++) {
      phase_call p;
      make_call(call, y, x, &p);
      if (p.y.count * p.x.count == 0) continue;
      if (p.y.taps * p.x.taps == 0)
        clear(device, &p);
      else
        run_phase(device, call, &p);
    }
  }
}
