/* The gradients of a depthwise convolution.
 *
 * dL/d in: every input row is made by the forward kernel from rows of dL/d out, with the kernel turned around; with a
 * stride, one residue of columns after the other (cpu_conv2d_phase.h).
 * dL/d weight: each part of the rows of outputs sums its own taps, and the parts are added in order. */
#include <string.h>

#include "backbone/backend/cpu/cpu_conv2d.h"
#include "backbone/backend/cpu/cpu_conv2d_phase.h"
#include "backbone/backend/cpu/cpu_sums.h"

enum { PARTS = 32 };

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  const yolo_conv2d_attrs *a;
  size_t padded; /* channels, to whole vectors */
  int rows, tasks;
  float *weights; /* (residues y, residues x, taps, padded): the kernel's taps, sorted by residues and turned around */
  float *partial; /* (tasks, KH*KW, padded) */
} job;

static job make_job(const yolo_device *device, const yolo_op_call *call, int rows) {
  job j = {.device = device, .call = call, .a = call->attrs, .rows = rows, .tasks = yolo_min_int(PARTS, rows)};
  j.padded = (size_t)yolo_round_up(call->in[0].shape.c, device->isa->lanes);
  return j;
}

static size_t kernel_floats(const job *j) { return (size_t)(j->a->kernel_h * j->a->kernel_w) * j->padded; }
static int row_at(const job *j, int task) { return (int)((long)j->rows * task / j->tasks); }

static yolo_conv_phase phase_y(const job *j, int residue) {
  return yolo_conv_phase_of(residue, j->call->in[0].shape.h, j->a->kernel_h, j->a->stride_h, j->a->dilation, j->a->pad.top);
}
static yolo_conv_phase phase_x(const job *j, int residue) {
  return yolo_conv_phase_of(residue, j->call->in[0].shape.w, j->a->kernel_w, j->a->stride_w, j->a->dilation, j->a->pad.left);
}

size_t yolo_conv_depthwise_grad_work(const yolo_device *device, const yolo_op_call *call) {
  const job j = make_job(device, call, PARTS);
  return kernel_floats(&j) * (PARTS + 1) * sizeof(float);
}

/* ---- dL/d in ---- */

/* The taps of one pair of residues, which begin at `to`. */
static float *pack_phase(const job *j, const yolo_conv_phase *y, const yolo_conv_phase *x, float *to) {
  const int channels = j->call->in[0].shape.c, taps = j->a->kernel_h * j->a->kernel_w;
  const float *weight = j->call->param[0].data; /* (C, KH, KW, 1) */
  for (int ky = 0; ky < y->taps; ky++)
    for (int kx = 0; kx < x->taps; kx++, to += j->padded) {
      const float *tap = weight + (y->last - ky * y->step) * j->a->kernel_w + x->last - kx * x->step;
      for (int c = 0; c < channels; c++) to[c] = tap[(size_t)c * (size_t)taps];
    }
  return to;
}

static void pack(const job *j) {
  float *to = j->weights;
  memset(to, 0, kernel_floats(j) * sizeof *to);
  for (int ry = 0; ry < j->a->stride_h; ry++)
    for (int rx = 0; rx < j->a->stride_w; rx++) {
      const yolo_conv_phase y = phase_y(j, ry), x = phase_x(j, rx);
      to = pack_phase(j, &y, &x, to);
    }
}

/* Columns rx, rx + stride, ... of one input row, from rows of dL/d out. `weights`: of this pair of residues. */
static void make_columns(const job *j, const yolo_depthwise_row *row, const yolo_conv_phase *x, int rx, const float *weights,
                         float *to) {
  const yolo_tensor *grad = &j->call->grad_in[0];
  yolo_depthwise_row r = *row;
  r.out = to + (size_t)rx * grad->stride;
  r.out_w = x->count;
  r.kernel_w = x->taps;
  r.dilation = x->dilation;
  r.pad_left = x->pad;
  r.weight = weights;
  if (x->taps > 0 && r.kernel_h > 0)
    j->device->isa->depthwise(&r);
  else if (!r.add)
    j->device->isa->zero_rows(r.out, r.out_stride, r.out_w, r.channels);
}

static void make_row(const job *j, int image, int iy) {
  const yolo_tensor *up = j->call->grad_out, *grad = &j->call->grad_in[0];
  const int ry = iy % j->a->stride_h;
  const float *rows[YOLO_DEPTHWISE_MAX_KERNEL], *weights = j->weights;
  for (int r = 0; r < ry; r++) weights += (size_t)(phase_y(j, r).taps * j->a->kernel_w) * j->padded;
  const yolo_conv_phase y = phase_y(j, ry);
  for (int ky = 0; ky < y.taps; ky++) {
    const int oy = iy / j->a->stride_h - y.pad + ky * y.dilation;
    rows[ky] = oy < 0 || oy >= up->shape.h ? NULL : yolo_pixel(up, image, oy, 0);
  }
  yolo_depthwise_row row = {.rows = rows, .in_stride = up->stride, .in_w = up->shape.w, .channels = up->shape.c, .slope = 1};
  row.out_stride = grad->stride * (size_t)j->a->stride_w;
  row.kernel_h = y.taps;
  row.stride = 1;
  row.weight_stride = j->padded;
  row.add = j->call->beta[0] != 0;
  for (int rx = 0; rx < j->a->stride_w; rx++) {
    const yolo_conv_phase x = phase_x(j, rx);
    make_columns(j, &row, &x, rx, weights, yolo_pixel(grad, image, iy, 0));
    weights += (size_t)(y.taps * x.taps) * j->padded;
  }
}

static void make_rows(void *payload, int task, int thread) {
  const job *j = payload;
  const int h = j->call->in[0].shape.h;
  (void)thread;
  for (int row = row_at(j, task); row < row_at(j, task + 1); row++) make_row(j, row / h, row % h);
}

void yolo_conv_depthwise_data_grad(const yolo_device *device, const yolo_op_call *call) {
  job j = make_job(device, call, call->in[0].shape.n * call->in[0].shape.h);
  j.weights = call->work;
  pack(&j);
  yolo_parallel(device->threads, j.tasks, make_rows, &j);
}

/* ---- dL/d weight ---- */

static void sum_row(const job *j, int image, int oy, float *sums) {
  const yolo_tensor *in = &j->call->in[0], *up = j->call->grad_out;
  const float *rows[YOLO_DEPTHWISE_MAX_KERNEL];
  for (int ky = 0; ky < j->a->kernel_h; ky++) {
    const int iy = oy * j->a->stride_h - j->a->pad.top + ky * j->a->dilation;
    rows[ky] = iy < 0 || iy >= in->shape.h ? NULL : yolo_pixel(in, image, iy, 0);
  }
  yolo_depthwise_sums r = {.rows = rows, .up = yolo_pixel(up, image, oy, 0), .in_stride = in->stride, .up_stride = up->stride};
  r.in_w = in->shape.w;
  r.out_w = up->shape.w;
  r.channels = in->shape.c;
  r.kernel_h = j->a->kernel_h;
  r.kernel_w = j->a->kernel_w;
  r.stride = j->a->stride_w;
  r.dilation = j->a->dilation;
  r.pad_left = j->a->pad.left;
  r.sums = sums;
  r.sums_stride = j->padded;
  j->device->isa->depthwise_sums(&r);
}

static void sum_part(void *payload, int task, int thread) {
  const job *j = payload;
  const int h = j->call->grad_out->shape.h;
  float *sums = j->partial + (size_t)task * kernel_floats(j);
  (void)thread;
  memset(sums, 0, kernel_floats(j) * sizeof *sums);
  for (int row = row_at(j, task); row < row_at(j, task + 1); row++) sum_row(j, row / h, row % h, sums);
}

void yolo_conv_depthwise_weight_grad(const yolo_device *device, const yolo_op_call *call) {
  job j = make_job(device, call, call->grad_out->shape.n * call->grad_out->shape.h);
  const int taps = j.a->kernel_h * j.a->kernel_w, channels = call->in[0].shape.c;
  float *sums = call->work, *grad = call->grad_param[0].data;
  j.partial = sums + kernel_floats(&j);
  yolo_parallel(device->threads, j.tasks, sum_part, &j);
  memset(sums, 0, kernel_floats(&j) * sizeof *sums);
  yolo_cpu_add_parts(device, j.partial, j.tasks, kernel_floats(&j), sums);
  for (int c = 0; c < channels; c++)
    for (int t = 0; t < taps; t++) grad[(size_t)c * (size_t)taps + (size_t)t] += sums[(size_t)t * j.padded + (size_t)c];
}
