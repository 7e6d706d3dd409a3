/* What the charts of svg.h share. */
#ifndef YOLO_TRAIN_REPORT_SVG_PARTS_H
#define YOLO_TRAIN_REPORT_SVG_PARTS_H

#include "backbone/base/text.h"

yolo_status svg_begin(yolo_text *out, int width, int height, const char *title);
/* Centred; turned by `degrees`. NULL or "": nothing. */
yolo_status svg_label(yolo_text *out, double x, double y, int degrees, const char *label);
/* A short number: 0.25, 1500, 2e-05. */
enum { SVG_NUMBER_MAX = 32 };
void svg_number(double value, char to[SVG_NUMBER_MAX]);

#endif
