/* The model language: Darknet's cfg dialect.
 *
 * Parsing (cfg.c over base/ini.c) knows only lines: sections, keys, values and where they stood. Meaning comes from
 * tables of sections: section_list.h names the layers of the backbone; the detect floor brings its head sections along. */
#ifndef YOLO_CFG_CFG_H
#define YOLO_CFG_CFG_H

#include "backbone/base/ini.h"
#include "backbone/base/log.h"
#include "backbone/graph/graph.h"

/* The file as base/ini.h reads it. A section's name is the canonical one: aliases are resolved. sections[0] is [net]. */
typedef yolo_ini_entry yolo_cfg_entry;
typedef yolo_ini_section yolo_cfg_section;
typedef yolo_ini yolo_cfg;

/* What happens to a key. */
typedef enum yolo_key_use {
  YOLO_KEY_MODEL,   /* changes the output: read by the builder */
  YOLO_KEY_TRAINING /* only matters for training: accepted, listed by `yolo info -v` */
} yolo_key_use;

typedef enum yolo_key_type { YOLO_KEY_INT, YOLO_KEY_FLOAT, YOLO_KEY_TEXT, YOLO_KEY_INTS, YOLO_KEY_FLOATS } yolo_key_type;

typedef struct yolo_cfg_key {
  const char *name;
  yolo_key_type type;
  yolo_key_use use;
  const char *refuse_unless; /* NULL, or the only value this program can honour ("0"): any other is refused by name */
} yolo_cfg_key;

/* Rows of a key table. Only: a key that would change the output and is not built, unless it has this value. */
#define YOLO_CFG_KEY(name, type) \
  { name, YOLO_KEY_##type, YOLO_KEY_MODEL, NULL }
#define YOLO_CFG_TRAIN(name, type) \
  { name, YOLO_KEY_##type, YOLO_KEY_TRAINING, NULL }
#define YOLO_CFG_ONLY(name, type, value) \
  { name, YOLO_KEY_##type, YOLO_KEY_MODEL, value }
#define YOLO_CFG_END \
  { NULL, YOLO_KEY_TEXT, YOLO_KEY_MODEL, NULL }

/* State while a graph is built; builders add nodes to it. */
typedef struct yolo_cfg_build {
  const yolo_cfg *cfg;
  yolo_graph *graph;
  int previous;      /* node that the next layer reads */
  const int *layers; /* layer index -> its output node, for [route] and [shortcut] */
  int n_layers;
} yolo_cfg_build;

typedef struct yolo_cfg_section_def {
  const char *name;
  const char *aliases[3];
  const yolo_cfg_key *keys; /* ends with name NULL */
  /* Adds the section's nodes; *out is the node later layers see (a section without nodes of its own hands on
   * one that exists). Messages need not name file and line: where they do not begin with the file (typed
   * access and yolo_cfg_fail do that), the caller adds "file:line: [section]: ". */
  yolo_status (*build)(yolo_cfg_build *build, const yolo_cfg_section *section, int *out);
} yolo_cfg_section_def;

/* Parses text; syntax errors name file and line. */
yolo_status yolo_cfg_parse(const char *text, size_t length, const char *file, yolo_cfg **out);
yolo_status yolo_cfg_load(const char *path, yolo_cfg **out);
void yolo_cfg_free(yolo_cfg *cfg);

/* The [net] facts a model needs. */
typedef struct yolo_cfg_net {
  int width, height, channels;
  bool letter_box;
} yolo_cfg_net;
yolo_status yolo_cfg_read_net(const yolo_cfg *cfg, yolo_cfg_net *out);

/* Checks every section and key against the tables and builds the graph for height x width (0: [net]'s).
 * heads/n_heads: sections of the floor above; their nodes are YOLO_NODE_OUTPUT. */
yolo_status yolo_cfg_to_graph(const yolo_cfg *cfg, const yolo_cfg_section_def *heads, int n_heads, int height, int width,
                              yolo_graph **out);

/* Calls back for every key that only matters for training. */
typedef void (*yolo_cfg_key_visitor)(void *payload, const yolo_cfg_section *section, const yolo_cfg_entry *entry);
void yolo_cfg_visit_training_keys(const yolo_cfg *cfg, const yolo_cfg_section_def *heads, int n_heads,
                                  yolo_cfg_key_visitor visitor, void *payload);

/* Fails with "file:line: [section]: ", where line is the key's (or the section's when the key is absent). */
yolo_status yolo_cfg_fail(const yolo_cfg_section *section, const char *key, yolo_status code, const char *format, ...)
    YOLO_PRINTF(4, 5);

/* Typed access; a missing key gives the fallback, a malformed value an error with file and line. */
const yolo_cfg_entry *yolo_cfg_find(const yolo_cfg_section *section, const char *key);
yolo_status yolo_cfg_int(const yolo_cfg_section *section, const char *key, int fallback, int min, int max, int *out);
yolo_status yolo_cfg_float(const yolo_cfg_section *section, const char *key, double fallback, double *out);
const char *yolo_cfg_text(const yolo_cfg_section *section, const char *key, const char *fallback);
yolo_status yolo_cfg_activation(const yolo_cfg_section *section, const char *fallback, yolo_activation *out);
/* Comma-separated lists; *out is the caller's (yolo_free); a missing key gives count 0 and NULL. */
yolo_status yolo_cfg_ints(const yolo_cfg_section *section, const char *key, int **out, int *count);
yolo_status yolo_cfg_floats(const yolo_cfg_section *section, const char *key, float **out, int *count);

#endif
