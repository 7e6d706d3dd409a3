/* Dropout and DropBlock (ops/op_dropout.c). What element i draws is a pure function of the seed and i, so that threads change
 * nothing; four elements share one block of random words. */
#include <string.h>

#include "backbone/backend/cpu/cpu.h"
#include "backbone/base/rng.h"
#include "backbone/ops/dropout.h"

enum { WORDS = 4, DRAWS = 4096 /* elements of a task; a multiple of WORDS */ };

/* A draw u = (word >> 8) / 2^24 is below p exactly when word >> 8 is below p 2^24, rounded up. */
static uint32_t bound_of(double probability) {
  const double scaled = probability * 16777216.0;
  const uint32_t whole = (uint32_t)scaled;
  return whole + ((double)whole < scaled);
}

static float scale_at(const yolo_op_call *call, int image) {
  const yolo_dropout_attrs *a = call->attrs;
  if (!call->training) return 1;
  return a->dropblock ? yolo_dropblock_scales(call->saved, call->in[0].shape)[image] : (float)(1 / (1.0 - a->probability));
}

/* to = (to +) keep scale from */
static void apply(const yolo_device *device, const yolo_op_call *call, const yolo_tensor *from, const yolo_tensor *to, bool add,
                  int first, int end) {
  const int channels = to->shape.c, map = to->shape.h * to->shape.w;
  const unsigned char *keep = call->saved;
  for (int p = first; p < end; p++)
    device->isa->mask_row(yolo_nth_pixel(to, p), yolo_nth_pixel(from, p), keep + (size_t)p * (size_t)channels, channels,
                          scale_at(call, p / map), add);
}

static void run(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  if (call->training)
    apply(device, call, &call->in[0], call->out, false, first, end);
  else
    yolo_cpu_hand_on(device, &call->in[0], call->out, call->out->shape.c, first, end, false);
}

static void run_back(const yolo_device *device, const yolo_op_call *call, int first, int end) {
  const bool add = call->beta[0] != 0;
  if (call->training)
    apply(device, call, call->grad_out, &call->grad_in[0], add, first, end);
  else
    yolo_cpu_hand_on(device, call->grad_out, &call->grad_in[0], call->grad_out->shape.c, first, end, add);
}

typedef struct job {
  const yolo_op_call *call;
  yolo_shape shape;
  size_t count;
  uint32_t bound;
  int block;
} job;

/* ---- single values ---- */

static void draw_values(void *payload, int task, int thread) {
  const job *j = payload;
  unsigned char *keep = j->call->saved;
  const size_t first = (size_t)task * DRAWS, end = j->count - first < DRAWS ? j->count : first + DRAWS;
  (void)thread;
  for (size_t i = first; i < end; i += WORDS) {
    uint32_t words[WORDS];
    yolo_rng_block(j->call->seed, 0, i / WORDS, words);
    for (size_t k = 0; k < WORDS && i + k < end; k++) keep[i + k] = words[k] >> 8 >= j->bound;
  }
}

/* ---- squares: a task is a block of channels of an image, so that none meets another's ---- */

enum { CHANNELS = 16 };

static void clear_square(const job *j, unsigned char *keep) {
  const size_t pixel = (size_t)j->shape.c, row = pixel * (size_t)j->shape.w;
  for (int y = 0; y < j->block; y++)
    for (int x = 0; x < j->block; x++) keep[(size_t)y * row + (size_t)x * pixel] = 0;
}

static void draw_squares(void *payload, int task, int thread) {
  const job *j = payload;
  const yolo_shape s = j->shape;
  const int blocks = yolo_divide_up(s.c, CHANNELS), image = task / blocks, c = task % blocks * CHANNELS;
  const size_t n = (size_t)yolo_min_int(CHANNELS, s.c - c), map = (size_t)s.h * (size_t)s.w;
  unsigned char *keep = j->call->saved;
  uint32_t words[WORDS];
  (void)thread;
  for (size_t p = 0; p < map; p++) memset(keep + ((size_t)image * map + p) * (size_t)s.c + (size_t)c, 1, n);
  for (int y = 0; y + j->block <= s.h; y++)
    for (int x = 0; x + j->block <= s.w; x++) {
      const size_t at = (((size_t)image * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x) * (size_t)s.c + (size_t)c;
      for (size_t i = at; i < at + n; i++) {
        if (i == at || i % WORDS == 0) yolo_rng_block(j->call->seed, 0, i / WORDS, words);
        if (words[i % WORDS] >> 8 < j->bound) clear_square(j, keep + i);
      }
    }
}

static void count_kept(void *payload, int task, int thread) {
  const job *j = payload;
  const size_t image = j->count / (size_t)j->shape.n;
  const unsigned char *keep = (const unsigned char *)j->call->saved + (size_t)task * image;
  size_t kept = 0;
  (void)thread;
  for (size_t i = 0; i < image; i++) kept += keep[i];
  yolo_dropblock_scales(j->call->saved, j->shape)[task] = yolo_dropblock_scale(image, kept);
}

/* ---- the two passes ---- */

static void draw(const yolo_device *device, const yolo_op_call *call) {
  const yolo_dropout_attrs *a = call->attrs;
  const yolo_shape s = call->in[0].shape;
  job j = {.call = call, .shape = s, .count = yolo_shape_count(s), .bound = bound_of(a->probability)};
  if (!a->dropblock) {
    yolo_parallel(device->threads, (int)((j.count + DRAWS - 1) / DRAWS), draw_values, &j);
    return;
  }
  j.block = yolo_dropblock_size(a, s);
  j.bound = bound_of(yolo_dropblock_gamma(a, s));
  yolo_parallel(device->threads, s.n * yolo_divide_up(s.c, CHANNELS), draw_squares, &j);
  yolo_parallel(device->threads, s.n, count_kept, &j);
}

static yolo_status forward(const yolo_device *device, const yolo_op_call *call) {
  if (call->training && !call->saved) return yolo_op_dropout.forward(call); /* says what is wrong */
  if (call->training) draw(device, call);
  yolo_cpu_pixels_of(device, call, call->out->shape, run);
  return YOLO_OK;
}

static yolo_status backward(const yolo_device *device, const yolo_op_call *call) {
  if (call->grad_in && call->grad_in[0].data) yolo_cpu_pixels_of(device, call, call->grad_out->shape, run_back);
  return YOLO_OK;
}

const yolo_cpu_kernel yolo_cpu_dropout = {.forward = forward, .backward = backward, .trains = true};
