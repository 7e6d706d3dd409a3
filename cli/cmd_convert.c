/* yolo convert: one weight format into another. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "cli/cli.h"
#include "cli/model_args.h"

typedef struct convert_args {
  model_args model;
  bool half;
} convert_args;

static const args_option output_options[] = {{"half", 0, ARGS_FLAG, offsetof(convert_args, half), 0, 0, NULL, "--half",
                                              "weights in 16 bits: half the size, three digits of each (.safetensors only)"},
                                             {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};

static const args_group groups[] = {
    {"Model", model_args_files, 0}, {"Input", model_args_input, 0}, {"Output", output_options, 0}, {NULL, NULL, 0}};

static yolo_status check_names(const char *in, const char *out) {
  if (!yolo_has_suffix(out, ".safetensors") && !yolo_has_suffix(out, ".weights")) {
    return yolo_fail(YOLO_EINVAL, "'%s': the output must end in .safetensors or .weights, which says its format", out);
  }
  if (yolo_path_same_file(in, out)) return yolo_fail(YOLO_EINVAL, "'%s' is both input and output", in);
  return YOLO_OK;
}

static void say_result(const yolo_model_spec *spec, const char *out) {
  char count[CLI_COUNT_MAX], line[CLI_NAME_MAX];
  struct stat info;
  double megabytes = stat(out, &info) == 0 ? (double)info.st_size * 1e-6 : 0;
  if (model_describe(out, spec, line, sizeof line) == YOLO_OK) cli_say("%s\n", line);
  cli_say("%s parameters, %.1f MB written to %s\n", cli_count(yolo_graph_param_count(spec->graph, false), count), megabytes,
          out);
}

static yolo_status convert(const convert_args *args, const char *in, const char *out) {
  model_choice choice = {0};
  yolo_model_spec spec = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(model_args_resolve(&args->model, in, &choice));
  if (!choice.path) {
    st = yolo_fail(YOLO_EINVAL, "'%s' is a network without weights; there is nothing to convert", choice.shown);
    goto done;
  }
  YOLO_TRY(check_names(choice.path, out));
  YOLO_TRY(yolo_model_spec_load(choice.path, &choice.options, &spec));
  YOLO_TRY(yolo_model_convert(&spec, choice.path, &choice.options, args->half, out));
  model_warn_partial(&choice, &spec);
  say_result(&spec, out);
done:
  yolo_model_spec_release(&spec);
  model_choice_release(&choice);
  return st;
}

static int run(const cli_command *self, int argc, char **argv) {
  convert_args args = {0};
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  bool named = args.model.model || args.model.weights;
  if (words.count != (named ? 1 : 2)) {
    cli_complain("it takes two files, the input and the output: %s", self->usage);
    return CLI_ERROR;
  }
  return convert(&args, named ? NULL : words.items[0], words.items[named ? 0 : 1]) == YOLO_OK ? CLI_OK : cli_fail();
}

const cli_command cmd_convert = {
    .name = "convert",
    .summary = "turn Darknet weights into one .safetensors file, or back",
    .usage = "yolo convert IN OUT [options]",
    .about =
        "The suffix of OUT says its format. A .safetensors file holds the network, the class names and how images\n"
        "are prepared as well as the weights: it is all that 'yolo detect' needs.",
    .groups = groups,
    .examples =
        "  yolo convert yolov3.weights yolov3.safetensors --cfg yolov3.cfg --names coco.names\n"
        "  yolo convert yolov3.safetensors yolov3.weights\n"
        "  yolo convert runs/cats/best.safetensors cats.safetensors --half\n"
        "  yolo convert yolov4.conv.137 start.safetensors --cfg yolov4.cfg --cutoff 137",
    .run = run,
};
