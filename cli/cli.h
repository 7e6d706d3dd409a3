/* What the commands of the program share: exit codes, the shape of a command, and the ways to speak.
 *
 * The program is the only code that prints or exits. Data and results go to standard output, complaints and
 * the progress bar to standard error. */
#ifndef YOLO_CLI_CLI_H
#define YOLO_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "backbone/base/clock.h"
#include "backbone/base/status.h"
#include "cli/args.h"

/* Exit codes, as `yolo help` lists them. A run that a signal ended gives 128 + its number: 130 for Ctrl-C. */
enum { CLI_OK = 0, CLI_ERROR = 1, CLI_SOME_FAILED = 2, CLI_SIGNAL_BASE = 128 };

typedef struct cli_command {
  const char *name;
  const char *summary;                           /* one line of `yolo help` */
  const char *usage;                             /* one or two lines under "Usage:" */
  const char *about;                             /* a short paragraph, or NULL */
  const char *examples;                          /* whole lines, or NULL */
  const args_group *groups;                      /* ends with title NULL; NULL: the command takes no option */
  void (*print)(const struct cli_command *self); /* its own help screen; NULL: made from the above */
  int (*run)(const struct cli_command *self, int argc, char **argv);
} cli_command;

extern const cli_command cmd_detect, cmd_train, cmd_detector, cmd_eval, cmd_explain, cmd_info, cmd_bench, cmd_convert, cmd_data,
    cmd_doctor, cmd_help, cmd_version;

/* The table of commands, in the order of `yolo help` (main.c). */
extern const cli_command *const cli_commands[];
extern const int cli_command_count;
/* NULL when unknown, after a complaint with 'did you mean' on standard error. */
const cli_command *cli_find_command(const char *name);
/* A command below `yolo data` by its last word; NULL when unknown, without a complaint (cmd_data.c). */
const cli_command *cli_find_data_command(const char *word);

/* Fills `args` from the command line. False when there is nothing left to do (help was printed, or a mistake
 * was named): then *code is what to return. */
bool cli_parse(const cli_command *command, int argc, char **argv, void *args, args_words *words, int *code);
/* False, and a complaint, where an output names a file that the command reads (inputs.c). */
bool cli_spares_inputs(const args_group *groups, const void *args, const args_words *words);

/* The help screen of one command, and the overview of all of them (help.c). */
void cli_print_help(const cli_command *command);
void cli_print_overview(void);

/* ---- speaking (console.c) ---- */

/* Where lines for people go: standard output, or standard error once standard output carries data. */
FILE *cli_out(void);
void cli_data_on_stdout(void);
void cli_say(const char *format, ...) YOLO_PRINTF(1, 2);
void cli_flush(void); /* so that a reader at the other end of a pipe sees what was said */
/* "yolo detect: <sentence>" on standard error. */
void cli_complain(const char *format, ...) YOLO_PRINTF(1, 2);
/* Complains with the library's last sentence; returns CLI_ERROR. */
int cli_fail(void);
void cli_set_name(const char *command); /* for complaints */
/* A progress bar stands on the terminal: the next line, whoever prints it, first takes it away. */
void cli_bar_shown(void);
void cli_clear_bar(void);
/* Flushes standard output; complains and turns 0 into CLI_ERROR when it could not be written (a full disk). A
 * reader that went away (`| head`) is no error and brings no complaint. */
int cli_finish(int code);

/* A file or class name fit for a terminal: control characters become '?'. Cut to fit; returns `to`. */
enum { CLI_NAME_MAX = 512 };
const char *cli_printable(const char *name, char to[CLI_NAME_MAX]);
/* 61949149 -> "61,949,149". */
enum { CLI_COUNT_MAX = 32 };
const char *cli_count(unsigned long long value, char to[CLI_COUNT_MAX]);
/* 1, "image" -> "1 image"; 2 -> "2 images". Up to four results may be alive at a time. */
const char *cli_plural(unsigned long long count, const char *noun);
/* The shortest text that reads back as the same float (JSON and CSV). */
enum { CLI_NUMBER_MAX = 24 };
const char *cli_number(float value, char to[CLI_NUMBER_MAX]);

/* ---- stopping (stop.c) ---- */

/* A write to a closed pipe and a file beyond its size limit become errors instead of sudden deaths. */
void cli_tame_signals(void);
/* From now on Ctrl-C (and SIGTERM) only ask to stop; a second one kills. */
void cli_catch_interrupts(void);
int cli_stop_signal(void); /* 0 while nobody asked */
/* Says that it was stopped (unless its reader just went away); returns the exit code. */
int cli_stopped(const char *sentence);
/* SIGPIPE, when the reader of standard output went away, is noted here. */
void cli_note_signal(int signal_number);

#endif
