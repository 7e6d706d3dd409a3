/* What crosses between host and device. Pinned memory is in reach of both: numbers are turned from or into fp32 by kernels
 * that read or write it across the bus, without a copy in between. Pictures go through two pinned buffers in turn, on a
 * queue of their own, so that one travels while the other is resized. */
#include <string.h>

#include "backbone/backend/cuda/cuda_device.h"

yolo_status yolo_cuda_alloc_host(yolo_device *device, size_t bytes, void **out) {
  *out = NULL;
  yolo_status st = yolo_cuda_enter(device);
  return st == YOLO_OK ? yolo_cuda_check(device, cudaHostAlloc(out, bytes, cudaHostAllocPortable), "taking pinned host memory")
                       : st;
}

void yolo_cuda_release_host(yolo_device *device, void *memory) {
  if (yolo_cuda_enter(device) == YOLO_OK) cudaFreeHost(memory);
}

static bool is_dense_fp32(const yolo_tensor *t) { return t->dtype == YOLO_F32 && t->stride == (size_t)t->shape.c; }

yolo_status yolo_cuda_send(yolo_device *device, const float *from, const yolo_tensor *to) {
  size_t bytes = yolo_shape_count(to->shape) * sizeof(float);
  yolo_status st = yolo_cuda_enter(device);
  if (st != YOLO_OK) return st;
  cudaError_t error = is_dense_fp32(to) ? cudaMemcpyAsync(to->data, from, bytes, cudaMemcpyHostToDevice, device->launch.stream)
                                        : yolo_cuda_from_floats(&device->launch, from, to);
  return yolo_cuda_check(device, error, "sending the input");
}

yolo_status yolo_cuda_fetch(yolo_device *device, const yolo_tensor *from, float *to) {
  size_t bytes = yolo_shape_count(from->shape) * sizeof(float);
  yolo_status st = yolo_cuda_enter(device);
  if (st != YOLO_OK) return st;
  cudaError_t error = is_dense_fp32(from)
                          ? cudaMemcpyAsync(to, from->data, bytes, cudaMemcpyDeviceToHost, device->launch.stream)
                          : yolo_cuda_to_floats(&device->launch, from, to);
  return yolo_cuda_check(device, error, "fetching an output");
}

yolo_status yolo_cuda_rows(yolo_device *device, const yolo_row_filter *filter, const yolo_tensor *from,
                           const yolo_row_hits *hits) {
  yolo_status st = yolo_cuda_enter(device);
  return st == YOLO_OK ? yolo_cuda_check(device, yolo_cuda_select(&device->launch, filter, from, hits), "collecting rows") : st;
}

/* ---- pictures ---- */

yolo_status yolo_cuda_io_open(yolo_device *device) {
  yolo_status st = yolo_cuda_check(device, cudaStreamCreateWithFlags(&device->copies, cudaStreamNonBlocking), "making a queue");
  for (int i = 0; i < 2 && st == YOLO_OK; i++) {
    yolo_cuda_slot *slot = &device->slots[i];
    st = yolo_cuda_check(device, cudaEventCreateWithFlags(&slot->copied, cudaEventDisableTiming), "making an event");
    if (st == YOLO_OK)
      st = yolo_cuda_check(device, cudaEventCreateWithFlags(&slot->used, cudaEventDisableTiming), "making an event");
  }
  return st;
}

static void empty_slot(yolo_cuda_slot *slot) {
  if (slot->host) cudaFreeHost(slot->host);
  if (slot->device) cudaFree(slot->device);
  slot->host = slot->device = NULL;
  slot->bytes = 0;
}

void yolo_cuda_io_close(yolo_device *device) {
  if (device->copies) cudaStreamSynchronize(device->copies); /* a copy may still read what is freed here */
  for (int i = 0; i < 2; i++) {
    yolo_cuda_slot *slot = &device->slots[i];
    empty_slot(slot);
    if (slot->copied) cudaEventDestroy(slot->copied);
    if (slot->used) cudaEventDestroy(slot->used);
  }
  if (device->copies) cudaStreamDestroy(device->copies);
}

/* Room for a picture; a larger one than before waits until nothing uses the old buffers. */
static yolo_status make_room(yolo_device *device, yolo_cuda_slot *slot, size_t bytes) {
  yolo_status st = yolo_cuda_check(device, cudaEventSynchronize(slot->copied), "sending a picture");
  if (st != YOLO_OK || bytes <= slot->bytes) return st;
  YOLO_TRY(yolo_cuda_check(device, cudaEventSynchronize(slot->used), "resizing a picture"));
  empty_slot(slot);
  bytes += bytes / 4; /* so that a folder of nearly equal pictures settles soon */
  YOLO_TRY(yolo_cuda_check(device, cudaHostAlloc(&slot->host, bytes, cudaHostAllocPortable), "taking pinned host memory"));
  YOLO_TRY(yolo_cuda_check(device, cudaMalloc(&slot->device, bytes), "making room for a picture"));
  slot->bytes = bytes;
done:
  return st;
}

yolo_status yolo_cuda_image(yolo_device *device, const yolo_resample *how, const yolo_tensor *to, int n) {
  yolo_cuda_slot *slot = &device->slots[device->next_slot];
  const size_t row = (size_t)how->width * (size_t)how->step, bytes = row * (size_t)how->height;
  yolo_resample there = *how;
  yolo_status st = yolo_cuda_enter(device);
  if (st != YOLO_OK) return st;
  device->next_slot = 1 - device->next_slot;
  YOLO_TRY(make_room(device, slot, bytes));
  if (how->row_stride == row)
    memcpy(slot->host, how->pixels, bytes);
  else
    for (int y = 0; y < how->height; y++)
      memcpy((char *)slot->host + (size_t)y * row, how->pixels + (size_t)y * how->row_stride, row);
  YOLO_TRY(yolo_cuda_check(device, cudaStreamWaitEvent(device->copies, slot->used, 0), "queueing a picture"));
  YOLO_TRY(yolo_cuda_check(device, cudaMemcpyAsync(slot->device, slot->host, bytes, cudaMemcpyHostToDevice, device->copies),
                           "sending a picture"));
  YOLO_TRY(yolo_cuda_check(device, cudaEventRecord(slot->copied, device->copies), "sending a picture"));
  YOLO_TRY(yolo_cuda_check(device, cudaStreamWaitEvent(device->launch.stream, slot->copied, 0), "queueing a picture"));
  there.pixels = slot->device;
  there.row_stride = row;
  YOLO_TRY(yolo_cuda_check(device, yolo_cuda_resample(&device->launch, &there, to, n), "resizing a picture"));
  st = yolo_cuda_check(device, cudaEventRecord(slot->used, device->launch.stream), "resizing a picture");
done:
  return st;
}
