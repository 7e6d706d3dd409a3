/* The JSON header of a safetensors file as a checked table. */
#ifndef YOLO_WEIGHTS_SAFETENSORS_HEADER_H
#define YOLO_WEIGHTS_SAFETENSORS_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

enum { YOLO_SAFETENSORS_MOST_DIMS = 8 };
#define YOLO_SAFETENSORS_MOST_HEADER 100000000u /* bytes; the format's own limit */

typedef struct yolo_safetensors_entry {
  char *name;        /* owned by the header */
  const char *dtype; /* "F32", a row of the table of types */
  int ndim, dims[YOLO_SAFETENSORS_MOST_DIMS];
  uint64_t begin, end; /* bytes, from the first byte after the header */
} yolo_safetensors_entry;

typedef struct yolo_safetensors_pair {
  char *key, *value; /* owned by the header */
} yolo_safetensors_pair;

typedef struct yolo_safetensors_header {
  yolo_safetensors_entry *entries; /* in the order of the data */
  yolo_safetensors_pair *pairs;    /* metadata, sorted by key */
  const char **names;              /* sorted; points into entries */
  int *by_name;                    /* entry of names[i] */
  int count, capacity, n_pairs, pair_capacity;
} yolo_safetensors_header;

/* `text` has `length` bytes and a NUL behind them; `data_bytes` is what the file holds after the header.
 * Afterwards every entry is known to fit its shape, its type and the file, and the entries to cover the data
 * without a gap. Free with yolo_safetensors_header_free, also after a failure. */
yolo_status yolo_safetensors_header_parse(const char *path, const char *text, size_t length, uint64_t data_bytes,
                                          yolo_safetensors_header *out);
const yolo_safetensors_entry *yolo_safetensors_header_find(const yolo_safetensors_header *header, const char *name);
const char *yolo_safetensors_header_metadata(const yolo_safetensors_header *header, const char *key);
void yolo_safetensors_header_free(yolo_safetensors_header *header);

#endif
