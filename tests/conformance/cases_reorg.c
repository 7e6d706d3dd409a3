/* reorg: both permutations, both directions; checked against the planar formulas written out literally. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/conformance/conformance.h"

#define CASE(N, H, W, C, S, DARKNET, REVERSE)                                                                                  \
  {                                                                                                                            \
    .attrs = &(const yolo_reorg_attrs){.stride = S, .darknet = DARKNET, .reverse = REVERSE}, .n_in = 1, .in = { {N, H, W, C} } \
  }

static const yolo_case cases[] = {
    CASE(1, 2, 2, 1, 2, false, false),   CASE(1, 26, 26, 64, 2, true, false),  CASE(1, 26, 26, 64, 2, false, false),
    CASE(2, 14, 10, 16, 2, true, false), CASE(2, 14, 10, 17, 2, false, false), CASE(1, 9, 6, 18, 3, true, false),
    CASE(1, 13, 13, 64, 2, true, true),  CASE(2, 7, 5, 12, 2, false, true),    CASE(1, 3, 2, 81, 3, true, true),
};

static void describe(const yolo_case *c, char *text, size_t size) {
  const yolo_reorg_attrs *a = c->attrs;
  snprintf(text, size, "stride %d%s%s", a->stride, a->darknet ? " darknet" : " 3d", a->reverse ? " reverse" : "");
}

enum { H = 4, W = 6, C = 8, S = 2, COUNT = H * W * C };

/* Value number i of the planar (C, H, W) input is i. Fills what each planar output value should be. */
static void literal(bool darknet, float *planar_out) {
  int at = 0, depth = C / (S * S);
  for (int k = 0; k < C * S * S && !darknet; k++)
    for (int j = 0; j < H / S; j++)
      for (int i = 0; i < W / S; i++) {
        int o = k / C;
        planar_out[at++] = (float)((i * S + o % S) + W * ((j * S + o / S) + H * (k % C)));
      }
  for (int k = 0; k < C && darknet; k++)
    for (int j = 0; j < H; j++)
      for (int i = 0; i < W; i++) {
        int o = k / depth;
        planar_out[i + W * (j + H * k)] = (float)((i * S + o % S) + W * S * ((j * S + o / S) + H * S * (k % depth)));
      }
}

static yolo_status reorg(bool darknet, bool reverse, float *in, yolo_shape in_shape, float *out, yolo_shape out_shape) {
  yolo_reorg_attrs attrs = {.stride = S, .darknet = darknet, .reverse = reverse};
  yolo_tensor i = yolo_tensor_dense(in, in_shape), o = yolo_tensor_dense(out, out_shape);
  yolo_op_call call = {.id = YOLO_OP_reorg, .attrs = &attrs, .n_in = 1, .in = &i, .out = &o};
  return yolo_op_reorg.forward(&call);
}

static int check_kind(bool darknet) {
  yolo_shape wide = {1, H, W, C}, deep = {1, H / S, W / S, C * S * S};
  float in[COUNT], out[COUNT], back[COUNT], want[COUNT];
  int failures = 0;
  for (int c = 0; c < C; c++)
    for (int p = 0; p < H * W; p++) in[p * C + c] = (float)(c * H * W + p);
  literal(darknet, want);
  if (reorg(darknet, false, in, wide, out, deep) != YOLO_OK || reorg(darknet, true, out, deep, back, wide) != YOLO_OK) return 1;
  for (int k = 0; k < deep.c; k++)
    for (int p = 0; p < deep.h * deep.w; p++) failures += out[p * deep.c + k] != want[k * deep.h * deep.w + p];
  if (failures)
    printf("FAIL reorg%s: %d values are not where the planar formula puts them\n", darknet ? " darknet" : " 3d", failures);
  int lost = 0;
  for (int i = 0; i < COUNT; i++) lost += back[i] != in[i];
  if (lost) printf("FAIL reorg%s: reverse does not bring %d values back\n", darknet ? " darknet" : " 3d", lost);
  return (failures > 0) + (lost > 0);
}

static int check(void) { return check_kind(true) + check_kind(false); }

const yolo_case_table yolo_cases_reorg = {
    .cases = cases, .count = YOLO_CASE_COUNT(cases), .describe = describe, .exact = true, .check = check};
