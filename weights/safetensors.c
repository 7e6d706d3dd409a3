/* Reading safetensors: uint64 length of the header, the JSON header, then raw little-endian tensors.
 *
 * Tensors are found by name and read at their offset, in any order; half-precision ones become fp32 on the
 * way through a small buffer. */
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "weights/safetensors_header.h"
#include "weights/stream.h"

enum { PLACE = 256, PIECE = 4096 };

struct yolo_safetensors_reader {
  yolo_stream *stream;
  uint64_t data_at; /* first byte after the header */
  yolo_safetensors_header header;
};

/* ---- opening ---- */

static yolo_status read_header(yolo_safetensors_reader *reader) {
  yolo_status st = YOLO_OK;
  yolo_stream *stream = reader->stream;
  const char *path = yolo_stream_path(stream);
  unsigned char prefix[8];
  char *text = NULL;
  YOLO_TRY(yolo_stream_read(stream, prefix, sizeof prefix));
  uint64_t length = yolo_little_u64(prefix), left = yolo_stream_left(stream);
  if (length > YOLO_SAFETENSORS_MOST_HEADER) {
    st = yolo_fail(YOLO_EFORMAT, "%s: its safetensors header claims %llu bytes, more than the %u allowed; the file is damaged",
                   path, (unsigned long long)length, YOLO_SAFETENSORS_MOST_HEADER);
    goto done;
  }
  if (length > left) {
    st = yolo_fail(YOLO_EFORMAT, "%s: ends inside its safetensors header: %llu of %llu bytes are there; the download broke off",
                   path, (unsigned long long)left, (unsigned long long)length);
    goto done;
  }
  text = yolo_alloc((size_t)length + 1);
  YOLO_ENOMEM_IF_NULL(text);
  YOLO_TRY(yolo_stream_read(stream, text, (size_t)length));
  text[length] = '\0';
  reader->data_at = sizeof prefix + length;
  YOLO_TRY(yolo_safetensors_header_parse(path, text, (size_t)length, left - length, &reader->header));
done:
  yolo_free(text);
  return st;
}

yolo_status yolo_safetensors_open(const char *path, yolo_safetensors_reader **out) {
  yolo_status st = YOLO_OK;
  yolo_weights_kind kind = YOLO_WEIGHTS_UNKNOWN;
  yolo_safetensors_reader *reader = yolo_calloc(1, sizeof *reader);
  YOLO_ENOMEM_IF_NULL(reader);
  YOLO_TRY(yolo_stream_open(path, &reader->stream));
  YOLO_TRY(yolo_stream_sniff(reader->stream, &kind));
  if (kind != YOLO_WEIGHTS_SAFETENSORS) {
    st = yolo_fail(YOLO_EFORMAT, "%s: is no safetensors file; as Darknet weights it needs its cfg beside it", path);
    goto done;
  }
  YOLO_TRY(read_header(reader));
  *out = reader;
  reader = NULL;
done:
  yolo_safetensors_close(reader);
  return st;
}

void yolo_safetensors_close(yolo_safetensors_reader *reader) {
  if (!reader) return;
  yolo_safetensors_header_free(&reader->header);
  yolo_stream_close(reader->stream);
  yolo_free(reader);
}

/* ---- half precision ---- */

/* IEEE 754 binary16: sign 1, exponent 5 (bias 15), mantissa 10; subnormals are mantissa * 2^-24. */
static float from_f16(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 0x1Fu, mantissa = half & 0x3FFu, bits;
  float value;
  if (exponent == 0) {
    value = (float)mantissa * 0x1p-24f;
    return sign ? -value : value;
  }
  bits = sign | (exponent == 31 ? 0x7F800000u : (exponent + 112) << 23) | mantissa << 13;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* bfloat16 is the upper half of a binary32. */
static float from_bf16(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static yolo_status read_halves(yolo_stream *stream, float *to, size_t count, float (*convert)(uint16_t)) {
  uint16_t piece[PIECE];
  while (count > 0) {
    size_t n = count < PIECE ? count : PIECE;
    yolo_status st = yolo_stream_read(stream, piece, n * sizeof piece[0]);
    if (st != YOLO_OK) return st;
    for (size_t i = 0; i < n; i++) to[i] = convert(piece[i]);
    to += n;
    count -= n;
  }
  return YOLO_OK;
}

/* ---- one tensor ---- */

/* "16x3x3x3", or "scalar". */
static void shape_words(const int *dims, int ndim, char *out, size_t size) {
  size_t used = 0;
  snprintf(out, size, "scalar");
  for (int i = 0; i < ndim && used < size; i++) used += (size_t)snprintf(out + used, size - used, i ? "x%d" : "%d", dims[i]);
}

static yolo_status missing(const yolo_safetensors_reader *reader, const yolo_tensor_desc *desc) {
  const char *path = yolo_stream_path(reader->stream);
  const char *closest = yolo_closest(desc->name, reader->header.names, reader->header.count);
  char place[PLACE];
  yolo_tensor_desc_place(desc, place, sizeof place);
  if (closest) return yolo_fail(YOLO_EFORMAT, "%s: has no tensor for %s; the closest name is '%.200s'", path, place, closest);
  return yolo_fail(YOLO_EFORMAT, "%s: has no tensor for %s; the cfg does not belong to this file", path, place);
}

static yolo_status check_shape(const yolo_safetensors_reader *reader, const yolo_safetensors_entry *entry,
                               const yolo_tensor_desc *desc) {
  bool same = entry->ndim == desc->ndim;
  for (int i = 0; same && i < desc->ndim; i++) same = entry->dims[i] == desc->dims[i];
  if (same) return YOLO_OK;
  char place[PLACE], there[128], wanted[128];
  yolo_tensor_desc_place(desc, place, sizeof place);
  shape_words(entry->dims, entry->ndim, there, sizeof there);
  shape_words(desc->dims, desc->ndim, wanted, sizeof wanted);
  return yolo_fail(YOLO_ESHAPE, "%s: the tensor for %s is %s, the cfg wants %s; the cfg does not belong to this file",
                   yolo_stream_path(reader->stream), place, there, wanted);
}

yolo_status yolo_safetensors_read(yolo_safetensors_reader *reader, const yolo_tensor_desc *desc, float *to) {
  yolo_status st = YOLO_OK;
  const yolo_safetensors_entry *entry = yolo_safetensors_header_find(&reader->header, desc->name);
  if (!entry) return missing(reader, desc);
  if ((st = check_shape(reader, entry, desc)) != YOLO_OK) return st;
  size_t bytes = (size_t)(entry->end - entry->begin);
  yolo_stream_seek(reader->stream, reader->data_at + entry->begin);
  if (strcmp(entry->dtype, "F32") == 0) return yolo_stream_read(reader->stream, to, bytes);
  if (strcmp(entry->dtype, "F16") == 0) return read_halves(reader->stream, to, bytes / 2, from_f16);
  if (strcmp(entry->dtype, "BF16") == 0) return read_halves(reader->stream, to, bytes / 2, from_bf16);
  return yolo_fail(YOLO_EUNSUPPORTED, "%s: tensor '%.200s' has the type %s; weights must be F32, F16 or BF16",
                   yolo_stream_path(reader->stream), desc->name, entry->dtype);
}

/* ---- what is inside ---- */

const char *yolo_safetensors_metadata(const yolo_safetensors_reader *reader, const char *key) {
  return yolo_safetensors_header_metadata(&reader->header, key);
}

int yolo_safetensors_count(const yolo_safetensors_reader *reader) { return reader->header.count; }

yolo_status yolo_safetensors_at(const yolo_safetensors_reader *reader, int index, yolo_tensor_desc *out) {
  const char *path = yolo_stream_path(reader->stream);
  if (index < 0 || index >= reader->header.count)
    return yolo_fail(YOLO_EINVAL, "%s: tensor %d of %d was asked for", path, index, reader->header.count);
  const yolo_safetensors_entry *entry = &reader->header.entries[index];
  if (entry->ndim > 4)
    return yolo_fail(YOLO_EUNSUPPORTED, "%s: tensor '%.200s' has %d dimensions, at most 4 are known", path, entry->name,
                     entry->ndim);
  *out = (yolo_tensor_desc){.name = entry->name, .ndim = entry->ndim, .layer = -1};
  memcpy(out->dims, entry->dims, sizeof out->dims);
  return YOLO_OK;
}
