/* The activations of the model language, one row each, and their plain scalar definitions.
 *
 * YOLO_ACTIVATION(name): the enum, the names and the tables are made from this list. The functions are
 * inline so that every backend, the reference and the heads share one text. */
#ifndef YOLO_OPS_ACTIVATION_H
#define YOLO_OPS_ACTIVATION_H

#include <math.h>

#define YOLO_ACTIVATION_LIST(X) \
  X(linear) X(leaky) X(relu) X(relu6) X(logistic) X(tanh) X(hardtan) X(ramp) X(elu) X(selu) X(gelu) X(swish) X(mish) \
      X(hard_mish)

typedef enum yolo_activation {
#define X(name) YOLO_ACT_##name,
  YOLO_ACTIVATION_LIST(X)
#undef X
      YOLO_ACT_COUNT
} yolo_activation;

const char *yolo_activation_name(yolo_activation act);
int yolo_activation_find(const char *name); /* -1 when unknown */

static inline double yolo_act_linear(double x) { return x; }
static inline double yolo_act_leaky(double x) { return x > 0 ? x : 0.1 * x; }
static inline double yolo_act_relu(double x) { return x > 0 ? x : 0; }
static inline double yolo_act_relu6(double x) { return x < 0 ? 0 : x > 6 ? 6 : x; }
static inline double yolo_act_logistic(double x) { return 1 / (1 + exp(-x)); }
static inline double yolo_act_tanh(double x) { return tanh(x); }
static inline double yolo_act_hardtan(double x) { return x < -1 ? -1 : x > 1 ? 1 : x; }
static inline double yolo_act_ramp(double x) { return x > 0 ? x + 0.1 * x : 0.1 * x; }
static inline double yolo_act_elu(double x) { return x >= 0 ? x : expm1(x); }
static inline double yolo_act_selu(double x) {
  return x >= 0 ? 1.0507009873554805 * x : 1.0507009873554805 * 1.6732632423543772 * expm1(x);
}
/* The tanh form, sqrt(2/pi) (x + 0.044715 x^3): what Darknet computes (Hendrycks & Gimpel 2016, section 2). */
static inline double yolo_act_gelu(double x) {
  return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
}
static inline double yolo_act_swish(double x) { return x / (1 + exp(-x)); }
static inline double yolo_act_softplus(double x) { return x > 20 ? x : log1p(exp(x)); }
static inline double yolo_act_mish(double x) { return x * tanh(yolo_act_softplus(x)); }
/* Darknet's: x for x > 0, x^2/2 + x on [-2, 0], 0 below. */
static inline double yolo_act_hard_mish(double x) { return x > 0 ? x : x > -2 ? x * x / 2 + x : 0; }

static inline double yolo_activate(yolo_activation act, double x) {
  switch (act) {
#define X(name) \
  case YOLO_ACT_##name: return yolo_act_##name(x);
    YOLO_ACTIVATION_LIST(X)
#undef X
    case YOLO_ACT_COUNT: break;
  }
  return x;
}

#endif
