/* yolo: the program. A table of commands; each lives in its own cmd_<name>.c.
 *
 * Everything that prints or exits is in this folder; the library below only returns. */
#include <string.h>
#include <unistd.h>

#include "backbone/base/text.h"
#include "cli/cli.h"

const cli_command *const cli_commands[] = {&cmd_detect, &cmd_train,   &cmd_detector, &cmd_eval,   &cmd_explain, &cmd_info,
                                           &cmd_bench,  &cmd_convert, &cmd_data,     &cmd_doctor, &cmd_help,    &cmd_version};
const int cli_command_count = (int)(sizeof cli_commands / sizeof *cli_commands);

/* Spellings people try first. */
static const struct {
  const char *spelling, *command;
} aliases[] = {{"--help", "help"}, {"-h", "help"}, {"--version", "version"}, {"-V", "version"}};

const cli_command *cli_find_command(const char *name) {
  const char *names[sizeof cli_commands / sizeof *cli_commands];
  for (size_t i = 0; i < sizeof aliases / sizeof *aliases; ++i) {
    if (strcmp(name, aliases[i].spelling) == 0) name = aliases[i].command;
  }
  for (int i = 0; i < cli_command_count; ++i) {
    if (strcmp(name, cli_commands[i]->name) == 0) return cli_commands[i];
    names[i] = cli_commands[i]->name;
  }
  const char *closest = yolo_closest(name, names, cli_command_count);
  if (closest) {
    cli_complain("there is no command '%s'. Did you mean 'yolo %s'?", name, closest);
  } else if (access(name, F_OK) == 0) {
    cli_complain("a command comes first: yolo detect %s, or another that 'yolo help' lists", name);
  } else {
    cli_complain("there is no command '%s'. 'yolo help' lists them.", name);
  }
  return NULL;
}

bool cli_parse(const cli_command *command, int argc, char **argv, void *args, args_words *words, int *code) {
  if (args_parse(command->groups, argc, argv, args, words) != YOLO_OK) {
    *code = cli_fail();
    fprintf(stderr, "'yolo %s --help' shows every option.\n", command->name);
    return false;
  }
  if (words->help) {
    cli_print_help(command);
    *code = CLI_OK;
    return false;
  }
  if (cli_spares_inputs(command->groups, args, words)) return true;
  *code = CLI_ERROR;
  return false;
}

int main(int argc, char **argv) {
  cli_tame_signals();
  if (argc < 2) {
    cli_print_overview();
    return cli_finish(CLI_OK);
  }
  const cli_command *command = cli_find_command(argv[1]);
  if (!command) return CLI_ERROR;
  cli_set_name(command->name);
  return cli_finish(command->run(command, argc - 2, argv + 2));
}
