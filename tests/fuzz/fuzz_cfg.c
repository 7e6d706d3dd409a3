/* Bytes are the text of a cfg: parsed, checked, built into a graph with its heads, fused, and measured by the kernels
 * and the planner at the size it names. Tensors are never allocated, so a network of any size may come out. */
#include "backbone/cfg/cfg.h"
#include "backbone/graph/fuse.h"
#include "backbone/graph/network.h"
#include "detect/head.h"
#include "tests/fuzz/fuzz.h"

static yolo_status parse_heads(const yolo_cfg *cfg, const yolo_graph *graph) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < graph->n_nodes && st == YOLO_OK; i++) {
    if (graph->nodes[i].kind != YOLO_NODE_OUTPUT) continue;
    const yolo_cfg_section *section = &cfg->sections[graph->nodes[i].layer + 1];
    yolo_head head = {.def = yolo_head_find(section->name)};
    fuzz_expect(head.def != NULL, "an output without a head");
    st = head.def->parse(section, graph->nodes[i].shape, &head);
    yolo_free(head.attrs);
  }
  return st;
}

static yolo_status measure(const yolo_graph *graph) {
  static const char *const isas[] = {"portable", NULL}; /* NULL: the best this machine has */
  yolo_status st = YOLO_OK;
  for (int i = 0; i < 2 && st == YOLO_OK; i++) {
    yolo_network_options options = {.device = {.isa = isas[i], .threads = 3}};
    yolo_network *network = NULL;
    yolo_plan *plan = NULL;
    YOLO_TRY(yolo_network_new(graph, &options, &network));
    yolo_shape *shapes = yolo_alloc_array((size_t)graph->n_nodes, sizeof *shapes);
    if (shapes) st = yolo_graph_infer(yolo_network_graph(network), graph->nodes[0].shape.h, graph->nodes[0].shape.w, shapes);
    yolo_plan_options how = {.batch = 2, .concat_views = true, .row_align = 16};
    if (shapes && st == YOLO_OK) st = yolo_plan_make(yolo_network_graph(network), shapes, &how, &plan);
    yolo_plan_free(plan);
    yolo_free(shapes);
    yolo_network_free(network);
  }
done:
  return st;
}

static void count_key(void *payload, const yolo_cfg_section *section, const yolo_cfg_entry *entry) {
  *(size_t *)payload += strlen(section->name) + strlen(entry->key) + strlen(entry->value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  yolo_cfg_section_def heads[YOLO_HEAD_SECTIONS];
  const int n_heads = yolo_head_sections(heads, YOLO_HEAD_SECTIONS);
  const long live = yolo_memory_get_stats().live;
  yolo_cfg *cfg = NULL;
  yolo_graph *graph = NULL;
  size_t characters = 0;
  yolo_status st;
  yolo_error_clear();
  YOLO_TRY(yolo_cfg_parse((const char *)bytes, length, "fuzz.cfg", &cfg));
  yolo_cfg_visit_training_keys(cfg, heads, n_heads, count_key, &characters);
  YOLO_TRY(yolo_cfg_to_graph(cfg, heads, n_heads, 0, 0, &graph));
  YOLO_TRY(parse_heads(cfg, graph));
  YOLO_TRY(measure(graph));
done:
  yolo_graph_free(graph);
  yolo_cfg_free(cfg);
  fuzz_judge(st, live);
  return 0;
}
