/* Drawing detections: boxes and labels that stay readable at any image size. */
#ifndef YOLO_DETECT_DRAW_H
#define YOLO_DETECT_DRAW_H

#include "datasets/image.h"
#include "detect/yolo.h"

/* One stable colour a class: the same index gives the same colour in every run and program. */
void yolo_class_colour(int class_id, uint8_t rgb[3]);

/* Draws in place: line width and text size follow the image size, labels ("dog 0.93") never leave the
 * picture, least confident first so that the best stay on top. names may be NULL (numbers). Text outside
 * ASCII is drawn as '?'. */
yolo_status yolo_draw_result(yolo_image *image, const yolo_result *result, const char *const *names, int n_names);

/* Plain text with a filled background, top-left at (x, y), moved inside the picture where needed. */
yolo_status yolo_draw_label(yolo_image *image, int x, int y, float height, const char *text, const uint8_t background[3]);

#endif
