/* Two maps multiplied element by element: out = act(in0 * in1). Darknet's [sam], the spatial attention of
 * Bochkovskiy et al., "YOLOv4", 2020, figure 5. */
#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_multiply_attrs *a = attrs;
  yolo_status st = yolo_rule_range("multiply", "activation", (int)a->act, 0, YOLO_ACT_COUNT - 1);
  (void)n_in;
  if (st == YOLO_OK) st = yolo_rule_agree("multiply", 1, in[1], in[0], false);
  if (st == YOLO_OK) *out = in[0];
  return st;
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_multiply_attrs *a = call->attrs;
  size_t pixels = yolo_shape_pixels(call->out->shape);
  for (size_t p = 0; p < pixels; p++) {
    const float *one = yolo_nth_pixel(&call->in[0], p), *other = yolo_nth_pixel(&call->in[1], p);
    float *out = yolo_nth_pixel(call->out, p);
    for (int c = 0; c < call->out->shape.c; c++) out[c] = (float)yolo_activate(a->act, (double)one[c] * other[c]);
  }
  return YOLO_OK;
}

/* Each input's gradient is the other one times dL/d (in0 in1). */
static yolo_status backward(const yolo_op_call *call) {
  const yolo_multiply_attrs *a = call->attrs;
  size_t pixels = yolo_shape_pixels(call->grad_out->shape);
  for (size_t p = 0; p < pixels; p++) {
    const float *in[2] = {yolo_nth_pixel(&call->in[0], p), yolo_nth_pixel(&call->in[1], p)};
    const float *up = yolo_nth_pixel(call->grad_out, p);
    for (int c = 0; c < call->grad_out->shape.c; c++) {
      double one = in[0][c], other = in[1][c], g = up[c] * yolo_activate_slope(a->act, one * other);
      for (int i = 0; i < 2; i++) {
        yolo_tensor *grad = yolo_wanted_grad(call, i);
        if (grad) yolo_put_grad(&yolo_nth_pixel(grad, p)[c], call->beta[i], g * (i == 0 ? other : one));
      }
    }
  }
  return YOLO_OK;
}

const yolo_op yolo_op_multiply = {.name = "multiply",
                                  .attrs_size = sizeof(yolo_multiply_attrs),
                                  .min_in = 2,
                                  .max_in = 2,
                                  .shape = shape,
                                  .inplace = true,
                                  .backward_reads = YOLO_READS_IN,
                                  .forward = forward,
                                  .backward = backward};
