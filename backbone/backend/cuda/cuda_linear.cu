/* linear on the device: a convolution whose window is the whole map (yolo_cuda_conv_describe() says it so). */
#include "backbone/backend/cuda/cuda_conv.h"

extern "C" cudaError_t yolo_cuda_linear(const yolo_cuda_launch *launch, const yolo_op_call *call) {
  return yolo_cuda_conv2d(launch, call);
}
