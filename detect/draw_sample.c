/* Drawing what is labelled in a picture: see draw_sample.h. */
#include "detect/draw_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/draw.h"
#include "detect/font.h"

enum { LONGEST_NAME = 64 };
static const float mask_opacity = 0.33f, map_opacity = 0.5f;

static float area_of(const yolo_object *o) { return (o->x2 - o->x1) * (o->y2 - o->y1); }

/* Large ones first; the sample's order breaks ties. */
static int larger_first(const void *left, const void *right) {
  const yolo_object *a = *(const yolo_object *const *)left, *b = *(const yolo_object *const *)right;
  const float x = area_of(a), y = area_of(b);
  if (x != y) return x > y ? -1 : 1;
  return a < b ? -1 : a > b;
}

static void name_of(const yolo_object *o, const char *const *names, int n_names, char to[LONGEST_NAME]) {
  char number[24];
  snprintf(number, sizeof number, "class %d", o->class_index);
  const char *name = names && o->class_index >= 0 && o->class_index < n_names ? names[o->class_index] : number;
  if (!yolo_text_is_legible(name)) name = number;
  snprintf(to, LONGEST_NAME, "%.50s%s", name, o->flags & YOLO_ANNOTATION_CROWD ? " (crowd)" : "");
}

/* ---- semantic labels ---- */

/* Each pixel gets the colour of its class; what is ignored stays as it is. */
static void draw_map(yolo_image *picture, const yolo_sample *sample) {
  for (int y = 0; y < picture->height; y++) {
    const size_t from_y = (size_t)((int64_t)y * sample->image.height / picture->height);
    uint8_t *to = &picture->pixels[(size_t)y * (size_t)picture->width * 3];
    for (int x = 0; x < picture->width; x++, to += 3) {
      const size_t from_x = (size_t)((int64_t)x * sample->image.width / picture->width);
      const uint8_t label = sample->label_map[from_y * (size_t)sample->image.width + from_x];
      uint8_t rgb[3];
      if (label == YOLO_LABEL_IGNORE) continue;
      yolo_class_colour(label, rgb);
      for (int c = 0; c < 3; c++) to[c] = (uint8_t)((float)to[c] + ((float)rgb[c] - (float)to[c]) * map_opacity + 0.5f);
    }
  }
}

/* ---- masks ---- */

static yolo_status draw_masks(yolo_image *picture, const yolo_sample *sample, const yolo_object *const *order) {
  const size_t pixels = (size_t)picture->width * (size_t)picture->height;
  const double scale = (double)picture->width / sample->image.width;
  yolo_status st = YOLO_OK;
  uint8_t rgb[3], *cover = yolo_alloc(pixels);
  YOLO_ENOMEM_IF_NULL(cover);
  for (int i = 0; i < sample->n_objects; i++) {
    if (order[i]->outline.n_rings == 0) continue;
    YOLO_TRY(yolo_outline_fill(&order[i]->outline, 0, 0, scale, picture->width, picture->height, cover));
    for (size_t p = 0; p < pixels; p++) cover[p] = cover[p] ? 255 : 0;
    yolo_class_colour(order[i]->class_index, rgb);
    YOLO_TRY(yolo_draw_cover(picture, cover, rgb, mask_opacity));
  }
done:
  yolo_free(cover);
  return st;
}

/* ---- boxes ---- */

static yolo_drawn_box box_of(const yolo_image *picture, const yolo_sample *sample, const yolo_object *o, const char *text) {
  const float sx = (float)picture->width / (float)sample->image.width,
              sy = (float)picture->height / (float)sample->image.height;
  return (yolo_drawn_box){.x1 = o->x1 * sx,
                          .y1 = o->y1 * sy,
                          .x2 = o->x2 * sx,
                          .y2 = o->y2 * sy,
                          .class_id = o->class_index,
                          .rank = area_of(o),
                          .text = text,
                          .dashed = (o->flags & YOLO_ANNOTATION_CROWD) != 0};
}

static yolo_status draw_boxes(yolo_image *picture, const yolo_sample *sample, const char *const *names, int n_names) {
  const size_t n = (size_t)sample->n_objects;
  yolo_status st = YOLO_OK;
  char(*texts)[LONGEST_NAME] = NULL;
  yolo_drawn_box *boxes = NULL;
  YOLO_ENOMEM_IF_NULL(texts = yolo_alloc_array(n, sizeof *texts));
  YOLO_ENOMEM_IF_NULL(boxes = yolo_alloc_array(n, sizeof *boxes));
  for (size_t i = 0; i < n; i++) {
    const yolo_object *o = &sample->objects[i];
    const bool named = n_names != 1 || (o->flags & YOLO_ANNOTATION_CROWD);
    name_of(o, names, n_names, texts[i]);
    boxes[i] = box_of(picture, sample, o, named ? texts[i] : NULL);
  }
  st = yolo_draw_boxes(picture, boxes, (int)n, 0, true);
done:
  yolo_free(texts);
  yolo_free(boxes);
  return st;
}

yolo_status yolo_draw_sample(yolo_image *picture, const yolo_sample *sample, const char *const *names, int n_names) {
  const size_t n = (size_t)sample->n_objects;
  yolo_status st = YOLO_OK;
  const yolo_object **order = NULL;
  if (!picture->pixels || sample->image.width < 1 || sample->image.height < 1)
    return yolo_fail(YOLO_EINVAL, "there is no picture to draw on");
  if (sample->label_map) draw_map(picture, sample);
  if (n == 0) return YOLO_OK;
  YOLO_ENOMEM_IF_NULL(order = yolo_alloc_array(n, sizeof *order));
  for (size_t i = 0; i < n; i++) order[i] = &sample->objects[i];
  qsort(order, n, sizeof *order, larger_first);
  YOLO_TRY(draw_masks(picture, sample, order));
  st = draw_boxes(picture, sample, names, n_names);
done:
  yolo_free(order);
  return st;
}
