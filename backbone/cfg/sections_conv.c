/* The layers with weights of their own, each followed by its activation:
 *
 *   [convolutional]  act(bn(conv(x)))  or  act(conv(x) + bias)
 *   [connected]      act(bn(W x))      or  act(W x + bias)
 *   [local]          a convolution whose weights differ from place to place (YOLO v1's last maps)
 *   [batchnorm], [activation]  the two steps alone
 *   [l2norm]         weight x / |x| over the channels of a pixel
 *
 * Convolution, batch norm and activation become nodes of their own; graph/fuse.c joins them for inference.
 * Defaults are Darknet's, the logistic activation included. */
#include "backbone/cfg/sections.h"

#include <math.h>

/* ---- [convolutional] ---- */

static const yolo_cfg_key convolutional_keys[] = {YOLO_CFG_KEY("batch_normalize", INT),
                                                  YOLO_CFG_KEY("filters", INT),
                                                  YOLO_CFG_KEY("size", INT),
                                                  YOLO_CFG_KEY("stride", INT),
                                                  YOLO_CFG_KEY("stride_x", INT),
                                                  YOLO_CFG_KEY("stride_y", INT),
                                                  YOLO_CFG_KEY("pad", INT),
                                                  YOLO_CFG_KEY("padding", INT),
                                                  YOLO_CFG_KEY("groups", INT),
                                                  YOLO_CFG_KEY("dilation", INT),
                                                  YOLO_CFG_KEY("activation", TEXT),
                                                  YOLO_CFG_KEY("eps", FLOAT),
                                                  YOLO_CFG_ONLY("cbn", INT, "0"),
                                                  YOLO_CFG_ONLY("binary", INT, "0"),
                                                  YOLO_CFG_ONLY("xnor", INT, "0"),
                                                  YOLO_CFG_ONLY("bin_output", INT, "0"),
                                                  YOLO_CFG_ONLY("antialiasing", INT, "0"),
                                                  YOLO_CFG_ONLY("deform", INT, "0"),
                                                  YOLO_CFG_ONLY("sway", INT, "0"),
                                                  YOLO_CFG_ONLY("rotate", INT, "0"),
                                                  YOLO_CFG_ONLY("stretch", INT, "0"),
                                                  YOLO_CFG_ONLY("stretch_sway", INT, "0"),
                                                  YOLO_CFG_ONLY("flipped", INT, "0"),
                                                  YOLO_CFG_ONLY("coordconv", INT, "0"),
                                                  YOLO_CFG_ONLY("assisted_excitation", FLOAT, "0"),
                                                  YOLO_CFG_ONLY("share_index", INT, ""),
                                                  YOLO_CFG_TRAIN("angle", FLOAT),
                                                  YOLO_CFG_TRAIN("dot", FLOAT),
                                                  YOLO_CFG_TRAIN("grad_centr", INT),
                                                  YOLO_CFG_TRAIN("reverse", FLOAT),
                                                  YOLO_CFG_TRAIN("stream", INT),
                                                  YOLO_CFG_TRAIN("wait_stream", INT),
                                                  YOLO_CFG_END};

/* 0 or 1. Darknet's 2, normalisation across the mini-batches of a step, equals 1 once training is over. */
static yolo_status read_batch_normalize(const yolo_cfg_section *section, bool *out) {
  int value = 0;
  yolo_status st = yolo_cfg_int(section, "batch_normalize", 0, 0, 2, &value);
  if (st == YOLO_OK && value == 2)
    st = yolo_cfg_fail(section, "batch_normalize", YOLO_EUNSUPPORTED,
                       "batch_normalize=2 (cross-iteration batch norm) is not built; with trained weights 1 gives the same");
  *out = value == 1;
  return st;
}

/* Darknet gives the convolution padding * dilation on every side, and takes pad=1 for size/2, "same". */
static yolo_status read_window(const yolo_cfg_section *section, yolo_conv2d_attrs *attrs) {
  yolo_status st = YOLO_OK;
  int size = 1, same = 0, padding = 0;
  YOLO_TRY(yolo_cfg_int(section, "size", 1, 1, YOLO_CFG_MAX_WINDOW, &size));
  YOLO_TRY(yolo_cfg_int(section, "pad", 0, 0, 1, &same));
  YOLO_TRY(yolo_cfg_int(section, "padding", 0, 0, YOLO_CFG_MAX_WINDOW, &padding));
  YOLO_TRY(yolo_cfg_int(section, "dilation", 1, 1, YOLO_CFG_MAX_WINDOW, &attrs->dilation));
  YOLO_TRY(yolo_cfg_strides(section, &attrs->stride_h, &attrs->stride_w));
  if (size == 1) attrs->dilation = 1;
  if (same) padding = size / 2;
  padding *= attrs->dilation;
  attrs->kernel_h = attrs->kernel_w = size;
  attrs->pad = (yolo_pads){padding, padding, padding, padding};
done:
  return st;
}

static yolo_status check_groups(const yolo_cfg_section *section, const yolo_conv2d_attrs *attrs, int channels) {
  if (channels % attrs->groups != 0)
    return yolo_cfg_fail(section, "groups", YOLO_ESHAPE, "groups=%d does not divide the %d input channels", attrs->groups,
                         channels);
  if (attrs->filters % attrs->groups != 0)
    return yolo_cfg_fail(section, "groups", YOLO_ESHAPE, "groups=%d does not divide filters=%d", attrs->groups, attrs->filters);
  return YOLO_OK;
}

static yolo_status build_convolutional(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_conv2d_attrs attrs = {0};
  yolo_activation act = YOLO_ACT_linear;
  bool normalize = false;
  int node = build->previous;
  YOLO_TRY(yolo_cfg_int(section, "filters", 1, 1, YOLO_CFG_MAX_FILTERS, &attrs.filters));
  YOLO_TRY(yolo_cfg_int(section, "groups", 1, 1, YOLO_CFG_MAX_FILTERS, &attrs.groups));
  YOLO_TRY(check_groups(section, &attrs, yolo_cfg_shape(build, node).c));
  YOLO_TRY(read_window(section, &attrs));
  YOLO_TRY(read_batch_normalize(section, &normalize));
  YOLO_TRY(yolo_cfg_activation(section, "logistic", &act));
  attrs.bias = !normalize;
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_conv2d, &attrs, 1, &node, "conv", &node));
  if (normalize) YOLO_TRY(yolo_cfg_add_batchnorm(build, section, node, &node));
  YOLO_TRY(yolo_cfg_add_activation(build, act, node, out));
done:
  return st;
}

const yolo_cfg_section_def yolo_section_convolutional = {"convolutional", {"conv"}, convolutional_keys, build_convolutional};

/* ---- [connected] ---- */

static const yolo_cfg_key connected_keys[] = {YOLO_CFG_KEY("output", INT),        YOLO_CFG_KEY("batch_normalize", INT),
                                              YOLO_CFG_KEY("activation", TEXT),   YOLO_CFG_KEY("eps", FLOAT),
                                              YOLO_CFG_ONLY("flipped", INT, "0"), YOLO_CFG_END};

static yolo_status build_connected(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_linear_attrs attrs = {0};
  yolo_activation act = YOLO_ACT_linear;
  bool normalize = false;
  int node = build->previous;
  YOLO_TRY(yolo_cfg_int(section, "output", 1, 1, YOLO_CFG_MAX_FILTERS, &attrs.outputs));
  YOLO_TRY(read_batch_normalize(section, &normalize));
  YOLO_TRY(yolo_cfg_activation(section, "logistic", &act));
  attrs.bias = !normalize;
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_linear, &attrs, 1, &node, "linear", &node));
  if (normalize) YOLO_TRY(yolo_cfg_add_batchnorm(build, section, node, &node));
  YOLO_TRY(yolo_cfg_add_activation(build, act, node, out));
done:
  return st;
}

const yolo_cfg_section_def yolo_section_connected = {"connected", {"conn"}, connected_keys, build_connected};

/* ---- [local] ---- */

static const yolo_cfg_key local_keys[] = {YOLO_CFG_KEY("filters", INT),     YOLO_CFG_KEY("size", INT),
                                          YOLO_CFG_KEY("stride", INT),      YOLO_CFG_KEY("pad", INT),
                                          YOLO_CFG_KEY("activation", TEXT), YOLO_CFG_END};

/* Darknet pads by the number `pad` itself but computes the output size as if it were "same": the two agree
 * for pad=0 and for pad=1 with size=3, and only these mean something. */
static yolo_status build_local(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_local_attrs attrs = {0};
  YOLO_TRY(yolo_cfg_int(section, "filters", 1, 1, YOLO_CFG_MAX_FILTERS, &attrs.filters));
  YOLO_TRY(yolo_cfg_int(section, "size", 1, 1, YOLO_CFG_MAX_WINDOW, &attrs.kernel));
  YOLO_TRY(yolo_cfg_int(section, "stride", 1, 1, YOLO_CFG_MAX_WINDOW, &attrs.stride));
  YOLO_TRY(yolo_cfg_int(section, "pad", 0, 0, 1, &attrs.pad));
  YOLO_TRY(yolo_cfg_activation(section, "logistic", &attrs.act));
  if (attrs.pad == 1 && attrs.kernel != 3)
    return yolo_cfg_fail(section, "pad", YOLO_EUNSUPPORTED, "pad=1 is only possible with size=3, not with size=%d",
                         attrs.kernel);
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_local, &attrs, 1, &build->previous, "local", out));
done:
  return st;
}

const yolo_cfg_section_def yolo_section_local = {"local", {NULL}, local_keys, build_local};

/* ---- [batchnorm], [activation] ---- */

static const yolo_cfg_key batchnorm_keys[] = {YOLO_CFG_KEY("eps", FLOAT), YOLO_CFG_END};

static yolo_status build_batchnorm(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  return yolo_cfg_add_batchnorm(build, section, build->previous, out);
}

const yolo_cfg_section_def yolo_section_batchnorm = {"batchnorm", {NULL}, batchnorm_keys, build_batchnorm};

static const yolo_cfg_key activation_keys[] = {YOLO_CFG_KEY("activation", TEXT), YOLO_CFG_END};

static yolo_status build_activation(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_activation act = YOLO_ACT_linear;
  yolo_status st = yolo_cfg_activation(section, "linear", &act);
  return st == YOLO_OK ? yolo_cfg_add_activation(build, act, build->previous, out) : st;
}

const yolo_cfg_section_def yolo_section_activation = {"activation", {NULL}, activation_keys, build_activation};

/* ---- [l2norm] ---- */

static const yolo_cfg_key l2norm_keys[] = {YOLO_CFG_KEY("eps", FLOAT), YOLO_CFG_TRAIN("scale", FLOAT), YOLO_CFG_END};

/* scale= is what its weights begin with in training; SSD's 20. */
static yolo_status build_l2norm(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  double eps = 0, scale = 0;
  yolo_status st = yolo_cfg_float(section, "eps", 1e-10, &eps);
  if (st == YOLO_OK) st = yolo_cfg_float(section, "scale", 20, &scale);
  if (st != YOLO_OK) return st;
  if (!(eps >= 1e-12 && eps <= 1))
    return yolo_cfg_fail(section, "eps", YOLO_EINVAL, "eps=%g is out of range (1e-12 to 1)", eps);
  if (!(fabs(scale) >= 1e-6 && fabs(scale) <= 1e6))
    return yolo_cfg_fail(section, "scale", YOLO_EINVAL, "scale=%g is out of range (1e-6 to 1e6)", scale);
  yolo_l2norm_attrs attrs = {.eps = (float)eps, .scale = (float)scale};
  return yolo_cfg_add(build, YOLO_OP_l2norm, &attrs, 1, &build->previous, "l2norm", out);
}

const yolo_cfg_section_def yolo_section_l2norm = {"l2norm", {NULL}, l2norm_keys, build_l2norm};
