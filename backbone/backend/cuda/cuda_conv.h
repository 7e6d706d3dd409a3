/* A convolution as our own CUDA kernels see it, and the list of forms they come in. Shared by cuda_conv.c (which chooses) and
 * the .cu files (which compute). C11 and C++17. */
#ifndef YOLO_CUDA_CONV_H
#define YOLO_CUDA_CONV_H

#include "backbone/backend/cuda/cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out(m, o) = act2(act1(sum_k in(m, k) weight(o, k) + bias(o)) + residual(m, o)),  m = (n, oy, ox), k = (ky, kx, c):
 * see ops/op_conv2d.c. All members are of one group; groups lie side by side in channels and weight rows. */
typedef struct yolo_cuda_conv {
  const void *in, *weight, *residual; /* residual NULL: none */
  const float *bias;                  /* NULL: none */
  void *out;
  long long in_stride, out_stride, residual_stride; /* elements from pixel to pixel */
  int n, h, w, c, oh, ow, o;                        /* c, o: channels and filters of one group */
  int kh, kw, sh, sw, ph, pw, dilation, groups;     /* ph, pw: the pads above and to the left */
  int k, row;     /* kh*kw*c; elements from one weight row to the next (>= k, zeros between) */
  int act1, act2; /* yolo_activation */
  bool depthwise; /* one channel and one filter a group; weight is (kh*kw, channels) */
  bool gather;    /* input channels are no multiple of 16 bytes, or lie askew: single values are loaded */
  bool askew;     /* the same of output or residual: single values are stored */
  void *work;     /* partial sums of split-K, fp32 */
  int *tickets;   /* zero before and after: counts the blocks of a tile that are done */
} yolo_cuda_conv;

/* What a kernel can load: chunks of 16 bytes; single values; single values of short sums (the first layer of a network). */
typedef enum yolo_cuda_tile_kind { YOLO_TILE_PLAIN, YOLO_TILE_GATHER, YOLO_TILE_STEM } yolo_cuda_tile_kind;

/* How many pixels, filters: the sides of a block's tile. */
typedef struct yolo_cuda_tile {
  int pixels, filters;
  yolo_cuda_tile_kind kind;
} yolo_cuda_tile;

/* The tiles of the kernels for a device's precision; *count of them. */
const yolo_cuda_tile *yolo_cuda_conv_tiles(const yolo_cuda_launch *launch, int *count);
/* Bytes of k that a block takes per step: split-K cuts at multiples of it. */
enum { YOLO_CONV_STEP_BYTES = 128, YOLO_CONV_TICKETS = 16384, YOLO_CONV_MOST_SPLITS = 32, YOLO_CONV_STEM_STEPS = 4 };

/* Queues one convolution with a tile and that many parts of k (1: whole). */
cudaError_t yolo_cuda_conv_run(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits);
cudaError_t yolo_cuda_conv_depthwise(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv);
/* act2(act1(out + bias) + residual) in place: what follows a library's convolution. */
cudaError_t yolo_cuda_conv_epilogue(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv);

/* One launcher a type, made from cuda_conv2d_gemm.cuh. */
cudaError_t yolo_cuda_conv_f16(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits);
cudaError_t yolo_cuda_conv_bf16(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits);
cudaError_t yolo_cuda_conv_tf32(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits);
cudaError_t yolo_cuda_conv_f32(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits);

/* ---- cuda_conv.c ---- */

/* A convolution, or a linear layer as one, from an op's call; pointers are set where the call has them. */
void yolo_cuda_conv_describe(const yolo_cuda_launch *launch, const yolo_op_call *call, yolo_cuda_conv *out);
/* A tile and a split by rule: what runs where nothing may be timed. */
void yolo_cuda_conv_rule(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int *tile, int *splits);
/* Bytes of partial sums. */
size_t yolo_cuda_conv_work(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits);

#ifdef __cplusplus
}
#endif
#endif
