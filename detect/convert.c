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

static yolo_status open_safetensors(const yolo_model_spec *spec, const yolo_weight_source *source, const char *path,
                                    sink *out) {
  yolo_text room = {0};
  yolo_metadata pairs[YOLO_NATIVE_PAIRS];
  int count = 0;
  yolo_status st = yolo_native_write(spec, source->has_header ? &source->header : NULL, &room, pairs, &count);
  if (st == YOLO_OK) st = yolo_safetensors_create(path, source->descs, source->count, pairs, count, &out->safetensors);
  yolo_text_free(&room);
  return st;
}

static yolo_status open_sink(const yolo_model_spec *spec, const yolo_weight_source *source, const char *path, sink *out) {
  if (yolo_has_suffix(path, ".safetensors")) return open_safetensors(spec, source, path, out);
  if (yolo_has_suffix(path, ".weights"))
    return yolo_darknet_create(path, source->has_header ? &source->header : &default_header, &out->darknet);
  return yolo_fail(YOLO_EINVAL, "%s: the name must end in .safetensors or .weights, which says what to write", path);
}

static yolo_status write_tensor(sink *to, const float *values, size_t count) {
  return to->darknet ? yolo_darknet_write(to->darknet, values, count) : yolo_safetensors_write(to->safetensors, values, count);
}

static yolo_status finish_sink(sink *to) {
  return to->darknet ? yolo_darknet_writer_finish(to->darknet) : yolo_safetensors_writer_finish(to->safetensors);
}

static size_t largest_tensor(const yolo_weight_source *source) {
  size_t largest = 0;
  for (int i = 0; i < source->count; i++) {
    size_t count = yolo_tensor_desc_count(&source->descs[i]);
    if (count > largest) largest = count;
  }
  return largest;
}

yolo_status yolo_model_convert(const yolo_model_spec *spec, const char *weights, const yolo_model_options *options,
                               const char *out) {
  yolo_weight_source source = {0};
  sink to = {0};
  float *values = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_weight_source_open(weights, spec->graph, options, &source));
  values = yolo_alloc_array(largest_tensor(&source), sizeof *values);
  YOLO_ENOMEM_IF_NULL(values);
  YOLO_TRY(open_sink(spec, &source, out, &to));
  while (source.next < source.count) {
    size_t count = yolo_tensor_desc_count(&source.descs[source.next]);
    YOLO_TRY(yolo_weight_source_read(&source, values));
    YOLO_TRY(write_tensor(&to, values, count));
  }
  YOLO_TRY(yolo_weight_source_finish(&source)); /* a surplus at the end means the wrong cfg: nothing is written */
  YOLO_TRY(finish_sink(&to));
done:
  yolo_darknet_writer_close(to.darknet);
  yolo_safetensors_writer_close(to.safetensors);
  yolo_free(values);
  yolo_weight_source_close(&source);
  return st;
}
