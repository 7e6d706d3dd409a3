/* Signals: a run that is asked to stop finishes the image in hand and writes what there is. */
#include <signal.h>

#include "cli/cli.h"

static volatile sig_atomic_t stop_signal;

static void on_signal(int signal_number) { stop_signal = signal_number; }

void cli_note_signal(int signal_number) { stop_signal = signal_number; }
int cli_stop_signal(void) { return stop_signal; }

int cli_stopped(const char *sentence) {
  if (stop_signal != SIGPIPE) cli_complain("%s", sentence);
  return CLI_SIGNAL_BASE + stop_signal;
}

void cli_tame_signals(void) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, NULL);
  sigaction(SIGXFSZ, &ignore, NULL);
}

/* Reset after the first: a second Ctrl-C ends a program that hangs. No SA_RESTART: a blocked read returns. What
 * a shell had us ignore (a script's job in the background) stays ignored. */
static void catch_one(int signal_number) {
  struct sigaction ask = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, before;
  if (sigaction(signal_number, NULL, &before) == 0 && before.sa_handler == SIG_IGN) return;
  sigaction(signal_number, &ask, NULL);
}

void cli_catch_interrupts(void) {
  catch_one(SIGINT);
  catch_one(SIGTERM);
  catch_one(SIGHUP); /* the terminal is gone */
}
