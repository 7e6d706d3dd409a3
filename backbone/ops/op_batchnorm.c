/* Batch normalisation, a straight line per channel, and the activation after it:
 *
 *   out(n,y,x,c) = act(weight(c) * (in(n,y,x,c) - mean(c)) / sqrt(var(c) + eps) + bias(c))
 *
 * At inference mean and variance are the running ones. In training they are the batch's own, with the biased variance
 * (sum / N), and the running ones move toward them: running = (1 - momentum) * running + momentum * batch, with the unbiased
 * variance (sum / (N - 1)), as PyTorch does.
 *
 * Ioffe & Szegedy, "Batch Normalization", 2015, algorithms 1 and 2; the gradient is section 3's. eps stands inside the root, as
 * in PyTorch and in all Darknets but the original's CPU path. */
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
  return yolo_rule_range("batchnorm", "activation", (int)a->act, 0, YOLO_ACT_COUNT - 1);
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

static double channel_mean(const yolo_tensor *in, int c) {
  size_t pixels = yolo_shape_pixels(in->shape);
  double sum = 0;
  for (size_t p = 0; p < pixels; p++) sum += yolo_nth_pixel(in, p)[c];
  return sum / (double)pixels;
}

/* The sum of squared distances from the mean. */
static double channel_spread(const yolo_tensor *in, int c, double mean) {
  size_t pixels = yolo_shape_pixels(in->shape);
  double sum = 0;
  for (size_t p = 0; p < pixels; p++) {
    double d = yolo_nth_pixel(in, p)[c] - mean;
    sum += d * d;
  }
  return sum;
}

/* The batch's own statistics: to `saved` for the gradient, and a step of the running ones toward them. */
static void take_statistics(const yolo_op_call *call, int c) {
  const yolo_batchnorm_attrs *a = call->attrs;
  float *running_mean = call->param[2].data, *running_var = call->param[3].data, *saved = call->saved;
  double pixels = (double)yolo_shape_pixels(call->in[0].shape), momentum = a->momentum;
  double mean = channel_mean(&call->in[0], c), spread = channel_spread(&call->in[0], c, mean);
  double unbiased = spread / (pixels > 1 ? pixels - 1 : 1);
  saved[c] = (float)mean;
  saved[call->in[0].shape.c + c] = (float)(1 / sqrt(spread / pixels + a->eps));
  running_mean[c] = (float)((1 - momentum) * running_mean[c] + momentum * mean);
  running_var[c] = (float)((1 - momentum) * running_var[c] + momentum * unbiased);
}

/* What channel c is shifted by and divided by. */
static void statistics(const yolo_op_call *call, int c, double *mean, double *inverse) {
  const yolo_batchnorm_attrs *a = call->attrs;
  const float *saved = call->saved;
  *mean = call->training ? saved[c] : ((const float *)call->param[2].data)[c];
  *inverse =
      call->training ? saved[call->in[0].shape.c + c] : 1 / sqrt((double)((const float *)call->param[3].data)[c] + a->eps);
}

/* What the activation is given: rounded, as if it stood in a map of its own. */
static double line(const yolo_op_call *call, size_t p, int c, double mean, double inverse) {
  const float *weight = call->param[0].data, *bias = call->param[1].data;
  return (float)((yolo_nth_pixel(&call->in[0], p)[c] - mean) * (weight[c] * inverse) + bias[c]);
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_batchnorm_attrs *a = call->attrs;
  size_t pixels = yolo_shape_pixels(call->out->shape);
  for (int c = 0; c < call->out->shape.c; c++) {
    double mean, inverse;
    if (call->training) take_statistics(call, c);
    statistics(call, c, &mean, &inverse);
    for (size_t p = 0; p < pixels; p++)
      yolo_nth_pixel(call->out, p)[c] = (float)yolo_activate(a->act, line(call, p, c, mean, inverse));
  }
  return YOLO_OK;
}

/* dL/d line. */
static double line_gradient(const yolo_op_call *call, size_t p, int c, double mean, double inverse) {
  const yolo_batchnorm_attrs *a = call->attrs;
  double up = yolo_nth_pixel(call->grad_out, p)[c];
  return a->act == YOLO_ACT_linear ? up : up * yolo_activate_slope(a->act, line(call, p, c, mean, inverse));
}

/* With x^ = (x - mean) / sqrt(var + eps) and g = dL/d line:
 *   dL/d bias = sum g,   dL/d weight = sum g x^,
 *   dL/d in = weight / sqrt(var + eps) * (g - mean(g) - x^ mean(g x^)), the two means only where the statistics are the
 * batch's. */
static yolo_status backward(const yolo_op_call *call) {
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  yolo_tensor *weights = yolo_wanted_param_grad(call, 0), *biases = yolo_wanted_param_grad(call, 1);
  size_t pixels = yolo_shape_pixels(call->grad_out->shape);
  for (int c = 0; c < call->grad_out->shape.c; c++) {
    double mean, inverse, sum = 0, dot = 0, weight = ((const float *)call->param[0].data)[c];
    statistics(call, c, &mean, &inverse);
    for (size_t p = 0; p < pixels; p++) {
      double g = line_gradient(call, p, c, mean, inverse);
      sum += g;
      dot += g * (yolo_nth_pixel(&call->in[0], p)[c] - mean) * inverse;
    }
    if (biases) yolo_put_grad(&((float *)biases->data)[c], 1, sum);
    if (weights) yolo_put_grad(&((float *)weights->data)[c], 1, dot);
    double share = call->training ? 1.0 / (double)pixels : 0;
    for (size_t p = 0; p < pixels && grad; p++) {
      double x = (yolo_nth_pixel(&call->in[0], p)[c] - mean) * inverse;
      double g = line_gradient(call, p, c, mean, inverse) - share * (sum + x * dot);
      yolo_put_grad(&yolo_nth_pixel(grad, p)[c], call->beta[0], weight * inverse * g);
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
                                   .grad_inplace = true,
                                   .backward_reads = YOLO_READS_IN | YOLO_READS_SAVED,
                                   .saved_size = saved_size,
                                   .forward = forward,
                                   .backward = backward};
