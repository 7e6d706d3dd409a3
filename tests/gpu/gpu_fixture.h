/* What the tests that need a card share: is one here, models on it, the way a test program starts itself again. */
#ifndef YOLO_TESTS_GPU_FIXTURE_H
#define YOLO_TESTS_GPU_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/base/rng.h"
#include "detect/model.h"
#include "tests/unit/suite.h"

enum { SKIPPED = 77 };

/* Also for where no Check test runs, whose macros would fail there. */
#define NEED(call)                          \
  do {                                      \
    if ((call) != YOLO_OK) {                \
      printf("%s\n", yolo_error_message()); \
      exit(1);                              \
    }                                       \
  } while (0)

#define MUST(call) ck_assert_msg((call) == YOLO_OK, "%s", yolo_error_message())

/* Without a card a SKIP line with the reason. */
static inline bool card_answers(const char *test) {
  const yolo_backend *backend;
  int index;
  if (yolo_backend_find("cuda", &backend, &index) == YOLO_OK && (!backend->answers || backend->answers() == YOLO_OK))
    return true;
  printf("SKIP %s: %s\n", test, yolo_error_message());
  return false;
}

/* Which convolutions the devices opened from here on use: "own", "cudnn", NULL: what is faster. */
static inline void choose_conv(const char *conv) {
  if (conv)
    setenv("YOLO_CONV", conv, 1);
  else
    unsetenv("YOLO_CONV");
}

/* A network of the zoo with random weights. */
static inline yolo_status load_zoo(const char *name, const yolo_model_options *options, yolo_model **out) {
  char path[128];
  yolo_model_spec spec;
  *out = NULL;
  snprintf(path, sizeof path, "backbone/models/%s.cfg", name);
  yolo_status st = yolo_model_spec_load(path, options, &spec);
  return st == YOLO_OK ? yolo_model_from_spec(&spec, NULL, options, false, out) : st;
}

/* The same without a [softmax] at its end. Random weights give large logits; their softmax turns differences into ratios, which
 * says nothing about how precisely the layers were computed. The op itself has its conformance cases. */
static inline yolo_status load_zoo_logits(const char *name, const yolo_model_options *options, yolo_model **out) {
  char path[128], *text = NULL;
  yolo_model_spec spec;
  *out = NULL;
  snprintf(path, sizeof path, "backbone/models/%s.cfg", name);
  yolo_status st = yolo_read_file(path, 1 << 20, &text, NULL);
  if (st != YOLO_OK) return st;
  char *end = strstr(text, "[softmax]");
  if (end) *end = '\0';
  st = yolo_model_spec_from_text(text, path, NULL, 0, options, &spec);
  yolo_free(text);
  return st == YOLO_OK ? yolo_model_from_spec(&spec, NULL, options, false, out) : st;
}

/* Numbers as a normalised picture has them; equal for equal shapes. */
static inline void fill_input(const yolo_tensor *input) {
  yolo_rng rng = {.key = 17, .stream = yolo_shape_count(input->shape)};
  for (size_t p = 0; p < yolo_shape_pixels(input->shape); p++)
    for (int c = 0; c < input->shape.c; c++) yolo_nth_pixel(input, p)[c] = (float)yolo_rng_uniform(&rng);
}

/* One run of a model's network; the heads' tensors come after it. */
static inline yolo_status run_network(yolo_context *context, yolo_shape size) {
  yolo_tensor input;
  yolo_status st = yolo_runner_prepare(context->runner, size.n, size.h, size.w, &input);
  if (st != YOLO_OK) return st;
  fill_input(&input);
  return yolo_runner_run(context->runner);
}

/* The values of all heads, one after the other, in a block of the caller's (free()). */
static inline float *head_values(yolo_context *context, size_t *count) {
  const yolo_model *model = context->model;
  float *values = NULL;
  *count = 0;
  for (int h = 0; h < model->spec.n_heads; h++) {
    yolo_tensor t;
    NEED(yolo_runner_output(context->runner, model->head_nodes[h], &t));
    size_t pixels = yolo_shape_pixels(t.shape), channels = (size_t)t.shape.c;
    values = realloc(values, (*count + pixels * channels) * sizeof *values);
    if (!values) exit(1);
    for (size_t p = 0; p < pixels; p++)
      memcpy(values + *count + p * channels, yolo_nth_pixel(&t, p), channels * sizeof *values);
    *count += pixels * channels;
  }
  return values;
}

/* The path of this program. */
static inline const char *own_path(void) {
  static char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  path[length > 0 ? length : 0] = '\0';
  return path;
}

#endif
