/* Between the host's dense fp32 numbers and the device's tensors, and the choice of a head's rows. Host memory is
 * pinned, so the kernels read and write it across the bus themselves; neighbouring threads take neighbouring numbers. */
#include "backbone/backend/cuda/cuda_items.cuh"

/* ---- numbers ---- */

/* L floats; four at a time where L allows it. */
template <int L>
static __device__ __forceinline__ void load_floats(const float *from, float *to) {
  constexpr int step = L < 4 ? L : 4;
#pragma unroll
  for (int i = 0; i < L; i += step) load<float, step>(from + i, to + i);
}
template <int L>
static __device__ __forceinline__ void store_floats(float *to, const float *from) {
  constexpr int step = L < 4 ? L : 4;
#pragma unroll
  for (int i = 0; i < L; i += step) store<float, step>(to + i, from + i);
}

template <class T, int L>
struct from_floats {
  enum { LANES = L };
  const float *from;
  view<T> to;
  __device__ __forceinline__ void operator()(long long p, int c) const {
    float v[L];
    load_floats<L>(from + p * to.c + c, v);
    store<T, L>(to.pixel(p) + c, v);
  }
};

template <class T, int L>
struct to_floats {
  enum { LANES = L };
  view<T> from;
  float *to;
  __device__ __forceinline__ void operator()(long long p, int c) const {
    float v[L];
    load<T, L>(from.pixel(p) + c, v);
    store_floats<L>(to + p * from.c + c, v);
  }
};

template <class T>
static cudaError_t read_floats(const yolo_cuda_launch *launch, const float *from, const yolo_tensor *to) {
  constexpr int L = full_lanes<T>;
  const view<T> t = view_of<T>(to);
  const long long pixels = pixels_of(to);
  if (is_vector(to) && (uintptr_t)from % 16 == 0) return run_items(launch, from_floats<T, L>{from, t}, pixels, t.c);
  return run_items(launch, from_floats<T, 1>{from, t}, pixels, t.c);
}
template <class T>
static cudaError_t write_floats(const yolo_cuda_launch *launch, const yolo_tensor *from, float *to) {
  constexpr int L = full_lanes<T>;
  const view<T> t = view_of<T>(from);
  const long long pixels = pixels_of(from);
  if (is_vector(from) && (uintptr_t)to % 16 == 0) return run_items(launch, to_floats<T, L>{t, to}, pixels, t.c);
  return run_items(launch, to_floats<T, 1>{t, to}, pixels, t.c);
}

extern "C" cudaError_t yolo_cuda_from_floats(const yolo_cuda_launch *launch, const float *from, const yolo_tensor *to) {
  FOR_TYPE(launch, return read_floats<T>(launch, from, to));
  return cudaErrorInvalidValue;
}

extern "C" cudaError_t yolo_cuda_to_floats(const yolo_cuda_launch *launch, const yolo_tensor *from, float *to) {
  FOR_TYPE(launch, return write_floats<T>(launch, from, to));
  return cudaErrorInvalidValue;
}

/* ---- weights ---- */

template <class T>
static __global__ void __launch_bounds__(BLOCK) convert_floats(const float *from, T *to, size_t count) {
  const size_t step = (size_t)gridDim.x * BLOCK;
  for (size_t i = (size_t)blockIdx.x * BLOCK + threadIdx.x; i < count; i += step) put(to + i, from[i]);
}

template <class T>
static cudaError_t convert(const yolo_cuda_launch *launch, const float *from, void *to, size_t count) {
  enum { MOST = 1 << 20 };
  if (count == 0) return cudaSuccess;
  const unsigned blocks = count < (size_t)MOST * BLOCK ? blocks_for((long long)count) : (unsigned)MOST;
  convert_floats<T><<<blocks, BLOCK, 0, launch->stream>>>(from, (T *)to, count);
  return cudaGetLastError();
}

extern "C" cudaError_t yolo_cuda_convert(const yolo_cuda_launch *launch, const float *from, void *to, yolo_dtype dtype,
                                         size_t count) {
  switch (dtype) {
    case YOLO_F32: return convert<float>(launch, from, to, count);
    case YOLO_F16: return convert<__half>(launch, from, to, count);
    case YOLO_BF16: return convert<__nv_bfloat16>(launch, from, to, count);
    default: return cudaErrorInvalidValue;
  }
}

/* ---- rows of a head ---- */

enum { WARP = 32, SEEKERS = 1024, AHEAD = 4 };

/* What a warp knows: candidate i is row i % rows of pixel i / rows of image n. */
template <class T>
static __device__ __forceinline__ const T *row_of(const view<T> &map, const yolo_row_filter &f, int n, int i) {
  return map.pixel((long long)n * map.h * map.w + i / f.rows) + i % f.rows * f.row;
}

/* Copies the hits among a warp's candidates (from `first` on, a bit each) to the places from `slot` on. */
template <class T>
static __device__ void copy_rows(const view<T> &map, const yolo_row_filter &f, const yolo_row_hits &hits, int n, int first,
                                 unsigned mask, int slot) {
  const int lane = (int)threadIdx.x % WARP;
  for (; mask && slot < f.capacity; mask &= mask - 1, slot++) {
    const int i = first + __ffs((int)mask) - 1;
    const long long at = (long long)n * f.capacity + slot;
    const T *from = row_of(map, f, n, i);
    if (lane == 0) hits.index[at] = i;
    for (int v = lane; v < f.row; v += WARP) hits.values[at * f.row + v] = as_float(from[v]);
  }
}

/* A block an image. Hits take their places from a counter in shared memory, so the host's memory is only written to. The
 * scores of AHEAD rounds are read before the first is looked at, because each comes from a line of memory of its own. */
template <class T>
static __global__ void __launch_bounds__(SEEKERS) select_rows(view<T> map, yolo_row_filter f, yolo_row_hits hits) {
  __shared__ int found;
  const int n = (int)blockIdx.x, me = (int)threadIdx.x, lane = me % WARP, total = map.h * map.w * f.rows;
  if (me == 0) found = 0;
  __syncthreads();
  for (long long start = 0; start < total; start += AHEAD * SEEKERS) {
    bool hit[AHEAD];
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      const long long i = start + k * SEEKERS + me;
      hit[k] = i < total && as_float(row_of(map, f, n, (int)i)[f.score]) > f.floor;
    }
#pragma unroll
    for (int k = 0; k < AHEAD; k++) {
      const unsigned mask = __ballot_sync(~0u, hit[k]);
      if (!mask) continue;
      int slot = lane == 0 ? atomicAdd(&found, __popc(mask)) : 0;
      slot = __shfl_sync(~0u, slot, 0);
      copy_rows(map, f, hits, n, (int)(start + k * SEEKERS + me - lane), mask, slot);
    }
  }
  __syncthreads();
  if (me == 0) hits.count[n] = found;
}

template <class T>
static cudaError_t select(const yolo_cuda_launch *launch, const yolo_row_filter *filter, const yolo_tensor *from,
                          const yolo_row_hits *hits) {
  const view<T> map = view_of<T>(from);
  if (map.n < 1) return cudaSuccess;
  if ((long long)map.h * map.w * filter->rows > 0x7fffffff) return cudaErrorInvalidValue;
  select_rows<T><<<(unsigned)map.n, SEEKERS, 0, launch->stream>>>(map, *filter, *hits);
  return cudaGetLastError();
}

extern "C" cudaError_t yolo_cuda_select(const yolo_cuda_launch *launch, const yolo_row_filter *filter, const yolo_tensor *from,
                                        const yolo_row_hits *hits) {
  FOR_TYPE(launch, return select<T>(launch, filter, from, hits));
  return cudaErrorInvalidValue;
}
