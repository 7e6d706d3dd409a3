/* Batch normalisation at inference, a straight line per channel:
 *
 *   out(n,y,x,c) = weight(c) * (in(n,y,x,c) - running_mean(c)) / sqrt(running_var(c) + eps) + bias(c)
 *
 * Ioffe & Szegedy, "Batch Normalization", 2015, algorithm 2. eps stands inside the root, as in PyTorch and
 * in all Darknets but the original's CPU path. */
#include <math.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_batchnorm_attrs *a = attrs;
  (void)n_in;
  if (!(a->eps > 0 && a->eps < 1))
    return yolo_fail(YOLO_EINVAL, "batchnorm: eps is %g and must be above 0, below 1", (double)a->eps);
  if (!(a->momentum >= 0 && a->momentum <= 1))
    return yolo_fail(YOLO_EINVAL, "batchnorm: momentum is %g and must be 0 to 1", (double)a->momentum);
  *out = in[0];
  return YOLO_OK;
}

static int params(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec) {
  static const char *const names[4] = {"weight", "bias", "running_mean", "running_var"};
  int c = in[0].c;
  (void)attrs;
  (void)n_in;
  for (int i = 0; i < 4; i++)
    spec[i] = (yolo_param_spec){
        .name = names[i], .ndim = 1, .dims = {c}, .a = 1, .b = c, .s = 1, .shape = {1, 1, 1, c}, .buffer = i >= 2};
  return 4;
}

/* Mean and 1/sqrt(var + eps) of the batch, which the gradient needs. */
static size_t saved_size(const void *attrs, const yolo_shape *in, yolo_shape out) {
  (void)attrs;
  (void)out;
  return 2 * (size_t)in[0].c * sizeof(float);
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_batchnorm_attrs *a = call->attrs;
  const float *weight = call->param[0].data, *bias = call->param[1].data;
  const float *mean = call->param[2].data, *var = call->param[3].data;
  size_t pixels = yolo_shape_pixels(call->out->shape);
  if (call->training) return yolo_fail(YOLO_EUNSUPPORTED, "batchnorm: forward with batch statistics (training) is not built");
  for (int c = 0; c < call->out->shape.c; c++) {
    double scale = weight[c] / sqrt((double)var[c] + a->eps);
    for (size_t p = 0; p < pixels; p++) {
      double x = yolo_nth_pixel(&call->in[0], p)[c];
      yolo_nth_pixel(call->out, p)[c] = (float)((x - mean[c]) * scale + bias[c]);
    }
  }
  return YOLO_OK;
}

const yolo_op yolo_op_batchnorm = {.name = "batchnorm",
                                   .attrs_size = sizeof(yolo_batchnorm_attrs),
                                   .min_in = 1,
                                   .max_in = 1,
                                   .shape = shape,
                                   .params = params,
                                   .inplace = true,
                                   .backward_reads = YOLO_READS_IN | YOLO_READS_SAVED,
                                   .saved_size = saved_size,
                                   .forward = forward};
