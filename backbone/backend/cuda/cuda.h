/* The CUDA backend's own contract, between the C files (memory, queue, tables, choice of algorithm) and the launchers of
 * the .cu files. A launcher queues the kernels of one op on a stream and returns what the launch said; it allocates
 * nothing, waits for nothing and keeps nothing. This header is C11 and C++17.
 *
 *   cuda_backend.c   the backend value: devices, memory, queue, the table of ops
 *   cuda_probe.c     does a card answer, and in which words it does not
 *   cuda_graph.c     recording a pass and playing it again
 *   cuda_io.c        pinned staging: input, pictures, outputs, rows
 *   cuda_conv.c      convolutions: how their weights lie, which kernels are likely; cuda_conv_tune.c settles on one, once a
 *                    shape; cuda_cudnn.c: cuDNN, loaded at run time
 *   cuda_<op>.cu     kernels and launcher of one op; cuda_common.cuh: what they share on the device */
#ifndef YOLO_CUDA_H
#define YOLO_CUDA_H

#include <cuda_runtime_api.h>

#include "backbone/backend/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a launcher knows of its device. */
typedef struct yolo_cuda_launch {
  cudaStream_t stream;
  yolo_dtype dtype; /* of activations; parameters that are not packed are fp32 */
  bool tf32;        /* fp32 activations, products on tensor cores */
  int sms;          /* multiprocessors */
  int capability;   /* 10 * major + minor: 90 */
  size_t shared;    /* bytes of shared memory a block may ask for */
} yolo_cuda_launch;

typedef cudaError_t (*yolo_cuda_launcher)(const yolo_cuda_launch *launch, const yolo_op_call *call);

/* One launcher an op: `yolo_cuda_<name>` of cuda_<name>.cu, for the rows that say FAST. */
#define YOLO_LAUNCHER_FAST(name) cudaError_t yolo_cuda_##name(const yolo_cuda_launch *launch, const yolo_op_call *call);
#define YOLO_LAUNCHER_REF(name)
#define YOLO_LAUNCHER_NONE(name)
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) YOLO_LAUNCHER_##cuda_fwd(name)
#include "backbone/ops/op_list.h"
#undef YOLO_OP

/* ---- cuda_transfer.cu: between host and device numbers; pointers to pinned memory are good on the device ---- */

cudaError_t yolo_cuda_from_floats(const yolo_cuda_launch *launch, const float *from,
                                  const yolo_tensor *to);                                            /* dense -> tensor */
cudaError_t yolo_cuda_to_floats(const yolo_cuda_launch *launch, const yolo_tensor *from, float *to); /* tensor -> dense */
/* count floats to values of `dtype`, on the device (packing weights). */
cudaError_t yolo_cuda_convert(const yolo_cuda_launch *launch, const float *from, void *to, yolo_dtype dtype, size_t count);
/* Rows of a head above a floor, see yolo_row_filter; the kernel writes hits->count when it is done. */
cudaError_t yolo_cuda_select(const yolo_cuda_launch *launch, const yolo_row_filter *filter, const yolo_tensor *from,
                             const yolo_row_hits *hits);

/* ---- cuda_resample.cu: `how->pixels` points to device memory here ---- */
cudaError_t yolo_cuda_resample(const yolo_cuda_launch *launch, const yolo_resample *how, const yolo_tensor *to, int n);

/* ---- cuda_probe.cu ---- */
cudaError_t yolo_cuda_probe(cudaStream_t stream, unsigned *to); /* writes YOLO_PROBE_WORD to device memory */
int yolo_cuda_code_capability(void);             /* of the code that runs on the current card: 90; 0: not known */
cudaError_t yolo_cuda_trap(cudaStream_t stream); /* a kernel that fails: for tests of what happens then */
enum { YOLO_PROBE_WORD = 0x796f6c6f };

/* ---- cuda_backend.c ---- */
void yolo_cuda_fail_next(yolo_device *device); /* for tests: the next op fails on the card */

#ifdef __cplusplus
}
#endif
#endif
