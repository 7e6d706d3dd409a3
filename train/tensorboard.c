/* TensorBoard's event files: TFRecords, each of which holds one protocol buffer of the type Event.
 *
 *   record   uint64 length, uint32 masked CRC-32C of those 8 bytes, the bytes, uint32 masked CRC-32C of the bytes
 *   masked   (crc >> 15 | crc << 17) + 0xA282EAD8
 *   Event    1: double wall_time   2: int64 step   3: string file_version   5: Summary
 *   Summary  1: Value, repeated;   Value  1: string tag   2: float simple_value
 *
 * (TensorFlow: tsl/lib/io/record_writer.h, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto.) All
 * little-endian. wall_time is the step in seconds: the clock would make every run's file another one. */
#include "train/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"

enum { LONGEST_TAG = 255, LONGEST_EVENT = 1024, FRAME_BEFORE = 12, FRAME_AFTER = 4 };
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* wire types */

struct yolo_tensorboard {
  int fd;
  char *path;
  off_t length; /* of whole records */
};

/* ---- protocol buffers ---- */

typedef struct message {
  unsigned char bytes[LONGEST_EVENT];
  size_t length;
} message;

static void put(message *m, const void *bytes, size_t length) {
  memcpy(m->bytes + m->length, bytes, length);
  m->length += length;
}

static void put_little(message *m, uint64_t value, int count) {
  for (int i = 0; i < count; i++) m->bytes[m->length++] = (unsigned char)(value >> (8 * i));
}

static void put_varint(message *m, uint64_t value) {
  for (; value >= 0x80; value >>= 7) m->bytes[m->length++] = (unsigned char)(value | 0x80);
  m->bytes[m->length++] = (unsigned char)value;
}

static void put_key(message *m, int field, int wire) { put_varint(m, (uint64_t)field << 3 | (uint64_t)wire); }

static void put_bytes(message *m, int field, const void *bytes, size_t length) {
  put_key(m, field, BYTES);
  put_varint(m, length);
  put(m, bytes, length);
}

static void put_time(message *m, int64_t step) {
  double seconds = (double)step;
  uint64_t bits;
  memcpy(&bits, &seconds, sizeof bits);
  put_key(m, 1, FIXED64);
  put_little(m, bits, 8);
}

static void make_scalar(message *event, const char *tag, int64_t step, float number) {
  message value = {.length = 0}, summary = {.length = 0};
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  put_bytes(&value, 1, tag, strlen(tag));
  put_key(&value, 2, FIXED32);
  put_little(&value, bits, 4);
  put_bytes(&summary, 1, value.bytes, value.length);
  put_time(event, step);
  put_key(event, 2, VARINT);
  put_varint(event, (uint64_t)step);
  put_bytes(event, 5, summary.bytes, summary.length);
}

/* Every file begins with this event. */
static void make_version(message *event) {
  static const char version[] = "brain.Event:2";
  put_time(event, 0);
  put_bytes(event, 3, version, sizeof version - 1);
}

static bool take_varint(const message *m, size_t *at, uint64_t *out) {
  *out = 0;
  for (int shift = 0; shift < 64 && *at < m->length; shift += 7) {
    unsigned char byte = m->bytes[(*at)++];
    *out |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/* The step of an event (0 where it names none); false: the bytes are no message. */
static bool read_step(const message *m, int64_t *step) {
  *step = 0;
  for (size_t at = 0; at < m->length;) {
    uint64_t key, value = 0;
    if (!take_varint(m, &at, &key)) return false;
    switch (key & 7) {
      case FIXED64: value = 8; break;
      case FIXED32: value = 4; break;
      case VARINT: break;
      case BYTES: break;
      default: return false;
    }
    bool counted = (key & 7) == VARINT || (key & 7) == BYTES;
    if (counted && !take_varint(m, &at, &value)) return false;
    if (key == (2 << 3 | VARINT)) *step = (int64_t)value;
    if ((key & 7) == VARINT) continue;
    if (value > m->length - at) return false;
    at += (size_t)value;
  }
  return true;
}

/* ---- records ---- */

uint32_t yolo_crc32c(uint32_t crc, const void *bytes, size_t length) {
  const unsigned char *p = bytes;
  crc = ~crc;
  for (size_t i = 0; i < length; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
  }
  return ~crc;
}

static uint32_t masked_crc(const void *bytes, size_t length) {
  uint32_t crc = yolo_crc32c(0, bytes, length);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

static uint64_t little(const unsigned char *bytes, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static yolo_status failed(const yolo_tensorboard *t, const char *doing) {
  int error = errno;
  return yolo_fail(YOLO_EIO, "%s: cannot be %s: %s", t->path, doing, strerror(error));
}

static bool read_at(const yolo_tensorboard *t, void *to, size_t length, off_t at) {
  unsigned char *p = to;
  while (length > 0) {
    ssize_t got = pread(t->fd, p, length, at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    p += got;
    at += got;
    length -= (size_t)got;
  }
  return true;
}

/* The event behind the whole records so far; false: the file ends there, or what follows is damaged. */
static bool read_event(const yolo_tensorboard *t, message *event) {
  unsigned char before[FRAME_BEFORE], after[FRAME_AFTER];
  if (!read_at(t, before, sizeof before, t->length)) return false;
  uint64_t length = little(before, 8);
  if (little(before + 8, 4) != masked_crc(before, 8) || length > sizeof event->bytes) return false;
  event->length = (size_t)length;
  return read_at(t, event->bytes, event->length, t->length + FRAME_BEFORE) &&
         read_at(t, after, sizeof after, t->length + FRAME_BEFORE + (off_t)length) &&
         little(after, 4) == masked_crc(event->bytes, event->length);
}

static yolo_status cut(const yolo_tensorboard *t) {
  if (ftruncate(t->fd, t->length) != 0 || lseek(t->fd, t->length, SEEK_SET) < 0) return failed(t, "cut to its whole events");
  return YOLO_OK;
}

/* One write a record: a killed run leaves whole ones, but for a full disk. */
static yolo_status write_event(yolo_tensorboard *t, const message *event) {
  unsigned char bytes[FRAME_BEFORE + LONGEST_EVENT + FRAME_AFTER];
  message frame = {.length = 0};
  put_little(&frame, event->length, 8);
  put_little(&frame, masked_crc(frame.bytes, 8), 4);
  memcpy(bytes, frame.bytes, FRAME_BEFORE);
  memcpy(bytes + FRAME_BEFORE, event->bytes, event->length);
  frame.length = 0;
  put_little(&frame, masked_crc(event->bytes, event->length), 4);
  memcpy(bytes + FRAME_BEFORE + event->length, frame.bytes, FRAME_AFTER);
  size_t length = FRAME_BEFORE + event->length + FRAME_AFTER;
  for (size_t done = 0; done < length;) {
    ssize_t put_now = write(t->fd, bytes + done, length - done);
    if (put_now < 0 && errno == EINTR) continue;
    if (put_now < 0) {
      yolo_status st = failed(t, "written");
      if (ftruncate(t->fd, t->length) == 0) (void)lseek(t->fd, t->length, SEEK_SET);
      return st;
    }
    done += (size_t)put_now;
  }
  t->length += (off_t)length;
  return YOLO_OK;
}

/* ---- from outside ---- */

/* Moves t->length behind the events that stay. */
static void find_end(yolo_tensorboard *t, int64_t last_step) {
  message event, version = {.length = 0};
  int64_t step = 0;
  make_version(&version);
  while (last_step >= 0 && read_event(t, &event)) {
    bool first = t->length == 0;
    if (first && (event.length != version.length || memcmp(event.bytes, version.bytes, event.length) != 0)) return;
    if (!read_step(&event, &step) || step > last_step) return;
    t->length += FRAME_BEFORE + (off_t)event.length + FRAME_AFTER;
  }
}

static yolo_status open_file(yolo_tensorboard *t, int64_t step) {
  message version = {.length = 0};
  struct stat info;
  t->fd = open(t->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (t->fd < 0) return failed(t, "opened for writing");
  if (fstat(t->fd, &info) != 0 || !S_ISREG(info.st_mode))
    return yolo_fail(YOLO_EIO, "%s: is no file; move it away, it is where TensorBoard's events go", t->path);
  find_end(t, step);
  yolo_status st = cut(t);
  if (st != YOLO_OK || t->length > 0) return st;
  make_version(&version);
  return write_event(t, &version);
}

yolo_status yolo_tensorboard_open(const char *folder, int64_t step, yolo_tensorboard **out) {
  yolo_status st = YOLO_OK;
  yolo_tensorboard *t = NULL;
  *out = NULL;
  t = yolo_calloc(1, sizeof *t);
  YOLO_ENOMEM_IF_NULL(t);
  t->fd = -1;
  YOLO_TRY(yolo_path_join(folder, YOLO_TENSORBOARD_FILE, &t->path));
  YOLO_TRY(open_file(t, step));
  *out = t;
  t = NULL;
done:
  yolo_tensorboard_close(t);
  return st;
}

yolo_status yolo_tensorboard_scalar(yolo_tensorboard *t, const char *tag, int64_t step, double value) {
  message event = {.length = 0};
  if (!*tag || strlen(tag) > LONGEST_TAG || step < 0)
    return yolo_fail(YOLO_EINVAL, "%s: the tag '%.40s...' has not 1 to %d bytes, or its step is negative", t->path, tag,
                     LONGEST_TAG);
  make_scalar(&event, tag, step, (float)value);
  return write_event(t, &event);
}

void yolo_tensorboard_close(yolo_tensorboard *t) {
  if (!t) return;
  if (t->fd >= 0) close(t->fd);
  yolo_free(t->path);
  yolo_free(t);
}
