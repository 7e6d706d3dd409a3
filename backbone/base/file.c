/* Whole files: read with a limit, written to a temporary name and renamed.
 *
 * A full disk shows itself in write(), in fsync() or only in close() (network file systems): all three are
 * asked before the rename. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/output.h"
#include "backbone/base/text.h"

/* ---- reading ---- */

/* Reads once more into a buffer that doubles when it is full. *ended is set at the end of the file. */
static yolo_status read_more(int fd, const char *path, yolo_text *text, size_t limit, bool *ended) {
  if (text->capacity - text->length < 2) {
    size_t capacity = text->capacity * 2;
    char *data = yolo_realloc(text->data, capacity);
    if (!data) return YOLO_ENOMEM;
    text->data = data;
    text->capacity = capacity;
  }
  ssize_t got = read(fd, text->data + text->length, text->capacity - text->length - 1);
  if (got < 0 && errno == EINTR) return YOLO_OK;
  if (got < 0) return yolo_fail(YOLO_EIO, "%s: cannot be read: %s", path, strerror(errno));
  text->length += (size_t)got;
  *ended = got == 0;
  if (text->length > limit) return yolo_fail(YOLO_EFORMAT, "%s: is larger than the %zu bytes allowed for it", path, limit);
  return YOLO_OK;
}

yolo_status yolo_read_file(const char *path, size_t limit, char **out, size_t *length) {
  yolo_status st = YOLO_OK;
  yolo_text text = {NULL, 0, 0};
  struct stat info;
  bool ended = false;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) != 0) {
    st = yolo_fail(YOLO_EIO, "%s: cannot be opened: %s", path, strerror(errno));
    goto done;
  }
  if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > limit) {
    st = yolo_fail(YOLO_EFORMAT, "%s: is larger than the %zu bytes allowed for it", path, limit);
    goto done;
  }
  text.capacity = S_ISREG(info.st_mode) && info.st_size > 0 ? (size_t)info.st_size + 2 : 4096;
  text.data = yolo_alloc(text.capacity);
  YOLO_ENOMEM_IF_NULL(text.data);
  while (!ended) YOLO_TRY(read_more(fd, path, &text, limit, &ended));
  text.data[text.length] = '\0';
  *out = text.data;
  if (length) *length = text.length;
  text.data = NULL;
done:
  if (fd >= 0) close(fd);
  yolo_free(text.data);
  return st;
}

/* ---- writing ---- */

struct yolo_output {
  int fd;
  char *path;      /* as the caller named it, for messages */
  char *target;    /* where the rename goes: the path, or the file its symbolic link names */
  char *temporary; /* NULL when written directly */
};

static yolo_status output_failed(const yolo_output *output, const char *doing) {
  int error = errno;
  return yolo_fail(YOLO_EIO, "%s: cannot be %s: %s", output->path, doing, strerror(error));
}

/* Devices, pipes and sockets: renaming a file over them would be a calamity. /dev/stdout may lead to a
 * regular file (a shell's `>`); opening that anew would start at its beginning, so the descriptor is shared. */
static yolo_status open_directly(yolo_output *output) {
  const char *path = output->path;
  if (strcmp(path, "/dev/stdout") == 0)
    output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
  else if (strcmp(path, "/dev/stderr") == 0)
    output->fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  else
    output->fd = open(path, O_WRONLY | O_CLOEXEC);
  return output->fd < 0 ? output_failed(output, "opened for writing") : YOLO_OK;
}

/* PATH.tmp-PID, or PATH.tmp-PID-1 ... when another thread of this process is writing the same file.
 * O_EXCL: nobody can have put a link under that name. */
static yolo_status open_temporary(yolo_output *output, mode_t mode) {
  size_t size = strlen(output->target) + 48;
  output->temporary = yolo_alloc(size);
  if (!output->temporary) return YOLO_ENOMEM;
  for (int attempt = 0; attempt < 100; attempt++) {
    snprintf(output->temporary, size, attempt ? "%s.tmp-%ld-%d" : "%s.tmp-%ld", output->target, (long)getpid(), attempt);
    output->fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (output->fd >= 0) return YOLO_OK;
    if (errno != EEXIST) break;
  }
  yolo_status st = output_failed(output, "written (its folder takes no new file)");
  yolo_free(output->temporary); /* not ours to remove */
  output->temporary = NULL;
  return st;
}

/* Names that stand for an open descriptor, even where that leads to a regular file. (/dev/shm holds real files.) */
static bool names_descriptor(const char *path) {
  static const char *const prefixes[] = {"/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/"};
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
    if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0) return true;
  }
  return false;
}

static yolo_status open_output(yolo_output *output) {
  struct stat info;
  char resolved[PATH_MAX];
  bool exists = stat(output->path, &info) == 0;
  if (names_descriptor(output->path) || (exists && !S_ISREG(info.st_mode))) return open_directly(output);
  output->target = yolo_strdup(exists && realpath(output->path, resolved) ? resolved : output->path);
  if (!output->target) return YOLO_ENOMEM;
  yolo_status st = open_temporary(output, 0666);
  if (st == YOLO_OK && exists) (void)fchmod(output->fd, info.st_mode & 07777); /* keep the old file's permissions */
  return st;
}

yolo_status yolo_output_open(const char *path, yolo_output **out) {
  yolo_status st = YOLO_OK;
  yolo_output *output = yolo_calloc(1, sizeof *output);
  YOLO_ENOMEM_IF_NULL(output);
  output->fd = -1;
  output->path = yolo_strdup(path);
  YOLO_ENOMEM_IF_NULL(output->path);
  YOLO_TRY(open_output(output));
  *out = output;
  output = NULL;
done:
  yolo_output_close(output);
  return st;
}

yolo_status yolo_output_write(yolo_output *output, const void *bytes, size_t length) {
  const char *p = bytes;
  while (length > 0) {
    size_t piece = length < ((size_t)1 << 30) ? length : (size_t)1 << 30;
    ssize_t put = write(output->fd, p, piece);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return output_failed(output, "written");
    p += put;
    length -= (size_t)put;
  }
  return YOLO_OK;
}

/* Pipes and devices know no fsync and say so; that is no failure. */
static bool flush_to_disk(int fd) { return fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS; }

yolo_status yolo_output_commit(yolo_output *output) {
  if (!flush_to_disk(output->fd)) return output_failed(output, "written to the disk");
  int fd = output->fd;
  output->fd = -1;
  if (close(fd) != 0) return output_failed(output, "closed");
  if (!output->temporary) return YOLO_OK;
  if (rename(output->temporary, output->target) != 0) return output_failed(output, "put in its place");
  yolo_free(output->temporary);
  output->temporary = NULL;
  return YOLO_OK;
}

void yolo_output_close(yolo_output *output) {
  if (!output) return;
  if (output->fd >= 0) close(output->fd);
  if (output->temporary) unlink(output->temporary);
  yolo_free(output->temporary);
  yolo_free(output->target);
  yolo_free(output->path);
  yolo_free(output);
}

yolo_status yolo_write_file(const char *path, const void *bytes, size_t length) {
  yolo_status st = YOLO_OK;
  yolo_output *output = NULL;
  YOLO_TRY(yolo_output_open(path, &output));
  YOLO_TRY(yolo_output_write(output, bytes, length));
  YOLO_TRY(yolo_output_commit(output));
done:
  yolo_output_close(output);
  return st;
}
