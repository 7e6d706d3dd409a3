/* Where the parameters of a graph come from. See weight_source.h.
 *
 * Darknet files have no names: the order of the graph is the only key to them, so every float is accounted for.
 * Files cut after some layers ("darknet53.conv.74" holds the first 74) are accepted only when asked for; what
 * they lack gets the values of an untrained network (He initialisation, from a fixed seed). */
#include "detect/weight_source.h"

#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "detect/native.h"

yolo_status yolo_model_tensor_descs(const yolo_graph *graph, yolo_tensor_desc **out, int *count) {
  yolo_tensor_desc *descs = yolo_calloc((size_t)graph->n_order, sizeof *descs);
  if (!descs) return YOLO_ENOMEM;
  for (int i = 0; i < graph->n_order; i++) {
    const yolo_param *param = &graph->params[graph->order[i]];
    descs[i].name = param->name;
    descs[i].ndim = param->spec.ndim;
    memcpy(descs[i].dims, param->spec.dims, sizeof descs[i].dims);
    descs[i].layer = param->layer;
    descs[i].section = param->layer >= 0 ? graph->layers[param->layer].section : "net";
  }
  *out = descs;
  *count = graph->n_order;
  return YOLO_OK;
}

/* Old files of Darknet may hold [connected] matrices transposed, and say so by a version above 1000. */
static yolo_status check_transposed(const char *path, const yolo_graph *graph, const yolo_darknet_header *header) {
  if (header->major <= 1000 && header->minor <= 1000) return YOLO_OK;
  for (int i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].kind == YOLO_NODE_OP && graph->nodes[i].op == YOLO_OP_linear)
      return yolo_fail(YOLO_EUNSUPPORTED,
                       "%s: version %d.%d means transposed [connected] layers, which are not read; save the file again with "
                       "a current Darknet",
                       path, header->major, header->minor);
  return YOLO_OK;
}

static yolo_status open_darknet(const char *path, yolo_weight_source *source) {
  yolo_status st = yolo_darknet_open(path, &source->darknet, &source->header);
  if (st != YOLO_OK) return st;
  source->has_header = true;
  return check_transposed(path, source->graph, &source->header);
}

static yolo_status open_safetensors(const char *path, yolo_weight_source *source) {
  yolo_native native = {0};
  yolo_status st = YOLO_OK;
  if (source->partial) return yolo_fail(YOLO_EINVAL, "%s: a cutoff is for Darknet files; safetensors name their tensors", path);
  YOLO_TRY(yolo_safetensors_open(path, &source->safetensors));
  if (!yolo_safetensors_metadata(source->safetensors, "format_version")) goto done; /* with a cfg of the user's */
  YOLO_TRY(yolo_native_read(source->safetensors, path, &native));
  source->has_header = native.has_header;
  source->header = native.header;
done:
  yolo_native_release(&native);
  return st;
}

yolo_status yolo_weight_source_open(const char *path, const yolo_graph *graph, const yolo_model_options *options,
                                    yolo_weight_source *out) {
  yolo_status st = YOLO_OK;
  yolo_weights_kind kind = YOLO_WEIGHTS_UNKNOWN;
  *out = (yolo_weight_source){.graph = graph};
  out->partial = options && options->partial;
  out->cutoff = out->partial ? options->cutoff : 0;
  if (out->cutoff < 0 || out->cutoff > graph->n_layers) {
    st = yolo_fail(YOLO_EINVAL, "a cutoff of %d layers does not fit this network, which has %d", out->cutoff, graph->n_layers);
    goto done;
  }
  YOLO_TRY(yolo_model_tensor_descs(graph, &out->descs, &out->count));
  YOLO_TRY(yolo_weights_sniff(path, &kind));
  YOLO_TRY(kind == YOLO_WEIGHTS_DARKNET ? open_darknet(path, out) : open_safetensors(path, out));
done:
  if (st != YOLO_OK) yolo_weight_source_close(out);
  return st;
}

/* Whether a cut file ends before the next tensor: at the cutoff, or where its bytes end between two layers. */
static bool file_ended(const yolo_weight_source *source) {
  const yolo_tensor_desc *desc = &source->descs[source->next];
  bool layer_begins = source->next == 0 || source->descs[source->next - 1].layer != desc->layer;
  if (!source->partial) return false;
  if (source->cutoff > 0) return desc->layer >= source->cutoff;
  return layer_begins && yolo_darknet_at_end(source->darknet);
}

yolo_status yolo_weight_source_read(yolo_weight_source *source, float *to) {
  yolo_status st = YOLO_OK;
  if (source->next >= source->count)
    return yolo_fail(YOLO_EINVAL, "all %d tensors of the network have been read", source->count);
  const yolo_tensor_desc *desc = &source->descs[source->next];
  source->ended = source->ended || file_ended(source);
  if (source->ended) {
    uint64_t seed = 1;
    st = yolo_fetch_random(&seed, &source->graph->params[source->graph->order[source->next]], to);
  } else if (source->darknet) {
    st = yolo_darknet_read(source->darknet, desc, to);
  } else {
    st = yolo_safetensors_read(source->safetensors, desc, to);
  }
  source->next++;
  return st;
}

static bool wanted(const yolo_weight_source *source, const char *name) {
  if (yolo_has_suffix(name, ".num_batches_tracked")) return true; /* PyTorch's counter of steps; nothing depends on it */
  for (int i = 0; i < source->count; i++)
    if (strcmp(source->descs[i].name, name) == 0) return true;
  return false;
}

/* Every tensor of the network was there; more tensors than that belong to another network. */
static yolo_status check_surplus(const yolo_weight_source *source) {
  int stored = yolo_safetensors_count(source->safetensors);
  for (int i = 0; i < stored && stored != source->count; i++) {
    yolo_tensor_desc desc;
    yolo_status st = yolo_safetensors_at(source->safetensors, i, &desc);
    if (st != YOLO_OK) return st;
    if (!wanted(source, desc.name))
      return yolo_fail(YOLO_EFORMAT, "the file holds the tensor '%.200s', which the network does not have", desc.name);
  }
  return YOLO_OK;
}

yolo_status yolo_weight_source_finish(yolo_weight_source *source) {
  if (source->darknet) return yolo_darknet_finish(source->darknet, source->partial);
  return check_surplus(source);
}

void yolo_weight_source_close(yolo_weight_source *source) {
  yolo_darknet_close(source->darknet);
  yolo_safetensors_close(source->safetensors);
  yolo_free(source->descs);
  *source = (yolo_weight_source){0};
}
