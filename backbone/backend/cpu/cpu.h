/* The CPU backend's own contract between cpu_backend.c and the kernels cpu_<op>.c. */
#ifndef YOLO_CPU_H
#define YOLO_CPU_H

#include "backbone/backend/backend.h"
#include "backbone/backend/cpu/isa.h"
#include "backbone/base/threads.h"

struct yolo_device {
  int threads;
  const yolo_isa *isa; /* NULL: reference, every op runs its plain loops */
  char description[96];
};

/* A row of the op list with FAST in it; the direction that is not FAST is NULL here. `sizes`, `pack` and `backward_work` may be
 * NULL: no packed form, no scratch. Kernels run with the
 * device's threads; scratch is cut into equal 64-byte-aligned parts, one a thread. */
typedef struct yolo_cpu_kernel {
  yolo_op_sizes (*sizes)(const yolo_device *device, const yolo_op_call *call, int thrift);
  yolo_status (*pack)(const yolo_device *device, const yolo_op_call *call, int thrift, void *to);
  yolo_status (*forward)(const yolo_device *device, const yolo_op_call *call);
  yolo_status (*backward)(const yolo_device *device, const yolo_op_call *call);
  size_t (*backward_work)(const yolo_device *device, const yolo_op_call *call);
  bool trains; /* forward knows training mode and fills `saved`; else ops that save something run their plain loops then */
} yolo_cpu_kernel;

/* The memory-bound kernels: body(call, first, end) does pixels [first, end) of the N*H*W of out, on all threads,
 * in pieces large enough to be worth handing out. */
typedef void (*yolo_pixels_body)(const yolo_device *device, const yolo_op_call *call, int first, int end);
void yolo_cpu_pixels(const yolo_device *device, const yolo_op_call *call, yolo_pixels_body body);
/* The same over the pixels of any map of this shape; body(call, first, end) in pieces that stay in the cache between the passes
 * of the body. */
void yolo_cpu_pixels_of(const yolo_device *device, const yolo_op_call *call, yolo_shape shape, yolo_pixels_body body);

/* One activation over pixels [first, end) of a tensor, in place. */
void yolo_cpu_activate(const yolo_device *device, const yolo_tensor *t, int first, int end, yolo_activation act);

/* The way back through one: to = up act'(at), over pixels [first, end); with `add` to what is there. `at` is not looked at
 * where act is linear. */
void yolo_cpu_slope(const yolo_device *device, yolo_activation act, const yolo_tensor *at, const yolo_tensor *up,
                    const yolo_tensor *to, int first, int end, bool add);
/* to = from, over the first `channels` channels; with `add` to what is there. Nothing is done where `to` is `from`. */
void yolo_cpu_hand_on(const yolo_device *device, const yolo_tensor *from, const yolo_tensor *to, int channels, int first,
                      int end, bool add);

static inline int yolo_divide_up(int a, int b) { return (a + b - 1) / b; }
static inline int yolo_round_up(int a, int b) { return yolo_divide_up(a, b) * b; }
static inline size_t yolo_align64(size_t bytes) { return (bytes + 63) & ~(size_t)63; }
static inline int yolo_min_int(int a, int b) { return a < b ? a : b; }
static inline int yolo_max_int(int a, int b) { return a > b ? a : b; }

#endif
