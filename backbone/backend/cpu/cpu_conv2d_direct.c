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
  bool in_place;      /* 1x1, stride 1: the map itself is A */
  int cg;             /* input channels of a group */
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

void yolo_conv_direct_pack(const yolo_device *device, const yolo_op_call *call, yolo_conv_pack *pack, float *to) {
  const yolo_conv2d_attrs *a = call->attrs;
  const int k = depth(call), nr = device->isa->nr;
  pack->k = k;
  for (int g = 0; g < a->groups; g++)
    yolo_pack_panels(nr, (const float *)call->param[0].data + (size_t)g * (size_t)pack->filters * (size_t)k, 1, (size_t)k, k,
                     pack->filters, to + (size_t)g * (size_t)pack->panels * (size_t)k * (size_t)nr);
}

/* One tap (ky, kx) of `count` neighbouring output pixels of row oy: channels [c0, c0 + n) into columns of `to`. */
static void pack_tap(const job *j, int image, int oy, int ox, int count, int tap, int channel, int n, float *to) {
  const yolo_conv2d_attrs *a = j->a;
  const yolo_tensor *in = &j->call->in[0];
  const yolo_isa *isa = j->device->isa;
  const int ky = tap / a->kernel_w, kx = tap % a->kernel_w;
  const int iy = oy * a->stride_h - a->pad.top + ky * a->dilation;
  const int ix = ox * a->stride_w - a->pad.left + kx * a->dilation;
  int lo = 0, hi = 0; /* pixels [lo, hi) lie inside the map */
  if (iy >= 0 && iy < in->shape.h) {
    lo = ix < 0 ? yolo_min_int(count, yolo_divide_up(-ix, a->stride_w)) : 0;
    hi = ix >= in->shape.w ? lo : yolo_min_int(count, (in->shape.w - 1 - ix) / a->stride_w + 1);
    if (hi < lo) hi = lo;
  }
  isa->zero_rows(to, YOLO_PANEL_STRIDE, lo, n);
  if (hi > lo)
    isa->copy_rows(to + (size_t)lo * YOLO_PANEL_STRIDE, YOLO_PANEL_STRIDE,
                   yolo_pixel(in, image, iy, ix + lo * a->stride_w) + channel, (size_t)a->stride_w * in->stride, hi - lo, n);
  isa->zero_rows(to + (size_t)hi * YOLO_PANEL_STRIDE, YOLO_PANEL_STRIDE, count - hi, n);
}

/* `count` neighbouring pixels of row oy from ox on, tap by tap: depth [k0, k0 + kc) into `to`. */
static void pack_taps(const job *j, int g, int image, int oy, int ox, int count, int k0, int kc, float *to) {
  const int cg = j->cg;
  for (int k = k0; k < k0 + kc;) {
    const int tap = k / cg, c = k % cg, n = yolo_min_int(cg - c, k0 + kc - k);
    pack_tap(j, image, oy, ox, count, tap, g * cg + c, n, to + (k - k0));
    k += n;
  }
}

/* The same where a row of taps is one run of memory (dense pixels, no dilation) and lies inside the map: a copy a
 * row of taps instead of one a tap. It matters for the first layer, whose taps are three floats long. */
static void pack_runs(const job *j, int image, int oy, int ox, int count, int k0, int kc, float *to) {
  const yolo_conv2d_attrs *a = j->a;
  const yolo_tensor *in = &j->call->in[0];
  const int run = a->kernel_w * j->cg;
  for (int k = k0; k < k0 + kc;) {
    const int ky = k / run, at = k % run, n = yolo_min_int(run - at, k0 + kc - k);
    const int iy = oy * a->stride_h - a->pad.top + ky;
    if (iy < 0 || iy >= in->shape.h)
      j->device->isa->zero_rows(to + (k - k0), YOLO_PANEL_STRIDE, count, n);
    else
      j->device->isa->copy_rows(to + (k - k0), YOLO_PANEL_STRIDE,
                                yolo_pixel(in, image, iy, ox * a->stride_w - a->pad.left) + at,
                                (size_t)a->stride_w * in->stride, count, n);
    k += n;
  }
}

/* Depth [k0, k0 + kc) of pixels [m0, m1) of group g. Of each row of outputs, [lo, hi) have their whole window inside. */
static void pack_block(const job *j, int g, int m0, int m1, int k0, int kc, float *to) {
  const yolo_conv2d_attrs *a = j->a;
  const yolo_shape out = j->call->out->shape;
  const yolo_tensor *in = &j->call->in[0];
  const bool dense = a->groups == 1 && a->dilation == 1 && in->stride == (size_t)j->cg && a->kernel_w > 1;
  const int lo = dense ? yolo_divide_up(a->pad.left, a->stride_w) : 0;
  const int slack = in->shape.w - a->kernel_w + a->pad.left;
  const int hi = dense && slack >= 0 ? slack / a->stride_w + 1 : 0;
  for (int m = m0; m < m1;) {
    const int ox = m % out.w, oy = m / out.w % out.h, image = m / out.w / out.h;
    int count = yolo_min_int(out.w - ox, m1 - m);
    const bool inside = ox >= lo && ox < hi;
    if (inside)
      count = yolo_min_int(count, hi - ox);
    else if (ox < lo && lo < hi)
      count = yolo_min_int(count, lo - ox);
    if (inside)
      pack_runs(j, image, oy, ox, count, k0, kc, to);
    else
      pack_taps(j, g, image, oy, ox, count, k0, kc, to);
    to += (size_t)count * YOLO_PANEL_STRIDE;
    m += count;
  }
}

static void run_panels(const job *j, int g, int m0, int rows, int k0, int kc, int p0, int p1, const float *a, size_t lda) {
  const int nr = j->device->isa->nr, k = j->pack->k;
  const yolo_tensor *out = j->call->out, *residual = j->a->residual ? &j->call->in[1] : NULL;
  const float *weights = j->weights + (size_t)g * (size_t)j->pack->panels * (size_t)k * (size_t)nr;
  for (int p = p0; p < p1; p++) {
    const int filter = g * j->pack->filters + p * nr;
    yolo_tile tile = {.a = a, .b = weights + ((size_t)p * (size_t)k + (size_t)k0) * (size_t)nr, .k = kc, .lda = lda};
    tile.c = (float *)out->data + (size_t)m0 * out->stride + (size_t)filter;
    tile.ldc = out->stride;
    tile.cols = yolo_min_int(nr, j->pack->filters - p * nr);
    tile.first = k0 == 0;
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
    yolo_gemm_panel(j->device->isa, tile, rows, next, (size_t)kc * (size_t)nr * sizeof(float), j->is_hard ? &hard : NULL);
  }
}

static void run_task(void *payload, int task, int thread) {
  const job *j = payload;
  const int slice = task % j->slices, block = task / j->slices % j->blocks, g = task / j->slices / j->blocks;
  const int m0 = (int)((long)j->pixels * block / j->blocks), m1 = (int)((long)j->pixels * (block + 1) / j->blocks);
  const int p0 = j->pack->panels * slice / j->slices, p1 = j->pack->panels * (slice + 1) / j->slices;
  float *a = (float *)j->call->work + (size_t)thread * BLOCK * YOLO_PANEL_STRIDE;
  for (int m = m0; m < m1; m += j->block) {
    const int rows = yolo_min_int(j->block, m1 - m);
    for (int k0 = 0; k0 < j->pack->k; k0 += YOLO_PANEL_K) {
      const int kc = yolo_min_int(YOLO_PANEL_K, j->pack->k - k0);
      if (j->in_place) {
        const yolo_tensor *in = &j->call->in[0];
        run_panels(j, g, m, rows, k0, kc, p0, p1, yolo_nth_pixel(in, (size_t)m) + g * j->cg + k0, in->stride);
      } else {
        pack_block(j, g, m, m + rows, k0, kc, a);
        run_panels(j, g, m, rows, k0, kc, p0, p1, a, 0);
      }
    }
  }
}

void yolo_conv_direct_forward(const yolo_device *device, const yolo_op_call *call) {
  const yolo_conv2d_attrs *a = call->attrs;
  job j = {.device = device, .call = call, .a = a, .pack = call->packed};
  j.bias = yolo_conv_pack_bias(j.pack);
  j.weights = yolo_conv_pack_weights(device, a, j.pack);
  j.cg = call->in[0].shape.c / a->groups;
  j.in_place = a->kernel_h == 1 && a->kernel_w == 1 && a->stride_h == 1 && a->stride_w == 1 && a->pad.top == 0 &&
               a->pad.left == 0 && a->pad.bottom == 0 && a->pad.right == 0;
  j.pixels = (int)yolo_shape_pixels(call->out->shape);
  /* Where all weights stay near, a block of two tiles is best: it never leaves the L1 cache between packing and
   * multiplying. Else a large block, so that the weights pass by rarely. */
  const bool small = j.pack->k <= 2 * YOLO_PANEL_K &&
                     (size_t)j.pack->k * (size_t)j.pack->panels * (size_t)device->isa->nr * sizeof(float) <= SMALL_WEIGHTS;
  j.block = small ? 2 * device->isa->mr : BLOCK;
  j.blocks = yolo_divide_up(j.pixels, BLOCK);
  const int wanted = device->threads > 1 ? 4 * device->threads : 1; /* tasks, so that no thread waits long */
  if (j.blocks * a->groups < wanted && j.blocks < device->threads * 2)
    j.blocks = yolo_max_int(j.blocks, yolo_min_int(device->threads, j.pixels / 64));
  j.slices = yolo_max_int(1, yolo_min_int(j.pack->panels, wanted / (j.blocks * a->groups)));
  /* The micro-kernel knows slopes only, and the second one only behind a residual. */
  j.is_hard = !yolo_conv_slope(a->act1, &j.slope1) || !yolo_conv_slope(a->act2, &j.slope2) ||
              (!a->residual && a->act2 != YOLO_ACT_linear);
  if (j.is_hard) {
    j.slope1 = j.slope2 = 1;
    j.hard = (yolo_epilogue){.act1 = a->act1, .act2 = a->act2};
    if (a->residual) j.hard.ldr = call->in[1].stride;
  }
  yolo_parallel(device->threads, j.blocks * j.slices * a->groups, run_task, &j);
}
