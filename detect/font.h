/* A small stroke font: the printable ASCII characters as lines of a pen, drawn smooth at any size. */
#ifndef YOLO_DETECT_FONT_H
#define YOLO_DETECT_FONT_H

#include <stdbool.h>

#include "datasets/image.h"

/* Pixels from the left edge of the first character to the right edge of the last one, `height` pixels high
 * (from the top of 'd' to the bottom of 'p'). Letters lose their accents; any other character outside ASCII counts as
 * one '?'. */
float yolo_text_width(const char *text, float height);

/* Whether no more than half of the characters would become such a '?'. */
bool yolo_text_is_legible(const char *text);

/* Draws with the top left corner at (x, y); whatever lies outside the image is left out. */
void yolo_text_draw(yolo_image *image, float x, float y, float height, const char *text, const uint8_t rgb[3]);

#endif
