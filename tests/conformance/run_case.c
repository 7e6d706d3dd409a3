/* One case of the conformance run on every engine: every variant of the same call, each judged by these rules:
 *
 *   ||y - ref|| / ||ref|| and max|y - ref| / max|ref| within the bounds of the case and of the engine's precision,
 *   nothing written outside the output's channels, inputs and parameters untouched,
 *   the same bits for every number of threads, and every time on a deterministic device. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* One variant: the memory of one run. */
typedef struct stage {
  yolo_field in[YOLO_CASE_MAX_IN], param[YOLO_OP_MAX_PARAM], out, pack, work;
  yolo_scene_tensors tensors;
  yolo_op_call call;
} stage;

/* --- one variant --- */

static void stage_free(stage *g) {
  for (int i = 0; i < YOLO_CASE_MAX_IN; i++) yolo_field_free(&g->in[i]);
  for (int i = 0; i < YOLO_OP_MAX_PARAM; i++) yolo_field_free(&g->param[i]);
  yolo_field_free(&g->out);
  yolo_field_free(&g->pack);
  yolo_field_free(&g->work);
}

/* Shapes of a convolution on a larger map. */
static yolo_status enlarge(const yolo_scene *s, yolo_scene_tensors *shapes) {
  yolo_shape big = {1, s->c->in[0].h * 3 + 20, s->c->in[0].w * 3 + 20, s->c->in[0].c}, ins[2] = {big, big};
  yolo_conv2d_attrs plain = *(const yolo_conv2d_attrs *)s->c->attrs; /* only conv2d is resizable */
  plain.residual = false;
  yolo_status st = s->op->shape(&plain, 1, ins, &shapes->out.shape);
  if (st != YOLO_OK) return st;
  shapes->in[0].shape = big;
  if (s->c->n_in > 1) shapes->in[1].shape = shapes->out.shape;
  return YOLO_OK;
}

/* The packed parameters, made by a call that sees host parameters and shapes only. */
static yolo_status make_pack(const yolo_scene *s, const yolo_engine *e, const setting *how, int thrift, stage *g) {
  yolo_scene_tensors shapes;
  yolo_op_call call = yolo_scene_plan(s, &shapes);
  yolo_status st = how->resized ? enlarge(s, &shapes) : YOLO_OK;
  if (st != YOLO_OK) return st;
  size_t bytes = e->backend->sizes(e->device, &call, thrift).pack;
  if (bytes == 0) return YOLO_OK;
  st = yolo_field_make_block(e, bytes, &g->pack);
  if (st == YOLO_OK) st = e->backend->pack(e->device, &call, thrift, g->pack.tensor.data);
  if (st == YOLO_OK && !yolo_field_accept(&g->pack, &st))
    return yolo_fail(YOLO_EINVAL, "packing wrote outside the %zu bytes it asked for", bytes);
  return st;
}

/* As much scratch as the op asks for when it knows only shapes and its packed parameters, as a network plans it. */
static yolo_status make_work(const yolo_scene *s, const yolo_engine *e, int thrift, stage *g) {
  yolo_scene_tensors shapes;
  yolo_op_call call = yolo_scene_plan(s, &shapes);
  call.packed = g->call.packed;
  g->call.work_size = e->backend->sizes(e->device, &call, thrift).work;
  yolo_status st = yolo_field_make_block(e, g->call.work_size, &g->work);
  g->call.work = g->work.tensor.data;
  return st;
}

/* The output's memory, with every other input already in its channels. */
static yolo_status make_joined(const yolo_scene *s, const yolo_engine *e, const setting *how, stage *g) {
  size_t wide = (size_t)s->out_shape.c, pixels = yolo_shape_pixels(s->out_shape), first = 0;
  float *values = malloc(pixels * wide * sizeof *values);
  if (!values) return yolo_fail(YOLO_ENOMEM, "conformance: no memory");
  for (size_t i = 0; i < pixels * wide; i++) values[i] = NAN;
  for (int i = 0; i < s->c->n_in; first += (size_t)s->c->in[i++].c)
    for (size_t p = 0; p < pixels && i % 2 == 0; p++)
      memcpy(values + p * wide + first, s->in[i] + p * (size_t)s->c->in[i].c, (size_t)s->c->in[i].c * sizeof *values);
  yolo_status st = yolo_field_make(e, e->dtype, s->out_shape, how->layout, 0, values, &g->out);
  first = 0;
  for (int i = 0; i < s->c->n_in && st == YOLO_OK; first += (size_t)s->c->in[i++].c) {
    char *slice = (char *)g->out.tensor.data + first * yolo_dtype_size(e->dtype);
    if (i % 2 == 0) g->tensors.in[i] = (yolo_tensor){slice, e->dtype, s->c->in[i], g->out.tensor.stride};
  }
  free(values);
  return st;
}

static yolo_status stage_make(const yolo_scene *s, const yolo_engine *e, const setting *how, int thrift, stage *g) {
  yolo_status st = make_pack(s, e, how, thrift, g);
  g->call = yolo_scene_call(s, &g->tensors);
  if (st == YOLO_OK && how->joined) st = make_joined(s, e, how, g);
  for (int i = 0; i < s->c->n_in && st == YOLO_OK; i++) {
    if (how->joined && i % 2 == 0) continue;
    st = yolo_field_make(e, e->dtype, s->c->in[i], how->layout, i, s->in[i], &g->in[i]);
    g->tensors.in[i] = g->in[i].tensor;
  }
  for (int i = 0; i < s->n_param && st == YOLO_OK; i++) {
    g->tensors.param[i].data = NULL;
    if (g->pack.device) continue;
    st = yolo_field_make(e, YOLO_F32, s->spec[i].shape, YOLO_LAYOUT_DENSE, 0, s->param[i], &g->param[i]);
    g->tensors.param[i] = g->param[i].tensor;
  }
  if (st == YOLO_OK && !how->in_place && !how->joined)
    st = yolo_field_make(e, e->dtype, s->out_shape, how->layout, s->c->n_in, NULL, &g->out);
  if (st != YOLO_OK) return st;
  g->tensors.out = how->in_place ? g->in[0].tensor : g->out.tensor;
  g->call.packed = g->pack.device ? g->pack.tensor.data : NULL;
  return make_work(s, e, thrift, g);
}

/* Returns what was trampled on, NULL when nothing; `out` gets the output. */
static const char *look(const yolo_scene *s, const setting *how, stage *g, float *out, yolo_status *st) {
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

/* The bounds: those of the case for plain fp32; a few roundings of the inputs or the output otherwise. Only products are
 * made in tf32. */
static verdict bounds(const yolo_scene *s, const yolo_engine *e) {
  static const double norms[] = {[YOLO_PRECISION_TF32] = 2e-3, [YOLO_PRECISION_FP16] = 2e-3, [YOLO_PRECISION_BF16] = 1e-2};
  const bool plain =
      e->precision == YOLO_PRECISION_FP32 || (e->precision == YOLO_PRECISION_TF32 && !yolo_case_multiplies(s->id));
  if (s->table->exact) return (verdict){0, INFINITY}; /* the first says it all */
  if (plain) return (verdict){s->table->tolerance ? s->table->tolerance(s->c) : 1e-6, 1e-4};
  return (verdict){norms[e->precision], 10 * norms[e->precision]};
}

/* --- verdicts --- */

typedef struct run {
  const yolo_scene *s;
  const yolo_engine *e;
  int engine; /* its number */
  const setting *how;
  int thrift;
  yolo_tally *tally;
} run;

enum { MOST_LINES = 12, MOST_LINES_OF_ONE = 4 }; /* FAIL lines of an op, and of one engine among them */

static void run_name(const run *r, char *text, size_t size) {
  snprintf(text, size, "%s, %s, thrift %d", r->e->name, r->how->name, r->thrift);
}

static void fail(const run *r, const char *format, ...) YOLO_PRINTF(2, 3);
static void fail(const run *r, const char *format, ...) {
  char name[128];
  va_list args;
  r->tally->failures++;
  if (r->tally->of[r->engine].failures++ >= MOST_LINES_OF_ONE || r->tally->printed >= MOST_LINES) return;
  r->tally->printed++;
  run_name(r, name, sizeof name);
  printf("FAIL %s: %s: ", r->s->title, name);
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
}

static void remember_worst(const run *r, double norm) {
  yolo_tally *tally = r->tally;
  if (norm > tally->of[r->engine].worst) tally->of[r->engine].worst = norm;
  if (norm <= tally->worst && *tally->where) return;
  char name[128];
  run_name(r, name, sizeof name);
  tally->worst = norm;
  snprintf(tally->where, sizeof tally->where, "case %d, %s", (int)(r->s->c - r->s->table->cases), name);
}

static void judge(const run *r, const float *out, const char *trampled, bool first) {
  const yolo_scene *s = r->s;
  size_t count = yolo_shape_count(s->out_shape);
  verdict limit = bounds(s, r->e), v = compare(out, s->ref, count);
  if (trampled) fail(r, "%s", trampled);
  if (v.norm > limit.norm) fail(r, "error %.3g is above %.0e", v.norm, limit.norm);
  if (v.peak > limit.peak) fail(r, "the largest error is %.3g of the largest value, above %.0e", v.peak, limit.peak);
  if (first)
    memcpy(s->first, out, count * sizeof *out);
  else if (memcmp(s->first, out, count * sizeof *out) != 0)
    fail(r, "other bits than %s", r->e->deterministic ? "a moment ago" : "with the fewest threads");
  remember_worst(r, v.norm);
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
  r->tally->of[r->engine].runs++;
  if (st != YOLO_OK)
    fail(r, "%s", yolo_error_message());
  else
    judge(r, out, trampled, first);
  stage_free(&g);
  free(out);
}

/* --- all variants --- */

/* Thrift levels that ask for as many bytes as the one before have the same layout. */
static bool thrift_differs(const yolo_scene *s, const yolo_engine *e, int thrift) {
  yolo_scene_tensors shapes;
  yolo_op_call call = yolo_scene_plan(s, &shapes);
  if (thrift == 0) return true;
  return e->backend->sizes(e->device, &call, thrift).pack != e->backend->sizes(e->device, &call, thrift - 1).pack;
}

/* Plain loops are the same for every instruction set and know no threads: one engine a backend is enough. */
static bool plain(const yolo_engine *e, yolo_op_id id) {
  return strcmp(e->isa, "reference") == 0 || e->backend->has(id, YOLO_FORWARD) == YOLO_IMPL_REF;
}

static bool same_group(const yolo_engine *a, const yolo_engine *b) {
  return a->backend == b->backend && strcmp(a->isa, b->isa) == 0 && a->precision == b->precision &&
         strcmp(a->conv, b->conv) == 0 && a->deterministic == b->deterministic;
}

/* Where nothing is multiplied, engines that differ in their convolutions only are the same. */
static bool repeats(const yolo_engines *engines, int index, yolo_op_id id) {
  const yolo_engine *e = &engines->engine[index];
  for (int i = 0; i < index && !yolo_case_multiplies(id); i++) {
    const yolo_engine *other = &engines->engine[i];
    if (other->backend == e->backend && other->precision == e->precision && other->deterministic == e->deterministic &&
        strcmp(other->conv, e->conv) != 0)
      return true;
  }
  return false;
}

/* Engines [begin, end) differ only in their number of threads. */
static void run_group(const yolo_engines *engines, int begin, int end, const yolo_scene *s, yolo_tally *tally) {
  for (int i = 0; i < SETTINGS; i++) {
    const setting *how = &settings[i];
    if (how->in_place && !s->op->inplace) continue;
    if ((how->resized && !s->table->resizable) || (how->joined && !s->table->joins)) continue;
    for (int thrift = 0; thrift <= YOLO_THRIFT_MAX; thrift++) {
      if (!thrift_differs(s, &engines->engine[begin], thrift)) continue;
      for (int e = begin; e < end; e++) {
        run r = {s, &engines->engine[e], e, how, thrift, tally};
        run_variant(&r, e == begin);
        if (r.e->deterministic) run_variant(&r, false);
      }
    }
  }
}

/* The case in the numbers of one type, made when an engine wants it. */
static bool find_scene(yolo_scene *scenes, yolo_dtype dtype, yolo_op_id id, int index, yolo_tally *tally) {
  if (scenes[dtype].ref) return true;
  if (yolo_scene_make(&scenes[dtype], id, index, dtype) == YOLO_OK) return true;
  printf("FAIL %s: %s\n", scenes[dtype].title, yolo_error_message());
  tally->failures++;
  yolo_scene_free(&scenes[dtype]);
  return false;
}

void yolo_case_run(const yolo_engines *engines, yolo_op_id id, int index, yolo_tally *tally) {
  yolo_scene scenes[YOLO_BF16 + 1] = {{.ref = NULL}};
  const yolo_backend *plain_done = NULL;
  for (int begin = 0, end; begin < engines->count; begin = end) {
    const yolo_engine *e = &engines->engine[begin];
    for (end = begin; end < engines->count && same_group(e, &engines->engine[end]);) end++;
    if (e->backend->has(id, YOLO_FORWARD) == YOLO_IMPL_NONE || repeats(engines, begin, id)) continue;
    if (plain(e, id) && plain_done == e->backend) continue;
    if (plain(e, id)) plain_done = e->backend;
    if (!find_scene(scenes, e->dtype, id, index, tally)) break;
    run_group(engines, begin, plain(e, id) ? begin + 1 : end, &scenes[e->dtype], tally);
  }
  for (int i = 0; i <= YOLO_BF16; i++) yolo_scene_free(&scenes[i]);
}
