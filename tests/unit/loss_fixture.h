/* Losses without a network: heads from the text of a cfg, tensors of chance, truths by hand. */
#ifndef YOLO_TESTS_UNIT_LOSS_FIXTURE_H
#define YOLO_TESTS_UNIT_LOSS_FIXTURE_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "train/loss.h"

enum { LAB_HEADS = 3, LAB_IMAGES = 5 };

typedef struct lab {
  yolo_cfg *cfg;
  yolo_head head[LAB_HEADS];
  yolo_loss_head heads[LAB_HEADS];
  yolo_truths images[LAB_IMAGES];
  yolo_loss_batch batch;
  yolo_loss_report report;
  const yolo_loss_def *loss;
  void *attrs;
} lab;

/* A head for each section after [net], over maps of h x w (the second twice that, the third four times). */
static inline void lab_open(lab *l, const char *text, const char *loss, int images, int h, int w) {
  memset(l, 0, sizeof *l);
  ck_assert_msg(yolo_cfg_parse(text, strlen(text), "test.cfg", &l->cfg) == YOLO_OK, "%s", yolo_error_message());
  l->loss = yolo_loss_find(loss);
  ck_assert_ptr_nonnull(l->loss);
  l->batch = (yolo_loss_batch){.count = images,
                               .input_w = 96,
                               .input_h = 64,
                               .images = l->images,
                               .heads = l->heads,
                               .n_heads = l->cfg->n_sections - 1,
                               .seen = 0,
                               .nominal = images,
                               .scale = 1,
                               .threads = 1};
  for (int n = 0; n < LAB_IMAGES; n++) l->images[n] = (yolo_truths){.label = -1, .label2 = -1, .label_share = 1};
  for (int i = 0; i < l->batch.n_heads; i++) {
    const yolo_cfg_section *section = &l->cfg->sections[i + 1];
    const yolo_head_def *def = yolo_head_find(section->name);
    const yolo_cfg_entry *channels = yolo_cfg_find(section, "lab_channels"); /* the fixture's own key */
    yolo_shape shape = {images, h << i, w << i, channels ? atoi(channels->value) : 0};
    if (!def) def = &yolo_head_classify;
    l->head[i].def = def;
    ck_assert_msg(def->parse(section, shape, &l->head[i]) == YOLO_OK, "%s", yolo_error_message());
    l->heads[i] = (yolo_loss_head){.head = &l->head[i], .section = section, .value = yolo_tensor_dense(NULL, shape)};
    l->heads[i].value.stride += 2;
    l->heads[i].grad = l->heads[i].value;
    const size_t size = yolo_shape_pixels(shape) * l->heads[i].value.stride;
    l->heads[i].value.data = yolo_calloc(size, sizeof(float));
    l->heads[i].grad.data = yolo_calloc(size, sizeof(float));
    ck_assert(l->heads[i].value.data && l->heads[i].grad.data);
  }
}

static inline void lab_draw(lab *l, uint64_t seed, float spread, float middle) {
  for (int i = 0; i < l->batch.n_heads; i++) {
    yolo_rng rng = {seed, (uint64_t)i, 0};
    const yolo_tensor *value = &l->heads[i].value;
    for (size_t p = 0; p < yolo_shape_pixels(value->shape); p++)
      for (int k = 0; k < value->shape.c; k++) yolo_nth_pixel(value, p)[k] = middle + spread * yolo_rng_normal(&rng);
  }
}

static inline size_t lab_floats(const lab *l, int i) {
  return yolo_shape_pixels(l->heads[i].value.shape) * l->heads[i].value.stride;
}

static inline void lab_make(lab *l) {
  ck_assert_msg(l->loss->make(l->heads, l->batch.n_heads, &l->attrs) == YOLO_OK, "%s", yolo_error_message());
}

static inline void lab_run(lab *l) {
  for (int i = 0; i < l->batch.n_heads; i++) memset(l->heads[i].grad.data, 0, lab_floats(l, i) * sizeof(float));
  ck_assert_msg(l->loss->run(l->attrs, &l->batch, &l->report) == YOLO_OK, "%s", yolo_error_message());
}

static inline double lab_part(const lab *l, const char *name) {
  for (int i = 0; i < l->report.n_parts; i++)
    if (strcmp(l->report.parts[i].name, name) == 0) return l->report.parts[i].value;
  ck_abort_msg("no part %s", name);
  return 0;
}

static inline float *lab_value(const lab *l, int i, int n, int y, int x) { return yolo_pixel(&l->heads[i].value, n, y, x); }
static inline float *lab_grad(const lab *l, int i, int n, int y, int x) { return yolo_pixel(&l->heads[i].grad, n, y, x); }

static inline void lab_close(lab *l) {
  for (int i = 0; i < l->batch.n_heads; i++) {
    yolo_free(l->heads[i].value.data);
    yolo_free(l->heads[i].grad.data);
    yolo_free(l->head[i].attrs);
  }
  yolo_free(l->attrs);
  yolo_cfg_free(l->cfg);
}

/* Central differences of the total against the gradient, for every `every`th value whose place in its row of `row` values
 * (0: all) is at least `first`. */
static inline int lab_differences(lab *l, int every, int row, int first, double bound) {
  int compared = 0, at = 0;
  lab_run(l);
  for (int i = 0; i < l->batch.n_heads; i++) {
    float *grad = yolo_alloc(lab_floats(l, i) * sizeof *grad);
    ck_assert_ptr_nonnull(grad);
    memcpy(grad, l->heads[i].grad.data, lab_floats(l, i) * sizeof *grad);
    for (size_t p = 0; p < yolo_shape_pixels(l->heads[i].value.shape); p++)
      for (int k = 0; k < l->heads[i].value.shape.c; k++) {
        float *value = yolo_nth_pixel(&l->heads[i].value, p) + k, kept = *value, low = kept - 0.0078125f,
              high = kept + 0.0078125f;
        const double wanted = (double)grad[p * l->heads[i].grad.stride + (size_t)k];
        if (at++ % every || (row && k % row < first)) continue;
        *value = low;
        lab_run(l);
        const double below = l->report.total;
        *value = high;
        lab_run(l);
        const double numeric = (l->report.total - below) / ((double)high - (double)low);
        *value = kept;
        ck_assert_msg(fabs(numeric - wanted) <= bound * (fabs(wanted) + 0.02), "value %d of pixel %zu: %g, numeric %g", k, p,
                      wanted, numeric);
        compared++;
      }
    yolo_free(grad);
  }
  return compared;
}

/* ---- every loss with a batch of its own ---- */

#define YOLO_KEYS "classes=2\nnum=3\nanchors=12,12, 24,24, 48,40\n"
static const char two_yolo[] =
    "[net]\n[yolo]\n" YOLO_KEYS "mask=1,2\nlab_channels=14\n[yolo]\n" YOLO_KEYS "mask=0\nlab_channels=7\n";
static const char gaussian[] = "[net]\n[Gaussian_yolo]\n" YOLO_KEYS "mask=1,2\nlab_channels=22\niou_loss=giou\n";
static const char region[] =
    "[net]\n[region]\nclasses=2\nnum=2\nanchors=1,1, 2,2\nsoftmax=1\nlab_channels=14\nobject_scale=5\n";
static const char detection[] = "[net]\n[detection]\nclasses=2\nnum=2\nside=2\nsqrt=1\ncoord_scale=5\nlab_channels=48\n";
static const char classes[] = "[net]\n[avgpool]\nlab_channels=4\n";
static const char given[] = "[net]\n[softmax]\nlab_channels=4\n";

static const yolo_truth some[] = {{0.3f, 0.4f, 0.25f, 0.35f, 1, 1, false}, {0.8f, 0.7f, 0.1f, 0.2f, 0, 0.5f, false},
                                  {0.31f, 0.41f, 0.2f, 0.3f, 0, 1, false}, {1, 1, 0.3f, 0.3f, 1, 1, false},
                                  {0.5f, 0.5f, 0.5f, 0.6f, 0, 1, false},   {0.7f, 0.2f, 0.4f, 0.2f, 9, 1, true},
                                  {0.25f, 0.75f, 0, 0.5f, 1, 1, false},    {0.55f, 0.1f, 0.15f, 0.1f, 1, 1, false}};
enum { SOME = sizeof some / sizeof some[0], USABLE = SOME - 2 };

static const struct {
  const char *cfg, *loss;
} every_loss[] = {{two_yolo, "yolov3"},     {two_yolo, "yolov4"},   {two_yolo, "yolov5"}, {region, "region"},
                  {detection, "detection"}, {gaussian, "gaussian"}, {classes, "softmax"}, {given, "softmax"}};
enum { ALL = sizeof every_loss / sizeof every_loss[0] };

static inline void open_any(lab *l, int which, int images) {
  const bool vector = every_loss[which].cfg == detection || every_loss[which].cfg == classes || every_loss[which].cfg == given;
  lab_open(l, every_loss[which].cfg, every_loss[which].loss, images, vector ? 1 : 4, vector ? 1 : 6);
  lab_draw(l, 7, 1, 0);
  for (size_t k = 0; every_loss[which].cfg == given && k < lab_floats(l, 0); k++) {
    float *value = l->heads[0].value.data;
    value[k] = 0.25f;
  }
  for (int n = 1; n < images; n++) {
    l->images[n].items = some + n % 3;
    l->images[n].count = SOME - n % 3;
    l->images[n].label = n % 4;
  }
  lab_make(l);
}

#endif
