/* Backward kernels against the plain backward loops: every layout, writing and adding, with and without some of the gradients,
 * the same bits for every number of threads, nothing else touched. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/rng.h"
#include "tests/conformance/gradient.h"

static const double TOLERANCE = 1e-5; /* of ||g - ref|| / ||ref|| */

/* ---- a case with its gradients ---- */

static float *random_values(uint64_t stream, size_t count, double range) {
  yolo_rng rng = {.key = 77, .stream = stream};
  float *values = malloc((count + 1) * sizeof *values);
  for (size_t i = 0; values && i < count; i++) values[i] = (float)(range * (2.0 * yolo_rng_uniform(&rng) - 1));
  return values;
}

/* beta 0 must not read what is there. */
static float *nan_values(size_t count) {
  float *values = malloc((count + 1) * sizeof *values);
  for (size_t i = 0; values && i < count; i++) values[i] = NAN;
  return values;
}

static void without_epilogue(yolo_gradient *g) {
  g->plain = *g->scene.c;
  if (g->scene.id != YOLO_OP_conv2d) return;
  g->attrs = *(const yolo_conv2d_attrs *)g->plain.attrs;
  g->attrs.act1 = g->attrs.act2 = YOLO_ACT_linear;
  g->attrs.residual = false;
  g->plain.attrs = &g->attrs;
  g->plain.n_in = 1;
}

void yolo_gradient_call_make(const yolo_gradient *g, yolo_gradient_call *c) {
  const yolo_scene *s = &g->scene;
  c->call = yolo_scene_call(s, &c->tensors);
  c->up = yolo_tensor_dense(g->up, s->out_shape);
  for (int i = 0; i < g->plain.n_in; i++) {
    c->in[i] = yolo_tensor_dense(g->in[i], g->plain.in[i]);
    c->beta[i] = 0;
  }
  for (int i = 0; i < s->n_param; i++)
    c->param[i] = yolo_tensor_dense(s->spec[i].buffer ? NULL : g->param[i], s->spec[i].shape);
  c->call.training = g->training;
  c->call.seed = 3;
  c->call.saved = g->saved;
  c->call.grad_out = &c->up;
  c->call.grad_in = c->in;
  c->call.beta = c->beta;
  c->call.grad_param = c->param;
}

yolo_status yolo_gradient_make(yolo_gradient *g, yolo_op_id id, int index, bool training) {
  yolo_gradient_call c;
  memset(g, 0, sizeof *g);
  yolo_status st = yolo_scene_make(&g->scene, id, index, YOLO_F32);
  if (st != YOLO_OK) return st;
  yolo_scene *s = &g->scene;
  without_epilogue(g);
  s->c = &g->plain;
  g->training = training;
  if (s->op->saved_size) g->saved_bytes = s->op->saved_size(g->plain.attrs, g->plain.in, s->out_shape);
  g->saved = calloc(g->saved_bytes + 1, 1);
  g->up = random_values(1000 + (uint64_t)index, yolo_shape_count(s->out_shape), 1);
  bool whole = g->saved && g->up;
  for (int i = 0; i < g->plain.n_in; i++) whole &= (g->in[i] = nan_values(yolo_shape_count(g->plain.in[i]))) != NULL;
  for (int i = 0; i < s->n_param; i++)
    whole &= (g->param[i] = calloc(yolo_param_count(&s->spec[i]) + 1, sizeof(float))) != NULL;
  if (!whole) return yolo_fail(YOLO_ENOMEM, "conformance: no memory for the gradients");
  yolo_gradient_call_make(g, &c);
  st = s->op->forward(&c.call);
  return st == YOLO_OK ? s->op->backward(&c.call) : st;
}

void yolo_gradient_free(yolo_gradient *g) {
  for (int i = 0; i < YOLO_CASE_MAX_IN; i++) free(g->in[i]);
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) free(g->param[i]);
  free(g->up);
  free(g->saved);
  yolo_scene_free(&g->scene);
}

/* ---- one variant on one engine ---- */

typedef struct setting {
  const char *name;
  yolo_layout layout;
  bool add;     /* beta 1 */
  bool skip_in; /* dL/d in is not wanted */
  bool skip_param;
  bool over; /* dL/d in[0] is dL/d out's memory */
} setting;

static const setting settings[] = {{"dense", YOLO_LAYOUT_DENSE, false, false, false, false},
                                   {"planned stride", YOLO_LAYOUT_PLANNED, false, false, false, false},
                                   {"view, added", YOLO_LAYOUT_VIEW, true, false, false, false},
                                   {"view", YOLO_LAYOUT_VIEW, false, false, false, false},
                                   {"parameters only", YOLO_LAYOUT_PLANNED, false, true, false, false},
                                   {"inputs only", YOLO_LAYOUT_PLANNED, true, false, true, false},
                                   {"in place", YOLO_LAYOUT_VIEW, false, false, false, true}};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

typedef struct stage {
  yolo_field in[YOLO_CASE_MAX_IN], out, up, grad_in[YOLO_CASE_MAX_IN], grad_param[YOLO_OP_MAX_PARAM], work;
  float *prior[YOLO_CASE_MAX_IN], *prior_param[YOLO_OP_MAX_PARAM];
  yolo_gradient_call c;
} stage;

static void stage_free(stage *t) {
  for (int i = 0; i < YOLO_CASE_MAX_IN; i++) {
    yolo_field_free(&t->in[i]);
    yolo_field_free(&t->grad_in[i]);
    free(t->prior[i]);
  }
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) {
    yolo_field_free(&t->grad_param[i]);
    free(t->prior_param[i]);
  }
  yolo_field_free(&t->out);
  yolo_field_free(&t->up);
  yolo_field_free(&t->work);
}

/* Inputs and what forward left, in this layout; gradients on top of NaN or of what they are added to. */
static yolo_status make_inputs(yolo_gradient *g, const yolo_engine *e, const setting *how, stage *t) {
  yolo_status st = yolo_field_make(e, YOLO_F32, g->scene.out_shape, how->layout, 1, g->up, &t->up);
  if (st == YOLO_OK) st = yolo_field_make(e, YOLO_F32, g->scene.out_shape, how->layout, 2, g->scene.ref, &t->out);
  t->c.up = t->up.tensor;
  t->c.tensors.out = t->out.tensor;
  for (int i = 0; i < g->plain.n_in && st == YOLO_OK; i++) {
    st = yolo_field_make(e, YOLO_F32, g->plain.in[i], how->layout, i, g->scene.in[i], &t->in[i]);
    t->c.tensors.in[i] = t->in[i].tensor;
    t->c.in[i].data = NULL;
    if (how->over && i == 0) t->c.in[0] = t->up.tensor;
    if (st != YOLO_OK || how->skip_in || (how->over && i == 0)) continue;
    if (how->add) t->prior[i] = random_values(50 + (uint64_t)i, yolo_shape_count(g->plain.in[i]), 1);
    st = yolo_field_make(e, YOLO_F32, g->plain.in[i], how->layout, i + 1, t->prior[i], &t->grad_in[i]);
    t->c.in[i] = t->grad_in[i].tensor;
    t->c.beta[i] = how->add;
  }
  return st;
}

static yolo_status make_params(yolo_gradient *g, const yolo_engine *e, const setting *how, stage *t) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < g->scene.n_param && st == YOLO_OK; i++) {
    t->c.param[i].data = NULL;
    if (how->skip_param || g->scene.spec[i].buffer) continue;
    t->prior_param[i] = random_values(60 + (uint64_t)i, yolo_param_count(&g->scene.spec[i]), how->add ? 1 : 0);
    st = yolo_field_make(e, YOLO_F32, g->scene.spec[i].shape, YOLO_LAYOUT_DENSE, 0, t->prior_param[i], &t->grad_param[i]);
    t->c.param[i] = t->grad_param[i].tensor;
  }
  if (st != YOLO_OK || !e->backend->backward_work) return st;
  t->c.call.work_size = e->backend->backward_work(e->device, &t->c.call);
  st = yolo_field_make_block(e, t->c.call.work_size, &t->work);
  t->c.call.work = t->work.tensor.data;
  return st;
}

/* ---- verdicts ---- */

static void fail(const yolo_gradient *g, const yolo_engine *e, const setting *how, yolo_tally *tally, const char *format, ...)
    YOLO_PRINTF(5, 6);
static void fail(const yolo_gradient *g, const yolo_engine *e, const setting *how, yolo_tally *tally, const char *format, ...) {
  va_list args;
  tally->failures++;
  if (tally->printed >= 12) return;
  tally->printed++;
  printf("FAIL gradient of %s: %s, %s: ", g->scene.title, e->name, how->name);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
}

/* ||have - prior - ref|| / ||ref||; an all-zero reference counts absolutely. */
static double error_of(const float *have, const float *prior, const float *ref, size_t count) {
  double error = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    double d = have[i] - (prior ? prior[i] : 0) - (double)ref[i], scale = (prior ? prior[i] : 0) + (double)ref[i];
    error += d * d;
    size += prior ? scale * scale : (double)ref[i] * ref[i];
  }
  return isfinite(error) ? sqrt(error) / (size > 0 ? sqrt(size) : 1) : INFINITY;
}

static uint64_t mix(uint64_t hash, const float *values, size_t count) {
  const unsigned char *p = (const unsigned char *)values;
  for (size_t i = 0; i < count * sizeof *values; i++) hash = (hash ^ p[i]) * 1099511628211u;
  return hash;
}

typedef struct look_at {
  const char *what;
  yolo_field *field;
  const float *prior, *ref;
  size_t count;
} look_at;

static void judge(const yolo_gradient *g, const yolo_engine *e, const setting *how, yolo_tally *tally, const look_at *l,
                  uint64_t *hash) {
  float *have = malloc((l->count + 1) * sizeof *have);
  yolo_status st = YOLO_OK;
  if (!l->field->device || !have) {
    free(have);
    return;
  }
  if (!yolo_field_check(l->field, false, have, &st)) fail(g, e, how, tally, "%s: wrote outside", l->what);
  double error = st == YOLO_OK ? error_of(have, l->prior, l->ref, l->count) : INFINITY;
  if (error > TOLERANCE) fail(g, e, how, tally, "%s: error %.3g is above %.0e", l->what, error, TOLERANCE);
  if (error > tally->worst) {
    tally->worst = error;
    snprintf(tally->where, sizeof tally->where, "gradient, %s, %s", e->name, how->name);
  }
  *hash = mix(*hash, have, l->count);
  free(have);
}

static uint64_t judge_all(yolo_gradient *g, const yolo_engine *e, const setting *how, yolo_tally *tally, stage *t) {
  uint64_t hash = 14695981039346656037u;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < g->plain.n_in; i++) {
    look_at l = {"dL/d in", how->over && i == 0 ? &t->up : &t->grad_in[i], t->prior[i], g->in[i],
                 yolo_shape_count(g->plain.in[i])};
    judge(g, e, how, tally, &l, &hash);
    if (!yolo_field_check(&t->in[i], true, NULL, &st)) fail(g, e, how, tally, "changed an input");
  }
  for (int i = 0; i < g->scene.n_param; i++) {
    look_at l = {g->scene.spec[i].name, &t->grad_param[i], t->prior_param[i], g->param[i], yolo_param_count(&g->scene.spec[i])};
    judge(g, e, how, tally, &l, &hash);
  }
  if (!how->over && !yolo_field_check(&t->up, true, NULL, &st)) fail(g, e, how, tally, "changed dL/d out");
  if (!yolo_field_check(&t->out, true, NULL, &st)) fail(g, e, how, tally, "changed the output");
  if (t->work.device && !yolo_field_check(&t->work, false, NULL, &st)) fail(g, e, how, tally, "wrote outside its scratch");
  return hash;
}

static void run_variant(yolo_gradient *g, const yolo_engine *e, const setting *how, yolo_tally *tally, uint64_t *first) {
  stage t;
  memset(&t, 0, sizeof t);
  yolo_gradient_call_make(g, &t.c);
  yolo_status st = make_inputs(g, e, how, &t);
  if (st == YOLO_OK) st = make_params(g, e, how, &t);
  if (st == YOLO_OK) st = e->backend->run(e->device, YOLO_BACKWARD, &t.c.call);
  tally->runs++;
  if (st != YOLO_OK) {
    fail(g, e, how, tally, "%s", yolo_error_message());
  } else {
    uint64_t hash = judge_all(g, e, how, tally, &t);
    if (*first == 0) *first = hash;
    if (*first != hash) fail(g, e, how, tally, "other bits than with the fewest threads");
  }
  stage_free(&t);
}

/* ---- all of them ---- */

static bool trains_apart(yolo_op_id id) { return id == YOLO_OP_batchnorm || id == YOLO_OP_dropout; }

static void run_engines(const yolo_engines *engines, yolo_gradient *g, yolo_tally *tally) {
  for (int i = 0; i < SETTINGS; i++) {
    if (settings[i].over && !g->scene.op->grad_inplace) continue;
    const yolo_engine *group = NULL;
    uint64_t first = 0;
    for (int k = 0; k < engines->count; k++) {
      const yolo_engine *e = &engines->engine[k];
      if (e->backend->has(g->scene.id, YOLO_BACKWARD) != YOLO_IMPL_FAST || strcmp(e->isa, "reference") == 0) continue;
      if (!group || strcmp(group->isa, e->isa) != 0 || group->backend != e->backend) first = 0;
      group = e;
      run_variant(g, e, &settings[i], tally, &first);
    }
  }
}

void yolo_gradient_run(const yolo_engines *engines, yolo_op_id id, int index, yolo_tally *tally) {
  for (int training = trains_apart(id) ? 0 : 1; training < 2; training++) {
    yolo_gradient g;
    if (yolo_gradient_make(&g, id, index, training == 1) != YOLO_OK) {
      printf("FAIL gradient of %s: %s\n", g.scene.title, yolo_error_message());
      tally->failures++;
    } else {
      tally->runs++;
      tally->failures += yolo_gradient_check_reference(&g);
      run_engines(engines, &g, tally);
      if (training && g.scene.op->saved_size) yolo_training_run(engines, &g, tally);
    }
    yolo_gradient_free(&g);
  }
}
