/* Files whose values tell where they belong, and a network that takes them: what the suite of transfer checks with. */
#ifndef YOLO_TESTS_UNIT_TRANSFER_FIXTURE_H
#define YOLO_TESTS_UNIT_TRANSFER_FIXTURE_H

#include "tests/unit/session_fixture.h"
#include "train/transfer.h"

static const float DRAWN = -3;

/* Value j of a tensor in a file: tells the tensor and the place. */
static inline float stored(const char *name, size_t j) {
  unsigned hash = 0;
  for (; *name; name++) hash = hash * 31 + (unsigned char)*name;
  return (float)(hash % 1000) + (float)j / 4096;
}

static inline yolo_status fetch_stored(void *payload, const yolo_param *param, float *to) {
  (void)payload;
  for (size_t j = 0; j < yolo_param_count(&param->spec); j++) to[j] = stored(param->name, j);
  return YOLO_OK;
}

/* Writes a model file with these values; its ending says which. */
static inline void write_model(const char *cfg, const char *names, const char *path) {
  yolo_model_spec spec;
  toy_spec(cfg, names, &spec);
  MUST(yolo_model_save(&spec, fetch_stored, NULL, path));
  yolo_model_spec_release(&spec);
}

typedef struct target {
  yolo_model_spec spec;
  yolo_session session;
} target;

static const yolo_train_settings plain = {.optimizer = YOLO_OPTIMIZER_SGD};

static inline void open_target(target *t, const char *cfg, const char *names) {
  toy_spec(cfg, names, &t->spec);
  toy_session(&t->spec, &plain, NULL, &t->session);
  float *values = yolo_trainer_values(t->session.trainer, NULL);
  for (size_t i = 0; i < t->session.n_values; i++) values[i] = DRAWN;
}

static inline void close_target(target *t) {
  toy_release(&t->session);
  yolo_model_spec_release(&t->spec);
}

static inline yolo_status take(target *t, const yolo_transfer_options *options, yolo_transfer_report *report) {
  return yolo_transfer(t->session.trainer, &t->spec, options, report);
}

/* A parameter of the target in disk layout; valid until the next call. */
static inline const float *values_of(const target *t, const char *name, size_t *count) {
  static float values[1 << 16];
  yolo_trainer_view view = {t->session.trainer, yolo_trainer_values(t->session.trainer, NULL)};
  const yolo_graph *graph = yolo_trainer_graph(t->session.trainer);
  for (int i = 0; i < graph->n_params; i++) {
    if (strcmp(graph->params[i].name, name) != 0) continue;
    *count = yolo_param_count(&graph->params[i].spec);
    MUST(yolo_trainer_fetch(&view, &graph->params[i], values));
    return values;
  }
  ck_abort_msg("no parameter %s", name);
  return NULL;
}

static inline void expect_tensor(const target *t, const char *name, bool taken) {
  size_t count;
  const float *values = values_of(t, name, &count);
  for (size_t j = 0; j < count; j++)
    ck_assert_msg(values[j] == (taken ? stored(name, j) : DRAWN), "%s[%zu] is %g", name, j, (double)values[j]);
}

/* Row r of a tensor is row from[r] of the file's; -1: as drawn. */
static inline void expect_rows(const target *t, const char *name, const int *from, int rows) {
  size_t count;
  const float *values = values_of(t, name, &count);
  size_t length = count / (size_t)rows;
  for (size_t j = 0; j < count; j++) {
    int row = from[j / length];
    float wanted = row < 0 ? DRAWN : stored(name, (size_t)row * length + j % length);
    ck_assert_msg(values[j] == wanted, "%s[%zu] is %g, not %g", name, j, (double)values[j], (double)wanted);
  }
}

static inline void expect_counts(const yolo_transfer_report *r, int taken, int by_class, int shape, int missing, int unused) {
  const int wanted[] = {taken, by_class, shape, missing, unused};
  for (int k = 0; k < YOLO_TRANSFER_KINDS; k++) ck_assert_msg(r->counts[k] == wanted[k], "kind %d: %d", k, r->counts[k]);
  ck_assert_int_eq(r->count, taken + by_class + shape + missing + unused);
}

#endif
