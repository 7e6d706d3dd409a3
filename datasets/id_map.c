/* A map from ids to indices: see id_map.h. Linear probing; the hash is the finaliser of SplitMix64 (Steele, Lea, Flood 2014),
 * so that running ids spread as well as random ones. */
#include "datasets/id_map.h"

#include "backbone/base/memory.h"

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/* The slot that holds the id, or the free one where it belongs; the capacity is a power of two and never full. */
static yolo_id_slot *find(yolo_id_slot *slots, size_t capacity, int64_t id) {
  size_t i = (size_t)mix((uint64_t)id) & (capacity - 1);
  while (slots[i].value >= 0 && slots[i].id != id) i = (i + 1) & (capacity - 1);
  return &slots[i];
}

static yolo_status grow(yolo_id_map *map) {
  size_t capacity = map->capacity ? map->capacity * 2 : 64;
  yolo_id_slot *slots = yolo_alloc_array(capacity, sizeof *slots);
  if (!slots) return YOLO_ENOMEM;
  for (size_t i = 0; i < capacity; i++) slots[i] = (yolo_id_slot){0, -1};
  for (size_t i = 0; i < map->capacity; i++) {
    if (map->slots[i].value >= 0) *find(slots, capacity, map->slots[i].id) = map->slots[i];
  }
  yolo_free(map->slots);
  map->slots = slots;
  map->capacity = capacity;
  return YOLO_OK;
}

yolo_status yolo_id_map_add(yolo_id_map *map, int64_t id, int64_t value, bool *was_there) {
  yolo_status st = YOLO_OK;
  if (map->count * 2 >= map->capacity && (st = grow(map)) != YOLO_OK) return st;
  yolo_id_slot *slot = find(map->slots, map->capacity, id);
  bool there = slot->value >= 0;
  if (was_there) *was_there = there;
  if (there) return YOLO_OK;
  *slot = (yolo_id_slot){id, value};
  map->count++;
  return YOLO_OK;
}

int64_t yolo_id_map_get(const yolo_id_map *map, int64_t id) {
  return map->capacity ? find(map->slots, map->capacity, id)->value : -1;
}

void yolo_id_map_free(yolo_id_map *map) {
  yolo_free(map->slots);
  *map = (yolo_id_map){0};
}
