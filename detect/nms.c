/* Non-maximum suppression: of several boxes around one object, keep the most confident.
 *
 * Greedy: walk the candidates from the most to the least confident; keep one unless it overlaps a box already
 * kept (of its class, or of any class when agnostic) by more than the threshold. Kept boxes form one linked
 * list a class, so a candidate only meets boxes it can lose to, and the walk ends as soon as enough are kept.
 * Equal confidences are ordered by index: the result is the same on every machine. */
#include <stdlib.h>

#include "backbone/base/memory.h"
#include "detect/box.h"

static int by_confidence(const void *left, const void *right) {
  const yolo_box *a = left, *b = right;
  if (a->confidence != b->confidence) return a->confidence > b->confidence ? -1 : 1;
  return a->index < b->index ? -1 : a->index > b->index;
}

static int count_lists(const yolo_boxes *boxes, bool agnostic) {
  int lists = 1;
  for (int i = 0; !agnostic && i < boxes->count; i++)
    if (boxes->items[i].class_id >= lists) lists = boxes->items[i].class_id + 1;
  return lists;
}

/* Does a kept box of the list that starts at `kept` overlap `box` too much? `next` links the list, -1 ends it. */
static bool loses(const yolo_box *items, const int *next, int kept, const yolo_box *box, const yolo_nms_options *options) {
  float (*overlap)(const yolo_box *, const yolo_box *) = options->kind == YOLO_NMS_BY_DIOU ? yolo_box_diou : yolo_box_iou;
  for (; kept >= 0; kept = next[kept])
    if (overlap(&items[kept], box) > options->threshold) return true;
  return false;
}

static yolo_status suppress_sorted(yolo_boxes *boxes, const yolo_nms_options *options) {
  yolo_status st = YOLO_OK;
  yolo_box *items = boxes->items;
  int limit = options->max_detections > 0 ? options->max_detections : boxes->count;
  int lists = count_lists(boxes, options->agnostic), kept = 0;
  int *next = NULL, *first = yolo_alloc_array((size_t)lists, sizeof *first);
  YOLO_ENOMEM_IF_NULL(first);
  next = yolo_alloc_array((size_t)boxes->count, sizeof *next);
  YOLO_ENOMEM_IF_NULL(next);
  for (int i = 0; i < lists; i++) first[i] = -1;
  for (int i = 0; i < boxes->count && kept < limit; i++) {
    int list = options->agnostic ? 0 : items[i].class_id;
    if (loses(items, next, first[list], &items[i], options)) continue;
    items[kept] = items[i]; /* kept <= i: never overwrites a candidate still to come */
    next[kept] = first[list];
    first[list] = kept++;
  }
  boxes->count = kept;
done:
  yolo_free(first);
  yolo_free(next);
  return st;
}

yolo_status yolo_boxes_suppress(yolo_boxes *boxes, const yolo_nms_options *options) {
  if (boxes->count < 1) return YOLO_OK;
  qsort(boxes->items, (size_t)boxes->count, sizeof *boxes->items, by_confidence);
  if (options->kind != YOLO_NMS_OFF) return suppress_sorted(boxes, options);
  if (options->max_detections > 0 && boxes->count > options->max_detections) boxes->count = options->max_detections;
  return YOLO_OK;
}
