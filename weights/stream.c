/* A weights file as a stream: see stream.h. Also what both formats share: little-endian integers and the
 * description of a tensor in words. */
#include "weights/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "Weights are little-endian on disk and are copied as they are: big-endian machines are not supported."
#endif

enum { CHUNK = 64 * 1024 };

struct yolo_stream {
  int fd;
  char *path;
  uint64_t size, position;
  uint64_t buffer_at; /* place in the file of buffer[0] */
  size_t buffered;
  unsigned char buffer[CHUNK];
};

yolo_status yolo_stream_open(const char *path, yolo_stream **out) {
  yolo_status st = YOLO_OK;
  struct stat info;
  yolo_stream *stream = yolo_alloc(sizeof *stream);
  YOLO_ENOMEM_IF_NULL(stream);
  *stream = (yolo_stream){.fd = -1};
  stream->path = yolo_strdup(path);
  YOLO_ENOMEM_IF_NULL(stream->path);
  stream->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: opening a pipe must not wait */
  if (stream->fd < 0 || fstat(stream->fd, &info) != 0) {
    st = yolo_fail(YOLO_EIO, "%s: cannot be opened: %s", path, strerror(errno));
    goto done;
  }
  if (!S_ISREG(info.st_mode)) {
    st = yolo_fail(YOLO_EIO, "%s: is %s, not a file; name a weights file", path,
                   S_ISDIR(info.st_mode) ? "a folder" : "a device or a pipe");
    goto done;
  }
  stream->size = (uint64_t)info.st_size;
  *out = stream;
  stream = NULL;
done:
  yolo_stream_close(stream);
  return st;
}

void yolo_stream_close(yolo_stream *stream) {
  if (!stream) return;
  if (stream->fd >= 0) close(stream->fd);
  yolo_free(stream->path);
  yolo_free(stream);
}

/* One pread; *got is at least 1 on success. */
static yolo_status read_some(const yolo_stream *stream, void *to, size_t length, size_t *got) {
  size_t most = (size_t)1 << 30; /* the kernel hands out less than 2 GiB at a time anyway */
  ssize_t n = 0;
  do n = pread(stream->fd, to, length < most ? length : most, (off_t)stream->position);
  while (n < 0 && errno == EINTR);
  if (n < 0) return yolo_fail(YOLO_EIO, "%s: cannot be read: %s", stream->path, strerror(errno));
  if (n == 0) return yolo_fail(YOLO_EIO, "%s: became shorter while it was being read", stream->path);
  *got = (size_t)n;
  return YOLO_OK;
}

/* Small reads go through the buffer, large ones straight to their place. */
yolo_status yolo_stream_read(yolo_stream *stream, void *to, size_t length) {
  yolo_status st = YOLO_OK;
  unsigned char *p = to;
  if (length > yolo_stream_left(stream))
    return yolo_fail(YOLO_EFORMAT, "%s: ends at byte %llu, %zu more were wanted", stream->path,
                     (unsigned long long)stream->size, length);
  while (length > 0) {
    size_t got = 0;
    uint64_t offset = stream->position - stream->buffer_at; /* wraps to a huge number before the buffer */
    if (offset < stream->buffered) {
      got = stream->buffered - (size_t)offset;
      if (got > length) got = length;
      memcpy(p, stream->buffer + offset, got);
    } else if (length >= CHUNK) {
      if ((st = read_some(stream, p, length, &got)) != YOLO_OK) return st;
    } else {
      stream->buffered = 0;
      if ((st = read_some(stream, stream->buffer, CHUNK, &got)) != YOLO_OK) return st;
      stream->buffer_at = stream->position;
      stream->buffered = got;
      continue;
    }
    p += got;
    length -= got;
    stream->position += got;
  }
  return YOLO_OK;
}

void yolo_stream_seek(yolo_stream *stream, uint64_t position) {
  stream->position = position < stream->size ? position : stream->size;
}

const char *yolo_stream_path(const yolo_stream *stream) { return stream->path; }
uint64_t yolo_stream_size(const yolo_stream *stream) { return stream->size; }
uint64_t yolo_stream_left(const yolo_stream *stream) { return stream->size - stream->position; }

/* ---- integers ---- */

uint64_t yolo_little_u64(const unsigned char *bytes) {
  return (uint64_t)yolo_little_u32(bytes) | (uint64_t)yolo_little_u32(bytes + 4) << 32;
}

uint32_t yolo_little_u32(const unsigned char *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void yolo_put_little(unsigned char *bytes, uint64_t value, int count) {
  for (int i = 0; i < count; i++) bytes[i] = (unsigned char)(value >> (8 * i));
}

/* ---- descriptions ---- */

size_t yolo_tensor_desc_count(const yolo_tensor_desc *desc) {
  size_t count = 1;
  for (int i = 0; i < desc->ndim && i < 4; i++) {
    if (desc->dims[i] <= 0) return 0;
    if (count > SIZE_MAX / sizeof(float) / (size_t)desc->dims[i]) return 0;
    count *= (size_t)desc->dims[i];
  }
  return count;
}

void yolo_tensor_desc_place(const yolo_tensor_desc *desc, char *text, size_t size) {
  const char *name = desc->name ? desc->name : "no name";
  if (desc->section)
    snprintf(text, size, "layer %d [%s] (%s)", desc->layer, desc->section, name);
  else
    snprintf(text, size, "layer %d (%s)", desc->layer, name);
}
