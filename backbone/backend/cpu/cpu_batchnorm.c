/* Batch norm with its activation. At inference y = act(x scale + shift), with scale = gamma / sqrt(var + eps) and
 * shift = beta - mean scale made once, in double, when the parameters are packed; training is in cpu_batchnorm_train.c. */
#include "backbone/backend/cpu/cpu_batchnorm.h"

#include <math.h>

static yolo_op_sizes sizes(const yolo_device *device, const yolo_op_call *call, int thrift) {
  (void)device;
  (void)thrift;
  return (yolo_op_sizes){.pack = 2 * (size_t)call->in[0].shape.c * sizeof(float),
                         .work = call->training ? yolo_cpu_batchnorm_work(device, call) : 0};
}

static yolo_status pack(const yolo_device *device, const yolo_op_call *call, int thrift, void *to) {
  const yolo_batchnorm_attrs *a = call->attrs;
  const int channels = call->in[0].shape.c;
  const float *gamma = call->param[0].data, *beta = call->param[1].data, *mean = call->param[2].data,
              *var = call->param[3].data;
  float *scale = to, *shift = scale + channels;
  (void)device;
  (void)thrift;
  for (int c = 0; c < channels; c++) {
    const double s = gamma[c] / sqrt((double)var[c] + a->eps);
    scale[c] = (float)s;
    shift[c] = (float)(beta[c] - mean[c] * s);
  }
  return YOLO_OK;
}

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const yolo_batchnorm_attrs *a = call->attrs;
  const int channels = call->out->shape.c;
  const float *scale = call->packed, *shift = scale + channels;
  for (int p = first; p < end; p++)
    device->isa->scale_add(yolo_nth_pixel(call->out, p), yolo_nth_pixel(&call->in[0], p), scale, shift, channels);
  yolo_cpu_activate(device, call->out, first, end, a->act);
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  if (call->training)
    yolo_cpu_batchnorm_train(device, call);
  else
    yolo_cpu_pixels_of(device, call, call->out->shape, run);
  return YOLO_OK;
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  yolo_cpu_batchnorm_back(device, call);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_batchnorm = {.sizes = sizes,
                                            .pack = pack,
                                            .forward = forward,
                                            .backward = backward,
                                            .backward_work = yolo_cpu_batchnorm_work,
                                            .trains = true};
