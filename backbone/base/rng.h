/* A counter-based random generator: the value is a pure function of (key, counter), so threads, restarts
 * and the order of use change nothing. The mixing is Philox4x32-10 (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011, section 3). */
#ifndef YOLO_BASE_RNG_H
#define YOLO_BASE_RNG_H

#include <stdint.h>

typedef struct yolo_rng {
  uint64_t key;      /* e.g. seed */
  uint64_t stream;   /* e.g. purpose, image, epoch mixed by the caller */
  uint64_t position; /* next draw */
} yolo_rng;

/* The four words of counter (block, stream) under `key`: the generator itself, without a position. */
void yolo_rng_block(uint64_t key, uint64_t stream, uint64_t block, uint32_t out[4]);

uint32_t yolo_rng_u32(yolo_rng *rng);
float yolo_rng_uniform(yolo_rng *rng); /* [0, 1), 24 bits */
float yolo_rng_normal(yolo_rng *rng);  /* mean 0, variance 1 (Box-Muller) */

#endif
