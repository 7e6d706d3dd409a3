/* The activations of the model language, one row each, and their plain scalar definitions.
 *
 * YOLO_ACTIVATION_LIST: the enum, the names and the tables are made from this list. The functions are inline and
 * compile for the host and for a CUDA device, so that every backend, the reference and the heads share one text
 * (activation_math.inc): yolo_act_<name>() in double, yolo_act_<name>_f() in float. */
#ifndef YOLO_OPS_ACTIVATION_H
#define YOLO_OPS_ACTIVATION_H

#include <math.h>

#include "backbone/base/hd.h"

#define YOLO_ACTIVATION_LIST(X) \
  X(linear)                     \
  X(leaky) X(relu) X(relu6) X(logistic) X(tanh) X(hardtan) X(ramp) X(elu) X(selu) X(gelu) X(swish) X(mish) X(hard_mish)

typedef enum yolo_activation {
#define X(name) YOLO_ACT_##name,
  YOLO_ACTIVATION_LIST(X)
#undef X
      YOLO_ACT_COUNT
} yolo_activation;

const char *yolo_activation_name(yolo_activation act);
int yolo_activation_find(const char *name); /* -1 when unknown */

#define YOLO_REAL       double
#define YOLO_FN(name)   yolo_act_##name
#define YOLO_MATH(name) name
#define YOLO_CONST(x)   (x)
#include "backbone/ops/activation_math.inc"
#undef YOLO_REAL
#undef YOLO_FN
#undef YOLO_MATH
#undef YOLO_CONST

#define YOLO_REAL       float
#define YOLO_FN(name)   yolo_act_##name##_f
#define YOLO_MATH(name) name##f
#define YOLO_CONST(x)   ((float)(x))
#include "backbone/ops/activation_math.inc"
#undef YOLO_REAL
#undef YOLO_FN
#undef YOLO_MATH
#undef YOLO_CONST

YOLO_HD static inline double yolo_activate(yolo_activation act, double x) { return yolo_act_any(act, x); }
YOLO_HD static inline float yolo_activate_f(yolo_activation act, float x) { return yolo_act_any_f(act, x); }

/* f'(x), for gradients. */
YOLO_HD static inline double yolo_activate_slope(yolo_activation act, double x) { return yolo_act_any_slope(act, x); }

/* Where f'(x) = f'(f(x)): the gradient can do with the output. */
YOLO_HD static inline int yolo_activation_slope_of_output(yolo_activation act) {
  return act == YOLO_ACT_linear || act == YOLO_ACT_leaky || act == YOLO_ACT_relu || act == YOLO_ACT_relu6 ||
         act == YOLO_ACT_hardtan || act == YOLO_ACT_ramp;
}

/* Of the heads. */
YOLO_HD static inline double yolo_logistic(double x) { return yolo_act_logistic(x); }

#endif
