/* Philox4x32-10: ten rounds of two 32x32 -> 64 bit multiplications over a 128-bit counter.
 *
 * One round on the counter (x0, x1, x2, x3) with the round key (k0, k1):
 *   x0' = hi(M1 x2) ^ x1 ^ k0      x1' = lo(M1 x2)
 *   x2' = hi(M0 x0) ^ x3 ^ k1      x3' = lo(M0 x0)
 * and the key moves by the Weyl constants (W0, W1) from round to round.
 * (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.) */
#include "backbone/base/rng.h"

#include <math.h>

enum { ROUNDS = 10, WORDS = 4 };
static const uint32_t M0 = 0xD2511F53u, M1 = 0xCD9E8D57u; /* chosen by the authors for avalanche */
static const uint32_t W0 = 0x9E3779B9u, W1 = 0xBB67AE85u; /* golden ratio, sqrt(3) - 1 */

void yolo_rng_block(uint64_t key, uint64_t stream, uint64_t block, uint32_t out[4]) {
  uint32_t x0 = (uint32_t)block, x1 = (uint32_t)(block >> 32);
  uint32_t x2 = (uint32_t)stream, x3 = (uint32_t)(stream >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < ROUNDS; round++, k0 += W0, k1 += W1) {
    uint64_t left = (uint64_t)M0 * x0, right = (uint64_t)M1 * x2;
    x0 = (uint32_t)(right >> 32) ^ x1 ^ k0;
    x1 = (uint32_t)right;
    x2 = (uint32_t)(left >> 32) ^ x3 ^ k1;
    x3 = (uint32_t)left;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/* Four draws share one counter value, each taking one of the four words. */
uint32_t yolo_rng_u32(yolo_rng *rng) {
  uint32_t words[WORDS];
  yolo_rng_block(rng->key, rng->stream, rng->position / WORDS, words);
  return words[rng->position++ % WORDS];
}

float yolo_rng_uniform(yolo_rng *rng) { return (float)(yolo_rng_u32(rng) >> 8) * 0x1p-24f; }

/* Box-Muller: sqrt(-2 ln u) cos(2 pi v). u lies in (0, 1], so the logarithm is finite. In double, so that
 * the last bit of the float does not hang on the C library's logf. */
float yolo_rng_normal(yolo_rng *rng) {
  double u = 1.0 - (double)yolo_rng_uniform(rng);
  double v = (double)yolo_rng_uniform(rng);
  return (float)(sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v));
}
