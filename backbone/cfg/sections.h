/* What the sections_*.c files share: the table of layers, the limits, and helpers for their builders.
 * Internal to backbone/cfg. */
#ifndef YOLO_CFG_SECTIONS_H
#define YOLO_CFG_SECTIONS_H

#include "backbone/cfg/cfg.h"

#define YOLO_CFG_MAX_SIDE    32768 /* width or height of any map */
#define YOLO_CFG_MAX_WINDOW  4096  /* size, stride, dilation */
#define YOLO_CFG_MAX_FILTERS 65536

#define YOLO_SECTION(name) extern const yolo_cfg_section_def yolo_section_##name;
#include "backbone/cfg/section_list.h"
#undef YOLO_SECTION
extern const yolo_cfg_section_def yolo_section_net;         /* no builder: read by yolo_cfg_read_net */
extern const yolo_cfg_key yolo_cfg_common_keys[];           /* understood in every section but [net] */
extern const yolo_cfg_section_def *const yolo_cfg_layers[]; /* [net] and the rows of section_list.h */
extern const int yolo_cfg_layer_count;

bool yolo_cfg_def_named(const yolo_cfg_section_def *def, const char *name); /* its name or one of its aliases */
/* Why a section of Darknet's is not built; NULL when it is no such section. */
const char *yolo_cfg_refused_section(const char *name);
/* Adds an op node and checks that no side of its output exceeds YOLO_CFG_MAX_SIDE. */
yolo_status yolo_cfg_add(yolo_cfg_build *build, yolo_op_id op, const void *attrs, int n_in, const int *in, const char *role,
                         int *out);
/* Adds an activation node; linear adds nothing and hands `in` on. */
yolo_status yolo_cfg_add_activation(yolo_cfg_build *build, yolo_activation act, int in, int *out);
/* Adds a batch normalisation with the section's eps= (1e-5 when absent). */
yolo_status yolo_cfg_add_batchnorm(yolo_cfg_build *build, const yolo_cfg_section *section, int in, int *out);
yolo_shape yolo_cfg_shape(const yolo_cfg_build *build, int node); /* of a node's output */
/* stride_x and stride_y, each falling back on stride (1 when absent). */
yolo_status yolo_cfg_strides(const yolo_cfg_section *section, int *stride_h, int *stride_w);
/* The layers that a key such as from= or layers= names, as nodes: negative counts back from this layer,
 * others count from 0. *out is the caller's (yolo_free). */
yolo_status yolo_cfg_layer_refs(const yolo_cfg_build *build, const yolo_cfg_section *section, const char *key, int max,
                                int **out, int *count);

#endif
