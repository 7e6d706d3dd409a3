/* Sorting by score, the highest first, equal ones in the order they stand: for hundreds of thousands of detections. */
#ifndef YOLO_TRAIN_EVAL_SCORE_SORT_H
#define YOLO_TRAIN_EVAL_SCORE_SORT_H

#include <stddef.h>
#include <stdint.h>

typedef struct yolo_score_key {
  uint64_t key;   /* yolo_score_to_key */
  uint32_t place; /* whatever goes along */
} yolo_score_key;

/* A whole number that sorts as the score does, the highest first; -0 and 0 are equal. */
uint64_t yolo_score_to_key(double score);
double yolo_score_from_key(uint64_t key);

/* Stable. `room` holds n more. */
void yolo_score_sort(yolo_score_key *keys, yolo_score_key *room, size_t n);

#endif
