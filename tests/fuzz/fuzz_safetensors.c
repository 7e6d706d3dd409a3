/* Bytes are a .safetensors file. Twice: as a native model, whose metadata hold the network (only run when it is
 * small), and as weights for the small network. Every tensor of the header is also asked for by its name. */
#include "detect/model.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/small_net.h"

enum { MOST_FLOATS = 1 << 16 };

static yolo_status read_all(const char *path) {
  static float values[MOST_FLOATS];
  yolo_safetensors_reader *reader = NULL;
  yolo_status st = yolo_safetensors_open(path, &reader);
  for (int i = 0; st == YOLO_OK && i < yolo_safetensors_count(reader); i++) {
    yolo_tensor_desc desc;
    if (yolo_safetensors_at(reader, i, &desc) != YOLO_OK) continue; /* more than four dimensions */
    if (yolo_tensor_desc_count(&desc) <= MOST_FLOATS) (void)yolo_safetensors_read(reader, &desc, values);
  }
  yolo_safetensors_close(reader);
  return st;
}

static bool is_small(const yolo_graph *graph) {
  double flops = 0, values = 0;
  for (int i = 1; i < graph->n_nodes; i++) {
    const yolo_node *node = &graph->nodes[i];
    yolo_shape in[YOLO_OP_MAX_IN];
    for (int k = 0; k < node->n_in; k++) in[k] = graph->nodes[node->in[k]].shape;
    const yolo_op *op = node->kind == YOLO_NODE_OP ? yolo_op_get(node->op) : NULL;
    if (op && op->flops) flops += op->flops(node->attrs, in, node->shape);
    values += (double)yolo_shape_count(node->shape);
  }
  return flops < 1e7 && values < 1e6 && yolo_graph_param_count(graph, false) < MOST_FLOATS;
}

/* Loads and runs the file as it is, unless its cfg describes more than a fuzzer has time for. */
static yolo_status run_native(const char *path) {
  const yolo_model_options options = {.threads = 1};
  yolo_model_spec spec;
  yolo_status st = yolo_model_spec_load(path, &options, &spec);
  if (st != YOLO_OK) return st;
  bool small = is_small(spec.graph);
  yolo_model_spec_release(&spec);
  return small ? small_net_detect(path, &options) : YOLO_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  const long live = yolo_memory_get_stats().live;
  int file = -1, cfg = -1;
  char path[64], cfg_path[64];
  yolo_error_clear();
  fuzz_file(bytes, length, &file, path);
  fuzz_file(small_net, strlen(small_net), &cfg, cfg_path);
  yolo_status st = read_all(path);
  fuzz_judge(st, live);
  if (st == YOLO_OK) {
    const yolo_model_options options = {.cfg = cfg_path, .threads = 1};
    fuzz_judge(run_native(path), live);
    fuzz_judge(small_net_detect(path, &options), live);
  }
  close(file);
  close(cfg);
  return 0;
}
