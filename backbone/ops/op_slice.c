/* A slice of the channels: out(n,y,x,c) = in(n, y, x, first + c). Where the planner made the output a view of
 * the input, nothing is left to do. */
#include <string.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_slice_attrs *a = attrs;
  (void)n_in;
  if (a->first < 0 || a->count < 1 || a->first > in[0].c || a->count > in[0].c - a->first)
    return yolo_fail(YOLO_ESHAPE, "slice: %d channels from channel %d on do not lie within %d channels", a->count, a->first,
                     in[0].c);
  *out = in[0];
  out->c = a->count;
  return YOLO_OK;
}

static yolo_status forward(const yolo_op_call *call) {
  const yolo_slice_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0];
  size_t pixels = yolo_shape_pixels(call->out->shape);
  if (call->out->data == (float *)in->data + a->first && call->out->stride == in->stride) return YOLO_OK;
  for (size_t p = 0; p < pixels; p++)
    memcpy(yolo_nth_pixel(call->out, p), yolo_nth_pixel(in, p) + a->first, (size_t)a->count * sizeof(float));
  return YOLO_OK;
}

/* The other channels get nothing. */
static yolo_status backward(const yolo_op_call *call) {
  const yolo_slice_attrs *a = call->attrs;
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  size_t pixels = grad ? yolo_shape_pixels(grad->shape) : 0;
  if (grad) yolo_begin_grad(grad, call->beta[0]);
  for (size_t p = 0; p < pixels; p++)
    for (int c = 0; c < a->count; c++) yolo_nth_pixel(grad, p)[a->first + c] += yolo_nth_pixel(call->grad_out, p)[c];
  return YOLO_OK;
}

const yolo_op yolo_op_slice = {.name = "slice",
                               .attrs_size = sizeof(yolo_slice_attrs),
                               .min_in = 1,
                               .max_in = 1,
                               .shape = shape,
                               .forward = forward,
                               .backward = backward};
