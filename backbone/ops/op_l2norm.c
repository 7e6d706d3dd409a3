/* Every pixel's channels as a vector of length 1, times a learned factor a channel:
 *
 *   out_c = weight_c x^_c    with  x^_c = in_c / sqrt(sum_k in_k^2 + eps)
 *
 * Early maps have larger values than late ones; where both are read by one kind of head, this makes them alike (Liu, Rabinovich
 * & Berg, "ParseNet: Looking Wider to See Better", 2015, section 3.3, equations 1 to 6; SSD takes it for conv4_3, with factors
 * that begin at 20). eps keeps a pixel of zeros at zero. */
#include <math.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_l2norm_attrs *a = attrs;
  (void)n_in;
  if (!(a->eps > 0 && a->eps < 1))
    return yolo_fail(YOLO_EINVAL, "l2norm: eps is %g and must be above 0, below 1", (double)a->eps);
  if (!isfinite(a->scale)) return yolo_fail(YOLO_EINVAL, "l2norm: scale is %g and must be a number", (double)a->scale);
  *out = in[0];
  return YOLO_OK;
}

static int params(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec) {
  const yolo_l2norm_attrs *a = attrs;
  int c = in[0].c;
  (void)n_in;
  spec[0] = (yolo_param_spec){
      .name = "weight", .ndim = 1, .dims = {c}, .a = 1, .b = c, .s = 1, .shape = {1, 1, 1, c}, .begin = a->scale};
  return 1;
}

static double inverse_length(const yolo_op_call *call, size_t p) {
  const yolo_l2norm_attrs *a = call->attrs;
  const float *x = yolo_nth_pixel(&call->in[0], p);
  return 1 / sqrt(yolo_dot(x, x, call->in[0].shape.c) + a->eps);
}

static yolo_status forward(const yolo_op_call *call) {
  const float *weight = call->param[0].data;
  size_t pixels = yolo_shape_pixels(call->out->shape);
  for (size_t p = 0; p < pixels; p++) {
    double inverse = inverse_length(call, p);
    for (int c = 0; c < call->out->shape.c; c++)
      yolo_nth_pixel(call->out, p)[c] = (float)(weight[c] * (yolo_nth_pixel(&call->in[0], p)[c] * inverse));
  }
  return YOLO_OK;
}

/* With g = dL/d out and r = 1 / sqrt(sum in^2 + eps):
 *   dL/d in_c = r (g_c weight_c - x^_c sum_k g_k weight_k x^_k) */
static void pixel_gradient(const yolo_op_call *call, size_t p, yolo_tensor *grad) {
  const float *weight = call->param[0].data, *x = yolo_nth_pixel(&call->in[0], p), *up = yolo_nth_pixel(call->grad_out, p);
  double inverse = inverse_length(call, p), along = 0;
  for (int c = 0; c < grad->shape.c; c++) along += (double)up[c] * weight[c] * (x[c] * inverse);
  for (int c = 0; c < grad->shape.c; c++) {
    double g = inverse * ((double)up[c] * weight[c] - x[c] * inverse * along);
    yolo_put_grad(&yolo_nth_pixel(grad, p)[c], call->beta[0], g);
  }
}

/* dL/d weight_c = the sum over pixels of g_c x^_c: channel by channel, so that the sum can be held in double; a block of
 * channels at once, so that the length of a pixel is not found again for each of them. */
static void weight_gradient(const yolo_op_call *call, yolo_tensor *weights) {
  enum { AT_ONCE = 64 };
  size_t pixels = yolo_shape_pixels(call->grad_out->shape);
  int channels = call->grad_out->shape.c;
  for (int first = 0; first < channels; first += AT_ONCE) {
    double sums[AT_ONCE] = {0};
    int count = channels - first < AT_ONCE ? channels - first : AT_ONCE;
    for (size_t p = 0; p < pixels; p++) {
      const float *x = yolo_nth_pixel(&call->in[0], p) + first, *up = yolo_nth_pixel(call->grad_out, p) + first;
      double inverse = inverse_length(call, p);
      for (int c = 0; c < count; c++) sums[c] += up[c] * (x[c] * inverse);
    }
    for (int c = 0; c < count; c++) yolo_put_grad(&((float *)weights->data)[first + c], 1, sums[c]);
  }
}

/* Weights first: dL/d in may be written over dL/d out. */
static yolo_status backward(const yolo_op_call *call) {
  yolo_tensor *grad = yolo_wanted_grad(call, 0), *weights = yolo_wanted_param_grad(call, 0);
  size_t pixels = yolo_shape_pixels(call->grad_out->shape);
  if (weights) weight_gradient(call, weights);
  for (size_t p = 0; p < pixels && grad; p++) pixel_gradient(call, p, grad);
  return YOLO_OK;
}

const yolo_op yolo_op_l2norm = {.name = "l2norm",
                                .attrs_size = sizeof(yolo_l2norm_attrs),
                                .min_in = 1,
                                .max_in = 1,
                                .shape = shape,
                                .params = params,
                                .inplace = true,
                                .grad_inplace = true,
                                .backward_reads = YOLO_READS_IN,
                                .forward = forward,
                                .backward = backward};
