/* Sums whose bits do not depend on the number of threads: see cpu_sums.h. */
#include "backbone/backend/cpu/cpu_sums.h"

#include <string.h>

enum { PIECE = 4096 }; /* floats that one task adds up */

typedef struct parts_job {
  const yolo_device *device;
  float *partial, *to;
  int parts;
  size_t count;
} parts_job;

static void add_piece(void *payload, int piece, int thread) {
  const parts_job *j = payload;
  const size_t at = (size_t)piece * PIECE, rest = j->count - at;
  const int n = rest < PIECE ? (int)rest : PIECE;
  (void)thread;
  for (int p = 1; p < j->parts; p++) j->device->isa->add_rows(j->partial + at, j->partial + (size_t)p * j->count + at, n);
  j->device->isa->add_rows(j->to + at, j->partial + at, n);
}

void yolo_cpu_add_parts(const yolo_device *device, float *partial, int parts, size_t count, float *to) {
  parts_job j = {.device = device, .partial = partial, .to = to, .parts = parts, .count = count};
  yolo_parallel(device->threads, (int)((count + PIECE - 1) / PIECE), add_piece, &j);
}

/* ---- channel sums ---- */

/* A float that took 100,000 additions has lost digits: RUN pixels are added up first, then those sums, then the parts. */
enum { RUN = 64, PART = 1024, MOST_PARTS = 32 };

typedef struct sums_job {
  const yolo_device *device;
  const yolo_tensor *t;
  int parts;
  size_t pixels;
  float *partial, *runs; /* parts x C each */
} sums_job;

static int parts_of(yolo_shape shape) {
  const size_t parts = (yolo_shape_pixels(shape) + PART - 1) / PART;
  return parts < MOST_PARTS ? (int)parts : MOST_PARTS;
}

static void sum_part(void *payload, int part, int thread) {
  const sums_job *j = payload;
  const int c = j->t->shape.c;
  const size_t first = j->pixels * (size_t)part / (size_t)j->parts, end = j->pixels * (size_t)(part + 1) / (size_t)j->parts;
  float *sum = j->partial + (size_t)part * (size_t)c, *run = j->runs + (size_t)part * (size_t)c;
  (void)thread;
  memset(sum, 0, (size_t)c * sizeof *sum);
  for (size_t p = first; p < end; p += RUN) {
    memcpy(run, yolo_nth_pixel(j->t, p), (size_t)c * sizeof *run);
    for (size_t q = p + 1; q < p + RUN && q < end; q++) j->device->isa->add_rows(run, yolo_nth_pixel(j->t, q), c);
    j->device->isa->add_rows(sum, run, c);
  }
}

size_t yolo_cpu_channel_sums_work(yolo_shape shape) { return (size_t)parts_of(shape) * (size_t)shape.c * 2 * sizeof(float); }

void yolo_cpu_channel_sums(const yolo_device *device, const yolo_tensor *t, void *work, float *to) {
  sums_job j = {.device = device, .t = t, .parts = parts_of(t->shape), .pixels = yolo_shape_pixels(t->shape), .partial = work};
  j.runs = j.partial + (size_t)j.parts * (size_t)t->shape.c;
  yolo_parallel(device->threads, j.parts, sum_part, &j);
  yolo_cpu_add_parts(device, j.partial, j.parts, (size_t)t->shape.c, to);
}
