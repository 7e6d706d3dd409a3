/* Max pooling in training: forward also leaves where each maximum stood (y*W + x, dense, as in ops/op_maxpool.c).
 *
 * The way back is a gathering where windows overlap little: a pixel of the input looks at the few outputs whose windows hold
 * it, takes the gradient of those whose maximum it was, and is written once. Where windows overlap much (the pyramids of SPP)
 * that would be k k looks a pixel; there every output sends its gradient to one place, a block of channels of an image a task,
 * so that no two tasks meet. Either way one thread adds to a value, in the order of the outputs. */
#include "backbone/backend/cpu/cpu_maxpool.h"

enum { MAX_TAPS = 256, MOST_LOOKS = 9, CHANNELS = 16 /* of a task that sends: a cache line */ };

typedef struct span {
  int from, to;
} span;

/* Cells of one axis inside the map that the window of output `out` holds. */
static span window(int out, int stride, int pad, int kernel, int size) {
  const int start = out * stride - pad;
  return (span){yolo_max_int(start, 0), yolo_min_int(start + kernel, size)};
}

/* Outputs whose window holds input cell `in`. */
static span holders(int in, int stride, int pad, int kernel, int outputs) {
  const int at = in + pad, first = at - kernel + 1;
  return (span){first > 0 ? yolo_divide_up(first, stride) : 0, yolo_min_int(at / stride + 1, outputs)};
}

static int32_t *saved_at(const yolo_op_call *call, int image, int y, int x) {
  const yolo_shape s = call->grad_out ? call->grad_out->shape : call->out->shape;
  return (int32_t *)call->saved + (((size_t)image * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c;
}

/* ---- forward ---- */

/* The cells of a window are looked at in pieces: later pieces are joined to what was found so far. */
static void join_maxima(float *to, int32_t *found, const float *next, const int32_t *next_found, int n) {
  for (int c = 0; c < n; c++) {
    if (!(next[c] > to[c])) continue;
    to[c] = next[c];
    found[c] = next_found[c];
  }
}

/* A window with too many cells for one look, some channels at a time. */
static void large_window(const yolo_device *device, const yolo_op_call *call, int image, int oy, int ox, span y, span x) {
  const yolo_tensor *in = &call->in[0];
  float *to = yolo_pixel(call->out, image, oy, ox), next[CHANNELS];
  int32_t *found = saved_at(call, image, oy, ox), next_found[CHANNELS];
  for (int c = 0; c < in->shape.c; c += CHANNELS) {
    const int n = yolo_min_int(CHANNELS, in->shape.c - c);
    for (int iy = y.from; iy < y.to; iy++)
      for (int ix = x.from; ix < x.to; ix += MAX_TAPS) {
        const float *taps[MAX_TAPS];
        int where[MAX_TAPS];
        const int count = yolo_min_int(MAX_TAPS, x.to - ix);
        const bool first = iy == y.from && ix == x.from;
        for (int t = 0; t < count; t++) {
          taps[t] = yolo_pixel(in, image, iy, ix + t) + c;
          where[t] = iy * in->shape.w + ix + t;
        }
        device->isa->max_where(taps, where, count, 0, 0, n, first ? to + c : next, 0, first ? found + c : next_found, 1);
        if (!first) join_maxima(to + c, found + c, next, next_found, n);
      }
  }
}

static void small_windows(const yolo_device *device, const yolo_op_call *call, int image, int oy, int ox, span y, span x,
                          int pixels) {
  const yolo_maxpool_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  const float *taps[MAX_TAPS];
  int where[MAX_TAPS], count = 0;
  for (int iy = y.from; iy < y.to; iy++)
    for (int ix = x.from; ix < x.to; ix++) {
      taps[count] = yolo_pixel(in, image, iy, ix);
      where[count++] = iy * in->shape.w + ix;
    }
  device->isa->max_where(taps, where, count, (size_t)a->stride_w * in->stride, a->stride_w, in->shape.c,
                         yolo_pixel(call->out, image, oy, ox), call->out->stride, saved_at(call, image, oy, ox), pixels);
}

/* How many outputs from ox on have windows that lie wholly inside. */
static int alike(const yolo_op_call *call, int ox, int most) {
  const yolo_maxpool_attrs *a = call->attrs;
  const int first = ox * a->stride_w - a->pad.left, slack = call->in[0].shape.w - a->kernel_w - first;
  return first < 0 || slack < 0 ? 1 : yolo_min_int(most, slack / a->stride_w + 1);
}

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_maxpool_attrs *a = call->attrs;
  const yolo_shape in = call->in[0].shape, out = call->out->shape;
  for (int p = first, pixels; p < end; p += pixels) {
    const int ox = p % out.w, oy = p / out.w % out.h, image = p / out.w / out.h;
    const span y = window(oy, a->stride_h, a->pad.top, a->kernel_h, in.h);
    const span x = window(ox, a->stride_w, a->pad.left, a->kernel_w, in.w);
    pixels = 1;
    if ((long)(y.to - y.from) * (x.to - x.from) > MAX_TAPS) {
      large_window(device, call, image, oy, ox, y, x);
      continue;
    }
    pixels = alike(call, ox, yolo_min_int(end - p, out.w - ox));
    small_windows(device, call, image, oy, ox, y, x, pixels);
  }
}

void yolo_cpu_maxpool_train(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_pixels_of(device, call, call->out->shape, run);
}

/* ---- backward: gathering ---- */

/* Pixels x, x + stride, x + 2 stride ... of a row of the input, as many as are held by outputs in the same way as the first. */
static void gather_pixels(const yolo_device *device, const yolo_op_call *call, int image, int y, int x, span oy, span ox,
                          int pixels) {
  const yolo_maxpool_attrs *a = call->attrs;
  const yolo_tensor *grad = &call->grad_in[0], *up = call->grad_out;
  const float *ups[MOST_LOOKS];
  const int *where[MOST_LOOKS];
  int count = 0;
  for (int i = oy.from; i < oy.to; i++)
    for (int k = ox.from; k < ox.to; k++) {
      ups[count] = yolo_pixel(up, image, i, k);
      where[count++] = saved_at(call, image, i, k);
    }
  const yolo_max_back m = {.up = ups,
                           .where = where,
                           .count = count,
                           .here = y * grad->shape.w + x,
                           .here_step = a->stride_w,
                           .up_step = up->stride,
                           .where_step = (size_t)up->shape.c,
                           .to = yolo_pixel(grad, image, y, x),
                           .to_step = (size_t)a->stride_w * grad->stride,
                           .n = up->shape.c,
                           .pixels = pixels,
                           .add = call->beta[0] != 0};
  device->isa->max_back(&m);
}

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
} job;

/* One row of the input, every stride-th pixel together. */
static void gather_row(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_maxpool_attrs *a = j->call->attrs;
  const yolo_shape in = j->call->grad_in[0].shape, out = j->call->grad_out->shape;
  const int image = task / in.h, y = task % in.h;
  const span oy = holders(y, a->stride_h, a->pad.top, a->kernel_h, out.h);
  (void)thread;
  for (int phase = 0; phase < a->stride_w && phase < in.w; phase++)
    for (int x = phase; x < in.w;) {
      const span first = holders(x, a->stride_w, a->pad.left, a->kernel_w, out.w);
      int pixels = 1;
      for (int next = x + a->stride_w; next < in.w; next += a->stride_w, pixels++) {
        const span s = holders(next, a->stride_w, a->pad.left, a->kernel_w, out.w);
        if (s.from != first.from + pixels || s.to != first.to + pixels) break;
      }
      gather_pixels(j->device, j->call, image, y, x, oy, first, pixels);
      x += pixels * a->stride_w;
    }
}

/* ---- backward: sending ---- */

static void send_block(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_op_call *call = j->call;
  const yolo_tensor *grad = &call->grad_in[0], *up = call->grad_out;
  const yolo_shape in = grad->shape, out = up->shape;
  const int blocks = yolo_divide_up(in.c, CHANNELS), image = task / blocks, c = task % blocks * CHANNELS;
  const int n = yolo_min_int(CHANNELS, in.c - c);
  float *map = yolo_pixel(grad, image, 0, 0) + c;
  (void)thread;
  if (call->beta[0] == 0) j->device->isa->zero_rows(map, grad->stride, in.h * in.w, n);
  for (int y = 0; y < out.h; y++)
    for (int x = 0; x < out.w; x++) {
      const float *g = yolo_pixel(up, image, y, x) + c;
      const int32_t *where = saved_at(call, image, y, x) + c;
      for (int i = 0; i < n; i++) map[(size_t)where[i] * grad->stride + (size_t)i] += g[i];
    }
}

void yolo_cpu_maxpool_back(const yolo_device *device, const yolo_op_call *call) {
  const yolo_maxpool_attrs *a = call->attrs;
  const yolo_shape in = call->grad_in[0].shape;
  const long looks = (long)yolo_divide_up(a->kernel_h, a->stride_h) * yolo_divide_up(a->kernel_w, a->stride_w);
  job j = {device, call};
  if (looks <= MOST_LOOKS)
    yolo_parallel(device->threads, in.n * in.h, gather_row, &j);
  else
    yolo_parallel(device->threads, in.n * yolo_divide_up(in.c, CHANNELS), send_block, &j);
}
