/* Writing safetensors: the header first, complete, then one tensor at a time.
 *
 * Deterministic: metadata and tensors stand in the order of the caller, and nothing of the machine goes in.
 * The header is padded with spaces to a multiple of 8, so that tensors are aligned in a mapped file. */
#include <string.h>

#include "backbone/base/half.h"
#include "backbone/base/memory.h"
#include "backbone/base/output.h"
#include "backbone/base/text.h"
#include "weights/safetensors_header.h"
#include "weights/stream.h"

struct yolo_safetensors_writer {
  yolo_output *output;
  char *path;
  size_t *counts; /* values of each tensor announced */
  bool *halves;   /* stored as F16 */
  int count, next;
};

static yolo_status append_metadata(yolo_text *text, const yolo_metadata *metadata, int count) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_format(text, "\"__metadata__\":{"));
  for (int i = 0; i < count; i++) {
    YOLO_TRY(yolo_text_append(text, ",", i ? 1 : 0));
    YOLO_TRY(yolo_text_json_string(text, metadata[i].key));
    YOLO_TRY(yolo_text_append(text, ":", 1));
    YOLO_TRY(yolo_text_json_string(text, metadata[i].value));
  }
  YOLO_TRY(yolo_text_append(text, "}", 1));
done:
  return st;
}

static yolo_status append_tensor(yolo_text *text, const yolo_tensor_desc *desc, uint64_t begin, uint64_t end) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_text_json_string(text, desc->name));
  YOLO_TRY(yolo_text_format(text, ":{\"dtype\":\"%s\",\"shape\":[", desc->half ? "F16" : "F32"));
  for (int i = 0; i < desc->ndim; i++) YOLO_TRY(yolo_text_format(text, i ? ",%d" : "%d", desc->dims[i]));
  YOLO_TRY(yolo_text_format(text, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin, (unsigned long long)end));
done:
  return st;
}

static yolo_status build_header(const char *path, const yolo_tensor_desc *descs, const yolo_metadata *metadata, int n_metadata,
                                const yolo_safetensors_writer *writer, yolo_text *text, uint64_t *data_bytes) {
  yolo_status st = YOLO_OK;
  uint64_t offset = 0;
  YOLO_TRY(yolo_text_append(text, "{", 1));
  if (n_metadata > 0) YOLO_TRY(append_metadata(text, metadata, n_metadata));
  for (int i = 0; i < writer->count; i++) {
    uint64_t bytes = (uint64_t)writer->counts[i] * (descs[i].half ? sizeof(uint16_t) : sizeof(float));
    YOLO_TRY(yolo_text_append(text, ",", i || n_metadata > 0 ? 1 : 0));
    YOLO_TRY(append_tensor(text, &descs[i], offset, offset + bytes));
    offset += bytes;
  }
  YOLO_TRY(yolo_text_append(text, "}", 1));
  while (text->length % 8 != 0) YOLO_TRY(yolo_text_append(text, " ", 1));
  if (text->length > YOLO_SAFETENSORS_MOST_HEADER)
    st = yolo_fail(YOLO_EINVAL, "%s: the safetensors header would have %zu bytes, more than the %u allowed", path, text->length,
                   YOLO_SAFETENSORS_MOST_HEADER);
  *data_bytes = offset;
done:
  return st;
}

static yolo_status count_tensors(const yolo_tensor_desc *descs, yolo_safetensors_writer *writer) {
  for (int i = 0; i < writer->count; i++) {
    writer->counts[i] = yolo_tensor_desc_count(&descs[i]);
    writer->halves[i] = descs[i].half;
    if (writer->counts[i] == 0 || descs[i].ndim < 0 || descs[i].ndim > 4)
      return yolo_fail(YOLO_EINVAL, "%s: tensor '%s' has no elements or more than 4 dimensions", writer->path, descs[i].name);
  }
  return YOLO_OK;
}

yolo_status yolo_safetensors_create(const char *path, const yolo_tensor_desc *descs, int count, const yolo_metadata *metadata,
                                    int n_metadata, yolo_safetensors_writer **out) {
  yolo_status st = YOLO_OK;
  yolo_text text = {NULL, 0, 0};
  yolo_safetensors_header check = {0};
  unsigned char prefix[8];
  uint64_t data_bytes = 0;
  yolo_safetensors_writer *writer = yolo_calloc(1, sizeof *writer);
  YOLO_ENOMEM_IF_NULL(writer);
  writer->count = count;
  YOLO_ENOMEM_IF_NULL(writer->path = yolo_strdup(path));
  YOLO_ENOMEM_IF_NULL(writer->counts = yolo_alloc_array((size_t)count, sizeof *writer->counts));
  YOLO_ENOMEM_IF_NULL(writer->halves = yolo_alloc_array((size_t)count, sizeof *writer->halves));
  YOLO_TRY(count_tensors(descs, writer));
  YOLO_TRY(build_header(path, descs, metadata, n_metadata, writer, &text, &data_bytes));
  /* Our own reader judges the header: names met twice are found here, not by the next program. */
  YOLO_TRY(yolo_safetensors_header_parse(path, text.data, text.length, data_bytes, &check));
  YOLO_TRY(yolo_output_open(path, &writer->output));
  yolo_put_little(prefix, text.length, sizeof prefix);
  YOLO_TRY(yolo_output_write(writer->output, prefix, sizeof prefix));
  YOLO_TRY(yolo_output_write(writer->output, text.data, text.length));
  *out = writer;
  writer = NULL;
done:
  yolo_safetensors_header_free(&check);
  yolo_text_free(&text);
  yolo_safetensors_writer_close(writer);
  return st;
}

/* Piece by piece, so that no second copy of a tensor is needed. */
static yolo_status write_halves(yolo_safetensors_writer *writer, const float *values, size_t count) {
  enum { PIECE = 2048 };
  unsigned char bytes[2 * PIECE];
  yolo_status st = YOLO_OK;
  for (size_t done = 0; done < count && st == YOLO_OK; done += PIECE) {
    size_t n = count - done < PIECE ? count - done : PIECE;
    for (size_t i = 0; i < n; i++) {
      uint16_t half = yolo_half_of_float(values[done + i]);
      if ((half & 0x7fff) == 0x7c00)
        return yolo_fail(YOLO_EINVAL, "%s: the value %g does not fit into 16 bits; write 32", writer->path, values[done + i]);
      yolo_put_little(bytes + 2 * i, half, 2);
    }
    st = yolo_output_write(writer->output, bytes, 2 * n);
  }
  return st;
}

yolo_status yolo_safetensors_write(yolo_safetensors_writer *writer, const float *values, size_t count) {
  if (writer->next >= writer->count)
    return yolo_fail(YOLO_EINVAL, "%s: all %d tensors announced are written already", writer->path, writer->count);
  if (count != writer->counts[writer->next])
    return yolo_fail(YOLO_EINVAL, "%s: tensor %d was announced with %zu values, not %zu", writer->path, writer->next,
                     writer->counts[writer->next], count);
  yolo_status st = writer->halves[writer->next] ? write_halves(writer, values, count)
                                                : yolo_output_write(writer->output, values, count * sizeof(float));
  if (st == YOLO_OK) writer->next++;
  return st;
}

yolo_status yolo_safetensors_writer_finish(yolo_safetensors_writer *writer) {
  if (writer->next != writer->count)
    return yolo_fail(YOLO_EINVAL, "%s: only %d of %d tensors were written", writer->path, writer->next, writer->count);
  return yolo_output_commit(writer->output);
}

void yolo_safetensors_writer_close(yolo_safetensors_writer *writer) {
  if (!writer) return;
  yolo_output_close(writer->output);
  yolo_free(writer->counts);
  yolo_free(writer->halves);
  yolo_free(writer->path);
  yolo_free(writer);
}
