/* A map from text to a number: see strmap.h. Linear probing. */
#include "backbone/base/strmap.h"

#include <string.h>

#include "backbone/base/fnv.h"
#include "backbone/base/memory.h"

/* The slot that holds the key, or the free one where it belongs. capacity is a power of two and never full. */
static yolo_strmap_slot *find(yolo_strmap_slot *slots, size_t capacity, const char *key) {
  size_t i = (size_t)yolo_fnv_text(YOLO_FNV_START, key) & (capacity - 1);
  while (slots[i].key && strcmp(slots[i].key, key) != 0) i = (i + 1) & (capacity - 1);
  return &slots[i];
}

static yolo_status grow(yolo_strmap *map) {
  size_t capacity = map->capacity ? map->capacity * 2 : 64;
  yolo_strmap_slot *slots = yolo_calloc(capacity, sizeof *slots);
  if (!slots) return YOLO_ENOMEM;
  for (size_t i = 0; i < map->capacity; ++i) {
    if (map->slots[i].key) *find(slots, capacity, map->slots[i].key) = map->slots[i];
  }
  yolo_free(map->slots);
  map->slots = slots;
  map->capacity = capacity;
  return YOLO_OK;
}

yolo_status yolo_strmap_add(yolo_strmap *map, const char *key, int64_t value, bool *was_there) {
  yolo_status st = YOLO_OK;
  if (map->count * 2 >= map->capacity && (st = grow(map)) != YOLO_OK) return st;
  yolo_strmap_slot *slot = find(map->slots, map->capacity, key);
  if (was_there) *was_there = slot->key != NULL;
  if (slot->key) return YOLO_OK;
  slot->key = yolo_strdup(key);
  if (!slot->key) return YOLO_ENOMEM;
  slot->value = value;
  map->count++;
  return YOLO_OK;
}

bool yolo_strmap_get(const yolo_strmap *map, const char *key, int64_t *value) {
  if (map->capacity == 0) return false;
  const yolo_strmap_slot *slot = find(map->slots, map->capacity, key);
  if (!slot->key) return false;
  if (value) *value = slot->value;
  return true;
}

void yolo_strmap_free(yolo_strmap *map) {
  for (size_t i = 0; i < map->capacity; ++i) yolo_free(map->slots[i].key);
  yolo_free(map->slots);
  *map = (yolo_strmap){0};
}
