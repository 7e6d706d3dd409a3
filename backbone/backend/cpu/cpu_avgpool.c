/* Mean pooling: cells outside the map are left out of the mean. Sums run in the order of the cells whatever the
 * number of threads; the global form gives each thread a block of channels. */
#include "backbone/backend/cpu/cpu.h"

enum { CHANNELS = 64 }; /* of a task */

/* The mean over rows [y0, y1), columns [x0, x1) of channels [c, c + n), n at most CHANNELS. */
static void mean_of(const yolo_device *device, const yolo_op_call *call, float *to, int image, int y0, int y1, int x0, int x1,
                    int c, int n) {
  const yolo_tensor *in = &call->in[0];
  const float share = 1.0f / (float)((y1 - y0) * (x1 - x0));
  device->isa->zero_rows(to, 0, 1, n);
  for (int y = y0; y < y1; y++) {
    /* Row by row, so that a large map's sum does not lose small values to one long chain. */
    float line[CHANNELS];
    device->isa->zero_rows(line, 0, 1, n);
    for (int x = x0; x < x1; x++) device->isa->add_rows(line, yolo_pixel(in, image, y, x) + c, n);
    device->isa->add_rows(to, line, n);
  }
  for (int i = 0; i < n; i++) to[i] *= share;
}

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
} job;

static void run(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_avgpool_attrs *a = j->call->attrs;
  const yolo_shape in = j->call->in[0].shape, out = j->call->out->shape;
  const int blocks = yolo_divide_up(out.c, CHANNELS), row = task / blocks, c = task % blocks * CHANNELS;
  const int image = row / out.h, oy = row % out.h, n = yolo_min_int(CHANNELS, out.c - c);
  (void)thread;
  for (int ox = 0; ox < out.w; ox++) {
    int y0 = 0, y1 = in.h, x0 = 0, x1 = in.w;
    if (!a->global) {
      y0 = yolo_max_int(0, oy * a->stride_h - a->pad.top);
      y1 = yolo_min_int(in.h, oy * a->stride_h - a->pad.top + a->kernel_h);
      x0 = yolo_max_int(0, ox * a->stride_w - a->pad.left);
      x1 = yolo_min_int(in.w, ox * a->stride_w - a->pad.left + a->kernel_w);
    }
    mean_of(j->device, j->call, yolo_pixel(j->call->out, image, oy, ox) + c, image, y0, y1, x0, x1, c, n);
  }
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_shape out = call->out->shape;
  job j = {device, call};
  yolo_parallel(device->threads, out.n * out.h * yolo_divide_up(out.c, CHANNELS), run, &j);
  return YOLO_OK;
}

/* ---- backward: every pixel of the input collects its shares of the windows that hold it ---- */

enum { MAX_TAPS = 16 };

typedef struct taps {
  const float *at[MAX_TAPS];
  float weight[MAX_TAPS];
  int count;
} taps;

static void collect(const yolo_device *device, const yolo_op_call *call, int pixel, taps *t, bool *add) {
  const yolo_mixture m = {.taps = t->at,
                          .weights = t->weight,
                          .count = t->count,
                          .to = yolo_nth_pixel(&call->grad_in[0], pixel),
                          .n = call->grad_in[0].shape.c,
                          .pixels = 1,
                          .add = *add};
  if (t->count > 0) device->isa->mix(&m);
  *add = *add || t->count > 0;
  t->count = 0;
}

static int cells(int out, int stride, int pad, int kernel, int size) {
  return yolo_min_int(size, out * stride - pad + kernel) - yolo_max_int(0, out * stride - pad);
}

static void run_windows_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_avgpool_attrs *a = call->attrs;
  const yolo_shape in = call->grad_in[0].shape, out = call->grad_out->shape;
  for (int p = first; p < end; p++) {
    const int x = p % in.w + a->pad.left, y = p / in.w % in.h + a->pad.top, image = p / in.w / in.h;
    bool add = call->beta[0] != 0;
    taps t = {.count = 0};
    for (int oy = yolo_max_int(0, yolo_divide_up(y - a->kernel_h + 1, a->stride_h)); oy <= y / a->stride_h && oy < out.h; oy++)
      for (int ox = yolo_max_int(0, yolo_divide_up(x - a->kernel_w + 1, a->stride_w)); ox <= x / a->stride_w && ox < out.w;
           ox++) {
        if (t.count == MAX_TAPS) collect(device, call, p, &t, &add);
        t.at[t.count] = yolo_pixel(call->grad_out, image, oy, ox);
        t.weight[t.count++] = 1.0f / (float)(cells(oy, a->stride_h, a->pad.top, a->kernel_h, in.h) *
                                             cells(ox, a->stride_w, a->pad.left, a->kernel_w, in.w));
      }
    collect(device, call, p, &t, &add);
    if (!add) device->isa->zero_rows(yolo_nth_pixel(&call->grad_in[0], p), 0, 1, in.c); /* between the windows */
  }
}

static void run_global_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_shape in = call->grad_in[0].shape;
  const int map = in.h * in.w;
  for (int p = first, pixels; p < end; p += pixels) {
    bool add = call->beta[0] != 0;
    const float *tap = yolo_nth_pixel(call->grad_out, p / map), weight = 1.0f / (float)map;
    pixels = yolo_min_int(end, (p / map + 1) * map) - p;
    const yolo_mixture m = {.taps = &tap,
                            .weights = &weight,
                            .count = 1,
                            .to = yolo_nth_pixel(&call->grad_in[0], p),
                            .to_step = call->grad_in[0].stride,
                            .n = in.c,
                            .pixels = pixels,
                            .add = add};
    device->isa->mix(&m);
  }
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_avgpool_attrs *a = call->attrs;
  if (call->grad_in && call->grad_in[0].data)
    yolo_cpu_pixels_of(device, call, call->grad_in[0].shape, a->global ? run_global_back : run_windows_back);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_avgpool = {.forward = forward, .backward = backward};
