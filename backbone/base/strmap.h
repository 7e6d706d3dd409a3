/* A map from text to a number: open addressing, grows by doubling. Copies its keys. */
#ifndef YOLO_BASE_STRMAP_H
#define YOLO_BASE_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

typedef struct yolo_strmap_slot {
  char *key;
  int64_t value;
} yolo_strmap_slot;

/* Zero-initialise; yolo_strmap_free. */
typedef struct yolo_strmap {
  yolo_strmap_slot *slots;
  size_t count, capacity;
} yolo_strmap;

/* Keeps the old value when the key is there already; *was_there (may be NULL) says so. */
yolo_status yolo_strmap_add(yolo_strmap *map, const char *key, int64_t value, bool *was_there);
bool yolo_strmap_get(const yolo_strmap *map, const char *key, int64_t *value); /* value may be NULL */
void yolo_strmap_free(yolo_strmap *map);

#endif
