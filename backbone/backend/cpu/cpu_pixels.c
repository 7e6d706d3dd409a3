/* How the memory-bound kernels share a map between threads, and the activation they may end with. */
#include "backbone/backend/cpu/cpu.h"

enum { PIECE = 16384 }; /* floats: below this a piece costs less than handing it out */

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  yolo_pixels_body body;
  int pixels, piece;
} job;

static void run_piece(void *payload, int task, int thread) {
  const job *j = payload;
  (void)thread;
  j->body(j->device, j->call, task * j->piece, yolo_min_int(j->pixels, (task + 1) * j->piece));
}

void yolo_cpu_pixels(const yolo_device *device, const yolo_op_call *call, yolo_pixels_body body) {
  const yolo_shape out = call->out->shape;
  job j = {device, call, body, (int)yolo_shape_pixels(out), 0};
  const int smallest = yolo_max_int(1, PIECE / out.c);
  j.piece = yolo_max_int(smallest, yolo_divide_up(j.pixels, 4 * device->threads));
  yolo_parallel(device->threads, yolo_divide_up(j.pixels, j.piece), run_piece, &j);
}

void yolo_cpu_pixels_of(const yolo_device *device, const yolo_op_call *call, yolo_shape shape, yolo_pixels_body body) {
  job j = {device, call, body, (int)yolo_shape_pixels(shape), yolo_max_int(1, PIECE / shape.c)};
  yolo_parallel(device->threads, yolo_divide_up(j.pixels, j.piece), run_piece, &j);
}

void yolo_cpu_activate(const yolo_device *device, const yolo_tensor *t, int first, int end, yolo_activation act) {
  const yolo_epilogue how = {.act1 = act};
  if (act != YOLO_ACT_linear) device->isa->epilogue(yolo_nth_pixel(t, first), t->stride, end - first, t->shape.c, &how);
}

void yolo_cpu_hand_on(const yolo_device *device, const yolo_tensor *from, const yolo_tensor *to, int channels, int first,
                      int end, bool add) {
  const float *taps[1] = {yolo_nth_pixel(from, first)};
  const yolo_mixture m = {.taps = taps,
                          .count = 1,
                          .step = from->stride,
                          .to = yolo_nth_pixel(to, first),
                          .to_step = to->stride,
                          .n = channels,
                          .pixels = end - first,
                          .add = add};
  if (m.to != taps[0] || add) device->isa->mix(&m);
}

void yolo_cpu_slope(const yolo_device *device, yolo_activation act, const yolo_tensor *at, const yolo_tensor *up,
                    const yolo_tensor *to, int first, int end, bool add) {
  if (act == YOLO_ACT_linear) {
    yolo_cpu_hand_on(device, up, to, up->shape.c, first, end, add);
    return;
  }
  const yolo_norm_rows r = {.x = yolo_nth_pixel(at, first),
                            .ldx = at->stride,
                            .up = yolo_nth_pixel(up, first),
                            .ldup = up->stride,
                            .to = yolo_nth_pixel(to, first),
                            .ldto = to->stride,
                            .rows = end - first,
                            .cols = up->shape.c,
                            .act = act,
                            .add = add};
  device->isa->slope_rows(&r);
}
