/* See content_hash.h. Two lanes of 64 bits, each a multiply-xorshift chain with its own odd constants; every word goes into
 * both, and the other lane is folded in at the end, so that one flipped bit changes half of either. */
#include "datasets/content_hash.h"

#include <string.h>

#define HASH_K1 UINT64_C(0x9E3779B97F4A7C15) /* 2^64 / golden ratio */
#define HASH_K2 UINT64_C(0xC2B2AE3D27D4EB4F) /* another odd number without pattern */

/* The finaliser of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014). */
static uint64_t finish(uint64_t x) {
  x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
  return x ^ x >> 31;
}

static void take(yolo_hash *h, uint64_t word) {
  h->a = (h->a ^ word) * HASH_K1;
  h->a ^= h->a >> 29;
  h->b = (h->b + word) * HASH_K2;
  h->b ^= h->b >> 32;
}

yolo_hash yolo_hash_bytes(const void *bytes, size_t length, uint64_t seed) {
  const uint8_t *p = bytes;
  yolo_hash h = {finish(seed ^ HASH_K1), finish(seed + HASH_K2)};
  uint64_t word;
  for (size_t left = length; left >= 8; left -= 8, p += 8) {
    memcpy(&word, p, 8);
    take(&h, word);
  }
  word = 0;
  memcpy(&word, p, length % 8);
  take(&h, word);
  take(&h, length);
  return (yolo_hash){finish(h.a ^ (h.b << 32 | h.b >> 32)), finish(h.b + h.a * HASH_K1)};
}
