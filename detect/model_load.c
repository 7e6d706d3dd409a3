/* From a spec and a weights file to a model that runs. The parameters are streamed: the network asks for one
 * tensor after the other, in Darknet file order, and packs each layer as soon as it is there. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "detect/model.h"
#include "detect/weight_source.h"

/* The network asks in the order in which the source delivers; a difference would be a mistake of ours, and the
 * check makes it a sentence instead of noise. */
static yolo_status fetch(void *payload, const yolo_param *param, float *to) {
  yolo_weight_source *source = payload;
  if (source->next < source->count && strcmp(source->descs[source->next].name, param->name) != 0)
    return yolo_fail(YOLO_EINVAL, "the network asks for '%s', but the file is at '%s'", param->name,
                     source->descs[source->next].name);
  return yolo_weight_source_read(source, to);
}

static yolo_status load_weights(yolo_model *model, const char *path, const yolo_model_options *options) {
  yolo_weight_source source = {0};
  uint64_t seed = 1;
  if (!path) return yolo_network_load(model->network, yolo_fetch_random, &seed);
  yolo_status st = yolo_weight_source_open(path, model->spec.graph, options, &source);
  if (st == YOLO_OK) st = yolo_network_load(model->network, fetch, &source);
  if (st == YOLO_OK) st = yolo_weight_source_finish(&source);
  yolo_weight_source_close(&source);
  if (st != YOLO_OK && !strstr(yolo_error_message(), path)) return yolo_error_prefix(st, "%s: ", path);
  return st;
}

yolo_status yolo_model_device(const yolo_model_options *options, yolo_network_options *out) {
  yolo_device_options *device = &out->device;
  yolo_status st = YOLO_OK;
  if (options->threads < 0) return yolo_fail(YOLO_EINVAL, "%d threads are not possible", options->threads);
  device->threads = options->threads;
  device->deterministic = options->deterministic != 0;
  YOLO_TRY(yolo_precision_find(options->precision, &device->precision));
  YOLO_TRY(yolo_backend_find(options->device, &out->backend, &device->index));
done:
  return st;
}

static yolo_status open_network(yolo_model *model, const yolo_model_options *options, bool unfused) {
  yolo_network_options how = {.height = model->spec.height, .width = model->spec.width, .unfused = unfused};
  yolo_status st = yolo_model_device(options, &how);
  return st == YOLO_OK ? yolo_network_new(model->spec.graph, &how, &model->network) : st;
}

/* The node of the running graph that computes a node of the source graph. */
static yolo_status find_head_nodes(yolo_model *model) {
  const yolo_graph *graph = yolo_network_graph(model->network);
  model->head_nodes = yolo_calloc((size_t)model->spec.n_heads, sizeof *model->head_nodes);
  if (!model->head_nodes) return YOLO_ENOMEM;
  for (int h = 0; h < model->spec.n_heads; h++) {
    int at = graph->n_nodes - 1;
    while (at > 0 && graph->nodes[at].source != model->spec.heads[h].node) at--;
    if (at == 0) return yolo_fail(YOLO_EINVAL, "the running network lost the output of head %d", h);
    model->head_nodes[h] = at;
  }
  return YOLO_OK;
}

static yolo_status load_on(yolo_model *model, const char *path, const yolo_model_options *options, bool unfused) {
  yolo_status st = open_network(model, options, unfused);
  if (st == YOLO_OK) st = find_head_nodes(model);
  return st == YOLO_OK ? load_weights(model, path, options) : st;
}

/* Where nobody named a device and the GPU that answered has no room for the network, the CPU takes it. */
static yolo_status load_anywhere(yolo_model *model, const char *path, const yolo_model_options *options, bool unfused) {
  yolo_model_options other = *options;
  yolo_status st = load_on(model, path, options, unfused);
  if ((st != YOLO_ENOMEM && st != YOLO_EDEVICE) || (options->device && *options->device) || yolo_backend_count() < 2) return st;
  yolo_network_free(model->network);
  yolo_free(model->head_nodes);
  model->network = NULL;
  model->head_nodes = NULL;
  other.device = "cpu";
  return load_on(model, path, &other, unfused);
}

/* Takes the spec over. */
static yolo_status new_model(yolo_model_spec *spec, const char *path, yolo_model **out) {
  yolo_model *model = *out = yolo_calloc(1, sizeof *model);
  if (!model) return YOLO_ENOMEM;
  model->spec = *spec;
  *spec = (yolo_model_spec){0};
  model->path = yolo_strdup(path ? path : model->spec.cfg->file);
  return model->path ? YOLO_OK : YOLO_ENOMEM;
}

yolo_status yolo_model_from_spec(yolo_model_spec *spec, const char *path, const yolo_model_options *options, bool unfused,
                                 yolo_model **out) {
  static const yolo_model_options defaults = {0};
  yolo_model *model = NULL;
  *out = NULL;
  if (!options) options = &defaults;
  yolo_status st = new_model(spec, path, &model);
  YOLO_TRY(st);
  YOLO_TRY(load_anywhere(model, path, options, unfused));
  *out = model;
  model = NULL;
done:
  yolo_model_spec_release(spec);
  yolo_model_free(model);
  return st;
}

yolo_status yolo_model_from_values(yolo_model_spec *spec, yolo_param_fetch values, void *payload,
                                   const yolo_model_options *options, yolo_model **out) {
  static const yolo_model_options defaults = {0};
  yolo_model *model = NULL;
  *out = NULL;
  yolo_status st = new_model(spec, NULL, &model);
  YOLO_TRY(st);
  YOLO_TRY(open_network(model, options ? options : &defaults, false));
  YOLO_TRY(find_head_nodes(model));
  YOLO_TRY(yolo_network_load(model->network, values, payload));
  *out = model;
  model = NULL;
done:
  yolo_model_spec_release(spec);
  yolo_model_free(model);
  return st;
}

yolo_status yolo_model_load(const char *path, const yolo_model_options *options, yolo_model **out) {
  yolo_model_spec spec = {0};
  *out = NULL;
  if (path && yolo_has_suffix(path, ".cfg"))
    return yolo_fail(YOLO_EINVAL,
                     "%s: a cfg describes a network but holds no weights; name the .weights file, and the cfg with it", path);
  yolo_status st = yolo_model_spec_load(path, options, &spec);
  return st == YOLO_OK ? yolo_model_from_spec(&spec, path, options, false, out) : st;
}

void yolo_model_free(yolo_model *model) {
  if (!model) return;
  yolo_network_free(model->network);
  yolo_free(model->head_nodes);
  yolo_free(model->path);
  yolo_model_spec_release(&model->spec);
  yolo_free(model);
}

/* ---- questions ---- */

int yolo_model_classes(const yolo_model *model) { return model->spec.classes; }

const char *yolo_model_class_name(const yolo_model *model, int index) {
  return index >= 0 && index < model->spec.n_names ? model->spec.names[index] : NULL;
}

void yolo_model_input(const yolo_model *model, int *width, int *height, int *channels) {
  if (width) *width = model->spec.width;
  if (height) *height = model->spec.height;
  if (channels) *channels = model->spec.channels;
}
