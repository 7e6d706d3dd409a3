/* Top-1 and top-5: see topk.h. */
#include "train/eval/topk.h"

#include "backbone/base/memory.h"

yolo_status yolo_topk_new(int n_classes, yolo_topk *out) {
  *out = (yolo_topk){.n_classes = n_classes};
  out->classes = yolo_calloc((size_t)n_classes, sizeof *out->classes);
  return out->classes ? YOLO_OK : YOLO_ENOMEM;
}

void yolo_topk_free(yolo_topk *topk) {
  yolo_free(topk->classes);
  *topk = (yolo_topk){0};
}

static void count(yolo_topk_class *to, int place) {
  ++to->images;
  to->top1 += place < 1;
  to->top5 += place < 5;
}

/* A score that is not a number is never the best. */
static float rated(float score) { return score == score ? score : -1e30f; }

int yolo_topk_add(yolo_topk *topk, const float *scores, int label) {
  int place = 0;
  float own = rated(scores[label]);
  for (int k = 0; k < topk->n_classes; ++k) {
    float other = rated(scores[k]);
    place += other > own || (other == own && k < label);
  }
  count(&topk->all, place);
  count(&topk->classes[label], place);
  return place;
}
