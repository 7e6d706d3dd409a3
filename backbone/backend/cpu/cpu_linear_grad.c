/* The gradients of a fully connected layer, for n images, o outputs, f features:
 *
 *   dW(o, f) += sum_n up(n, o) in(n, f)          dL/d in(n, f) = sum_o up(n, o) W(o, f)          db(o) += sum_n up(n, o)
 *
 * Both products are sums of outer products (isa_outer.inc). With few images each weight is used but a few times, so
 * memory is the limit: dW is walked along its rows, W along its columns a panel at a time. */
#include <string.h>

#include "backbone/backend/cpu/cpu_linear.h"
#include "backbone/backend/cpu/cpu_sums.h"

enum { DEPTH = 256 }; /* terms of a sum that are formed by themselves, which keeps the rounding of deep sums small */

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  int images, outputs, features;
  size_t row;       /* floats from one image's features to the next, padded to whole panels */
  float *dense;     /* (images, row): the features of in, then dL/d in */
  float *up;        /* (outputs, mr): up of a group of images, turned around */
  float *tail;      /* (outputs, nr): the last panel of W, padded */
  int first, count; /* of the present group of images */
} job;

static job make_job(const yolo_device *device, const yolo_op_call *call) {
  const yolo_linear_attrs *a = call->attrs;
  const yolo_shape in = call->in[0].shape;
  job j = {.device = device, .call = call, .images = in.n, .outputs = a->outputs, .features = in.h * in.w * in.c};
  j.row = (size_t)yolo_round_up(j.features, device->isa->nr);
  j.dense = call->work;
  j.up = j.dense + (size_t)j.images * j.row;
  j.tail = j.up + (size_t)j.outputs * (size_t)device->isa->mr;
  return j;
}

size_t yolo_linear_backward_work(const yolo_device *device, const yolo_op_call *call) {
  yolo_op_call unplaced = *call;
  unplaced.work = NULL;
  const job j = make_job(device, &unplaced);
  const size_t panels = (size_t)j.outputs * (size_t)(device->isa->mr + device->isa->nr);
  const size_t bytes = ((size_t)j.images * j.row + panels) * sizeof(float),
               sums = yolo_cpu_channel_sums_work(call->grad_out->shape);
  return bytes > sums ? bytes : sums;
}

/* ---- dW ---- */

static void gather(const job *j) {
  const yolo_tensor *in = &j->call->in[0];
  const int pixels = in->shape.h * in->shape.w, c = in->shape.c;
  for (int i = 0; i < j->images; i++) {
    float *to = j->dense + (size_t)i * j->row;
    for (int p = 0; p < pixels; p++, to += c) memcpy(to, yolo_nth_pixel(in, (size_t)(i * pixels + p)), (size_t)c * sizeof *to);
    memset(to, 0, (j->row - (size_t)j->features) * sizeof *to);
  }
}

/* Rows of dW, as many as a tile has. */
static void add_rows_of_weights(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_isa *isa = j->device->isa;
  const yolo_tensor *up = j->call->grad_out;
  const int o = task * isa->mr, rows = yolo_min_int(isa->mr, j->outputs - o);
  float *grad = (float *)j->call->grad_param[0].data + (size_t)o * (size_t)j->features;
  (void)thread;
  for (int f = 0; f < j->features; f += isa->nr) {
    yolo_outer tile = {.a_step = up->stride, .b_step = j->row, .c = grad + f, .ldc = (size_t)j->features, .add = true};
    tile.cols = yolo_min_int(isa->nr, j->features - f);
    for (int n = 0; n < j->images; n += DEPTH) {
      tile.a = yolo_nth_pixel(up, (size_t)n) + o;
      tile.b = j->dense + (size_t)n * j->row + f;
      tile.depth = yolo_min_int(DEPTH, j->images - n);
      isa->outer[rows - 1][tile.cols > isa->lanes](&tile);
    }
  }
}

/* ---- dL/d in ---- */

/* A panel of features for a group of images. */
static void make_features(void *payload, int panel, int thread) {
  const job *j = payload;
  const yolo_isa *isa = j->device->isa;
  const int f = panel * isa->nr;
  const bool whole = j->features - f >= isa->nr;
  const float *weights = whole ? (const float *)j->call->param[0].data + f : j->tail;
  yolo_outer tile = {.a_step = (size_t)isa->mr, .b_step = whole ? (size_t)j->features : (size_t)isa->nr, .ldc = j->row};
  (void)thread;
  tile.cols = isa->nr;
  tile.c = j->dense + (size_t)j->first * j->row + f;
  for (int o = 0; o < j->outputs; o += DEPTH) {
    tile.a = j->up + (size_t)o * (size_t)isa->mr;
    tile.b = weights + (size_t)o * tile.b_step;
    tile.depth = yolo_min_int(DEPTH, j->outputs - o);
    tile.add = o > 0;
    isa->outer[j->count - 1][1](&tile);
  }
}

static void scatter(const job *j) {
  yolo_tensor *grad = &j->call->grad_in[0];
  const int pixels = grad->shape.h * grad->shape.w, c = grad->shape.c;
  for (int i = 0; i < j->images; i++) {
    const float *from = j->dense + (size_t)i * j->row;
    for (int p = 0; p < pixels; p++, from += c) {
      float *to = yolo_nth_pixel(grad, (size_t)(i * pixels + p));
      if (j->call->beta[0] != 0)
        j->device->isa->add_rows(to, from, c);
      else
        memcpy(to, from, (size_t)c * sizeof *to);
    }
  }
}

static void make_data_grad(job *j) {
  const int mr = j->device->isa->mr, nr = j->device->isa->nr, panels = yolo_divide_up(j->features, nr);
  const int rest = j->features % nr, last = j->features - rest;
  for (int o = 0; o < j->outputs && rest > 0; o++) {
    const float *from = (const float *)j->call->param[0].data + (size_t)o * (size_t)j->features + last;
    for (int i = 0; i < nr; i++) j->tail[(size_t)o * (size_t)nr + (size_t)i] = i < rest ? from[i] : 0;
  }
  for (j->first = 0; j->first < j->images; j->first += j->count) {
    j->count = yolo_min_int(mr, j->images - j->first);
    for (int i = 0; i < j->count; i++) {
      const float *up = yolo_nth_pixel(j->call->grad_out, (size_t)(j->first + i));
      for (int o = 0; o < j->outputs; o++) j->up[(size_t)o * (size_t)mr + (size_t)i] = up[o];
    }
    yolo_parallel(j->device->threads, panels, make_features, j);
  }
  scatter(j);
}

yolo_status yolo_linear_backward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_linear_attrs *a = call->attrs;
  job j = make_job(device, call);
  /* Only a network fused for inference has the activation in the layer; its slope needs the sums anew. */
  if (a->act != YOLO_ACT_linear) return yolo_op_linear.backward(call);
  if (call->grad_in && call->grad_in[0].data) make_data_grad(&j);
  if (call->grad_param && call->grad_param[0].data) {
    gather(&j);
    yolo_parallel(device->threads, yolo_divide_up(j.outputs, device->isa->mr), add_rows_of_weights, &j);
  }
  if (a->bias && call->grad_param && call->grad_param[1].data)
    yolo_cpu_channel_sums(device, call->grad_out, call->work, call->grad_param[1].data);
  return YOLO_OK;
}
