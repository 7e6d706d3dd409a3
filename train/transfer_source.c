/* The tensors of a weights file: see transfer_source.h.
 *
 * Darknet's files have neither names nor lengths of their parts: only a network says what their floats are. Without a cfg of
 * their own it is the one to be trained, with as many classes as make its floats as many as the file's: the number of floats
 * grows by the same amount with every class, so two small networks tell how many there are. */
#include "train/transfer_source.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "detect/native.h"
#include "train/model_classes.h"

enum { MOST_CLASSES = 1 << 20 };

/* ---- Darknet ---- */

static yolo_status build_graph(const yolo_cfg *cfg, int height, int width, yolo_graph **out) {
  yolo_cfg_section_def heads[YOLO_HEAD_SECTIONS];
  int count = yolo_head_sections(heads, YOLO_HEAD_SECTIONS);
  return yolo_cfg_to_graph(cfg, heads, count, height, width, out);
}

/* The network of the spec with other classes. */
static yolo_status build_with_classes(const yolo_model_spec *spec, int classes, yolo_graph **out) {
  char *text = NULL;
  yolo_cfg *cfg = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_model_adapt(spec->cfg->source, spec->cfg->file, &(yolo_model_adaptation){.classes = classes}, &text));
  YOLO_TRY(yolo_cfg_parse(text, strlen(text), spec->cfg->file, &cfg));
  YOLO_TRY(build_graph(cfg, spec->height, spec->width, out));
done:
  yolo_cfg_free(cfg);
  yolo_free(text);
  return st;
}

static yolo_status count_with_classes(const yolo_model_spec *spec, int classes, uint64_t *out) {
  yolo_graph *graph = NULL;
  yolo_status st = build_with_classes(spec, classes, &graph);
  if (st == YOLO_OK) *out = yolo_graph_param_count(graph, false);
  yolo_graph_free(graph);
  return st;
}

/* *out stays NULL where no number of classes makes the spec's network one of so many floats. */
static yolo_status guess_classes(const yolo_model_spec *spec, uint64_t floats, yolo_graph **out) {
  uint64_t one = 0, two = 0;
  yolo_status st = count_with_classes(spec, 1, &one);
  if (st == YOLO_OK) st = count_with_classes(spec, 2, &two);
  if (st != YOLO_OK) return st == YOLO_ENOMEM ? st : YOLO_OK; /* a cfg that cannot be adapted */
  if (two <= one || floats < one || (floats - one) % (two - one) != 0) return YOLO_OK;
  uint64_t classes = 1 + (floats - one) / (two - one);
  if (classes > MOST_CLASSES) return YOLO_OK;
  st = build_with_classes(spec, (int)classes, out);
  if (st != YOLO_OK) return st == YOLO_ENOMEM ? st : YOLO_OK;
  if (yolo_graph_param_count(*out, false) == floats) return YOLO_OK;
  yolo_graph_free(*out);
  *out = NULL;
  return YOLO_OK;
}

static yolo_status count_floats(const char *path, uint64_t *out) {
  yolo_darknet_reader *reader = NULL;
  yolo_status st = yolo_darknet_open(path, &reader, NULL);
  if (st == YOLO_OK) *out = yolo_darknet_floats_left(reader);
  yolo_darknet_close(reader);
  return st;
}

static yolo_status load_own_cfg(const char *path, yolo_graph **out) {
  yolo_cfg *cfg = NULL;
  yolo_status st = yolo_cfg_load(path, &cfg);
  if (st == YOLO_OK) st = build_graph(cfg, 0, 0, out);
  yolo_cfg_free(cfg);
  return st;
}

static yolo_status open_darknet(const yolo_model_spec *spec, const yolo_transfer_options *options, yolo_transfer_source *out) {
  uint64_t floats = 0, wanted = yolo_graph_param_count(spec->graph, false);
  yolo_status st = YOLO_OK;
  YOLO_TRY(count_floats(options->path, &floats));
  if (options->cfg)
    YOLO_TRY(load_own_cfg(options->cfg, &out->graph));
  else if (floats != wanted)
    YOLO_TRY(guess_classes(spec, floats, &out->graph));
  const yolo_graph *graph = out->graph ? out->graph : spec->graph;
  wanted = yolo_graph_param_count(graph, false);
  if (!options->cfg && floats > wanted) {
    st = yolo_fail(YOLO_EINVAL,
                   "%s: holds %llu floats, this network %llu, and no number of classes makes them equal; name the cfg that the "
                   "weights belong to",
                   options->path, (unsigned long long)floats, (unsigned long long)wanted);
    goto done;
  }
  const yolo_model_options how = {.partial = floats < wanted};
  YOLO_TRY(yolo_weight_source_open(options->path, graph, &how, &out->darknet));
  out->count = out->darknet.count;
done:
  return st;
}

/* ---- safetensors ---- */

static yolo_status read_native(const char *path, yolo_transfer_source *out) {
  const char *format = yolo_safetensors_metadata(out->safetensors, "format");
  yolo_native native = {0};
  if (format && strcmp(format, "yolo-checkpoint") == 0)
    return yolo_fail(YOLO_EINVAL,
                     "%s: is the state of a training; begin from the best.safetensors or last.safetensors beside it, or go on "
                     "with --resume",
                     path);
  if (!format || strcmp(format, "yolo") != 0) return YOLO_OK;
  yolo_status st = yolo_native_read(out->safetensors, path, &native);
  out->names = native.names;
  native.names = (yolo_names){0};
  yolo_native_release(&native);
  return st;
}

static yolo_status open_safetensors(const yolo_transfer_options *options, yolo_transfer_source *out) {
  yolo_status st = YOLO_OK;
  if (options->cfg)
    return yolo_fail(YOLO_EINVAL, "%s: names its tensors itself; leave the cfg %s out, which .weights files need",
                     options->path, options->cfg);
  YOLO_TRY(yolo_safetensors_open(options->path, &out->safetensors));
  YOLO_TRY(read_native(options->path, out));
  out->count = yolo_safetensors_count(out->safetensors);
done:
  return st;
}

/* ---- from outside ---- */

yolo_status yolo_transfer_source_open(const yolo_model_spec *spec, const yolo_transfer_options *options,
                                      yolo_transfer_source *out) {
  yolo_weights_kind kind = YOLO_WEIGHTS_UNKNOWN;
  yolo_status st = YOLO_OK;
  *out = (yolo_transfer_source){0};
  YOLO_TRY(yolo_weights_sniff(options->path, &kind));
  YOLO_TRY(kind == YOLO_WEIGHTS_DARKNET ? open_darknet(spec, options, out) : open_safetensors(options, out));
  if (options->names) {
    yolo_names_free(&out->names);
    out->names = (yolo_names){0};
    YOLO_TRY(yolo_names_load(options->names, &out->names));
  }
done:
  if (st != YOLO_OK) yolo_transfer_source_close(out);
  return st;
}

void yolo_transfer_source_close(yolo_transfer_source *source) {
  if (source->darknet.graph) yolo_weight_source_close(&source->darknet);
  yolo_safetensors_close(source->safetensors);
  yolo_graph_free(source->graph);
  yolo_names_free(&source->names);
  *source = (yolo_transfer_source){0};
}

yolo_status yolo_transfer_source_at(const yolo_transfer_source *source, int index, yolo_tensor_desc *out, bool *known) {
  *known = true;
  if (!source->safetensors) {
    *out = source->darknet.descs[index];
    return YOLO_OK;
  }
  yolo_status st = yolo_safetensors_at(source->safetensors, index, out);
  *known = st != YOLO_EUNSUPPORTED; /* more dimensions than any parameter */
  return *known ? st : YOLO_OK;
}

yolo_status yolo_transfer_source_read(yolo_transfer_source *source, const yolo_tensor_desc *desc, float *to, bool *ended) {
  *ended = false;
  if (source->safetensors) return yolo_safetensors_read(source->safetensors, desc, to);
  yolo_status st = yolo_weight_source_read(&source->darknet, to);
  *ended = source->darknet.ended;
  return st;
}

yolo_status yolo_transfer_source_finish(yolo_transfer_source *source) {
  return source->safetensors ? YOLO_OK : yolo_weight_source_finish(&source->darknet);
}
