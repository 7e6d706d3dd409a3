/* Contact sheets: many small pictures with captions on one large one, a title above and a legend of classes below. */
#ifndef YOLO_DETECT_SHEET_H
#define YOLO_DETECT_SHEET_H

#include "datasets/image.h"

typedef struct yolo_sheet_options {
  int columns;                 /* 0: as many as make the sheet a little wider than high */
  int cell_width, cell_height; /* room for a picture, pixels; 0: 320 x 240 */
  const char *title;           /* NULL: none */
} yolo_sheet_options;

typedef struct yolo_sheet_entry {
  int class_id; /* gives the colour */
  const char *text;
} yolo_sheet_entry;

typedef struct yolo_sheet yolo_sheet;
yolo_status yolo_sheet_new(int count, const yolo_sheet_options *options, yolo_sheet **out);
void yolo_sheet_free(yolo_sheet *sheet); /* NULL is fine */

/* The picture made smaller (or larger) until it fits a cell, its shape kept; resampled by area. Draw on it, then put it. */
yolo_status yolo_sheet_fit(const yolo_sheet *sheet, const yolo_image *picture, yolo_image *out);
/* `picture`: no larger than a cell. Two lines of text below it, shortened to fit; NULL: none. */
yolo_status yolo_sheet_put(yolo_sheet *sheet, int index, const yolo_image *picture, const char *caption, const char *note);
/* Adds the legend (n may be 0) and hands the sheet over; the sheet is empty afterwards. out: yolo_image_release. */
yolo_status yolo_sheet_finish(yolo_sheet *sheet, const yolo_sheet_entry *legend, int n, yolo_image *out);

/* Resampled by area: the mean of what a new pixel covers. Sizes from 1 on. */
yolo_status yolo_picture_resize(const yolo_image *from, int width, int height, yolo_image *out);

#endif
