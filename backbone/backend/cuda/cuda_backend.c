/* The CUDA backend as a value: devices, memory, the queue, and the table of ops made from the op list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/backend/cuda/cuda_device.h"
#include "backbone/base/memory.h"

/* ---- the table of ops ---- */

typedef struct row {
  yolo_impl impl[2]; /* forward, backward */
  yolo_cuda_launcher launch;
} row;

#define YOLO_ENTRY_FAST(name) yolo_cuda_##name
#define YOLO_ENTRY_REF(name)  NULL
#define YOLO_ENTRY_NONE(name) NULL
static const row rows[YOLO_OP_COUNT] = {
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) \
  [YOLO_OP_##name] = {{YOLO_IMPL_##cuda_fwd, YOLO_IMPL_##cuda_bwd}, YOLO_ENTRY_##cuda_fwd(name)},
#include "backbone/ops/op_list.h"
#undef YOLO_OP
};

/* ---- what CUDA says ---- */

yolo_status yolo_cuda_enter(const yolo_device *device) {
  return yolo_cuda_check(device, cudaSetDevice(device->index), "turning to the card");
}

/* Errors of a kernel that ran stick: whatever is asked next fails the same way. */
static bool is_lost(cudaError_t error) {
  return error == cudaErrorIllegalAddress || error == cudaErrorLaunchFailure || error == cudaErrorIllegalInstruction ||
         error == cudaErrorMisalignedAddress || error == cudaErrorInvalidAddressSpace || error == cudaErrorInvalidPc ||
         error == cudaErrorHardwareStackError || error == cudaErrorAssert || error == cudaErrorECCUncorrectable ||
         error == cudaErrorLaunchTimeout;
}

yolo_status yolo_cuda_check(const yolo_device *device, cudaError_t error, const char *doing) {
  size_t unused = 0, total = 0;
  if (error == cudaSuccess) return YOLO_OK;
  cudaGetLastError(); /* takes the mark away, where it can be taken away */
  if (error == cudaErrorMemoryAllocation) {
    cudaMemGetInfo(&unused, &total);
    return yolo_fail(YOLO_ENOMEM, "%s: no memory while %s; %.0f of %.0f MB are free", device->description, doing,
                     (double)unused * 1e-6, (double)total * 1e-6);
  }
  return yolo_fail(YOLO_EDEVICE, "%s: %s while %s%s", device->description, cudaGetErrorString(error), doing,
                   is_lost(error) ? "; the card has stopped this program's work, which has to be started again" : "");
}

/* ---- devices ---- */

static yolo_status conv_mode(const char *word, yolo_cuda_conv_mode *out) {
  const char *environment = getenv("YOLO_CONV");
  if (!word && environment && *environment) word = environment;
  *out = YOLO_CONV_BEST;
  if (!word) return YOLO_OK;
  if (strcmp(word, "own") == 0)
    *out = YOLO_CONV_OWN;
  else if (strcmp(word, "cudnn") == 0)
    *out = YOLO_CONV_CUDNN;
  else
    return yolo_fail(YOLO_EINVAL, "convolution kernels '%.40s' are unknown; 'own' and 'cudnn' exist", word);
  return YOLO_OK;
}

static yolo_status check_precision(const yolo_device *device, const struct cudaDeviceProp *card) {
  const yolo_precision precision = device->precision;
  if ((unsigned)precision > YOLO_PRECISION_BF16) return yolo_fail(YOLO_EINVAL, "precision %d is unknown", (int)precision);
  if (device->launch.capability >= 80 || precision == YOLO_PRECISION_FP32 || precision == YOLO_PRECISION_FP16) return YOLO_OK;
  return yolo_fail(
      YOLO_EUNSUPPORTED,
      "cuda: %s needs capability 8.0 of card and code; %s (%d.%d) runs code made for %d.%d here (%s); fp32 and fp16 work",
      yolo_precision_name(precision), card->name, card->major, card->minor, device->launch.capability / 10,
      device->launch.capability % 10, yolo_cuda_built());
}

/* Of the card or of the code that runs on it, whichever is older. */
static int capability_of(const struct cudaDeviceProp *card) {
  const int hardware = 10 * card->major + card->minor, code = yolo_cuda_code_capability();
  return code > 0 && code < hardware ? code : hardware;
}

static yolo_status open_cudnn(yolo_device *device) {
  char why[128] = "";
  if (device->mode == YOLO_CONV_OWN) return YOLO_OK;
  device->cudnn = yolo_cudnn_open(&device->launch, why, sizeof why);
  if (device->cudnn || device->mode == YOLO_CONV_BEST) return YOLO_OK;
  return yolo_fail(YOLO_EUNSUPPORTED, "cuda: convolutions by cuDNN were asked for, but %s", why);
}

static void describe_device(yolo_device *device, const struct cudaDeviceProp *card) {
  char cudnn[48] = "own kernels";
  if (device->cudnn) {
    int version = yolo_cudnn_version(device->cudnn);
    snprintf(cudnn, sizeof cudnn, "cuDNN %d.%d.%d", version / 10000, version / 100 % 100, version % 100);
  }
  snprintf(device->description, sizeof device->description, "cuda:%d, %s, %s, %s%s", device->index, card->name,
           yolo_precision_name(device->precision), cudnn, device->deterministic ? ", deterministic" : "");
}

static void describe_hardware(yolo_device *device, const struct cudaDeviceProp *card) {
  int driver = 0;
  cudaDriverGetVersion(&driver);
  snprintf(device->hardware, sizeof device->hardware,
           "capability %d.%d, %d multiprocessors, %.0f MB, driver for CUDA %d.%d; the probe ran", card->major, card->minor,
           card->multiProcessorCount, (double)card->totalGlobalMem * 1e-6, driver / 1000, driver % 1000 / 10);
}

static void cuda_close(yolo_device *device) {
  if (!device) return;
  cudaSetDevice(device->index);
  if (device->launch.stream) cudaStreamSynchronize(device->launch.stream);
  yolo_cuda_forget_passes(device);
  yolo_cudnn_close(device->cudnn);
  yolo_cuda_io_close(device);
  cudaFree(device->tickets);
  cudaFree(device->scratch);
  if (device->launch.stream) cudaStreamDestroy(device->launch.stream);
  cudaGetLastError(); /* a card that stopped has said so before */
  yolo_free(device->choices);
  yolo_free(device);
}

static yolo_status start_device(yolo_device *device, const struct cudaDeviceProp *card) {
  yolo_status st;
  snprintf(device->description, sizeof device->description, "cuda:%d, %s", device->index, card->name);
  device->launch.dtype = device->precision == YOLO_PRECISION_FP16   ? YOLO_F16
                         : device->precision == YOLO_PRECISION_BF16 ? YOLO_BF16
                                                                    : YOLO_F32;
  device->launch.tf32 = device->precision == YOLO_PRECISION_TF32;
  device->launch.sms = card->multiProcessorCount;
  device->launch.capability = capability_of(card);
  YOLO_TRY(check_precision(device, card));
  device->launch.shared = card->sharedMemPerBlockOptin;
  YOLO_TRY(yolo_cuda_check(device, cudaStreamCreateWithFlags(&device->launch.stream, cudaStreamNonBlocking), "making a queue"));
  YOLO_TRY(yolo_cuda_io_open(device));
  size_t bytes = YOLO_CONV_TICKETS * sizeof *device->tickets;
  YOLO_TRY(yolo_cuda_check(device, cudaMalloc((void **)&device->tickets, bytes), "opening it"));
  YOLO_TRY(yolo_cuda_check(device, cudaMemsetAsync(device->tickets, 0, bytes, device->launch.stream), "opening it"));
  YOLO_TRY(yolo_cuda_check(device, cudaStreamSynchronize(device->launch.stream), "opening it"));
  YOLO_TRY(open_cudnn(device));
  describe_device(device, card);
  describe_hardware(device, card);
done:
  return st;
}

static yolo_status cuda_open(const yolo_device_options *options, yolo_device **out) {
  struct cudaDeviceProp card;
  yolo_device *device = NULL;
  yolo_status st;
  *out = NULL;
  YOLO_TRY(yolo_cuda_examine(options->index, &card));
  device = yolo_calloc(1, sizeof *device);
  YOLO_ENOMEM_IF_NULL(device);
  device->index = options->index;
  device->precision = options->precision;
  device->deterministic = options->deterministic;
  YOLO_TRY(conv_mode(options->conv, &device->mode));
  YOLO_TRY(start_device(device, &card));
  *out = device;
  device = NULL;
done:
  cuda_close(device);
  return st;
}

static yolo_status cuda_answers(void) {
  struct cudaDeviceProp card;
  return yolo_cuda_examine(0, &card);
}

static const char *cuda_describe(const yolo_device *device) { return device->description; }
static const char *cuda_hardware(const yolo_device *device) { return device->hardware; }
static yolo_dtype cuda_dtype(const yolo_device *device) { return device->launch.dtype; }

/* ---- memory ---- */

static yolo_status cuda_alloc(yolo_device *device, size_t bytes, void **out) {
  *out = NULL;
  yolo_status st = yolo_cuda_enter(device);
  return st == YOLO_OK ? yolo_cuda_check(device, cudaMalloc(out, bytes ? bytes : 1), "taking memory") : st;
}

/* Recorded passes may hold the addresses: nobody plays them again, but they go with the memory. */
static void cuda_release(yolo_device *device, void *memory) {
  if (yolo_cuda_enter(device) != YOLO_OK) return;
  cudaStreamSynchronize(device->launch.stream);
  yolo_cuda_forget_passes(device);
  cudaFree(memory);
  cudaGetLastError();
}

static yolo_status copy(yolo_device *device, void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                        const char *doing) {
  yolo_status st = yolo_cuda_enter(device);
  if (st == YOLO_OK) st = yolo_cuda_check(device, cudaMemcpyAsync(to, from, bytes, kind, device->launch.stream), doing);
  return st == YOLO_OK ? yolo_cuda_check(device, cudaStreamSynchronize(device->launch.stream), doing) : st;
}
static yolo_status cuda_upload(yolo_device *device, void *to, const void *from, size_t bytes) {
  return copy(device, to, from, bytes, cudaMemcpyHostToDevice, "sending data");
}
static yolo_status cuda_download(yolo_device *device, void *to, const void *from, size_t bytes) {
  return copy(device, to, from, bytes, cudaMemcpyDeviceToHost, "fetching data");
}

static yolo_status cuda_sync(yolo_device *device) {
  yolo_status st = yolo_cuda_enter(device);
  if (st == YOLO_OK) st = yolo_cuda_check(device, cudaStreamSynchronize(device->launch.stream), "computing");
  if (device->scratch) { /* a network has been loaded */
    cudaFree(device->scratch);
    device->scratch = NULL;
    device->scratch_bytes = 0;
  }
  return st;
}

static yolo_status cuda_memory(yolo_device *device, size_t *free_bytes, size_t *total) {
  yolo_status st = yolo_cuda_enter(device);
  return st == YOLO_OK ? yolo_cuda_check(device, cudaMemGetInfo(free_bytes, total), "asking for its memory") : st;
}

/* ---- ops ---- */

static yolo_impl cuda_has(yolo_op_id id, yolo_direction direction) { return rows[id].impl[direction]; }

static bool is_convolution(yolo_op_id id) { return id == YOLO_OP_conv2d || id == YOLO_OP_linear; }

static yolo_op_sizes cuda_sizes(yolo_device *device, const yolo_op_call *call, int thrift) {
  (void)thrift; /* one form only, no larger than the plain one */
  if (!is_convolution(call->id) || yolo_cuda_enter(device) != YOLO_OK) return (yolo_op_sizes){0, 0};
  return yolo_cuda_conv_sizes(device, call);
}

static yolo_status cuda_pack(yolo_device *device, const yolo_op_call *call, int thrift, void *to) {
  (void)thrift;
  if (!is_convolution(call->id))
    return yolo_fail(YOLO_EINVAL, "cuda: op '%s' has no packed form; its parameters are used as they are",
                     yolo_op_get(call->id)->name);
  yolo_status st = yolo_cuda_enter(device);
  return st == YOLO_OK ? yolo_cuda_conv_pack(device, call, to) : st;
}

static yolo_status cuda_run(yolo_device *device, yolo_direction direction, const yolo_op_call *call) {
  static const char *const words[] = {"forward", "backward"};
  const char *name = yolo_op_get(call->id)->name;
  if (rows[call->id].impl[direction] == YOLO_IMPL_NONE)
    return yolo_fail(YOLO_EUNSUPPORTED, "cuda: op '%s' has no %s here", name, words[direction]);
  yolo_status st = yolo_cuda_enter(device);
  if (st != YOLO_OK) return st;
  if (device->fail_next) {
    device->fail_next = false;
    return yolo_cuda_check(device, yolo_cuda_trap(device->launch.stream), "failing on purpose");
  }
  if (is_convolution(call->id)) return yolo_cuda_conv_forward(device, call);
  return yolo_cuda_check(device, rows[call->id].launch(&device->launch, call), name);
}

void yolo_cuda_fail_next(yolo_device *device) { device->fail_next = true; }

const yolo_backend yolo_backend_cuda = {
    .name = "cuda",
    .host_memory = false,
    .concat_views = true,
    .row_bytes = 16,
    .answers = cuda_answers,
    .open = cuda_open,
    .close = cuda_close,
    .describe = cuda_describe,
    .built = yolo_cuda_built,
    .hardware = cuda_hardware,
    .dtype = cuda_dtype,
    .alloc = cuda_alloc,
    .release = cuda_release,
    .upload = cuda_upload,
    .download = cuda_download,
    .sync = cuda_sync,
    .memory = cuda_memory,
    .alloc_host = yolo_cuda_alloc_host,
    .release_host = yolo_cuda_release_host,
    .send = yolo_cuda_send,
    .fetch = yolo_cuda_fetch,
    .resample = yolo_cuda_image,
    .select = yolo_cuda_rows,
    .has = cuda_has,
    .sizes = cuda_sizes,
    .pack = cuda_pack,
    .pass = yolo_cuda_pass,
    .run = cuda_run,
};
