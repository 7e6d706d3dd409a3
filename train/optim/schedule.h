/* Learning rates over time, as factors of the base rate. t counts steps (updates of the parameters) from 0.
 *
 *   constant    1
 *   steps       product of the scales whose step has passed (Darknet; torch's MultiStepLR)
 *   exp         gamma^t
 *   poly        (1 - t/T)^power
 *   sigmoid     1 / (1 + exp(gamma (t - middle)))                       (Darknet)
 *   linear      from 1 to `final`                                       (YOLOv5)
 *   cosine      final + (1 - final) (1 + cos(pi t/T)) / 2               (Loshchilov & Hutter 2017, without restarts)
 *   one-cycle   up from 1/div to 1 during the first `rise`, then down to `final`, both along a cosine (Smith & Topin 2018)
 *
 * Warm-up comes first: the rate grows from start * its value to its value, as (t / warm-up)^power. power 1 is a line (YOLOv5),
 * 4 Darknet's burn-in.
 *
 * Darknet counts the step that it is about to take as done (t from 1), and in its burn-in the schedule has no say. */
#ifndef YOLO_TRAIN_OPTIM_SCHEDULE_H
#define YOLO_TRAIN_OPTIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum yolo_schedule_kind {
  YOLO_SCHEDULE_CONSTANT,
  YOLO_SCHEDULE_STEPS,
  YOLO_SCHEDULE_EXP,
  YOLO_SCHEDULE_POLY,
  YOLO_SCHEDULE_SIGMOID,
  YOLO_SCHEDULE_LINEAR,
  YOLO_SCHEDULE_COSINE,
  YOLO_SCHEDULE_ONE_CYCLE
} yolo_schedule_kind;

enum { YOLO_SCHEDULE_MOST_STEPS = 16 };
typedef struct yolo_schedule {
  yolo_schedule_kind kind;
  uint64_t total; /* steps of the whole training */
  int n_steps;
  double steps[YOLO_SCHEDULE_MOST_STEPS]; /* in steps */
  double scales[YOLO_SCHEDULE_MOST_STEPS];
  double gamma, middle, power, final, rise, div;
  double warmup; /* steps; 0: none */
  double warmup_power, warmup_start;
  bool darknet; /* t counts from 1, and in the warm-up there is nothing but the warm-up */
} yolo_schedule;

/* The factor of the base rate at step t, warm-up included. */
double yolo_schedule_factor(const yolo_schedule *schedule, uint64_t t);
/* 0 at the beginning of the warm-up, 1 from its end on: for what else warms up (momentum, the rate of biases). */
double yolo_schedule_warmth(const yolo_schedule *schedule, uint64_t t);

#endif
