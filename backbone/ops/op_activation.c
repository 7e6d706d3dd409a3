/* An activation, element by element: out = f(in). The functions are one line each in activation.h.
 *
 * Backward reads the output where that is enough, as for leaky, which lives on in any case: it is somebody's input. Mish and
 * swish need the input. */
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

static unsigned reads(const void *attrs) {
  const yolo_activation_attrs *a = attrs;
  if (a->act == YOLO_ACT_linear) return 0;
  return yolo_activation_slope_of_output(a->act) ? YOLO_READS_OUT : YOLO_READS_IN;
}

/* dL/d in = dL/d out * f'(in) */
static yolo_status backward(const yolo_op_call *call) {
  const yolo_activation_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  bool at_output = yolo_activation_slope_of_output(a->act);
  size_t pixels = grad ? yolo_shape_pixels(grad->shape) : 0;
  for (size_t p = 0; p < pixels; p++) {
    const float *at = yolo_nth_pixel(at_output ? call->out : &call->in[0], p), *up = yolo_nth_pixel(call->grad_out, p);
    float *to = yolo_nth_pixel(grad, p);
    for (int c = 0; c < grad->shape.c; c++) {
      double slope = a->act == YOLO_ACT_linear ? 1 : yolo_activate_slope(a->act, at[c]);
      yolo_put_grad(&to[c], call->beta[0], up[c] * slope);
    }
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
                                    .reads = reads,
                                    .forward = forward,
                                    .backward = backward};
