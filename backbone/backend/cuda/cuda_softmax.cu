/* Softmax with temperature T: out_c = exp((in_c - max in) / T) / sum_k exp((in_k - max in) / T), over the channels of a
 * pixel in `groups` equal parts, or over a part's channels of the whole map (`flatten`). A block takes one part at a
 * time and adds in a fixed order, so that equal runs give equal bits. */
#include "backbone/backend/cuda/cuda_items.cuh"

static const int WARP = 32, SMALL = 128, PARTS_AT_ONCE = 1 << 20;

/* The values that share one sum: channels [first, first + count) of `pixels` pixels from p on. */
template <class T>
struct softmax_call {
  view<T> in, out;
  long long parts, pixels;
  int groups, count;
  float temperature;
};

/* The largest value, or the sum, over the block; every thread gets it. room: a float a warp. */
static __device__ float over_block(float v, float *room, bool largest) {
  for (int step = WARP / 2; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(~0u, v, step);
    v = largest ? fmaxf(v, other) : v + other;
  }
  __syncthreads(); /* whoever still reads what was there before */
  if (threadIdx.x % WARP == 0) room[threadIdx.x / WARP] = v;
  __syncthreads();
  v = room[0];
  for (unsigned w = 1; w < blockDim.x / WARP; w++) v = largest ? fmaxf(v, room[w]) : v + room[w];
  return v;
}

/* Value k of the part that begins at pixel p, channel first. */
template <class T>
static __device__ __forceinline__ T *value(const view<T> &map, long long p, int first, int count, long long k) {
  const long long pixel = divide(k, count);
  return map.pixel(p + pixel) + first + (k - pixel * count);
}

template <class T>
static __device__ void one_part(const softmax_call<T> &s, long long p, int first, float *room) {
  const long long size = s.pixels * s.count;
  float max = -INFINITY, sum = 0, lost = 0;
  for (long long k = threadIdx.x; k < size; k += blockDim.x) max = fmaxf(max, as_float(*value(s.in, p, first, s.count, k)));
  max = over_block(max, room, true);
  for (long long k = threadIdx.x; k < size; k += blockDim.x) {
    /* Kahan's sum: what the last addition lost goes into the next. */
    const float term = expf((as_float(*value(s.in, p, first, s.count, k)) - max) / s.temperature) - lost, grown = sum + term;
    lost = (grown - sum) - term;
    sum = grown;
  }
  sum = over_block(sum, room, false);
  for (long long k = threadIdx.x; k < size; k += blockDim.x) {
    const float x = as_float(*value(s.in, p, first, s.count, k));
    put(value(s.out, p, first, s.count, k), expf((x - max) / s.temperature) / sum);
  }
}

template <class T>
static __global__ void __launch_bounds__(BLOCK) softmax_parts(softmax_call<T> s) {
  __shared__ float room[BLOCK / WARP];
  for (long long part = blockIdx.x; part < s.parts; part += gridDim.x) {
    const long long where = divide(part, s.groups);
    one_part(s, where * s.pixels, (int)(part - where * s.groups) * s.count, room);
  }
}

template <class T, int L>
struct softmax {
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_softmax_attrs *a = (const yolo_softmax_attrs *)call->attrs;
    softmax_call<T> s = {view_of<T>(&call->in[0]), view_of<T>(call->out), 0, 1, a->groups ? a->groups : 1, 0, 1};
    if (a->temperature > 0) s.temperature = a->temperature;
    if (a->flatten) s.pixels = (long long)s.out.h * s.out.w;
    s.count = s.out.c / s.groups;
    s.parts = pixels_of(call->out) / (s.pixels ? s.pixels : 1) * s.groups;
    if (s.parts == 0) return cudaSuccess;
    const unsigned blocks = (unsigned)(s.parts < PARTS_AT_ONCE ? s.parts : PARTS_AT_ONCE);
    const unsigned threads = s.pixels * s.count <= SMALL ? (unsigned)WARP : (unsigned)BLOCK;
    softmax_parts<T><<<blocks, threads, 0, launch->stream>>>(s);
    return cudaGetLastError();
  }
};

extern "C" cudaError_t yolo_cuda_softmax(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<softmax>(launch, call, false);
}
