/* Speaking to people: lines, complaints and the formats of numbers. */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/text.h"

static struct {
  const char *command;
  bool data_on_stdout, bar_shown;
  int error; /* errno of the first failure of standard output */
} console = {"yolo", false, false, 0};

enum { CONSOLE_SENTENCE = 4096 };

FILE *cli_out(void) { return console.data_on_stdout ? stderr : stdout; }
void cli_data_on_stdout(void) { console.data_on_stdout = true; }
void cli_set_name(const char *command) { console.command = command; }

void cli_bar_shown(void) { console.bar_shown = true; }

void cli_clear_bar(void) {
  if (!console.bar_shown) return;
  fputs("\r\033[K", stderr);
  fflush(stderr);
  console.bar_shown = false;
}

static void note_failure(void) {
  if (console.data_on_stdout || console.error) return;
  console.error = errno;
  if (errno == EPIPE) cli_note_signal(SIGPIPE);
}

void cli_say(const char *format, ...) {
  va_list args;
  cli_clear_bar();
  va_start(args, format);
  int written = vfprintf(cli_out(), format, args);
  va_end(args);
  if (written < 0) note_failure();
}

void cli_flush(void) {
  if (fflush(cli_out()) != 0) note_failure();
}

/* File names and files are other people's: nothing in them shall steer the terminal. */
static void tame(char *text) {
  for (; *text; ++text) {
    unsigned char c = (unsigned char)*text;
    if ((c < 0x20 && c != '\n') || c == 0x7f) *text = '?';
  }
}

void cli_complain(const char *format, ...) {
  char sentence[CONSOLE_SENTENCE];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  tame(sentence);
  cli_clear_bar();
  cli_flush(); /* what was said before stands before */
  bool general = strcmp(console.command, "yolo") == 0;
  fprintf(stderr, "yolo%s%s: %s\n", general ? "" : " ", general ? "" : console.command, sentence);
}

int cli_fail(void) {
  cli_complain("%s", yolo_error_message());
  return CLI_ERROR;
}

int cli_finish(int code) {
  if (fflush(stdout) != 0 && !console.error) console.error = errno;
  if (!console.error) return code;
  if (console.error == EPIPE) return code == CLI_OK ? CLI_SIGNAL_BASE + SIGPIPE : code;
  cli_complain("standard output could not be written: %s", strerror(console.error));
  return code == CLI_OK ? CLI_ERROR : code;
}

const char *cli_printable(const char *name, char to[CLI_NAME_MAX]) {
  size_t length = strlen(name), n = 0;
  if (length >= CLI_NAME_MAX) name += length - (CLI_NAME_MAX - 1); /* the end says more than the beginning */
  for (; *name; ++name) {
    unsigned char c = (unsigned char)*name;
    to[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
  }
  to[n] = '\0';
  return to;
}

const char *cli_count(unsigned long long value, char to[CLI_COUNT_MAX]) {
  char digits[CLI_COUNT_MAX];
  int n = snprintf(digits, sizeof digits, "%llu", value), k = 0;
  for (int i = 0; i < n && k < CLI_COUNT_MAX - 1; ++i) {
    if (i && (n - i) % 3 == 0) to[k++] = ',';
    to[k++] = digits[i];
  }
  to[k] = '\0';
  return to;
}

const char *cli_plural(unsigned long long count, const char *noun) {
  static char texts[4][64];
  static int next;
  char number[CLI_COUNT_MAX];
  char *text = texts[next = (next + 1) % 4];
  const char *ending = count == 1 ? "" : noun[strlen(noun) - 1] == 's' ? "es" : "s";
  snprintf(text, sizeof texts[0], "%s %s%s", cli_count(count, number), noun, ending);
  return text;
}

const char *cli_number(float value, char to[CLI_NUMBER_MAX]) {
  for (int digits = 6; digits <= 9; ++digits) {
    snprintf(to, CLI_NUMBER_MAX, "%.*g", digits, (double)value);
    double read;
    if (yolo_parse_double(to, &read) && (float)read == value) break;
  }
  return to;
}
