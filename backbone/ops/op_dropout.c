/* Dropout (Srivastava et al., 2014): the identity at inference. In training each value is zeroed with
 * probability p and the others are scaled by 1/(1-p), so that the expectation stays ("inverted" dropout).
 * Which ones is a pure function of the call's seed; one byte each goes to `saved` for the gradient. */
#include <string.h>

#include "backbone/base/rng.h"
#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_dropout_attrs *a = attrs;
  (void)n_in;
  if (!(a->probability >= 0 && a->probability < 1))
    return yolo_fail(YOLO_EINVAL, "dropout: probability is %g and must be 0 or more and below 1", (double)a->probability);
  *out = in[0];
  return YOLO_OK;
}

static size_t saved_size(const void *attrs, const yolo_shape *in, yolo_shape out) {
  (void)attrs;
  (void)in;
  return yolo_shape_count(out);
}

static void drop(const yolo_op_call *call) {
  const yolo_dropout_attrs *a = call->attrs;
  yolo_rng rng = {.key = call->seed};
  uint8_t *saved = call->saved;
  size_t pixels = yolo_shape_pixels(call->out->shape);
  for (size_t p = 0; p < pixels; p++)
    for (int c = 0; c < call->out->shape.c; c++) {
      bool keep = yolo_rng_uniform(&rng) >= a->probability;
      yolo_nth_pixel(call->out, p)[c] = keep ? (float)(yolo_nth_pixel(&call->in[0], p)[c] / (1.0 - a->probability)) : 0;
      if (saved) *saved++ = keep;
    }
}

static yolo_status forward(const yolo_op_call *call) {
  size_t pixels = yolo_shape_pixels(call->out->shape), bytes = (size_t)call->out->shape.c * sizeof(float);
  if (call->training) {
    drop(call);
    return YOLO_OK;
  }
  if (call->out->data == call->in[0].data) return YOLO_OK; /* in place */
  for (size_t p = 0; p < pixels; p++) memcpy(yolo_nth_pixel(call->out, p), yolo_nth_pixel(&call->in[0], p), bytes);
  return YOLO_OK;
}

static yolo_status backward(const yolo_op_call *call) {
  const yolo_dropout_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  const uint8_t *saved = call->saved;
  size_t pixels = grad ? yolo_shape_pixels(grad->shape) : 0;
  double scale = call->training ? 1.0 / (1.0 - a->probability) : 1;
  for (size_t p = 0; p < pixels; p++) {
    const float *up = yolo_nth_pixel(call->grad_out, p);
    for (int c = 0; c < grad->shape.c; c++) {
      bool keep = !call->training || *saved++;
      yolo_put_grad(&yolo_nth_pixel(grad, p)[c], call->beta[0], keep ? up[c] * scale : 0);
    }
  }
  return YOLO_OK;
}

const yolo_op yolo_op_dropout = {.name = "dropout",
                                 .attrs_size = sizeof(yolo_dropout_attrs),
                                 .min_in = 1,
                                 .max_in = 1,
                                 .shape = shape,
                                 .inplace = true,
                                 .grad_inplace = true,
                                 .backward_reads = YOLO_READS_SAVED,
                                 .saved_size = saved_size,
                                 .forward = forward,
                                 .backward = backward};
