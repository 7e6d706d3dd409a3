/* A map from text to a number: open addressing, grows by doubling. Copies its keys. */
#ifndef YOLO_CLI_STRMAP_H
#define YOLO_CLI_STRMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

typedef struct strmap_slot {
  char *key;
  int64_t value;
} strmap_slot;

/* Zero-initialise; strmap_free. */
typedef struct strmap {
  strmap_slot *slots;
  size_t count, capacity;
} strmap;

/* Keeps the old value when the key is there already; *was_there (may be NULL) says so. */
yolo_status strmap_add(strmap *map, const char *key, int64_t value, bool *was_there);
bool strmap_get(const strmap *map, const char *key, int64_t *value); /* value may be NULL */
void strmap_free(strmap *map);

#endif
