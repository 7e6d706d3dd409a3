/* The kernel that shows at start whether a card runs this build's code at all, and one that fails on purpose, for tests of
 * what is said then. */
#include "backbone/backend/cuda/cuda.h"

static __global__ void write_word(unsigned *to) { *to = YOLO_PROBE_WORD; }
static __global__ void trap() { __trap(); }

extern "C" cudaError_t yolo_cuda_probe(cudaStream_t stream, unsigned *to) {
  write_word<<<1, 1, 0, stream>>>(to);
  return cudaGetLastError();
}

/* Kernels ask at compile time what they may use, so what counts is the architecture that the code was made for, which for
 * code from PTX is older than the card. */
extern "C" int yolo_cuda_code_capability(void) {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, write_word) == cudaSuccess ? attributes.ptxVersion : 0;
}

extern "C" cudaError_t yolo_cuda_trap(cudaStream_t stream) {
  trap<<<1, 1, 0, stream>>>();
  return cudaGetLastError();
}
