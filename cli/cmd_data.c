/* yolo data: a folder of commands about data sets. Each lives in its own data_<name>.c and has a row in data_list.h. */
#include <string.h>

#include "backbone/base/text.h"
#include "cli/cli.h"

#define DATA_COMMAND(name) extern const cli_command data_##name;
#include "cli/data_list.h"
#undef DATA_COMMAND

static const cli_command *const commands[] = {
#define DATA_COMMAND(name) &data_##name,
#include "cli/data_list.h"
#undef DATA_COMMAND
    NULL};
enum { DATA_COMMANDS = sizeof commands / sizeof *commands - 1, DATA_PREFIX = sizeof "data " - 1 };

const cli_command *cli_find_data_command(const char *word) {
  for (const cli_command *const *c = commands; *c; ++c) {
    if (strcmp(word, (*c)->name + DATA_PREFIX) == 0) return *c;
  }
  return NULL;
}

static int complain_unknown(const char *word) {
  const char *names[DATA_COMMANDS + 1] = {NULL};
  int count = 0;
  for (const cli_command *const *c = commands; *c; ++c) names[count++] = (*c)->name + DATA_PREFIX;
  const char *closest = yolo_closest(word, names, count);
  if (closest) {
    cli_complain("there is no command 'data %s'. Did you mean 'yolo data %s'?", word, closest);
  } else {
    cli_complain("there is no command 'data %s'. 'yolo help data' lists them.", word);
  }
  return CLI_ERROR;
}

static void print_overview(const cli_command *self) {
  cli_say("Usage: %s\n%s\n", self->usage, self->about);
  for (const cli_command *const *c = commands; *c; ++c) {
    cli_say("  %-9s %s\n", (*c)->name + DATA_PREFIX, (*c)->summary);
  }
  cli_say("\n'yolo help data COMMAND' explains one.\nExamples:\n%s\n", self->examples);
}

static int run(const cli_command *self, int argc, char **argv) {
  bool help = argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0;
  if (help) {
    print_overview(self);
    return CLI_OK;
  }
  const cli_command *command = cli_find_data_command(argv[0]);
  if (!command) return complain_unknown(argv[0]);
  cli_set_name(command->name);
  return command->run(command, argc - 1, argv + 1);
}

const cli_command cmd_data = {
    .name = "data",
    .summary = "check, show, convert and make labelled data sets",
    .usage = "yolo data COMMAND ...",
    .about = "Reads COCO JSON, YOLO txt, Pascal VOC XML, mask PNGs, class folders, MNIST and CIFAR files as they are.",
    .print = print_overview,
    .examples =
        "  yolo data synth shapes                 # make a data set, with shapes/data.cfg\n"
        "  yolo data check shapes/data.cfg\n"
        "  yolo data preview shapes/data.cfg --augmented --set augment.preset=yolov5",
    .run = run,
};
