/* Two sessions of one training and the file between them: what the suites of checkpoints share. */
#ifndef YOLO_TESTS_UNIT_CHECKPOINT_FIXTURE_H
#define YOLO_TESTS_UNIT_CHECKPOINT_FIXTURE_H

#include "tests/unit/session_fixture.h"
#include "train/checkpoint.h"

static const yolo_train_settings adam = {.seed = 7, .optimizer = YOLO_OPTIMIZER_ADAM, .ema = 0.999};
static const yolo_train_settings sgd = {.seed = 7, .optimizer = YOLO_OPTIMIZER_SGD};

static inline const char *file_path(void) { return in_folder("last.ckpt"); }
static inline const char *prev_path(void) { return in_folder("last.ckpt.prev"); }

static inline void clean(void) {
  remove(file_path());
  remove(prev_path());
}

typedef struct pair { /* two sessions of one training */
  yolo_model_spec spec;
  yolo_session a, b;
} pair;

static inline void open_pair(pair *p, const yolo_train_settings *settings, const char *cfg, const char *names) {
  toy_spec(cfg, names, &p->spec);
  toy_session(&p->spec, settings, NULL, &p->a);
  toy_session(&p->spec, settings, NULL, &p->b);
  toy_fill(&p->a, 1);
}

static inline void close_pair(pair *p) {
  toy_release(&p->a);
  toy_release(&p->b);
  yolo_model_spec_release(&p->spec);
}

static const yolo_checkpoint_state nothing = {.best_epoch = -1};

#endif
