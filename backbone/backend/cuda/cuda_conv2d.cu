/* conv2d on the device: which kernel computes what, the depthwise kernel, and the epilogue that follows a library's
 * convolution. The matrix product is in cuda_conv2d_gemm.cuh (tensor cores) and cuda_conv2d_f32.cu. The meaning is in
 * ops/op_conv2d.c. */
#include "backbone/backend/cuda/cuda_conv2d_tile.cuh"

/* ---- the kernels by number ---- */

static const yolo_cuda_tile tensor_tiles[] = {
    {256, 128, YOLO_TILE_PLAIN}, {128, 128, YOLO_TILE_PLAIN}, {128, 128, YOLO_TILE_PLAIN}, {128, 64, YOLO_TILE_PLAIN},
    {64, 128, YOLO_TILE_PLAIN},  {64, 64, YOLO_TILE_PLAIN},   {128, 32, YOLO_TILE_PLAIN},  {32, 64, YOLO_TILE_PLAIN},
    {64, 32, YOLO_TILE_PLAIN},   {128, 32, YOLO_TILE_STEM},   {128, 64, YOLO_TILE_STEM},   {64, 64, YOLO_TILE_GATHER},
    {128, 32, YOLO_TILE_GATHER}};
static const yolo_cuda_tile plain_tiles[] = {{128, 64, YOLO_TILE_PLAIN}, {64, 64, YOLO_TILE_PLAIN},
                                             {128, 32, YOLO_TILE_PLAIN}, {32, 64, YOLO_TILE_PLAIN},
                                             {64, 64, YOLO_TILE_GATHER}, {128, 32, YOLO_TILE_GATHER}};

extern "C" const yolo_cuda_tile *yolo_cuda_conv_tiles(const yolo_cuda_launch *launch, int *count) {
  bool plain = launch->dtype == YOLO_F32 && !launch->tf32;
  *count = plain ? (int)(sizeof plain_tiles / sizeof *plain_tiles) : (int)(sizeof tensor_tiles / sizeof *tensor_tiles);
  return plain ? plain_tiles : tensor_tiles;
}

extern "C" cudaError_t yolo_cuda_conv_run(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits) {
  switch (launch->dtype) {
    case YOLO_F16: return yolo_cuda_conv_f16(launch, conv, tile, splits);
    case YOLO_BF16: return yolo_cuda_conv_bf16(launch, conv, tile, splits);
    case YOLO_F32:
      return launch->tf32 ? yolo_cuda_conv_tf32(launch, conv, tile, splits) : yolo_cuda_conv_f32(launch, conv, tile, splits);
    default: return cudaErrorInvalidValue;
  }
}

/* The op by itself, by rule and without scratch; the backend goes through cuda_conv_tune.c, which may do better. */
extern "C" cudaError_t yolo_cuda_conv2d(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  yolo_cuda_conv conv;
  int tile, splits;
  yolo_cuda_conv_describe(launch, call, &conv);
  if (conv.depthwise) return yolo_cuda_conv_depthwise(launch, &conv);
  yolo_cuda_conv_rule(launch, &conv, &tile, &splits);
  return yolo_cuda_conv_run(launch, &conv, tile, 1);
}

/* ---- depthwise ---- */

/* One thread: one output pixel, L neighbouring channels. A window's pixels are shared by neighbouring threads through the
 * first-level cache. The weights lie tap by tap, channels side by side. */
template <class T, int L, bool QUICK>
__global__ void __launch_bounds__(BLOCK) conv_depthwise(const yolo_cuda_conv p) {
  const int parts = (p.groups + L - 1) / L;
  const long long at = (long long)blockIdx.x * BLOCK + threadIdx.x;
  if (at >= (long long)p.n * p.oh * p.ow * parts) return;
  const int channel = (int)(at % parts) * L, m = (int)(at / parts);
  const int n = m / (p.oh * p.ow), rest = m - n * (p.oh * p.ow), oy = rest / p.ow, ox = rest - oy * p.ow;
  const T *base = (const T *)p.in + (long long)n * p.h * p.w * p.in_stride + channel;
  float sums[L];
#pragma unroll
  for (int i = 0; i < L; i++) sums[i] = 0;
  for (int ky = 0; ky < p.kh; ky++) {
    int iy = oy * p.sh - p.ph + ky * p.dilation;
    if ((unsigned)iy >= (unsigned)p.h) continue;
    for (int kx = 0; kx < p.kw; kx++) {
      int ix = ox * p.sw - p.pw + kx * p.dilation;
      if ((unsigned)ix >= (unsigned)p.w) continue;
      float x[L], w[L];
      load<T, L>(base + ((long long)iy * p.w + ix) * p.in_stride, x);
      load<T, L>((const T *)p.weight + (long long)(ky * p.kw + kx) * p.groups + channel, w);
#pragma unroll
      for (int i = 0; i < L; i++) sums[i] = fmaf(x[i], w[i], sums[i]);
    }
  }
  yolo_cuda_conv whole = p; /* finish() counts filters of a group: here all channels are one */
  whole.o = p.groups;
  finisher<T, L, QUICK> end;
  end.start(whole, 0, channel);
  end.finish(whole, m, sums);
}

extern "C" cudaError_t yolo_cuda_conv_depthwise(const yolo_cuda_launch *launch, const yolo_cuda_conv *p) {
  const long long pixels = (long long)p->n * p->oh * p->ow;
  FOR_TYPE(launch, {
    const int lanes_here = p->gather ? 1 : full_lanes<T>;
    const unsigned blocks = blocks_for(pixels * ((p->groups + lanes_here - 1) / lanes_here));
    if (lanes_here == 1)
      conv_depthwise<T, 1, sizeof(T) == 2><<<blocks, BLOCK, 0, launch->stream>>>(*p);
    else
      conv_depthwise<T, full_lanes<T>, sizeof(T) == 2><<<blocks, BLOCK, 0, launch->stream>>>(*p);
  });
  return cudaPeekAtLastError();
}

/* ---- after a library's convolution ---- */

template <class T, int L>
__global__ void __launch_bounds__(BLOCK) conv_epilogue(const yolo_cuda_conv p) {
  const int parts = (p.o + L - 1) / L;
  const long long at = (long long)blockIdx.x * BLOCK + threadIdx.x;
  if (at >= (long long)p.n * p.oh * p.ow * parts) return;
  const int o = (int)(at % parts) * L, m = (int)(at / parts);
  float v[L];
  load<T, L>((const T *)p.out + (long long)m * p.out_stride + o, v);
  finisher<T, L, sizeof(T) == 2> end;
  end.start(p, 0, o);
  end.finish(p, m, v);
}

extern "C" cudaError_t yolo_cuda_conv_epilogue(const yolo_cuda_launch *launch, const yolo_cuda_conv *p) {
  yolo_cuda_conv whole = *p;
  whole.o = p->o * p->groups;
  whole.groups = 1;
  const long long pixels = (long long)p->n * p->oh * p->ow;
  FOR_TYPE(launch, {
    const bool single = whole.askew || whole.o % full_lanes<T> != 0;
    const unsigned blocks = blocks_for(pixels * (single ? whole.o : whole.o / full_lanes<T>));
    if (single)
      conv_epilogue<T, 1><<<blocks, BLOCK, 0, launch->stream>>>(whole);
    else
      conv_epilogue<T, full_lanes<T>><<<blocks, BLOCK, 0, launch->stream>>>(whole);
  });
  return cudaPeekAtLastError();
}
