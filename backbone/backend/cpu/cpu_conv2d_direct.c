/* Convolution as an implicit GEMM: rows are output pixels, depth is (ky, kx, c), columns are filters.
 *
 * No im2col buffer of the whole map exists: a block of at most BLOCK pixels and YOLO_PANEL_K of depth is packed
 * at a time into this thread's scratch, where it stays in the L2 cache while all panels of filters pass by.
 * Partial sums of deep layers wait in the output itself. (Chellapilla et al. 2006 for the idea of GEMM; the
 * blocking is Goto's.) */
#include <string.h>

#include "backbone/backend/cpu/cpu_conv2d.h"
#include "backbone/backend/cpu/gemm.h"

enum {
  BLOCK = 224,              /* pixels at most: 224 x 272 floats are 244 KB of L2 */
  SMALL_WEIGHTS = 768 << 10 /* bytes: weights that stay in the L2 cache by themselves */
};

typedef struct job {
  const yolo_device *device;
  const yolo_op_call *call;
  const yolo_conv2d_attrs *a;
  const yolo_conv_pack *pack;
  const float *bias, *weights;
  yolo_conv_patches patches;
  yolo_conv_place place;
  bool in_place;      /* 1x1, stride 1: the map itself is A */
  int pixels;         /* N * OH * OW */
  int block;          /* pixels of a block at most */
  int blocks, slices; /* of pixels; of panels */
  yolo_epilogue hard;
  bool is_hard;
  float slope1, slope2;
} job;

static int depth(const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  return a->kernel_h * a->kernel_w * (call->in[0].shape.c / a->groups);
}

yolo_op_sizes yolo_conv_direct_sizes(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  yolo_op_sizes sizes;
  const size_t per_group = (size_t)yolo_round_up(a->filters / a->groups, device->isa->nr) * (size_t)depth(call);
  sizes.pack = (size_t)a->groups * per_group * sizeof(float);
  sizes.work = (size_t)device->threads * BLOCK * YOLO_PANEL_STRIDE * sizeof(float);
  return sizes;
}

/* ---- packing ---- */

typedef struct pack_job {
  const yolo_conv_weights *from;
  const yolo_conv2d_attrs *a;
  int nr, channels, filters, panels;
  float *to;
} pack_job;

/* One panel of nr filters: depth (ky, kx, c) after depth. */
static void pack_panel(void *payload, int task, int thread) {
  const pack_job *j = payload;
  const yolo_conv_weights *w = j->from;
  const int panel = task % j->panels, nr = j->nr, cols = yolo_min_int(nr, j->filters - panel * nr);
  const float *from = w->at + (task / j->panels) * w->group + panel * nr * w->filter;
  float *to = j->to + (size_t)task * (size_t)(j->a->kernel_h * j->a->kernel_w * j->channels) * (size_t)nr;
  (void)thread;
  if (cols < nr) memset(to, 0, (size_t)(j->a->kernel_h * j->a->kernel_w * j->channels) * (size_t)nr * sizeof *to);
  for (int ky = 0; ky < j->a->kernel_h; ky++)
    for (int kx = 0; kx < j->a->kernel_w; kx++, to += (size_t)j->channels * (size_t)nr)
      yolo_pack_rows(nr, from + ky * w->row + kx * w->column, w->channel, w->filter, j->channels, cols, to);
}

void yolo_conv_direct_pack(const yolo_device *device, const yolo_op_call *call, const yolo_conv_weights *weights,
                           yolo_conv_pack *pack, float *to) {
  const yolo_conv2d_attrs *a = call->attrs;
  pack_job j = {.from = weights, .a = a, .nr = device->isa->nr, .channels = call->in[0].shape.c / a->groups, .to = to};
  j.filters = pack->filters;
  j.panels = pack->panels;
  pack->k = depth(call);
  yolo_parallel(device->threads, a->groups * j.panels, pack_panel, &j);
}

/* ---- running ---- */

/* Output pixels [m, m + rows) against one panel; map row by map row where those are not neighbours in memory. */
static void run_panel(const job *j, yolo_tile tile, int filter, int m, int rows, const float *next, size_t bytes,
                      const yolo_epilogue *hard) {
  const yolo_tensor *out = j->call->out;
  const size_t lda = tile.lda ? tile.lda : YOLO_PANEL_STRIDE;
  if (!j->place.apart) {
    tile.c = yolo_nth_pixel(out, (size_t)m) + filter;
    yolo_gemm_panel(j->device->isa, tile, rows, next, bytes, hard);
    return;
  }
  for (int done = 0; done < rows;) {
    const int x = (m + done) % out->shape.w, y = (m + done) / out->shape.w;
    const int count = yolo_min_int(out->shape.w - x, rows - done);
    tile.c = (float *)out->data + (size_t)(y / out->shape.h) * j->place.image + (size_t)(y % out->shape.h) * j->place.row +
             (size_t)x * out->stride + filter;
    yolo_gemm_panel(j->device->isa, tile, count, done == 0 ? next : NULL, bytes, hard);
    tile.a += (size_t)count * lda;
    done += count;
  }
}

static void run_panels(const job *j, int g, int m0, int rows, int k0, int kc, int p0, int p1, const float *a, size_t lda) {
  const int nr = j->device->isa->nr, k = j->pack->k;
  const yolo_tensor *residual = j->a->residual ? &j->call->in[1] : NULL;
  const float *weights = j->weights + (size_t)g * (size_t)j->pack->panels * (size_t)k * (size_t)nr;
  for (int p = p0; p < p1; p++) {
    const int filter = g * j->pack->filters + p * nr;
    yolo_tile tile = {.a = a, .b = weights + ((size_t)p * (size_t)k + (size_t)k0) * (size_t)nr, .k = kc, .lda = lda};
    tile.ldc = j->call->out->stride;
    tile.cols = yolo_min_int(nr, j->pack->filters - p * nr);
    tile.first = k0 == 0 && !j->place.add;
    tile.last = k0 + kc == k;
    if (j->bias) tile.bias = j->bias + filter;
    tile.slope1 = j->slope1;
    tile.slope2 = j->slope2;
    yolo_epilogue hard = j->hard;
    if (residual) {
      const float *r = (const float *)residual->data + (size_t)m0 * residual->stride + (size_t)filter;
      if (j->is_hard)
        hard.residual = r;
      else
        tile.residual = r;
      tile.ldr = residual->stride;
    }
    const float *next = p + 1 < p1 ? tile.b + (size_t)k * (size_t)nr : NULL;
    run_panel(j, tile, filter, m0, rows, next, (size_t)kc * (size_t)nr * sizeof(float), j->is_hard ? &hard : NULL);
  }
}

/* Outputs [m, m + rows) of group g, panels [p0, p1). */
static void run_block(const job *j, int g, int m, int rows, int p0, int p1, float *a) {
  for (int k0 = 0; k0 < j->pack->k; k0 += YOLO_PANEL_K) {
    const int kc = yolo_min_int(YOLO_PANEL_K, j->pack->k - k0);
    if (j->in_place) {
      const yolo_tensor *in = &j->call->in[0];
      run_panels(j, g, m, rows, k0, kc, p0, p1, yolo_nth_pixel(in, (size_t)m) + g * j->patches.channels + k0, in->stride);
    } else {
      yolo_conv_pack_patches(&j->patches, g, m, m + rows, k0, kc, a);
      run_panels(j, g, m, rows, k0, kc, p0, p1, a, 0);
    }
  }
}

/* Blocks begin where map rows begin when those are apart, so that tiles are not cut to pieces. */
static void run_task(void *payload, int task, int thread) {
  const job *j = payload;
  const int slice = task % j->slices, block = task / j->slices % j->blocks, g = task / j->slices / j->blocks;
  const int unit = j->place.apart ? j->call->out->shape.w : 1, units = j->pixels / unit;
  const int m0 = (int)((long)units * block / j->blocks) * unit, m1 = (int)((long)units * (block + 1) / j->blocks) * unit;
  const int p0 = j->pack->panels * slice / j->slices, p1 = j->pack->panels * (slice + 1) / j->slices;
  float *a = (float *)j->call->work + (size_t)thread * BLOCK * YOLO_PANEL_STRIDE;
  for (int m = m0; m < m1;) {
    int rows = yolo_min_int(j->block, m1 - m);
    if (unit > rows) rows = yolo_min_int(rows, unit - m % unit);
    run_block(j, g, m, rows, p0, p1, a);
    m += rows;
  }
}

/* How the work is cut into blocks of pixels and slices of panels. */
static void cut(job *j, const yolo_device *device) {
  /* Where all weights stay near, a block of two tiles is best: it never leaves the L1 cache between packing and
   * multiplying. Else a large block, so that the weights pass by rarely. */
  const bool small = j->pack->k <= 2 * YOLO_PANEL_K &&
                     (size_t)j->pack->k * (size_t)j->pack->panels * (size_t)device->isa->nr * sizeof(float) <= SMALL_WEIGHTS;
  const int groups = j->a->groups, unit = j->place.apart ? j->call->out->shape.w : 1;
  j->pixels = (int)yolo_shape_pixels(j->call->out->shape);
  j->block = small ? 2 * device->isa->mr : BLOCK;
  if (unit <= j->block) j->block = j->block / unit * unit;
  j->blocks = yolo_divide_up(j->pixels, BLOCK);
  const int wanted = device->threads > 1 ? 4 * device->threads : 1; /* tasks, so that no thread waits long */
  if (j->blocks * groups < wanted && j->blocks < device->threads * 2)
    j->blocks = yolo_max_int(j->blocks, yolo_min_int(device->threads, j->pixels / 64));
  j->blocks = yolo_min_int(j->blocks, j->pixels / unit);
  j->slices = yolo_max_int(1, yolo_min_int(j->pack->panels, wanted / (j->blocks * groups)));
}

/* The micro-kernel knows slopes only, and the second one only behind a residual. */
static void choose_epilogue(job *j) {
  const yolo_conv2d_attrs *a = j->a;
  j->is_hard = !yolo_conv_slope(a->act1, &j->slope1) || !yolo_conv_slope(a->act2, &j->slope2) ||
               (!a->residual && a->act2 != YOLO_ACT_linear);
  if (!j->is_hard) return;
  j->slope1 = j->slope2 = 1;
  j->hard = (yolo_epilogue){.act1 = a->act1, .act2 = a->act2};
  if (a->residual) j->hard.ldr = j->call->in[1].stride;
}

void yolo_conv_direct_run(const yolo_device *device, const yolo_op_call *call, const yolo_conv_window *window,
                          const yolo_conv_place *place) {
  const yolo_conv2d_attrs *a = call->attrs;
  const yolo_tensor *in = &call->in[0], *out = call->out;
  job j = {.device = device, .call = call, .a = a, .pack = call->packed};
  j.bias = yolo_conv_pack_bias(j.pack);
  j.weights = yolo_conv_pack_weights(device, a, j.pack);
  j.patches = (yolo_conv_patches){.isa = device->isa, .in = in, .window = *window, .groups = a->groups};
  j.patches.channels = in->shape.c / a->groups;
  j.patches.out_h = out->shape.h;
  j.patches.out_w = out->shape.w;
  j.in_place = window->kernel_h == 1 && window->kernel_w == 1 && window->stride_h == 1 && window->stride_w == 1 &&
               window->top == 0 && window->left == 0 && in->shape.h == out->shape.h && in->shape.w == out->shape.w;
  if (place) j.place = *place;
  cut(&j, device);
  choose_epilogue(&j);
  yolo_parallel(device->threads, j.blocks * j.slices * a->groups, run_task, &j);
}

void yolo_conv_direct_forward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv_window window = yolo_conv_window_of(call->attrs);
  yolo_conv_direct_run(device, call, &window, NULL);
}
