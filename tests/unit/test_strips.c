/* Strips: chains of layers run a few rows at a time give the bits of whole maps, for every cut. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/graph/network.h"
#include "backbone/graph/strips.h"
#include "tests/unit/suite.h"

static size_t strip_bytes; /* what the backend under test asks for */
static size_t asked(const yolo_device *device) {
  (void)device;
  return strip_bytes;
}

static int conv(yolo_graph *g, int in, int filters, int kernel, int stride, int groups, yolo_activation act) {
  const yolo_conv2d_attrs a = {.filters = filters,
                               .kernel_h = kernel,
                               .kernel_w = kernel,
                               .stride_h = stride,
                               .stride_w = stride,
                               .dilation = 1,
                               .groups = groups,
                               .pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2},
                               .bias = true,
                               .act1 = act};
  int out = -1;
  ck_assert_int_eq(yolo_graph_begin_layer(g, "convolutional", 1), YOLO_OK);
  ck_assert_msg(yolo_graph_add_op(g, YOLO_OP_conv2d, &a, 1, &in, "conv", &out) == YOLO_OK, "%s", yolo_error_message());
  return out;
}

static int pool(yolo_graph *g, int in, int kernel, int stride, yolo_pads pad) {
  const yolo_maxpool_attrs a = {.kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride, .pad = pad};
  int out = -1;
  ck_assert_int_eq(yolo_graph_begin_layer(g, "maxpool", 1), YOLO_OK);
  ck_assert_int_eq(yolo_graph_add_op(g, YOLO_OP_maxpool, &a, 1, &in, NULL, &out), YOLO_OK);
  return out;
}

static int join(yolo_graph *g, yolo_op_id op, int a, int b) {
  const int in[2] = {a, b};
  int out = -1;
  ck_assert_int_eq(yolo_graph_begin_layer(g, "route", 1), YOLO_OK);
  ck_assert_int_eq(yolo_graph_add_op(g, op, NULL, 2, in, NULL, &out), YOLO_OK);
  return out;
}

/* Everything a chain may hold: strides, Winograd's tiles, depthwise, a residual, pooling, a concatenation. */
static yolo_graph *make_graph(void) {
  yolo_graph *g = NULL;
  ck_assert_int_eq(yolo_graph_new((yolo_shape){1, 93, 70, 3}, &g), YOLO_OK);
  const int a = conv(g, 0, 20, 3, 1, 1, YOLO_ACT_leaky);
  const int b = conv(g, a, 24, 3, 2, 1, YOLO_ACT_mish);
  const int c = conv(g, b, 40, 1, 1, 1, YOLO_ACT_relu);
  const int d = conv(g, c, 40, 5, 1, 40, YOLO_ACT_linear);
  const int e = conv(g, d, 24, 1, 1, 1, YOLO_ACT_linear);
  const int f = join(g, YOLO_OP_shortcut, b, e);
  const int h = conv(g, f, 32, 3, 1, 1, YOLO_ACT_leaky);
  const int i = pool(g, h, 2, 2, (yolo_pads){0, 0, 1, 1});
  const int j = conv(g, i, 16, 3, 1, 1, YOLO_ACT_swish);
  const int k = join(g, YOLO_OP_concat, j, i);
  const int l = pool(g, k, 3, 1, (yolo_pads){1, 1, 1, 1});
  conv(g, l, 17, 1, 1, 1, YOLO_ACT_logistic);
  return g;
}

typedef struct result {
  float *values;
  size_t count;
  int groups;
} result;

static result run(size_t bytes, int threads, int batch, const char *isa) {
  yolo_backend backend = yolo_backend_cpu;
  yolo_graph *g = make_graph();
  yolo_network *network = NULL;
  yolo_runner *runner = NULL;
  yolo_tensor input, output;
  uint64_t seed = 7;
  result r = {NULL, 0, 0};
  backend.strip_bytes = asked;
  strip_bytes = bytes;
  const yolo_network_options options = {.backend = &backend, .device = {.threads = threads, .isa = isa}};
  ck_assert_int_eq(yolo_network_new(g, &options, &network), YOLO_OK);
  ck_assert_int_eq(yolo_network_load(network, yolo_fetch_random, &seed), YOLO_OK);
  ck_assert_int_eq(yolo_runner_new(network, &runner), YOLO_OK);
  ck_assert_msg(yolo_runner_prepare(runner, batch, 93, 70, &input) == YOLO_OK, "%s", yolo_error_message());
  yolo_rng rng = {.key = 3};
  for (size_t i = 0; i < yolo_shape_count(input.shape); i++) ((float *)input.data)[i] = yolo_rng_uniform(&rng);
  ck_assert_msg(yolo_runner_run(runner) == YOLO_OK, "%s", yolo_error_message());
  r.groups = yolo_runner_plan(runner)->n_groups;
  ck_assert_int_eq(yolo_runner_output(runner, yolo_network_graph(network)->n_nodes - 1, &output), YOLO_OK);
  r.count = yolo_shape_count(output.shape);
  r.values = malloc(r.count * sizeof(float));
  for (size_t p = 0; p < yolo_shape_pixels(output.shape); p++)
    memcpy(r.values + p * (size_t)output.shape.c, yolo_pixel(&output, 0, 0, (int)p), (size_t)output.shape.c * sizeof(float));
  yolo_runner_free(runner);
  yolo_network_free(network);
  yolo_graph_free(g);
  return r;
}

START_TEST(strips_give_the_bits_of_whole_maps) {
  static const char *const isas[] = {"portable", "avx2", "avx512"};
  int cut = 0;
  for (size_t s = 0; s < 3; s++) {
    yolo_device *device = NULL;
    const yolo_device_options probe = {.threads = 1, .isa = isas[s]};
    if (yolo_backend_cpu.open(&probe, &device) != YOLO_OK) {
      printf("SKIP strips with %s: this processor lacks it\n", isas[s]);
      continue;
    }
    yolo_backend_cpu.close(device);
    for (int batch = 1; batch <= 2; batch++) {
      result whole = run(0, 1, batch, isas[s]);
      ck_assert_int_eq(whole.groups, 0);
      for (size_t bytes = 16 << 10; bytes <= 512 << 10; bytes *= 2) {
        result strips = run(bytes, (int)(bytes >> 14) % 3 + 1, batch, isas[s]);
        ck_assert_uint_eq(strips.count, whole.count);
        ck_assert_msg(memcmp(strips.values, whole.values, whole.count * sizeof(float)) == 0,
                      "%s, batch %d, strips of %zu bytes in %d groups: other bits", isas[s], batch, bytes, strips.groups);
        cut += strips.groups;
        free(strips.values);
      }
      free(whole.values);
    }
  }
  ck_assert_int_gt(cut, 0);
}
END_TEST

/* What a step was asked for: every row of every running node exactly once, in order. */
typedef struct seen {
  int next[64], calls;
} seen;
static yolo_status note(void *payload, int node, int image, int first, int end) {
  seen *s = payload;
  (void)image;
  ck_assert_int_eq(first, s->next[node]);
  ck_assert_int_gt(end, first);
  s->next[node] = end;
  s->calls++;
  return YOLO_OK;
}

START_TEST(a_walk_makes_every_row_once) {
  yolo_graph *g = make_graph();
  yolo_shape *shapes = calloc((size_t)g->n_nodes, sizeof *shapes);
  size_t *zeros = calloc((size_t)g->n_nodes, sizeof *zeros);
  yolo_plan *plan = NULL;
  int groups = 0;
  ck_assert_int_eq(yolo_graph_infer(g, 93, 70, shapes), YOLO_OK);
  const yolo_plan_options options = {
      .batch = 1, .concat_views = true, .row_align = 16, .work = zeros, .held = zeros, .strip_bytes = 64 << 10};
  ck_assert_int_eq(yolo_plan_make(g, shapes, &options, &plan), YOLO_OK);
  for (int k = 0; k < plan->n_groups; k++, groups++) {
    const yolo_strip_group *group = &plan->groups[k];
    seen s = {{0}, 0};
    ck_assert_int_eq(yolo_strips_walk(g, plan, group, plan->rows, note, &s), YOLO_OK);
    ck_assert_int_gt(s.calls, group->end - group->first);
    for (int i = group->first; i < group->end; i++)
      if (plan->places[i].run) ck_assert_int_eq(s.next[i], plan->shapes[i].h);
  }
  ck_assert_int_gt(groups, 0);
  yolo_plan_free(plan);
  free(zeros);
  free(shapes);
  yolo_graph_free(g);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("strips");
  TCase *tc = tcase_create("strips");
  tcase_set_timeout(tc, 120);
  tcase_add_test(tc, strips_give_the_bits_of_whole_maps);
  tcase_add_test(tc, a_walk_makes_every_row_once);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? 0 : 1;
}
