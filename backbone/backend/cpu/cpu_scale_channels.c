/* Squeeze-and-excitation's last step: a map times one factor a channel (or, with scale_wh, one a pixel). */
#include "backbone/backend/cpu/cpu.h"

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_scale_channels_attrs *a = call->attrs;
  const yolo_shape out = call->out->shape;
  for (int p = first; p < end; p++) {
    const float *from = yolo_nth_pixel(&call->in[0], p);
    float *to = yolo_nth_pixel(call->out, p);
    if (a->scale_wh) {
      const float factor = *yolo_nth_pixel(&call->in[1], p);
      for (int c = 0; c < out.c; c++) to[c] = from[c] * factor;
    } else {
      device->isa->multiply(to, from, yolo_nth_pixel(&call->in[1], p / (out.h * out.w)), out.c);
    }
  }
  yolo_cpu_activate(device, call->out, first, end, a->act);
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_pixels_of(device, call, call->out->shape, run);
  return YOLO_OK;
}

/* ---- backward, one factor a channel ----
 *
 * A multiplication by one factor a channel is batch norm's line through 0, an image at a time: dL/d in[0] is its way back
 * without the means, dL/d in[1] the sum that there leads to gamma. The sums are those of chunks of rows, joined in their order.
 */

enum { CHUNK = 16384 /* floats */, LEAST_ROWS = 16, MOST_ROWS = 1024 };

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  yolo_shape shape;
  int rows, chunks;     /* of an image */
  float *zeros, *parts; /* (C); (images, chunks, 2, C) */
} job;

static int chunk_rows(yolo_shape s) { return yolo_min_int(MOST_ROWS, yolo_max_int(LEAST_ROWS, CHUNK / s.c)); }
static int chunk_count(yolo_shape s) { return yolo_divide_up(s.h * s.w, chunk_rows(s)); }

static size_t backward_work(const yolo_device *device, const yolo_op_call *call) {
  const yolo_scale_channels_attrs *a = call->attrs;
  const yolo_shape s = call->in[0].shape;
  (void)device;
  return a->scale_wh ? 0 : (2 * (size_t)s.n * (size_t)chunk_count(s) + 1) * (size_t)s.c * sizeof(float);
}

static void back_chunk(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_op_call *call = j->call;
  const yolo_scale_channels_attrs *a = call->attrs;
  const int image = task / j->chunks, map = j->shape.h * j->shape.w, row = task % j->chunks * j->rows;
  const size_t first = (size_t)image * (size_t)map + (size_t)row, channels = (size_t)j->shape.c;
  const yolo_tensor *grad = &call->grad_in[0];
  yolo_norm_rows r = {.x = yolo_nth_pixel(&call->in[0], first),
                      .ldx = call->in[0].stride,
                      .up = yolo_nth_pixel(call->grad_out, first),
                      .ldup = call->grad_out->stride,
                      .rows = yolo_min_int(j->rows, map - row),
                      .cols = j->shape.c,
                      .act = a->act,
                      .mean = j->zeros,
                      .scale = yolo_nth_pixel(&call->in[1], (size_t)image),
                      .bias = j->zeros,
                      .level = j->zeros,
                      .slant = j->zeros};
  float *sum = j->parts + 2 * (size_t)task * channels;
  (void)thread;
  if (call->grad_in[1].data) j->device->isa->norm_sums(&r, sum, sum + channels);
  if (!grad->data) return;
  r.to = yolo_nth_pixel(grad, first);
  r.ldto = grad->stride;
  r.add = call->beta[0] != 0;
  j->device->isa->norm_back(&r);
}

static void join_chunks(void *payload, int task, int thread) {
  const job *j = payload;
  float *to = yolo_nth_pixel(&j->call->grad_in[1], (size_t)task);
  const size_t channels = (size_t)j->shape.c;
  const float *dots = j->parts + (2 * (size_t)task * (size_t)j->chunks + 1) * channels;
  (void)thread;
  for (size_t c = 0; c < channels; c++) {
    double sum = j->call->beta[1] != 0 ? to[c] : 0;
    for (int k = 0; k < j->chunks; k++) sum += dots[2 * (size_t)k * channels + c];
    to[c] = (float)sum;
  }
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_scale_channels_attrs *a = call->attrs;
  const yolo_shape s = call->in[0].shape;
  if (!call->grad_in) return YOLO_OK;
  if (a->scale_wh) return yolo_op_scale_channels.backward(call); /* rare */
  float *work = call->work;
  job j = {device, call, s, chunk_rows(s), chunk_count(s), work, work + s.c};
  device->isa->zero_rows(j.zeros, 0, 1, s.c);
  yolo_parallel(device->threads, s.n * j.chunks, back_chunk, &j);
  if (call->grad_in[1].data) yolo_parallel(device->threads, s.n, join_chunks, &j);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_scale_channels = {.forward = forward, .backward = backward, .backward_work = backward_work};
