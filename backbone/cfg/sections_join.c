/* The layers that read others by number, and the one that reads nothing:
 *
 *   [route]           channels of several layers side by side, or one of `groups` equal parts of each
 *   [shortcut]        the sum of the layer before and others, perhaps weighted (ResNet; BiFPN's fast fusion)
 *   [scale_channels]  from= times the layer before, one factor a channel (SE, Hu et al. 2018) or a pixel
 *   [sam]             from= times the layer before, value by value
 *   [implicit]        a learned vector (YOLOR, Wang et al. 2021) */
#include "backbone/cfg/sections.h"

#include <string.h>

#include "backbone/base/memory.h"

/* ---- [route] ---- */

static const yolo_cfg_key route_keys[] = {YOLO_CFG_KEY("layers", INTS),       YOLO_CFG_KEY("groups", INT),
                                          YOLO_CFG_KEY("group_id", INT),      YOLO_CFG_TRAIN("stream", INT),
                                          YOLO_CFG_TRAIN("wait_stream", INT), YOLO_CFG_END};

/* Darknet makes an empty map of this, with a line on the terminal; it is always a mistake in the numbers. */
static yolo_status check_route_sizes(const yolo_cfg_build *build, const yolo_cfg_section *section, const int *nodes,
                                     int count) {
  yolo_shape first = yolo_cfg_shape(build, nodes[0]);
  for (int i = 1; i < count; i++) {
    yolo_shape s = yolo_cfg_shape(build, nodes[i]);
    if (s.h == first.h && s.w == first.w) continue;
    return yolo_cfg_fail(
        section, "layers", YOLO_ESHAPE,
        "layers=%s: maps of different size cannot be joined: the first is %d x %d x %d, number %d is %d x %d x %d "
        "(width x height x channels)",
        yolo_cfg_text(section, "layers", ""), first.w, first.h, first.c, i + 1, s.w, s.h, s.c);
  }
  return YOLO_OK;
}

/* Replaces each node by a slice of its channels: part group_id of `groups`. */
static yolo_status slice_groups(yolo_cfg_build *build, const yolo_cfg_section *section, int groups, int group_id, int *nodes,
                                int count) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < count && groups > 1; i++) {
    int channels = yolo_cfg_shape(build, nodes[i]).c;
    if (channels % groups != 0)
      return yolo_cfg_fail(section, "groups", YOLO_ESHAPE, "groups=%d does not divide the %d channels of input %d", groups,
                           channels, i + 1);
    yolo_slice_attrs attrs = {.first = channels / groups * group_id, .count = channels / groups};
    YOLO_TRY(yolo_cfg_add(build, YOLO_OP_slice, &attrs, 1, &nodes[i], NULL, &nodes[i]));
  }
done:
  return st;
}

static yolo_status build_route(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_concat_attrs attrs = {0};
  int *nodes = NULL, count = 0, groups = 1, group_id = 0;
  YOLO_TRY(yolo_cfg_layer_refs(build, section, "layers", YOLO_OP_MAX_IN, &nodes, &count));
  YOLO_TRY(yolo_cfg_int(section, "groups", 1, 1, YOLO_CFG_MAX_FILTERS, &groups));
  YOLO_TRY(yolo_cfg_int(section, "group_id", 0, 0, groups - 1, &group_id));
  YOLO_TRY(check_route_sizes(build, section, nodes, count));
  YOLO_TRY(slice_groups(build, section, groups, group_id, nodes, count));
  *out = nodes[0];
  if (count > 1) YOLO_TRY(yolo_cfg_add(build, YOLO_OP_concat, &attrs, count, nodes, NULL, out));
done:
  yolo_free(nodes);
  return st;
}

const yolo_cfg_section_def yolo_section_route = {"route", {NULL}, route_keys, build_route};

/* ---- [shortcut] ---- */

static const yolo_cfg_key shortcut_keys[] = {YOLO_CFG_KEY("from", INTS),
                                             YOLO_CFG_KEY("activation", TEXT),
                                             YOLO_CFG_KEY("weights_type", TEXT),
                                             YOLO_CFG_KEY("weights_normalization", TEXT),
                                             YOLO_CFG_ONLY("alpha", FLOAT, "1"),
                                             YOLO_CFG_ONLY("beta", FLOAT, "1"),
                                             YOLO_CFG_END};

typedef struct word {
  const char *name;
  int value;
} word;

/* The value of the key's word in a table that ends with name NULL; an absent key gives the first row's. */
static yolo_status read_word(const yolo_cfg_section *section, const char *key, const word *table, int *out) {
  const char *text = yolo_cfg_text(section, key, table[0].name);
  for (const word *row = table; row->name; row++) {
    if (strcmp(row->name, text) == 0) {
      *out = row->value;
      return YOLO_OK;
    }
  }
  return yolo_cfg_fail(section, key, YOLO_EINVAL, "%s=%.60s: one of none, %s, %s ... is wanted", key, text, table[1].name,
                       table[2].name);
}

static yolo_status read_shortcut_weights(const yolo_cfg_section *section, yolo_shortcut_attrs *attrs) {
  static const word types[] = {{"none", 0}, {"per_feature", 1}, {"per_channel", 2}, {"per_layer", 1}, {NULL, 0}};
  static const word norms[] = {{"none", YOLO_WEIGHTS_PLAIN},
                               {"relu", YOLO_WEIGHTS_RELU},
                               {"softmax", YOLO_WEIGHTS_SOFTMAX},
                               {"avg_relu", YOLO_WEIGHTS_RELU},
                               {NULL, 0}};
  int norm = YOLO_WEIGHTS_PLAIN;
  yolo_status st = read_word(section, "weights_type", types, &attrs->weights_per);
  if (st == YOLO_OK) st = read_word(section, "weights_normalization", norms, &norm);
  attrs->norm = attrs->weights_per ? (yolo_weight_norm)norm : YOLO_WEIGHTS_PLAIN;
  return st;
}

/* Maps of one size are added as they are (channels that only one side has count once); where sizes differ,
 * the original Darknet takes every k-th pixel. */
static yolo_status build_shortcut(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_shortcut_attrs attrs = {.act = YOLO_ACT_linear};
  yolo_shape first = yolo_cfg_shape(build, build->previous);
  int *nodes = NULL, count = 0, in[YOLO_OP_MAX_IN] = {build->previous};
  YOLO_TRY(yolo_cfg_layer_refs(build, section, "from", YOLO_OP_MAX_IN - 1, &nodes, &count));
  YOLO_TRY(yolo_cfg_activation(section, "linear", &attrs.act));
  YOLO_TRY(read_shortcut_weights(section, &attrs));
  for (int i = 0; i < count; i++) {
    yolo_shape s = yolo_cfg_shape(build, nodes[i]);
    if (s.h != first.h || s.w != first.w) attrs.subsample = true;
    in[i + 1] = nodes[i];
  }
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_shortcut, &attrs, count + 1, in, NULL, out));
done:
  yolo_free(nodes);
  return st;
}

const yolo_cfg_section_def yolo_section_shortcut = {"shortcut", {NULL}, shortcut_keys, build_shortcut};

/* ---- products ---- */

static const yolo_cfg_key scale_channels_keys[] = {YOLO_CFG_KEY("from", INTS), YOLO_CFG_KEY("scale_wh", INT),
                                                   YOLO_CFG_KEY("activation", TEXT), YOLO_CFG_END};
static const yolo_cfg_key sam_keys[] = {YOLO_CFG_KEY("from", INTS), YOLO_CFG_KEY("activation", TEXT), YOLO_CFG_END};

/* The one layer that from= names. */
static yolo_status read_from(const yolo_cfg_build *build, const yolo_cfg_section *section, int *node) {
  int *nodes = NULL, count = 0;
  yolo_status st = yolo_cfg_layer_refs(build, section, "from", 1, &nodes, &count);
  if (st == YOLO_OK) *node = nodes[0];
  yolo_free(nodes);
  return st;
}

static yolo_status build_scale_channels(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_scale_channels_attrs attrs = {.act = YOLO_ACT_linear};
  int scale_wh = 0, in[2] = {0, build->previous};
  YOLO_TRY(read_from(build, section, &in[0]));
  YOLO_TRY(yolo_cfg_int(section, "scale_wh", 0, 0, 1, &scale_wh));
  YOLO_TRY(yolo_cfg_activation(section, "linear", &attrs.act));
  attrs.scale_wh = scale_wh == 1;
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_scale_channels, &attrs, 2, in, NULL, out));
done:
  return st;
}

static yolo_status build_sam(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_multiply_attrs attrs = {.act = YOLO_ACT_linear};
  int in[2] = {build->previous, 0};
  YOLO_TRY(read_from(build, section, &in[1]));
  YOLO_TRY(yolo_cfg_activation(section, "linear", &attrs.act));
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_multiply, &attrs, 2, in, NULL, out));
done:
  return st;
}

const yolo_cfg_section_def yolo_section_scale_channels = {"scale_channels", {NULL}, scale_channels_keys, build_scale_channels};
const yolo_cfg_section_def yolo_section_sam = {"sam", {NULL}, sam_keys, build_sam};

/* ---- [implicit] ---- */

static const yolo_cfg_key implicit_keys[] = {YOLO_CFG_KEY("filters", INT), YOLO_CFG_KEY("atoms", INT),
                                             YOLO_CFG_TRAIN("mean", FLOAT), YOLO_CFG_TRAIN("std", FLOAT), YOLO_CFG_END};

static yolo_status build_implicit(yolo_cfg_build *build, const yolo_cfg_section *section, int *out) {
  yolo_status st = YOLO_OK;
  yolo_implicit_attrs attrs = {0};
  YOLO_TRY(yolo_cfg_int(section, "filters", 128, 1, YOLO_CFG_MAX_FILTERS, &attrs.filters));
  YOLO_TRY(yolo_cfg_int(section, "atoms", 1, 1, YOLO_CFG_MAX_SIDE, &attrs.atoms));
  YOLO_TRY(yolo_cfg_add(build, YOLO_OP_implicit, &attrs, 1, &build->previous, NULL, out));
done:
  return st;
}

const yolo_cfg_section_def yolo_section_implicit = {"implicit", {NULL}, implicit_keys, build_implicit};
