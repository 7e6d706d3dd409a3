/* yolo info: a network as a table, one row a layer of its cfg, with parameters, operations and memory. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/cli.h"
#include "cli/layers.h"
#include "cli/model_args.h"

typedef struct info_args {
  model_args model;
  bool verbose;
} info_args;

static const args_option more[] = {{"verbose", 'v', ARGS_FLAG, offsetof(info_args, verbose), 0, 0, NULL, "-v, --verbose",
                                    "also list the keys that only matter for training"},
                                   {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {{"Model", model_args_files, 0},
                                    {"Input", model_args_input, 0},
                                    {"Run", model_args_run, 0},
                                    {"Show", more, 0},
                                    {NULL, NULL, 0}};

/* ---- the table ---- */

static void shape_text(yolo_shape s, char to[40]) { snprintf(to, 40, "%dx%dx%d", s.w, s.h, s.c); }

static void say_layer(const yolo_graph *graph, int index) {
  char detail[LAYER_DETAIL_MAX], count[CLI_COUNT_MAX], filters[16] = "", in[40], out[40];
  layer_facts facts = layer_describe(graph, index, detail);
  if (facts.filters > 0) snprintf(filters, sizeof filters, "%d", facts.filters);
  shape_text(facts.in, in);
  shape_text(facts.out, out);
  cli_say("%5d  %-15s %7s  %-17s  %-14s  ", index, graph->layers[index].section, filters, detail, in);
  if (facts.parameters == 0 && facts.flops <= 0) {
    cli_say("%s\n", out); /* no blanks at the end */
  } else {
    cli_say("%-14s %12s %9.3f\n", out, cli_count(facts.parameters, count), facts.flops * 1e-9);
  }
}

static void say_layers(const yolo_graph *graph) {
  cli_say("%5s  %-15s %7s  %-17s  %-14s  %-14s %12s %9s\n", "layer", "type", "filters", "size/stride", "input", "output",
          "parameters", "GFLOPs");
  for (int i = 0; i < graph->n_layers; ++i) say_layer(graph, i);
}

static double total_flops(const yolo_graph *graph) {
  double flops = 0;
  char detail[LAYER_DETAIL_MAX];
  for (int i = 0; i < graph->n_layers; ++i) flops += layer_describe(graph, i, detail).flops;
  return flops;
}

static void say_totals(const yolo_model_spec *spec) {
  char learned[CLI_COUNT_MAX], statistics[CLI_COUNT_MAX];
  size_t all = yolo_graph_param_count(spec->graph, false), kept = yolo_graph_param_count(spec->graph, true);
  cli_say("\n%s, %s learned parameters and %s running statistics, %.3f GFLOPs an image at %dx%d\n",
          cli_plural((unsigned)spec->graph->n_layers, "layer"), cli_count(kept, learned), cli_count(all - kept, statistics),
          total_flops(spec->graph) * 1e-9, spec->width, spec->height);
}

/* ---- what the images become, what comes out ---- */

static const char *colours(int channels) {
  if (channels == 3) return "RGB";
  return channels == 1 ? "grey" : "channels that no image has";
}

static void say_preprocess(const yolo_model_spec *spec) {
  bool letterbox = spec->preprocess.fit == YOLO_FIT_LETTERBOX;
  bool corners = spec->preprocess.filter == YOLO_FILTER_ALIGN_CORNERS;
  cli_say("input:    %dx%d, %s; %s; %s bilinear\n", spec->width, spec->height, colours(spec->channels),
          letterbox ? "letterbox (the shape of the image is kept, the rest is grey)" : "stretch (the image fills the input)",
          corners ? "align-corners" : "half-pixel");
}

static void say_heads(const yolo_model_spec *spec) {
  char name[CLI_NAME_MAX];
  static const char *const rules[] = {"", "; overlaps by IoU", "; overlaps by DIoU", "; overlaps are kept"};
  cli_say("output:   ");
  for (int i = 0; i < spec->n_heads; ++i) {
    const yolo_head *head = &spec->heads[i];
    cli_say("%s[%s] in layer %d", i ? ", " : "", head->def->section.name, spec->graph->nodes[head->node].layer);
  }
  int nms = spec->n_heads > 0 && !model_is_classifier(spec) ? (int)spec->heads[0].nms : 0;
  cli_say("%s%s\n", spec->n_heads ? "" : "no head: nothing can be detected", rules[nms >= 0 && nms <= 3 ? nms : 0]);
  cli_say("classes:  %d", spec->classes);
  for (int i = 0; i < spec->n_names && i < 5; ++i) cli_say("%s%s", i ? ", " : ": ", cli_printable(spec->names[i], name));
  cli_say("%s\n", spec->n_names > 5 ? ", ..." : "");
}

/* The metadata "provenance", JSON, as it is but for bytes that a terminal would obey. */
static void say_origin(const yolo_model_spec *spec) {
  if (!spec->provenance) return;
  cli_say("origin:   ");
  for (const char *c = spec->provenance; *c; ++c) cli_say("%c", (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
  cli_say("\n");
}

/* ---- memory ---- */

static yolo_status fetch_zeros(void *payload, const yolo_param *param, float *to) {
  (void)payload;
  memset(to, 0, yolo_param_count(&param->spec) * sizeof *to);
  return YOLO_OK;
}

/* Plans the network as `yolo detect` would run it. Its weights play no part, so zeros stand for them. */
static yolo_status say_memory(const yolo_model_spec *spec, const yolo_model_options *options) {
  yolo_network_options how = {0};
  yolo_network *network = NULL;
  yolo_runner *runner = NULL;
  yolo_tensor input;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_model_device(options, &how));
  YOLO_TRY(yolo_network_new(spec->graph, &how, &network));
  YOLO_TRY(yolo_network_load(network, fetch_zeros, NULL));
  YOLO_TRY(yolo_runner_new(network, &runner));
  YOLO_TRY(yolo_runner_prepare(runner, 1, spec->height, spec->width, &input));
  const yolo_plan *plan = yolo_runner_plan(runner);
  double packed = (double)yolo_network_param_bytes(network), plain = 4.0 * (double)yolo_graph_param_count(spec->graph, false);
  cli_say("memory:   packed weights %.1f MB (%.2f times the file), activations (ACT) %.1f MB, scratch (WORK) %.1f MB\n",
          packed * 1e-6, plain > 0 ? packed / plain : 1, (double)plan->act_bytes * 1e-6, (double)plan->work_bytes * 1e-6);
  cli_say("runs on:  %s\n", yolo_runner_device(runner));
done:
  yolo_runner_free(runner);
  yolo_network_free(network);
  return st;
}

/* ---- training keys ---- */

static void say_key(void *payload, const yolo_cfg_section *section, const yolo_cfg_entry *entry) {
  int *count = payload;
  if ((*count)++ == 0) cli_say("\nKeys that only matter for training:\n");
  cli_say("  line %-5d [%s] %s=%s\n", entry->line, section->name, entry->key, entry->value);
}

static yolo_status say_training_keys(const yolo_model_spec *spec) {
  int n = yolo_head_count(), count = 0;
  yolo_cfg_section_def *heads = yolo_alloc_array((size_t)n, sizeof *heads);
  if (!heads) return YOLO_ENOMEM;
  for (int i = 0; i < n; ++i) heads[i] = yolo_heads[i]->section;
  yolo_cfg_visit_training_keys(spec->cfg, heads, n, say_key, &count);
  if (count == 0) cli_say("\nNo key of this network is only for training.\n");
  yolo_free(heads);
  return YOLO_OK;
}

static yolo_status show(const info_args *args, const char *word) {
  model_choice choice = {0};
  yolo_model_spec spec = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(model_args_resolve(&args->model, word, &choice));
  YOLO_TRY(yolo_model_spec_load(choice.shown, &choice.options, &spec));
  cli_say("%s\n\n", choice.shown);
  say_layers(spec.graph);
  say_totals(&spec);
  say_preprocess(&spec);
  say_heads(&spec);
  say_origin(&spec);
  YOLO_TRY(say_memory(&spec, &choice.options));
  if (args->verbose) YOLO_TRY(say_training_keys(&spec));
done:
  yolo_model_spec_release(&spec);
  model_choice_release(&choice);
  return st;
}

static int run(const cli_command *self, int argc, char **argv) {
  info_args args = {0};
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (words.count > 1) {
    cli_complain("one model at a time: '%s' is one too many", words.items[1]);
    return CLI_ERROR;
  }
  return show(&args, words.count ? words.items[0] : NULL) == YOLO_OK ? CLI_OK : cli_fail();
}

const cli_command cmd_info = {
    .name = "info",
    .summary = "show a network: layers, parameters, operations, memory",
    .usage = "yolo info MODEL [options]",
    .about = "MODEL: a .safetensors, a .cfg, a network of the zoo (yolov4-tiny), or .weights with --cfg.",
    .groups = groups,
    .examples =
        "  yolo info yolov3\n"
        "  yolo info yolov4.cfg --imgsz 608 -v",
    .run = run,
};
