/* Concatenation: the channels of all inputs side by side. The planner usually makes it cost nothing, by
 * letting each producer write into its slice of one wide buffer; then in[i].data is already that slice and
 * nothing is left to copy. */
#include <limits.h>
#include <string.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  yolo_shape o = in[0];
  long long channels = 0;
  yolo_status st;
  (void)attrs;
  for (int i = 0; i < n_in; i++) {
    if ((st = yolo_rule_agree("concat", i, in[i], in[0], true)) != YOLO_OK) return st;
    channels += in[i].c;
  }
  if (channels > INT_MAX) return yolo_fail(YOLO_ESHAPE, "concat: %lld channels are too many", channels);
  o.c = (int)channels;
  if ((st = yolo_rule_count("concat", "output", o)) == YOLO_OK) *out = o;
  return st;
}

static yolo_status forward(const yolo_op_call *call) {
  size_t pixels = yolo_shape_pixels(call->out->shape), first = 0;
  for (int i = 0; i < call->n_in; i++) {
    const yolo_tensor *in = &call->in[i];
    size_t channels = (size_t)in->shape.c;
    bool in_place = in->data == (float *)call->out->data + first && in->stride == call->out->stride;
    for (size_t p = 0; p < pixels && !in_place; p++)
      memcpy(yolo_nth_pixel(call->out, p) + first, yolo_nth_pixel(in, p), channels * sizeof(float));
    first += channels;
  }
  return YOLO_OK;
}

/* Each input gets its slice. Where the planner laid the gradients out as the values, nothing is left to copy. */
static yolo_status backward(const yolo_op_call *call) {
  size_t pixels = yolo_shape_pixels(call->grad_out->shape), first = 0;
  for (int i = 0; i < call->n_in; i++) {
    yolo_tensor *grad = yolo_wanted_grad(call, i);
    int channels = call->in[i].shape.c;
    const float *slice = (const float *)call->grad_out->data + first;
    bool in_place = grad && grad->data == slice && grad->stride == call->grad_out->stride && call->beta[i] == 0;
    for (size_t p = 0; p < pixels && grad && !in_place; p++)
      for (int c = 0; c < channels; c++)
        yolo_put_grad(&yolo_nth_pixel(grad, p)[c], call->beta[i], slice[p * call->grad_out->stride + (size_t)c]);
    first += (size_t)channels;
  }
  return YOLO_OK;
}

const yolo_op yolo_op_concat = {.name = "concat",
                                .attrs_size = sizeof(yolo_concat_attrs),
                                .min_in = 1,
                                .max_in = YOLO_OP_MAX_IN,
                                .shape = shape,
                                .forward = forward,
                                .backward = backward};
