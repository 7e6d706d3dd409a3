/* cfg -> graph: every section and key is checked against the tables, then each section's builder adds its
 * nodes. A key that nobody knows is an error, one that would change the output and is not built is refused
 * by name, one that only matters for training is accepted and can be listed. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/cfg/sections.h"

enum { MAX_CANDIDATES = 256 };

/* ---- looking up ---- */

/* Heads first: a head may bring a section of the same name as a layer ([softmax]). */
static const yolo_cfg_section_def *find_section(const char *name, const yolo_cfg_section_def *heads, int n_heads) {
  for (int i = 0; i < n_heads; i++) {
    if (yolo_cfg_def_named(&heads[i], name)) return &heads[i];
  }
  for (int i = 0; i < yolo_cfg_layer_count; i++) {
    if (yolo_cfg_def_named(yolo_cfg_layers[i], name)) return yolo_cfg_layers[i];
  }
  return NULL;
}

static const yolo_cfg_key *find_in(const yolo_cfg_key *keys, const char *name) {
  for (; keys && keys->name; keys++) {
    if (strcmp(keys->name, name) == 0) return keys;
  }
  return NULL;
}

static const yolo_cfg_key *find_key(const yolo_cfg_section_def *def, const char *name) {
  const yolo_cfg_key *key = find_in(def->keys, name);
  return key || def == &yolo_section_net ? key : find_in(yolo_cfg_common_keys, name);
}

/* ---- sentences ---- */

static yolo_status unknown_section(const yolo_cfg_section *section, const yolo_cfg_section_def *heads, int n_heads) {
  const char *names[MAX_CANDIDATES], *why = yolo_cfg_refused_section(section->name);
  int count = 0;
  if (why) return yolo_cfg_fail(section, NULL, YOLO_EUNSUPPORTED, "%s", why);
  for (int i = 0; i < n_heads && count < MAX_CANDIDATES; i++) {
    if (heads[i].name) names[count++] = heads[i].name;
  }
  for (int i = 0; i < yolo_cfg_layer_count && count < MAX_CANDIDATES; i++) names[count++] = yolo_cfg_layers[i]->name;
  const char *closest = yolo_closest(section->name, names, count);
  return yolo_cfg_fail(section, NULL, YOLO_EINVAL, "unknown section%s%s%s", closest ? "; did you mean [" : "",
                       closest ? closest : "", closest ? "]?" : "");
}

static yolo_status unknown_key(const yolo_cfg_section *section, const yolo_cfg_section_def *def, const char *key) {
  const char *names[MAX_CANDIDATES];
  int count = 0;
  for (const yolo_cfg_key *k = def->keys; k && k->name && count < MAX_CANDIDATES; k++) names[count++] = k->name;
  if (def != &yolo_section_net) {
    for (const yolo_cfg_key *k = yolo_cfg_common_keys; k->name && count < MAX_CANDIDATES; k++) names[count++] = k->name;
  }
  const char *closest = yolo_closest(key, names, count);
  return yolo_cfg_fail(section, key, YOLO_EINVAL, "unknown key '%.60s'%s%s%s", key, closest ? "; did you mean '" : "",
                       closest ? closest : "", closest ? "'?" : "");
}

/* ---- checking keys ---- */

/* Reads the value as its type says and forgets it: the builder reads what it needs, but a training key that
 * nobody reads yet must be well-formed too. */
static yolo_status check_type(const yolo_cfg_section *section, const yolo_cfg_key *key) {
  int number = 0, count = 0, *ints = NULL;
  double real = 0;
  float *floats = NULL;
  yolo_status st = YOLO_OK;
  switch (key->type) {
    case YOLO_KEY_INT: st = yolo_cfg_int(section, key->name, 0, -0x7FFFFFFF - 1, 0x7FFFFFFF, &number); break;
    case YOLO_KEY_FLOAT: st = yolo_cfg_float(section, key->name, 0, &real); break;
    case YOLO_KEY_INTS: st = yolo_cfg_ints(section, key->name, &ints, &count); break;
    case YOLO_KEY_FLOATS: st = yolo_cfg_floats(section, key->name, &floats, &count); break;
    case YOLO_KEY_TEXT: break;
  }
  yolo_free(ints);
  yolo_free(floats);
  return st;
}

static bool same_value(const char *a, const char *b) {
  double x, y;
  if (yolo_parse_double(a, &x) && yolo_parse_double(b, &y)) return x == y;
  return strcmp(a, b) == 0;
}

/* Published files give batch= twice, once for training and once for testing; that changes no output. */
static yolo_status check_repetition(const yolo_cfg_section *section, const yolo_cfg_entry *entry, const yolo_cfg_key *key) {
  const yolo_cfg_entry *first = yolo_cfg_find(section, entry->key);
  if (first == entry || key->use == YOLO_KEY_TRAINING) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "%s:%d: [%s]: %s=%s, but line %d says %s=%s; keep one of them", section->file, entry->line,
                   section->name, entry->key, entry->value, first->line, first->key, first->value);
}

static yolo_status check_keys(const yolo_cfg_section *section, const yolo_cfg_section_def *def) {
  for (int i = 0; i < section->n_entries; i++) {
    const yolo_cfg_entry *entry = &section->entries[i];
    const yolo_cfg_key *key = find_key(def, entry->key);
    if (!key) return unknown_key(section, def, entry->key);
    yolo_status st = check_repetition(section, entry, key);
    if (st == YOLO_OK) st = check_type(section, key);
    if (st != YOLO_OK) return st;
    if (!key->refuse_unless || same_value(entry->value, key->refuse_unless)) continue;
    if (*key->refuse_unless == '\0')
      return yolo_cfg_fail(section, key->name, YOLO_EUNSUPPORTED, "'%s' changes what the network computes and is not built",
                           key->name);
    return yolo_cfg_fail(section, key->name, YOLO_EUNSUPPORTED,
                         "%s=%.60s changes what the network computes and is not built; only %s=%s is understood", key->name,
                         entry->value, key->name, key->refuse_unless);
  }
  return YOLO_OK;
}

void yolo_cfg_visit_training_keys(const yolo_cfg *cfg, const yolo_cfg_section_def *heads, int n_heads,
                                  yolo_cfg_key_visitor visitor, void *payload) {
  for (int s = 0; s < cfg->n_sections; s++) {
    const yolo_cfg_section *section = &cfg->sections[s];
    const yolo_cfg_section_def *def = find_section(section->name, heads, n_heads);
    for (int i = 0; def && i < section->n_entries; i++) {
      const yolo_cfg_key *key = find_key(def, section->entries[i].key);
      if (key && key->use == YOLO_KEY_TRAINING) visitor(payload, section, &section->entries[i]);
    }
  }
}

/* ---- building ---- */

/* What a head hands on is for results, not for layers: Darknet would give activated values here. */
static yolo_status check_readers(const yolo_graph *graph, int first) {
  for (int node = first; node < graph->n_nodes; node++) {
    for (int i = 0; i < graph->nodes[node].n_in; i++) {
      const yolo_node *in = &graph->nodes[graph->nodes[node].in[i]];
      if (in->kind == YOLO_NODE_OUTPUT)
        return yolo_fail(YOLO_EUNSUPPORTED, "reads layer %d, the head [%s]; layers that read a head are not built", in->layer,
                         graph->layers[in->layer].section);
    }
  }
  return YOLO_OK;
}

static yolo_status build_section(yolo_cfg_build *build, const yolo_cfg_section *section, const yolo_cfg_section_def *def,
                                 int *out) {
  yolo_status st = YOLO_OK;
  yolo_graph *graph = build->graph;
  int first = graph->n_nodes;
  YOLO_TRY(yolo_graph_begin_layer(graph, def->name, section->line));
  YOLO_TRY(def->build(build, section, out));
  YOLO_TRY(check_readers(graph, first));
  if (graph->n_nodes == first) {
    graph->layers[graph->n_layers - 1].first = *out + 1;
    graph->layers[graph->n_layers - 1].last = *out;
  }
done:
  return st;
}

/* Messages of typed access begin with the file already, and name the line of the key. */
static yolo_status add_place(const yolo_cfg *cfg, const yolo_cfg_section *section, yolo_status st) {
  if (st == YOLO_OK || strncmp(yolo_error_message(), cfg->file, strlen(cfg->file)) == 0) return st;
  return yolo_error_prefix(st, "%s:%d: [%s]: ", cfg->file, section->line, section->name);
}

static yolo_status build_layers(yolo_cfg_build *build, int *layers, const yolo_cfg_section_def *heads, int n_heads) {
  yolo_status st = YOLO_OK;
  const yolo_cfg *cfg = build->cfg;
  for (int i = 1; i < cfg->n_sections && st == YOLO_OK; i++) {
    const yolo_cfg_section *section = &cfg->sections[i];
    const yolo_cfg_section_def *def = find_section(section->name, heads, n_heads);
    if (!def) return unknown_section(section, heads, n_heads);
    YOLO_TRY(check_keys(section, def));
    st = add_place(cfg, section, build_section(build, section, def, &layers[i - 1]));
    build->previous = layers[i - 1];
    build->n_layers = i;
  }
done:
  return st;
}

yolo_status yolo_cfg_to_graph(const yolo_cfg *cfg, const yolo_cfg_section_def *heads, int n_heads, int height, int width,
                              yolo_graph **out) {
  yolo_status st = YOLO_OK;
  yolo_graph *graph = NULL;
  yolo_cfg_net net = {0};
  int *layers = NULL;
  *out = NULL;
  YOLO_TRY(check_keys(&cfg->sections[0], &yolo_section_net));
  YOLO_TRY(yolo_cfg_read_net(cfg, &net));
  if (height == 0) height = net.height;
  if (width == 0) width = net.width;
  if (height < 1 || height > YOLO_CFG_MAX_SIDE || width < 1 || width > YOLO_CFG_MAX_SIDE) {
    st = yolo_fail(YOLO_EINVAL, "%s: an input of %d x %d pixels is not possible (1 to %d)", cfg->file, width, height,
                   YOLO_CFG_MAX_SIDE);
    goto done;
  }
  if (cfg->n_sections == 1) {
    st = yolo_fail(YOLO_EINVAL, "%s: holds [net] and no layers", cfg->file);
    goto done;
  }
  YOLO_TRY(add_place(cfg, &cfg->sections[0], yolo_graph_new((yolo_shape){1, height, width, net.channels}, &graph)));
  layers = yolo_calloc((size_t)cfg->n_sections, sizeof *layers);
  YOLO_ENOMEM_IF_NULL(layers);
  yolo_cfg_build build = {.cfg = cfg, .graph = graph, .previous = 0, .layers = layers, .n_layers = 0};
  YOLO_TRY(build_layers(&build, layers, heads, n_heads));
  *out = graph;
  graph = NULL;
done:
  yolo_free(layers);
  yolo_graph_free(graph);
  return st;
}
