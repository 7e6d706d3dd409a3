/* Implicit knowledge: a learned vector that depends on no input, out(n, y, 0, c) = weight(y, c), repeated for
 * every image of the batch (Wang et al., "You Only Learn One Representation", 2021, section 3). in[0] only
 * tells how many images there are. */
#include <string.h>

#include "backbone/ops/rules.h"

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_implicit_attrs *a = attrs;
  yolo_shape o = {in[0].n, a->atoms, 1, a->filters};
  yolo_status st = yolo_rule_range("implicit", "filters", a->filters, 1, YOLO_RULE_MAX_SIDE);
  (void)n_in;
  if (st == YOLO_OK) st = yolo_rule_range("implicit", "atoms", a->atoms, 1, YOLO_RULE_MAX_SIDE);
  if (st == YOLO_OK) st = yolo_rule_count("implicit", "output", o);
  if (st == YOLO_OK) *out = o;
  return st;
}

static int params(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec) {
  const yolo_implicit_attrs *a = attrs;
  (void)n_in;
  (void)in;
  spec[0] = (yolo_param_spec){.name = "weight",
                              .ndim = 2,
                              .dims = {a->filters, a->atoms},
                              .a = 1,
                              .b = a->filters,
                              .s = a->atoms,
                              .shape = {1, a->atoms, 1, a->filters}};
  return 1;
}

static yolo_status forward(const yolo_op_call *call) {
  yolo_shape s = call->out->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      memcpy(yolo_pixel(call->out, n, y, 0), yolo_pixel(&call->param[0], 0, y, 0), (size_t)s.c * sizeof(float));
  return YOLO_OK;
}

/* Every image has its share; in[0] is only counted, so its gradient is 0. */
static yolo_status backward(const yolo_op_call *call) {
  yolo_tensor *grad = yolo_wanted_grad(call, 0), *weight = yolo_wanted_param_grad(call, 0);
  yolo_shape s = call->grad_out->shape;
  if (grad) yolo_begin_grad(grad, call->beta[0]);
  for (int y = 0; y < s.h && weight; y++)
    for (int c = 0; c < s.c; c++) {
      double sum = 0;
      for (int n = 0; n < s.n; n++) sum += yolo_pixel(call->grad_out, n, y, 0)[c];
      yolo_put_grad(&yolo_pixel(weight, 0, y, 0)[c], 1, sum);
    }
  return YOLO_OK;
}

const yolo_op yolo_op_implicit = {.name = "implicit",
                                  .attrs_size = sizeof(yolo_implicit_attrs),
                                  .min_in = 1,
                                  .max_in = 1,
                                  .shape = shape,
                                  .params = params,
                                  .forward = forward,
                                  .backward = backward};
