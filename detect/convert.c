/* From one weights format to another, tensor by tensor: memory holds one tensor, never the network. Both formats
 * store the same floats in the same order, so a round trip gives every byte back. */
#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "detect/model.h"
#include "detect/native.h"
#include "detect/weight_source.h"

/* What AlexeyAB's Darknet writes; nothing is known of the training. */
static const yolo_darknet_header default_header = {.major = 0, .minor = 2, .revision = 5, .seen = 0};

typedef struct sink {
  yolo_darknet_writer *darknet;
  yolo_safetensors_writer *safetensors;
} sink;

/* header: of the Darknet file they came from; NULL: none. */
static yolo_status open_safetensors(const yolo_model_spec *spec, const yolo_tensor_desc *descs, int n,
                                    const yolo_darknet_header *header, const char *path, sink *out) {
  yolo_text room = {0};
  yolo_metadata pairs[YOLO_NATIVE_PAIRS];
  int count = 0;
  yolo_status st = yolo_native_write(spec, header, &room, pairs, &count);
  if (st == YOLO_OK) st = yolo_safetensors_create(path, descs, n, pairs, count, &out->safetensors);
  yolo_text_free(&room);
  return st;
}

static yolo_status open_sink(const yolo_model_spec *spec, const yolo_tensor_desc *descs, int n,
                             const yolo_darknet_header *header, const char *path, sink *out) {
  if (yolo_has_suffix(path, ".safetensors")) return open_safetensors(spec, descs, n, header, path, out);
  if (yolo_has_suffix(path, ".weights")) return yolo_darknet_create(path, header ? header : &default_header, &out->darknet);
  return yolo_fail(YOLO_EINVAL, "%s: the name must end in .safetensors or .weights, which says what to write", path);
}

static yolo_status write_tensor(sink *to, const float *values, size_t count) {
  return to->darknet ? yolo_darknet_write(to->darknet, values, count) : yolo_safetensors_write(to->safetensors, values, count);
}

static yolo_status finish_sink(sink *to) {
  return to->darknet ? yolo_darknet_writer_finish(to->darknet) : yolo_safetensors_writer_finish(to->safetensors);
}

static void close_sink(sink *to) {
  yolo_darknet_writer_close(to->darknet);
  yolo_safetensors_writer_close(to->safetensors);
}

static size_t largest_tensor(const yolo_tensor_desc *descs, int n) {
  size_t largest = 1;
  for (int i = 0; i < n; i++) {
    size_t count = yolo_tensor_desc_count(&descs[i]);
    if (count > largest) largest = count;
  }
  return largest;
}

yolo_status yolo_model_convert(const yolo_model_spec *spec, const char *weights, const yolo_model_options *options, bool half,
                               const char *out) {
  yolo_weight_source source = {0};
  sink to = {0};
  float *values = NULL;
  yolo_status st = YOLO_OK;
  if (half && !yolo_has_suffix(out, ".safetensors"))
    return yolo_fail(YOLO_EUNSUPPORTED, "%s: only a .safetensors file can hold weights in 16 bits", out);
  YOLO_TRY(yolo_weight_source_open(weights, spec->graph, options, &source));
  for (int i = 0; i < source.count; i++) source.descs[i].half = half && source.descs[i].ndim > 1;
  values = yolo_alloc_array(largest_tensor(source.descs, source.count), sizeof *values);
  YOLO_ENOMEM_IF_NULL(values);
  YOLO_TRY(open_sink(spec, source.descs, source.count, source.has_header ? &source.header : NULL, out, &to));
  while (source.next < source.count) {
    size_t count = yolo_tensor_desc_count(&source.descs[source.next]);
    YOLO_TRY(yolo_weight_source_read(&source, values));
    YOLO_TRY(write_tensor(&to, values, count));
  }
  YOLO_TRY(yolo_weight_source_finish(&source)); /* a surplus at the end means the wrong cfg: nothing is written */
  YOLO_TRY(finish_sink(&to));
done:
  close_sink(&to);
  yolo_free(values);
  yolo_weight_source_close(&source);
  return st;
}

yolo_status yolo_model_save(const yolo_model_spec *spec, yolo_param_fetch fetch, void *payload, const char *path) {
  const yolo_graph *graph = spec->graph;
  yolo_tensor_desc *descs = NULL;
  sink to = {0};
  float *values = NULL;
  int count = 0;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_model_tensor_descs(graph, &descs, &count));
  values = yolo_alloc_array(largest_tensor(descs, count), sizeof *values);
  YOLO_ENOMEM_IF_NULL(values);
  const bool has_header = spec->header.major || spec->header.minor;
  YOLO_TRY(open_sink(spec, descs, count, has_header ? &spec->header : NULL, path, &to));
  for (int i = 0; i < count; i++) { /* both are in the order of the graph */
    YOLO_TRY(fetch(payload, &graph->params[graph->order[i]], values));
    YOLO_TRY(write_tensor(&to, values, yolo_tensor_desc_count(&descs[i])));
  }
  YOLO_TRY(finish_sink(&to));
done:
  close_sink(&to);
  yolo_free(values);
  yolo_free(descs);
  return st;
}
