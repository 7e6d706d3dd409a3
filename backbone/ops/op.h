/* The op contract: what an op is, apart from any network and any backend.
 *
 * op_<name>.c defines one `const yolo_op yolo_op_<name>`: attributes, shape rule, parameters, FLOPs, what
 * backward reads, and the plain reference loops (accumulating in double), which are its definition.
 * Kernels in backend/ are only faster; tests/conformance/cases_<name>.c judges all of them.
 *
 * Tensors are (N, H, W, C) with a pixel stride, see base/tensor.h. An op never allocates. */
#ifndef YOLO_OPS_OP_H
#define YOLO_OPS_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"
#include "backbone/base/tensor.h"
#include "backbone/ops/attrs.h"

#define YOLO_OP_MAX_IN    32 /* inputs of one node ([route], [shortcut]) */
#define YOLO_OP_MAX_PARAM 4  /* parameters of one node */

typedef enum yolo_op_id {
#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) YOLO_OP_##name,
#include "backbone/ops/op_list.h"
#undef YOLO_OP
  YOLO_OP_COUNT
} yolo_op_id;

typedef enum yolo_direction { YOLO_FORWARD, YOLO_BACKWARD } yolo_direction;

/* One parameter of an op. On disk (native and Darknet alike) it has the PyTorch layout `dims`; in memory
 * it is channels last. The two differ by one swap: disk (a, b, s) <-> memory (a, s, b), where a*b*s is
 * the count (vectors: a = 1, s = 1: no change). conv2d: a = O, b = I/groups, s = KH*KW. */
typedef struct yolo_param_spec {
  const char *name;  /* "weight", "bias", "running_mean" ... */
  int ndim, dims[4]; /* on disk */
  int a, b, s;       /* the swap */
  yolo_shape shape;  /* in memory; a dense tensor */
  bool buffer;       /* running statistics: stored, but not learned */
  bool decay;        /* weight decay applies (weights, not biases and scales) */
  float begin;       /* not 0: every value of it before training (0: by its name and shape, see train/init.h) */
} yolo_param_spec;

/* One call, forward or backward. Unused members are NULL / 0. Shapes were checked when the graph was built. */
typedef struct yolo_op_call {
  yolo_op_id id;
  const void *attrs; /* the op's struct of attrs.h */
  int n_in, n_param;
  const yolo_tensor *in;    /* n_in inputs */
  yolo_tensor *out;         /* forward: written. backward: what forward wrote (when the op reads it) */
  const yolo_tensor *param; /* n_param parameters, in-memory layout (NULL data once packed) */
  const void *packed;       /* the parameters as the backend's pack() laid them out, or NULL */
  void *work;               /* scratch of the size the backend asked for; contents undefined */
  size_t work_size;
  bool training; /* forward in training mode (batch statistics, dropout active) */
  uint64_t seed; /* counter-based randomness of this step and node */
  void *saved;   /* what forward leaves for backward (op->saved_size bytes) */
  /* backward only: */
  const yolo_tensor *grad_out; /* dL/d out */
  yolo_tensor *grad_in;        /* n_in; data NULL where not wanted */
  const float *beta;           /* n_in: 0 writes grad_in, 1 adds to it (set by the planner) */
  yolo_tensor *grad_param;     /* n_param; always added to, cleared by the caller */
} yolo_op_call;

/* Bits of yolo_op_reads(); an input that backward does not read may be overwritten in place. */
enum { YOLO_READS_IN = 1, YOLO_READS_OUT = 2, YOLO_READS_SAVED = 4 };

typedef struct yolo_op {
  const char *name;
  size_t attrs_size;
  int min_in, max_in;
  /* in[] -> *out; says in its message which numbers do not fit. */
  yolo_status (*shape)(const void *attrs, int n_in, const yolo_shape *in, yolo_shape *out);
  /* Fills spec[YOLO_OP_MAX_PARAM], returns how many. NULL: no parameters. */
  int (*params)(const void *attrs, int n_in, const yolo_shape *in, yolo_param_spec *spec);
  /* Floating-point operations of one forward call, counted 2 x multiply-add; NULL: 0 (only convolutions
   * and linear layers count, as in the literature). */
  double (*flops)(const void *attrs, const yolo_shape *in, yolo_shape out);
  bool inplace;            /* out may be in[0]'s memory when nobody else reads in[0] */
  bool grad_inplace;       /* dL/d in[0] may be written over dL/d out: backward reads an element before it writes it */
  unsigned backward_reads; /* YOLO_READS_* */
  unsigned (*reads)(const void *attrs); /* where that depends on the attributes; or NULL */
  size_t (*saved_size)(const void *attrs, const yolo_shape *in, yolo_shape out); /* NULL: 0 bytes */
  yolo_status (*forward)(const yolo_op_call *call);                              /* reference; never NULL */
  yolo_status (*backward)(const yolo_op_call *call);                             /* reference; NULL while the row says NONE */
} yolo_op;

#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) extern const yolo_op yolo_op_##name;
#include "backbone/ops/op_list.h"
#undef YOLO_OP

/* What backward of this op with these attributes reads. */
static inline unsigned yolo_op_reads(const yolo_op *op, const void *attrs) {
  return op->reads ? op->reads(attrs) : op->backward_reads;
}

const yolo_op *yolo_op_get(yolo_op_id id);     /* never NULL for a valid id */
const yolo_op *yolo_op_find(const char *name); /* NULL when unknown */

/* Swaps one parameter between disk layout (a, b, s) and memory layout (a, s, b), in place, slab by slab;
 * `slab` is scratch for b*s floats. */
void yolo_param_to_memory(const yolo_param_spec *spec, float *values, float *slab);
void yolo_param_to_disk(const yolo_param_spec *spec, float *values, float *slab);
size_t yolo_param_count(const yolo_param_spec *spec);

#endif
