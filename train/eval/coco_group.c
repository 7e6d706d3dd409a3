/* Sorting detections and truths by class and image, once, in linear time. See coco_match.h. */
#include <string.h>

#include "backbone/base/memory.h"
#include "train/eval/coco_match.h"

void yolo_eval_order_free(yolo_eval_order *order) {
  yolo_free(order->items);
  yolo_free(order->first);
  *order = (yolo_eval_order){0};
}

/* Where the image and the class of entry i stand: truths and detections differ only in that. */
typedef struct keys {
  const char *image, *class_index; /* of entry 0 */
  size_t stride, n;
  uint32_t n_images;
  int32_t n_classes;
  bool class_agnostic;
} keys;

static uint32_t image_of(const keys *k, size_t i) { return *(const uint32_t *)(const void *)(k->image + i * k->stride); }
static int32_t class_of(const keys *k, size_t i) { return *(const int32_t *)(const void *)(k->class_index + i * k->stride); }

static bool in_range(const keys *k, size_t i) {
  int32_t c = class_of(k, i);
  return image_of(k, i) < k->n_images && c >= 0 && c < k->n_classes;
}

/* Counts become starts. */
static void to_starts(size_t *counts, size_t n) {
  size_t sum = 0;
  for (size_t i = 0; i <= n; ++i) {
    size_t count = counts[i];
    counts[i] = sum;
    sum += count;
  }
}

/* The entries of `from` (NULL: all that are in range), dealt by class or by image, stable. */
static yolo_status deal(const keys *k, const uint32_t *from, size_t n, bool by_class, uint32_t *to, size_t *first) {
  size_t buckets = by_class ? (size_t)k->n_classes : k->n_images;
  size_t *next = yolo_calloc(buckets + 1, sizeof *next);
  if (!next) return YOLO_ENOMEM;
  for (size_t j = 0; j < n; ++j) {
    size_t i = from ? from[j] : j;
    if (in_range(k, i)) ++next[by_class ? (size_t)class_of(k, i) : image_of(k, i)];
  }
  to_starts(next, buckets);
  if (first) memcpy(first, next, (buckets + 1) * sizeof *first);
  for (size_t j = 0; j < n; ++j) {
    size_t i = from ? from[j] : j;
    if (in_range(k, i)) to[next[by_class ? (size_t)class_of(k, i) : image_of(k, i)]++] = (uint32_t)i;
  }
  yolo_free(next);
  return YOLO_OK;
}

/* Without classes an image's entries stand by class all the same, as pycocotools joins them. */
static yolo_status order_by(const keys *k, yolo_eval_order *out) {
  size_t n = 0, classes = k->class_agnostic ? 1 : (size_t)k->n_classes;
  uint32_t *other = NULL;
  yolo_status st = YOLO_OK;
  *out = (yolo_eval_order){0};
  if (k->n > UINT32_MAX - 1)
    return yolo_fail(YOLO_EINVAL, "%zu detections or truths are more than can be scored at once", k->n);
  for (size_t i = 0; i < k->n; ++i) n += in_range(k, i);
  YOLO_ENOMEM_IF_NULL(out->items = yolo_alloc_array(n, sizeof *out->items));
  YOLO_ENOMEM_IF_NULL(other = yolo_alloc_array(n, sizeof *other));
  YOLO_ENOMEM_IF_NULL(out->first = yolo_calloc(classes + 1, sizeof *out->first));
  YOLO_TRY(deal(k, NULL, k->n, k->class_agnostic, other, NULL));
  YOLO_TRY(deal(k, other, n, !k->class_agnostic, out->items, k->class_agnostic ? NULL : out->first));
  if (k->class_agnostic) out->first[1] = n;
done:
  yolo_free(other);
  if (st != YOLO_OK) yolo_eval_order_free(out);
  return st;
}

yolo_status yolo_eval_order_truths(const yolo_eval_set *set, bool class_agnostic, yolo_eval_order *out) {
  static const yolo_eval_truth none;
  const yolo_eval_truth *t = set->n_truths ? set->truths : &none;
  const keys k = {
      (const char *)&t->image, (const char *)&t->class_index, sizeof *t, set->n_truths, set->n_images, set->n_classes,
      class_agnostic};
  return order_by(&k, out);
}

yolo_status yolo_eval_order_detections(const yolo_eval_set *set, bool class_agnostic, yolo_eval_order *out) {
  static const yolo_eval_detection none;
  const yolo_eval_detection *d = set->n_detections ? set->detections : &none;
  const keys k = {
      (const char *)&d->image, (const char *)&d->class_index, sizeof *d, set->n_detections, set->n_images, set->n_classes,
      class_agnostic};
  return order_by(&k, out);
}
