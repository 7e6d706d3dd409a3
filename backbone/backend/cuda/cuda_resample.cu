/* From a picture's bytes to the network's input in one kernel: bilinear resize, letterbox, normalise, with the arithmetic
 * of datasets/resize.c in its order (rows are blended first) and without fused multiply-adds, so that in fp32 a card
 * and a processor give the same bits. */
#include "backbone/backend/cuda/cuda_items.cuh"

/* A block makes WIDE x HIGH pixels of the input; positions and weights, which take double precision, are computed once
 * a row and column of the block. */
enum { WIDE = 32, HIGH = BLOCK / WIDE };

/* (1-w) a + w b of two bytes, and a + (b-a) w of two floats: rounded after each step. */
static __device__ __forceinline__ float blend_bytes(uint8_t a, uint8_t b, float w) {
  return __fadd_rn(__fmul_rn((float)a, __fsub_rn(1.0f, w)), __fmul_rn((float)b, w));
}
static __device__ __forceinline__ float blend(float a, float b, float w) { return __fadd_rn(a, __fmul_rn(__fsub_rn(b, a), w)); }

/* Byte `channel` of the picture between four pixels. */
static __device__ __forceinline__ float sample(const yolo_resample &how, yolo_tap down, yolo_tap across, int channel) {
  const uint8_t *upper = how.pixels + (size_t)down.low * how.row_stride + channel;
  const uint8_t *lower = how.pixels + (size_t)down.high * how.row_stride + channel;
  const size_t left = (size_t)across.low * (size_t)how.step, right = (size_t)across.high * (size_t)how.step;
  return blend(blend_bytes(upper[left], lower[left], down.weight), blend_bytes(upper[right], lower[right], down.weight),
               across.weight);
}

/* Colour pixels in one channel: the luma of ITU-R BT.601. */
static __device__ __forceinline__ float luma(const yolo_resample &how, yolo_tap down, yolo_tap across) {
  const float red = sample(how, down, across, how.order[0]), green = sample(how, down, across, how.order[1]);
  const float blue = sample(how, down, across, how.order[2]);
  return __fadd_rn(__fadd_rn(__fmul_rn(0.299f, red), __fmul_rn(0.587f, green)), __fmul_rn(0.114f, blue));
}

template <class T>
static __device__ __forceinline__ void write_pixel(const yolo_resample &how, yolo_tap down, yolo_tap across, int channels,
                                                   T *to) {
  float v[3];
  v[0] = how.step > 1 && channels == 1 ? luma(how, down, across) : sample(how, down, across, how.order[0]);
#pragma unroll
  for (int c = 1; c < 3; c++) v[c] = how.step > 1 && channels > 1 ? sample(how, down, across, how.order[c]) : v[0];
#pragma unroll
  for (int c = 0; c < 3; c++)
    if (c < channels) put(to + c, __fadd_rn(__fmul_rn(v[c], how.gain[c]), how.bias[c]));
}

template <class T>
static __global__ void __launch_bounds__(BLOCK) resample_image(const __grid_constant__ yolo_resample how, view<T> to, int n) {
  __shared__ yolo_tap across[WIDE], down[HIGH];
  const int me = (int)threadIdx.x, column = me % WIDE, row = me / WIDE;
  const int x0 = (int)blockIdx.x * WIDE, y0 = (int)blockIdx.y * HIGH, x = x0 + column, y = y0 + row;
  if (me < WIDE) {
    across[me] = yolo_resample_tap(x0 + me - how.x, how.width, how.box_width, how.align_corners);
  } else if (me < WIDE + HIGH) {
    down[me - WIDE] = yolo_resample_tap(y0 + me - WIDE - how.y, how.height, how.box_height, how.align_corners);
  }
  __syncthreads();
  if (x >= to.w || y >= to.h) return;
  T *pixel = to.pixel(n, y, x);
  if (x >= how.x && x < how.x + how.box_width && y >= how.y && y < how.y + how.box_height) {
    write_pixel(how, down[row], across[column], to.c, pixel);
  } else {
#pragma unroll
    for (int c = 0; c < 3; c++)
      if (c < to.c) put(pixel + c, how.pad[c]);
  }
}

template <class T>
static cudaError_t resample(const yolo_cuda_launch *launch, const yolo_resample *how, const yolo_tensor *to, int n) {
  const view<T> t = view_of<T>(to);
  const dim3 blocks((unsigned)((t.w + WIDE - 1) / WIDE), (unsigned)((t.h + HIGH - 1) / HIGH));
  if (t.c != 1 && t.c != 3) return cudaErrorInvalidValue;
  if (t.w < 1 || t.h < 1) return cudaSuccess;
  resample_image<T><<<blocks, BLOCK, 0, launch->stream>>>(*how, t, n);
  return cudaGetLastError();
}

extern "C" cudaError_t yolo_cuda_resample(const yolo_cuda_launch *launch, const yolo_resample *how, const yolo_tensor *to,
                                          int n) {
  FOR_TYPE(launch, return resample<T>(launch, how, to, n));
  return cudaErrorInvalidValue;
}
