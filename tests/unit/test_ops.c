/* What the op files promise besides their numbers (those are judged by the conformance run and the golden
 * arrays): shape rules and their messages, parameters, the swap between disk and memory, what is saved for the
 * gradient, and the activations far out. */
#include <check.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "backbone/ops/rules.h"
#include "tests/unit/suite.h"

/* --- shapes --- */

typedef struct shape_row {
  const yolo_op *op;
  const void *attrs;
  int n_in;
  yolo_shape in[3];
  const char *words; /* the message must contain them; NULL: the rule accepts */
  yolo_shape out;
} shape_row;

#define CONV(...) \
  &yolo_op_conv2d, &(const yolo_conv2d_attrs) { __VA_ARGS__ }
#define KERNEL(K, S) .kernel_h = K, .kernel_w = K, .stride_h = S, .stride_w = S
#define MAXPOOL(...) \
  &yolo_op_maxpool, &(const yolo_maxpool_attrs) { __VA_ARGS__ }
#define AVGPOOL(...) \
  &yolo_op_avgpool, &(const yolo_avgpool_attrs) { __VA_ARGS__ }
#define UPSAMPLE(...) \
  &yolo_op_upsample, &(const yolo_upsample_attrs) { __VA_ARGS__ }
#define SLICE(...) \
  &yolo_op_slice, &(const yolo_slice_attrs) { __VA_ARGS__ }
#define SHORTCUT(...) \
  &yolo_op_shortcut, &(const yolo_shortcut_attrs) { __VA_ARGS__ }
#define SCALE(...) \
  &yolo_op_scale_channels, &(const yolo_scale_channels_attrs) { __VA_ARGS__ }
#define LINEAR(...) \
  &yolo_op_linear, &(const yolo_linear_attrs) { __VA_ARGS__ }
#define LOCAL(...) \
  &yolo_op_local, &(const yolo_local_attrs) { __VA_ARGS__ }
#define REORG(...) \
  &yolo_op_reorg, &(const yolo_reorg_attrs) { __VA_ARGS__ }
#define SOFTMAX(...) \
  &yolo_op_softmax, &(const yolo_softmax_attrs) { __VA_ARGS__ }
#define DROPOUT(P) \
  &yolo_op_dropout, &(const yolo_dropout_attrs) { .probability = P }
#define L2NORM(...) \
  &yolo_op_l2norm, &(const yolo_l2norm_attrs) { __VA_ARGS__ }
#define IMPLICIT(...) \
  &yolo_op_implicit, &(const yolo_implicit_attrs) { __VA_ARGS__ }
#define NORM(...) \
  &yolo_op_batchnorm, &(const yolo_batchnorm_attrs) { __VA_ARGS__ }
#define CONCAT \
  &yolo_op_concat, &(const yolo_concat_attrs) { 0 }
#define MULTIPLY \
  &yolo_op_multiply, &(const yolo_multiply_attrs) { 0 }

static const shape_row rows[] = {
    {CONV(.filters = 8, KERNEL(3, 2), .dilation = 1, .groups = 1, .pad = {1, 1, 1, 1}),
     1,
     {{1, 13, 26, 3}},
     NULL,
     {1, 7, 13, 8}},
    {CONV(.filters = 8, KERNEL(3, 1), .dilation = 2, .groups = 4, .pad = {2, 0, 2, 1}), 1, {{2, 5, 9, 4}}, NULL, {2, 5, 6, 8}},
    {CONV(.filters = 8, KERNEL(3, 1), .dilation = 1, .groups = 2), 1, {{1, 5, 5, 3}}, "2 groups must divide both 3 input", {0}},
    {CONV(.filters = 9, KERNEL(3, 1), .dilation = 1, .groups = 2), 1, {{1, 5, 5, 4}}, "4 input channels and 9 filters", {0}},
    {CONV(.filters = 8, KERNEL(7, 1), .dilation = 1, .groups = 1), 1, {{1, 5, 9, 3}}, "window of 7 (kernel 7", {0}},
    {CONV(.filters = 8, KERNEL(3, 1), .dilation = 4, .groups = 1),
     1,
     {{1, 9, 8, 3}},
     "window of 9 (kernel 3, dilation 4) does not fit a width of 8",
     {0}},
    {CONV(.filters = 8, KERNEL(3, 0), .dilation = 1, .groups = 1), 1, {{1, 9, 8, 3}}, "stride along the height is 0", {0}},
    {CONV(.filters = 8, KERNEL(3, 1), .dilation = 0, .groups = 1), 1, {{1, 9, 8, 3}}, "dilation along the height is 0", {0}},
    {CONV(.filters = 8, KERNEL(0, 1), .dilation = 1, .groups = 1), 1, {{1, 9, 8, 3}}, "kernel height is 0", {0}},
    {CONV(.filters = 0, KERNEL(3, 1), .dilation = 1, .groups = 1), 1, {{1, 9, 8, 3}}, "filters is 0", {0}},
    {CONV(.filters = 8, KERNEL(3, 1), .dilation = 1), 1, {{1, 9, 8, 3}}, "groups is 0", {0}},
    {CONV(.filters = 8, KERNEL(3, 1), .dilation = 1, .groups = 1, .pad = {-1, 0, 0, 0}),
     1,
     {{1, 9, 8, 3}},
     "pad before along the height is -1",
     {0}},
    {CONV(.filters = 8, KERNEL(3, INT_MAX), .dilation = 1, .groups = 1),
     1,
     {{1, 9, 8, 3}},
     "stride along the height is 2147483647",
     {0}},
    {CONV(.filters = 1 << 24, KERNEL(1024, 1), .dilation = 1, .groups = 1, .pad = {512, 512, 512, 512}),
     1,
     {{1, 9, 8, 3}},
     "weights of 16777216 x 1024 x 1024 x 3 is too large",
     {0}},
    {CONV(.filters = 8, KERNEL(1, 1), .dilation = 1, .groups = 1, .residual = true),
     1,
     {{1, 9, 8, 3}},
     "1 inputs, but 2 with a residual",
     {0}},
    {CONV(.filters = 8, KERNEL(1, 1), .dilation = 1, .groups = 1),
     2,
     {{1, 9, 8, 3}, {1, 9, 8, 8}},
     "2 inputs, but 1 without",
     {0}},
    {CONV(.filters = 8, KERNEL(1, 1), .dilation = 1, .groups = 1, .residual = true),
     2,
     {{1, 9, 8, 3}, {1, 9, 8, 3}},
     "input 1 is 1 x 9 x 8 x 3 but 1 x 9 x 8 x 8",
     {0}},
    {CONV(.filters = 8, KERNEL(1, 1), .dilation = 1, .groups = 1, .act1 = YOLO_ACT_COUNT),
     1,
     {{1, 9, 8, 3}},
     "activations 14 and 0",
     {0}},
    {MAXPOOL(KERNEL(2, 1), .pad = {0, 0, 1, 1}), 1, {{1, 13, 13, 5}}, NULL, {1, 13, 13, 5}},
    {MAXPOOL(KERNEL(2, 2), .pad = {0, 0, 1, 1}), 1, {{1, 13, 12, 5}}, NULL, {1, 7, 6, 5}},
    {MAXPOOL(KERNEL(2, 1), .pad = {0, 0, 2, 0}), 1, {{1, 13, 13, 5}}, "pad of 2 leaves windows of 2", {0}},
    {MAXPOOL(.global = true), 1, {{1, 13, 13, 5}}, "`global` is for avgpool", {0}},
    {MAXPOOL(KERNEL(9, 1)), 1, {{1, 8, 13, 5}}, "window of 9", {0}},
    {AVGPOOL(.global = true), 1, {{3, 7, 5, 11}}, NULL, {3, 1, 1, 11}},
    {AVGPOOL(KERNEL(3, 2), .pad = {1, 1, 1, 1}), 1, {{3, 7, 5, 11}}, NULL, {3, 4, 3, 11}},
    {AVGPOOL(KERNEL(3, 2), .pad = {1, 3, 1, 1}),
     1,
     {{3, 7, 5, 11}},
     "avgpool: a pad of 3 leaves windows of 3 that see nothing",
     {0}},
    {UPSAMPLE(.factor = 2, .scale = 1), 1, {{1, 13, 12, 5}}, NULL, {1, 26, 24, 5}},
    {UPSAMPLE(.factor = 0, .scale = 1), 1, {{1, 13, 12, 5}}, "factor is 0", {0}},
    {UPSAMPLE(.factor = 2), 1, {{1, 13, 12, 5}}, "scale is 0", {0}},
    {UPSAMPLE(.factor = 2, .scale = NAN), 1, {{1, 13, 12, 5}}, "scale is", {0}},
    {UPSAMPLE(.factor = 1024, .scale = 1), 1, {{1, 1 << 20, 12, 5}}, "too large to grow 1024 times", {0}},
    {CONCAT, 3, {{2, 3, 4, 5}, {2, 3, 4, 1}, {2, 3, 4, 10}}, NULL, {2, 3, 4, 16}},
    {CONCAT, 2, {{1, 13, 13, 5}, {1, 26, 26, 5}}, "input 1 is 1 x 26 x 26 x 5 but 1 x 13 x 13 x 5", {0}},
    {CONCAT, 2, {{1, 1, 1, INT_MAX}, {1, 1, 1, 5}}, "2147483652 channels are too many", {0}},
    {SLICE(.first = 3, .count = 2), 1, {{1, 4, 4, 5}}, NULL, {1, 4, 4, 2}},
    {SLICE(.first = 4, .count = 2), 1, {{1, 4, 4, 5}}, "2 channels from channel 4 on do not lie within 5", {0}},
    {SLICE(.first = INT_MAX, .count = INT_MAX), 1, {{1, 4, 4, 5}}, "do not lie within 5", {0}},
    {SLICE(.first = -1, .count = 2), 1, {{1, 4, 4, 5}}, "from channel -1", {0}},
    {SHORTCUT(0), 2, {{1, 4, 4, 5}, {1, 4, 4, 9}}, NULL, {1, 4, 4, 5}},
    {SHORTCUT(0),
     2,
     {{1, 4, 4, 5}, {1, 2, 4, 5}},
     "input 1 is 1 x 2 x 4 x 5 but 1 x 4 x 4 x 5 is needed (any number of channels)",
     {0}},
    {SHORTCUT(.subsample = true), 2, {{1, 4, 4, 5}, {1, 8, 8, 3}}, NULL, {1, 4, 4, 5}},
    {SHORTCUT(.subsample = true), 2, {{1, 4, 4, 5}, {1, 8, 4, 3}}, "input 1 is a map of 8 x 4", {0}},
    {SHORTCUT(.weights_per = 3), 2, {{1, 4, 4, 5}, {1, 4, 4, 5}}, "weights_per is 3", {0}},
    {SCALE(0), 2, {{2, 4, 4, 5}, {2, 1, 1, 5}}, NULL, {2, 4, 4, 5}},
    {SCALE(.scale_wh = true), 2, {{2, 4, 4, 5}, {2, 4, 4, 1}}, NULL, {2, 4, 4, 5}},
    {SCALE(0), 2, {{2, 4, 4, 5}, {2, 1, 1, 6}}, "input 1 is 2 x 1 x 1 x 6 but 2 x 1 x 1 x 5", {0}},
    {SCALE(.scale_wh = true), 2, {{2, 4, 4, 5}, {2, 1, 1, 5}}, "but 2 x 4 x 4 x 1", {0}},
    {MULTIPLY, 2, {{2, 4, 4, 5}, {2, 4, 4, 4}}, "input 1 is 2 x 4 x 4 x 4", {0}},
    {LINEAR(.outputs = 10), 1, {{2, 7, 7, 5}}, NULL, {2, 1, 1, 10}},
    {LINEAR(.outputs = 0), 1, {{2, 7, 7, 5}}, "outputs is 0", {0}},
    {LINEAR(.outputs = 1), 1, {{1, 1 << 16, 1 << 16, 5}}, "input features are too many", {0}},
    {LOCAL(.filters = 4, .kernel = 3, .stride = 1, .pad = 1), 1, {{2, 7, 7, 5}}, NULL, {2, 7, 7, 4}},
    {LOCAL(.filters = 4, .kernel = 3, .stride = 0, .pad = 1), 1, {{2, 7, 7, 5}}, "stride along the height is 0", {0}},
    {LOCAL(.filters = 1 << 20, .kernel = 3, .stride = 1, .pad = 1),
     1,
     {{1, 100, 100, 5}},
     "1048576 filters at each of 100 x 100",
     {0}},
    {REORG(.stride = 2, .darknet = true), 1, {{1, 26, 26, 64}}, NULL, {1, 13, 13, 256}},
    {REORG(.stride = 2, .darknet = true, .reverse = true), 1, {{1, 13, 13, 64}}, NULL, {1, 26, 26, 16}},
    {REORG(.stride = 2, .reverse = true), 1, {{1, 13, 13, 4}}, NULL, {1, 26, 26, 1}},
    {REORG(.stride = 2), 1, {{1, 13, 26, 64}}, "13 x 26 does not divide by the stride 2", {0}},
    {REORG(.stride = 2, .darknet = true), 1, {{1, 26, 26, 6}}, "6 channels do not divide by 4", {0}},
    {REORG(.stride = 2, .darknet = true, .reverse = true), 1, {{1, 26, 26, 8}}, "8 channels do not divide by 16", {0}},
    {REORG(.stride = 0), 1, {{1, 26, 26, 8}}, "stride is 0", {0}},
    {SOFTMAX(0), 1, {{1, 1, 1, 1000}}, NULL, {1, 1, 1, 1000}},
    {SOFTMAX(.groups = 3), 1, {{1, 1, 1, 1000}}, "3 groups do not divide 1000", {0}},
    {SOFTMAX(.groups = -1), 1, {{1, 1, 1, 1000}}, "groups is -1", {0}},
    {SOFTMAX(.temperature = -1), 1, {{1, 1, 1, 1000}}, "temperature is -1", {0}},
    {DROPOUT(0.5f), 1, {{1, 2, 3, 4}}, NULL, {1, 2, 3, 4}},
    {DROPOUT(1), 1, {{1, 2, 3, 4}}, "probability is 1", {0}},
    {L2NORM(.eps = 1e-10f, .scale = 20), 1, {{1, 2, 3, 4}}, NULL, {1, 2, 3, 4}},
    {L2NORM(.eps = 0, .scale = 20), 1, {{1, 2, 3, 4}}, "eps is 0", {0}},
    {IMPLICIT(.filters = 8, .atoms = 2), 1, {{3, 9, 9, 9}}, NULL, {3, 2, 1, 8}},
    {IMPLICIT(.filters = 8), 1, {{3, 9, 9, 9}}, "atoms is 0", {0}},
    {NORM(.eps = 1e-5f), 1, {{1, 2, 3, 4}}, NULL, {1, 2, 3, 4}},
    {NORM(.eps = 0), 1, {{1, 2, 3, 4}}, "eps is 0", {0}},
    {NORM(.eps = 1e-5f, .momentum = 2), 1, {{1, 2, 3, 4}}, "momentum is 2", {0}},
};

START_TEST(shape_rule_answers_or_says_why) {
  const shape_row *r = &rows[_i];
  yolo_shape out = {0, 0, 0, 0};
  yolo_status st = r->op->shape(r->attrs, r->n_in, r->in, &out);
  if (r->words) {
    ck_assert_msg(st != YOLO_OK, "%s, row %d: accepted, but '%s' is expected", r->op->name, _i, r->words);
    ck_assert_msg(strstr(yolo_error_message(), r->words), "%s, row %d: '%s' lacks '%s'", r->op->name, _i, yolo_error_message(),
                  r->words);
    ck_assert_msg(strstr(yolo_error_message(), r->op->name) == yolo_error_message(), "'%s' does not begin with the op",
                  yolo_error_message());
    return;
  }
  ck_assert_msg(st == YOLO_OK, "%s, row %d: %s", r->op->name, _i, yolo_error_message());
  ck_assert_msg(yolo_shape_equal(out, r->out), "%s, row %d: %d x %d x %d x %d", r->op->name, _i, out.n, out.h, out.w, out.c);
}
END_TEST

START_TEST(every_op_has_both_a_good_and_a_bad_row) {
  const yolo_op *op = yolo_op_get((yolo_op_id)_i);
  int good = 0, bad = 0;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].op == op) rows[i].words ? bad++ : good++;
  if (op == &yolo_op_activation || op == &yolo_op_multiply) return; /* their only rule is one that others show */
  ck_assert_msg(good && bad, "%s: %d good, %d bad rows", op->name, good, bad);
}
END_TEST

/* --- the table, parameters --- */

START_TEST(ops_are_found_by_name) {
  for (int i = 0; i < YOLO_OP_COUNT; i++) {
    const yolo_op *op = yolo_op_get((yolo_op_id)i);
    ck_assert_ptr_nonnull(op);
    ck_assert_ptr_eq(yolo_op_find(op->name), op);
    ck_assert_ptr_nonnull(op->shape);
    ck_assert_ptr_nonnull(op->forward);
    ck_assert_int_ge(op->min_in, 1);
    ck_assert_int_ge(op->max_in, op->min_in);
    ck_assert_int_le(op->max_in, YOLO_OP_MAX_IN);
    ck_assert_msg(!(op->backward_reads & YOLO_READS_SAVED) == !op->saved_size,
                  "%s saves what nobody reads, or reads what it does not save", op->name);
  }
  ck_assert_str_eq(yolo_op_get(YOLO_OP_conv2d)->name, "conv2d");
  ck_assert_ptr_null(yolo_op_find("conv"));
  ck_assert_ptr_null(yolo_op_get(YOLO_OP_COUNT));
}
END_TEST

START_TEST(parameters_of_every_op_are_consistent) {
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const shape_row *r = &rows[i];
    yolo_param_spec spec[YOLO_OP_MAX_PARAM];
    int n = r->words || !r->op->params ? 0 : r->op->params(r->attrs, r->n_in, r->in, spec);
    ck_assert_int_le(n, YOLO_OP_MAX_PARAM);
    for (int p = 0; p < n; p++) {
      size_t on_disk = 1;
      for (int d = 0; d < spec[p].ndim; d++) on_disk *= (size_t)spec[p].dims[d];
      ck_assert_uint_eq(on_disk, yolo_param_count(&spec[p]));
      ck_assert_uint_eq(yolo_shape_count(spec[p].shape), yolo_param_count(&spec[p]));
      ck_assert_msg(spec[p].decay == (r->op->flops && strcmp(spec[p].name, "weight") == 0), "%s.%s decays?", r->op->name,
                    spec[p].name);
      ck_assert_int_eq(spec[p].buffer, strncmp(spec[p].name, "running_", 8) == 0);
    }
  }
}
END_TEST

START_TEST(swap_of_a_convolution) {
  yolo_conv2d_attrs attrs = {
      .filters = 2, .kernel_h = 1, .kernel_w = 2, .stride_h = 1, .stride_w = 1, .dilation = 1, .groups = 1};
  yolo_shape in = {1, 4, 4, 3};
  yolo_param_spec spec[YOLO_OP_MAX_PARAM];
  float slab[6], values[12];
  /* disk (O, I, KW) numbered in order; memory is (O, KW, I) */
  static const float memory[12] = {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11};
  ck_assert_int_eq(yolo_op_conv2d.params(&attrs, 1, &in, spec), 1);
  for (int i = 0; i < 12; i++) values[i] = (float)i;
  yolo_param_to_memory(&spec[0], values, slab);
  for (int i = 0; i < 12; i++) ck_assert_float_eq(values[i], memory[i]);
  yolo_param_to_disk(&spec[0], values, slab);
  for (int i = 0; i < 12; i++) ck_assert_float_eq(values[i], (float)i);
}
END_TEST

START_TEST(flops_count_a_multiply_add_as_two) {
  yolo_conv2d_attrs conv = {
      .filters = 8, .kernel_h = 3, .kernel_w = 5, .stride_h = 1, .stride_w = 1, .dilation = 1, .groups = 2};
  yolo_linear_attrs linear = {.outputs = 10};
  yolo_local_attrs local = {.filters = 4, .kernel = 3, .stride = 1, .pad = 1};
  yolo_shape in = {1, 7, 5, 6}, out = {1, 7, 5, 8}, vector = {1, 1, 1, 10}, map = {1, 7, 5, 4};
  ck_assert_double_eq(yolo_op_conv2d.flops(&conv, &in, out), 2.0 * 7 * 5 * 8 * 3 * 5 * 3);
  ck_assert_double_eq(yolo_op_linear.flops(&linear, &in, vector), 2.0 * 7 * 5 * 6 * 10);
  ck_assert_double_eq(yolo_op_local.flops(&local, &in, map), 2.0 * 7 * 5 * 4 * 9 * 6);
}
END_TEST

/* --- what training needs of forward --- */

START_TEST(maxpool_saves_where_the_maximum_is) {
  yolo_maxpool_attrs attrs = {KERNEL(2, 2), .pad = {0, 0, 1, 1}};
  yolo_shape in_shape = {2, 3, 3, 1}, out_shape = {2, 2, 2, 1};
  float in[18] = {1, 5, 2, 4, 3, 8, 7, 9, 6, -1, -5, -2, -4, -3, -8, -7, -9, -6}, out[8];
  static const int32_t want[8] = {1, 5, 7, 8, 0, 2, 6, 8};
  int32_t saved[8];
  ck_assert_uint_eq(yolo_op_maxpool.saved_size(&attrs, &in_shape, out_shape), sizeof saved);
  yolo_tensor i = yolo_tensor_dense(in, in_shape), o = yolo_tensor_dense(out, out_shape);
  yolo_op_call call = {.attrs = &attrs, .n_in = 1, .in = &i, .out = &o, .saved = saved, .training = true};
  ck_assert_int_eq(yolo_op_maxpool.forward(&call), YOLO_OK);
  for (int k = 0; k < 8; k++) {
    ck_assert_int_eq(saved[k], want[k]);
    ck_assert_float_eq(out[k], in[k / 4 * 9 + want[k]]);
  }
}
END_TEST

START_TEST(dropout_drops_its_share_and_keeps_the_mean) {
  enum { COUNT = 20000 };
  static float in[COUNT], out[COUNT], again[COUNT];
  static uint8_t saved[COUNT];
  yolo_dropout_attrs attrs = {.probability = 0.25f};
  yolo_shape shape = {1, 10, 20, 100};
  for (int k = 0; k < COUNT; k++) in[k] = 1;
  yolo_tensor i = yolo_tensor_dense(in, shape), o = yolo_tensor_dense(out, shape);
  yolo_op_call call = {.attrs = &attrs, .n_in = 1, .in = &i, .out = &o, .saved = saved, .training = true, .seed = 7};
  ck_assert_uint_eq(yolo_op_dropout.saved_size(&attrs, &shape, shape), sizeof saved);
  ck_assert_int_eq(yolo_op_dropout.forward(&call), YOLO_OK);
  int kept = 0;
  for (int k = 0; k < COUNT; k++) {
    ck_assert_float_eq_tol(out[k], saved[k] ? 1 / 0.75f : 0, 1e-6f);
    kept += saved[k];
  }
  ck_assert_double_eq_tol(kept / (double)COUNT, 0.75, 0.015); /* five standard deviations */
  o.data = again;
  ck_assert_int_eq(yolo_op_dropout.forward(&call), YOLO_OK);
  ck_assert_mem_eq(out, again, sizeof out); /* the seed decides, nothing else */
  call.seed = 8;
  ck_assert_int_eq(yolo_op_dropout.forward(&call), YOLO_OK);
  ck_assert_mem_ne(out, again, sizeof out);
}
END_TEST

/* DropBlock: zeros come in squares of one channel, their share is about p, and the kept values make up for them. */
START_TEST(dropblock_drops_squares) {
  enum { SIDE = 40, CHANNELS = 30, BLOCK = 5, COUNT = SIDE * SIDE * CHANNELS };
  static float in[COUNT], out[COUNT];
  static uint8_t saved[COUNT + sizeof(float)];
  const yolo_dropout_attrs attrs = {.probability = 0.2f, .dropblock = true, .block = BLOCK};
  yolo_shape shape = {1, SIDE, SIDE, CHANNELS};
  double sum = 0, kept = 0;
  for (int k = 0; k < COUNT; k++) in[k] = 1;
  yolo_tensor i = yolo_tensor_dense(in, shape), o = yolo_tensor_dense(out, shape);
  yolo_op_call call = {.attrs = &attrs, .n_in = 1, .in = &i, .out = &o, .saved = saved, .training = true, .seed = 7};
  ck_assert_uint_eq(yolo_op_dropout.saved_size(&attrs, &shape, shape), sizeof saved);
  ck_assert_int_eq(yolo_op_dropout.forward(&call), YOLO_OK);
  for (int k = 0; k < COUNT; k++) {
    sum += out[k];
    kept += out[k] != 0;
  }
  ck_assert_double_eq_tol(sum / COUNT, 1, 1e-5);
  ck_assert_double_eq_tol(kept / COUNT, 0.8, 0.05); /* squares overlap: a little more is kept */
  for (int p = 0; p < SIDE * SIDE; p++)             /* a zero lies in a row of at least BLOCK zeros */
    for (int c = 0; c < CHANNELS; c++) {
      const int x = p % SIDE, row = p - x;
      int left = x, right = x;
      if (out[p * CHANNELS + c] != 0) continue;
      while (left > 0 && out[(row + left - 1) * CHANNELS + c] == 0) left--;
      while (right + 1 < SIDE && out[(row + right + 1) * CHANNELS + c] == 0) right++;
      ck_assert_int_ge(right - left + 1, BLOCK);
    }
}
END_TEST

START_TEST(batchnorm_trains_on_the_batch) {
  yolo_batchnorm_attrs attrs = {.eps = 0.25f, .momentum = 0.5f};
  float x[4] = {1, 2, 3, 6}, out[4], weight = 2, bias = 1, mean = 1, var = 4, saved[2];
  yolo_shape shape = {2, 1, 2, 1}, one = {1, 1, 1, 1};
  yolo_tensor in = yolo_tensor_dense(x, shape), o = yolo_tensor_dense(out, shape);
  yolo_tensor p[4] = {yolo_tensor_dense(&weight, one), yolo_tensor_dense(&bias, one), yolo_tensor_dense(&mean, one),
                      yolo_tensor_dense(&var, one)};
  yolo_op_call call = {.attrs = &attrs, .n_in = 1, .n_param = 4, .in = &in, .out = &o, .param = p, .training = true};
  call.saved = saved;
  ck_assert_int_eq(yolo_op_batchnorm.forward(&call), YOLO_OK);
  /* mean 3, biased variance 14/4, unbiased 14/3 */
  for (int k = 0; k < 4; k++) ck_assert_float_eq_tol(out[k], 2 * (x[k] - 3) / sqrtf(3.75f) + 1, 1e-6f);
  ck_assert_float_eq_tol(mean, 2, 1e-6f);
  ck_assert_float_eq_tol(var, 2 + 14.0f / 6, 1e-6f);
  ck_assert_float_eq_tol(saved[0], 3, 1e-6f);
  ck_assert_float_eq_tol(saved[1], 1 / sqrtf(3.75f), 1e-6f);
}
END_TEST

/* --- activations --- */

START_TEST(activations_have_names) {
  for (int i = 0; i < YOLO_ACT_COUNT; i++) ck_assert_int_eq(yolo_activation_find(yolo_activation_name((yolo_activation)i)), i);
  ck_assert_int_eq(yolo_activation_find("leaky"), YOLO_ACT_leaky);
  ck_assert_int_eq(yolo_activation_find("Leaky"), -1);
  ck_assert_int_eq(yolo_activation_find(""), -1);
  ck_assert_str_eq(yolo_activation_name(YOLO_ACT_COUNT), "unknown");
}
END_TEST

/* Definitions spelled another way than in activation.h, where double precision allows it. */
START_TEST(activations_agree_with_their_definitions) {
  for (double x = -15; x <= 15; x += 0.37) {
    double e = exp(x), sigma = e / (1 + e), t = tanh(log(1 + e));
    double inner = sqrt(2 / acos(-1)) * (x + 0.044715 * pow(x, 3));
    double want[YOLO_ACT_COUNT] = {[YOLO_ACT_linear] = x,
                                   [YOLO_ACT_leaky] = fmax(x, 0.1 * x),
                                   [YOLO_ACT_relu] = fmax(x, 0),
                                   [YOLO_ACT_relu6] = fmin(fmax(x, 0), 6),
                                   [YOLO_ACT_logistic] = sigma,
                                   [YOLO_ACT_tanh] = (e * e - 1) / (e * e + 1),
                                   [YOLO_ACT_hardtan] = fmin(fmax(x, -1), 1),
                                   [YOLO_ACT_ramp] = fmax(x, 0) + 0.1 * x,
                                   [YOLO_ACT_elu] = fmax(x, 0) + fmin(0, e - 1),
                                   [YOLO_ACT_selu] = 1.0507009873554805 * (fmax(x, 0) + fmin(0, 1.6732632423543772 * (e - 1))),
                                   [YOLO_ACT_gelu] = x / (1 + exp(-2 * inner)),
                                   [YOLO_ACT_swish] = x * sigma,
                                   [YOLO_ACT_mish] = x * t,
                                   [YOLO_ACT_hard_mish] = x / 2 * fmin(2, fmax(0, x + 2))};
    for (int i = 0; i < YOLO_ACT_COUNT; i++) {
      double y = yolo_activate((yolo_activation)i, x);
      ck_assert_msg(fabs(y - want[i]) <= 1e-8 * (1 + fabs(want[i])), "%s(%g) = %.12g, not %.12g",
                    yolo_activation_name((yolo_activation)i), x, y, want[i]);
    }
  }
}
END_TEST

START_TEST(activations_are_finite_far_out) {
  static const double far[] = {-3e38, -1e10, -1000, -100, -1e-30, -0.0, 0, 1e-30, 100, 1000, 1e10, 3e38};
  for (size_t k = 0; k < sizeof far / sizeof far[0]; k++)
    for (int i = 0; i < YOLO_ACT_COUNT; i++) {
      double y = yolo_activate((yolo_activation)i, far[k]);
      ck_assert_msg(isfinite(y), "%s(%g) = %g", yolo_activation_name((yolo_activation)i), far[k], y);
      if (far[k] == 0 && i != YOLO_ACT_logistic) ck_assert_double_eq(y, 0);
    }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("ops");
  TCase *tests = tcase_create("ops");
  tcase_add_loop_test(tests, shape_rule_answers_or_says_why, 0, (int)(sizeof rows / sizeof rows[0]));
  tcase_add_loop_test(tests, every_op_has_both_a_good_and_a_bad_row, 0, YOLO_OP_COUNT);
  tcase_add_test(tests, ops_are_found_by_name);
  tcase_add_test(tests, parameters_of_every_op_are_consistent);
  tcase_add_test(tests, swap_of_a_convolution);
  tcase_add_test(tests, flops_count_a_multiply_add_as_two);
  tcase_add_test(tests, maxpool_saves_where_the_maximum_is);
  tcase_add_test(tests, dropout_drops_its_share_and_keeps_the_mean);
  tcase_add_test(tests, dropblock_drops_squares);
  tcase_add_test(tests, batchnorm_trains_on_the_batch);
  tcase_add_test(tests, activations_have_names);
  tcase_add_test(tests, activations_agree_with_their_definitions);
  tcase_add_test(tests, activations_are_finite_far_out);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? 0 : 1;
}
