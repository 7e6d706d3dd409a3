/* Average pooling: out(n,y,x,c) = mean over those cells of the window that lie inside the map, or over the
 * whole map when `global` (Lin et al., "Network In Network", 2014, section 3.2). */
#include "backbone/ops/rules.h"

/* What the window of one output covers: rows [y0, y1), columns [x0, x1), already cut at the border. */
typedef struct box {
  int y0, y1, x0, x1;
} box;

static int at_least(int value, int min) { return value < min ? min : value; }
static int at_most(int value, int max) { return value > max ? max : value; }

static box window_box(const yolo_avgpool_attrs *a, yolo_shape in, int y, int x) {
  int top = y * a->stride_h - a->pad.top, left = x * a->stride_w - a->pad.left;
  box whole = {0, in.h, 0, in.w};
  box b = {at_least(top, 0), at_most(top + a->kernel_h, in.h), at_least(left, 0), at_most(left + a->kernel_w, in.w)};
  return a->global ? whole : b;
}

static yolo_status shape(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out) {
  const yolo_avgpool_attrs *a = attrs;
  yolo_shape o = {in[0].n, 1, 1, in[0].c};
  yolo_window rows = {a->kernel_h, a->stride_h, 1, a->pad.top, a->pad.bottom};
  yolo_window columns = {a->kernel_w, a->stride_w, 1, a->pad.left, a->pad.right};
  yolo_status st;
  (void)n_in;
  if (!a->global) {
    if ((st = yolo_rule_window("avgpool", "height", in[0].h, rows, &o.h)) != YOLO_OK) return st;
    if ((st = yolo_rule_window("avgpool", "width", in[0].w, columns, &o.w)) != YOLO_OK) return st;
    if ((st = yolo_rule_pool_pads("avgpool", a)) != YOLO_OK) return st;
  }
  if ((st = yolo_rule_count("avgpool", "output", o)) != YOLO_OK) return st;
  *out = o;
  return YOLO_OK;
}

static double box_mean(const yolo_tensor *in, int n, box b, int c) {
  double sum = 0;
  for (int y = b.y0; y < b.y1; y++)
    for (int x = b.x0; x < b.x1; x++) sum += yolo_pixel(in, n, y, x)[c];
  return sum / ((double)(b.y1 - b.y0) * (b.x1 - b.x0));
}

static yolo_status forward(const yolo_op_call *call) {
  yolo_shape s = call->out->shape;
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++) {
        box b = window_box(call->attrs, call->in[0].shape, y, x);
        for (int c = 0; c < s.c; c++) yolo_pixel(call->out, n, y, x)[c] = (float)box_mean(&call->in[0], n, b, c);
      }
  return YOLO_OK;
}

/* Each cell of a window gets an equal share. */
static void share_out(yolo_tensor *grad, int n, box b, const float *up) {
  double share = 1.0 / ((double)(b.y1 - b.y0) * (b.x1 - b.x0));
  for (int y = b.y0; y < b.y1; y++)
    for (int x = b.x0; x < b.x1; x++)
      for (int c = 0; c < grad->shape.c; c++) yolo_put_grad(&yolo_pixel(grad, n, y, x)[c], 1, up[c] * share);
}

static yolo_status backward(const yolo_op_call *call) {
  yolo_tensor *grad = yolo_wanted_grad(call, 0);
  yolo_shape s = call->grad_out->shape;
  if (!grad) return YOLO_OK;
  yolo_begin_grad(grad, call->beta[0]);
  for (int n = 0; n < s.n; n++)
    for (int y = 0; y < s.h; y++)
      for (int x = 0; x < s.w; x++)
        share_out(grad, n, window_box(call->attrs, grad->shape, y, x), yolo_pixel(call->grad_out, n, y, x));
  return YOLO_OK;
}

const yolo_op yolo_op_avgpool = {.name = "avgpool",
                                 .attrs_size = sizeof(yolo_avgpool_attrs),
                                 .min_in = 1,
                                 .max_in = 1,
                                 .shape = shape,
                                 .forward = forward,
                                 .backward = backward};
