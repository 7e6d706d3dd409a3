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
yolo_status yolo_html_paragraph(yolo_text *page, const char *format, ...) YOLO_PRINTF(2, 3); /* escaped as a whole */
/* A number with its name, large: yolo_html_tiles(begin) ... tile ... tiles(end). */
yolo_status yolo_html_tiles(yolo_text *page, bool begin);
yolo_status yolo_html_tile(yolo_text *page, const char *name, const char *value, const char *note);
/* cells[row * columns + column]; the first row is the head; columns after the first are set to the right. */
yolo_status yolo_html_table(yolo_text *page, const char *const *cells, int rows, int columns);
/* A JPEG inside the page. */
yolo_status yolo_html_picture(yolo_text *page, const yolo_image *image, const char *caption);
yolo_status yolo_html_row(yolo_text *page, bool begin); /* charts or pictures side by side */

#endif
