/* The device behind yolo_device, for the C files of the CUDA backend. */
#ifndef YOLO_CUDA_DEVICE_H
#define YOLO_CUDA_DEVICE_H

#include "backbone/backend/cuda/cuda_conv.h"
#include "backbone/backend/cuda/cuda_cudnn.h"

/* Which kernels convolutions may take. */
typedef enum yolo_cuda_conv_mode { YOLO_CONV_BEST, YOLO_CONV_OWN, YOLO_CONV_CUDNN } yolo_cuda_conv_mode;

/* What was chosen for one shape: a tile of ours and its splits, or (tile < 0) a plan of cuDNN's. */
typedef struct yolo_cuda_choice {
  yolo_cuda_conv shape; /* without its pointers */
  int tile, splits;
  yolo_cudnn_plan plan;
} yolo_cuda_choice;

/* A recorded pass. */
typedef struct yolo_cuda_recording {
  uint64_t key;         /* 0: empty */
  cudaGraphExec_t exec; /* NULL: seen once, not recorded yet */
  long used;
} yolo_cuda_recording;
enum { YOLO_RECORDINGS = 8 };

/* One of two ways a picture takes to the device, used in turn. */
typedef struct yolo_cuda_slot {
  void *host, *device;
  size_t bytes;
  cudaEvent_t copied, used;
} yolo_cuda_slot;

struct yolo_device {
  int index;
  yolo_cuda_launch launch;
  yolo_precision precision;
  bool deterministic;
  yolo_cuda_conv_mode mode;
  char description[384], hardware[384];
  cudaStream_t copies; /* pictures travel here while the network runs on launch.stream */
  int *tickets;
  void *scratch; /* fp32 weights on their way into packed ones; only while a network is loaded */
  size_t scratch_bytes;
  yolo_cudnn *cudnn; /* NULL: not there */
  yolo_cuda_choice *choices;
  int n_choices, cap_choices;
  bool recording; /* between begin and end of a capture: nothing may be timed, no memory taken */
  yolo_cuda_recording recordings[YOLO_RECORDINGS];
  long clock;
  yolo_cuda_slot slots[2];
  int next_slot;
  bool fail_next; /* a test wants the next op to fail */
};

/* Makes this device the calling thread's; every entry point begins with it. */
yolo_status yolo_cuda_enter(const yolo_device *device);
/* A sentence for what CUDA said while `doing` something: YOLO_OK for cudaSuccess. Memory: YOLO_ENOMEM. */
yolo_status yolo_cuda_check(const yolo_device *device, cudaError_t error, const char *doing);

/* ---- cuda_probe.c ---- */
/* Which cards there are and whether card `index` runs our kernels: YOLO_OK, or why not in one sentence. */
yolo_status yolo_cuda_examine(int index, struct cudaDeviceProp *out);
const char *yolo_cuda_built(void); /* "CUDA 13.0 for ..., cuDNN 9.1 headers" */

/* ---- cuda_conv.c, cuda_conv_tune.c: conv2d and linear ---- */
/* Our own ways to compute a convolution within `work` bytes of scratch, likeliest first; returns how many (at most 8). */
int yolo_cuda_conv_ways(const yolo_cuda_launch *launch, const yolo_cuda_conv *conv, size_t work, yolo_cuda_choice *out);
/* The bias in the type of the activations, among the packed parameters. */
const void *yolo_cuda_conv_small_bias(const yolo_cuda_launch *launch, const yolo_op_call *call, const yolo_cuda_conv *conv);
yolo_op_sizes yolo_cuda_conv_sizes(yolo_device *device, const yolo_op_call *call);
yolo_status yolo_cuda_conv_pack(yolo_device *device, const yolo_op_call *call, void *to);
yolo_status yolo_cuda_conv_forward(yolo_device *device, const yolo_op_call *call);

/* ---- cuda_graph.c ---- */
yolo_status yolo_cuda_pass(yolo_device *device, uint64_t key, yolo_status (*body)(void *payload), void *payload);
void yolo_cuda_forget_passes(yolo_device *device);

/* ---- cuda_io.c ---- */
yolo_status yolo_cuda_io_open(yolo_device *device);
void yolo_cuda_io_close(yolo_device *device);
yolo_status yolo_cuda_alloc_host(yolo_device *device, size_t bytes, void **out);
void yolo_cuda_release_host(yolo_device *device, void *memory);
yolo_status yolo_cuda_send(yolo_device *device, const float *from, const yolo_tensor *to);
yolo_status yolo_cuda_fetch(yolo_device *device, const yolo_tensor *from, float *to);
yolo_status yolo_cuda_image(yolo_device *device, const yolo_resample *how, const yolo_tensor *to, int n);
yolo_status yolo_cuda_rows(yolo_device *device, const yolo_row_filter *filter, const yolo_tensor *from,
                           const yolo_row_hits *hits);

#endif
