/* Patches: what the windows of some output pixels see, one pixel a row, depth (ky, kx, c) side by side. They are A of
 * the implicit GEMM and, turned around, B of the weight gradient. No buffer of the whole map exists: a block is packed
 * at a time and used while it is in the cache. */
#include "backbone/backend/cpu/cpu_conv2d.h"

yolo_conv_window yolo_conv_window_of(const yolo_conv2d_attrs *a) {
  return (yolo_conv_window){.kernel_h = a->kernel_h,
                            .kernel_w = a->kernel_w,
                            .stride_h = a->stride_h,
                            .stride_w = a->stride_w,
                            .dilation_h = a->dilation,
                            .dilation_w = a->dilation,
                            .top = a->pad.top,
                            .left = a->pad.left};
}

/* One tap (ky, kx) of `count` neighbouring output pixels of row oy: channels [channel, channel + n) into columns of `to`. */
static void pack_tap(const yolo_conv_patches *p, int image, int oy, int ox, int count, int tap, int channel, int n, float *to) {
  const yolo_conv_window *w = &p->window;
  const yolo_tensor *in = p->in;
  const int ky = tap / w->kernel_w, kx = tap % w->kernel_w;
  const int iy = oy * w->stride_h - w->top + ky * w->dilation_h;
  const int ix = ox * w->stride_w - w->left + kx * w->dilation_w;
  int lo = 0, hi = 0; /* pixels [lo, hi) lie inside the map */
  if (iy >= 0 && iy < in->shape.h) {
    lo = ix < 0 ? yolo_min_int(count, yolo_divide_up(-ix, w->stride_w)) : 0;
    hi = ix >= in->shape.w ? lo : yolo_min_int(count, (in->shape.w - 1 - ix) / w->stride_w + 1);
    if (hi < lo) hi = lo;
  }
  p->isa->zero_rows(to, YOLO_PANEL_STRIDE, lo, n);
  if (hi > lo)
    p->isa->copy_rows(to + (size_t)lo * YOLO_PANEL_STRIDE, YOLO_PANEL_STRIDE,
                      yolo_pixel(in, image, iy, ix + lo * w->stride_w) + channel, (size_t)w->stride_w * in->stride, hi - lo, n);
  p->isa->zero_rows(to + (size_t)hi * YOLO_PANEL_STRIDE, YOLO_PANEL_STRIDE, count - hi, n);
}

/* `count` neighbouring pixels of row oy from ox on, tap by tap: depth [k0, k0 + kc) into `to`. */
static void pack_taps(const yolo_conv_patches *p, int g, int image, int oy, int ox, int count, int k0, int kc, float *to) {
  const int cg = p->channels;
  for (int k = k0; k < k0 + kc;) {
    const int tap = k / cg, c = k % cg, n = yolo_min_int(cg - c, k0 + kc - k);
    pack_tap(p, image, oy, ox, count, tap, g * cg + c, n, to + (k - k0));
    k += n;
  }
}

/* The same where a row of taps is one run of memory (dense pixels, no dilation) and lies inside the map: a copy a
 * row of taps instead of one a tap. It matters for the first layer, whose taps are three floats long. */
static void pack_runs(const yolo_conv_patches *p, int image, int oy, int ox, int count, int k0, int kc, float *to) {
  const yolo_conv_window *w = &p->window;
  const yolo_tensor *in = p->in;
  const int run = w->kernel_w * p->channels;
  for (int k = k0; k < k0 + kc;) {
    const int ky = k / run, at = k % run, n = yolo_min_int(run - at, k0 + kc - k);
    const int iy = oy * w->stride_h - w->top + ky * w->dilation_h;
    if (iy < 0 || iy >= in->shape.h)
      p->isa->zero_rows(to + (k - k0), YOLO_PANEL_STRIDE, count, n);
    else
      p->isa->copy_rows(to + (k - k0), YOLO_PANEL_STRIDE, yolo_pixel(in, image, iy, ox * w->stride_w - w->left) + at,
                        (size_t)w->stride_w * in->stride, count, n);
    k += n;
  }
}

/* Of each row of outputs, [lo, hi) have their whole window inside. */
void yolo_conv_pack_patches(const yolo_conv_patches *p, int g, int m0, int m1, int k0, int kc, float *to) {
  const yolo_conv_window *w = &p->window;
  const bool dense = p->groups == 1 && w->dilation_w == 1 && p->in->stride == (size_t)p->channels && w->kernel_w > 1;
  const int lo = !dense || w->left < 0 ? 0 : yolo_divide_up(w->left, w->stride_w);
  const int slack = p->in->shape.w - w->kernel_w + w->left;
  const int hi = dense && slack >= 0 ? slack / w->stride_w + 1 : 0;
  for (int m = m0; m < m1;) {
    const int ox = m % p->out_w, oy = m / p->out_w % p->out_h, image = m / p->out_w / p->out_h;
    int count = yolo_min_int(p->out_w - ox, m1 - m);
    const bool inside = ox >= lo && ox < hi;
    if (inside)
      count = yolo_min_int(count, hi - ox);
    else if (ox < lo && lo < hi)
      count = yolo_min_int(count, lo - ox);
    if (inside)
      pack_runs(p, image, oy, ox, count, k0, kc, to);
    else
      pack_taps(p, g, image, oy, ox, count, k0, kc, to);
    to += (size_t)count * YOLO_PANEL_STRIDE;
    m += count;
  }
}
