/* Help screens, printed from the same tables that parse the command line. */
#include <string.h>

#include "cli/cli.h"
#include "detect/yolo.h"

enum { HELP_COLUMN = 30 };

/* The right column may have several lines; all start at the same column. */
static void print_option(const args_option *o) {
  cli_say("  %-*s", HELP_COLUMN - 2, o->show);
  if (strlen(o->show) > HELP_COLUMN - 3) cli_say("\n%*s", HELP_COLUMN, "");
  for (const char *line = o->help;;) {
    size_t n = strcspn(line, "\n");
    cli_say("%.*s\n", (int)n, line);
    if (line[n] == '\0') break;
    line += n + 1;
    cli_say("%*s", HELP_COLUMN, "");
  }
}

void cli_print_help(const cli_command *command) {
  cli_say("Usage: %s\n", command->usage);
  if (command->about) cli_say("%s\n", command->about);
  for (const args_group *g = command->groups; g && g->title; ++g) {
    if (*g->title) cli_say("%s:\n", g->title);
    for (const args_option *o = g->options; o->name; ++o) {
      if (o->show) print_option(o);
    }
  }
  if (command->examples) cli_say("Examples:\n%s\n", command->examples);
}

void cli_print_overview(void) {
  cli_say("yolo %s finds objects in images with trained detection networks.\n\nUsage: yolo COMMAND ...\n\n", yolo_version());
  for (int i = 0; i < cli_command_count; ++i) cli_say("  %-9s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
  cli_say(
      "\nTo start:\n"
      "  yolo detect dog.jpg --weights yolov3-tiny.weights --cfg yolov3-tiny.cfg --names coco.names\n\n"
      "'yolo help COMMAND' explains a command, with examples.\n"
      "Exit status: 0 all went well, 1 an error, 2 some images could not be read, 130 stopped by Ctrl-C.\n");
}
