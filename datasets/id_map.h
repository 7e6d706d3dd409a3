/* A map from the ids of a label file (any 64-bit numbers, with holes) to indices: open addressing, grows by doubling. */
#ifndef YOLO_DATASETS_ID_MAP_H
#define YOLO_DATASETS_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/status.h"

typedef struct yolo_id_slot {
  int64_t id;
  int64_t value; /* -1: the slot is free */
} yolo_id_slot;

/* Zero-initialise; yolo_id_map_free. */
typedef struct yolo_id_map {
  yolo_id_slot *slots;
  size_t count, capacity;
} yolo_id_map;

/* value >= 0. Keeps the old value when the id is there already; *was_there (may be NULL) says so. */
yolo_status yolo_id_map_add(yolo_id_map *map, int64_t id, int64_t value, bool *was_there);
/* The value, or -1. */
int64_t yolo_id_map_get(const yolo_id_map *map, int64_t id);
void yolo_id_map_free(yolo_id_map *map);

#endif
