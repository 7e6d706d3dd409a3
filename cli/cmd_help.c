/* yolo help [COMMAND]. */
#include <string.h>

#include "cli/cli.h"
#include "cli/data_args.h"

static int run(const cli_command *self, int argc, char **argv) {
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, NULL, &words, &code)) return code;
  if (words.count == 0) {
    cli_print_overview();
    return CLI_OK;
  }
  for (int i = 0; i < words.count; ++i) {
    if (i > 0) cli_say("\n");
    if (strcmp(words.items[i], "data.cfg") == 0) {
      if (data_args_print_file() != YOLO_OK) return cli_fail();
      continue;
    }
    const cli_command *command = cli_find_command(words.items[i]);
    if (!command) return CLI_ERROR;
    const cli_command *below = command == &cmd_data && i + 1 < words.count ? cli_find_data_command(words.items[i + 1]) : NULL;
    if (below) {
      command = below;
      ++i;
    }
    cli_print_help(command);
  }
  return CLI_OK;
}

const cli_command cmd_help = {
    .name = "help",
    .summary = "explain a command",
    .usage = "yolo help [COMMAND | data.cfg]",
    .about = "data.cfg: the file that describes a data set, every key with its default.",
    .examples =
        "  yolo help detect\n"
        "  yolo help data.cfg",
    .run = run,
};
