/* Small sets of truths and detections, written down as tables. */
#ifndef YOLO_TESTS_UNIT_EVAL_FIXTURE_H
#define YOLO_TESTS_UNIT_EVAL_FIXTURE_H

#include <check.h>
#include <stdlib.h>

#include "backbone/base/rng.h"
#include "detect/yolo.h"
#include "train/eval/coco_eval.h"

/* A square of `side` at (x, 0), so that overlaps along x are easy to work out. */
#define TRUTH(id_, image_, class_, x, side) \
  { .id = id_, .image = image_, .class_index = class_, .box = {x, 0, side, side}, .area = (double)(side) * (side) }
#define FOUND(image_, class_, x, side, score_) \
  { .image = image_, .class_index = class_, .score = score_, .box = {x, 0, side, side}, .area = (double)(side) * (side) }

#define COUNT(list) (sizeof(list) / sizeof *(list))

static inline yolo_eval_set set_of(const yolo_eval_truth *truths, size_t n_truths, const yolo_eval_detection *detections,
                                   size_t n_detections, uint32_t n_images, int32_t n_classes) {
  return (yolo_eval_set){truths, detections, n_truths, n_detections, n_images, n_classes};
}

#define ck_ok(call) ck_assert_msg((call) == YOLO_OK, "%s", yolo_error_message())

static inline yolo_eval_params one_threshold(double iou) {
  yolo_eval_params p;
  yolo_eval_params_coco(&p, YOLO_EVAL_BOX);
  p.n_ious = 1;
  p.ious[0] = iou;
  p.threads = 1;
  return p;
}

/* A set with ties, crowds and crowded images. Owned arrays: free_set. */
static inline yolo_eval_set random_set(uint64_t seed, uint32_t images, int classes, size_t n_truths, size_t n_detections) {
  yolo_rng rng = {.key = seed};
  yolo_eval_truth *truths = calloc(n_truths + 1, sizeof *truths);
  yolo_eval_detection *found = calloc(n_detections + 1, sizeof *found);
  for (size_t i = 0; i < n_truths; ++i) {
    yolo_eval_truth *t = &truths[i];
    *t = (yolo_eval_truth){.id = (int64_t)i + 1,
                           .image = yolo_rng_u32(&rng) % images,
                           .class_index = (int32_t)(yolo_rng_u32(&rng) % (uint32_t)classes)};
    for (int k = 0; k < 4; ++k) t->box[k] = (k < 2 ? 100 : 10) + 90 * (double)yolo_rng_uniform(&rng);
    t->area = t->box[2] * t->box[3];
    t->crowd = yolo_rng_u32(&rng) % 10 == 0;
  }
  for (size_t i = 0; i < n_detections; ++i) {
    yolo_eval_detection *d = &found[i];
    const yolo_eval_truth *t = &truths[yolo_rng_u32(&rng) % (n_truths ? n_truths : 1)];
    *d = (yolo_eval_detection){.image = t->image, .class_index = t->class_index};
    d->score = (double)(yolo_rng_u32(&rng) % 50) / 50;
    for (int k = 0; k < 4; ++k) d->box[k] = t->box[k] * (1 + 0.1 * (double)yolo_rng_normal(&rng) * (k < 2 ? 0.3 : 1));
    if (yolo_rng_u32(&rng) % 4 == 0) d->class_index = (int32_t)(yolo_rng_u32(&rng) % (uint32_t)classes);
    d->area = d->box[2] * d->box[3];
  }
  return (yolo_eval_set){truths, found, n_truths, n_detections, images, classes};
}

static inline void free_set(yolo_eval_set *set) {
  free((void *)set->truths);
  free((void *)set->detections);
}

#endif
