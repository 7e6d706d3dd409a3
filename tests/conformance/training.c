/* Forward passes in training mode against the plain loops: what they compute, what they leave for backward, how they move
 * running statistics; the same bits for every number of threads. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/conformance/gradient.h"

static const double TOLERANCE = 2e-6; /* of ||y - ref|| / ||ref|| */

typedef struct setting {
  const char *name;
  yolo_layout layout;
  bool in_place;
} setting;

static const setting settings[] = {{"dense", YOLO_LAYOUT_DENSE, false},
                                   {"planned stride", YOLO_LAYOUT_PLANNED, false},
                                   {"view", YOLO_LAYOUT_VIEW, false},
                                   {"in place", YOLO_LAYOUT_VIEW, true}};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

/* One run: its tensors, and the parameters as it leaves them. */
typedef struct run {
  const yolo_gradient *g;
  const yolo_engine *e;
  const setting *how;
  yolo_tally *tally;
  yolo_field in, out, work, saved;
  float *param[YOLO_OP_MAX_PARAM];
  yolo_scene_tensors tensors;
  yolo_op_call call;
} run;

static void fail(const run *r, const char *format, ...) YOLO_PRINTF(2, 3);
static void fail(const run *r, const char *format, ...) {
  va_list args;
  r->tally->failures++;
  if (r->tally->printed >= 12) return;
  r->tally->printed++;
  printf("FAIL training of %s: %s, %s: ", r->g->scene.title, r->e->name, r->how->name);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
}

static void run_free(run *r) {
  yolo_field_free(&r->in);
  yolo_field_free(&r->out);
  yolo_field_free(&r->work);
  yolo_field_free(&r->saved);
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) free(r->param[i]);
}

static yolo_status copy_params(run *r) {
  const yolo_scene *s = &r->g->scene;
  for (int i = 0; i < s->n_param; i++) {
    const size_t bytes = yolo_param_count(&s->spec[i]) * sizeof(float);
    r->param[i] = malloc(bytes);
    if (!r->param[i]) return yolo_fail(YOLO_ENOMEM, "conformance: no memory");
    memcpy(r->param[i], s->param[i], bytes);
    r->tensors.param[i].data = r->param[i];
  }
  return YOLO_OK;
}

/* Ops that save something have one input. */
static yolo_status run_make(run *r) {
  const yolo_scene *s = &r->g->scene;
  r->call = yolo_scene_call(s, &r->tensors);
  r->call.training = true;
  r->call.seed = 3;
  yolo_status st = copy_params(r);
  if (st == YOLO_OK) st = yolo_field_make(r->e, YOLO_F32, s->c->in[0], r->how->layout, 0, s->in[0], &r->in);
  if (st == YOLO_OK) st = yolo_field_make(r->e, YOLO_F32, s->out_shape, r->how->layout, 1, NULL, &r->out);
  if (st == YOLO_OK) st = yolo_field_make_block(r->e, r->g->saved_bytes, &r->saved);
  if (st == YOLO_OK) st = yolo_field_make_block(r->e, r->e->backend->sizes(r->e->device, &r->call, 0).work, &r->work);
  if (st == YOLO_OK) memset(r->saved.tensor.data, 0, r->g->saved_bytes); /* there may be gaps; as where the plain loops saved */
  r->tensors.in[0] = r->in.tensor;
  r->tensors.out = r->how->in_place ? r->in.tensor : r->out.tensor;
  r->call.saved = r->saved.tensor.data;
  r->call.work = r->work.tensor.data;
  return st;
}

static bool near_enough(const void *have_values, const void *want_values, size_t count) {
  const float *have = have_values, *want = want_values;
  double error = 0, size = 0;
  for (size_t i = 0; i < count; i++) {
    error += ((double)have[i] - want[i]) * ((double)have[i] - want[i]);
    size += (double)want[i] * want[i];
  }
  return sqrt(error) <= TOLERANCE * sqrt(size); /* false for a NaN */
}

static void judge(const run *r, yolo_gradient_call *plain, float *have) {
  const yolo_scene *s = &r->g->scene;
  yolo_status st = YOLO_OK;
  yolo_field *out = (yolo_field *)(r->how->in_place ? &r->in : &r->out);
  if (!yolo_field_check(out, false, have, &st)) fail(r, "wrote outside the output's channels");
  if (!near_enough(have, plain->tensors.out.data, yolo_shape_count(s->out_shape))) fail(r, "another output");
  if (!r->how->in_place && !yolo_field_check((yolo_field *)&r->in, true, NULL, &st)) fail(r, "changed its input");
  if (!yolo_field_check((yolo_field *)&r->work, false, NULL, &st)) fail(r, "wrote outside its scratch");
  if (!yolo_field_check((yolo_field *)&r->saved, false, NULL, &st)) fail(r, "saved more than it may");
  const bool floats = s->id == YOLO_OP_batchnorm;
  if (floats ? !near_enough(r->call.saved, r->g->saved, r->g->saved_bytes / sizeof(float))
             : memcmp(r->call.saved, r->g->saved, r->g->saved_bytes) != 0)
    fail(r, "saved something else");
  for (int i = 0; i < s->n_param; i++)
    if (!near_enough(r->param[i], plain->tensors.param[i].data, yolo_param_count(&s->spec[i])))
      fail(r, "another %s", s->spec[i].name);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
  return hash;
}

static void run_one(run *r, yolo_gradient_call *plain, float *have, uint64_t *first) {
  const yolo_scene *s = &r->g->scene;
  yolo_status st = run_make(r);
  if (st == YOLO_OK) st = r->e->backend->run(r->e->device, YOLO_FORWARD, &r->call);
  r->tally->runs++;
  if (st != YOLO_OK) {
    fail(r, "%s", yolo_error_message());
    return;
  }
  judge(r, plain, have);
  uint64_t hash = mix(14695981039346656037u, have, yolo_shape_count(s->out_shape) * sizeof *have);
  hash = mix(hash, r->call.saved, r->g->saved_bytes);
  for (int i = 0; i < s->n_param; i++) hash = mix(hash, r->param[i], yolo_param_count(&s->spec[i]) * sizeof(float));
  if (*first == 0) *first = hash;
  if (*first != hash) fail(r, "other bits than with the fewest threads");
}

static void run_engines(const yolo_engines *engines, yolo_gradient *g, yolo_gradient_call *plain, float *have,
                        yolo_tally *tally) {
  for (int i = 0; i < SETTINGS; i++) {
    const yolo_engine *group = NULL;
    uint64_t first = 0;
    if (settings[i].in_place && !g->scene.op->inplace) continue;
    for (int k = 0; k < engines->count; k++) {
      const yolo_engine *e = &engines->engine[k];
      run r = {.g = g, .e = e, .how = &settings[i], .tally = tally};
      if (!e->backend->host_memory) continue; /* no training there */
      if (!group || strcmp(group->isa, e->isa) != 0) first = 0;
      group = e;
      run_one(&r, plain, have, &first);
      run_free(&r);
    }
  }
}

void yolo_training_run(const yolo_engines *engines, yolo_gradient *g, yolo_tally *tally) {
  const yolo_scene *s = &g->scene;
  yolo_gradient_call plain;
  run r = {.g = g}; /* whose parameters the plain loops move */
  float *have = malloc(yolo_shape_count(s->out_shape) * sizeof *have);
  yolo_gradient_call_make(g, &plain);
  yolo_status st = have ? copy_params(&r) : yolo_fail(YOLO_ENOMEM, "conformance: no memory");
  for (int i = 0; i < s->n_param; i++) plain.tensors.param[i].data = r.param[i];
  if (st == YOLO_OK) st = s->op->forward(&plain.call);
  if (st == YOLO_OK)
    run_engines(engines, g, &plain, have, tally);
  else
    printf("FAIL training of %s: %s\n", s->title, yolo_error_message());
  tally->failures += st != YOLO_OK;
  run_free(&r);
  free(have);
}
