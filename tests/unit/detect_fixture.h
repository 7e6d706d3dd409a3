/* What the suites of detect/ share: a folder, a small network with weights on disk, a way to run the tests. */
#ifndef YOLO_TESTS_UNIT_DETECT_FIXTURE_H
#define YOLO_TESTS_UNIT_DETECT_FIXTURE_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/text.h"
#include "detect/model.h"
#include "tests/unit/suite.h"

#define MUST(call) ck_assert_msg((call) == YOLO_OK, "%s", yolo_error_message())

static inline void expect_words(yolo_status st, const char *words) {
  ck_assert_msg(st < 0, "no failure where '%s' was due", words);
  ck_assert_msg(strstr(yolo_error_message(), words) != NULL, "'%s' lacks '%s'", yolo_error_message(), words);
}

/* A new file each time: to empty and rewrite one makes some file systems flush it to disk. */
static inline void put(const char *path, const void *bytes, size_t length) {
  remove(path);
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(bytes, 1, length, file), length);
  ck_assert_int_eq(fclose(file), 0);
}
static inline void put_text(const char *path, const char *text) { put(path, text, strlen(text)); }

static inline void expect_same_file(const char *one, const char *other) {
  char *a = NULL, *b = NULL;
  size_t n = 0, m = 0;
  MUST(yolo_read_file(one, (size_t)1 << 30, &a, &n));
  MUST(yolo_read_file(other, (size_t)1 << 30, &b, &m));
  ck_assert_uint_eq(n, m);
  ck_assert_int_eq(memcmp(a, b, n), 0);
  yolo_free(a);
  yolo_free(b);
}

/* ---- a small network: 32x32, two classes, a grid of 4x4 with two anchors ---- */

#define SMALL_NET "[net]\nwidth=32\nheight=32\nchannels=3\n"
#define SMALL_BODY                                                                              \
  "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=2\npad=1\nactivation=leaky\n"  \
  "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=2\npad=1\nactivation=mish\n"   \
  "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=2\npad=1\nactivation=leaky\n" \
  "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n"
#define SMALL_HEAD "[yolo]\nmask=0,1\nanchors=4,6, 10,12\nclasses=2\nnum=2\njitter=.3\n"
static const char small_cfg[] = SMALL_NET SMALL_BODY SMALL_HEAD;
static const char small_classifier[] = SMALL_NET SMALL_BODY "[avgpool]\n[softmax]\n[cost]\n";

static char folder[] = P_tmpdir "/yolo-test-detect-XXXXXX";
enum { SLOTS = 32 };

/* A path in the folder; the last few stay valid. */
static inline const char *in_folder(const char *name) {
  static char paths[SLOTS][128];
  static int next;
  char *path = paths[next++ % SLOTS];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* Writes folder/name.cfg and folder/name.weights with random values of a seed. */
static inline void make_small(const char *name, const char *cfg, uint64_t seed) {
  char file[32];
  yolo_model_spec spec;
  yolo_darknet_writer *writer = NULL;
  yolo_darknet_header header = {0, 2, 5, 64000};
  static float values[1 << 17];
  snprintf(file, sizeof file, "%s.cfg", name);
  put_text(in_folder(file), cfg);
  MUST(yolo_model_spec_load(in_folder(file), NULL, &spec));
  snprintf(file, sizeof file, "%s.weights", name);
  MUST(yolo_darknet_create(in_folder(file), &header, &writer));
  for (int i = 0; i < spec.graph->n_order; i++) {
    const yolo_param *param = &spec.graph->params[spec.graph->order[i]];
    size_t count = yolo_param_count(&param->spec);
    ck_assert_uint_le(count, sizeof values / sizeof *values);
    MUST(yolo_fetch_random(&seed, param, values));
    MUST(yolo_darknet_write(writer, values, count));
  }
  MUST(yolo_darknet_writer_finish(writer));
  yolo_darknet_writer_close(writer);
  yolo_model_spec_release(&spec);
}

/* On the CPU, whatever else this build has: the suites of detect/ compare bits. */
static inline yolo_status load_small(const char *name, yolo_model **out) {
  char weights[32], cfg[32];
  snprintf(weights, sizeof weights, "%s.weights", name);
  snprintf(cfg, sizeof cfg, "%s.cfg", name);
  yolo_model_options options = {.cfg = in_folder(cfg), .device = "cpu", .threads = 1};
  return yolo_model_load(in_folder(weights), &options, out);
}

static inline yolo_status spec_of(const char *cfg, yolo_model_options options, yolo_model_spec *out) {
  put_text(in_folder("spec.cfg"), cfg);
  return yolo_model_spec_load(in_folder("spec.cfg"), &options, out);
}

static inline void convert(const char *from, const yolo_model_options *options, const char *to) {
  yolo_model_spec spec;
  MUST(yolo_model_spec_load(from, options, &spec));
  MUST(yolo_model_convert(&spec, from, options, false, to));
  yolo_model_spec_release(&spec);
}

/* A head parsed from a section, reading maps of a shape. */
static inline yolo_status parse_head(const char *text, yolo_shape in, yolo_head *head) {
  yolo_cfg *cfg = NULL;
  yolo_text whole = {0};
  MUST(yolo_text_format(&whole, "[net]\nwidth=64\nheight=32\n%s", text));
  MUST(yolo_cfg_parse(whole.data, whole.length, "test.cfg", &cfg));
  ck_assert_int_eq(cfg->n_sections, 2);
  *head = (yolo_head){0};
  head->def = yolo_head_find(cfg->sections[1].name);
  ck_assert_ptr_nonnull(head->def);
  yolo_status st = head->def->parse(&cfg->sections[1], in, head);
  yolo_cfg_free(cfg);
  yolo_text_free(&whole);
  return st;
}

/* Every candidate that touches the picture. */
static const yolo_detect_options everything = {.confidence = -1, .nms = YOLO_NMS_NONE, .max_detections = -1};

static inline void open_small(const char *name, yolo_model **model, yolo_context **context) {
  MUST(load_small(name, model));
  MUST(yolo_context_new(*model, context));
}

static inline void close_small(yolo_model *model, yolo_context *context) {
  yolo_context_free(context);
  yolo_model_free(model);
}

/* A picture of smooth noise. */
static inline void fill_picture(uint8_t *rgb, int width, int height, uint64_t seed) {
  yolo_rng rng = {seed, 7, 0};
  int phase = (int)(yolo_rng_u32(&rng) % 97);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < 3; c++)
        rgb[(y * width + x) * 3 + c] = (uint8_t)((x * (3 + c) + y * (5 - c) + phase + (int)(yolo_rng_u32(&rng) % 32)) % 256);
}

static inline void expect_same_result(const yolo_result *a, const yolo_result *b) {
  ck_assert_int_eq(a->count, b->count);
  ck_assert_int_eq(a->width, b->width);
  ck_assert_int_eq(a->height, b->height);
  ck_assert_int_eq(a->n_scores, b->n_scores);
  for (int i = 0; i < a->count; i++) ck_assert_int_eq(memcmp(&a->detections[i], &b->detections[i], sizeof a->detections[i]), 0);
  for (int i = 0; i < a->n_scores; i++) ck_assert(a->scores[i] == b->scores[i]);
}

/* Outside data, or NULL after saying so. */
static inline const char *test_data(const char *what) {
  const char *data = getenv("YOLO_TEST_DATA");
  if (!data || !*data) printf("SKIP: YOLO_TEST_DATA is not set, %s is not tested\n", what);
  return data && *data ? data : NULL;
}

static inline int run_suite(const char *name, const TTest *const *all, size_t count) {
  char command[160];
  if (!mkdtemp(folder)) return 1;
  Suite *suite = suite_create(name);
  TCase *tests = tcase_create(name);
  for (size_t i = 0; i < count; i++) tcase_add_test(tests, all[i]);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) failed++;
  return failed == 0 ? 0 : 1;
}

#endif
