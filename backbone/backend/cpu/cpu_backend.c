/* The CPU backend as a value: host memory, no queue, one table of kernels made from the op list. */
#include <stdio.h>
#include <string.h>

#include "backbone/backend/cpu/cpu.h"
#include "backbone/base/memory.h"

/* Rows that say FAST, for either direction, have a kernel; others must not need one. */
#define YOLO_KERNEL(name)                extern const yolo_cpu_kernel yolo_cpu_##name;
#define YOLO_KERNEL_FAST(name, backward) YOLO_KERNEL(name)
#define YOLO_KERNEL_REF(name, backward)  YOLO_KERNEL_REF_##backward(name)
#define YOLO_KERNEL_NONE(name, backward) YOLO_KERNEL_REF_##backward(name)
#define YOLO_KERNEL_REF_FAST(name)       YOLO_KERNEL(name)
#define YOLO_KERNEL_REF_REF(name)
#define YOLO_KERNEL_REF_NONE(name)
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) YOLO_KERNEL_##cpu_fwd(name, cpu_bwd)
#include "backbone/ops/op_list.h"
#undef YOLO_OP

typedef struct row {
  yolo_impl impl[2]; /* forward, backward */
  const yolo_cpu_kernel *kernel;
} row;

#define YOLO_ENTRY_FAST(name, backward) &yolo_cpu_##name
#define YOLO_ENTRY_REF(name, backward)  YOLO_ENTRY_REF_##backward(name)
#define YOLO_ENTRY_NONE(name, backward) YOLO_ENTRY_REF_##backward(name)
#define YOLO_ENTRY_REF_FAST(name)       &yolo_cpu_##name
#define YOLO_ENTRY_REF_REF(name)        NULL
#define YOLO_ENTRY_REF_NONE(name)       NULL
static const row rows[YOLO_OP_COUNT] = {
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) \
  [YOLO_OP_##name] = {{YOLO_IMPL_##cpu_fwd, YOLO_IMPL_##cpu_bwd}, YOLO_ENTRY_##cpu_fwd(name, cpu_bwd)},
#include "backbone/ops/op_list.h"
#undef YOLO_OP
};

static const char *isa_title(const yolo_isa *isa) {
  if (!isa) return "reference loops";
  if (strcmp(isa->name, "avx512") == 0) return "AVX-512";
  if (strcmp(isa->name, "avx2") == 0) return "AVX2";
  return "portable C";
}

/* OpenMP ends the program when the system refuses it a thread; nobody means more than this. */
enum { MOST_THREADS = 1024 };

static yolo_status cpu_open(const yolo_device_options *options, yolo_device **out) {
  yolo_status st = YOLO_OK;
  yolo_device *device = NULL;
  *out = NULL;
  if (options->index != 0)
    return yolo_fail(YOLO_EDEVICE, "device cpu:%d does not exist: there is one CPU, 'cpu'", options->index);
  if (options->threads < 0 || options->threads > MOST_THREADS)
    return yolo_fail(YOLO_EINVAL, "%d threads are not possible; 1 to %d are, and 0 means every core", options->threads,
                     MOST_THREADS);
  if (options->precision != YOLO_PRECISION_FP32)
    return yolo_fail(YOLO_EUNSUPPORTED, "precision %s: the CPU computes in fp32 only; leave --precision out, or use a GPU",
                     yolo_precision_name(options->precision));
  device = yolo_calloc(1, sizeof *device);
  YOLO_ENOMEM_IF_NULL(device);
  YOLO_TRY(yolo_isa_choose(options->isa, &device->isa));
  device->threads = options->threads > 0 ? options->threads : yolo_threads_available();
  snprintf(device->description, sizeof device->description, "CPU, %s, %d thread%s", isa_title(device->isa), device->threads,
           device->threads == 1 ? "" : "s");
  *out = device;
  device = NULL;
done:
  yolo_free(device);
  return st;
}

static void cpu_close(yolo_device *device) { yolo_free(device); }
static const char *cpu_describe(const yolo_device *device) { return device->description; }

static yolo_status cpu_alloc(yolo_device *device, size_t bytes, void **out) {
  (void)device;
  *out = yolo_alloc_arena(bytes);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}
static void cpu_release(yolo_device *device, void *memory) {
  (void)device;
  yolo_free(memory);
}
static yolo_status cpu_copy(yolo_device *device, void *to, const void *from, size_t bytes) {
  (void)device;
  memcpy(to, from, bytes);
  return YOLO_OK;
}
static yolo_status cpu_sync(yolo_device *device) {
  (void)device;
  return YOLO_OK;
}

static yolo_impl cpu_has(yolo_op_id id, yolo_direction direction) { return rows[id].impl[direction]; }

/* The kernel that will run, or NULL for the plain loops. */
static const yolo_cpu_kernel *kernel_of(const yolo_device *device, yolo_op_id id, yolo_direction direction) {
  return device->isa && rows[id].impl[direction] == YOLO_IMPL_FAST ? rows[id].kernel : NULL;
}

static yolo_op_sizes cpu_sizes(yolo_device *device, const yolo_op_call *call, int thrift) {
  const yolo_cpu_kernel *kernel = kernel_of(device, call->id, YOLO_FORWARD);
  if (!kernel || !kernel->sizes) return (yolo_op_sizes){0, 0};
  return kernel->sizes(device, call, thrift);
}

static size_t cpu_backward_work(yolo_device *device, const yolo_op_call *call) {
  const yolo_cpu_kernel *kernel = kernel_of(device, call->id, YOLO_BACKWARD);
  return kernel && kernel->backward_work ? kernel->backward_work(device, call) : 0;
}

static yolo_status cpu_pack(yolo_device *device, const yolo_op_call *call, int thrift, void *to) {
  const yolo_cpu_kernel *kernel = kernel_of(device, call->id, YOLO_FORWARD);
  if (!kernel || !kernel->pack)
    return yolo_fail(YOLO_EINVAL, "cpu: op '%s' has no packed form; its parameters are used as they are",
                     yolo_op_get(call->id)->name);
  return kernel->pack(device, call, thrift, to);
}

typedef struct team_pass {
  yolo_status (*body)(void *payload);
  void *payload;
  yolo_status st;
} team_pass;

static void run_pass(void *payload) {
  team_pass *pass = payload;
  pass->st = pass->body(pass->payload);
}

static yolo_status cpu_pass(yolo_device *device, uint64_t key, yolo_status (*body)(void *payload), void *payload) {
  team_pass pass = {body, payload, YOLO_OK};
  (void)key;
  yolo_with_team(device->isa ? device->threads : 1, run_pass, &pass);
  return pass.st;
}

static yolo_status cpu_run(yolo_device *device, yolo_direction direction, const yolo_op_call *call) {
  static const char *const words[] = {"forward", "backward"};
  const yolo_op *op = yolo_op_get(call->id);
  if (rows[call->id].impl[direction] == YOLO_IMPL_NONE)
    return yolo_fail(YOLO_EUNSUPPORTED, "cpu: op '%s' has no %s here", op->name, words[direction]);
  const yolo_cpu_kernel *kernel = kernel_of(device, call->id, direction);
  if (direction == YOLO_FORWARD && call->training && op->saved_size && kernel && !kernel->trains) kernel = NULL;
  if (direction == YOLO_FORWARD) return kernel ? kernel->forward(device, call) : op->forward(call);
  return kernel ? kernel->backward(device, call) : op->backward(call);
}

const yolo_backend yolo_backend_cpu = {
    .name = "cpu",
    .host_memory = true,
    .concat_views = true,
    .row_bytes = 64,
    .conflict = 2048,
    .open = cpu_open,
    .close = cpu_close,
    .describe = cpu_describe,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .upload = cpu_copy,
    .download = cpu_copy,
    .sync = cpu_sync,
    .has = cpu_has,
    .sizes = cpu_sizes,
    .backward_work = cpu_backward_work,
    .pack = cpu_pack,
    .pass = cpu_pass,
    .run = cpu_run,
};
