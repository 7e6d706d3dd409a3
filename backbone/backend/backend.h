/* The backend contract: a backend is a value, a struct of functions: memory, queue and one uniform call an
 * op. Nothing above this line knows which one it talks to.
 *
 * A device is opened per context (one user at a time). Packed parameters made by one device of a backend
 * can be read by every other device of the same backend opened with the same options. */
#ifndef YOLO_BACKEND_BACKEND_H
#define YOLO_BACKEND_BACKEND_H

#include "backbone/ops/op.h"

typedef enum yolo_impl { YOLO_IMPL_NONE, YOLO_IMPL_REF, YOLO_IMPL_FAST } yolo_impl;

typedef struct yolo_device yolo_device;

typedef struct yolo_device_options {
  int index;       /* which card; 0 for the CPU */
  int threads;     /* CPU: 0 = yolo_threads_available(); at most 1024 */
  const char *isa; /* CPU: "reference", "portable", "avx2", "avx512"; NULL = the best this machine has,
                      overridable by the environment variable YOLO_ISA */
} yolo_device_options;

typedef struct yolo_op_sizes {
  size_t pack; /* bytes of the packed parameters; 0 = the op reads param[] directly */
  size_t work; /* bytes of scratch */
} yolo_op_sizes;

typedef struct yolo_backend {
  const char *name; /* "cpu", "cuda" */
  bool host_memory; /* device pointers can be read by the host */
  bool concat_views; /* concatenation by pixel stride is the faster way here */
  size_t row_align;  /* floats; planned pixel strides are multiples of it once C reaches it */
  yolo_status (*open)(const yolo_device_options *options, yolo_device **out);
  void (*close)(yolo_device *device);
  const char *(*describe)(const yolo_device *device); /* "CPU, AVX-512, 2 threads" */
  yolo_status (*alloc)(yolo_device *device, size_t bytes, void **out);
  void (*release)(yolo_device *device, void *memory);
  yolo_status (*upload)(yolo_device *device, void *to, const void *from_host, size_t bytes);
  yolo_status (*download)(yolo_device *device, void *to_host, const void *from, size_t bytes);
  yolo_status (*sync)(yolo_device *device);

  yolo_impl (*has)(yolo_op_id id, yolo_direction direction);
  /* Memory an op wants for these shapes (data pointers may be NULL). `thrift` 0 asks for the fastest
   * layout; higher levels (up to YOLO_THRIFT_MAX) trade speed for smaller packed parameters. */
  yolo_op_sizes (*sizes)(yolo_device *device, const yolo_op_call *call, int thrift);
  /* Lays the parameters (call->param, host memory, in-memory layout) out at `to`; called once at load with
   * the same shapes and thrift as sizes(). */
  yolo_status (*pack)(yolo_device *device, const yolo_op_call *call, int thrift, void *to);
  /* Runs body(payload), which makes many run() calls, with what the backend wants around a whole pass: a standing
   * team of threads here, a recorded graph elsewhere. NULL: nothing. */
  void (*pass)(yolo_device *device, void (*body)(void *payload), void *payload);
  /* Runs one op. NONE is an error that names op and direction. */
  yolo_status (*run)(yolo_device *device, yolo_direction direction, const yolo_op_call *call);
} yolo_backend;

enum { YOLO_THRIFT_MAX = 2 };

extern const yolo_backend yolo_backend_cpu;

/* registry.c: the only file that knows which backends this build has. */
int yolo_backend_count(void);
const yolo_backend *yolo_backend_at(int index);
/* "cpu", "cuda", "cuda:1". Unknown or not built: a sentence. *index gets the number after the colon. */
yolo_status yolo_backend_find(const char *device, const yolo_backend **out, int *index);

#endif
