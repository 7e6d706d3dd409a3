/* Named tensors on disk. This wing knows bytes, names and shapes; it knows no network and no image.
 *
 * A yolo_tensor_desc says what a caller expects or offers. A reader hands out one tensor at a time into
 * memory of the caller; a writer takes one at a time. Nothing is held twice. All values are fp32 in memory,
 * in the disk layout (PyTorch's). */
#ifndef YOLO_WEIGHTS_WEIGHTS_H
#define YOLO_WEIGHTS_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

typedef struct yolo_tensor_desc {
  const char *name; /* "model.12.conv.weight" */
  int ndim, dims[4];
  int layer;           /* for messages: the cfg layer it belongs to */
  const char *section; /* for messages: "convolutional" */
  bool half;           /* safetensors: written as F16, rounded to nearest; what is read says its type itself */
} yolo_tensor_desc;

size_t yolo_tensor_desc_count(const yolo_tensor_desc *desc);

/* ---- what kind of file is this? By content, never by name. ---- */
typedef enum yolo_weights_kind { YOLO_WEIGHTS_UNKNOWN, YOLO_WEIGHTS_DARKNET, YOLO_WEIGHTS_SAFETENSORS } yolo_weights_kind;
/* Fails with a sentence for an empty file, a text or HTML page (a failed download), a zip (PyTorch), ... */
yolo_status yolo_weights_sniff(const char *path, yolo_weights_kind *out);

/* ---- Darknet .weights (FACTS D1): a header, then floats in layer order ---- */
typedef struct yolo_darknet_header {
  int32_t major, minor, revision;
  uint64_t seen; /* images seen in training; 4 bytes on disk before version 0.2 */
} yolo_darknet_header;

typedef struct yolo_darknet_reader yolo_darknet_reader;
yolo_status yolo_darknet_open(const char *path, yolo_darknet_reader **out, yolo_darknet_header *header);
/* Reads the next tensor in file order. `to` NULL skips it. A short file is an error that names the layer at
 * which it ended, how many floats the file holds and how many were wanted up to here. */
yolo_status yolo_darknet_read(yolo_darknet_reader *reader, const yolo_tensor_desc *desc, float *to);
/* After the last tensor: fails if bytes are left over (how many, after which layer). With `partial`, leftover
 * bytes are fine. */
yolo_status yolo_darknet_finish(yolo_darknet_reader *reader, bool partial);
bool yolo_darknet_at_end(const yolo_darknet_reader *reader); /* no byte is left (the cut of a .conv.N file) */
uint64_t yolo_darknet_floats_left(const yolo_darknet_reader *reader);
void yolo_darknet_close(yolo_darknet_reader *reader);

typedef struct yolo_darknet_writer yolo_darknet_writer;
/* Writes to a temporary name; finish() fsyncs and renames; close() without finish() leaves nothing behind. */
yolo_status yolo_darknet_create(const char *path, const yolo_darknet_header *header, yolo_darknet_writer **out);
yolo_status yolo_darknet_write(yolo_darknet_writer *writer, const float *values, size_t count);
yolo_status yolo_darknet_writer_finish(yolo_darknet_writer *writer);
void yolo_darknet_writer_close(yolo_darknet_writer *writer);

/* ---- safetensors: 8-byte length, JSON header, raw little-endian tensors ---- */
typedef struct yolo_safetensors_reader yolo_safetensors_reader;
/* Checks every offset of the header against the file before any tensor is read. */
yolo_status yolo_safetensors_open(const char *path, yolo_safetensors_reader **out);
/* By name; shape must equal, dtype F32, F16 or BF16 (converted to fp32). A missing tensor names the closest. */
yolo_status yolo_safetensors_read(yolo_safetensors_reader *reader, const yolo_tensor_desc *desc, float *to);
/* A metadata string, NULL when absent; lives as long as the reader. */
const char *yolo_safetensors_metadata(const yolo_safetensors_reader *reader, const char *key);
int yolo_safetensors_count(const yolo_safetensors_reader *reader);
/* i-th tensor in file order; name and dims live as long as the reader. */
yolo_status yolo_safetensors_at(const yolo_safetensors_reader *reader, int index, yolo_tensor_desc *out);
void yolo_safetensors_close(yolo_safetensors_reader *reader);

typedef struct yolo_metadata {
  const char *key, *value;
} yolo_metadata;
typedef struct yolo_safetensors_writer yolo_safetensors_writer;
/* All descriptions first (the header needs them), then the values in the same order, given as fp32. A value that F16 cannot
 * hold (beyond 65504) is YOLO_EINVAL. The header is deterministic: equal input writes equal bytes. Temporary name, fsync,
 * rename, as above. */
yolo_status yolo_safetensors_create(const char *path, const yolo_tensor_desc *descs, int count, const yolo_metadata *metadata,
                                    int n_metadata, yolo_safetensors_writer **out);
yolo_status yolo_safetensors_write(yolo_safetensors_writer *writer, const float *values, size_t count);
yolo_status yolo_safetensors_writer_finish(yolo_safetensors_writer *writer);
void yolo_safetensors_writer_close(yolo_safetensors_writer *writer);

#endif
