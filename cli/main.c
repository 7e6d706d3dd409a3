/* yolo: the program. A table of commands; each lives in its own cmd_<name>.c.
 *
 * Everything that prints or exits is in this folder; the library below only returns. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/paths.h"
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

/* ---- no file is written over that the same command reads: `--json best.safetensors` must not cost the model ---- */

static const char *const written[] = {"json", "csv", "coco-json", "report", "out"};

static bool is_written(const args_option *o) {
  for (size_t i = 0; i < sizeof written / sizeof *written; ++i) {
    if (strcmp(o->name, written[i]) == 0) return true;
  }
  return false;
}

static bool is_file(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

static const char *text_of(const args_group *g, const args_option *o, const void *args) {
  return o->kind == ARGS_TEXT ? *(const char *const *)((const char *)args + g->offset + o->offset) : NULL;
}

static bool is_read(const char *path, const args_group *groups, const void *args, const args_words *words) {
  for (int i = 0; i < words->count; ++i) {
    if (yolo_path_same_file(path, words->items[i])) return true;
  }
  for (const args_group *g = groups; g && g->title; ++g) {
    for (const args_option *o = g->options; o->name; ++o) {
      const char *other = is_written(o) ? NULL : text_of(g, o, args);
      if (other && yolo_path_same_file(path, other)) return true;
    }
  }
  return false;
}

static bool spares_inputs(const args_group *groups, const void *args, const args_words *words) {
  for (const args_group *g = groups; g && g->title; ++g) {
    for (const args_option *o = g->options; o->name; ++o) {
      const char *path = is_written(o) ? text_of(g, o, args) : NULL;
      if (!path || !is_file(path) || !is_read(path, groups, args, words)) continue;
      cli_complain("--%s would write over '%s', which this command reads; name another file", o->name, path);
      return false;
    }
  }
  return true;
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
  if (spares_inputs(command->groups, args, words)) return true;
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
