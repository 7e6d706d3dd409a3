/* Gradients in the conformance run: one case of an op with what the plain backward loops make of it.
 *
 *   gradient_reference.c  the plain loops against finite differences
 *   training.c            forward passes in training mode
 *   gradient.c            kernels against the plain loops: layouts, guards, writing and adding, threads */
#ifndef YOLO_TESTS_CONFORMANCE_GRADIENT_H
#define YOLO_TESTS_CONFORMANCE_GRADIENT_H

#include "tests/conformance/conformance.h"

/* All dense. */
typedef struct yolo_gradient {
  yolo_scene scene;
  yolo_case plain; /* conv2d: the case without its epilogue, which has no gradient */
  yolo_conv2d_attrs attrs;
  bool training;
  float *up;            /* dL/d out */
  unsigned char *saved; /* what forward left */
  size_t saved_bytes;
  float *in[YOLO_CASE_MAX_IN]; /* dL/d in, by the plain loops */
  float *param[YOLO_OP_MAX_PARAM];
} yolo_gradient;

yolo_status yolo_gradient_make(yolo_gradient *g, yolo_op_id id, int index, bool training);
void yolo_gradient_free(yolo_gradient *g);

/* The tensors of a backward call; `call` points into it. */
typedef struct yolo_gradient_call {
  yolo_scene_tensors tensors;
  yolo_tensor up, in[YOLO_CASE_MAX_IN], param[YOLO_OP_MAX_PARAM];
  float beta[YOLO_CASE_MAX_IN];
  yolo_op_call call;
} yolo_gradient_call;
/* Everything dense, gradients into g->in and g->param, written (beta 0). */
void yolo_gradient_call_make(const yolo_gradient *g, yolo_gradient_call *c);

/* Forward in training mode, of ops that leave something for backward. */
void yolo_training_run(const yolo_engines *engines, yolo_gradient *g, yolo_tally *tally);

/* Failures, after FAIL lines. */
int yolo_gradient_check_reference(yolo_gradient *g);
void yolo_gradient_run(const yolo_engines *engines, yolo_op_id id, int index, yolo_tally *tally);

#endif
