/* Convolutions on tensor cores, tf32: the kernels of cuda_conv2d_gemm.cuh for this type. */
#include "backbone/backend/cuda/cuda_conv2d_gemm.cuh"

extern "C" cudaError_t yolo_cuda_conv_tf32(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, int tile, int splits) {
  return launch_tile<tf32_math>(launch, conv, tile, splits);
}
