/* Tensors are channels last: (N, H, W, C) with a pixel stride.
 *
 * Element (n, y, x, c) lies at data[((n*H + y)*W + x)*stride + c]. stride >= C: a tensor may be a slice
 * of the channels of a wider buffer (that is how concatenation costs nothing). A kernel writes exactly C
 * channels of a pixel: what follows may be a neighbour's slice. It never relies on what lies beyond C. */
#ifndef YOLO_BASE_TENSOR_H
#define YOLO_BASE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

typedef enum yolo_dtype { YOLO_F32 = 0, YOLO_F16, YOLO_BF16, YOLO_I8, YOLO_U8, YOLO_I32 } yolo_dtype;

static inline size_t yolo_dtype_size(yolo_dtype dtype) {
  return dtype == YOLO_F32 || dtype == YOLO_I32 ? 4 : dtype == YOLO_F16 || dtype == YOLO_BF16 ? 2 : 1;
}

typedef struct yolo_shape {
  int n, h, w, c;
} yolo_shape;

typedef struct yolo_tensor {
  void *data;
  yolo_dtype dtype;
  yolo_shape shape;
  size_t stride; /* elements from one pixel to the next */
} yolo_tensor;

static inline size_t yolo_shape_pixels(yolo_shape s) { return (size_t)s.n * (size_t)s.h * (size_t)s.w; }
static inline size_t yolo_shape_count(yolo_shape s) { return yolo_shape_pixels(s) * (size_t)s.c; }
static inline int yolo_shape_equal(yolo_shape a, yolo_shape b) { return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c; }

/* A dense fp32 tensor (stride == C) over memory the caller owns. */
static inline yolo_tensor yolo_tensor_dense(float *data, yolo_shape shape) {
  yolo_tensor t = {data, YOLO_F32, shape, (size_t)shape.c};
  return t;
}

/* The address of pixel (n, y, x) of an fp32 tensor; its C channels follow. */
static inline float *yolo_pixel(const yolo_tensor *t, int n, int y, int x) {
  return (float *)t->data + (((size_t)n * (size_t)t->shape.h + (size_t)y) * (size_t)t->shape.w + (size_t)x) * t->stride;
}

/* The same for pixel p, counted through all of (N, H, W). */
static inline float *yolo_nth_pixel(const yolo_tensor *t, size_t p) { return (float *)t->data + p * t->stride; }

#endif
