/* Average pooling: the mean over those cells of the window that lie inside the map, or over the whole map when `global`
 * (Lin et al., "Network In Network", 2014, section 3.2).
 *
 * Sums are made of short sums, so that the rounding of large maps does not pile up; their order is fixed. */
#include "backbone/backend/cuda/cuda_items.cuh"

template <class T, int L>
struct window_mean {
  enum { LANES = L };
  view<T> in, out;
  yolo_avgpool_attrs a;

  __device__ __forceinline__ void operator()(long long p, int c) const {
    const place at = place_of(p, out.h, out.w);
    const window see = window_at(a, at, in.h, in.w);
    float sum[L] = {0};
    for (int y = see.y0; y < see.y1; y++) {
      float part[L] = {0}, v[L];
      for (int x = see.x0; x < see.x1; x++) {
        load<T, L>(in.pixel(at.n, y, x) + c, v);
#pragma unroll
        for (int i = 0; i < L; i++) part[i] += v[i];
      }
#pragma unroll
      for (int i = 0; i < L; i++) sum[i] += part[i];
    }
    const float cells = (float)(see.y1 - see.y0) * (float)(see.x1 - see.x0);
#pragma unroll
    for (int i = 0; i < L; i++) sum[i] /= cells;
    store<T, L>(out.pixel(p) + c, sum);
  }
};

/* The whole map: a block takes COLUMNS chunks of channels of one image (at L > 1 a line of memory), its ROWS rows of
 * threads every ROWS-th pixel; then the rows' sums are added. */
enum { COLUMNS = 8, ROWS = BLOCK / COLUMNS, SHORT = 16 };

template <class T, int L>
static __device__ __forceinline__ void sum_pixels(const T *from, long long stride, int row, long long pixels, float *sum) {
  for (long long p = row; p < pixels;) {
    float part[L] = {0}, v[L];
#pragma unroll 4
    for (int k = 0; k < SHORT && p < pixels; k++, p += ROWS) {
      load<T, L>(from + p * stride, v);
#pragma unroll
      for (int i = 0; i < L; i++) part[i] += v[i];
    }
#pragma unroll
    for (int i = 0; i < L; i++) sum[i] += part[i];
  }
}

template <class T, int L>
static __global__ void __launch_bounds__(BLOCK) map_mean(view<T> in, view<T> out, unsigned groups) {
  __shared__ float sums[ROWS][COLUMNS * L];
  const int n = (int)(blockIdx.x / groups), first = (int)(blockIdx.x % groups) * COLUMNS * L;
  const int column = (int)threadIdx.x % COLUMNS, row = (int)threadIdx.x / COLUMNS, c = first + column * L;
  const long long pixels = (long long)in.h * in.w;
  float sum[L] = {0};
  if (c < in.c) sum_pixels<T, L>(in.pixel(n * pixels) + c, in.stride, row, pixels, sum);
#pragma unroll
  for (int i = 0; i < L; i++) sums[row][column * L + i] = sum[i];
  __syncthreads();
  const int mine = (int)threadIdx.x;
  if (mine >= COLUMNS * L || first + mine >= in.c) return;
  float total = 0;
#pragma unroll 8
  for (int r = 0; r < ROWS; r++) total += sums[r][mine];
  put(out.pixel((long long)n) + first + mine, total / (float)pixels);
}

template <class T, int L>
struct avgpool {
  static cudaError_t run_map(const yolo_cuda_launch *launch, view<T> in, view<T> out) {
    const long long groups = ((long long)in.c + COLUMNS * L - 1) / (COLUMNS * L), most = 0x7fffffff / groups;
    for (long long left = in.n; left > 0; left -= most) {
      const long long now = left < most ? left : most;
      map_mean<T, L><<<(unsigned)(now * groups), BLOCK, 0, launch->stream>>>(in, out, (unsigned)groups);
      in.data += now * in.h * in.w * in.stride;
      out.data += now * out.stride;
    }
    return cudaGetLastError();
  }
  static cudaError_t run(const yolo_cuda_launch *launch, const yolo_op_call *call) {
    const yolo_avgpool_attrs *a = (const yolo_avgpool_attrs *)call->attrs;
    const window_mean<T, L> body = {view_of<T>(&call->in[0]), view_of<T>(call->out), *a};
    if (a->global) return run_map(launch, body.in, body.out);
    return run_items(launch, body, pixels_of(call->out), call->out->shape.c);
  }
};

extern "C" cudaError_t yolo_cuda_avgpool(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return run_op<avgpool>(launch, call, all_vector(call));
}
