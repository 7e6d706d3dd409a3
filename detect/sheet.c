/* Contact sheets: a grid of cells, each with a picture in its middle and two lines of text below. */
#include "detect/sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "detect/draw.h"
#include "detect/font.h"

enum { GAP = 10, LINE = 18, TITLE_LINE = 30, MARK = 12, MOST_SIDE = 30000, LONGEST_TEXT = 256 };
static const float text_height = 12, title_height = 17;
static const uint8_t ground[3] = {24, 26, 31}, cell_ground[3] = {38, 41, 48}, bright[3] = {236, 238, 242},
                     faint[3] = {160, 166, 178};

struct yolo_sheet {
  yolo_image image;
  int count, columns, cell_width, cell_height, top;
};

static void fill(yolo_image *image, int x1, int y1, int x2, int y2, const uint8_t rgb[3]) {
  for (int y = y1; y < y2 && y < image->height; y++)
    for (int x = x1; x < x2 && x < image->width; x++)
      memcpy(&image->pixels[((size_t)y * (size_t)image->width + (size_t)x) * 3], rgb, 3);
}

/* A text that fits: the end of a file name says more than its beginning. */
static void shorten(const char *text, float height, float width, char to[LONGEST_TEXT]) {
  snprintf(to, LONGEST_TEXT, "%s", text);
  while (*text && yolo_text_width(to, height) > width) {
    text++;
    while (((unsigned char)*text & 0xC0) == 0x80) text++; /* not into the middle of a character */
    snprintf(to, LONGEST_TEXT, "...%s", text);
  }
}

static void write_line(yolo_image *image, int x, int y, float height, int width, const char *text, const uint8_t rgb[3]) {
  char line[LONGEST_TEXT];
  shorten(text, height, (float)width, line);
  yolo_text_draw(image, (float)x, (float)y, height, line, rgb);
}

static int cell_full_height(const yolo_sheet *s) { return s->cell_height + 2 * LINE + GAP; }

/* A sheet a little wider than high, with few empty places in the last row. */
static int choose_columns(const yolo_sheet *s, int count) {
  static const double wanted_ratio = 1.25, price_of_empty = 2;
  int best = 1;
  double least = HUGE_VAL;
  for (int columns = 1; columns <= count && columns <= 100; columns++) {
    const int rows = (count + columns - 1) / columns;
    const double ratio = (double)columns * (s->cell_width + GAP) / ((double)rows * cell_full_height(s));
    const double cost = fabs(log(ratio / wanted_ratio)) + price_of_empty * (columns * rows - count) / count;
    if (cost >= least) continue;
    least = cost;
    best = columns;
  }
  return best;
}

yolo_status yolo_sheet_new(int count, const yolo_sheet_options *options, yolo_sheet **out) {
  yolo_status st = YOLO_OK;
  yolo_sheet *s = NULL;
  *out = NULL;
  if (count < 1 || count > 10000) return yolo_fail(YOLO_EINVAL, "a sheet holds 1 to 10000 pictures, not %d", count);
  s = yolo_calloc(1, sizeof *s);
  YOLO_ENOMEM_IF_NULL(s);
  s->count = count;
  s->cell_width = options->cell_width > 0 ? options->cell_width : 320;
  s->cell_height = options->cell_height > 0 ? options->cell_height : 240;
  s->columns = options->columns > 0 ? options->columns : choose_columns(s, count);
  if (s->columns > count) s->columns = count;
  s->top = options->title ? GAP + TITLE_LINE : GAP;
  const int64_t rows = (count + s->columns - 1) / s->columns, width = (int64_t)s->columns * (s->cell_width + GAP) + GAP;
  const int64_t height = s->top + rows * cell_full_height(s);
  if (width > MOST_SIDE || height > MOST_SIDE || width * height > YOLO_IMAGE_MAX_PIXELS) {
    st = yolo_fail(YOLO_EINVAL, "%d pictures of %d x %d pixels are too many for one sheet; put fewer on it, or smaller ones",
                   count, s->cell_width, s->cell_height);
    goto done;
  }
  YOLO_TRY(yolo_image_new((int)width, (int)height, &s->image));
  fill(&s->image, 0, 0, (int)width, (int)height, ground);
  if (options->title) write_line(&s->image, GAP, GAP, title_height, (int)width - 2 * GAP, options->title, bright);
  *out = s;
  s = NULL;
done:
  yolo_sheet_free(s);
  return st;
}

void yolo_sheet_free(yolo_sheet *s) {
  if (!s) return;
  yolo_image_release(&s->image);
  yolo_free(s);
}

/* ---- resampling ---- */

/* How much of the pixel at `at` lies in [from, to). No fmin, fmax: these are calls, and nothing here is a NaN. */
static double part_inside(int at, double from, double to) {
  const double first = at > from ? at : from, last = at + 1 < to ? at + 1 : to;
  return last - first;
}

/* One new pixel: [x1, x2) x [y1, y2) of the old picture, those at the border by the share that lies inside. */
static void mean_of(const yolo_image *from, double x1, double x2, double y1, double y2, uint8_t *to) {
  double sum[3] = {0, 0, 0}, all = 0;
  for (int y = (int)y1; y < from->height && y < y2; y++) {
    const double high = part_inside(y, y1, y2);
    const uint8_t *pixel = &from->pixels[((size_t)y * (size_t)from->width + (size_t)x1) * 3];
    for (int x = (int)x1; x < from->width && x < x2; x++, pixel += 3) {
      const double share = high * part_inside(x, x1, x2);
      for (int c = 0; c < 3; c++) sum[c] += share * pixel[c];
      all += share;
    }
  }
  for (int c = 0; c < 3; c++) to[c] = (uint8_t)(all > 0 ? sum[c] / all + 0.5 : 0);
}

yolo_status yolo_picture_resize(const yolo_image *from, int width, int height, yolo_image *out) {
  if (!from->pixels || from->width < 1 || from->height < 1) return yolo_fail(YOLO_EINVAL, "there is no picture to resize");
  yolo_status st = yolo_image_new(width, height, out);
  if (st != YOLO_OK) return st;
  const double sx = (double)from->width / width, sy = (double)from->height / height;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      mean_of(from, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy, &out->pixels[((size_t)y * (size_t)width + (size_t)x) * 3]);
  return YOLO_OK;
}

yolo_status yolo_sheet_fit(const yolo_sheet *s, const yolo_image *picture, yolo_image *out) {
  if (!picture->pixels || picture->width < 1 || picture->height < 1)
    return yolo_fail(YOLO_EINVAL, "there is no picture to resize");
  const double scale = fmin((double)s->cell_width / picture->width, (double)s->cell_height / picture->height);
  const int width = (int)fmin(fmax(picture->width * scale + 0.5, 1), s->cell_width);
  const int height = (int)fmin(fmax(picture->height * scale + 0.5, 1), s->cell_height);
  return yolo_picture_resize(picture, width, height, out);
}

/* ---- cells and legend ---- */

yolo_status yolo_sheet_put(yolo_sheet *s, int index, const yolo_image *picture, const char *caption, const char *note) {
  if (index < 0 || index >= s->count) return yolo_fail(YOLO_EINVAL, "the sheet has no cell %d", index);
  if (picture->width > s->cell_width || picture->height > s->cell_height)
    return yolo_fail(YOLO_EINVAL, "a picture of %d x %d does not fit a cell of %d x %d", picture->width, picture->height,
                     s->cell_width, s->cell_height);
  const int x = GAP + index % s->columns * (s->cell_width + GAP), y = s->top + index / s->columns * cell_full_height(s);
  const int left = x + (s->cell_width - picture->width) / 2, upper = y + (s->cell_height - picture->height) / 2;
  fill(&s->image, x, y, x + s->cell_width, y + s->cell_height, cell_ground);
  for (int row = 0; row < picture->height; row++)
    memcpy(&s->image.pixels[((size_t)(upper + row) * (size_t)s->image.width + (size_t)left) * 3],
           &picture->pixels[(size_t)row * (size_t)picture->width * 3], (size_t)picture->width * 3);
  if (caption) write_line(&s->image, x, y + s->cell_height + 5, text_height, s->cell_width, caption, bright);
  if (note) write_line(&s->image, x, y + s->cell_height + 5 + LINE, text_height, s->cell_width, note, faint);
  return YOLO_OK;
}

/* Places the entries in lines; draws them where `image` is given. Returns the height they take. */
static int lay_legend(yolo_image *image, int width, int top, const yolo_sheet_entry *legend, int n) {
  int x = GAP, y = top;
  for (int i = 0; i < n; i++) {
    const int wide = MARK + 5 + (int)ceilf(yolo_text_width(legend[i].text, text_height)) + 2 * GAP;
    if (x > GAP && x + wide > width) {
      x = GAP;
      y += LINE + 2;
    }
    if (image) {
      uint8_t rgb[3];
      yolo_class_colour(legend[i].class_id, rgb);
      fill(image, x, y, x + MARK, y + MARK, rgb);
      write_line(image, x + MARK + 5, y, text_height, width - x - MARK - 5, legend[i].text, bright);
    }
    x += wide;
  }
  return n > 0 ? y + LINE + GAP - top : 0;
}

yolo_status yolo_sheet_finish(yolo_sheet *s, const yolo_sheet_entry *legend, int n, yolo_image *out) {
  const int width = s->image.width, old = s->image.height, height = old + lay_legend(NULL, width, old, legend, n);
  yolo_status st = yolo_image_new(width, height, out);
  if (st != YOLO_OK) return st;
  memcpy(out->pixels, s->image.pixels, (size_t)width * (size_t)old * 3);
  fill(out, 0, old, width, height, ground);
  lay_legend(out, width, old, legend, n);
  yolo_image_release(&s->image);
  return YOLO_OK;
}
