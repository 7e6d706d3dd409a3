/* Naming a model: see model_args.h. */
#include "cli/model_args.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/cfg/zoo.h"
#include "cli/cli.h"

#define AT(member) offsetof(model_args, member)

const args_option model_args_files[] = {
    {"model", 'm', ARGS_TEXT, AT(model), 0, 0, NULL, "-m, --model FILE", "a .safetensors file: the whole model in one file"},
    {"weights", 0, ARGS_TEXT, AT(weights), 0, 0, NULL, "--weights FILE --cfg FILE", "or Darknet weights with their network"},
    {"cfg", 0, ARGS_TEXT, AT(cfg), 0, 0, NULL, NULL, NULL},
    {"names", 0, ARGS_TEXT, AT(names), 0, 0, NULL, "--names FILE", "class names, one a line (default: the model's own)"},
    {"cutoff", 0, ARGS_INT, AT(cutoff), 1, 100000, NULL, "--cutoff N", "the weights end after N layers (yolov4.conv.137: 137)"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};

const args_option model_args_input[] = {
    {"imgsz", 0, ARGS_SIZE, AT(size), 1, 16384, NULL, "--imgsz N | WxH",
     "network input, e.g. 416 or 608x352 (default: the model's)"},
    {"letterbox", 0, ARGS_FLAG, AT(letterbox), 0, 0, NULL, "--letterbox | --stretch",
     "keep the shape of images, or fill the input"},
    {"stretch", 0, ARGS_FLAG, AT(stretch), 0, 0, NULL, NULL, NULL},
    {"resize", 0, ARGS_CHOICE, AT(resize), 0, 0, "half-pixel|align-corners", "--resize RULE", "half-pixel | align-corners"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};

const args_option model_args_run[] = {
    {"device", 0, ARGS_TEXT, AT(device), 0, 0, NULL, "--device NAME", NULL},
    {"precision", 0, ARGS_CHOICE, AT(precision), 0, 0, "fp32|tf32|fp16|bf16", "--precision KIND", NULL},
    {"deterministic", 0, ARGS_FLAG, AT(deterministic), 0, 0, NULL, "--deterministic", NULL},
    {"threads", 0, ARGS_INT, AT(threads), 1, 1024, NULL, "--threads N", "CPU threads (default: every core it may use)"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};

/* yolov3.weights -> yolov3.cfg, when that file exists. */
static yolo_status find_cfg_beside(model_choice *choice) {
  yolo_text text = {0};
  size_t stem = strlen(choice->path) - strlen(".weights");
  yolo_status st = yolo_text_format(&text, "%.*s.cfg", (int)stem, choice->path);
  if (st == YOLO_OK && access(text.data, R_OK) == 0) {
    choice->found_cfg = text.data;
    choice->options.cfg = text.data;
    return YOLO_OK;
  }
  yolo_text_free(&text);
  return st;
}

static yolo_status resolve_files(const model_args *args, const char *word, model_choice *out) {
  const char *model = word ? word : args->model, *cfg = args->cfg;
  if (word && args->model) return yolo_fail(YOLO_EINVAL, "two models were named: '%s' and '%s'", word, args->model);
  if (model && (yolo_has_suffix(model, ".cfg") || yolo_zoo_text(model))) {
    if (cfg) return yolo_fail(YOLO_EINVAL, "two networks were named: '%s' and '%s'", model, cfg);
    cfg = model;
    model = NULL;
  }
  if (model && args->weights) return yolo_fail(YOLO_EINVAL, "two models were named: '%s' and '%s'", model, args->weights);
  out->path = model ? model : args->weights;
  out->options.cfg = cfg;
  out->shown = out->path ? out->path : cfg;
  if (!out->shown) return yolo_fail(YOLO_EINVAL, "no model was named");
  if (cfg || !yolo_has_suffix(out->path, ".weights")) return YOLO_OK;
  return find_cfg_beside(out);
}

static const char *const precisions[] = {NULL, "fp32", "tf32", "fp16", "bf16"};

const char *model_args_precision(const model_args *args) { return precisions[args->precision ? args->precision : 1]; }

yolo_status model_args_resolve(const model_args *args, const char *word, model_choice *out) {
  static const char *const filters[] = {NULL, "half-pixel", "align-corners"};
  *out = (model_choice){0};
  if (args->letterbox && args->stretch) return yolo_fail(YOLO_EINVAL, "--letterbox and --stretch exclude each other");
  yolo_model_options *options = &out->options;
  options->names = args->names;
  options->device = args->device;
  options->threads = args->threads;
  options->precision = precisions[args->precision];
  options->deterministic = args->deterministic;
  options->width = args->size[0];
  options->height = args->size[1];
  options->partial = args->cutoff > 0;
  options->cutoff = args->cutoff;
  options->letterbox = args->letterbox ? "letterbox" : args->stretch ? "stretch" : NULL;
  options->filter = filters[args->resize];
  yolo_status st = resolve_files(args, word, out);
  if (st != YOLO_OK) model_choice_release(out);
  return st;
}

void model_choice_release(model_choice *choice) {
  yolo_free(choice->found_cfg);
  *choice = (model_choice){0};
}

void model_warn_partial(const model_choice *choice, const yolo_model_spec *spec) {
  if (!choice->options.partial || choice->options.cutoff >= spec->graph->n_layers) return;
  cli_complain("only layers 0 to %d come from the file (--cutoff %d); the weights of the others are random",
               choice->options.cutoff - 1, choice->options.cutoff);
}

bool model_is_classifier(const yolo_model_spec *spec) { return spec->n_heads > 0 && spec->heads[0].def->scores != NULL; }

yolo_status model_describe(const char *shown, const yolo_model_spec *spec, char *to, size_t room) {
  const char *fit = spec->preprocess.fit == YOLO_FIT_LETTERBOX ? "letterboxed" : "stretched";
  const char *filter = spec->preprocess.filter == YOLO_FILTER_ALIGN_CORNERS ? "align-corners" : "half-pixel";
  int n = snprintf(to, room, "%s: %d %s, images %s to %dx%d (%s)", yolo_basename(shown), spec->classes,
                   spec->classes == 1 ? "class" : "classes", fit, spec->width, spec->height, filter);
  return n < 0 ? yolo_fail(YOLO_EINVAL, "'%s' cannot be printed", shown) : YOLO_OK;
}
