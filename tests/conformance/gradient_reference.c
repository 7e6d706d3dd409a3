/* The plain backward loops of one case against finite differences.
 *
 * With L = sum(up * out), dL/dx is compared with the difference quotient of fourth order,
 *
 *   (8 (L(x+h) - L(x-h)) - (L(x+2h) - L(x-2h))) / 12h,
 *
 * at some elements of every input and parameter. L is summed in double, but out is rounded to float, which bounds how small h
 * may be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/rng.h"
#include "tests/conformance/gradient.h"

enum { PROBES = 8, FEW_PROBES = 2, LEVELS = 3 };
static const double MUCH_WORK = 1e6; /* floating-point operations of one forward call of plain loops */
static const double TOLERANCE = 2e-4;

static yolo_status forward(yolo_gradient *g, float *out) {
  yolo_scene_tensors t;
  yolo_op_call call = yolo_scene_call(&g->scene, &t);
  t.out.data = out;
  call.training = g->training;
  call.seed = 3;
  call.saved = g->saved;
  return g->scene.op->forward(&call);
}

static double loss(yolo_gradient *g, float *out) {
  double sum = 0;
  if (forward(g, out) != YOLO_OK) return NAN;
  for (size_t i = 0; i < yolo_shape_count(g->scene.out_shape); i++) sum += (double)g->up[i] * out[i];
  return sum;
}

/* Moves *x by `step` and back; the step is what the rounded sum really differs by. */
static double at(yolo_gradient *g, float *x, double step, float *out, double *moved) {
  float before = *x;
  *x = (float)(before + step);
  *moved = (double)*x - before;
  double l = loss(g, out);
  *x = before;
  return l;
}

/* How far the rounding of `out` may push a quotient of step h. */
static double noise(const yolo_gradient *g, const float *out, double h) {
  size_t count = yolo_shape_count(g->scene.out_shape);
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)g->up[i] * g->up[i] * out[i] * out[i];
  return 1e-7 * sqrt(sum) / h;
}

static double quotient(yolo_gradient *g, float *x, double h, float *out) {
  double d[4], l[4];
  static const int steps[4] = {1, -1, 2, -2};
  for (int i = 0; i < 4; i++) l[i] = at(g, x, steps[i] * h, out, &d[i]);
  double narrow = (l[0] - l[1]) / (d[0] - d[1]), wide = (l[2] - l[3]) / (d[2] - d[3]);
  return (4 * narrow - wide) / 3;
}

/* Does the gradient agree with the quotient of some step? A kink that lies within a large step lies outside a smaller one; a
 * wrong gradient agrees with none. */
static bool agrees(yolo_gradient *g, float *x, double have, double norm, double range, float *out, double *shown) {
  for (int level = 0; level < LEVELS; level++) {
    double h = range / 64 / pow(8, level), slope = quotient(g, x, h, out);
    if (level == 0) *shown = slope;
    if (fabs(slope - have) <= TOLERANCE * (norm + fabs(slope)) + noise(g, out, h)) return true;
  }
  return false;
}

static int check_tensor(yolo_gradient *g, const char *what, int which, float *x, const float *grad, size_t count, float *out) {
  yolo_rng rng = {.key = (uint64_t)g->scene.id, .stream = (uint64_t)which};
  double norm = 0, shown, range = g->plain.range > 0 && strcmp(what, "input") == 0 ? (double)g->plain.range : 2;
  double work = g->scene.op->flops ? g->scene.op->flops(g->plain.attrs, g->plain.in, g->scene.out_shape) : 0;
  int failures = 0, probes = work > MUCH_WORK ? FEW_PROBES : PROBES;
  for (size_t i = 0; i < count; i++) norm += (double)grad[i] * grad[i];
  norm = sqrt(norm / (double)(count ? count : 1));
  for (int k = 0; k < probes; k++) {
    size_t i = (size_t)((double)yolo_rng_uniform(&rng) * (double)count);
    if (agrees(g, &x[i], grad[i], norm, range, out, &shown)) continue;
    if (failures++ == 0)
      printf("FAIL gradient of %s (%s): dL/d %s %d [%zu] is %.7g, the difference quotient %.7g\n", g->scene.title,
             g->training ? "training" : "inference", what, which, i, (double)grad[i], shown);
  }
  return failures;
}

/* Adding to what is there gives the sum. */
static int check_adding(yolo_gradient *g) {
  yolo_gradient_call c;
  int failures = 0;
  yolo_gradient_call_make(g, &c);
  for (int i = 0; i < g->plain.n_in; i++) {
    size_t count = yolo_shape_count(g->plain.in[i]);
    float *sum = malloc((count + 1) * sizeof *sum);
    for (size_t k = 0; sum && k < count; k++) sum[k] = 0.5f;
    c.in[i].data = sum;
    c.beta[i] = 1;
  }
  for (int i = 0; i < g->scene.n_param; i++) c.param[i].data = NULL;
  failures += g->scene.op->backward(&c.call) != YOLO_OK;
  for (int i = 0; i < g->plain.n_in; i++) {
    size_t count = yolo_shape_count(g->plain.in[i]);
    const float *sum = c.in[i].data;
    int wrong = 0;
    for (size_t k = 0; k < count; k++) wrong += fabs(sum[k] - (0.5 + g->in[i][k])) > 2e-6 * (1 + fabs(g->in[i][k]));
    if (wrong) printf("FAIL gradient of %s: adding to dL/d in %d gives another sum, %d times\n", g->scene.title, i, wrong);
    failures += wrong > 0;
    free(c.in[i].data);
  }
  return failures;
}

/* A parameter of a batch norm moves a whole map: where its activation has kinks and the map is not small, some value always
 * passes one. The formula is held to account by the small maps. */
static bool too_many_kinks(const yolo_gradient *g) {
  const yolo_batchnorm_attrs *a = g->plain.attrs;
  if (g->scene.id != YOLO_OP_batchnorm || yolo_shape_pixels(g->plain.in[0]) <= 32) return false;
  return a->act == YOLO_ACT_hard_mish || a->act == YOLO_ACT_selu ||
         (a->act != YOLO_ACT_linear && yolo_activation_slope_of_output(a->act));
}

int yolo_gradient_check_reference(yolo_gradient *g) {
  const yolo_scene *s = &g->scene;
  float *out = malloc(yolo_shape_count(s->out_shape) * sizeof *out);
  int failures = 0;
  if (!out) return 1;
  const bool quotients = !too_many_kinks(g);
  for (int i = 0; i < g->plain.n_in && quotients; i++)
    failures += check_tensor(g, "input", i, s->in[i], g->in[i], yolo_shape_count(g->plain.in[i]), out);
  for (int i = 0; i < s->n_param && quotients; i++) {
    if (s->spec[i].buffer) continue;
    failures += check_tensor(g, s->spec[i].name, i, s->param[i], g->param[i], yolo_param_count(&s->spec[i]), out);
  }
  free(out);
  return failures + check_adding(g);
}
