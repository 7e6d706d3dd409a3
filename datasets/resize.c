/* From 8-bit pixels of any layout to the network's float input: bilinear resize, letterbox, normalise, in one pass.
 *
 *   source position     half-pixel     s(i) = (i + 0.5) * in/out - 0.5, clamped to [0, in-1]
 *                       align-corners  s(i) = i * (in-1)/(out-1)
 *   value               v = (1-wy) * ((1-wx) p00 + wx p01) + wy * ((1-wx) p10 + wx p11)
 *   input               (v/255 - mean) * scale
 *
 * Vertical first: two rows of bytes are blended into one row of floats (contiguous, so that the compiler
 * vectorises it whatever the layout), then each output pixel blends two neighbours of that row, all channels
 * at once, by a table of positions and weights computed once. Bilinear is separable: the order does not matter. */
#include <limits.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/resize.h"

/* ---- geometry ---- */

typedef struct box { /* the part of the input that the image fills */
  int x, y, width, height;
} box;

/* Letterbox as Darknet does it: the longer side fits, the other by integer division, offsets halved down. */
static box place_box(yolo_resize_fit fit, int width, int height, int input_w, int input_h) {
  box b = {0, 0, input_w, input_h};
  if (fit == YOLO_FIT_STRETCH) return b;
  if ((int64_t)input_w * height < (int64_t)input_h * width)
    b.height = (int)((int64_t)height * input_w / width);
  else
    b.width = (int)((int64_t)width * input_h / height);
  if (b.height < 1) b.height = 1; /* a line of pixels stays visible */
  if (b.width < 1) b.width = 1;
  b.x = (input_w - b.width) / 2;
  b.y = (input_h - b.height) / 2;
  return b;
}

static yolo_placement placement_of(const box *b, int width, int height) {
  yolo_placement p = {(float)b->width / (float)width, (float)b->height / (float)height, (float)b->x, (float)b->y};
  return p;
}

yolo_placement yolo_preprocess_place(const yolo_preprocess *how, int width, int height, int input_w, int input_h) {
  box b = place_box(how->fit, width, height, input_w, input_h);
  return placement_of(&b, width, height);
}

/* ---- the table of one axis ---- */

typedef struct tap { /* value = (1-weight) * from[low] + weight * from[high] */
  int low, high;
  float weight;
} tap;

static void fill_taps(tap *taps, int in, int out, yolo_resize_filter filter) {
  for (int i = 0; i < out; i++) {
    double s = filter == YOLO_FILTER_HALF_PIXEL ? (i + 0.5) * in / out - 0.5 : out > 1 ? (double)i * (in - 1) / (out - 1) : 0.0;
    if (s < 0) s = 0;
    if (s > in - 1) s = in - 1;
    taps[i].low = (int)s;
    taps[i].high = taps[i].low + 1 < in ? taps[i].low + 1 : taps[i].low;
    taps[i].weight = (float)(s - taps[i].low);
  }
}

/* ---- pixels ---- */

enum { MAX_STEP = 4 };

/* Bytes a pixel, and where R, G, B stand in it. */
typedef struct layout {
  int step, order[3];
} layout;

static layout layout_of(yolo_pixel_layout pixels) {
  static const layout layouts[] = {
      [YOLO_PIXELS_RGB] = {3, {0, 1, 2}},  [YOLO_PIXELS_BGR] = {3, {2, 1, 0}},  [YOLO_PIXELS_RGBA] = {4, {0, 1, 2}},
      [YOLO_PIXELS_BGRA] = {4, {2, 1, 0}}, [YOLO_PIXELS_GREY] = {1, {0, 0, 0}},
  };
  return layouts[pixels];
}

/* input = value * gain + bias, for R, G, B (or for the single grey channel: the first). */
typedef struct normal {
  float gain[3], bias[3], pad[3];
} normal;

static normal normal_of(const yolo_preprocess *how) {
  normal n;
  float pad = how->pad == 0.0f ? 0.5f : how->pad;
  for (int c = 0; c < 3; c++) {
    float scale = how->scale[c] == 0.0f ? 1.0f : how->scale[c];
    n.gain[c] = scale / 255.0f;
    n.bias[c] = -how->mean[c] * scale;
    n.pad[c] = (pad - how->mean[c]) * scale;
  }
  return n;
}

/* row[i] = (1-w) a[i] + w b[i]: two rows of bytes to one of floats. */
static void blend_rows(const uint8_t *restrict a, const uint8_t *restrict b, float w, size_t count, float *restrict row) {
  float v = 1.0f - w;
  for (size_t i = 0; i < count; i++) row[i] = (float)a[i] * v + (float)b[i] * w;
}

/* One output row from a blended row: colour to colour. `red` and `blue` are constants where this is
 * inlined. Four lanes are read (the row has a margin for it), three are written. */
static inline void colour_row(const float *row, const tap *taps, int count, int red, int blue, const normal *n, float *to,
                              size_t stride) {
  for (int i = 0; i < count; i++, to += stride) {
    const float *a = row + taps[i].low, *b = row + taps[i].high;
    float w = taps[i].weight, v[MAX_STEP];
    for (int c = 0; c < MAX_STEP; c++) v[c] = a[c] + (b[c] - a[c]) * w;
    to[0] = v[red] * n->gain[0] + n->bias[0];
    to[1] = v[1] * n->gain[1] + n->bias[1];
    to[2] = v[blue] * n->gain[2] + n->bias[2];
  }
}

/* Grey pixels to three equal channels, or to one. */
static void grey_row(const float *row, const tap *taps, int count, int channels, const normal *n, float *to, size_t stride) {
  for (int i = 0; i < count; i++, to += stride) {
    float a = row[taps[i].low], b = row[taps[i].high], v = a + (b - a) * taps[i].weight;
    for (int c = 0; c < channels; c++) to[c] = v * n->gain[c] + n->bias[c];
  }
}

/* Colour pixels to one channel: the luma of ITU-R BT.601. */
static void luma_row(const float *row, const tap *taps, int count, const int order[3], const normal *n, float *to,
                     size_t stride) {
  static const float share[3] = {0.299f, 0.587f, 0.114f};
  for (int i = 0; i < count; i++, to += stride) {
    float v = 0;
    for (int c = 0; c < 3; c++) {
      float a = row[taps[i].low + order[c]], b = row[taps[i].high + order[c]];
      v += share[c] * (a + (b - a) * taps[i].weight);
    }
    to[0] = v * n->gain[0] + n->bias[0];
  }
}

static void write_row(const float *row, const tap *taps, int count, const layout *l, int channels, const normal *n, float *to,
                      size_t stride) {
  if (l->step == 1)
    grey_row(row, taps, count, channels, n, to, stride);
  else if (channels == 1)
    luma_row(row, taps, count, l->order, n, to, stride);
  else if (l->order[0] == 0)
    colour_row(row, taps, count, 0, 2, n, to, stride);
  else
    colour_row(row, taps, count, 2, 0, n, to, stride);
}

/* ---- padding ---- */

static void pad_pixels(const yolo_tensor *input, int n, int y, int from, int to, const normal *norm) {
  float *p = yolo_pixel(input, n, y, from);
  for (int x = from; x < to; x++, p += input->stride)
    for (int c = 0; c < input->shape.c; c++) p[c] = norm->pad[c];
}

static void pad_around(const yolo_tensor *input, int n, const box *b, const normal *norm) {
  for (int y = 0; y < input->shape.h; y++) {
    bool inside = y >= b->y && y < b->y + b->height;
    pad_pixels(input, n, y, 0, inside ? b->x : input->shape.w, norm);
    if (inside) pad_pixels(input, n, y, b->x + b->width, input->shape.w, norm);
  }
}

/* ---- the run ---- */

static yolo_status check_arguments(const yolo_pixels *pixels, const yolo_tensor *input, int n) {
  const yolo_shape *s = &input->shape;
  if ((unsigned)pixels->layout > YOLO_PIXELS_GREY)
    return yolo_fail(YOLO_EINVAL, "pixels: unknown layout %d", (int)pixels->layout);
  int step = layout_of(pixels->layout).step;
  if (!pixels->data || pixels->width < 1 || pixels->height < 1 || pixels->width > INT_MAX / MAX_STEP)
    return yolo_fail(YOLO_EINVAL, "pixels: there is no image of %d x %d", pixels->width, pixels->height);
  if (pixels->row_stride < (size_t)pixels->width * (size_t)step)
    return yolo_fail(YOLO_EINVAL, "pixels: a row stride of %zu bytes is too small for %d pixels of %d bytes",
                     pixels->row_stride, pixels->width, step);
  if (input->dtype != YOLO_F32 || (s->c != 1 && s->c != 3) || s->h < 1 || s->w < 1 || n < 0 || n >= s->n ||
      input->stride < (size_t)s->c)
    return yolo_fail(YOLO_ESHAPE, "an image goes into a float input (N, H, W, 1 or 3), not image %d of (%d, %d, %d, %d)", n,
                     s->n, s->h, s->w, s->c);
  return YOLO_OK;
}

static void run_rows(const yolo_pixels *pixels, const yolo_tensor *input, int n, const box *b, const tap *across,
                     const tap *down, const normal *norm, float *row) {
  layout l = layout_of(pixels->layout);
  size_t count = (size_t)pixels->width * (size_t)l.step;
  for (int y = 0; y < b->height; y++) {
    const uint8_t *upper = pixels->data + (size_t)down[y].low * pixels->row_stride;
    const uint8_t *lower = pixels->data + (size_t)down[y].high * pixels->row_stride;
    blend_rows(upper, lower, down[y].weight, count, row);
    write_row(row, across, b->width, &l, input->shape.c, norm, yolo_pixel(input, n, b->y + y, b->x), input->stride);
  }
}

yolo_status yolo_preprocess_run(const yolo_preprocess *how, const yolo_pixels *pixels, const yolo_tensor *input, int n,
                                yolo_placement *out) {
  yolo_status st = YOLO_OK;
  tap *taps = NULL;
  float *row = NULL;
  YOLO_TRY(check_arguments(pixels, input, n));
  box b = place_box(how->fit, pixels->width, pixels->height, input->shape.w, input->shape.h);
  normal norm = normal_of(how);
  int step = layout_of(pixels->layout).step;
  taps = yolo_alloc_array((size_t)b.width + (size_t)b.height, sizeof *taps);
  row = yolo_calloc((size_t)pixels->width * (size_t)step + MAX_STEP, sizeof *row); /* the margin of colour_row */
  YOLO_ENOMEM_IF_NULL(taps);
  YOLO_ENOMEM_IF_NULL(row);
  tap *across = taps, *down = taps + b.width;
  fill_taps(across, pixels->width, b.width, how->filter);
  fill_taps(down, pixels->height, b.height, how->filter);
  for (int i = 0; i < b.width; i++) across[i].low *= step, across[i].high *= step;
  if (how->fit == YOLO_FIT_LETTERBOX) pad_around(input, n, &b, &norm);
  run_rows(pixels, input, n, &b, across, down, &norm, row);
  if (out) *out = placement_of(&b, pixels->width, pixels->height);
done:
  yolo_free(taps);
  yolo_free(row);
  return st;
}
