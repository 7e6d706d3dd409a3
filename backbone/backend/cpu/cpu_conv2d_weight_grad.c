/* dL/d weight of a convolution: a matrix product of dL/d out (filters) with patches of in (ky, kx, c) whose depth is all
 * pixels of the batch,
 *
 *   dW(o, k) += sum over pixels p of up(p, o) patch(p, k).
 *
 * A task is a part of the pixels for a slice of filters and a chunk of k. Block after block of its pixels is packed into
 * patches, as for the implicit GEMM, stays in the cache and is multiplied into dW; 1x1 convolutions read the map itself.
 * Where dW is small (first layers) pixels are cut into parts, each with a dW of its own, which are added in order at the
 * end; where it is large there are enough slices. The cut depends on shapes alone, and so do the bits. */
#include "backbone/backend/cpu/cpu_conv2d.h"
#include "backbone/backend/cpu/cpu_sums.h"

enum {
  DEPTH = 224,            /* pixels of a block: with 256 of k they are 244 KB of the L2 cache */
  TASKS = 32,             /* at least so many where possible, so that no thread waits long */
  FEWEST_BLOCKS = 3,      /* of a part */
  MOST_PARTIAL = 4 << 20, /* floats of all partial dW together */
};

typedef struct job {
  const yolo_device *device;
  const yolo_tensor *in, *up;
  yolo_conv_patches patches;
  bool in_place;                    /* 1x1, stride 1: the map itself is the matrix of patches */
  int groups, filters, k;           /* filters of a group, depth of its patches */
  int pixels, blocks;               /* of the batch; of DEPTH pixels */
  int parts, chunks, chunk, slices; /* of blocks; of k, each `chunk` wide; of filters */
  float *grad, *partial, *scratch;
  size_t weights; /* floats of dW */
} job;

static bool reads_map(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_shape in = call->in[0].shape, out = call->grad_out->shape;
  return a->kernel_h == 1 && a->kernel_w == 1 && a->stride_h == 1 && a->stride_w == 1 && a->pad.top == 0 && a->pad.left == 0 &&
         in.h == out.h && in.w == out.w && in.c / a->groups % device->isa->lanes == 0;
}

static job geometry(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_shape out = call->grad_out->shape;
  job j = {.device = device, .in = &call->in[0], .up = call->grad_out, .groups = a->groups, .filters = a->filters / a->groups};
  const int channels = j.in->shape.c / a->groups, nr = device->isa->nr;
  j.patches = (yolo_conv_patches){.isa = device->isa, .in = j.in, .window = yolo_conv_window_of(a), .groups = a->groups};
  j.patches.channels = channels;
  j.patches.out_h = out.h;
  j.patches.out_w = out.w;
  j.in_place = reads_map(device, call);
  j.k = a->kernel_h * a->kernel_w * channels;
  j.weights = (size_t)a->filters * (size_t)j.k;
  j.pixels = (int)yolo_shape_pixels(out);
  j.blocks = yolo_divide_up(j.pixels, DEPTH);
  j.chunks = yolo_divide_up(j.k, YOLO_PANEL_K);
  j.chunk = yolo_round_up(yolo_divide_up(j.k, j.chunks), nr);
  j.chunks = yolo_divide_up(j.k, j.chunk);
  const int others = a->groups * j.chunks;
  const size_t room = MOST_PARTIAL / j.weights;
  j.parts = others >= TASKS ? 1 : yolo_divide_up(TASKS, others);
  j.parts = yolo_min_int(j.parts, yolo_divide_up(j.blocks, FEWEST_BLOCKS));
  if ((size_t)j.parts > room) j.parts = room > 1 ? (int)room : 1;
  j.slices = yolo_min_int(yolo_divide_up(TASKS, others * j.parts), yolo_divide_up(j.filters, 4 * device->isa->mr));
  return j;
}

static size_t partial_floats(const job *j) { return j->parts > 1 ? (size_t)j->parts * j->weights : 0; }

size_t yolo_conv_weight_grad_work(const yolo_device *device, const yolo_op_call *call) {
  const job j = geometry(device, call);
  const size_t patches = j.in_place ? 0 : (size_t)device->threads * DEPTH * YOLO_PANEL_STRIDE;
  return (partial_floats(&j) + patches) * sizeof(float);
}

/* Filters [o0, o1) by k in [k0, k0 + kc) over one block: rows of `tile` are set. c: dW of filter o0 and k0. */
static void multiply(const job *j, yolo_outer tile, int rows, int kc) {
  const yolo_isa *isa = j->device->isa;
  const int tiles = yolo_divide_up(rows, isa->mr);
  const float *a = tile.a, *b = tile.b;
  float *c = tile.c;
  for (int k = 0; k < kc; k += isa->nr) {
    tile.cols = yolo_min_int(isa->nr, kc - k);
    tile.b = b + k;
    for (int i = 0; i < tiles; i++) {
      const int from = (int)((long)rows * i / tiles), to = (int)((long)rows * (i + 1) / tiles);
      tile.a = a + from;
      tile.c = c + (size_t)from * tile.ldc + k;
      isa->outer[to - from - 1][tile.cols > isa->lanes](&tile);
    }
  }
}

static void run_task(void *payload, int task, int thread) {
  const job *j = payload;
  const int slice = task % j->slices, chunk = task / j->slices % j->chunks, g = task / j->slices / j->chunks % j->groups;
  const int part = task / j->slices / j->chunks / j->groups;
  const int m1 = yolo_min_int(j->pixels, (int)((long)j->blocks * (part + 1) / j->parts) * DEPTH);
  const int first = (int)((long)j->blocks * part / j->parts) * DEPTH;
  const int o0 = (int)((long)j->filters * slice / j->slices), o1 = (int)((long)j->filters * (slice + 1) / j->slices);
  const int k0 = chunk * j->chunk, kc = yolo_min_int(j->chunk, j->k - k0), filter = g * j->filters + o0;
  float *patches = j->scratch + (size_t)thread * DEPTH * YOLO_PANEL_STRIDE;
  yolo_outer tile = {.a_step = j->up->stride, .b = patches, .b_step = YOLO_PANEL_STRIDE, .ldc = (size_t)j->k};
  tile.c = (j->parts > 1 ? j->partial + (size_t)part * j->weights : j->grad) + (size_t)filter * (size_t)j->k + k0;
  for (int m = first; m < m1; m += DEPTH) {
    tile.depth = yolo_min_int(DEPTH, m1 - m);
    tile.a = yolo_nth_pixel(j->up, (size_t)m) + filter;
    tile.add = j->parts == 1 || m > first;
    if (j->in_place) {
      tile.b = yolo_nth_pixel(j->in, (size_t)m) + g * j->patches.channels + k0;
      tile.b_step = j->in->stride;
    } else {
      yolo_conv_pack_patches(&j->patches, g, m, m + tile.depth, k0, kc, patches);
    }
    multiply(j, tile, o1 - o0, kc);
  }
}

void yolo_conv_weight_grad(const yolo_device *device, const yolo_op_call *call) {
  job j = geometry(device, call);
  j.grad = call->grad_param[0].data;
  j.partial = call->work;
  j.scratch = j.partial + partial_floats(&j);
  yolo_parallel(device->threads, j.parts * j.groups * j.chunks * j.slices, run_task, &j);
  if (j.parts > 1) yolo_cpu_add_parts(device, j.partial, j.parts, j.weights, j.grad);
}
