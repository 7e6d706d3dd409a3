/* yolo bench: how fast a network is here, beside what the machine could do at most. */
#include <string.h>

#include "backbone/base/memory.h"
#include "cli/bench_train.h"
#include "cli/outfile.h"

#define AT(member) offsetof(bench_args, member)

static const args_option measure[] = {
    {"train", 0, ARGS_FLAG, AT(train), 0, 0, NULL, "--train",
     "steps of training (forward, loss, backward, update) instead of passes; on the CPU"},
    {"batch", 0, ARGS_INT, AT(batch), 1, 1024, NULL, "--batch N", "images in one pass (default 1)"},
    {"iterations", 'n', ARGS_INT, AT(iterations), 1, 1000000, NULL, "-n, --iterations N",
     "passes to measure (default: as many as fit in --seconds)"},
    {"seconds", 0, ARGS_REAL, AT(seconds), 0.01, 86400, NULL, "--seconds N", "time to spend on measuring (default 5)"},
    {"warmup", 0, ARGS_INT, AT(warmup), 0, 100000, NULL, "--warmup N", NULL},
    {"layers", 0, ARGS_FLAG, AT(layers), 0, 0, NULL, "--layers", "a table by layer: time, GFLOP/s, percent of the CPU's peak"},
    {"json", 0, ARGS_TEXT, AT(json), 0, 0, NULL, "--json FILE", "the numbers for a machine; - is standard output"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};
static const args_group groups[] = {{"Model", model_args_files, 0},
                                    {"Input", model_args_input, 0},
                                    {"Run", model_args_run, 0},
                                    {"Measure", measure, 0},
                                    {NULL, NULL, 0}};

static yolo_status bench(const bench_args *args, const char *word) {
  model_choice choice = {0};
  yolo_model_spec spec = {0};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  bench_result result = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(model_args_resolve(&args->model, word, &choice));
  YOLO_TRY(yolo_model_spec_load(choice.shown, &choice.options, &spec));
  YOLO_TRY(yolo_model_from_spec(&spec, choice.path, &choice.options, false, &model));
  YOLO_TRY(yolo_context_new(model, &context));
  YOLO_TRY(bench_measure(context, args, &result));
  bench_report(context, args, choice.shown, &result);
  if (!choice.path) cli_say("The weights are random: the speed is real, the results are not.\n");
  if (args->json) YOLO_TRY(bench_write_json(context, args, choice.shown, &result));
done:
  yolo_free(result.layers);
  yolo_context_free(context);
  yolo_model_free(model);
  yolo_model_spec_release(&spec);
  model_choice_release(&choice);
  return st;
}

static yolo_status bench_training(const bench_args *args, const char *word) {
  model_choice choice = {0};
  yolo_model_spec spec = {0};
  bench_train_result result = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(model_args_resolve(&args->model, word, &choice));
  YOLO_TRY(yolo_model_spec_load(choice.shown, &choice.options, &spec));
  YOLO_TRY(bench_train_measure(args, &choice, &spec, &result));
  bench_train_report(args, &spec, choice.shown, &result);
  if (args->json) YOLO_TRY(bench_train_write_json(args, &spec, choice.shown, &result));
done:
  bench_train_result_release(&result);
  yolo_model_spec_release(&spec);
  model_choice_release(&choice);
  return st;
}

static int run(const cli_command *self, int argc, char **argv) {
  bench_args args = {.warmup = -1, .batch = 1, .seconds = 5};
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, &args, &words, &code)) return code;
  if (words.count > 1) {
    cli_complain("one model at a time: '%s' is one too many", words.items[1]);
    return CLI_ERROR;
  }
  if (args.train && args.model.device && strcmp(args.model.device, "cpu") != 0) {
    cli_complain("training runs on the CPU; --device %s cannot train yet", args.model.device);
    return CLI_ERROR;
  }
  if (args.json && outfile_is_stdout(args.json)) cli_data_on_stdout();
  cli_catch_interrupts();
  const char *word = words.count ? words.items[0] : NULL;
  if ((args.train ? bench_training(&args, word) : bench(&args, word)) != YOLO_OK) return cli_fail();
  return cli_stop_signal() ? cli_stopped("stopped early; the numbers are of what was measured until then") : CLI_OK;
}

const cli_command cmd_bench = {
    .name = "bench",
    .summary = "measure a network: latency, images/s, GFLOP/s by layer",
    .usage = "yolo bench MODEL [options]",
    .about =
        "MODEL: a .safetensors, .weights with --cfg, or a .cfg or a network of the zoo (yolov4-tiny): their weights are\n"
        "random, on which the speed does not depend.\n"
        "Measured is the network alone, without reading images and sorting out boxes.",
    .groups = groups,
    .examples =
        "  yolo bench yolov3 --threads 1 --layers\n"
        "  yolo bench yolov4-tiny.safetensors --imgsz 320 --batch 8 --json speed.json\n"
        "  yolo bench --train yolo-nano --batch 16 --layers",
    .run = run,
};
