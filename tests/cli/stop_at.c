/* Preloaded into the program (LD_PRELOAD) by tests that do something while it runs: once a file of the name $STOP_AT was put
 * in its place, the program stops (SIGSTOP), and the test has all the time it wants before SIGCONT. A test that watches for
 * such a moment from outside comes too late on a busy machine, where a small training ends before the shell looks again. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int stopped; /* once only */

/* Takes the place of libc's rename; renameat does what that did. */
__attribute__((visibility("default"))) int rename(const char *from, const char *to) {
  int status = renameat(AT_FDCWD, from, AT_FDCWD, to);
  const char *slash = strrchr(to, '/'), *wanted = getenv("STOP_AT");
  if (status != 0 || !wanted || stopped || strcmp(slash ? slash + 1 : to, wanted) != 0) return status;
  stopped = 1;
  raise(SIGSTOP);
  return status;
}
