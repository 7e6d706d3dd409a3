/* What is compiled once an instruction set: one kernel text (isa_*.inc), three builds of it (cpu_isa_portable.c,
 * cpu_isa_avx2.c, cpu_isa_avx512.c), one table of functions each, chosen once at start (cpu_isa.c).
 *
 * The register-blocked micro-kernel multiplies a tile of up to `mr` rows of A (pixels) with a panel of `nr`
 * columns of B (filters). Rows of A stand YOLO_PANEL_STRIDE floats apart: a constant, so that every row is
 * reached with one base register, and no multiple of a large power of two, so that the rows of a tile do
 * not fall into the same cache sets. */
#ifndef YOLO_CPU_ISA_H
#define YOLO_CPU_ISA_H

#include <stdbool.h>
#include <stddef.h>

#include "backbone/base/status.h"
#include "backbone/ops/activation.h"

enum {
  YOLO_PANEL_K = 256, /* depth of one block: 14 rows x 256 (A) and 256 x 32 (B) live in L1 together */
  YOLO_PANEL_STRIDE = YOLO_PANEL_K + 16,
  YOLO_MAX_NR = 32,
  YOLO_MAX_MR = 14
};

/* C[rows][cols] (+)= A[rows][k] B[k][nr]; see tile_body() in isa_gemm.inc. */
typedef struct yolo_tile {
  const float *a, *b;
  size_t lda; /* floats from one row of a to the next; 0: YOLO_PANEL_STRIDE */
  float *c;
  size_t ldc; /* floats from one row of c to the next */
  int k, cols;
  bool first;        /* start from bias (or 0) instead of what c holds */
  bool last;         /* finish with max(x, slope1 x), + residual, max(x, slope2 x) */
  const float *bias; /* nr floats or NULL */
  const float *residual;
  size_t ldr;
  float slope1, slope2;
  const char *prefetch; /* bytes to bring near while multiplying, prefetch_step a step of k; or NULL */
  size_t prefetch_step;
} yolo_tile;

/* C[rows][cols] (+)= sum over k < depth of a[k][row] b[k][col]; see outer_body() in isa_outer.inc. */
typedef struct yolo_outer {
  const float *a, *b;
  size_t a_step, b_step; /* floats from one k to the next */
  int depth, cols;
  float *c;
  size_t ldc; /* floats from one row of c to the next */
  bool add;   /* to what c holds */
} yolo_outer;

/* What follows the sum: act1(x + bias), + residual, act2; rows x cols of c, in place. */
typedef struct yolo_epilogue {
  const float *bias; /* NULL when already added */
  yolo_activation act1, act2;
  const float *residual; /* NULL: none */
  size_t ldr;
} yolo_epilogue;

/* One channel block of a depthwise convolution over one row of outputs. */
typedef struct yolo_depthwise_row {
  const float *const *rows; /* kernel_h pointers to input row starts (x = 0); NULL: outside the map */
  size_t in_stride, out_stride;
  int in_w, channels, kernel_h, kernel_w, stride, dilation, pad_left;
  const float *weight; /* (KH*KW, channels rounded up to whole vectors) */
  size_t weight_stride;
  const float *bias; /* padded like weight */
  float *out;
  int out_w;
  float slope; /* finishes with max(x, slope x); 1: nothing */
  bool add;    /* start from what out holds instead of the bias */
} yolo_depthwise_row;

/* The weight gradient of a depthwise convolution, one row of outputs: sums(ky, kx, c) += sum over x of
 * up(x, c) in(row ky, x*stride - pad_left + kx*dilation, c). */
typedef struct yolo_depthwise_sums {
  const float *const *rows; /* as above */
  const float *up;
  size_t in_stride, up_stride;
  int in_w, out_w, channels, kernel_h, kernel_w, stride, dilation, pad_left;
  float *sums; /* (KH*KW, sums_stride) */
  size_t sums_stride;
} yolo_depthwise_sums;

/* Batch norm with its activation over rows of one map, all channels: see isa_train.inc. The five arrays have one value a
 * channel and stand where the function reads them. */
typedef struct yolo_norm_rows {
  const float *x, *up; /* the input; dL/d out (backward) */
  float *to;
  size_t ldx, ldup, ldto;
  int rows, cols;
  yolo_activation act;
  bool add;                         /* backward: to += instead of to = */
  bool stream;                      /* forward: past the caches; `to` and its rows are whole cache lines */
  const float *mean, *scale, *bias; /* y = act((x - mean) scale + bias) */
  const float *level, *slant;       /* dx = scale (g - level - (x - mean) slant), g = dL/d out act'(...) */
} yolo_norm_rows;

/* `pixels` neighbouring pixels of n channels, each a mixture of `count` others: to = sum_t weight t * tap t. The first pixel
 * has its taps at taps[], every next one `step` floats further on, its result to_step further on. */
typedef struct yolo_mixture {
  const float *const *taps;
  const float *weights; /* NULL: all 1 */
  int count;
  size_t step;
  float *to;
  size_t to_step;
  int n, pixels;
  bool add; /* to += instead of to = */
} yolo_mixture;

/* The way back through a maximum, pixel by pixel of the input: to = the sum of those up[t] whose maximum stood `here`. Steps
 * are from one pixel to the next, in elements; up and where go by up_step and where_step. */
typedef struct yolo_max_back {
  const float *const *up;
  const int *const *where;
  int count, here, here_step;
  size_t up_step, where_step;
  float *to;
  size_t to_step;
  int n, pixels;
  bool add;
} yolo_max_back;

typedef struct yolo_isa {
  const char *name;
  int lanes, mr, nr;
  bool (*supported)(void); /* on this processor; nothing else of the table may be called before it said yes */
  /* No pointer needs to be aligned. A row's values are read and written to the last one and no further, except what is
   * called padded: that is read in whole vectors.
   *
   * tile[rows - 1][(cols <= lanes ? 0 : 1) + (lda ? 2 : 0)], rows up to mr; b and bias are padded to nr columns. */
  void (*tile[YOLO_MAX_MR][4])(const yolo_tile *tile);
  /* outer[rows - 1][cols <= lanes ? 0 : 1]; b is padded to whole vectors. */
  void (*outer[YOLO_MAX_MR][2])(const yolo_outer *outer);
  /* rows x cols of c, ldc floats apart, in place. */
  void (*epilogue)(float *c, size_t ldc, int rows, int cols, const yolo_epilogue *how);
  /* n floats of each of `rows` rows; the two do not overlap. */
  void (*copy_rows)(float *to, size_t to_stride, const float *from, size_t from_stride, int rows, int n);
  void (*zero_rows)(float *to, size_t to_stride, int rows, int n);
  /* Winograd, F(m x m, 3 x 3), m = 2 or 4: see isa_winograd.inc. */
  void (*winograd_input)(int m, const float *const *pixels, int channels, float *v, size_t plane);
  void (*winograd_output)(int m, const float *sums, size_t plane, int cols, const float *bias, float slope, bool add,
                          float *const *pixels, int h, int w);
  void (*winograd_weights)(int m, const float *g, float *to, size_t plane);
  /* The weight gradient by F(4x4, 3x3): see isa_winograd_grad.inc. */
  void (*winograd_up)(const float *const *pixels, int channels, float *v, size_t plane);
  void (*winograd_sums)(const float *sums, size_t plane, int n, float *to, size_t tap, bool add);
  void (*depthwise)(const yolo_depthwise_row *row);
  void (*depthwise_sums)(const yolo_depthwise_sums *row);
  /* Plain loops over channels, vectorised by the compiler for this instruction set. */
  void (*max_rows)(float *to, const float *from, int n);
  void (*max_windows)(const float *const *taps, int count, size_t step, int n, float *to, size_t to_stride, int pixels);
  void (*add_rows)(float *to, const float *from, int n);
  void (*scale_add)(float *to, const float *from, const float *scale, const float *shift, int n); /* from*scale + shift */
  void (*multiply)(float *to, const float *from, const float *factor, int n);
  /* Training: see isa_train.inc. */
  void (*mix)(const yolo_mixture *m);
  void (*slope_rows)(const yolo_norm_rows *r); /* to = up act'(x); of the arrays none is read */
  void (*norm_rows)(const yolo_norm_rows *r);
  void (*norm_back)(const yolo_norm_rows *r);
  void (*norm_sums)(const yolo_norm_rows *r, float *sum, float *dot);
  void (*moments)(const float *x, size_t ldx, int rows, int cols, float *at, float *sum, float *squares);
  void (*max_where)(const float *const *taps, const int *where, int count, size_t step, int where_step, int n, float *to,
                    size_t to_step, int *found, int pixels);
  void (*max_back)(const yolo_max_back *m);
  void (*mask_row)(float *to, const float *from, const unsigned char *keep, int n, float scale, bool add);
  double (*peak)(long loops); /* flops done by `loops` rounds of independent multiply-adds */
} yolo_isa;

extern const yolo_isa yolo_isa_portable;
#if defined(__x86_64__)
extern const yolo_isa yolo_isa_avx2, yolo_isa_avx512;
#endif

/* By name; NULL name: the environment variable YOLO_ISA, else the best supported one. "reference" gives
 * *out == NULL: the plain loops of the ops. */
yolo_status yolo_isa_choose(const char *name, const yolo_isa **out);
/* The instruction sets this machine supports, best first, as "avx512 avx2 portable". */
const char *yolo_isa_list(void);

#endif
