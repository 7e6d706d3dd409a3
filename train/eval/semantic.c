/* Scores of label maps: see semantic.h. */
#include "train/eval/semantic.h"

#include "backbone/base/memory.h"

enum { VALUES = YOLO_SEMANTIC_VALUES };

yolo_status yolo_semantic_new(int ignore, yolo_semantic *out) {
  *out = (yolo_semantic){.ignore = ignore};
  out->counts = yolo_calloc((size_t)VALUES * VALUES, sizeof *out->counts);
  return out->counts ? YOLO_OK : YOLO_ENOMEM;
}

void yolo_semantic_free(yolo_semantic *semantic) {
  yolo_free(semantic->counts);
  *semantic = (yolo_semantic){0};
}

void yolo_semantic_add(yolo_semantic *s, const uint8_t *truth, const uint8_t *prediction, size_t pixels) {
  for (size_t i = 0; i < pixels; ++i) {
    if (truth[i] == s->ignore) {
      ++s->ignored;
    } else {
      ++s->counts[(size_t)truth[i] * VALUES + prediction[i]];
    }
  }
}

/* The mean of what is defined. */
static double mean_of(const double values[VALUES]) {
  double sum = 0;
  int n = 0;
  for (int k = 0; k < VALUES; ++k) {
    if (values[k] < 0) continue;
    sum += values[k];
    ++n;
  }
  return n ? sum / n : -1;
}

static void add_up(const yolo_semantic *s, yolo_semantic_scores *out) {
  for (int t = 0; t < VALUES; ++t) {
    for (int p = 0; p < VALUES; ++p) {
      uint64_t n = s->counts[t * VALUES + p];
      out->truth[t] += n;
      out->prediction[p] += n;
      out->pixels += n;
    }
  }
}

void yolo_semantic_score(const yolo_semantic *s, yolo_semantic_scores *out) {
  uint64_t right = 0;
  *out = (yolo_semantic_scores){.n_classes = 0};
  add_up(s, out);
  for (int k = 0; k < VALUES; ++k) {
    uint64_t hits = s->counts[k * VALUES + k], both = out->truth[k] + out->prediction[k];
    right += hits;
    out->n_classes += both > 0;
    out->iou[k] = both ? (double)hits / (double)(both - hits) : -1;
    out->dice[k] = both ? 2 * (double)hits / (double)both : -1;
    out->accuracy[k] = out->truth[k] ? (double)hits / (double)out->truth[k] : -1;
  }
  out->mean_iou = mean_of(out->iou);
  out->mean_dice = mean_of(out->dice);
  out->mean_accuracy = mean_of(out->accuracy);
  out->pixel_accuracy = out->pixels ? (double)right / (double)out->pixels : -1;
}
