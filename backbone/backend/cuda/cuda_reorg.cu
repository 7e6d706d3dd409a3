/* Space to depth and back: the permutation that is meant and the one that Darknet's [reorg] computes; ops/op_reorg.c
 * explains both. Threads run over the deep map (C s^2 channels); `reverse` copies the other way. */
#include "backbone/backend/cuda/cuda_items.cuh"

/* out(y, x, (ky*s + kx)*C + c) = in(y*s + ky, x*s + kx, c): whole runs of C channels move. */
template <class T, int L>
struct straight {
  enum { LANES = L };
  view<T> deep, wide;
  int stride;
  bool reverse;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    const place at = place_of(p, deep.h, deep.w);
    const int o = c / wide.c;
    T *one = deep.pixel(p) + c;
    T *other = wide.pixel(at.n, at.y * stride + o / stride, at.x * stride + o % stride) + (c - o * wide.c);
    if (reverse)
      move<T, L>(one, other);
    else
      move<T, L>(other, one);
  }
};

/* Single values, through planar indices. I counts the values of one image: 32 bits where they suffice, for speed. */
template <class T, class I>
struct darknet {
  enum { LANES = 1 };
  view<T> deep, wide;
  int stride;
  bool reverse;

  __device__ __forceinline__ T *partner(place at, int c) const {
    const I w = (I)wide.w, h = (I)wide.h, s = (I)stride, depth = (I)wide.c / (s * s);
    const I index = ((I)c * (I)deep.h + (I)at.y) * (I)deep.w + (I)at.x; /* planar, in the deep map */
    const I i = index % w, j = index / w % h, k = index / w / h, o = k / depth;
    const I y = j * s + o / s, x = i * s + o % s, from = (k % depth * h * s + y) * w * s + x;
    return wide.pixel(at.n, (int)(from / w % h), (int)(from % w)) + from / w / h;
  }
  __device__ __forceinline__ void operator()(long long p, int c) const {
    T *one = deep.pixel(p) + c, *other = partner(place_of(p, deep.h, deep.w), c);
    if (reverse)
      *other = *one;
    else
      *one = *other;
  }
};

template <class T, int L>
struct reorg {
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_reorg_attrs *a = (const yolo_reorg_attrs *)call->attrs;
    const yolo_tensor *in = &call->in[0], *out = call->out;
    const view<T> deep = view_of<T>(a->reverse ? in : out), wide = view_of<T>(a->reverse ? out : in);
    const long long pixels = pixels_of(a->reverse ? in : out);
    if (!a->darknet) return run_items(launch, straight<T, L>{deep, wide, a->stride, a->reverse}, pixels, deep.c);
    if ((long long)deep.h * deep.w * deep.c < 0x7fffffff)
      return run_items(launch, darknet<T, unsigned>{deep, wide, a->stride, a->reverse}, pixels, deep.c);
    return run_items(launch, darknet<T, unsigned long long>{deep, wide, a->stride, a->reverse}, pixels, deep.c);
  }
};

extern "C" cudaError_t yolo_cuda_reorg(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<reorg>(launch, call, all_vector(call));
}
