/* Fully connected layers: the GEMM of a convolution whose window is the whole map. At batch 1 every weight is used
 * once, so it is bound by memory; panels are handed to threads. The features of an image are gathered dense first,
 * in blocks of YOLO_PANEL_K side by side for a group of at most mr images. */
#include <string.h>

#include "backbone/backend/cpu/cpu_linear.h"
#include "backbone/backend/cpu/gemm.h"

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  const float *bias, *weights;
  int features, k_blocks, panels;
  int image, images; /* of the present group */
} job;

static int features_of(const yolo_op_call *call) {
  const yolo_shape in = call->in[0].shape;
  return in.h * in.w * in.c;
}
static size_t bias_floats(const yolo_device *device, const yolo_linear_attrs *a) {
  return (size_t)yolo_round_up(a->outputs, device->isa->nr);
}

static yolo_op_sizes sizes(const yolo_device *device, const yolo_op_call *call, int thrift) {
  const yolo_linear_attrs *a = call->attrs;
  const size_t outputs = bias_floats(device, a), features = (size_t)features_of(call);
  yolo_op_sizes s;
  (void)thrift;
  s.pack = (outputs + outputs * features) * sizeof(float);
  s.work = (size_t)yolo_divide_up((int)features, YOLO_PANEL_K) * (size_t)device->isa->mr * YOLO_PANEL_STRIDE * sizeof(float);
  return s;
}

static yolo_status pack(const yolo_device *device, const yolo_op_call *call, int thrift, void *to) {
  const yolo_linear_attrs *a = call->attrs;
  const size_t features = (size_t)features_of(call);
  float *bias = to;
  (void)thrift;
  memset(bias, 0, bias_floats(device, a) * sizeof(float));
  if (a->bias) memcpy(bias, call->param[1].data, (size_t)a->outputs * sizeof(float));
  yolo_pack_panels(device->isa->nr, call->param[0].data, 1, features, (int)features, a->outputs, bias + bias_floats(device, a));
  return YOLO_OK;
}

/* Feature f of image i goes to work[f / K][i][f % K]. */
static void gather(const job *j) {
  const yolo_tensor *in = &j->call->in[0];
  const int pixels = in->shape.h * in->shape.w, c = in->shape.c;
  for (int i = 0; i < j->images; i++) {
    for (int p = 0; p < pixels; p++) {
      const float *from = yolo_nth_pixel(in, (j->image + i) * pixels + p);
      for (int done = 0; done < c;) {
        const int f = p * c + done, k = f / YOLO_PANEL_K, at = f % YOLO_PANEL_K;
        const int n = yolo_min_int(c - done, YOLO_PANEL_K - at);
        float *to = (float *)j->call->work + ((size_t)k * (size_t)j->device->isa->mr + (size_t)i) * YOLO_PANEL_STRIDE + at;
        memcpy(to, from + done, (size_t)n * sizeof(float));
        done += n;
      }
    }
  }
}

static void run_panel(void *payload, int panel, int thread) {
  const job *j = payload;
  const yolo_linear_attrs *a = j->call->attrs;
  const yolo_tensor *out = j->call->out;
  const int nr = j->device->isa->nr;
  const yolo_epilogue how = {.act1 = a->act};
  (void)thread;
  for (int k = 0; k < j->k_blocks; k++) {
    yolo_tile tile = {.ldc = out->stride, .slope1 = 1, .slope2 = 1, .first = k == 0, .last = k + 1 == j->k_blocks};
    tile.a = (const float *)j->call->work + (size_t)k * (size_t)j->device->isa->mr * YOLO_PANEL_STRIDE;
    tile.b = j->weights + ((size_t)panel * (size_t)j->features + (size_t)k * YOLO_PANEL_K) * (size_t)nr;
    tile.c = yolo_nth_pixel(out, j->image) + panel * nr;
    tile.k = yolo_min_int(YOLO_PANEL_K, j->features - k * YOLO_PANEL_K);
    tile.cols = yolo_min_int(nr, a->outputs - panel * nr);
    tile.bias = j->bias + panel * nr;
    yolo_gemm_panel(j->device->isa, tile, j->images, NULL, 0, a->act == YOLO_ACT_linear ? NULL : &how);
  }
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_linear_attrs *a = call->attrs;
  job j = {.device = device, .call = call, .bias = call->packed, .features = features_of(call)};
  j.weights = j.bias + bias_floats(device, a);
  j.k_blocks = yolo_divide_up(j.features, YOLO_PANEL_K);
  j.panels = yolo_divide_up(a->outputs, device->isa->nr);
  for (j.image = 0; j.image < call->in[0].shape.n; j.image += j.images) {
    j.images = yolo_min_int(device->isa->mr, call->in[0].shape.n - j.image);
    gather(&j);
    yolo_parallel(device->threads, j.panels, run_panel, &j);
  }
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_linear = {.sizes = sizes,
                                         .pack = pack,
                                         .forward = forward,
                                         .backward = yolo_linear_backward,
                                         .backward_work = yolo_linear_backward_work};
