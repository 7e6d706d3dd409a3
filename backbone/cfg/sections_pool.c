/* The layers that move, pool or rescale values and have no weights: [maxpool], [local_avgpool], [avgpool],
 * [upsample], [reorg], [reorg3d], [dropout], [softmax], [cost]. */
#include "backbone/cfg/sections.h"

#include <math.h>

/* ---- pooling ---- */

static const yolo_cfg_key maxpool_keys[] = {YOLO_CFG_KEY("size", INT),
                                            YOLO_CFG_KEY("stride", INT),
                                            YOLO_CFG_KEY("stride_x", INT),
                                            YOLO_CFG_KEY("stride_y", INT),
                                            YOLO_CFG_KEY("padding", INT),
                                            YOLO_CFG_ONLY("maxpool_depth", INT, "0"),
                                            YOLO_CFG_ONLY("out_channels", INT, "1"),
                                            YOLO_CFG_ONLY("antialiasing", INT, "0"),
                                            YOLO_CFG_ONLY("maxpool_zero_nonmax", INT, "0"),
                                            YOLO_CFG_END};
static const yolo_cfg_key local_avgpool_keys[] = {YOLO_CFG_KEY("size", INT),     YOLO_CFG_KEY("stride", INT),
                                                  YOLO_CFG_KEY("stride_x", INT), YOLO_CFG_KEY("stride_y", INT),
                                                  YOLO_CFG_KEY("padding", INT),  YOLO_CFG_END};

/* Darknet's padding is the total of both sides, size - 1 when absent:
 *   out = (in + padding - size) / stride + 1, the first window beginning at -padding / 2,
 * so a 2x2 window of stride 1 keeps the size and pads to the right and below. */
static yolo_status read_pool(const yolo_cfg_section *section, yolo_pool_attrs *attrs) {
  yolo_status st = YOLO_OK;
  int stride = 1, size = 1, padding = 0;
  YOLO_TRY(yolo_cfg_strides(section, &attrs->stride_h, &attrs->stride_w));
  YOLO_TRY(yolo_cfg_int(section, "stride", 1, 1, YOLO_CFG_MAX_WINDOW, &stride));
  YOLO_TRY(yolo_cfg_int(section, "size", stride, 1, YOLO_CFG_MAX_WINDOW, &size));
  /* Beyond 2 (size - 1) a window would hold nothing but padding. */
  YOLO_TRY(yolo_cfg_int(section, "padding", size - 1, 0, 2 * (size - 1), &padding));
  attrs->kernel_h = attrs->kernel_w = size;
  attrs->pad = (yolo_pads){padding / 2, padding / 2, padding - padding / 2, padding - padding / 2};
done:
  return st;
}

static yolo_status build_maxpool(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_maxpool_attrs attrs = {0};
  yolo_status st = read_pool(section, &attrs);
  return st == YOLO_OK ? yolo_cfg_add(build, YOLO_OP_maxpool, &attrs, 1, &build->previous, NULL, out) : st;
}

const yolo_cfg_section_def yolo_section_maxpool = {"maxpool", {"max"}, maxpool_keys, build_maxpool};

static yolo_status build_local_avgpool(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_avgpool_attrs attrs = {0};
  yolo_status st = read_pool(section, &attrs);
  return st == YOLO_OK ? yolo_cfg_add(build, YOLO_OP_avgpool, &attrs, 1, &build->previous, NULL, out) : st;
}

const yolo_cfg_section_def yolo_section_local_avgpool = {
    "local_avgpool", {"local_avg"}, local_avgpool_keys, build_local_avgpool};

static const yolo_cfg_key no_keys[] = {YOLO_CFG_END};

static yolo_status build_avgpool(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_avgpool_attrs attrs = {.global = true};
  (void)section;
  return yolo_cfg_add(build, YOLO_OP_avgpool, &attrs, 1, &build->previous, NULL, out);
}

const yolo_cfg_section_def yolo_section_avgpool = {"avgpool", {"avg"}, no_keys, build_avgpool};

/* ---- moving pixels ---- */

static const yolo_cfg_key upsample_keys[] = {YOLO_CFG_KEY("stride", INT), YOLO_CFG_KEY("scale", FLOAT),
                                             YOLO_CFG_ONLY("reverse", INT, "0"), YOLO_CFG_END};

static yolo_status build_upsample(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_upsample_attrs attrs = {0};
  double scale = 1;
  YOLO_TRY(yolo_cfg_int(section, "stride", 2, -1024, 1024, &attrs.factor));
  YOLO_TRY(yolo_cfg_float(section, "scale", 1, &scale));
  if (attrs.factor < 1)
    return yolo_cfg_fail(section, "stride", YOLO_EUNSUPPORTED, "stride=%d: making maps smaller by [upsample] is not built",
                         attrs.factor);
  if (!(fabs(scale) <= 1e6 && fabs(scale) >= 1e-6))
    return yolo_cfg_fail(section, "scale", YOLO_EINVAL, "scale=%g is out of range (1e-6 to 1e6)", scale);
  attrs.scale = (float)scale;
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_upsample, &attrs, 1, &build->previous, NULL, out));
done:
  return st;
}

const yolo_cfg_section_def yolo_section_upsample = {"upsample", {NULL}, upsample_keys, build_upsample};

static const yolo_cfg_key reorg_keys[] = {YOLO_CFG_KEY("stride", INT), YOLO_CFG_KEY("reverse", INT),
                                          YOLO_CFG_ONLY("flatten", INT, "0"), YOLO_CFG_ONLY("extra", INT, "0"), YOLO_CFG_END};

static yolo_status add_reorg(yolo_cfg_build *build, const yolo_cfg_section *section, bool darknet, int *out) {
  yolo_status st = YOLO_OK;
  yolo_reorg_attrs attrs = {.darknet = darknet};
  int reverse = 0;
  YOLO_TRY(yolo_cfg_int(section, "stride", 1, 1, 1024, &attrs.stride));
  YOLO_TRY(yolo_cfg_int(section, "reverse", 0, 0, 1, &reverse));
  attrs.reverse = reverse == 1;
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_reorg, &attrs, 1, &build->previous, NULL, out));
done:
  return st;
}

/* The permutation with which YOLO v2 was trained, known for its mistake, and the one that was meant. */
static yolo_status build_reorg(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  return add_reorg(build, section, true, out);
}
static yolo_status build_reorg3d(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  return add_reorg(build, section, false, out);
}

const yolo_cfg_section_def yolo_section_reorg = {"reorg", {NULL}, reorg_keys, build_reorg};
const yolo_cfg_section_def yolo_section_reorg3d = {"reorg3d", {NULL}, reorg_keys, build_reorg3d};

/* ---- dropout, softmax, cost ---- */

enum { DROPBLOCK_CELLS = 7, DROPBLOCK_MOST = 1 << 20 };

static const yolo_cfg_key dropout_keys[] = {YOLO_CFG_TRAIN("probability", FLOAT), YOLO_CFG_TRAIN("dropblock", INT),
                                            YOLO_CFG_TRAIN("dropblock_size_rel", FLOAT),
                                            YOLO_CFG_TRAIN("dropblock_size_abs", INT), YOLO_CFG_END};

/* dropblock=1: squares instead of single values. Of the two ways to say how wide they are the number of cells counts; Darknet's
 * default is 7. */
static yolo_status read_dropblock(const yolo_cfg_section *section, yolo_dropout_attrs *attrs) {
  yolo_status st = YOLO_OK;
  int on = 0;
  double share = 0;
  YOLO_TRY(yolo_cfg_int(section, "dropblock", 0, 0, 1, &on));
  YOLO_TRY(yolo_cfg_int(section, "dropblock_size_abs", 0, 0, DROPBLOCK_MOST, &attrs->block));
  YOLO_TRY(yolo_cfg_float(section, "dropblock_size_rel", 0, &share));
  attrs->dropblock = on != 0;
  if (!(share >= 0 && share <= 1))
    return yolo_cfg_fail(section, "dropblock_size_rel", YOLO_EINVAL, "dropblock_size_rel=%g is out of range (0 to 1)", share);
  if (attrs->block == 0 && share == 0) attrs->block = DROPBLOCK_CELLS;
  attrs->block_share = attrs->block > 0 ? 0 : (float)share;
done:
  return st;
}

static yolo_status build_dropout(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  double probability = 0;
  yolo_status st = yolo_cfg_float(section, "probability", 0.2, &probability);
  if (st != YOLO_OK) return st;
  if (!(probability >= 0 && probability < 1))
    return yolo_cfg_fail(section, "probability", YOLO_EINVAL, "probability=%g is out of range (0 to below 1)", probability);
  yolo_dropout_attrs attrs = {.probability = (float)probability};
  if ((st = read_dropblock(section, &attrs)) != YOLO_OK) return st;
  return yolo_cfg_add(build, YOLO_OP_dropout, &attrs, 1, &build->previous, NULL, out);
}

const yolo_cfg_section_def yolo_section_dropout = {"dropout", {NULL}, dropout_keys, build_dropout};

static const yolo_cfg_key softmax_keys[] = {YOLO_CFG_KEY("groups", INT),   YOLO_CFG_KEY("temperature", FLOAT),
                                            YOLO_CFG_KEY("spatial", INT),  YOLO_CFG_ONLY("tree", TEXT, ""),
                                            YOLO_CFG_TRAIN("noloss", INT), YOLO_CFG_END};

/* A classifier's vector by default; spatial=1 takes the softmax over the channels of every pixel. */
static yolo_status build_softmax(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_softmax_attrs attrs = {0};
  double temperature = 1;
  int spatial = 0, channels = yolo_cfg_shape(build, build->previous).c;
  YOLO_TRY(yolo_cfg_int(section, "groups", 1, 1, YOLO_CFG_MAX_FILTERS, &attrs.groups));
  YOLO_TRY(yolo_cfg_float(section, "temperature", 1, &temperature));
  YOLO_TRY(yolo_cfg_int(section, "spatial", 0, 0, 1, &spatial));
  if (!(temperature >= 1e-6 && temperature <= 1e6))
    return yolo_cfg_fail(section, "temperature", YOLO_EINVAL, "temperature=%g is out of range (1e-6 to 1e6)", temperature);
  if (channels % attrs.groups != 0)
    return yolo_cfg_fail(section, "groups", YOLO_ESHAPE, "groups=%d does not divide the %d channels", attrs.groups, channels);
  attrs.temperature = (float)temperature;
  attrs.flatten = !spatial;
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_softmax, &attrs, 1, &build->previous, NULL, out));
done:
  return st;
}

const yolo_cfg_section_def yolo_section_softmax = {"softmax", {"soft"}, softmax_keys, build_softmax};

/* A loss; nothing happens here at inference. */
static const yolo_cfg_key cost_keys[] = {YOLO_CFG_TRAIN("type", TEXT), YOLO_CFG_TRAIN("scale", FLOAT),
                                         YOLO_CFG_TRAIN("ratio", FLOAT), YOLO_CFG_END};

static yolo_status build_cost(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  (void)section;
  *out = build->previous;
  return YOLO_OK;
}

const yolo_cfg_section_def yolo_section_cost = {"cost", {NULL}, cost_keys, build_cost};
