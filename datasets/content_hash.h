/* A 128-bit hash of bytes, to find equal images. Not for adversaries: whoever wants two images to collide can have it. */
#ifndef YOLO_DATASETS_CONTENT_HASH_H
#define YOLO_DATASETS_CONTENT_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct yolo_hash {
  uint64_t a, b;
} yolo_hash;

/* `seed` keeps kinds of content apart. */
yolo_hash yolo_hash_bytes(const void *bytes, size_t length, uint64_t seed);
static inline int yolo_hash_compare(yolo_hash x, yolo_hash y) {
  if (x.a != y.a) return x.a < y.a ? -1 : 1;
  return x.b < y.b ? -1 : x.b > y.b;
}

#endif
