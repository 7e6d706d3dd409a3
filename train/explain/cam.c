/* Heat maps: see cam.h for the equations. Sums run in double. */
#include "train/explain/cam.h"

#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"

static yolo_status new_cam(const yolo_tensor *value, yolo_cam *out) {
  const yolo_shape s = value->shape;
  *out = (yolo_cam){.height = s.h, .width = s.w};
  out->map = yolo_alloc_array((size_t)s.h * (size_t)s.w, sizeof *out->map);
  return out->map ? YOLO_OK : YOLO_ENOMEM;
}

void yolo_cam_release(yolo_cam *cam) {
  yolo_free(cam->map);
  *cam = (yolo_cam){0};
}

static size_t pixels_of(const yolo_tensor *t) { return (size_t)t->shape.h * (size_t)t->shape.w; }

/* map = max(0, sign sum_k weight_k A_k) */
static void weigh(const yolo_tensor *value, const double *weights, double sign, yolo_cam *out) {
  for (size_t p = 0; p < pixels_of(value); p++) {
    const float *a = yolo_nth_pixel(value, p);
    double sum = 0;
    for (int k = 0; k < value->shape.c; k++) sum += weights[k] * a[k];
    out->map[p] = (float)fmax(sign * sum, 0);
    out->largest = fmaxf(out->largest, out->map[p]);
  }
}

/* ---- Grad-CAM ---- */

yolo_status yolo_cam_gradient(const yolo_tensor *value, const yolo_tensor *gradient, double *alpha, yolo_cam *out) {
  const size_t pixels = pixels_of(value), channels = (size_t)value->shape.c;
  double *weights = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(new_cam(value, out));
  YOLO_ENOMEM_IF_NULL(weights = yolo_calloc(channels, sizeof *weights));
  for (size_t p = 0; p < pixels; p++)
    for (size_t k = 0; k < channels; k++) weights[k] += yolo_nth_pixel(gradient, p)[k];
  for (size_t k = 0; k < channels; k++) weights[k] /= (double)pixels;
  weigh(value, weights, 1, out);
  if (alpha) memcpy(alpha, weights, channels * sizeof *weights);
done:
  yolo_free(weights);
  if (st != YOLO_OK) yolo_cam_release(out);
  return st;
}

/* ---- Eigen-CAM ---- */

/* to = A^T A v; returns |A v|^2. */
static double multiply(const yolo_tensor *value, const double *v, double *to) {
  const int channels = value->shape.c;
  double energy = 0;
  memset(to, 0, (size_t)channels * sizeof *to);
  for (size_t p = 0; p < pixels_of(value); p++) {
    const float *a = yolo_nth_pixel(value, p);
    double sum = 0;
    for (int k = 0; k < channels; k++) sum += a[k] * v[k];
    for (int k = 0; k < channels; k++) to[k] += sum * a[k];
    energy += sum * sum;
  }
  return energy;
}

static double normalise(double *v, int n) {
  double sum = 0;
  for (int k = 0; k < n; k++) sum += v[k] * v[k];
  for (int k = 0; k < n && sum > 0; k++) v[k] /= sqrt(sum);
  return sum;
}

/* Begins with the size of every channel and the sign of its mean: for maps without negative values such a vector has a part of
 * the first component for certain. Returns the sum of squares of A. */
static double begin(const yolo_tensor *value, double *v) {
  double all = 0;
  for (int k = 0; k < value->shape.c; k++) {
    double squares = 0, sum = 0;
    for (size_t p = 0; p < pixels_of(value); p++) {
      const double a = yolo_nth_pixel(value, p)[k];
      squares += a * a;
      sum += a;
    }
    v[k] = sum < 0 ? -sqrt(squares) : sqrt(squares);
    all += squares;
  }
  return all;
}

enum { MOST_ROUNDS = 500 };
static const double settled = 1e-10;

/* Power iteration: v <- A^T A v / |A^T A v|. Returns |A v|^2. */
static double iterate(const yolo_tensor *value, double *v, double *next) {
  const int n = value->shape.c;
  double energy = 0;
  normalise(v, n);
  for (int round = 0; round < MOST_ROUNDS; round++) {
    double moved = 0;
    energy = multiply(value, v, next);
    if (!(normalise(next, n) > 0)) break;
    for (int k = 0; k < n; k++) moved += (next[k] - v[k]) * (next[k] - v[k]);
    memcpy(v, next, (size_t)n * sizeof *v);
    if (moved < settled * settled) break;
  }
  return energy;
}

/* +1 where A v is large with its sign where pixels are strong: sum over pixels of (A v) |A|. */
static double sign_of(const yolo_tensor *value, const double *v) {
  double sum = 0;
  for (size_t p = 0; p < pixels_of(value); p++) {
    const float *a = yolo_nth_pixel(value, p);
    double along = 0, strength = 0;
    for (int k = 0; k < value->shape.c; k++) {
      along += a[k] * v[k];
      strength += (double)a[k] * a[k];
    }
    sum += along * sqrt(strength);
  }
  return sum < 0 ? -1 : 1;
}

yolo_status yolo_cam_eigen(const yolo_tensor *value, yolo_cam *out) {
  const size_t channels = (size_t)value->shape.c;
  double *v = NULL, *next = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(new_cam(value, out));
  YOLO_ENOMEM_IF_NULL(v = yolo_alloc_array(channels, sizeof *v));
  YOLO_ENOMEM_IF_NULL(next = yolo_alloc_array(channels, sizeof *next));
  const double all = begin(value, v), first = iterate(value, v, next);
  out->share = all > 0 ? first / all : 0;
  weigh(value, v, sign_of(value, v), out);
done:
  yolo_free(v);
  yolo_free(next);
  if (st != YOLO_OK) yolo_cam_release(out);
  return st;
}

/* ---- which layer ---- */

static bool has_weights(const yolo_node *node) {
  return node->kind == YOLO_NODE_OP && (node->op == YOLO_OP_conv2d || node->op == YOLO_OP_linear || node->op == YOLO_OP_local);
}

/* Back from the scores past the layer that computes them, then to the first map. A network that pools the maps of its last
 * convolution into scores is asked for those maps. */
yolo_status yolo_cam_default_layer(const yolo_model_spec *spec, int head, int *out) {
  const yolo_graph *graph = spec->graph;
  int at = yolo_explain_logits(spec, head);
  bool past = false;
  for (; at > 0; at = graph->nodes[at].in[0]) {
    const yolo_node *node = &graph->nodes[at];
    const bool map = node->shape.h * node->shape.w > 1;
    const bool pooled =
        !past && node->kind == YOLO_NODE_OP && node->op == YOLO_OP_avgpool && node->shape.h * node->shape.w == 1;
    if (map && past) break;
    past |= has_weights(node) || pooled;
  }
  if (at <= 0 || graph->nodes[at].layer < 0)
    return yolo_fail(YOLO_ESHAPE, "%s: no layer in front of the scores has a map to look at", spec->cfg->file);
  *out = graph->nodes[at].layer;
  return YOLO_OK;
}
