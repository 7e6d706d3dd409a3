/* A page that stands alone: HTML with its style sheet inside, pictures as data, no script and no outside file.
 *
 * A page is a yolo_text that grows: yolo_html_begin, sections, yolo_html_end. Whatever is not our own words goes through
 * yolo_html_text. */
#ifndef YOLO_TRAIN_REPORT_HTML_H
#define YOLO_TRAIN_REPORT_HTML_H

#include <stdbool.h>

#include "backbone/base/text.h"
#include "datasets/image.h"

yolo_status yolo_html_begin(yolo_text *page, const char *title);
yolo_status yolo_html_end(yolo_text *page);
/* Escapes & < > " '; control characters become U+FFFD, bad UTF-8 too. */
yolo_status yolo_html_text(yolo_text *page, const char *text);
yolo_status yolo_html_heading(yolo_text *page, const char *text);
yolo_status yolo_html_part(yolo_text *page, const char *text); /* a smaller heading, below yolo_html_heading */
yolo_status yolo_html_paragraph(yolo_text *page, const char *format, ...) YOLO_PRINTF(2, 3); /* escaped as a whole */
yolo_status yolo_html_note(yolo_text *page, const char *format, ...) YOLO_PRINTF(2, 3);      /* the same, in small letters */
/* What belongs together as name and text, one a line. */
typedef struct yolo_html_fact {
  const char *name, *text;
} yolo_html_fact;
yolo_status yolo_html_facts(yolo_text *page, const yolo_html_fact *facts, int count);
/* A number with its name, large: yolo_html_tiles(begin) ... tile ... tiles(end). */
yolo_status yolo_html_tiles(yolo_text *page, bool begin);
yolo_status yolo_html_tile(yolo_text *page, const char *name, const char *value, const char *note);
/* cells[row * columns + column]; the first row is the head; columns after the first are set to the right. */
yolo_status yolo_html_table(yolo_text *page, const char *const *cells, int rows, int columns);
/* The same with a bar behind the cells of one column: bars[row] from 0 to 1, below 0: none; bars[0] is not looked at. */
yolo_status yolo_html_table_bars(yolo_text *page, const char *const *cells, int rows, int columns, int bar_column,
                                 const double *bars);
/* A JPEG inside the page. */
yolo_status yolo_html_picture(yolo_text *page, const yolo_image *image, const char *caption);
/* Two of them side by side, each below its name, with a title above and a caption below both. */
typedef struct yolo_html_pair {
  const yolo_image *images[2];
  const char *names[2];
  const char *title, *caption;
} yolo_html_pair;
yolo_status yolo_html_put_pair(yolo_text *page, const yolo_html_pair *pair);
yolo_status yolo_html_row(yolo_text *page, bool begin); /* charts or pictures side by side */

#endif
