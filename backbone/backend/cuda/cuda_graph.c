/* Passes as CUDA graphs: the second time a pass with the same key comes, its launches are recorded instead of run, and from
 * then on one call plays them all, without a gap between small kernels. (The first time runs as it is: algorithms are
 * settled there, which a recording forbids.) */
#include "backbone/backend/cuda/cuda_device.h"

static yolo_cuda_recording *find_recording(yolo_device *device, uint64_t key) {
  yolo_cuda_recording *oldest = &device->recordings[0];
  for (int i = 0; i < YOLO_RECORDINGS; i++) {
    yolo_cuda_recording *r = &device->recordings[i];
    if (r->key == key) return r;
    if (r->used < oldest->used) oldest = r;
  }
  if (oldest->exec) cudaGraphExecDestroy(oldest->exec);
  *oldest = (yolo_cuda_recording){0};
  return oldest;
}

void yolo_cuda_forget_passes(yolo_device *device) {
  for (int i = 0; i < YOLO_RECORDINGS; i++) {
    if (device->recordings[i].exec) cudaGraphExecDestroy(device->recordings[i].exec);
    device->recordings[i] = (yolo_cuda_recording){0};
  }
}

/* The capture ends whatever the body said: a stream left in it would be lost. Without memory for a recording there is none
 * (exec stays NULL), and the pass runs as it is. */
static yolo_status record(yolo_device *device, yolo_cuda_recording *r, yolo_status (*body)(void *payload), void *payload) {
  cudaGraph_t graph = NULL;
  cudaStream_t stream = device->launch.stream;
  yolo_status st =
      yolo_cuda_check(device, cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording a pass");
  if (st != YOLO_OK) return st;
  device->recording = true;
  st = body(payload);
  device->recording = false;
  cudaError_t error = cudaStreamEndCapture(stream, &graph);
  if (error == cudaSuccess && st == YOLO_OK) error = cudaGraphInstantiate(&r->exec, graph, 0);
  if (error != cudaSuccess || st != YOLO_OK) {
    cudaGetLastError(); /* or the next launch would find it */
    r->exec = NULL;
  }
  if (graph) cudaGraphDestroy(graph);
  return st;
}

yolo_status yolo_cuda_pass(yolo_device *device, uint64_t key, yolo_status (*body)(void *payload), void *payload) {
  yolo_status st = yolo_cuda_enter(device);
  if (st != YOLO_OK) return st;
  if (key == 0 || device->fail_next) return body(payload);
  yolo_cuda_recording *r = find_recording(device, key);
  r->used = ++device->clock;
  if (r->key != key) {
    st = body(payload);
    if (st == YOLO_OK) r->key = key;
    return st;
  }
  if (!r->exec && (st = record(device, r, body, payload)) != YOLO_OK) return st;
  if (!r->exec) return body(payload);
  return yolo_cuda_check(device, cudaGraphLaunch(r->exec, device->launch.stream), "playing a recorded pass");
}
