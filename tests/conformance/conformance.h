/* The conformance run: every op of op_list.h x its cases x every backend of the build x instruction sets x
 * threads (CPU) or precisions x convolution libraries (CUDA) x memory layouts x packings, against the plain loops of the op.
 *
 * cases_<name>.c defines `const yolo_case_table yolo_cases_<name>`: a row a case. The runner's table is made
 * from op_list.h, so an op without its cases does not link.
 *
 *   conformance.c  the command line, one line an op
 *   engines.c      the devices that are judged
 *   scene.c        one case with its numbers: inputs, parameters, what the plain loops make of them
 *   run_case.c     every variant of a case on every engine, the verdicts
 *   field.c        a tensor between guard bands, in host and device memory */
#ifndef YOLO_TESTS_CONFORMANCE_H
#define YOLO_TESTS_CONFORMANCE_H

#include "backbone/backend/backend.h"

enum { YOLO_CASE_MAX_IN = 4 };

typedef struct yolo_case {
  const void *attrs;
  int n_in;
  yolo_shape in[YOLO_CASE_MAX_IN];
  float range; /* inputs are uniform in [-range, range]; 0: 2 */
} yolo_case;

typedef struct yolo_case_table {
  const yolo_case *cases;
  int count;
  /* The attributes in words; with the op, the number and the shapes they name the row. */
  void (*describe)(const yolo_case *c, char *text, size_t size);
  double (*tolerance)(const yolo_case *c); /* of ||y - ref|| / ||ref||; NULL: 1e-6 */
  bool exact;                              /* the op moves or compares values: not one bit may differ */
  bool resizable;                          /* the parameters fit any map size: also run packed for a larger one */
  bool joins;                              /* inputs may lie in the output already: also run with every other one there */
  int (*check)(void); /* the reference against something independent; prints and counts failing rows; or NULL */
} yolo_case_table;

#define YOLO_OP(name, cpu_fwd, cpu_bwd, cuda_fwd, cuda_bwd) extern const yolo_case_table yolo_cases_##name;
#include "backbone/ops/op_list.h"
#undef YOLO_OP

#define YOLO_CASE_COUNT(cases) (int)(sizeof(cases) / sizeof(cases)[0])

void yolo_case_title(yolo_op_id id, int index, char *text, size_t size);
const yolo_case_table *yolo_case_table_of(yolo_op_id id);

/* --- engines.c: the devices --- */

/* One opened device. */
typedef struct yolo_engine {
  const yolo_backend *backend;
  yolo_device *device;
  const char *isa; /* "" for backends without */
  int threads;
  yolo_precision precision;
  const char *conv;   /* "own", "cudnn", "best"; "" for backends without the choice */
  bool deterministic; /* asked for equal bits: the same call is run twice */
  yolo_dtype dtype;   /* of activations */
  char name[64];      /* "cpu avx2, 3 threads", "cuda fp16 cudnn" */
} yolo_engine;

enum { YOLO_ENGINES_MAX = 32 };
typedef struct yolo_engines {
  yolo_engine engine[YOLO_ENGINES_MAX];
  int count;
  int skipped, failed; /* that did not open: not here; for another reason */
} yolo_engines;

/* Which engines are wanted; NULL: all. */
typedef struct yolo_engine_filter {
  const char *backend, *isa, *precision, *conv;
} yolo_engine_filter;

/* Opens all that are wanted; one that does not open prints a SKIP line with the reason, or a FAIL line. */
void yolo_engines_open(const yolo_engine_filter *filter, yolo_engines *out);
void yolo_engines_close(yolo_engines *engines);

/* --- scene.c: a case with its numbers, all dense and in host memory --- */

typedef struct yolo_scene {
  yolo_op_id id;
  const yolo_op *op;
  const yolo_case_table *table;
  const yolo_case *c;
  yolo_dtype dtype; /* inputs, and weights that are packed, are numbers of this type */
  char title[256];
  yolo_shape out_shape;
  float *in[YOLO_CASE_MAX_IN];
  int n_param;
  yolo_param_spec spec[YOLO_OP_MAX_PARAM];
  float *param[YOLO_OP_MAX_PARAM];
  float *ref, *first; /* the plain loops' output; the output that others must equal bit for bit */
} yolo_scene;

/* The tensors of a call of the scene. */
typedef struct yolo_scene_tensors {
  yolo_tensor in[YOLO_CASE_MAX_IN], param[YOLO_OP_MAX_PARAM], out;
} yolo_scene_tensors;

yolo_status yolo_scene_make(yolo_scene *scene, yolo_op_id id, int index, yolo_dtype dtype);
void yolo_scene_free(yolo_scene *scene);
yolo_op_call yolo_scene_call(const yolo_scene *scene, yolo_scene_tensors *tensors);
/* The same without any address of an activation: what a backend sees when memory is planned. */
yolo_op_call yolo_scene_plan(const yolo_scene *scene, yolo_scene_tensors *tensors);

/* Convolutions and linear layers: ops that multiply with packed weights, in kernels of a library or our own. */
bool yolo_case_multiplies(yolo_op_id id);

/* --- run_case.c --- */

/* What became of one op. */
typedef struct yolo_tally {
  int runs, failures, printed; /* printed: FAIL lines */
  double worst;
  char where[160]; /* the run with the worst error */
  struct {
    int runs, failures;
    double worst;
  } of[YOLO_ENGINES_MAX];
} yolo_tally;

/* Runs one case on every engine, printing FAIL lines (of many, the first few) for the variants that fail. */
void yolo_case_run(const yolo_engines *engines, yolo_op_id id, int index, yolo_tally *tally);

/* --- field.c: memory with guards on both sides. Everything that is not the tensor's holds a NaN. --- */

/* How a tensor lies in memory. */
typedef enum yolo_layout {
  YOLO_LAYOUT_DENSE,   /* stride = C */
  YOLO_LAYOUT_PLANNED, /* stride a multiple of the backend's row_bytes, as the planner lays activations out */
  YOLO_LAYOUT_VIEW     /* channels 1, 3 or 5 on of a wider buffer, odd stride, unaligned */
} yolo_layout;

typedef struct yolo_field {
  const yolo_engine *engine;
  unsigned char *host; /* the whole block as it should be on the device */
  void *device;
  size_t bytes, first; /* of the block; where the tensor begins */
  yolo_tensor tensor;  /* data points into device memory */
} yolo_field;

/* values: dense (N, H, W, C) to fill in, NULL: nothing but NaN. `which` varies the offset of views. */
yolo_status yolo_field_make(const yolo_engine *engine, yolo_dtype dtype, yolo_shape shape, yolo_layout layout, int which,
                            const float *values, yolo_field *out);
/* A plain block of `bytes` (64-byte aligned, guarded): scratch and packed parameters. */
yolo_status yolo_field_make_block(const yolo_engine *engine, size_t bytes, yolo_field *out);
void yolo_field_free(yolo_field *field);

/* Fetches the block back. True when all bytes outside the tensor, and with whole also those inside, are as
 * they were. values (dense) receives the tensor; may be NULL. */
bool yolo_field_check(yolo_field *field, bool whole, float *values, yolo_status *st);
/* The same for the guards only; then what the block holds now is what it should hold from here on. */
bool yolo_field_accept(yolo_field *field, yolo_status *st);

/* Rounds to numbers of a type. */
void yolo_values_round(yolo_dtype dtype, float *values, size_t count);

#endif
