/* Top-1 and top-5: see topk.h. */
#include "train/eval/topk.h"

#include "backbone/base/memory.h"

yolo_status yolo_topk_new(int n_classes, yolo_topk *out) {
  const size_t n = (size_t)n_classes;
  yolo_status st = YOLO_OK;
  *out = (yolo_topk){.n_classes = n_classes};
  YOLO_ENOMEM_IF_NULL(out->classes = yolo_calloc(n, sizeof *out->classes));
  if (n_classes <= YOLO_TOPK_MATRIX) YOLO_ENOMEM_IF_NULL(out->confusion = yolo_calloc(n * n, sizeof *out->confusion));
done:
  if (st != YOLO_OK) yolo_topk_free(out);
  return st;
}

void yolo_topk_free(yolo_topk *topk) {
  yolo_free(topk->classes);
  yolo_free(topk->confusion);
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
  int place = 0, first = 0;
  float own = rated(scores[label]);
  for (int k = 0; k < topk->n_classes; ++k) {
    float other = rated(scores[k]);
    place += other > own || (other == own && k < label);
    if (other > rated(scores[first])) first = k;
  }
  count(&topk->all, place);
  count(&topk->classes[label], place);
  if (topk->confusion) ++topk->confusion[(size_t)label * (size_t)topk->n_classes + (size_t)first];
  return place;
}
