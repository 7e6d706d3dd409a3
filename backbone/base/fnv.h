/* FNV-1a, 64 bits (Fowler, Noll, Vo): a short hash for tables, streams of random numbers and names of cache files. Begin with
 * YOLO_FNV_START; a hash handed on goes over the next piece. Not for telling images apart: datasets/content_hash.h. */
#ifndef YOLO_BASE_FNV_H
#define YOLO_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define YOLO_FNV_START UINT64_C(14695981039346656037)

static inline uint64_t yolo_fnv_bytes(uint64_t hash, const void *bytes, size_t length) {
  const unsigned char *p = (const unsigned char *)bytes;
  for (size_t i = 0; i < length; ++i) hash = (hash ^ p[i]) * UINT64_C(1099511628211);
  return hash;
}

static inline uint64_t yolo_fnv_text(uint64_t hash, const char *text) {
  for (; *text; ++text) hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
  return hash;
}

#endif
