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

void yolo_cpu_activate(const yolo_device *device, const yolo_tensor *t, int first, int end, yolo_activation act) {
  const yolo_epilogue how = {.act1 = act};
  if (act != YOLO_ACT_linear) device->isa->epilogue(yolo_nth_pixel(t, first), t->stride, end - first, t->shape.c, &how);
}
