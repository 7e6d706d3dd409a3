/* Max pooling: all channels of a pixel at once, neighbouring outputs with windows of one form in one go. Wide windows of stride
 * 1 (the pyramids of SPP) go through columns first: the maximum of a square is the maximum over its rows of the maxima over
 * their columns, k + k instead of k k steps. */
#include "backbone/backend/cpu/cpu_maxpool.h"

typedef struct span {
  int from, to; /* cells of one axis inside the map */
} span;

static span window(int out, int stride, int pad, int kernel, int size) {
  const int start = out * stride - pad;
  return (span){yolo_max_int(start, 0), yolo_min_int(start + kernel, size)};
}

enum { MAX_TAPS = 64 };

/* Cells of the window of output (oy, ox); at most MAX_TAPS at a time, the rest joins in place. */
static void pool_pixels(const yolo_device *device, const yolo_op_call *call, int image, int oy, int ox, int pixels) {
  const yolo_maxpool_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  const span y = window(oy, a->stride_h, a->pad.top, a->kernel_h, in->shape.h);
  const span x = window(ox, a->stride_w, a->pad.left, a->kernel_w, in->shape.w);
  const size_t step = (size_t)a->stride_w * in->stride;
  const float *taps[MAX_TAPS];
  float *to = yolo_pixel(call->out, image, oy, ox);
  int count = 0;
  for (int iy = y.from; iy < y.to; iy++)
    for (int ix = x.from; ix < x.to; ix++) {
      if (count == MAX_TAPS) {
        device->isa->max_windows(taps, count, step, in->shape.c, to, call->out->stride, 1);
        taps[0] = to;
        count = 1;
      }
      taps[count++] = yolo_pixel(in, image, iy, ix);
    }
  device->isa->max_windows(taps, count, step, in->shape.c, to, call->out->stride, pixels);
}

/* How many outputs from ox on have windows of the same form: wholly inside, and few enough cells for one pass. */
static int alike(const yolo_op_call *call, int ox, int most) {
  const yolo_maxpool_attrs *a = call->attrs;
  const int first = ox * a->stride_w - a->pad.left, slack = call->in[0].shape.w - a->kernel_w - first;
  if (first < 0 || slack < 0 || (long)a->kernel_h * a->kernel_w > MAX_TAPS) return 1;
  return yolo_min_int(most, slack / a->stride_w + 1);
}

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_shape out = call->out->shape;
  for (int p = first; p < end;) {
    const int x = p % out.w, pixels = alike(call, x, yolo_min_int(end - p, out.w - x));
    pool_pixels(device, call, p / out.w / out.h, p / out.w % out.h, x, pixels);
    p += pixels;
  }
}

/* ---- separable form ---- */

/* A task is one block of channels of one image: its column maxima stay in this thread's scratch, which is to lie in
 * the cache and not to grow with the picture. */
enum { CHANNELS = 64, MOST_SCRATCH = 1 << 20 /* floats */ };

static size_t scratch_floats(const yolo_op_call *call) {
  return (size_t)call->in[0].shape.h * (size_t)call->out->shape.w * CHANNELS;
}

static bool separable(const yolo_op_call *call) {
  const yolo_maxpool_attrs *a = call->attrs;
  return (long)a->kernel_h * a->kernel_w >= 9 && a->stride_h == 1 && a->stride_w == 1 && scratch_floats(call) <= MOST_SCRATCH;
}

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  size_t scratch; /* floats a thread */
} job;

static void pool_block(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_op_call *call = j->call;
  const yolo_maxpool_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  const yolo_shape out = call->out->shape;
  const int blocks = yolo_divide_up(out.c, CHANNELS), image = task / blocks, c = task % blocks * CHANNELS;
  const int n = yolo_min_int(CHANNELS, out.c - c);
  float *lines = (float *)call->work + (size_t)thread * j->scratch; /* (in.h, out.w, CHANNELS) */
  for (int y = 0; y < in->shape.h; y++)
    for (int ox = 0; ox < out.w; ox++) {
      const span x = window(ox, 1, a->pad.left, a->kernel_w, in->shape.w);
      float *to = lines + ((size_t)y * (size_t)out.w + (size_t)ox) * CHANNELS;
      j->device->isa->copy_rows(to, 0, yolo_pixel(in, image, y, x.from) + c, 0, 1, n);
      for (int ix = x.from + 1; ix < x.to; ix++) j->device->isa->max_rows(to, yolo_pixel(in, image, y, ix) + c, n);
    }
  for (int oy = 0; oy < out.h; oy++) {
    const span y = window(oy, 1, a->pad.top, a->kernel_h, in->shape.h);
    for (int ox = 0; ox < out.w; ox++) {
      float *to = yolo_pixel(call->out, image, oy, ox) + c;
      const float *from = lines + ((size_t)y.from * (size_t)out.w + (size_t)ox) * CHANNELS;
      j->device->isa->copy_rows(to, 0, from, 0, 1, n);
      for (int iy = y.from + 1; iy < y.to; iy++) {
        from += (size_t)out.w * CHANNELS;
        j->device->isa->max_rows(to, from, n);
      }
    }
  }
}

static yolo_op_sizes sizes(const yolo_device *device, const yolo_op_call *call, int thrift) {
  (void)thrift;
  if (call->training || !separable(call)) return (yolo_op_sizes){0, 0};
  return (yolo_op_sizes){.pack = 0, .work = scratch_floats(call) * (size_t)device->threads * sizeof(float)};
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  if (call->training) {
    yolo_cpu_maxpool_train(device, call);
  } else if (separable(call)) {
    job j = {device, call, scratch_floats(call)};
    yolo_parallel(device->threads, call->out->shape.n * yolo_divide_up(call->out->shape.c, CHANNELS), pool_block, &j);
  } else {
    yolo_cpu_pixels(device, call, run);
  }
  return YOLO_OK;
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  if (call->grad_in && call->grad_in[0].data) yolo_cpu_maxpool_back(device, call);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_maxpool = {.sizes = sizes, .forward = forward, .backward = backward, .trains = true};
