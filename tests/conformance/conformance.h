/* The conformance run: every op of op_list.h x its cases x every backend of the build x instruction sets x
 * threads x memory layouts x packings, against the plain loops of the op.
 *
 * cases_<name>.c defines `const yolo_case_table yolo_cases_<name>`: a row a case. The runner's table is made
 * from op_list.h, so an op without its cases does not link.
 *
 *   conformance.c  the command line, the devices, one line an op
 *   run_case.c     one case: inputs, the reference, every variant, the verdicts
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

/* One opened device. */
typedef struct yolo_engine {
  const yolo_backend *backend;
  yolo_device *device;
  const char *isa; /* "" for backends without */
  int threads;
} yolo_engine;

typedef struct yolo_engines {
  yolo_engine engine[32];
  int count;
} yolo_engines;

/* What became of one op. */
typedef struct yolo_tally {
  int runs, failures;
  double worst;
  char where[160]; /* the run with the worst error */
} yolo_tally;

void yolo_case_title(yolo_op_id id, int index, char *text, size_t size);
const yolo_case_table *yolo_case_table_of(yolo_op_id id);
/* Runs one case on every engine, printing a FAIL line for each variant that fails. */
void yolo_case_run(const yolo_engines *engines, yolo_op_id id, int index, yolo_tally *tally);

/* --- field.c: memory with guards on both sides. Everything that is not the tensor's holds a NaN. --- */

/* How a tensor lies in memory. */
typedef enum yolo_layout {
  YOLO_LAYOUT_DENSE,   /* stride = C */
  YOLO_LAYOUT_PLANNED, /* stride a multiple of 64 bytes, as the planner lays activations out */
  YOLO_LAYOUT_VIEW     /* channels 1, 3 or 5 on of a wider buffer, odd stride, unaligned */
} yolo_layout;

typedef struct yolo_field {
  const yolo_engine *engine;
  uint32_t *host; /* the whole block as it should be on the device */
  void *device;
  size_t words, first; /* 4-byte words of the block; the one where the tensor begins */
  yolo_tensor tensor;  /* data points into device memory */
} yolo_field;

/* values: dense (N, H, W, C) to fill in, NULL: nothing but NaN. `which` varies the offset of views. */
yolo_status yolo_field_make(const yolo_engine *engine, yolo_shape shape, yolo_layout layout, int which, const float *values,
                            yolo_field *out);
/* A plain block of `bytes` (16-float aligned, guarded): scratch and packed parameters. */
yolo_status yolo_field_make_block(const yolo_engine *engine, size_t bytes, yolo_field *out);
void yolo_field_free(yolo_field *field);

/* Fetches the block back. True when all words outside the tensor, and with whole also those inside, are as
 * they were. values (dense) receives the tensor; may be NULL. */
bool yolo_field_check(yolo_field *field, bool whole, float *values, yolo_status *st);
/* The same for the guards only; then what the block holds now is what it should hold from here on. */
bool yolo_field_accept(yolo_field *field, yolo_status *st);

#endif
