/* The backend contract: a backend is a value, a struct of functions: memory, queue and one uniform call an
 * op. Nothing above this line knows which one it talks to.
 *
 * A device is opened per context (one user at a time). Packed parameters made by one device of a backend
 * can be read by every other device of the same backend opened with the same options. */
#ifndef YOLO_BACKEND_BACKEND_H
#define YOLO_BACKEND_BACKEND_H

#include "backbone/base/resample.h"
#include "backbone/ops/op.h"

typedef enum yolo_impl { YOLO_IMPL_NONE, YOLO_IMPL_REF, YOLO_IMPL_FAST } yolo_impl;

typedef struct yolo_device yolo_device;

/* How a device holds activations and multiplies. TF32 holds fp32 and multiplies with 10 bits of fraction. */
typedef enum yolo_precision {
  YOLO_PRECISION_FP32,
  YOLO_PRECISION_TF32,
  YOLO_PRECISION_FP16,
  YOLO_PRECISION_BF16
} yolo_precision;
const char *yolo_precision_name(yolo_precision precision);              /* "fp32", ... */
yolo_status yolo_precision_find(const char *name, yolo_precision *out); /* NULL: fp32 */

typedef struct yolo_device_options {
  int index;                /* which card; 0 for the CPU */
  int threads;              /* CPU: 0 = yolo_threads_available(); at most 1024 */
  const char *isa;          /* CPU: "reference", "portable", "avx2", "avx512"; NULL = the best this machine has,
                               overridable by the environment variable YOLO_ISA */
  yolo_precision precision; /* the CPU has fp32 only */
  bool deterministic;       /* CUDA: algorithms are chosen by rule, never by timing (the CPU always does) */
  const char *conv;         /* CUDA: "own" or "cudnn" kernels for convolutions; NULL = what is faster, layer by layer,
                               overridable by the environment variable YOLO_CONV */
} yolo_device_options;

/* Which rows of a head's tensor are worth bringing to the host: a pixel holds `rows` rows of `row` values each, and
 * those with value[score] > floor are. */
typedef struct yolo_row_filter {
  int rows, row, score;
  float floor;
  int capacity; /* rows an image that there is room for */
} yolo_row_filter;

/* What was found. Host memory; in no particular order. */
typedef struct yolo_row_hits {
  int *count;    /* (N): rows above the floor; more than `capacity`: only that many are there */
  int *index;    /* (N, capacity): (y * W + x) * rows + r */
  float *values; /* (N, capacity, row) */
} yolo_row_hits;

typedef struct yolo_op_sizes {
  size_t pack; /* bytes of the packed parameters; 0 = the op reads param[] directly */
  size_t work; /* bytes of scratch */
} yolo_op_sizes;

typedef struct yolo_backend {
  const char *name;  /* "cpu", "cuda" */
  bool host_memory;  /* device pointers can be read by the host */
  bool concat_views; /* concatenation by pixel stride is the faster way here */
  size_t row_bytes;  /* planned pixel strides are multiples of it once C reaches it */
  size_t conflict;   /* but no multiples of this (bytes); 0: they may be */
  /* Whether a device is there that runs this build's kernels; NULL: always. */
  yolo_status (*answers)(void);
  yolo_status (*open)(const yolo_device_options *options, yolo_device **out);
  void (*close)(yolo_device *device);
  const char *(*describe)(const yolo_device *device); /* "CPU, AVX-512, 2 threads" */
  const char *(*built)(void);                         /* what this backend was built with and for; NULL: nothing to say */
  const char *(*hardware)(const yolo_device *device); /* what the device is and who drives it; NULL: nothing to say */
  yolo_dtype (*dtype)(const yolo_device *device);     /* of activations; NULL: fp32 */
  yolo_status (*alloc)(yolo_device *device, size_t bytes, void **out);
  void (*release)(yolo_device *device, void *memory);
  yolo_status (*upload)(yolo_device *device, void *to, const void *from_host, size_t bytes);
  yolo_status (*download)(yolo_device *device, void *to_host, const void *from, size_t bytes);
  yolo_status (*sync)(yolo_device *device);
  /* Bytes of device memory that are free now; NULL: not known. */
  yolo_status (*memory)(yolo_device *device, size_t *free, size_t *total);

  /* Backends without host_memory only; NULL means that the host does it (where it says so) or that plain memory serves.
   * All of these queue their work: sync() before the host reads what they write or changes what they read. */
  yolo_status (*alloc_host)(yolo_device *device, size_t bytes, void **out); /* memory that both can reach fast */
  void (*release_host)(yolo_device *device, void *memory);
  yolo_status (*send)(yolo_device *device, const float *from, const yolo_tensor *to); /* dense fp32 -> tensor */
  yolo_status (*fetch)(yolo_device *device, const yolo_tensor *from, float *to);      /* tensor -> dense fp32 */
  /* One picture into image n of the input; NULL: the host resizes. The pixels are free again on return. */
  yolo_status (*resample)(yolo_device *device, const yolo_resample *how, const yolo_tensor *to, int n);
  /* The rows of a head; NULL: the host looks through the whole tensor. `hits` is alloc_host memory. */
  yolo_status (*select)(yolo_device *device, const yolo_row_filter *filter, const yolo_tensor *from, const yolo_row_hits *hits);

  yolo_impl (*has)(yolo_op_id id, yolo_direction direction);
  /* Memory an op wants for these shapes (data pointers may be NULL). `thrift` 0 asks for the fastest
   * layout; higher levels (up to YOLO_THRIFT_MAX) trade speed for smaller packed parameters. */
  yolo_op_sizes (*sizes)(yolo_device *device, const yolo_op_call *call, int thrift);
  /* Bytes of scratch that backward wants for these shapes; NULL: none. */
  size_t (*backward_work)(yolo_device *device, const yolo_op_call *call);
  /* Lays the parameters (call->param, host memory, in-memory layout) out at `to`; called once at load with
   * the same shapes and thrift as sizes(). */
  yolo_status (*pack)(yolo_device *device, const yolo_op_call *call, int thrift, void *to);
  /* Runs body(payload), which makes many run() calls, with what the backend wants around a whole pass: a standing
   * team of threads here, a recorded graph elsewhere. Equal keys of one device promise equal calls (shapes and
   * addresses), so that a recording may be played instead of calling body; key 0 promises nothing. NULL: body is called
   * as it is. Returns what body returned. */
  yolo_status (*pass)(yolo_device *device, uint64_t key, yolo_status (*body)(void *payload), void *payload);
  /* Runs one op. NONE is an error that names op and direction. */
  yolo_status (*run)(yolo_device *device, yolo_direction direction, const yolo_op_call *call);
} yolo_backend;

enum { YOLO_THRIFT_MAX = 2 };

extern const yolo_backend yolo_backend_cpu;
extern const yolo_backend yolo_backend_cuda; /* in builds that have it */

/* registry.c: the only file that knows which backends this build has. */
int yolo_backend_count(void);
const yolo_backend *yolo_backend_at(int index);
/* "cpu", "cuda", "cuda:1". Unknown or not built: a sentence. *index gets the number after the colon. NULL or "": the first
 * backend whose device answers, so a GPU where there is one, else the CPU. */
yolo_status yolo_backend_find(const char *device, const yolo_backend **out, int *index);

#endif
