/* The plain loops of the ops against numbers that PyTorch computed (tests/golden/ops.bin, written by
 * scripts/make_golden.py, which describes the format). Parameters come in the layout on disk, so the swap to
 * the layout in memory is judged along. Limit: ||y - golden|| <= 1e-6 ||golden||.
 *
 * Cases with dL/d out also have PyTorch's gradients, which the plain backward loops must give. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/ops/op.h"
#include "tests/unit/suite.h"

enum { MAX_CASES = 200, MAX_IN = 3 };

static char *file;
static size_t file_length;
static const char *starts[MAX_CASES]; /* the line of each case */
static int case_count;

/* --- the file --- */

/* One case. */
typedef struct golden {
  char line[512]; /* "case conv2d 3x3 filters=6 ..." */
  const yolo_op *op;
  int n_in, n_param;
  yolo_shape in_shape[MAX_IN], out_shape;
  float *in[MAX_IN], *param[YOLO_OP_MAX_PARAM], *out;
  size_t param_count[YOLO_OP_MAX_PARAM];
  int n_grad_in, n_grad_param, n_after;
  float *up, *grad_in[MAX_IN], *grad_param[YOLO_OP_MAX_PARAM], *after[YOLO_OP_MAX_PARAM];
} golden;

/* The line at `at` without its end; returns what follows it, NULL when there is no line. */
static const char *take_line(const char *at, char *line, size_t size) {
  const char *end = memchr(at, '\n', (size_t)(file + file_length - at));
  if (!end || (size_t)(end - at) >= size) return NULL;
  memcpy(line, at, (size_t)(end - at));
  line[end - at] = 0;
  return end + 1;
}

static float *take_values(const char **at, size_t count) {
  float *values = yolo_alloc(count * sizeof *values);
  ck_assert_ptr_nonnull(values);
  ck_assert_uint_le(count * sizeof *values, (size_t)(file + file_length - *at));
  memcpy(values, *at, count * sizeof *values);
  *at += count * sizeof *values;
  return values;
}

static void take_tensor(golden *g, const char *line, const char **at) {
  char role[8];
  yolo_shape s;
  ck_assert_int_eq(sscanf(line, "tensor %7s %d %d %d %d", role, &s.n, &s.h, &s.w, &s.c), 5);
  float *values = take_values(at, yolo_shape_count(s));
  if (strcmp(role, "in") == 0) {
    ck_assert_int_lt(g->n_in, MAX_IN);
    g->in_shape[g->n_in] = s;
    g->in[g->n_in++] = values;
  } else if (strcmp(role, "param") == 0) {
    ck_assert_int_lt(g->n_param, YOLO_OP_MAX_PARAM);
    g->param_count[g->n_param] = yolo_shape_count(s);
    g->param[g->n_param++] = values;
  } else if (strcmp(role, "up") == 0) {
    g->up = values;
  } else if (strcmp(role, "gradin") == 0) {
    ck_assert_int_lt(g->n_grad_in, MAX_IN);
    g->grad_in[g->n_grad_in++] = values;
  } else if (strcmp(role, "gradpar") == 0) {
    ck_assert_int_lt(g->n_grad_param, YOLO_OP_MAX_PARAM);
    g->grad_param[g->n_grad_param++] = values;
  } else if (strcmp(role, "after") == 0) {
    ck_assert_int_lt(g->n_after, YOLO_OP_MAX_PARAM);
    g->after[g->n_after++] = values;
  } else {
    ck_assert_str_eq(role, "out");
    g->out_shape = s;
    g->out = values;
  }
}

static void golden_read(const char *at, golden *g) {
  char line[512], name[32];
  memset(g, 0, sizeof *g);
  ck_assert_ptr_nonnull(at = take_line(at, g->line, sizeof g->line));
  ck_assert_int_eq(sscanf(g->line, "case %31s", name), 1);
  g->op = yolo_op_find(name);
  ck_assert_msg(g->op != NULL, "golden case of an unknown op: %s", g->line);
  for (;;) {
    ck_assert_ptr_nonnull(at = take_line(at, line, sizeof line));
    if (strcmp(line, "end") == 0) return;
    take_tensor(g, line, &at);
  }
}

static void golden_free(golden *g) {
  for (int i = 0; i < g->n_in; i++) yolo_free(g->in[i]);
  for (int i = 0; i < g->n_param; i++) yolo_free(g->param[i]);
  for (int i = 0; i < g->n_grad_in; i++) yolo_free(g->grad_in[i]);
  for (int i = 0; i < g->n_grad_param; i++) yolo_free(g->grad_param[i]);
  for (int i = 0; i < g->n_after; i++) yolo_free(g->after[i]);
  yolo_free(g->up);
  yolo_free(g->out);
}

/* --- the attributes, from " key=value" in the line --- */

static const char *find(const golden *g, const char *key, char *word, size_t size) {
  char pattern[40];
  snprintf(pattern, sizeof pattern, " %s=", key);
  const char *at = strstr(g->line, pattern);
  if (!at) return NULL;
  at += strlen(pattern);
  snprintf(word, size, "%.*s", (int)strcspn(at, " "), at);
  return word;
}

static double number(const golden *g, const char *key) {
  char word[40];
  double value = 0;
  if (find(g, key, word, sizeof word)) ck_assert_msg(yolo_parse_double(word, &value), "'%s' in %s", word, g->line);
  return value;
}

static int whole(const golden *g, const char *key) { return (int)number(g, key); }

static yolo_activation activation(const golden *g, const char *key) {
  char word[40];
  int act = find(g, key, word, sizeof word) ? yolo_activation_find(word) : (int)YOLO_ACT_linear;
  ck_assert_msg(act >= 0, "activation '%s' in %s", word, g->line);
  return (yolo_activation)act;
}

static yolo_pads pads(const golden *g) {
  return (yolo_pads){whole(g, "top"), whole(g, "left"), whole(g, "bottom"), whole(g, "right")};
}

/* Room for the attributes of any op. */
typedef union any_attrs {
  yolo_conv2d_attrs conv2d;
  yolo_batchnorm_attrs batchnorm;
  yolo_activation_attrs activation;
  yolo_pool_attrs pool;
  yolo_upsample_attrs upsample;
  yolo_concat_attrs concat;
  yolo_slice_attrs slice;
  yolo_shortcut_attrs shortcut;
  yolo_scale_channels_attrs scale_channels;
  yolo_multiply_attrs multiply;
  yolo_linear_attrs linear;
  yolo_local_attrs local;
  yolo_reorg_attrs reorg;
  yolo_softmax_attrs softmax;
  yolo_implicit_attrs implicit;
} any_attrs;

static void read_conv2d(const golden *g, any_attrs *a) {
  a->conv2d = (yolo_conv2d_attrs){.filters = whole(g, "filters"),
                                  .kernel_h = whole(g, "kernel_h"),
                                  .kernel_w = whole(g, "kernel_w"),
                                  .stride_h = whole(g, "stride_h"),
                                  .stride_w = whole(g, "stride_w"),
                                  .dilation = whole(g, "dilation"),
                                  .groups = whole(g, "groups"),
                                  .pad = pads(g),
                                  .bias = whole(g, "bias"),
                                  .residual = whole(g, "residual"),
                                  .act1 = activation(g, "act1"),
                                  .act2 = activation(g, "act2")};
}
static void read_pool(const golden *g, any_attrs *a) {
  a->pool = (yolo_pool_attrs){.kernel_h = whole(g, "kernel_h"),
                              .kernel_w = whole(g, "kernel_w"),
                              .stride_h = whole(g, "stride_h"),
                              .stride_w = whole(g, "stride_w"),
                              .pad = pads(g),
                              .global = whole(g, "is_global")};
}
static void read_batchnorm(const golden *g, any_attrs *a) {
  a->batchnorm = (yolo_batchnorm_attrs){.eps = (float)number(g, "eps"), .momentum = 0.1f, .act = activation(g, "act")};
}
static void read_activation(const golden *g, any_attrs *a) { a->activation.act = activation(g, "act"); }
static void read_upsample(const golden *g, any_attrs *a) {
  a->upsample = (yolo_upsample_attrs){whole(g, "factor"), (float)number(g, "scale")};
}
static void read_slice(const golden *g, any_attrs *a) { a->slice = (yolo_slice_attrs){whole(g, "first"), whole(g, "count")}; }
static void read_shortcut(const golden *g, any_attrs *a) {
  a->shortcut = (yolo_shortcut_attrs){activation(g, "act"), whole(g, "weights_per"), (yolo_weight_norm)whole(g, "norm"),
                                      whole(g, "subsample")};
}
static void read_scale_channels(const golden *g, any_attrs *a) {
  a->scale_channels = (yolo_scale_channels_attrs){activation(g, "act"), whole(g, "scale_wh")};
}
static void read_multiply(const golden *g, any_attrs *a) { a->multiply.act = activation(g, "act"); }
static void read_linear(const golden *g, any_attrs *a) {
  a->linear = (yolo_linear_attrs){whole(g, "outputs"), whole(g, "bias"), activation(g, "act")};
}
static void read_local(const golden *g, any_attrs *a) {
  a->local =
      (yolo_local_attrs){whole(g, "filters"), whole(g, "kernel"), whole(g, "stride"), whole(g, "pad"), activation(g, "act")};
}
static void read_reorg(const golden *g, any_attrs *a) {
  a->reorg = (yolo_reorg_attrs){whole(g, "stride"), whole(g, "darknet"), whole(g, "reverse")};
}
static void read_softmax(const golden *g, any_attrs *a) {
  a->softmax = (yolo_softmax_attrs){whole(g, "groups"), (float)number(g, "temperature"), whole(g, "flatten")};
}
static void read_implicit(const golden *g, any_attrs *a) {
  a->implicit = (yolo_implicit_attrs){whole(g, "filters"), whole(g, "atoms")};
}
static void read_nothing(const golden *g, any_attrs *a) {
  (void)g;
  (void)a;
}

static const struct {
  const yolo_op *op;
  void (*read)(const golden *g, any_attrs *attrs);
} readers[] = {{&yolo_op_conv2d, read_conv2d},
               {&yolo_op_maxpool, read_pool},
               {&yolo_op_avgpool, read_pool},
               {&yolo_op_batchnorm, read_batchnorm},
               {&yolo_op_activation, read_activation},
               {&yolo_op_upsample, read_upsample},
               {&yolo_op_slice, read_slice},
               {&yolo_op_shortcut, read_shortcut},
               {&yolo_op_scale_channels, read_scale_channels},
               {&yolo_op_multiply, read_multiply},
               {&yolo_op_linear, read_linear},
               {&yolo_op_local, read_local},
               {&yolo_op_reorg, read_reorg},
               {&yolo_op_softmax, read_softmax},
               {&yolo_op_implicit, read_implicit},
               {&yolo_op_concat, read_nothing}};
enum { READERS = sizeof readers / sizeof readers[0] };

/* --- judging --- */

static void params_to_memory(const golden *g, const any_attrs *attrs, yolo_tensor *param) {
  yolo_param_spec spec[YOLO_OP_MAX_PARAM];
  int n = g->op->params ? g->op->params(attrs, g->n_in, g->in_shape, spec) : 0;
  ck_assert_msg(n == g->n_param, "%s: %d parameters, the file has %d", g->line, n, g->n_param);
  for (int i = 0; i < n; i++) {
    ck_assert_uint_eq(yolo_param_count(&spec[i]), g->param_count[i]);
    float *slab = yolo_alloc(g->param_count[i] * sizeof *slab);
    ck_assert_ptr_nonnull(slab);
    yolo_param_to_memory(&spec[i], g->param[i], slab);
    yolo_free(slab);
    param[i] = yolo_tensor_dense(g->param[i], spec[i].shape);
  }
}

static double relative_error(const float *y, const float *want, size_t count) {
  double sum = 0, all = 0;
  for (size_t i = 0; i < count; i++) {
    sum += ((double)y[i] - want[i]) * ((double)y[i] - want[i]);
    all += (double)want[i] * want[i];
  }
  return sqrt(sum / all);
}

/* One case with its attributes and the memory of a call. */
typedef struct bench {
  golden g;
  any_attrs attrs;
  yolo_tensor in[MAX_IN], param[YOLO_OP_MAX_PARAM], out;
  void *saved;
  yolo_op_call call;
} bench;

static void *room(size_t bytes) {
  void *memory = yolo_calloc(bytes + 1, 1);
  ck_assert_ptr_nonnull(memory);
  return memory;
}

static void bench_make(bench *b, const char *at) {
  yolo_shape shape;
  bool known = false;
  memset(b, 0, sizeof *b);
  golden *g = &b->g;
  golden_read(at, g);
  for (int i = 0; i < READERS; i++)
    if (readers[i].op == g->op) readers[i].read(g, &b->attrs), known = true;
  ck_assert_msg(known, "no reader for the attributes of %s", g->line);
  ck_assert_msg(g->op->shape(&b->attrs, g->n_in, g->in_shape, &shape) == YOLO_OK, "%s: %s", g->line, yolo_error_message());
  ck_assert_msg(yolo_shape_equal(shape, g->out_shape), "%s: output of %d x %d x %d x %d", g->line, shape.n, shape.h, shape.w,
                shape.c);
  params_to_memory(g, &b->attrs, b->param);
  for (int i = 0; i < g->n_in; i++) b->in[i] = yolo_tensor_dense(g->in[i], g->in_shape[i]);
  b->out = yolo_tensor_dense(room(yolo_shape_count(shape) * sizeof(float)), shape);
  b->call = (yolo_op_call){
      .attrs = &b->attrs, .n_in = g->n_in, .n_param = g->n_param, .in = b->in, .out = &b->out, .param = b->param};
  b->call.training = whole(g, "training") != 0;
  if (g->op->saved_size) b->call.saved = b->saved = room(g->op->saved_size(&b->attrs, g->in_shape, shape));
  ck_assert_int_eq(g->op->forward(&b->call), YOLO_OK);
}

static void bench_free(bench *b) {
  yolo_free(b->out.data);
  yolo_free(b->saved);
  golden_free(&b->g);
}

static void expect(const bench *b, const char *what, const float *have, const float *want, size_t count) {
  const double error = relative_error(have, want, count);
  ck_assert_msg(error <= 1e-6, "%s: %s: error %g", b->g.line, what, error);
}

START_TEST(op_computes_what_pytorch_computes) {
  bench b;
  bench_make(&b, starts[_i]);
  expect(&b, "output", b.out.data, b.g.out, yolo_shape_count(b.g.out_shape));
  bench_free(&b);
}
END_TEST

/* dL/d param is laid out like the parameter; buffers have none, but move in training. */
static void judge_params(bench *b, const yolo_tensor *grads) {
  golden *g = &b->g;
  yolo_param_spec spec[YOLO_OP_MAX_PARAM];
  int n = g->op->params ? g->op->params(&b->attrs, g->n_in, g->in_shape, spec) : 0, learned = 0, moved = 0;
  for (int i = 0; i < n; i++) {
    const size_t count = yolo_param_count(&spec[i]);
    if (spec[i].buffer) {
      ck_assert_int_lt(moved, g->n_after);
      expect(b, spec[i].name, b->param[i].data, g->after[moved++], count);
      continue;
    }
    ck_assert_int_lt(learned, g->n_grad_param);
    float *slab = room(count * sizeof *slab);
    yolo_param_to_memory(&spec[i], g->grad_param[learned], slab);
    expect(b, spec[i].name, grads[i].data, g->grad_param[learned++], count);
    yolo_free(slab);
  }
  ck_assert_int_eq(learned, g->n_grad_param);
  ck_assert_int_eq(moved, g->n_after);
}

static void judge_gradients(bench *b) {
  yolo_tensor up = yolo_tensor_dense(b->g.up, b->g.out_shape), grad_in[MAX_IN], grad_param[YOLO_OP_MAX_PARAM];
  const golden *g = &b->g;
  const float beta[MAX_IN] = {0};
  for (int i = 0; i < g->n_in; i++)
    grad_in[i] = yolo_tensor_dense(room(yolo_shape_count(g->in_shape[i]) * sizeof(float)), g->in_shape[i]);
  for (int i = 0; i < g->n_param; i++)
    grad_param[i] = yolo_tensor_dense(room(g->param_count[i] * sizeof(float)), b->param[i].shape);
  b->call.grad_out = &up;
  b->call.grad_in = grad_in;
  b->call.beta = beta;
  b->call.grad_param = grad_param;
  ck_assert_int_eq(g->op->backward(&b->call), YOLO_OK);
  ck_assert_int_eq(g->n_grad_in, g->n_in);
  for (int i = 0; i < g->n_in; i++) expect(b, "dL/d in", grad_in[i].data, g->grad_in[i], yolo_shape_count(g->in_shape[i]));
  judge_params(b, grad_param);
  for (int i = 0; i < g->n_in; i++) yolo_free(grad_in[i].data);
  for (int i = 0; i < g->n_param; i++) yolo_free(grad_param[i].data);
}

START_TEST(gradients_are_pytorchs) {
  bench b;
  bench_make(&b, starts[_i]);
  if (b.g.up) judge_gradients(&b);
  bench_free(&b);
}
END_TEST

START_TEST(every_reader_met_a_case) {
  for (int r = 0; r < READERS; r++) {
    bool met = false;
    for (int i = 0; i < case_count; i++) {
      golden g;
      golden_read(starts[i], &g);
      met |= g.op == readers[r].op;
      golden_free(&g);
    }
    ck_assert_msg(met, "no golden case of %s", readers[r].op->name);
  }
}
END_TEST

/* What follows the case at `at`; NULL when it is not whole. (No assertions: no test is running yet.) */
static const char *skip_case(const char *at) {
  char line[512], role[8];
  yolo_shape s;
  while ((at = take_line(at, line, sizeof line)) && strcmp(line, "end") != 0) {
    if (strncmp(line, "case ", 5) == 0) continue;
    if (sscanf(line, "tensor %7s %d %d %d %d", role, &s.n, &s.h, &s.w, &s.c) != 5) return NULL;
    size_t bytes = yolo_shape_count(s) * sizeof(float);
    if (bytes > (size_t)(file + file_length - at)) return NULL;
    at += bytes;
  }
  return at;
}

/* Finds where each case begins. */
static yolo_status open_file(void) {
  yolo_status st = yolo_read_file("tests/golden/ops.bin", 1 << 20, &file, &file_length);
  for (const char *at = file; st == YOLO_OK && at < file + file_length; case_count++) {
    if (case_count == MAX_CASES) return yolo_fail(YOLO_EFORMAT, "tests/golden/ops.bin: more than %d cases", MAX_CASES);
    starts[case_count] = at;
    if (!(at = skip_case(at))) return yolo_fail(YOLO_EFORMAT, "tests/golden/ops.bin: case %d is not whole", case_count);
  }
  return st;
}

int main(void) {
  if (open_file() != YOLO_OK) {
    fprintf(stderr, "test_golden_ops: %s (run from the root of the repository)\n", yolo_error_message());
    return 1;
  }
  Suite *suite = suite_create("golden ops");
  TCase *tcase = tcase_create("pytorch");
  tcase_add_loop_test(tcase, op_computes_what_pytorch_computes, 0, case_count);
  tcase_add_loop_test(tcase, gradients_are_pytorchs, 0, case_count);
  tcase_add_test(tcase, every_reader_met_a_case);
  suite_add_tcase(suite, tcase);
  int failed = suite_run(suite);
  yolo_free(file);
  return failed == 0 ? 0 : 1;
}
