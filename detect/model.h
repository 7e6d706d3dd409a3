/* A model: network + head(s) + names + preprocessing. What yolo.h hides behind yolo_model, for the floors
 * above (train, cli) and the tests. */
#ifndef YOLO_DETECT_MODEL_H
#define YOLO_DETECT_MODEL_H

#include "backbone/base/log.h"
#include "backbone/cfg/cfg.h"
#include "backbone/graph/network.h"
#include "datasets/resize.h"
#include "detect/head.h"
#include "detect/yolo.h"
#include "weights/weights.h"

/* What is known without any weights: cfg, graph, heads, names, preprocessing. */
typedef struct yolo_model_spec {
  yolo_cfg *cfg;
  yolo_graph *graph; /* unfused, at the model's input size */
  int n_heads;
  yolo_head *heads;
  int n_names;
  char **names; /* count == classes of the heads */
  int classes;
  yolo_preprocess preprocess;
  int width, height, channels;
  yolo_darknet_header header; /* of the Darknet file it came from; zero otherwise */
  char *provenance;           /* JSON text stored in the native file, or NULL */
} yolo_model_spec;

struct yolo_model {
  yolo_model_spec spec;
  yolo_network *network;
  int *head_nodes; /* node of the running graph, one a head */
  char *path;
};

struct yolo_context {
  const yolo_model *model;
  yolo_runner *runner;
  yolo_boxes candidates; /* room that one image leaves to the next */
};

/* path: a cfg, the name of a network of the zoo, a safetensors file, or .weights with options->cfg (a file or such a name).
 * Reads no tensor. */
yolo_status yolo_model_spec_load(const char *path, const yolo_model_options *options, yolo_model_spec *out);
/* A file, or a network of the zoo by its name. */
yolo_status yolo_model_cfg(const char *word, yolo_cfg **out);
/* From a cfg as text, with class names (n_names 0: numbers). */
yolo_status yolo_model_spec_from_text(const char *text, const char *file, const char *const *names, int n_names,
                                      const yolo_model_options *options, yolo_model_spec *out);
void yolo_model_spec_release(yolo_model_spec *spec);

/* The tensors of a graph in Darknet file order, as the weights wing wants them; *out (and its count) belongs
 * to the caller (yolo_free); names stay the graph's. */
yolo_status yolo_model_tensor_descs(const yolo_graph *graph, yolo_tensor_desc **out, int *count);

/* Loads with a spec (consumed into the model, also on failure) and weights from `path`; path NULL: random
 * weights of seed 1 (benchmarks). `unfused`: run the graph layer by layer as written. */
yolo_status yolo_model_from_spec(yolo_model_spec *spec, const char *path, const yolo_model_options *options, bool unfused,
                                 yolo_model **out);

/* The same with parameters that the caller delivers (training). A model made so may take new ones later, between runs of its
 * contexts: yolo_network_load(model->network, fetch, payload). */
yolo_status yolo_model_from_values(yolo_model_spec *spec, yolo_param_fetch fetch, void *payload,
                                   const yolo_model_options *options, yolo_model **out);
/* Writes parameters as a model file, .safetensors (with spec->provenance) or .weights. */
yolo_status yolo_model_save(const yolo_model_spec *spec, yolo_param_fetch fetch, void *payload, const char *path);

/* Where the network is to run, by options->device, threads, precision and deterministic. */
yolo_status yolo_model_device(const yolo_model_options *options, yolo_network_options *out);

/* Streams weights from one file into another format: out.safetensors or out.weights by its suffix. half: weights (all but
 * vectors: biases, batch norm) are stored in 16 bits, which a .weights file cannot do. */
yolo_status yolo_model_convert(const yolo_model_spec *spec, const char *weights, const yolo_model_options *options, bool half,
                               const char *out);

/* The suppression that `asked` comes to: the model's own where nothing else is asked for. */
yolo_nms yolo_model_nms(const yolo_model *model, yolo_nms_kind asked);

/* Decoded pixels -> detections for a whole batch; results[count] belong to the caller one by one. All are NULL on
 * failure. load_ms is the resize alone here (handing the picture over, where a device resizes it), network_ms the image's
 * share of the batch, with all transfers of a device. */
yolo_status yolo_detect_batch(yolo_context *context, const yolo_pixels *images, int count, const yolo_detect_options *options,
                              yolo_result **results);

#endif
