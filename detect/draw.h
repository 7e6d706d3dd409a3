/* Drawing detections: boxes and labels that stay readable at any image size. */
#ifndef YOLO_DETECT_DRAW_H
#define YOLO_DETECT_DRAW_H

#include "datasets/image.h"
#include "datasets/mask.h"
#include "detect/yolo.h"

/* One stable colour a class: the same index gives the same colour in every run and program. */
void yolo_class_colour(int class_id, uint8_t rgb[3]);

/* Draws in place: line width and text size follow the image size, labels ("dog 0.93") never leave the
 * picture, least confident first so that the best stay on top. names may be NULL (numbers). Text outside
 * ASCII is drawn as '?'. */
yolo_status yolo_draw_result(yolo_image *image, const yolo_result *result, const char *const *names, int n_names);

/* A box with a label of the caller's: truth beside detections, crowds, contact sheets. */
typedef struct yolo_drawn_box {
  float x1, y1, x2, y2;
  int class_id;       /* gives the colour */
  float rank;         /* labels of higher rank get their place first and end up on top */
  const char *text;   /* NULL: no label */
  bool dashed;        /* the frame */
  const uint8_t *rgb; /* NULL: the colour of the class */
  int thickness;      /* of the frame; 0: by the size of the picture */
} yolo_drawn_box;
/* label_height 0: by the size of the picture. sparse: labels that would cover others are left out, and all together they take
 * no more than an eighth of the picture. */
yolo_status yolo_draw_boxes(yolo_image *image, const yolo_drawn_box *boxes, int count, float label_height, bool sparse);

/* Plain text with a filled background, top-left at (x, y), moved inside the picture where needed. */
yolo_status yolo_draw_label(yolo_image *image, int x, int y, float height, const char *text, const uint8_t background[3]);

/* ---- masks (draw_mask.c) ---- */

/* Tints what `cover` covers (0 to 255 a pixel of the picture, rows without padding) and draws its outline: opacity is the share
 * of the colour inside, 0 to 1. */
yolo_status yolo_draw_cover(yolo_image *image, const uint8_t *cover, const uint8_t rgb[3], float opacity);
/* The same for a mask over the whole picture, whose own size may be another one: it is stretched to the picture. */
yolo_status yolo_draw_rle(yolo_image *image, const yolo_rle *rle, const uint8_t rgb[3], float opacity);

#endif
