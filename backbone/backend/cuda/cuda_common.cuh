/* What the kernels share: values of three types as float, 16-byte vectors of them, and the loops over pixels.
 *
 * Every kernel computes in float whatever the activations are held in. Tensors are (N, H, W, C) with a pixel stride; a
 * kernel writes exactly C channels of a pixel. Where pointers, strides and channel counts allow it, channels are moved
 * 16 bytes at a time (`Lanes` values), else one by one. */
#ifndef YOLO_CUDA_COMMON_CUH
#define YOLO_CUDA_COMMON_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

#include "backbone/backend/cuda/cuda.h"

/* ---- values ---- */

static __device__ __forceinline__ float as_float(float x) { return x; }
static __device__ __forceinline__ float as_float(__half x) { return __half2float(x); }
static __device__ __forceinline__ float as_float(__nv_bfloat16 x) { return __bfloat162float(x); }
static __device__ __forceinline__ void put(float *to, float x) { *to = x; }
static __device__ __forceinline__ void put(__half *to, float x) { *to = __float2half_rn(x); }
static __device__ __forceinline__ void put(__nv_bfloat16 *to, float x) { *to = __float2bfloat16_rn(x); }

/* L neighbouring channels; L values of T are 16 bytes, or L is 1. */
template <class T, int L>
struct alignas(sizeof(T) * L) lanes {
  T v[L];
};
template <class T>
constexpr int full_lanes = 16 / sizeof(T);

template <class T, int L>
static __device__ __forceinline__ void load(const T *from, float *to) {
  const lanes<T, L> x = *reinterpret_cast<const lanes<T, L> *>(from);
#pragma unroll
  for (int i = 0; i < L; i++) to[i] = as_float(x.v[i]);
}
template <class T, int L>
static __device__ __forceinline__ void store(T *to, const float *from) {
  lanes<T, L> x;
#pragma unroll
  for (int i = 0; i < L; i++) put(&x.v[i], from[i]);
  *reinterpret_cast<lanes<T, L> *>(to) = x;
}

/* ---- tensors as kernels see them ---- */

template <class T>
struct view {
  T *data;
  int n, h, w, c;
  long long stride;
  __device__ __forceinline__ T *pixel(int in, int y, int x) const { return data + (((long long)in * h + y) * w + x) * stride; }
  __device__ __forceinline__ T *pixel(long long p) const { return data + p * stride; }
};

template <class T>
static inline view<T> view_of(const yolo_tensor *t) {
  return view<T>{(T *)t->data, t->shape.n, t->shape.h, t->shape.w, t->shape.c, (long long)t->stride};
}

/* Whether a tensor can be moved 16 bytes at a time. */
static inline bool is_vector(const yolo_tensor *t) {
  size_t size = yolo_dtype_size(t->dtype), lane = 16 / size;
  return (uintptr_t)t->data % 16 == 0 && t->stride % lane == 0 && (size_t)t->shape.c % lane == 0;
}

/* ---- activations ---- */

/* The same activation of L values: one choice for all of them. */
template <int L>
static __device__ __forceinline__ void activate(yolo_activation act, float *v) {
  switch (act) {
#define X(name) \
  case YOLO_ACT_##name: _Pragma("unroll") for (int i = 0; i < L; i++) v[i] = yolo_act_##name##_f(v[i]); break;
    YOLO_ACTIVATION_LIST(X)
#undef X
    case YOLO_ACT_COUNT: break;
  }
}

/* ---- launching ---- */

enum { BLOCK = 256 };

static inline unsigned blocks_for(long long items) { return (unsigned)((items + BLOCK - 1) / BLOCK); }

/* Runs the statements with the type name T for the activations of this device. */
#define FOR_TYPE(launch, ...)                \
  do {                                       \
    switch ((launch)->dtype) {               \
      case YOLO_F16: {                       \
        typedef __half T;                    \
        __VA_ARGS__;                         \
      } break;                               \
      case YOLO_BF16: {                      \
        typedef __nv_bfloat16 T;             \
        __VA_ARGS__;                         \
      } break;                               \
      case YOLO_F32: {                       \
        typedef float T;                     \
        __VA_ARGS__;                         \
      } break;                               \
      default: return cudaErrorInvalidValue; \
    }                                        \
  } while (0)

#endif
