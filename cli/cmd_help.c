/* yolo help [COMMAND]. */
#include "cli/cli.h"

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
    .usage = "yolo help [COMMAND]",
    .examples = "  yolo help detect",
    .run = run,
};
