/* Decoded images in one file: see pixel_file.h.
 *
 *   header   magic, version, number of entries
 *   entries  one an image: stamp of its file, where its pixels lie, their checksum
 *   pixels   width*height*3 bytes each, in the order in which they came */
#include "datasets/pixel_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "backbone/base/memory.h"

#define PIXEL_FILE_MAGIC "yolopix1"

typedef struct header {
  char magic[8];
  uint64_t count;
} header;

typedef struct entry {
  yolo_file_stamp stamp;
  uint64_t offset; /* 0: empty */
  int32_t width, height, orientation;
  uint32_t checksum; /* Adler-32: it reads at the speed of memory, and guards against half-written pixels only */
} entry;

struct yolo_pixel_file {
  int fd;
  char *path;
  size_t count;
  entry *entries;
  uint64_t end; /* where the next pixels go */
  pthread_mutex_t lock;
};

bool yolo_file_stamp_get(const char *path, yolo_file_stamp *out) {
  struct stat info;
  if (stat(path, &info) != 0) return false;
  out->modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
  out->size = (uint64_t)info.st_size;
  return true;
}

static bool read_all(int fd, void *to, size_t length, uint64_t offset) {
  for (char *p = to; length > 0;) {
    ssize_t got = pread(fd, p, length, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    p += got;
    offset += (uint64_t)got;
    length -= (size_t)got;
  }
  return true;
}

static bool write_all(int fd, const void *from, size_t length, uint64_t offset) {
  for (const char *p = from; length > 0;) {
    ssize_t put = pwrite(fd, p, length, (off_t)offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    p += put;
    offset += (uint64_t)put;
    length -= (size_t)put;
  }
  return true;
}

static size_t image_bytes(int32_t width, int32_t height) { return (size_t)width * (size_t)height * 3; }

/* An entry whose pixels cannot be where it says is emptied, so that nobody has to check again. */
static void check_entries(yolo_pixel_file *file, uint64_t length) {
  for (size_t i = 0; i < file->count; ++i) {
    entry *e = &file->entries[i];
    bool sides = e->width > 0 && e->height > 0 && e->width <= YOLO_IMAGE_MAX_SIDE && e->height <= YOLO_IMAGE_MAX_SIDE &&
                 (int64_t)e->width * e->height <= YOLO_IMAGE_MAX_PIXELS;
    bool inside =
        sides && e->offset >= file->end && e->offset <= length && image_bytes(e->width, e->height) <= length - e->offset;
    if (!inside) *e = (entry){0};
  }
}

static yolo_status begin_file(yolo_pixel_file *file) {
  header head = {.count = file->count};
  memcpy(head.magic, PIXEL_FILE_MAGIC, sizeof head.magic);
  if (ftruncate(file->fd, 0) != 0 || ftruncate(file->fd, (off_t)file->end) != 0 ||
      !write_all(file->fd, &head, sizeof head, 0)) {
    return yolo_fail(YOLO_EIO, "%s: %s", file->path, strerror(errno));
  }
  memset(file->entries, 0, file->count * sizeof *file->entries);
  return YOLO_OK;
}

/* Takes over what is there when it is such a file for as many images; else begins anew. */
static yolo_status take_over(yolo_pixel_file *file) {
  struct stat info;
  header head;
  size_t table = file->count * sizeof *file->entries;
  file->end = sizeof head + table;
  if (fstat(file->fd, &info) != 0) return yolo_fail(YOLO_EIO, "%s: %s", file->path, strerror(errno));
  bool ours = (uint64_t)info.st_size >= file->end && read_all(file->fd, &head, sizeof head, 0) &&
              memcmp(head.magic, PIXEL_FILE_MAGIC, sizeof head.magic) == 0 && head.count == file->count &&
              read_all(file->fd, file->entries, table, sizeof head);
  if (!ours) return begin_file(file);
  check_entries(file, (uint64_t)info.st_size);
  file->end = (uint64_t)info.st_size;
  return YOLO_OK;
}

yolo_status yolo_pixel_file_open(const char *path, size_t count, yolo_pixel_file **out) {
  yolo_status st = YOLO_OK;
  *out = NULL;
  yolo_pixel_file *file = yolo_calloc(1, sizeof *file);
  if (!file) return YOLO_ENOMEM;
  pthread_mutex_init(&file->lock, NULL);
  file->fd = -1;
  file->count = count;
  YOLO_ENOMEM_IF_NULL(file->path = yolo_strdup(path));
  YOLO_ENOMEM_IF_NULL(file->entries = yolo_calloc(count ? count : 1, sizeof *file->entries));
  file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (file->fd < 0) {
    st = yolo_fail(YOLO_EIO, "%s: %s", path, strerror(errno));
    goto done;
  }
  if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
    st = yolo_fail(YOLO_EIO, "%s: another program is using this cache", path);
    goto done;
  }
  YOLO_TRY(take_over(file));
  *out = file;
  file = NULL;
done:
  yolo_pixel_file_close(file);
  return st;
}

void yolo_pixel_file_close(yolo_pixel_file *file) {
  if (!file) return;
  if (file->fd >= 0) close(file->fd);
  pthread_mutex_destroy(&file->lock);
  yolo_free(file->entries);
  yolo_free(file->path);
  yolo_free(file);
}

uint64_t yolo_pixel_file_bytes(const yolo_pixel_file *file) { return file->end; }

static uint32_t checksum(const uint8_t *bytes, size_t length) {
  return (uint32_t)adler32_z(adler32_z(0, NULL, 0), bytes, length);
}

bool yolo_pixel_file_get(yolo_pixel_file *file, size_t index, const yolo_file_stamp *stamp, yolo_image *out) {
  *out = (yolo_image){0};
  pthread_mutex_lock(&file->lock);
  entry e = file->entries[index];
  pthread_mutex_unlock(&file->lock);
  if (e.offset == 0 || e.stamp.modified_ns != stamp->modified_ns || e.stamp.size != stamp->size) return false;
  if (yolo_image_new(e.width, e.height, out) != YOLO_OK) return false;
  size_t length = image_bytes(e.width, e.height);
  if (read_all(file->fd, out->pixels, length, e.offset) && checksum(out->pixels, length) == e.checksum) {
    out->orientation = e.orientation;
    return true;
  }
  yolo_image_release(out);
  return false;
}

yolo_status yolo_pixel_file_put(yolo_pixel_file *file, size_t index, const yolo_file_stamp *stamp, const yolo_image *image) {
  size_t length = image_bytes(image->width, image->height);
  entry e = {.stamp = *stamp,
             .width = image->width,
             .height = image->height,
             .orientation = image->orientation,
             .checksum = checksum(image->pixels, length)};
  pthread_mutex_lock(&file->lock);
  e.offset = file->end;
  file->end += length;
  pthread_mutex_unlock(&file->lock);
  /* Pixels first: an entry never speaks of what is not there. */
  if (!write_all(file->fd, image->pixels, length, e.offset) ||
      !write_all(file->fd, &e, sizeof e, sizeof(header) + index * sizeof e)) {
    return yolo_fail(YOLO_EIO, "%s: %s", file->path, strerror(errno));
  }
  pthread_mutex_lock(&file->lock);
  file->entries[index] = e;
  pthread_mutex_unlock(&file->lock);
  return YOLO_OK;
}
