/* Non-maximum suppression: of several boxes around one object, keep the most confident.
 *
 * Greedy: walk the candidates from the most to the least confident; keep one unless it overlaps a box already
 * kept (of its class, or of any class when agnostic) by more than the threshold. Kept boxes form one linked
 * list a class, so a candidate only meets boxes it can lose to, and the walk ends as soon as enough are kept.
 * Equal confidences are ordered by index: the result is the same on every machine.
 *
 * At the low confidences that models are scored at, a network that knows little has a candidate in every cell for every
 * class, of which the best few hundred settle everything: only as many are sorted as the walk comes to. */
#include <stdlib.h>
#include <string.h>

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

/* ---- the next best ---- */

/* Steps of confidence, 32 to an octave: the upper bits of a positive float grow with it. */
enum { STEPS = 1 << 13, STEP_SHIFT = 31 - 13, CHUNK = 2048 };

static int step_of(const yolo_box *box) {
  uint32_t bits;
  memcpy(&bits, &box->confidence, sizeof bits);
  return box->confidence > 0 ? (int)(bits >> STEP_SHIFT) : 0;
}

/* The step from which on there are CHUNK boxes, or all of them. */
static int step_of_chunk(const yolo_box *items, int count) {
  int sizes[STEPS] = {0}, step = STEPS, n = 0;
  for (int i = 0; i < count; i++) ++sizes[step_of(&items[i])];
  while (step > 0 && n < CHUNK) n += sizes[--step];
  return step;
}

/* Brings the most confident of count boxes to the front, sorted; returns how many these are. */
static int sort_chunk(yolo_box *items, int count) {
  int n = 0;
  const int least = count > 2 * CHUNK ? step_of_chunk(items, count) : 0;
  for (int i = 0; least > 0 && i < count; i++) {
    if (step_of(&items[i]) < least) continue;
    const yolo_box box = items[i];
    items[i] = items[n];
    items[n++] = box;
  }
  if (least == 0) n = count;
  qsort(items, (size_t)n, sizeof *items, by_confidence);
  return n;
}

/* ---- the walk ---- */

/* Boxes beside each other share nothing, and no kind of overlap of theirs is above 0. */
static bool apart(const yolo_box *a, const yolo_box *b) {
  return a->x2 <= b->x1 || b->x2 <= a->x1 || a->y2 <= b->y1 || b->y2 <= a->y1;
}

/* Does a kept box of the list that starts at `kept` overlap `box` too much? `next` links the list, -1 ends it. */
static bool loses(const yolo_box *items, const int *next, int kept, const yolo_box *box, const yolo_nms_options *options) {
  float (*overlap)(const yolo_box *, const yolo_box *) = options->kind == YOLO_NMS_BY_DIOU ? yolo_box_diou : yolo_box_iou;
  for (; kept >= 0; kept = next[kept])
    if (!apart(&items[kept], box) && overlap(&items[kept], box) > options->threshold) return true;
  return false;
}

static yolo_status suppress(yolo_boxes *boxes, const yolo_nms_options *options) {
  yolo_status st = YOLO_OK;
  yolo_box *items = boxes->items;
  int limit = options->max_detections > 0 ? options->max_detections : boxes->count;
  int lists = count_lists(boxes, options->agnostic), kept = 0, sorted = 0;
  int *next = NULL, *first = yolo_alloc_array((size_t)lists, sizeof *first);
  YOLO_ENOMEM_IF_NULL(first);
  next = yolo_alloc_array((size_t)boxes->count, sizeof *next);
  YOLO_ENOMEM_IF_NULL(next);
  for (int i = 0; i < lists; i++) first[i] = -1;
  for (int i = 0; i < boxes->count && kept < limit; i++) {
    if (i == sorted) sorted += sort_chunk(items + i, boxes->count - i);
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
  if (options->kind != YOLO_NMS_OFF) return suppress(boxes, options);
  qsort(boxes->items, (size_t)boxes->count, sizeof *boxes->items, by_confidence);
  if (options->max_detections > 0 && boxes->count > options->max_detections) boxes->count = options->max_detections;
  return YOLO_OK;
}
