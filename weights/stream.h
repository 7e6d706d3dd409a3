/* A weights file as a stream: buffered reads at a position, the size known from the start.
 *
 * read() and not mmap(): pages of a mapped file count as memory of the process, and a file cut short while
 * it is mapped kills it. */
#ifndef YOLO_WEIGHTS_STREAM_H
#define YOLO_WEIGHTS_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"
#include "weights/weights.h"

typedef struct yolo_stream yolo_stream;

/* Regular files only: every reader compares lengths with the size of the file. */
yolo_status yolo_stream_open(const char *path, yolo_stream **out);
void yolo_stream_close(yolo_stream *stream); /* NULL is fine */

/* All `length` bytes or a failure; the position moves on. */
yolo_status yolo_stream_read(yolo_stream *stream, void *to, size_t length);
void yolo_stream_seek(yolo_stream *stream, uint64_t position);

const char *yolo_stream_path(const yolo_stream *stream);
uint64_t yolo_stream_size(const yolo_stream *stream);
uint64_t yolo_stream_left(const yolo_stream *stream); /* bytes from the position to the end */

/* What kind of file is this? Leaves the position at the start of the file. */
yolo_status yolo_stream_sniff(yolo_stream *stream, yolo_weights_kind *out);

/* Little-endian integers out of bytes. */
uint32_t yolo_little_u32(const unsigned char *bytes);
uint64_t yolo_little_u64(const unsigned char *bytes);
void yolo_put_little(unsigned char *bytes, uint64_t value, int count);

/* "layer 74 [convolutional] (model.74.conv.weight)", for messages; cut to `size`. */
void yolo_tensor_desc_place(const yolo_tensor_desc *desc, char *text, size_t size);

#endif
