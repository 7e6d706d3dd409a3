/* Sorting by score: see score_sort.h. Short lists by insertion; long ones by radix, a byte at a time from the lowest, which
 * takes linear time and never compares (Knuth, TAOCP 3, 5.2.5). */
#include "train/eval/score_sort.h"

#include <string.h>

enum { SHORT = 24, DIGITS = 8, BUCKETS = 256 };

static const uint64_t sign_bit = UINT64_C(1) << 63;

/* The bits of a positive double ascend as its value does; all of them turned round, they descend. Negative ones do by
 * themselves. */
uint64_t yolo_score_to_key(double score) {
  uint64_t bits;
  score += 0.0; /* -0 becomes 0 */
  memcpy(&bits, &score, sizeof bits);
  return bits & sign_bit ? bits : ~(bits | sign_bit);
}

double yolo_score_from_key(uint64_t key) {
  uint64_t bits = key & sign_bit ? key : ~(key | sign_bit);
  double score;
  memcpy(&score, &bits, sizeof score);
  return score;
}

static void insert(yolo_score_key *keys, size_t n) {
  for (size_t i = 1; i < n; ++i) {
    yolo_score_key moving = keys[i];
    size_t at = i;
    for (; at > 0 && keys[at - 1].key > moving.key; --at) keys[at] = keys[at - 1];
    keys[at] = moving;
  }
}

/* Deals by one byte; false when it is the same in all, and nothing had to move. */
static int deal(const yolo_score_key *from, yolo_score_key *to, size_t n, const size_t *counts, int digit) {
  size_t next[BUCKETS], sum = 0;
  for (int b = 0; b < BUCKETS; ++b) {
    if (counts[b] == n) return 0;
    next[b] = sum;
    sum += counts[b];
  }
  for (size_t i = 0; i < n; ++i) to[next[from[i].key >> (8 * digit) & 255]++] = from[i];
  return 1;
}

void yolo_score_sort(yolo_score_key *keys, yolo_score_key *room, size_t n) {
  size_t counts[DIGITS][BUCKETS] = {{0}};
  yolo_score_key *from = keys, *to = room;
  if (n <= SHORT) {
    insert(keys, n);
    return;
  }
  for (size_t i = 0; i < n; ++i) {
    for (int d = 0; d < DIGITS; ++d) ++counts[d][keys[i].key >> (8 * d) & 255];
  }
  for (int d = 0; d < DIGITS; ++d) {
    if (!deal(from, to, n, counts[d], d)) continue;
    yolo_score_key *other = from;
    from = to;
    to = other;
  }
  if (from != keys) memcpy(keys, from, n * sizeof *keys);
}
