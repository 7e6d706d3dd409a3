/* One case of the conformance run: its inputs, what the plain loops make of them, and every variant of the
 * same call on every engine, each judged by five rules:
 *
 *   ||y - ref|| / ||ref|| within the case's tolerance, max|y - ref| <= 1e-4 max|ref|,
 *   nothing written outside the output's channels, inputs and parameters untouched,
 *   the same bits for every number of threads. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/rng.h"
#include "tests/conformance/conformance.h"

typedef struct setting {
  const char *name;
  yolo_layout layout;
  bool in_place; /* out is in[0]'s memory */
  bool resized;  /* parameters packed for a larger map */
  bool joined;   /* every other input is a slice of the output already */
} setting;

static const setting settings[] = {{"dense", YOLO_LAYOUT_DENSE, false, false, false},
                                   {"planned stride", YOLO_LAYOUT_PLANNED, false, false, false},
                                   {"view", YOLO_LAYOUT_VIEW, false, false, false},
                                   {"in place", YOLO_LAYOUT_VIEW, true, false, false},
                                   {"packed for a larger map", YOLO_LAYOUT_PLANNED, false, true, false},
                                   {"joined", YOLO_LAYOUT_VIEW, false, false, true}};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

/* A case with its numbers, all dense and in host memory. */
typedef struct scene {
  yolo_op_id id;
  const yolo_op *op;
  const yolo_case_table *table;
  const yolo_case *c;
  char title[256];
  yolo_shape out_shape;
  float *in[YOLO_CASE_MAX_IN];
  int n_param;
  yolo_param_spec spec[YOLO_OP_MAX_PARAM];
  float *param[YOLO_OP_MAX_PARAM];
  float *ref, *first; /* the plain loops' output; the output of the engine with the fewest threads */
} scene;

/* One variant: the memory of one run. */
typedef struct stage {
  yolo_field in[YOLO_CASE_MAX_IN], param[YOLO_OP_MAX_PARAM], out, pack, work;
  yolo_tensor in_tensor[YOLO_CASE_MAX_IN], param_tensor[YOLO_OP_MAX_PARAM], out_tensor;
  yolo_op_call call;
} stage;

/* --- numbers --- */

static float *random_values(uint64_t key, uint64_t stream, size_t count, double low, double high) {
  yolo_rng rng = {.key = key, .stream = stream};
  float *values = malloc(count * sizeof *values);
  for (size_t i = 0; values && i < count; i++) values[i] = (float)(low + (high - low) * yolo_rng_uniform(&rng));
  return values;
}

/* Weights are scaled so that sums keep the size of the inputs and no activation only saturates. */
static float *random_param(const scene *s, int i, uint64_t key) {
  const yolo_param_spec *spec = &s->spec[i];
  size_t count = yolo_param_count(spec);
  if (strcmp(spec->name, "running_var") == 0) return random_values(key, 100 + (uint64_t)i, count, 0.1, 2);
  double fan_in = s->op->flops && strcmp(spec->name, "weight") == 0 ? (double)spec->b * spec->s : 1;
  double range = fan_in > 1 ? sqrt(3 / fan_in) : 2;
  return random_values(key, 100 + (uint64_t)i, count, -range, range);
}

static yolo_op_call dense_call(const scene *s, stage *g) {
  for (int i = 0; i < s->c->n_in; i++) g->in_tensor[i] = yolo_tensor_dense(s->in[i], s->c->in[i]);
  for (int i = 0; i < s->n_param; i++) g->param_tensor[i] = yolo_tensor_dense(s->param[i], s->spec[i].shape);
  g->out_tensor = yolo_tensor_dense(s->ref, s->out_shape);
  return (yolo_op_call){.id = s->id,
                        .attrs = s->c->attrs,
                        .n_in = s->c->n_in,
                        .n_param = s->n_param,
                        .in = g->in_tensor,
                        .out = &g->out_tensor,
                        .param = g->param_tensor};
}

static void scene_free(scene *s) {
  for (int i = 0; i < YOLO_CASE_MAX_IN; i++) free(s->in[i]);
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) free(s->param[i]);
  free(s->ref);
  free(s->first);
}

static yolo_status scene_make(scene *s, yolo_op_id id, int index) {
  const yolo_case_table *table = yolo_case_table_of(id);
  uint64_t key = (uint64_t)id * 1000 + (uint64_t)index;
  stage g = {0};
  yolo_op_call call;
  yolo_status st;
  *s = (scene){.id = id, .op = yolo_op_get(id), .table = table, .c = &table->cases[index]};
  yolo_case_title(id, index, s->title, sizeof s->title);
  st = s->op->shape(s->c->attrs, s->c->n_in, s->c->in, &s->out_shape);
  if (st != YOLO_OK) return st;
  bool whole = true;
  double range = s->c->range > 0 ? s->c->range : 2;
  for (int i = 0; i < s->c->n_in; i++)
    whole &= (s->in[i] = random_values(key, (uint64_t)i, yolo_shape_count(s->c->in[i]), -range, range)) != NULL;
  s->n_param = s->op->params ? s->op->params(s->c->attrs, s->c->n_in, s->c->in, s->spec) : 0;
  for (int i = 0; i < s->n_param; i++) whole &= (s->param[i] = random_param(s, i, key)) != NULL;
  whole &= (s->ref = malloc(yolo_shape_count(s->out_shape) * sizeof(float))) != NULL;
  whole &= (s->first = malloc(yolo_shape_count(s->out_shape) * sizeof(float))) != NULL;
  if (!whole) return yolo_fail(YOLO_ENOMEM, "conformance: no memory for the case");
  call = dense_call(s, &g);
  return s->op->forward(&call);
}

/* --- one variant --- */

static void stage_free(stage *g) {
  for (int i = 0; i < YOLO_CASE_MAX_IN; i++) yolo_field_free(&g->in[i]);
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) yolo_field_free(&g->param[i]);
  yolo_field_free(&g->out);
  yolo_field_free(&g->pack);
  yolo_field_free(&g->work);
}

/* The packed parameters, made by a call that sees host parameters and shapes only. */
static yolo_status make_pack(const scene *s, const yolo_engine *e, const setting *how, int thrift, stage *g) {
  stage shapes = {0};
  yolo_op_call call = dense_call(s, &shapes);
  for (int i = 0; i < s->c->n_in; i++) shapes.in_tensor[i].data = NULL;
  shapes.out_tensor.data = NULL;
  if (how->resized) {
    yolo_shape big = {1, s->c->in[0].h * 3 + 20, s->c->in[0].w * 3 + 20, s->c->in[0].c}, ins[2] = {big, big};
    yolo_conv2d_attrs plain = *(const yolo_conv2d_attrs *)s->c->attrs; /* only conv2d is resizable */
    plain.residual = false;
    yolo_status st = s->op->shape(&plain, 1, ins, &shapes.out_tensor.shape);
    if (st != YOLO_OK) return st;
    shapes.in_tensor[0].shape = big;
    if (s->c->n_in > 1) shapes.in_tensor[1].shape = shapes.out_tensor.shape;
  }
  size_t bytes = e->backend->sizes(e->device, &call, thrift).pack;
  if (bytes == 0) return YOLO_OK;
  yolo_status st = yolo_field_make_block(e, bytes, &g->pack);
  if (st == YOLO_OK) st = e->backend->pack(e->device, &call, thrift, g->pack.tensor.data);
  if (st == YOLO_OK && !yolo_field_accept(&g->pack, &st))
    return yolo_fail(YOLO_EINVAL, "packing wrote outside the %zu bytes it asked for", bytes);
  return st;
}

/* The output's memory, with every other input already in its channels. */
static yolo_status make_joined(const scene *s, const yolo_engine *e, const setting *how, stage *g) {
  size_t wide = (size_t)s->out_shape.c, pixels = yolo_shape_pixels(s->out_shape), first = 0;
  float *values = malloc(pixels * wide * sizeof *values);
  if (!values) return yolo_fail(YOLO_ENOMEM, "conformance: no memory");
  for (size_t i = 0; i < pixels * wide; i++) values[i] = NAN;
  for (int i = 0; i < s->c->n_in; first += (size_t)s->c->in[i++].c)
    for (size_t p = 0; p < pixels && i % 2 == 0; p++)
      memcpy(values + p * wide + first, s->in[i] + p * (size_t)s->c->in[i].c, (size_t)s->c->in[i].c * sizeof *values);
  yolo_status st = yolo_field_make(e, s->out_shape, how->layout, 0, values, &g->out);
  first = 0;
  for (int i = 0; i < s->c->n_in && st == YOLO_OK; first += (size_t)s->c->in[i++].c)
    if (i % 2 == 0)
      g->in_tensor[i] = (yolo_tensor){(float *)g->out.tensor.data + first, YOLO_F32, s->c->in[i], g->out.tensor.stride};
  free(values);
  return st;
}

static yolo_status stage_make(const scene *s, const yolo_engine *e, const setting *how, int thrift, stage *g) {
  yolo_status st = make_pack(s, e, how, thrift, g);
  g->call = dense_call(s, g);
  if (st == YOLO_OK && how->joined) st = make_joined(s, e, how, g);
  for (int i = 0; i < s->c->n_in && st == YOLO_OK; i++) {
    if (how->joined && i % 2 == 0) continue;
    st = yolo_field_make(e, s->c->in[i], how->layout, i, s->in[i], &g->in[i]);
    g->in_tensor[i] = g->in[i].tensor;
  }
  for (int i = 0; i < s->n_param && st == YOLO_OK; i++) {
    g->param_tensor[i].data = NULL;
    if (g->pack.device) continue;
    st = yolo_field_make(e, s->spec[i].shape, YOLO_LAYOUT_DENSE, 0, s->param[i], &g->param[i]);
    g->param_tensor[i] = g->param[i].tensor;
  }
  if (st == YOLO_OK && !how->in_place && !how->joined)
    st = yolo_field_make(e, s->out_shape, how->layout, s->c->n_in, NULL, &g->out);
  if (st != YOLO_OK) return st;
  g->out_tensor = how->in_place ? g->in[0].tensor : g->out.tensor;
  g->call.packed = g->pack.device ? g->pack.tensor.data : NULL;
  g->call.work_size = e->backend->sizes(e->device, &g->call, thrift).work;
  if ((st = yolo_field_make_block(e, g->call.work_size, &g->work)) != YOLO_OK) return st;
  g->call.work = g->work.tensor.data;
  return YOLO_OK;
}

/* Returns what was trampled on, NULL when nothing; `out` gets the output. */
static const char *look(const scene *s, const setting *how, stage *g, float *out, yolo_status *st) {
  const char *trampled = NULL;
  if (!yolo_field_check(how->in_place ? &g->in[0] : &g->out, false, out, st)) trampled = "wrote outside the output's channels";
  for (int i = how->in_place ? 1 : 0; i < s->c->n_in && *st == YOLO_OK; i++)
    if (g->in[i].device && !yolo_field_check(&g->in[i], true, NULL, st)) trampled = "changed an input";
  for (int i = 0; i < s->n_param && *st == YOLO_OK && g->param[i].device; i++)
    if (!yolo_field_check(&g->param[i], true, NULL, st)) trampled = "changed a parameter";
  if (*st == YOLO_OK && !yolo_field_check(&g->work, false, NULL, st)) trampled = "wrote outside its scratch";
  if (*st == YOLO_OK && g->pack.device && !yolo_field_check(&g->pack, true, NULL, st))
    trampled = "changed its packed parameters";
  return trampled;
}

typedef struct verdict {
  double norm, peak; /* ||y-ref||/||ref||, max|y-ref|/max|ref|; infinite where a NaN is among them */
} verdict;

static verdict compare(const float *y, const float *ref, size_t count) {
  double sum = 0, ref_sum = 0, max = 0, ref_max = 0;
  for (size_t i = 0; i < count; i++) {
    double d = fabs((double)y[i] - ref[i]);
    if (isnan(d)) d = INFINITY;
    sum += d * d;
    ref_sum += (double)ref[i] * ref[i];
    max = fmax(max, d);
    ref_max = fmax(ref_max, fabs(ref[i]));
  }
  if (max == 0) return (verdict){0, 0};
  return (verdict){ref_sum > 0 ? sqrt(sum / ref_sum) : INFINITY, ref_max > 0 ? max / ref_max : INFINITY};
}

/* --- verdicts --- */

typedef struct run {
  const scene *s;
  const yolo_engine *e;
  const setting *how;
  int thrift;
  yolo_tally *tally;
} run;

static void run_name(const run *r, char *text, size_t size) {
  snprintf(text, size, "%s%s%s, %d thread%s, %s, thrift %d", r->e->backend->name, *r->e->isa ? " " : "", r->e->isa,
           r->e->threads, r->e->threads == 1 ? "" : "s", r->how->name, r->thrift);
}

static void fail(const run *r, const char *format, ...) YOLO_PRINTF(2, 3);
static void fail(const run *r, const char *format, ...) {
  char name[128];
  va_list args;
  run_name(r, name, sizeof name);
  printf("FAIL %s: %s: ", r->s->title, name);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
  r->tally->failures++;
}

static void judge(const run *r, const float *out, const char *trampled, bool first) {
  const scene *s = r->s;
  size_t count = yolo_shape_count(s->out_shape);
  double limit = s->table->exact ? 0 : s->table->tolerance ? s->table->tolerance(s->c) : 1e-6;
  verdict v = compare(out, s->ref, count);
  if (trampled) fail(r, "%s", trampled);
  if (v.norm > limit) fail(r, "error %.3g is above %.0e", v.norm, limit);
  if (v.peak > 1e-4) fail(r, "the largest error is %.3g of the largest value, above 1e-4", v.peak);
  if (first)
    memcpy(s->first, out, count * sizeof *out);
  else if (memcmp(s->first, out, count * sizeof *out) != 0)
    fail(r, "other bits than with the fewest threads");
  if (v.norm > r->tally->worst || !*r->tally->where) {
    char name[128];
    run_name(r, name, sizeof name);
    r->tally->worst = v.norm;
    snprintf(r->tally->where, sizeof r->tally->where, "case %d, %s", (int)(s->c - s->table->cases), name);
  }
}

static void run_variant(const run *r, bool first) {
  stage g = {0};
  float *out = malloc(yolo_shape_count(r->s->out_shape) * sizeof *out);
  const char *trampled = NULL;
  yolo_status st = out ? stage_make(r->s, r->e, r->how, r->thrift, &g) : yolo_fail(YOLO_ENOMEM, "conformance: no memory");
  if (st == YOLO_OK) st = r->e->backend->run(r->e->device, YOLO_FORWARD, &g.call);
  if (st == YOLO_OK) st = r->e->backend->sync(r->e->device);
  if (st == YOLO_OK) trampled = look(r->s, r->how, &g, out, &st);
  r->tally->runs++;
  if (st != YOLO_OK)
    fail(r, "%s", yolo_error_message());
  else
    judge(r, out, trampled, first);
  stage_free(&g);
  free(out);
}

/* Thrift levels that ask for as many bytes as the one before have the same layout. */
static bool thrift_differs(const scene *s, const yolo_engine *e, int thrift) {
  stage shapes = {0};
  yolo_op_call call = dense_call(s, &shapes);
  if (thrift == 0) return true;
  return e->backend->sizes(e->device, &call, thrift).pack != e->backend->sizes(e->device, &call, thrift - 1).pack;
}

/* Plain loops are the same for every instruction set and know no threads: one engine a backend is enough. */
static bool plain(const yolo_engine *e, yolo_op_id id) {
  return strcmp(e->isa, "reference") == 0 || e->backend->has(id, YOLO_FORWARD) == YOLO_IMPL_REF;
}

static bool same_group(const yolo_engine *a, const yolo_engine *b) {
  return a->backend == b->backend && strcmp(a->isa, b->isa) == 0;
}

/* Engines [begin, end) differ only in their number of threads. */
static void run_group(const yolo_engines *engines, int begin, int end, const scene *s, yolo_tally *tally) {
  for (int i = 0; i < SETTINGS; i++) {
    const setting *how = &settings[i];
    if (how->in_place && !s->op->inplace) continue;
    if ((how->resized && !s->table->resizable) || (how->joined && !s->table->joins)) continue;
    for (int thrift = 0; thrift <= YOLO_THRIFT_MAX; thrift++) {
      if (!thrift_differs(s, &engines->engine[begin], thrift)) continue;
      for (int e = begin; e < end; e++) {
        run r = {s, &engines->engine[e], how, thrift, tally};
        run_variant(&r, e == begin);
      }
    }
  }
}

void yolo_case_run(const yolo_engines *engines, yolo_op_id id, int index, yolo_tally *tally) {
  scene s;
  yolo_status st = scene_make(&s, id, index);
  if (st != YOLO_OK) {
    printf("FAIL %s: %s\n", s.title, yolo_error_message());
    tally->failures++;
  }
  const yolo_backend *plain_done = NULL;
  for (int begin = 0, end; begin < engines->count && st == YOLO_OK; begin = end) {
    const yolo_engine *e = &engines->engine[begin];
    for (end = begin; end < engines->count && same_group(e, &engines->engine[end]);) end++;
    if (e->backend->has(id, YOLO_FORWARD) == YOLO_IMPL_NONE) continue;
    if (plain(e, id) && plain_done == e->backend) continue;
    if (plain(e, id)) plain_done = e->backend;
    run_group(engines, begin, plain(e, id) ? begin + 1 : end, &s, tally);
  }
  scene_free(&s);
}
