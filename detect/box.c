/* Boxes and how much two of them overlap.
 *
 *   IoU(a, b)  = |a and b| / |a or b|
 *   DIoU(a, b) = IoU - d^2 / c^2, d the distance of the centres, c the diagonal of the smallest box around both
 *
 * DIoU: Zheng et al., "Distance-IoU Loss: Faster and Better Learning for Bounding Box Regression", AAAI 2020,
 * equation 7. Corners are continuous coordinates: a box from 0 to 2 is 2 wide, not 3. */
#include "detect/box.h"

#include <limits.h>
#include <math.h>

#include "backbone/base/memory.h"

static yolo_status grow(yolo_boxes *boxes) {
  if (boxes->capacity > INT_MAX / 2) return yolo_fail(YOLO_ENOMEM, "too many candidate boxes (%d)", boxes->count);
  int capacity = boxes->capacity ? boxes->capacity * 2 : 256;
  yolo_box *items = yolo_realloc(boxes->items, (size_t)capacity * sizeof *items);
  if (!items) return YOLO_ENOMEM;
  boxes->items = items;
  boxes->capacity = capacity;
  return YOLO_OK;
}

yolo_status yolo_boxes_add(yolo_boxes *boxes, const yolo_box *box) {
  if (boxes->count == boxes->capacity) {
    yolo_status st = grow(boxes);
    if (st != YOLO_OK) return st;
  }
  boxes->items[boxes->count] = *box;
  boxes->items[boxes->count].index = boxes->count;
  boxes->count++;
  return YOLO_OK;
}

void yolo_boxes_free(yolo_boxes *boxes) {
  yolo_free(boxes->items);
  boxes->items = NULL;
  boxes->count = boxes->capacity = 0;
}

static float area(const yolo_box *b) {
  float w = b->x2 - b->x1, h = b->y2 - b->y1;
  return w > 0 && h > 0 ? w * h : 0;
}

float yolo_box_iou(const yolo_box *a, const yolo_box *b) {
  float w = fminf(a->x2, b->x2) - fmaxf(a->x1, b->x1);
  float h = fminf(a->y2, b->y2) - fmaxf(a->y1, b->y1);
  if (!(w > 0 && h > 0)) return 0;
  float shared = w * h;
  float whole = area(a) + area(b) - shared;
  return whole > 0 ? shared / whole : 0;
}

float yolo_box_diou(const yolo_box *a, const yolo_box *b) {
  float w = fmaxf(a->x2, b->x2) - fminf(a->x1, b->x1);
  float h = fmaxf(a->y2, b->y2) - fminf(a->y1, b->y1);
  float diagonal = w * w + h * h;
  float dx = (a->x1 + a->x2 - b->x1 - b->x2) / 2, dy = (a->y1 + a->y2 - b->y1 - b->y2) / 2;
  float iou = yolo_box_iou(a, b);
  return diagonal > 0 ? iou - (dx * dx + dy * dy) / diagonal : iou;
}
