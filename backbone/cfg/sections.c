/* The table of layers and the helpers that builders share. */
#include "backbone/cfg/sections.h"

#include <string.h>

#include "backbone/base/memory.h"

/* The share of a new batch in the running statistics: PyTorch's default and Darknet's on the CPU. (Darknet's
 * CUDA code takes 0.01 instead; one value for all backends is what makes them comparable.) */
#define BATCHNORM_MOMENTUM 0.1f

const yolo_cfg_section_def *const yolo_cfg_layers[] = {
    &yolo_section_net,
#define YOLO_SECTION(name) &yolo_section_##name,
#include "backbone/cfg/section_list.h"
#undef YOLO_SECTION
};
const int yolo_cfg_layer_count = (int)(sizeof yolo_cfg_layers / sizeof yolo_cfg_layers[0]);

bool yolo_cfg_def_named(const yolo_cfg_section_def *def, const char *name) {
  if (!def->name) return false; /* a head without a section, such as the classifier's */
  if (strcmp(def->name, name) == 0) return true;
  for (int i = 0; i < 3 && def->aliases[i]; i++) {
    if (strcmp(def->aliases[i], name) == 0) return true;
  }
  return false;
}

yolo_shape yolo_cfg_shape(const yolo_cfg_build *build, int node) { return build->graph->nodes[node].shape; }

yolo_status yolo_cfg_add(yolo_cfg_build *build, yolo_op_id op, const void *attrs, int n_in, const int *in, const char *role,
                         int *out) {
  yolo_status st = yolo_graph_add_op(build->graph, op, attrs, n_in, in, role, out);
  if (st != YOLO_OK) return st;
  yolo_shape s = yolo_cfg_shape(build, *out);
  if (s.h > YOLO_CFG_MAX_SIDE || s.w > YOLO_CFG_MAX_SIDE)
    return yolo_fail(YOLO_ESHAPE, "an output of %d x %d pixels is too large (%d is the longest side)", s.w, s.h,
                     YOLO_CFG_MAX_SIDE);
  return YOLO_OK;
}

yolo_status yolo_cfg_add_activation(yolo_cfg_build *build, yolo_activation act, int in, int *out) {
  yolo_activation_attrs attrs = {act};
  *out = in;
  if (act == YOLO_ACT_linear) return YOLO_OK;
  return yolo_cfg_add(build, YOLO_OP_activation, &attrs, 1, &in, "act", out);
}

yolo_status yolo_cfg_add_batchnorm(yolo_cfg_build *build, const yolo_cfg_section *section, int in, int *out) {
  double eps = 0;
  yolo_status st = yolo_cfg_float(section, "eps", 1e-5, &eps);
  if (st != YOLO_OK) return st;
  if (!(eps >= 1e-12 && eps <= 1))
    return yolo_cfg_fail(section, "eps", YOLO_EINVAL, "eps=%g is out of range (1e-12 to 1)", eps);
  yolo_batchnorm_attrs attrs = {.eps = (float)eps, .momentum = BATCHNORM_MOMENTUM};
  return yolo_cfg_add(build, YOLO_OP_batchnorm, &attrs, 1, &in, "bn", out);
}

yolo_status yolo_cfg_strides(const yolo_cfg_section *section, int *stride_h, int *stride_w) {
  yolo_status st = YOLO_OK;
  int stride = 1;
  YOLO_TRY(yolo_cfg_int(section, "stride", 1, 1, YOLO_CFG_MAX_WINDOW, &stride));
  YOLO_TRY(yolo_cfg_int(section, "stride_y", stride, 1, YOLO_CFG_MAX_WINDOW, stride_h));
  YOLO_TRY(yolo_cfg_int(section, "stride_x", stride, 1, YOLO_CFG_MAX_WINDOW, stride_w));
done:
  return st;
}

/* One reference: negative counts back from the layer being built (number n_layers), others are absolute. */
static yolo_status resolve(const yolo_cfg_build *build, const yolo_cfg_section *section, const char *key, int ref, int *node) {
  long long layer = ref < 0 ? (long long)build->n_layers + ref : ref;
  if (layer < 0 || layer >= build->n_layers)
    return yolo_cfg_fail(section, key, YOLO_EINVAL, "%s: %d is not a layer before this one, which is layer %d%s", key, ref,
                         build->n_layers, build->n_layers == 0 ? " and has none before it" : "");
  *node = build->layers[layer];
  return YOLO_OK;
}

yolo_status yolo_cfg_layer_refs(const yolo_cfg_build *build, const yolo_cfg_section *section, const char *key, int max,
                                int **out, int *count) {
  yolo_status st = YOLO_OK;
  int *refs = NULL;
  *out = NULL;
  YOLO_TRY(yolo_cfg_ints(section, key, &refs, count));
  if (!refs) {
    st = yolo_cfg_fail(section, NULL, YOLO_EINVAL, "the key '%s' is missing: which layers are meant?", key);
    goto done;
  }
  if (*count > max) {
    st = yolo_cfg_fail(section, key, YOLO_EUNSUPPORTED, "%s: names %d layers; at most %d are possible here", key, *count, max);
    goto done;
  }
  for (int i = 0; i < *count; i++) YOLO_TRY(resolve(build, section, key, refs[i], &refs[i]));
  *out = refs;
  refs = NULL;
done:
  yolo_free(refs);
  return st;
}
