/* cuDNN, loaded when the program runs. Without its headers at build time or its library at run time nothing is lost but the
 * choice: our own kernels compute everything. */
#ifndef YOLO_CUDA_CUDNN_H
#define YOLO_CUDA_CUDNN_H

#include "backbone/backend/cuda/cuda_conv.h"

typedef struct yolo_cudnn yolo_cudnn;

/* One way to compute a convolution. */
typedef struct yolo_cudnn_plan {
  int algorithm;
  bool fused; /* bias, activation and residual inside; else yolo_cuda_conv_epilogue() follows */
  size_t work;
} yolo_cudnn_plan;
enum { YOLO_CUDNN_PLANS = 12 };

/* NULL when it is not there or refuses; `why` (room bytes) says which. */
yolo_cudnn *yolo_cudnn_open(const yolo_cuda_launch *launch, char *why, size_t room);
void yolo_cudnn_close(yolo_cudnn *cudnn);
int yolo_cudnn_version(const yolo_cudnn *cudnn); /* 90100: 9.1.0 */
const char *yolo_cudnn_headers(void);            /* "9.1", or NULL when built without */

/* The ways that fit this convolution and `work` bytes of scratch, what cuDNN expects to be fastest first; with
 * `deterministic` only those that give equal bits every time. Returns how many. */
int yolo_cudnn_plans(yolo_cudnn *cudnn, const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, bool deterministic,
                     size_t work, yolo_cudnn_plan *out);
/* False when cuDNN refuses. `bias` has the type of the activations, conv->bias is fp32. */
bool yolo_cudnn_run(yolo_cudnn *cudnn, const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, const void *bias,
                    const yolo_cudnn_plan *plan);

#endif
