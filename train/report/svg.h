/* Charts as inline SVG: lines over two axes, bars, a matrix of counts. Text in, text out; no script, no outside file.
 *
 * Colours come from the page's style sheet (html.c: classes s0 .. s7, axis, grid), so one chart serves light and dark pages.
 * Points carry <title> elements: a browser shows their values under the pointer. */
#ifndef YOLO_TRAIN_REPORT_SVG_H
#define YOLO_TRAIN_REPORT_SVG_H

#include <stdbool.h>

#include "backbone/base/text.h"

enum { YOLO_SVG_COLOURS = 8 };

typedef struct yolo_svg_series {
  const char *name;
  const double *x, *y; /* values that are not finite leave a gap */
  int count;
  int colour; /* 0 .. YOLO_SVG_COLOURS-1 */
  bool thin;  /* one of many, in the background */
  bool steps; /* y holds until the next x */
  bool dashed;
} yolo_svg_series;

typedef struct yolo_svg_mark {
  double x, y;
  const char *label;
} yolo_svg_mark;

typedef struct yolo_svg_lines {
  const char *title, *x_label, *y_label;
  double x_range[2], y_range[2]; /* equal: made from the data */
  bool log_y;                    /* only values above 0 are shown */
  bool whole_x;                  /* x counts something: ticks at whole numbers only */
  const yolo_svg_series *series;
  int n_series;
  const yolo_svg_mark *marks; /* points worth telling */
  int n_marks;
} yolo_svg_lines;
yolo_status yolo_svg_put_lines(yolo_text *out, const yolo_svg_lines *chart);

typedef struct yolo_svg_bars {
  const char *title, *x_label, *y_label;
  const char *const *names; /* under the bars; NULL: none */
  const double *values;
  int count;
  bool sideways; /* names to the left, bars to the right: for many or long names */
} yolo_svg_bars;
yolo_status yolo_svg_put_bars(yolo_text *out, const yolo_svg_bars *chart);

typedef struct yolo_svg_matrix {
  const char *title, *row_label, *column_label;
  const char *const *names; /* of rows and columns alike */
  const double *values;     /* (count, count): counts; rows are shaded by their share of the row */
  int count;
} yolo_svg_matrix;
yolo_status yolo_svg_put_matrix(yolo_text *out, const yolo_svg_matrix *chart);

/* A step of 1, 2 or 5 times a power of ten that cuts `span` into about `wanted` pieces. */
double yolo_nice_step(double span, int wanted);

#endif
