/* An activation, element by element: out = f(in). The functions are one line each in activation.h.
 *
 * Backward reads the input: leaky, logistic and tanh could make do with the output, mish and swish cannot. */
#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_activation_attrs *a = attrs;
  (void)n_in;
  if ((unsigned)a->act >= YOLO_ACT_COUNT) return yolo_fail(YOLO_EINVAL, "activation: number %d is unknown", (int)a->act);
  *out = in[0];
  return YOLO_OK;
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_activation_attrs *a = call->attrs;
  size_t pixels = yolo_shape_pixels(call->out->shape);
  for (size_t p = 0; p < pixels; p++) {
    const float *in = yolo_nth_pixel(&call->in[0], p);
    float *out = yolo_nth_pixel(call->out, p);
    for (int c = 0; c < call->out->shape.c; c++) out[c] = (float)yolo_activate(a->act, in[c]);
  }
  return YOLO_OK;
}

/* dL/d in = dL/d out * f'(in) */
static yolo_status backward(const yolo_op_call *call) {
  const yolo_activation_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  size_t pixels = grad ? yolo_shape_pixels(grad->shape) : 0;
  for (size_t p = 0; p < pixels; p++) {
    const float *in = yolo_nth_pixel(&call->in[0], p), *up = yolo_nth_pixel(call->grad_out, p);
    float *to = yolo_nth_pixel(grad, p);
    for (int c = 0; c < grad->shape.c; c++) yolo_put_grad(&to[c], call->beta[0], up[c] * yolo_activate_slope(a->act, in[c]));
  }
  return YOLO_OK;
}

const yolo_op yolo_op_activation = {.name = "activation",
                                    .attrs_size = sizeof(yolo_activation_attrs),
                                    .min_in = 1,
                                    .max_in = 1,
                                    .shape = shape,
                                    .inplace = true,
                                    .grad_inplace = true,
                                    .backward_reads = YOLO_READS_IN,
                                    .forward = forward,
                                    .backward = backward};
