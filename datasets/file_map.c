/* A file as bytes in memory: see file_map.h. */
#include "datasets/file_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

/* What cannot be mapped is read whole; more than this comes out of no honest pipe. */
static const size_t read_limit = (size_t)4 << 30;

static yolo_status map_descriptor(int fd, const char *path, size_t length, yolo_map_use use, yolo_file_map *out) {
  int protection = use == YOLO_MAP_KEEP ? PROT_READ | PROT_WRITE : PROT_READ;
  void *bytes = mmap(NULL, length, protection, MAP_PRIVATE, fd, 0);
  if (bytes == MAP_FAILED) return yolo_fail(YOLO_EIO, "%s: cannot be mapped into memory: %s", path, strerror(errno));
  if (use == YOLO_MAP_WALK) (void)madvise(bytes, length, MADV_SEQUENTIAL);
  *out = (yolo_file_map){bytes, length, true};
  return YOLO_OK;
}

yolo_status yolo_file_map_open(const char *path, yolo_map_use use, yolo_file_map *out) {
  yolo_status st = YOLO_OK;
  struct stat info;
  *out = (yolo_file_map){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) != 0) {
    st = yolo_fail(YOLO_EIO, "%s: %s", path, errno == ENOENT ? "there is no such file" : strerror(errno));
    goto done;
  }
  if (S_ISDIR(info.st_mode)) {
    st = yolo_fail(YOLO_EIO, "%s: this is a folder, a file was expected", path);
    goto done;
  }
  if (S_ISREG(info.st_mode) && info.st_size > 0)
    st = map_descriptor(fd, path, (size_t)info.st_size, use, out);
  else
    st = yolo_read_file(path, read_limit, &out->bytes, &out->length);
done:
  if (fd >= 0) close(fd);
  return st;
}

void yolo_file_map_close(yolo_file_map *map) {
  if (map->mapped)
    munmap(map->bytes, map->length);
  else
    yolo_free(map->bytes);
  *map = (yolo_file_map){0};
}

void yolo_file_map_release(const yolo_file_map *map, size_t from, size_t to) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (!map->mapped || to > map->length) return;
  from = (from + page - 1) / page * page;
  to = to / page * page;
  if (from < to) (void)madvise(map->bytes + from, to - from, MADV_DONTNEED);
}
