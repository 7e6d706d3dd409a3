/* What is known of a model before any weight is read: network, heads, class names, preprocessing.
 *
 * Three ways in: a cfg (nothing but a network), Darknet weights with their cfg, and the native file, whose
 * metadata hold all of it. Options given by the caller win over what a file says, and a file over defaults. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/cfg/zoo.h"
#include "detect/model.h"
#include "detect/native.h"

enum { MAX_SIDE = 32768 };

/* ---- options ---- */

/* A word of two: 0 for `first`, 1 for `second`, -1 when none is given. */
static yolo_status choice(const char *what, const char *word, const char *first, const char *second, int *out) {
  *out = -1;
  if (!word) return YOLO_OK;
  if (strcmp(word, first) != 0 && strcmp(word, second) != 0)
    return yolo_fail(YOLO_EINVAL, "%s '%.40s' is unknown; '%s' and '%s' exist", what, word, first, second);
  *out = strcmp(word, second) == 0;
  return YOLO_OK;
}

static yolo_status check_size(const yolo_model_options *options) {
  if (options->width >= 0 && options->width <= MAX_SIDE && options->height >= 0 && options->height <= MAX_SIDE) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "an input of %d x %d is not possible; sides go from 1 to %d, and 0 means the model's own",
                   options->width, options->height, MAX_SIDE);
}

/* cfg: stretch unless letter_box=1, half-pixel. Then the file's own, then the caller's. */
static yolo_status settle_preprocess(const yolo_cfg_net *net, const yolo_native *native, const yolo_model_options *options,
                                     yolo_preprocess *out) {
  int fit = -1, filter = -1;
  yolo_status st = choice("the fit", options->letterbox, "stretch", "letterbox", &fit);
  if (st == YOLO_OK) st = choice("the filter", options->filter, "half-pixel", "align-corners", &filter);
  if (st != YOLO_OK) return st;
  *out = (yolo_preprocess){.fit = net->letter_box ? YOLO_FIT_LETTERBOX : YOLO_FIT_STRETCH};
  if (native->has_preprocess) *out = native->preprocess;
  if (fit >= 0) out->fit = fit ? YOLO_FIT_LETTERBOX : YOLO_FIT_STRETCH;
  if (filter >= 0) out->filter = filter ? YOLO_FILTER_ALIGN_CORNERS : YOLO_FILTER_HALF_PIXEL;
  return YOLO_OK;
}

/* ---- the graph, at the size asked for ---- */

static yolo_status build_graph(const yolo_cfg *cfg, int width, int height, yolo_graph **out) {
  yolo_cfg_section_def sections[YOLO_HEAD_SECTIONS];
  int count = yolo_head_sections(sections, YOLO_HEAD_SECTIONS);
  return yolo_cfg_to_graph(cfg, sections, count, height, width, out);
}

/* What a side must be a multiple of: the coarsest stride among the maps that heads read. 1 without such heads. */
static int needed_multiple(const yolo_graph *graph) {
  int multiple = 1, width = graph->nodes[0].shape.w;
  for (int i = 0; i < graph->n_nodes; i++) {
    const yolo_node *node = &graph->nodes[i];
    if (node->kind != YOLO_NODE_OUTPUT || node->shape.w < 2) continue;
    int stride = (width + node->shape.w / 2) / node->shape.w;
    if (stride > multiple) multiple = stride;
  }
  return multiple;
}

/* Fully connected layers see every pixel: their matrices exist for one input size only. */
static const yolo_param *first_resized(const yolo_graph *a, const yolo_graph *b) {
  for (int i = 0; i < a->n_params && i < b->n_params; i++)
    if (yolo_param_count(&a->params[i].spec) != yolo_param_count(&b->params[i].spec)) return &a->params[i];
  return NULL;
}

static yolo_status does_not_fit(yolo_status st, int multiple, int width, int height) {
  int near = width / multiple * multiple;
  if (near < multiple) near = multiple;
  if (st == YOLO_OK)
    st = yolo_fail(YOLO_ESHAPE, "an input of %d x %d does not fit this network: both sides must be multiples of %d, such as %d",
                   width, height, multiple, near);
  else if (multiple > 1)
    st = yolo_error_prefix(st, "an input of %d x %d does not fit this network, whose sides must be multiples of %d: ", width,
                           height, multiple);
  return st;
}

/* Builds the graph at the cfg's size and, where another one is wanted, again at that. */
static yolo_status build_resized(const yolo_cfg *cfg, const yolo_cfg_net *net, int width, int height, yolo_graph **out) {
  yolo_graph *own = NULL, *wanted = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(build_graph(cfg, net->width, net->height, &own));
  if (width == net->width && height == net->height) {
    *out = own;
    own = NULL;
    goto done;
  }
  int multiple = needed_multiple(own);
  if ((st = build_graph(cfg, width, height, &wanted)) != YOLO_OK) {
    if (st == YOLO_ESHAPE) st = does_not_fit(st, multiple, width, height);
    goto done;
  }
  const yolo_param *fixed = first_resized(own, wanted);
  if (fixed) {
    st = yolo_fail(YOLO_ESHAPE, "an input of %d x %d does not fit this network: layer %d [%s] needs %d x %d", width, height,
                   fixed->layer, own->layers[fixed->layer].section, net->width, net->height);
    goto done;
  }
  if (width % multiple || height % multiple) {
    st = does_not_fit(YOLO_OK, multiple, width, height);
    goto done;
  }
  *out = wanted;
  wanted = NULL;
done:
  yolo_graph_free(own);
  yolo_graph_free(wanted);
  return st;
}

/* ---- heads ---- */

static const yolo_cfg_section *section_of(const yolo_model_spec *spec, int node) {
  int layer = spec->graph->nodes[node].layer; /* section 0 is [net] */
  return layer >= 0 && layer + 1 < spec->cfg->n_sections ? &spec->cfg->sections[layer + 1] : NULL;
}

static yolo_status add_head(yolo_model_spec *spec, const yolo_head_def *def, int node) {
  yolo_head *head = &spec->heads[spec->n_heads++];
  const yolo_cfg_section *section = section_of(spec, node);
  head->def = def;
  head->node = node;
  yolo_status st = def->parse(section, spec->graph->nodes[node].shape, head);
  if (st != YOLO_OK) return st;
  if (spec->n_heads > 1 && head->classes != spec->classes)
    return yolo_cfg_fail(section, "classes", YOLO_EINVAL, "classes=%d, but the head before has %d; they must agree",
                         head->classes, spec->classes);
  spec->classes = head->classes;
  return YOLO_OK;
}

/* A network that ends in a vector is a classifier. Dropouts, the identity once training is over, vanish from the network
 * that runs, so what they read stands for them. */
static yolo_status find_classifier(yolo_model_spec *spec) {
  const yolo_graph *graph = spec->graph;
  int node = graph->layers[graph->n_layers - 1].last;
  if (node <= 0 || graph->nodes[node].shape.h != 1 || graph->nodes[node].shape.w != 1) return YOLO_OK;
  if (node != graph->n_nodes - 1)
    return yolo_fail(YOLO_EUNSUPPORTED,
                     "%s: the last layer only repeats layer %d; a classifier must end in the layer that gives its scores",
                     spec->cfg->file, graph->nodes[node].layer);
  while (graph->nodes[node].kind == YOLO_NODE_OP && graph->nodes[node].op == YOLO_OP_dropout) node = graph->nodes[node].in[0];
  return add_head(spec, &yolo_head_classify, node);
}

/* Every [yolo], [region] ... is a head. A network without any that ends in a vector is a classifier, and one that
 * ends in a map is a bare backbone without heads. */
static yolo_status find_heads(yolo_model_spec *spec) {
  const yolo_graph *graph = spec->graph;
  int outputs = 0;
  for (int i = 0; i < graph->n_nodes; i++) outputs += graph->nodes[i].kind == YOLO_NODE_OUTPUT;
  spec->heads = yolo_calloc((size_t)(outputs ? outputs : 1), sizeof *spec->heads);
  if (!spec->heads) return YOLO_ENOMEM;
  for (int i = 0; i < graph->n_nodes; i++) {
    if (graph->nodes[i].kind != YOLO_NODE_OUTPUT) continue;
    const yolo_head_def *def = yolo_head_find(graph->layers[graph->nodes[i].layer].section); /* no alias, unlike the cfg's */
    if (!def) return yolo_fail(YOLO_EINVAL, "%s: layer %d has no head to decode it", spec->cfg->file, graph->nodes[i].layer);
    yolo_status st = add_head(spec, def, i);
    if (st != YOLO_OK) return st;
  }
  return outputs == 0 ? find_classifier(spec) : YOLO_OK;
}

/* ---- names ---- */

static yolo_status settle_names(yolo_model_spec *spec, yolo_native *native, const char *path) {
  yolo_names names = {0};
  yolo_status st = YOLO_OK;
  const char *from = path;
  if (path) {
    YOLO_TRY(yolo_names_load(path, &names));
  } else if (native->names.count > 0) {
    names = native->names;
    native->names = (yolo_names){0};
    from = "the model file";
  } else {
    YOLO_TRY(yolo_names_number(spec->classes, &names));
  }
  if (names.count != spec->classes) {
    st = yolo_fail(YOLO_EINVAL,
                   "%s: %d class names, but the network tells %d classes apart; another list of names or another cfg "
                   "belongs to it",
                   from, names.count, spec->classes);
    goto done;
  }
  spec->names = names.items;
  spec->n_names = names.count;
  names = (yolo_names){0};
done:
  yolo_names_free(&names);
  return st;
}

/* ---- the three kinds of files ---- */

static yolo_status no_such_model(const char *word) {
  enum { MOST_NAMES = 64 };
  const char *names[MOST_NAMES];
  int n = 0;
  while (n < MOST_NAMES && yolo_zoo[n].name) {
    names[n] = yolo_zoo[n].name;
    ++n;
  }
  const char *closest = yolo_closest(word, names, n);
  return yolo_fail(YOLO_EIO, "there is no file '%s', and no network of the zoo has that name%s%s%s", word,
                   closest ? "; did you mean '" : "", closest ? closest : "", closest ? "'?" : "");
}

/* Neither a file nor a path: a misspelt name of the zoo. */
static bool is_no_model(const char *word) { return !strpbrk(word, "./") && access(word, F_OK) != 0; }

yolo_status yolo_model_cfg(const char *word, yolo_cfg **out) {
  const char *zoo = yolo_zoo_text(word);
  if (zoo) return yolo_cfg_parse(zoo, strlen(zoo), word, out);
  return is_no_model(word) ? no_such_model(word) : yolo_cfg_load(word, out);
}

/* The name of the file, not its folder: equal models write equal bytes wherever they lie. */
static yolo_status note_source(const char *path, char **out) {
  yolo_text text = {0};
  yolo_status st = yolo_text_format(&text, "{\"source\":");
  if (st == YOLO_OK) st = yolo_text_json_string(&text, yolo_basename(path));
  if (st == YOLO_OK) st = yolo_text_append(&text, "}", 1);
  if (st == YOLO_OK && !(*out = yolo_strdup(text.data))) st = YOLO_ENOMEM;
  yolo_text_free(&text);
  return st;
}

static yolo_status load_darknet_model(const char *path, const char *cfg, yolo_model_spec *spec) {
  yolo_darknet_reader *reader = NULL;
  yolo_status st = YOLO_OK;
  if (!cfg)
    return yolo_fail(YOLO_EINVAL, "%s: Darknet weights do not say which network they belong to; name its cfg as well", path);
  YOLO_TRY(yolo_darknet_open(path, &reader, &spec->header));
  YOLO_TRY(yolo_model_cfg(cfg, &spec->cfg));
  YOLO_TRY(note_source(path, &spec->provenance));
done:
  yolo_darknet_close(reader);
  return st;
}

static yolo_status parse_stored_cfg(const char *path, const char *text, yolo_cfg **out) {
  yolo_text file = {0};
  yolo_status st = yolo_text_format(&file, "%s(model_cfg)", path);
  if (st == YOLO_OK) st = yolo_cfg_parse(text, strlen(text), file.data, out);
  yolo_text_free(&file);
  return st;
}

/* With a cfg of the caller's, the file may be any safetensors file that holds the tensors. */
static yolo_status load_native_model(const char *path, const char *cfg, yolo_model_spec *spec, yolo_native *native) {
  yolo_safetensors_reader *reader = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_safetensors_open(path, &reader));
  if (!cfg || yolo_safetensors_metadata(reader, "format_version")) YOLO_TRY(yolo_native_read(reader, path, native));
  if (native->has_header) spec->header = native->header;
  if (native->provenance) {
    spec->provenance = yolo_strdup(native->provenance);
    YOLO_ENOMEM_IF_NULL(spec->provenance);
  } else {
    YOLO_TRY(note_source(path, &spec->provenance));
  }
  YOLO_TRY(cfg ? yolo_model_cfg(cfg, &spec->cfg) : parse_stored_cfg(path, native->model_cfg, &spec->cfg));
done:
  native->model_cfg = native->provenance = NULL; /* they go with the reader */
  yolo_safetensors_close(reader);
  return st;
}

static yolo_status load_by_kind(const char *path, const yolo_model_options *options, yolo_model_spec *spec,
                                yolo_native *native) {
  yolo_weights_kind kind = YOLO_WEIGHTS_UNKNOWN;
  if (yolo_has_suffix(path, ".cfg") || yolo_zoo_text(path)) return yolo_model_cfg(path, &spec->cfg);
  if (is_no_model(path)) return no_such_model(path);
  yolo_status st = yolo_weights_sniff(path, &kind);
  if (st != YOLO_OK) return st;
  if (kind == YOLO_WEIGHTS_DARKNET) return load_darknet_model(path, options->cfg, spec);
  return load_native_model(path, options->cfg, spec, native);
}

/* ---- all of it ---- */

static int first_set(int a, int b, int c) { return a ? a : b ? b : c; }

/* Everything that follows from the cfg, and from what a native file says beside it. */
static yolo_status settle(yolo_model_spec *spec, yolo_native *native, const yolo_model_options *options) {
  yolo_cfg_net net = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_cfg_read_net(spec->cfg, &net));
  YOLO_TRY(settle_preprocess(&net, native, options, &spec->preprocess));
  spec->width = first_set(options->width, native->width, net.width);
  spec->height = first_set(options->height, native->height, net.height);
  spec->channels = net.channels;
  YOLO_TRY(build_resized(spec->cfg, &net, spec->width, spec->height, &spec->graph));
  YOLO_TRY(find_heads(spec));
  YOLO_TRY(settle_names(spec, native, options->names));
done:
  return st;
}

yolo_status yolo_model_spec_from_text(const char *text, const char *file, const char *const *names, int n_names,
                                      const yolo_model_options *options, yolo_model_spec *out) {
  static const yolo_model_options defaults = {0};
  yolo_model_spec spec = {0};
  yolo_native native = {0}; /* as if a native file had brought the names */
  yolo_status st = YOLO_OK;
  *out = (yolo_model_spec){0};
  if (!options) options = &defaults;
  YOLO_TRY(check_size(options));
  for (int i = 0; i < n_names; i++) YOLO_TRY(yolo_names_add(&native.names, names[i], strlen(names[i])));
  YOLO_TRY(yolo_cfg_parse(text, strlen(text), file, &spec.cfg));
  YOLO_TRY(settle(&spec, &native, options));
  *out = spec;
  spec = (yolo_model_spec){0};
done:
  yolo_native_release(&native);
  yolo_model_spec_release(&spec);
  return st;
}

yolo_status yolo_model_spec_load(const char *path, const yolo_model_options *options, yolo_model_spec *out) {
  static const yolo_model_options defaults = {0};
  yolo_model_spec spec = {0};
  yolo_native native = {0};
  yolo_status st = YOLO_OK;
  *out = (yolo_model_spec){0};
  if (!options) options = &defaults;
  if (!path || !*path) {
    st = yolo_fail(YOLO_EINVAL, "no model file is named");
    goto done;
  }
  YOLO_TRY(check_size(options));
  YOLO_TRY(load_by_kind(path, options, &spec, &native));
  YOLO_TRY(settle(&spec, &native, options));
  *out = spec;
  spec = (yolo_model_spec){0};
done:
  yolo_native_release(&native);
  yolo_model_spec_release(&spec);
  return st;
}

void yolo_model_spec_release(yolo_model_spec *spec) {
  yolo_names names = {spec->names, spec->n_names};
  for (int i = 0; i < spec->n_heads; i++) yolo_free(spec->heads[i].attrs);
  yolo_free(spec->heads);
  yolo_names_free(&names);
  yolo_graph_free(spec->graph);
  yolo_cfg_free(spec->cfg);
  yolo_free(spec->provenance);
  *spec = (yolo_model_spec){0};
}
