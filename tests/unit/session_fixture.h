/* A small network to train, its session made by hand: what a file of its state needs, and no loss. */
#ifndef YOLO_TESTS_UNIT_SESSION_FIXTURE_H
#define YOLO_TESTS_UNIT_SESSION_FIXTURE_H

#include "backbone/base/rng.h"
#include "tests/unit/train_fixture.h"
#include "train/session.h"

#define TOY_NET "[net]\nwidth=32\nheight=32\nchannels=3\n"
#define TOY_BODY                                                                               \
  "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=4\npad=1\nactivation=leaky\n" \
  "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
#define TOY_HEAD                                             \
  "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n" \
  "[yolo]\nmask=0,1\nanchors=4,6, 10,12\nclasses=2\nnum=2\n"
static const char toy_cfg[] = TOY_NET TOY_BODY TOY_HEAD;

/* names: one a line; NULL: numbers. */
static inline void toy_spec(const char *cfg, const char *names, yolo_model_spec *out) {
  yolo_model_options options = {0};
  put_text(in_folder("toy.cfg"), cfg);
  if (names) {
    options.names = in_folder("toy.names");
    put_text(options.names, names);
  }
  MUST(yolo_model_spec_load(in_folder("toy.cfg"), &options, out));
  remove(in_folder("toy.cfg"));
  remove(in_folder("toy.names"));
}

/* learns: as yolo_trainer_options. */
static inline void toy_session(const yolo_model_spec *spec, const yolo_train_settings *settings, const bool *learns,
                               yolo_session *out) {
  yolo_trainer_options options = {.device = {.threads = 1}, .learns = learns};
  yolo_optimizer_options optimizer = yolo_optimizer_defaults((yolo_optimizer_kind)settings->optimizer);
  *out = (yolo_session){.settings = settings, .spec = spec, .width = spec->width, .height = spec->height, .threads = 1};
  MUST(yolo_trainer_new(spec->graph, &options, &out->trainer));
  yolo_trainer_values(out->trainer, &out->n_values);
  MUST(yolo_optimizer_new(&optimizer, out->n_values, &out->optimizer));
  if (settings->ema > 0) {
    ck_assert_ptr_nonnull(out->ema = yolo_alloc_arena(out->n_values * sizeof *out->ema));
    memset(out->ema, 0, out->n_values * sizeof *out->ema);
  }
}

static inline void toy_release(yolo_session *session) {
  yolo_optimizer_release(&session->optimizer);
  yolo_trainer_free(session->trainer);
  yolo_free(session->ema);
}

/* Bits of a state, NaN and infinities among them: moments only where something is learned. */
static inline void toy_fill(yolo_session *s, uint64_t seed) {
  const yolo_graph *graph = yolo_trainer_graph(s->trainer);
  float *const arrays[] = {yolo_trainer_values(s->trainer, NULL), s->ema, s->optimizer.moments[0], s->optimizer.moments[1]};
  for (int k = 0; k < 4; k++) {
    for (int i = 0; arrays[k] && i < graph->n_params; i++) {
      yolo_trainer_param p = yolo_trainer_param_at(s->trainer, i);
      yolo_rng rng = {seed, (uint64_t)(k * 1000 + i), 0};
      for (size_t j = 0; j < p.count && (k < 2 || p.grad); j++) {
        uint32_t bits = yolo_rng_u32(&rng);
        memcpy(&arrays[k][p.offset + j], &bits, sizeof bits);
      }
    }
  }
  s->optimizer.steps = seed;
  s->seen = seed * 16;
}

static inline void expect_same_state(const yolo_session *a, const yolo_session *b) {
  ck_assert_uint_eq(a->n_values, b->n_values);
  size_t bytes = a->n_values * sizeof(float);
  ck_assert_int_eq(memcmp(yolo_trainer_values(a->trainer, NULL), yolo_trainer_values(b->trainer, NULL), bytes), 0);
  ck_assert(!a->ema == !b->ema);
  if (a->ema) ck_assert_int_eq(memcmp(a->ema, b->ema, bytes), 0);
  for (int k = 0; k < a->optimizer.n_moments; k++)
    ck_assert_int_eq(memcmp(a->optimizer.moments[k], b->optimizer.moments[k], bytes), 0);
  ck_assert_uint_eq(a->optimizer.steps, b->optimizer.steps);
  ck_assert_uint_eq(a->seen, b->seen);
}

#endif
