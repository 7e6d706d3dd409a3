/* Whole files or none, buffered: see outfile.h. */
#include "cli/outfile.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

enum { OUTFILE_BUFFER = 1 << 16 };

bool outfile_is_stdout(const char *path) {
  static const char *const names[] = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    if (strcmp(path, names[i]) == 0) return true;
  }
  return false;
}

yolo_status outfile_open(const char *path, outfile *out) {
  *out = (outfile){.is_stdout = outfile_is_stdout(path)};
  return yolo_output_open(out->is_stdout ? "/dev/stdout" : path, &out->output);
}

/* A reader that went away (`| head`) is a wish to stop, not a failure to explain. */
static void note_closed_pipe(void) {
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
  if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR)) cli_note_signal(SIGPIPE);
}

static yolo_status write_out(outfile *file) {
  yolo_status st = file->text.length ? yolo_output_write(file->output, file->text.data, file->text.length) : YOLO_OK;
  file->text.length = 0;
  if (st != YOLO_OK && file->is_stdout) note_closed_pipe();
  return st;
}

yolo_status outfile_flush(outfile *file) { return file->text.length < OUTFILE_BUFFER ? YOLO_OK : write_out(file); }

yolo_status outfile_commit(outfile *file) {
  yolo_status st = write_out(file);
  return st == YOLO_OK ? yolo_output_commit(file->output) : st;
}

void outfile_close(outfile *file) {
  yolo_output_close(file->output);
  yolo_text_free(&file->text);
  *file = (outfile){0};
}
