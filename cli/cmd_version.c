/* yolo version, yolo --version. */
#include "cli/cli.h"
#include "detect/yolo.h"

static int run(const cli_command *self, int argc, char **argv) {
  args_words words;
  int code;
  if (!cli_parse(self, argc, argv, NULL, &words, &code)) return code;
  if (words.count > 0) {
    cli_complain("the command takes no argument, but was given '%s'", words.items[0]);
    return CLI_ERROR;
  }
  cli_say("yolo %s\n", yolo_version());
  return CLI_OK;
}

const cli_command cmd_version = {
    .name = "version",
    .summary = "print the version (also yolo --version)",
    .usage = "yolo version",
    .run = run,
};
