/* Feature maps: see features.h. */
#include "train/explain/features.h"

#include <math.h>
#include <stdlib.h>

#include "backbone/base/memory.h"

static yolo_feature look_at(const yolo_tensor *value, int channel) {
  const size_t pixels = (size_t)value->shape.h * (size_t)value->shape.w;
  const float first = yolo_nth_pixel(value, 0)[channel];
  yolo_feature f = {.channel = channel, .smallest = first, .largest = first};
  double sum = 0, squares = 0;
  size_t zeros = 0;
  for (size_t p = 0; p < pixels; p++) {
    const float v = yolo_nth_pixel(value, p)[channel];
    f.smallest = fminf(f.smallest, v);
    f.largest = fmaxf(f.largest, v);
    sum += v;
    zeros += v == 0;
  }
  f.mean = sum / (double)pixels;
  for (size_t p = 0; p < pixels; p++) {
    const double away = yolo_nth_pixel(value, p)[channel] - f.mean;
    squares += away * away;
  }
  f.deviation = sqrt(squares / (double)pixels);
  f.zeros = (double)zeros / (double)pixels;
  f.dead = f.smallest == f.largest;
  return f;
}

static int most_active_first(const void *left, const void *right) {
  const yolo_feature *a = left, *b = right;
  if (a->deviation != b->deviation) return a->deviation > b->deviation ? -1 : 1;
  return a->channel - b->channel;
}

static int by_number(const void *left, const void *right) {
  return ((const yolo_feature *)left)->channel - ((const yolo_feature *)right)->channel;
}

yolo_status yolo_features_of(const yolo_tensor *value, yolo_features *out) {
  const int n = value->shape.c;
  *out = (yolo_features){.count = n};
  out->items = yolo_alloc_array((size_t)n, sizeof *out->items);
  if (!out->items) return YOLO_ENOMEM;
  for (int k = 0; k < n; k++) {
    const yolo_feature *f = &out->items[k];
    out->items[k] = look_at(value, k);
    out->mean += f->mean / n;
    out->zeros += f->zeros / n;
    out->dead += f->dead;
    out->smallest = k ? fminf(out->smallest, f->smallest) : f->smallest;
    out->largest = k ? fmaxf(out->largest, f->largest) : f->largest;
  }
  qsort(out->items, (size_t)n, sizeof *out->items, most_active_first);
  return YOLO_OK;
}

void yolo_features_by_number(yolo_features *features) {
  qsort(features->items, (size_t)features->count, sizeof *features->items, by_number);
}

void yolo_features_release(yolo_features *features) {
  yolo_free(features->items);
  *features = (yolo_features){0};
}
