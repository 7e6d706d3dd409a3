/* Learning rates over time: see schedule.h. */
#include "train/optim/schedule.h"

#include <math.h>

static const double PI = 3.14159265358979323846;

static double cosine(double from, double to, double part) { return to + (from - to) * (1 + cos(PI * part)) / 2; }

static double passed_steps(const yolo_schedule *s, double t) {
  double factor = 1;
  for (int i = 0; i < s->n_steps; ++i) {
    if (t >= s->steps[i]) factor *= s->scales[i];
  }
  return factor;
}

static double one_cycle(const yolo_schedule *s, double part) {
  double rise = s->rise > 0 ? s->rise : 0.3, div = s->div > 0 ? s->div : 25;
  return part < rise ? cosine(1 / div, 1, part / rise) : cosine(1, s->final, (part - rise) / (1 - rise));
}

static double base_factor(const yolo_schedule *s, double t) {
  double part = s->total > 0 ? t / (double)s->total : 0;
  if (part > 1) part = 1;
  switch (s->kind) {
    case YOLO_SCHEDULE_CONSTANT: return 1;
    case YOLO_SCHEDULE_STEPS: return passed_steps(s, t);
    case YOLO_SCHEDULE_EXP: return pow(s->gamma, t);
    case YOLO_SCHEDULE_POLY: return pow(1 - part, s->power);
    case YOLO_SCHEDULE_SIGMOID: return 1 / (1 + exp(s->gamma * (t - s->middle)));
    case YOLO_SCHEDULE_LINEAR: return 1 + (s->final - 1) * part;
    case YOLO_SCHEDULE_COSINE: return cosine(1, s->final, part);
    case YOLO_SCHEDULE_ONE_CYCLE: return one_cycle(s, part);
  }
  return 1;
}

double yolo_schedule_warmth(const yolo_schedule *s, uint64_t t) {
  if (s->warmup <= 0 || (double)t >= s->warmup) return 1;
  return pow((double)t / s->warmup, s->warmup_power > 0 ? s->warmup_power : 1);
}

double yolo_schedule_factor(const yolo_schedule *s, uint64_t t) {
  if (s->darknet) ++t;
  double warmth = yolo_schedule_warmth(s, t);
  if (s->darknet && warmth < 1) return warmth;
  return base_factor(s, (double)t) * (s->warmup_start + (1 - s->warmup_start) * warmth);
}
