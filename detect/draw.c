/* Drawing detections into a picture: a box in the colour of its class and a label on a ground of that colour.
 *
 * Line width and text size follow the picture's smaller side, so a label reads the same on 300 and on 6000
 * pixels; in pictures of a hundred it takes a twentieth of the side. A label stands above its box; where there is no room,
 * inside it; it is shifted until it lies in the picture, and moves on where it would cover a more confident label. */
#include "detect/draw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "backbone/base/memory.h"
#include "detect/font.h"

/* The hue walks by the golden ratio: neighbours in the list of classes are far apart on the colour wheel, and
 * no hue comes twice. Brightness changes with a period of three, which keeps close hues of a long list apart. */
void yolo_class_colour(int class_id, uint8_t rgb[3]) {
  static const double values[3] = {0.98, 0.80, 0.90};
  static const double saturations[3] = {0.85, 0.90, 0.55};
  unsigned id = (unsigned)class_id;
  double hue = fmod(id * 0.6180339887498949, 1.0) * 6;
  double value = values[id % 3], saturation = saturations[id % 3];
  for (int c = 0; c < 3; c++) {
    /* A channel is full around its own hue (red 0, green 2, blue 4) and falls off at a distance of 1 to 2. */
    double away = fabs(hue - 2 * c);
    if (away > 3) away = 6 - away;
    double share = away < 1 ? 1 : away < 2 ? 2 - away : 0;
    rgb[c] = (uint8_t)(255 * value * (1 - saturation * (1 - share)) + 0.5);
  }
}

static void text_colour(const uint8_t ground[3], uint8_t rgb[3]) {
  double luminance = 0.299 * ground[0] + 0.587 * ground[1] + 0.114 * ground[2];
  rgb[0] = rgb[1] = rgb[2] = luminance > 128 ? 0 : 255;
}

/* Fills [x1, x2) x [y1, y2), the part of it that lies in the picture. */
static void fill(yolo_image *image, int x1, int y1, int x2, int y2, const uint8_t rgb[3]) {
  if (x1 < 0) x1 = 0;
  if (y1 < 0) y1 = 0;
  if (x2 > image->width) x2 = image->width;
  if (y2 > image->height) y2 = image->height;
  for (int y = y1; y < y2; y++) {
    uint8_t *pixel = &image->pixels[((size_t)y * (size_t)image->width + (size_t)x1) * 3];
    for (int x = x1; x < x2; x++, pixel += 3) {
      pixel[0] = rgb[0];
      pixel[1] = rgb[1];
      pixel[2] = rgb[2];
    }
  }
}

/* A coordinate as a pixel edge in 0..limit; NaN counts as 0. */
static int edge(float v, int limit) { return v > 0 ? v < (float)limit ? (int)(v + 0.5f) : limit : 0; }

/* One side of a frame. Dashes are four times as long as thick, with as much between them. */
static void draw_side(yolo_image *image, int x1, int y1, int x2, int y2, bool dashed, const uint8_t rgb[3]) {
  const bool wide = x2 - x1 > y2 - y1;
  const int length = wide ? x2 - x1 : y2 - y1, dash = 4 * (wide ? y2 - y1 : x2 - x1);
  if (!dashed) {
    fill(image, x1, y1, x2, y2, rgb);
    return;
  }
  for (int at = 0; at < length; at += 2 * dash) {
    const int end = at + dash < length ? at + dash : length;
    if (wide)
      fill(image, x1 + at, y1, x1 + end, y2, rgb);
    else
      fill(image, x1, y1 + at, x2, y1 + end, rgb);
  }
}

static void colour_of(const yolo_drawn_box *box, uint8_t rgb[3]) {
  yolo_class_colour(box->class_id, rgb);
  for (int c = 0; box->rgb && c < 3; c++) rgb[c] = box->rgb[c];
}

static void draw_frame(yolo_image *image, const yolo_drawn_box *d, int thickness, const uint8_t rgb[3]) {
  int x1 = edge(d->x1, image->width), y1 = edge(d->y1, image->height);
  int x2 = edge(d->x2, image->width), y2 = edge(d->y2, image->height);
  if (x2 <= x1) x2 = x1 + 1;
  if (y2 <= y1) y2 = y1 + 1;
  int t = thickness;
  draw_side(image, x1, y1, x2, y1 + t < y2 ? y1 + t : y2, d->dashed, rgb);
  draw_side(image, x1, y2 - t > y1 ? y2 - t : y1, x2, y2, d->dashed, rgb);
  draw_side(image, x1, y1, x1 + t < x2 ? x1 + t : x2, y2, d->dashed, rgb);
  draw_side(image, x2 - t > x1 ? x2 - t : x1, y1, x2, y2, d->dashed, rgb);
}

/* ---- labels ---- */

typedef struct label_size {
  int width, height, pad;
} label_size;

static label_size measure(const char *text, float height) {
  label_size size = {0, 0, (int)(height / 6 + 1)};
  size.width = (int)ceilf(yolo_text_width(text, height)) + 2 * size.pad;
  size.height = (int)ceilf(height) + 2 * size.pad - size.pad / 2;
  return size;
}

static int shift_inside(int at, int size, int limit) {
  if (at + size > limit) at = limit - size;
  return at < 0 ? 0 : at;
}

/* A readable label, and the least to which it shrinks in a picture that is too small for it. */
enum { SMALLEST_LABEL = 12, SMALLEST = 7 };

/* A picture of a hundred pixels is looked at enlarged, and there labels of the readable size would hide what they name: they
 * take no more than a twentieth of its longer side. */
static float usual_height(int shorter, int longer) {
  const float least = fminf(SMALLEST_LABEL, fmaxf((float)longer / 20, SMALLEST));
  return fmaxf((float)shorter / 38, least);
}

static float fit_height(const yolo_image *image, const char *text, float height) {
  float width = (float)measure(text, height).width;
  if (width > (float)image->width) height = fmaxf(height * (float)image->width / width, SMALLEST);
  return fminf(height, fmaxf((float)image->height, SMALLEST));
}

static void draw_label(yolo_image *image, int x, int y, label_size size, float height, const char *text,
                       const uint8_t ground[3]) {
  uint8_t ink[3];
  text_colour(ground, ink);
  fill(image, x, y, x + size.width, y + size.height, ground);
  yolo_text_draw(image, (float)(x + size.pad), (float)(y + size.pad), height, text, ink);
}

static yolo_status check_image(const yolo_image *image) {
  if (image->pixels && image->width > 0 && image->height > 0) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "there is no picture to draw on");
}

yolo_status yolo_draw_label(yolo_image *image, int x, int y, float height, const char *text, const uint8_t background[3]) {
  yolo_status st = check_image(image);
  if (st != YOLO_OK) return st;
  if (!(height >= 1 && height <= YOLO_IMAGE_MAX_SIDE)) return yolo_fail(YOLO_EINVAL, "%g is no text height", height);
  height = fit_height(image, text, height);
  label_size size = measure(text, height);
  draw_label(image, shift_inside(x, size.width, image->width), shift_inside(y, size.height, image->height), size, height, text,
             background);
  return YOLO_OK;
}

/* ---- many boxes ---- */

typedef struct placed_label {
  const yolo_drawn_box *box;
  int x, y;
  label_size size;
  float height;
  bool left_out;
} placed_label;

static bool overlap(const placed_label *a, const placed_label *b) {
  return a->x < b->x + b->size.width && b->x < a->x + a->size.width && a->y < b->y + b->size.height &&
         b->y < a->y + a->size.height;
}

static bool is_free(const placed_label *label, const placed_label *placed, int count) {
  for (int i = 0; i < count; i++)
    if (!placed[i].left_out && overlap(label, &placed[i])) return false;
  return true;
}

/* Above the box; else inside it, or below one that it would cover; then away from labels that are there already,
 * in steps of its own height. Where everything is full it stays at its first place; false says so. */
static bool place_label(const yolo_image *image, const placed_label *placed, int count, int steps, placed_label *label) {
  int top = edge(label->box->y1, image->height), bottom = edge(label->box->y2, image->height);
  int h = label->size.height, first = -1;
  int down = bottom - top >= 2 * h || bottom + h > image->height ? top : bottom;
  label->x = shift_inside(edge(label->box->x1, image->width), label->size.width, image->width);
  for (int step = 0; step < 2 * steps; step++) {
    label->y = step % 2 ? down + step / 2 * h : top - (step / 2 + 1) * h;
    if (label->y < 0 || label->y + h > image->height) continue;
    if (first < 0) first = label->y;
    if (is_free(label, placed, count)) return true;
  }
  label->y = first >= 0 ? first : shift_inside(top, h, image->height);
  return false;
}

static int highest_rank_first(const void *left, const void *right) {
  const yolo_drawn_box *a = ((const placed_label *)left)->box, *b = ((const placed_label *)right)->box;
  if (a->rank != b->rank) return a->rank > b->rank ? -1 : 1;
  return a < b ? -1 : a > b;
}

static void place_labels(const yolo_image *image, float height, bool sparse, placed_label *labels, int n) {
  const int steps = sparse ? 1 : 4; /* a name far from its box says little */
  int64_t room = (int64_t)image->width * image->height / 8;
  for (int i = 0; i < n; i++) {
    placed_label *label = &labels[i];
    label->left_out = !label->box->text;
    if (label->left_out) continue;
    label->height = fit_height(image, label->box->text, height);
    label->size = measure(label->box->text, label->height);
    const bool found = place_label(image, labels, i, steps, label);
    label->left_out = sparse && (!found || (int64_t)label->size.width * label->size.height > room);
    if (!label->left_out) room -= (int64_t)label->size.width * label->size.height;
  }
}

/* Places are given out from the highest rank on; painting goes the other way, so the best end up on top. */
yolo_status yolo_draw_boxes(yolo_image *image, const yolo_drawn_box *boxes, int n, float label_height, bool sparse) {
  yolo_status st = check_image(image);
  uint8_t rgb[3];
  if (st != YOLO_OK || n < 1) return st;
  int side = image->width < image->height ? image->width : image->height;
  int thickness = side / 250 > 1 ? side / 250 : 1;
  if (!(label_height > 0)) label_height = usual_height(side, image->width > image->height ? image->width : image->height);
  placed_label *labels = yolo_alloc_array((size_t)n, sizeof *labels);
  if (!labels) return YOLO_ENOMEM;
  for (int i = 0; i < n; i++) labels[i] = (placed_label){.box = &boxes[i]};
  qsort(labels, (size_t)n, sizeof *labels, highest_rank_first);
  place_labels(image, label_height, sparse, labels, n);
  for (int i = n - 1; i >= 0; i--) {
    colour_of(labels[i].box, rgb);
    draw_frame(image, labels[i].box, labels[i].box->thickness ? labels[i].box->thickness : thickness, rgb);
  }
  for (int i = n - 1; i >= 0; i--) {
    if (labels[i].left_out) continue;
    colour_of(labels[i].box, rgb);
    draw_label(image, labels[i].x, labels[i].y, labels[i].size, labels[i].height, labels[i].box->text, rgb);
  }
  yolo_free(labels);
  return YOLO_OK;
}

/* ---- a whole result ---- */

enum { LONGEST_LABEL = 128 };

static void label_text(const yolo_detection *d, const char *const *names, int n_names, char text[LONGEST_LABEL]) {
  char number[24];
  snprintf(number, sizeof number, "class %d", d->class_id);
  const char *name = names && d->class_id >= 0 && d->class_id < n_names ? names[d->class_id] : number;
  if (!yolo_text_is_legible(name)) name = number;                          /* a script that the font lacks */
  int percent = d->confidence > 0 ? (int)(d->confidence * 100 + 0.5f) : 0; /* digits by hand: "%.2f" obeys the locale */
  snprintf(text, LONGEST_LABEL, "%.100s %d.%02d", name, percent / 100 % 10, percent % 100);
}

yolo_status yolo_draw_result(yolo_image *image, const yolo_result *result, const char *const *names, int n_names) {
  yolo_status st = check_image(image);
  const size_t n = result->count > 0 ? (size_t)result->count : 0;
  yolo_drawn_box *boxes = NULL;
  char(*texts)[LONGEST_LABEL] = NULL;
  if (st != YOLO_OK || n == 0) return st;
  boxes = yolo_alloc_array(n, sizeof *boxes);
  YOLO_ENOMEM_IF_NULL(boxes);
  texts = yolo_alloc_array(n, sizeof *texts);
  YOLO_ENOMEM_IF_NULL(texts);
  for (size_t i = 0; i < n; i++) {
    const yolo_detection *d = &result->detections[i];
    label_text(d, names, n_names, texts[i]);
    boxes[i] = (yolo_drawn_box){d->x1, d->y1, d->x2, d->y2, d->class_id, d->confidence, texts[i], false, NULL, 0};
  }
  st = yolo_draw_boxes(image, boxes, result->count, 0, false);
done:
  yolo_free(boxes);
  yolo_free(texts);
  return st;
}
