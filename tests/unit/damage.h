/* Damage for files, the same in every run: bytes set or flipped, ranges cut out, doubled or filled, words put in, the end cut
 * off. */
#ifndef YOLO_TESTS_UNIT_DAMAGE_H
#define YOLO_TESTS_UNIT_DAMAGE_H

#include <string.h>

#include "backbone/base/rng.h"

static inline uint32_t damage_below(yolo_rng *rng, size_t limit) { return limit ? yolo_rng_u32(rng) % (uint32_t)limit : 0; }

/* Bytes and words that parsers stumble over. */
static const char *const damage_words[] = {"-1", "1e999", "nan", "4294967296",           "\0", "\xff\xfe", "]",  "{",
                                           "\"", "<a>",   "&x;", "99999999999999999999", "\n", " ",        "0.", "\\"};
static const uint8_t damage_bytes[] = {0, 1, 0x7F, 0x80, 0xFF, '0', '9', '-', '<', '"', ',', '\n'};

/* One piece of damage to a buffer of `most` bytes, of which `length` are used; the length afterwards. */
static inline size_t damage_once(yolo_rng *rng, uint8_t *bytes, size_t length, size_t most) {
  size_t at = damage_below(rng, length), span = 1 + damage_below(rng, 1 + damage_below(rng, 64));
  if (span > length - at) span = length - at;
  const char *word = damage_words[damage_below(rng, sizeof damage_words / sizeof *damage_words)];
  size_t n = *word ? strlen(word) : 1;
  switch (damage_below(rng, 8)) {
    case 0: bytes[at] ^= (uint8_t)(1u << damage_below(rng, 8)); break;
    case 1: bytes[at] = damage_bytes[damage_below(rng, sizeof damage_bytes)]; break;
    case 2: bytes[at] = (uint8_t)yolo_rng_u32(rng); break;
    case 3: memmove(bytes + at, bytes + at + span, length - at - span); return length - span;
    case 4:
      if (length + span > most) break;
      memmove(bytes + at + span, bytes + at, length - at);
      return length + span;
    case 5: memset(bytes + at, damage_bytes[damage_below(rng, sizeof damage_bytes)], span); break;
    case 6:
      if (length + n > most) break;
      memmove(bytes + at + n, bytes + at, length - at);
      memcpy(bytes + at, word, n);
      return length + n;
    default: return damage_below(rng, 8) == 0 ? at : length;
  }
  return length;
}

/* One to four pieces; `variant` numbers the variants of a file. */
static inline size_t damage_some(uint64_t variant, uint8_t *bytes, size_t length, size_t most) {
  yolo_rng rng = {2026, variant, 0};
  for (uint32_t k = 1 + damage_below(&rng, 4); k > 0 && length > 0; --k) length = damage_once(&rng, bytes, length, most);
  return length;
}

#endif
