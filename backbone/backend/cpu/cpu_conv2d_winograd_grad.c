/* dL/d weight of a 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): see isa_winograd_grad.inc.
 *
 * A task is a slice of filters by a slice of channels for a part of the tiles. Block after block of its tiles is
 * transformed, inputs into V and dL/d out into U, and multiplied plane by plane into sums (36, filters, channels) that
 * stay in the L2 cache with both; at the end the sums are transformed into taps. Transforms are made anew for every
 * slice: with 64 by 64 channels they are a sixth of the work, and nothing large passes through memory.
 * Parts, where there are few slices, have a dW of their own, which are added in order. */
#include <string.h>

#include "backbone/backend/cpu/cpu_conv2d.h"
#include "backbone/backend/cpu/cpu_sums.h"

enum {
  M = 4,
  PLANES = 36,
  SLICE = 64,             /* filters and channels of a task at most */
  TILES = 48,             /* of a block: V and U are 0.9 MB, the sums 0.6 MB */
  TASKS = 32,             /* at least so many where possible, so that no thread waits long */
  FEWEST_TILES = 32,      /* of the whole batch, below which transforming the sums costs more than it saves */
  MOST_PARTIAL = 4 << 20, /* floats of all partial dW together */
};

typedef struct job {
  const yolo_device *device;
  const yolo_tensor *in, *up;
  yolo_pads pad;
  int channels, filters;
  int tiles_h, tiles_w, tiles;
  int c_slices, c_slice, o_slices, o_slice, parts;
  size_t row_v, row_u, plane_v, plane_u, plane_s; /* floats: rows of V and of sums; of U; planes */
  size_t scratch_floats, weights;
  float *zeros, *scratch, *partial, *grad;
} job;

bool yolo_conv_winograd_grad_fits(const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_shape out = call->grad_out->shape;
  const int tiles = yolo_divide_up(out.h, M) * yolo_divide_up(out.w, M);
  return a->kernel_h == 3 && a->kernel_w == 3 && a->stride_h == 1 && a->stride_w == 1 && a->dilation == 1 && a->groups == 1 &&
         call->in[0].shape.c >= 16 && a->filters >= 16 && out.h * out.w * 9 > 2 * PLANES * tiles &&
         out.n * tiles >= FEWEST_TILES;
}

/* An odd number of cache lines, so that the planes of one tile spread over all sets. */
static size_t odd_lines(size_t floats) { return (((floats + 15) / 16) | 1) * 16; }

static void slice(int count, int *slices, int *size) {
  *slices = yolo_divide_up(count, SLICE);
  *size = yolo_round_up(yolo_divide_up(count, *slices), 16);
  *slices = yolo_divide_up(count, *size);
}

static job geometry(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_shape out = call->grad_out->shape;
  job j = {.device = device, .in = &call->in[0], .up = call->grad_out, .pad = a->pad, .filters = a->filters};
  j.channels = j.in->shape.c;
  j.tiles_h = yolo_divide_up(out.h, M);
  j.tiles_w = yolo_divide_up(out.w, M);
  j.tiles = out.n * j.tiles_h * j.tiles_w;
  j.weights = (size_t)j.filters * 9 * (size_t)j.channels;
  slice(j.channels, &j.c_slices, &j.c_slice);
  slice(j.filters, &j.o_slices, &j.o_slice);
  const size_t room = MOST_PARTIAL / j.weights;
  j.parts = yolo_min_int(yolo_divide_up(TASKS, j.c_slices * j.o_slices), yolo_divide_up(j.tiles, 2 * TILES));
  if ((size_t)j.parts > room) j.parts = room > 1 ? (int)room : 1;
  j.row_v = (size_t)yolo_round_up(j.c_slice, device->isa->nr);
  j.row_u = (size_t)j.o_slice;
  j.plane_v = odd_lines(TILES * j.row_v);
  j.plane_u = odd_lines(TILES * j.row_u);
  j.plane_s = odd_lines((size_t)j.o_slice * j.row_v);
  j.scratch_floats = PLANES * (j.plane_v + j.plane_u + j.plane_s);
  return j;
}

static size_t partial_floats(const job *j) { return j->parts > 1 ? (size_t)j->parts * j->weights : 0; }

size_t yolo_conv_winograd_grad_work(const yolo_device *device, const yolo_op_call *call) {
  const job j = geometry(device, call);
  return (SLICE + partial_floats(&j) + (size_t)device->threads * j.scratch_floats) * sizeof(float);
}

/* The (size x size) pixels from (y, x) on, channels from c on; zeros outside the map. */
static void point(const job *j, const yolo_tensor *t, int image, int y, int x, int size, int c, const float **pixels) {
  for (int i = 0; i < size * size; i++) {
    const int py = y + i / size, px = x + i % size;
    const bool inside = py >= 0 && py < t->shape.h && px >= 0 && px < t->shape.w;
    pixels[i] = inside ? yolo_pixel(t, image, py, px) + c : j->zeros;
  }
}

static void transform(const job *j, int tile, int c0, int cs, int o0, int os, float *v, float *u) {
  const int image = tile / (j->tiles_h * j->tiles_w), y = tile / j->tiles_w % j->tiles_h * M, x = tile % j->tiles_w * M;
  const float *pixels[PLANES];
  point(j, j->in, image, y - j->pad.top, x - j->pad.left, M + 2, c0, pixels);
  j->device->isa->winograd_input(M, pixels, cs, v, j->plane_v);
  point(j, j->up, image, y, x, M, o0, pixels);
  j->device->isa->winograd_up(pixels, os, u, j->plane_u);
}

/* sums (os, cs) of one plane += U^T V over `count` tiles. */
static void multiply(const job *j, int count, int cs, int os, const float *v, const float *u, float *sums, bool add) {
  const yolo_isa *isa = j->device->isa;
  const int tiles = yolo_divide_up(os, isa->mr);
  yolo_outer tile = {.a_step = j->row_u, .b_step = j->row_v, .depth = count, .cols = isa->nr, .ldc = j->row_v, .add = add};
  for (int c = 0; c < cs; c += isa->nr) {
    tile.b = v + c;
    for (int i = 0; i < tiles; i++) {
      const int from = os * i / tiles, to = os * (i + 1) / tiles;
      tile.a = u + from;
      tile.c = sums + (size_t)from * j->row_v + c;
      isa->outer[to - from - 1][1](&tile);
    }
  }
}

static void run_task(void *payload, int task, int thread) {
  const job *j = payload;
  const int part = task / j->c_slices / j->o_slices;
  const int c0 = task % j->c_slices * j->c_slice, cs = yolo_min_int(j->c_slice, j->channels - c0);
  const int o0 = task / j->c_slices % j->o_slices * j->o_slice, os = yolo_min_int(j->o_slice, j->filters - o0);
  const int first = (int)((long)j->tiles * part / j->parts), end = (int)((long)j->tiles * (part + 1) / j->parts);
  float *v = j->scratch + (size_t)thread * j->scratch_floats, *u = v + PLANES * j->plane_v, *sums = u + PLANES * j->plane_u;
  const int blocks = yolo_divide_up(end - first, TILES);
  for (int block = 0; block < blocks; block++) {
    const int tile = first + (end - first) * block / blocks, count = first + (end - first) * (block + 1) / blocks - tile;
    for (int i = 0; i < count; i++) transform(j, tile + i, c0, cs, o0, os, v + (size_t)i * j->row_v, u + (size_t)i * j->row_u);
    for (int i = 0; i < PLANES; i++)
      multiply(j, count, cs, os, v + (size_t)i * j->plane_v, u + (size_t)i * j->plane_u, sums + (size_t)i * j->plane_s,
               block > 0);
  }
  float *to = (j->parts > 1 ? j->partial + (size_t)part * j->weights : j->grad) + (size_t)o0 * 9 * (size_t)j->channels + c0;
  for (int o = 0; o < os; o++, to += (size_t)j->channels * 9)
    j->device->isa->winograd_sums(sums + (size_t)o * j->row_v, j->plane_s, cs, to, (size_t)j->channels, j->parts == 1);
}

void yolo_conv_winograd_weight_grad(const yolo_device *device, const yolo_op_call *call) {
  job j = geometry(device, call);
  j.zeros = call->work;
  memset(j.zeros, 0, SLICE * sizeof(float));
  j.partial = j.zeros + SLICE;
  j.scratch = j.partial + partial_floats(&j);
  j.grad = call->grad_param[0].data;
  yolo_parallel(device->threads, j.parts * j.c_slices * j.o_slices, run_task, &j);
  if (j.parts > 1) yolo_cpu_add_parts(device, j.partial, j.parts, j.weights, j.grad);
}
