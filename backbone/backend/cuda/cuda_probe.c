/* Does a card answer, and does it run what was built? One trivial kernel decides; everything else is a sentence that names
 * driver, card and build. */
#include "backbone/backend/cuda/cuda_device.h"

const char *yolo_cuda_built(void) {
  return yolo_cudnn_headers() ? YOLO_BUILT_TOOLKIT " for " YOLO_BUILT_ARCHITECTURES ", with cuDNN's headers"
                              : YOLO_BUILT_TOOLKIT " for " YOLO_BUILT_ARCHITECTURES ", without cuDNN";
}

/* Why the runtime sees no card at all. */
static yolo_status no_cards(cudaError_t error) {
  int driver = 0;
  cudaGetLastError();
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    return yolo_fail(YOLO_EDEVICE, "cuda: no NVIDIA driver was found (built with %s); install the driver, or use --device cpu",
                     yolo_cuda_built());
  if (driver / 1000 < CUDART_VERSION / 1000)
    return yolo_fail(
        YOLO_EDEVICE,
        "cuda: the driver knows CUDA %d.%d, but this program was built with %s; update the driver, or build with an "
        "older CUDA Toolkit",
        driver / 1000, driver % 1000 / 10, yolo_cuda_built());
  return yolo_fail(YOLO_EDEVICE, "cuda: no card is visible (%s); is CUDA_VISIBLE_DEVICES empty?", cudaGetErrorString(error));
}

static yolo_status wrong_card(const struct cudaDeviceProp *card, const char *what) {
  return yolo_fail(YOLO_EDEVICE,
                   "cuda: %s (capability %d.%d) does not run this program (%s), which was built with %s; build with "
                   "-DCMAKE_CUDA_ARCHITECTURES=%d%d",
                   card->name, card->major, card->minor, what, yolo_cuda_built(), card->major, card->minor);
}

/* The probe's word goes to the card and comes back. */
static yolo_status run_probe(int index, const struct cudaDeviceProp *card) {
  unsigned word = 0, *there = NULL;
  cudaError_t error = cudaSetDevice(index);
  if (error == cudaSuccess) error = cudaMalloc((void **)&there, sizeof *there);
  if (error == cudaSuccess) error = yolo_cuda_probe(NULL, there);
  if (error == cudaSuccess) error = cudaMemcpy(&word, there, sizeof word, cudaMemcpyDeviceToHost);
  cudaFree(there);
  if (error == cudaSuccess && word == YOLO_PROBE_WORD) return YOLO_OK;
  cudaGetLastError();
  if (error == cudaErrorMemoryAllocation)
    return yolo_fail(YOLO_ENOMEM, "cuda: the memory of %s is taken by other programs; not even a probe fits", card->name);
  if (error == cudaSuccess || error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidKernelImage ||
      error == cudaErrorUnsupportedPtxVersion)
    return wrong_card(card, error == cudaSuccess ? "the probe came back wrong" : cudaGetErrorString(error));
  return yolo_fail(YOLO_EDEVICE, "cuda: %s does not compute: %s; nvidia-smi shows its state", card->name,
                   cudaGetErrorString(error));
}

yolo_status yolo_cuda_examine(int index, struct cudaDeviceProp *out) {
  int count = 0;
  cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) return no_cards(error);
  if (index >= count)
    return yolo_fail(YOLO_EDEVICE, "cuda:%d does not exist: this machine shows %d card%s, of which the last is cuda:%d", index,
                     count, count == 1 ? "" : "s", count - 1);
  error = cudaGetDeviceProperties(out, index);
  if (error != cudaSuccess) return no_cards(error);
  return run_probe(index, out);
}
