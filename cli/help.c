/* Help screens, printed from the same tables that parse the command line. */
#include <string.h>

#include "backbone/backend/backend.h"
#include "cli/cli.h"
#include "detect/yolo.h"

enum { HELP_COLUMN = 30 };

/* What an option can mean depends on whether this build has a second backend beside the CPU. Options that mean nothing
 * without one are accepted all the same, so that a command line is good for every build, but take no line here. */
static const struct {
  const char *option, *alone, *with_gpu;
} by_build[] = {
    {"device", "cpu is what this build has", "cpu, cuda or cuda:1 (default: a GPU where one answers, else the CPU)"},
    {"precision", NULL, "fp32 | tf32 | fp16 | bf16 (default fp32, the only one of the CPU)"},
    {"deterministic", NULL, "equal bits in every run, at some speed (the CPU: always)"},
    {"warmup", "passes before it counts (default 3)", "passes before it counts (default 3; on a GPU 20 and half a second)"}};

static const char *help_of(const args_option *o) {
  const char *text = o->help;
  for (size_t i = 0; !text && i < sizeof by_build / sizeof *by_build; ++i) {
    if (strcmp(by_build[i].option, o->name) == 0) text = yolo_backend_count() > 1 ? by_build[i].with_gpu : by_build[i].alone;
  }
  return text;
}

/* The right column may have several lines; all start at the same column. */
static void print_option(const args_option *o) {
  const char *help = help_of(o);
  if (!o->show || !help) return;
  cli_say("  %-*s", HELP_COLUMN - 2, o->show);
  if (strlen(o->show) > HELP_COLUMN - 3) cli_say("\n%*s", HELP_COLUMN, "");
  for (const char *line = help;;) {
    size_t n = strcspn(line, "\n");
    cli_say("%.*s\n", (int)n, line);
    if (line[n] == '\0') break;
    line += n + 1;
    cli_say("%*s", HELP_COLUMN, "");
  }
}

void cli_print_help(const cli_command *command) {
  if (command->print) {
    command->print(command);
    return;
  }
  cli_say("Usage: %s\n", command->usage);
  if (command->about) cli_say("%s\n", command->about);
  for (const args_group *g = command->groups; g && g->title; ++g) {
    if (*g->title) cli_say("%s:\n", g->title);
    for (const args_option *o = g->options; o->name; ++o) print_option(o);
  }
  if (command->examples) cli_say("Examples:\n%s\n", command->examples);
}

void cli_print_overview(void) {
  cli_say("yolo %s trains networks that find objects in images, and runs them.\n\nUsage: yolo COMMAND ...\n\n", yolo_version());
  for (int i = 0; i < cli_command_count; ++i) cli_say("  %-9s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
  cli_say(
      "\nTo start:\n"
      "  yolo data synth shapes && yolo train shapes/data.cfg --epochs 30    a detector of your own, from nothing\n"
      "  yolo detect dog.jpg --weights yolov3-tiny.weights --cfg yolov3-tiny.cfg --names coco.names\n\n"
      "'yolo help COMMAND' explains a command, with examples.\n"
      "Exit status: 0 all went well, 1 an error, 2 some images could not be read, 130 stopped by Ctrl-C.\n");
}
