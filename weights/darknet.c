/* Darknet .weights: a header, then the floats of every layer in network order, and nothing else.
 *
 *   int32 major, int32 minor, int32 revision, seen, float, float, float ...
 *
 * all little-endian; `seen` (images met in training) has 8 bytes from version 0.2 on (10 major + minor >= 2)
 * and 4 before. There are no names, no shapes and no length: a file that belongs to another cfg reads as
 * noise. So the bytes are counted, and a file that is too short or too long is an error that names the layer.
 * (Format as written by save_weights in pjreddie's and AlexeyAB's darknet, src/parser.c.) */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/output.h"
#include "weights/stream.h"

enum { VERSION_BYTES = 12, LONGEST_HEADER = 20, PLACE = 256 };

static int seen_bytes(const yolo_darknet_header *header) { return (int64_t)header->major * 10 + header->minor >= 2 ? 8 : 4; }

/* ---- reading ---- */

struct yolo_darknet_reader {
  yolo_stream *stream;
  uint64_t floats_wanted; /* up to and with the latest tensor */
  uint64_t body;          /* bytes behind the header */
  char latest[PLACE];     /* the latest tensor read, for the message about what follows it */
};

static yolo_status read_header(yolo_stream *stream, yolo_darknet_header *header) {
  yolo_status st = YOLO_OK;
  unsigned char bytes[8];
  int32_t *const numbers[] = {&header->major, &header->minor, &header->revision};
  for (int i = 0; i < 3; i++) {
    if ((st = yolo_stream_read(stream, bytes, 4)) != YOLO_OK) return st;
    *numbers[i] = (int32_t)yolo_little_u32(bytes);
  }
  int size = seen_bytes(header);
  if (yolo_stream_left(stream) < (uint64_t)size)
    return yolo_fail(YOLO_EFORMAT, "%s: ends inside the header of Darknet weights; the download broke off",
                     yolo_stream_path(stream));
  if ((st = yolo_stream_read(stream, bytes, (size_t)size)) != YOLO_OK) return st;
  header->seen = size == 8 ? yolo_little_u64(bytes) : yolo_little_u32(bytes);
  return YOLO_OK;
}

yolo_status yolo_darknet_open(const char *path, yolo_darknet_reader **out, yolo_darknet_header *header) {
  yolo_status st = YOLO_OK;
  yolo_weights_kind kind = YOLO_WEIGHTS_UNKNOWN;
  yolo_darknet_header found = {0};
  yolo_darknet_reader *reader = yolo_calloc(1, sizeof *reader);
  YOLO_ENOMEM_IF_NULL(reader);
  YOLO_TRY(yolo_stream_open(path, &reader->stream));
  YOLO_TRY(yolo_stream_sniff(reader->stream, &kind));
  if (kind != YOLO_WEIGHTS_DARKNET) {
    st = yolo_fail(YOLO_EFORMAT, "%s: is a safetensors file, not Darknet weights", path);
    goto done;
  }
  YOLO_TRY(read_header(reader->stream, &found));
  reader->body = yolo_stream_left(reader->stream);
  if (header) *header = found;
  *out = reader;
  reader = NULL;
done:
  yolo_darknet_close(reader);
  return st;
}

static yolo_status too_short(const yolo_darknet_reader *reader, const char *place, size_t count) {
  uint64_t there = yolo_darknet_floats_left(reader);
  return yolo_fail(YOLO_EFORMAT,
                   "%s: ends inside %s: %llu of %zu floats are there (the file holds %llu, the cfg wants %llu up to here); "
                   "the cfg does not belong to these weights or the download broke off",
                   yolo_stream_path(reader->stream), place, (unsigned long long)there, count,
                   (unsigned long long)(reader->body / sizeof(float)), (unsigned long long)reader->floats_wanted + count);
}

yolo_status yolo_darknet_read(yolo_darknet_reader *reader, const yolo_tensor_desc *desc, float *to) {
  char place[PLACE];
  size_t count = yolo_tensor_desc_count(desc);
  yolo_tensor_desc_place(desc, place, sizeof place);
  if (count == 0) return yolo_fail(YOLO_ESHAPE, "%s: %s has no elements", yolo_stream_path(reader->stream), place);
  if (count > yolo_darknet_floats_left(reader)) return too_short(reader, place, count);
  size_t bytes = count * sizeof(float); /* fits: the file is that long */
  if (to) {
    yolo_status st = yolo_stream_read(reader->stream, to, bytes);
    if (st != YOLO_OK) return st;
  } else {
    yolo_stream_seek(reader->stream, yolo_stream_size(reader->stream) - yolo_stream_left(reader->stream) + bytes);
  }
  reader->floats_wanted += count;
  memcpy(reader->latest, place, sizeof place);
  return YOLO_OK;
}

yolo_status yolo_darknet_finish(yolo_darknet_reader *reader, bool partial) {
  uint64_t left = yolo_stream_left(reader->stream);
  if (partial || left == 0) return YOLO_OK;
  const char *path = yolo_stream_path(reader->stream);
  const char *after = reader->latest[0] ? reader->latest : "the header";
  if (left < sizeof(float))
    return yolo_fail(YOLO_EFORMAT, "%s: %d bytes are left over after %s; the file is damaged", path, (int)left, after);
  return yolo_fail(YOLO_EFORMAT,
                   "%s: %llu floats are left over after %s, the last that the cfg wants (the file holds %llu, the cfg wants "
                   "%llu); the cfg does not belong to these weights",
                   path, (unsigned long long)(left / sizeof(float)), after, (unsigned long long)(reader->body / sizeof(float)),
                   (unsigned long long)reader->floats_wanted);
}

bool yolo_darknet_at_end(const yolo_darknet_reader *reader) { return yolo_stream_left(reader->stream) == 0; }

uint64_t yolo_darknet_floats_left(const yolo_darknet_reader *reader) {
  return yolo_stream_left(reader->stream) / sizeof(float);
}

void yolo_darknet_close(yolo_darknet_reader *reader) {
  if (!reader) return;
  yolo_stream_close(reader->stream);
  yolo_free(reader);
}

/* ---- writing ---- */

struct yolo_darknet_writer {
  yolo_output *output;
};

yolo_status yolo_darknet_create(const char *path, const yolo_darknet_header *header, yolo_darknet_writer **out) {
  yolo_status st = YOLO_OK;
  unsigned char bytes[LONGEST_HEADER];
  const int32_t numbers[] = {header->major, header->minor, header->revision};
  int size = seen_bytes(header);
  yolo_darknet_writer *writer = yolo_calloc(1, sizeof *writer);
  YOLO_ENOMEM_IF_NULL(writer);
  if (size == 4 && header->seen > UINT32_MAX) {
    st = yolo_fail(YOLO_EINVAL, "%s: version %d.%d counts images in 4 bytes, too few for %llu; write version 0.2", path,
                   header->major, header->minor, (unsigned long long)header->seen);
    goto done;
  }
  for (size_t i = 0; i < 3; i++) yolo_put_little(bytes + 4 * i, (uint32_t)numbers[i], 4);
  yolo_put_little(bytes + VERSION_BYTES, header->seen, size);
  YOLO_TRY(yolo_output_open(path, &writer->output));
  YOLO_TRY(yolo_output_write(writer->output, bytes, (size_t)(VERSION_BYTES + size)));
  *out = writer;
  writer = NULL;
done:
  yolo_darknet_writer_close(writer);
  return st;
}

yolo_status yolo_darknet_write(yolo_darknet_writer *writer, const float *values, size_t count) {
  return yolo_output_write(writer->output, values, count * sizeof(float));
}

yolo_status yolo_darknet_writer_finish(yolo_darknet_writer *writer) { return yolo_output_commit(writer->output); }

void yolo_darknet_writer_close(yolo_darknet_writer *writer) {
  if (!writer) return;
  yolo_output_close(writer->output);
  yolo_free(writer);
}
