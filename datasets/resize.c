/* From 8-bit pixels of any layout to the network's float input: bilinear resize, letterbox, normalise, in one pass. First
 * what is to be done becomes plain data (yolo_resample), then the loops do it, here or on a device.
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

/* ---- the description ---- */

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

static yolo_status check_pixels(const yolo_pixels *pixels) {
  if ((unsigned)pixels->layout > YOLO_PIXELS_GREY)
    return yolo_fail(YOLO_EINVAL, "pixels: unknown layout %d", (int)pixels->layout);
  int step = layout_of(pixels->layout).step;
  if (!pixels->data || pixels->width < 1 || pixels->height < 1 || pixels->width > INT_MAX / MAX_STEP)
    return yolo_fail(YOLO_EINVAL, "pixels: there is no image of %d x %d", pixels->width, pixels->height);
  if (pixels->row_stride < (size_t)pixels->width * (size_t)step)
    return yolo_fail(YOLO_EINVAL, "pixels: a row stride of %zu bytes is too small for %d pixels of %d bytes",
                     pixels->row_stride, pixels->width, step);
  return YOLO_OK;
}

static yolo_status check_shape(yolo_shape s, int n) {
  if ((s.c != 1 && s.c != 3) || s.h < 1 || s.w < 1 || n < 0 || n >= s.n)
    return yolo_fail(YOLO_ESHAPE, "an image goes into a float input (N, H, W, 1 or 3), not image %d of (%d, %d, %d, %d)", n,
                     s.n, s.h, s.w, s.c);
  return YOLO_OK;
}

/* input = byte * gain + bias, for R, G, B (or for the single grey channel: the first). */
static void normalise(const yolo_preprocess *how, yolo_resample *out) {
  float pad = how->pad == 0.0f ? 0.5f : how->pad;
  for (int c = 0; c < 3; c++) {
    float scale = how->scale[c] == 0.0f ? 1.0f : how->scale[c];
    out->gain[c] = scale / 255.0f;
    out->bias[c] = -how->mean[c] * scale;
    out->pad[c] = (pad - how->mean[c]) * scale;
  }
}

yolo_status yolo_preprocess_describe(const yolo_preprocess *how, const yolo_pixels *pixels, yolo_shape input,
                                     yolo_resample *out, yolo_placement *place) {
  yolo_status st = YOLO_OK;
  YOLO_TRY(check_pixels(pixels));
  YOLO_TRY(check_shape(input, 0));
  box b = place_box(how->fit, pixels->width, pixels->height, input.w, input.h);
  layout l = layout_of(pixels->layout);
  *out = (yolo_resample){.pixels = pixels->data,
                         .width = pixels->width,
                         .height = pixels->height,
                         .row_stride = pixels->row_stride,
                         .step = l.step,
                         .order = {l.order[0], l.order[1], l.order[2]},
                         .x = b.x,
                         .y = b.y,
                         .box_width = b.width,
                         .box_height = b.height,
                         .align_corners = how->filter != YOLO_FILTER_HALF_PIXEL};
  normalise(how, out);
  if (place) *place = placement_of(&b, pixels->width, pixels->height);
done:
  return st;
}

/* ---- rows ---- */

/* row[i] = (1-w) a[i] + w b[i]: two rows of bytes to one of floats. */
static void blend_rows(const uint8_t *restrict a, const uint8_t *restrict b, float w, size_t count, float *restrict row) {
  float v = 1.0f - w;
  for (size_t i = 0; i < count; i++) row[i] = (float)a[i] * v + (float)b[i] * w;
}

/* One output row from a blended row: colour to colour. `red` and `blue` are constants where this is
 * inlined. Four lanes are read (the row has a margin for it), three are written. */
static inline void colour_row(const float *row, const yolo_tap *taps, int count, int red, int blue, const yolo_resample *how,
                              float *to, size_t stride) {
  for (int i = 0; i < count; i++, to += stride) {
    const float *a = row + taps[i].low, *b = row + taps[i].high;
    float w = taps[i].weight, v[MAX_STEP];
    for (int c = 0; c < MAX_STEP; c++) v[c] = a[c] + (b[c] - a[c]) * w;
    to[0] = v[red] * how->gain[0] + how->bias[0];
    to[1] = v[1] * how->gain[1] + how->bias[1];
    to[2] = v[blue] * how->gain[2] + how->bias[2];
  }
}

/* Grey pixels to three equal channels, or to one. */
static void grey_row(const float *row, const yolo_tap *taps, int count, int channels, const yolo_resample *how, float *to,
                     size_t stride) {
  for (int i = 0; i < count; i++, to += stride) {
    float a = row[taps[i].low], b = row[taps[i].high], v = a + (b - a) * taps[i].weight;
    for (int c = 0; c < channels; c++) to[c] = v * how->gain[c] + how->bias[c];
  }
}

/* Colour pixels to one channel: the luma of ITU-R BT.601. */
static void luma_row(const float *row, const yolo_tap *taps, int count, const yolo_resample *how, float *to, size_t stride) {
  static const float share[3] = {0.299f, 0.587f, 0.114f};
  for (int i = 0; i < count; i++, to += stride) {
    float v = 0;
    for (int c = 0; c < 3; c++) {
      float a = row[taps[i].low + how->order[c]], b = row[taps[i].high + how->order[c]];
      v += share[c] * (a + (b - a) * taps[i].weight);
    }
    to[0] = v * how->gain[0] + how->bias[0];
  }
}

static void write_row(const float *row, const yolo_tap *taps, const yolo_resample *how, int channels, float *to,
                      size_t stride) {
  if (how->step == 1)
    grey_row(row, taps, how->box_width, channels, how, to, stride);
  else if (channels == 1)
    luma_row(row, taps, how->box_width, how, to, stride);
  else if (how->order[0] == 0)
    colour_row(row, taps, how->box_width, 0, 2, how, to, stride);
  else
    colour_row(row, taps, how->box_width, 2, 0, how, to, stride);
}

/* ---- padding ---- */

static void pad_pixels(const yolo_resample *how, const yolo_tensor *input, int n, int y, int from, int to) {
  float *p = yolo_pixel(input, n, y, from);
  for (int x = from; x < to; x++, p += input->stride)
    for (int c = 0; c < input->shape.c; c++) p[c] = how->pad[c];
}

static void pad_around(const yolo_resample *how, const yolo_tensor *input, int n) {
  for (int y = 0; y < input->shape.h; y++) {
    bool inside = y >= how->y && y < how->y + how->box_height;
    pad_pixels(how, input, n, y, 0, inside ? how->x : input->shape.w);
    if (inside) pad_pixels(how, input, n, y, how->x + how->box_width, input->shape.w);
  }
}

/* ---- the run ---- */

/* Colour pictures of the size that is wanted, as in training: every weight of the taps is 0. */
static bool fits_as_it_is(const yolo_resample *how, const yolo_tensor *input) {
  return how->box_width == how->width && how->box_height == how->height && how->step > 1 && input->shape.c == 3;
}

static bool channels_are_alike(const yolo_resample *how) {
  for (int c = 1; c < 3; c++) {
    if (how->gain[c] != how->gain[0] || how->bias[c] != how->bias[0]) return false;
  }
  return true;
}

static void copy_row(const uint8_t *restrict from, const yolo_resample *how, float *restrict to, size_t stride) {
  const float gain = how->gain[0], bias = how->bias[0];
  if (stride == 3 && how->step == 3 && how->order[0] == 0 && channels_are_alike(how)) {
    for (size_t i = 0; i < (size_t)how->width * 3; i++) to[i] = (float)from[i] * gain + bias;
    return;
  }
  for (int i = 0; i < how->width; i++, from += how->step, to += stride) {
    for (int c = 0; c < 3; c++) to[c] = (float)from[how->order[c]] * how->gain[c] + how->bias[c];
  }
}

static void copy_rows(const yolo_resample *how, const yolo_tensor *input, int n) {
  for (int y = 0; y < how->height; y++)
    copy_row(how->pixels + (size_t)y * how->row_stride, how, yolo_pixel(input, n, how->y + y, how->x), input->stride);
}

static void run_rows(const yolo_resample *how, const yolo_tensor *input, int n, const yolo_tap *across, const yolo_tap *down,
                     float *row) {
  size_t count = (size_t)how->width * (size_t)how->step;
  for (int y = 0; y < how->box_height; y++) {
    const uint8_t *upper = how->pixels + (size_t)down[y].low * how->row_stride;
    const uint8_t *lower = how->pixels + (size_t)down[y].high * how->row_stride;
    blend_rows(upper, lower, down[y].weight, count, row);
    write_row(row, across, how, input->shape.c, yolo_pixel(input, n, how->y + y, how->x), input->stride);
  }
}

yolo_status yolo_resample_run(const yolo_resample *how, const yolo_tensor *input, int n) {
  yolo_status st = YOLO_OK;
  yolo_tap *taps = NULL;
  float *row = NULL;
  if (input->dtype != YOLO_F32 || input->stride < (size_t)input->shape.c)
    return yolo_fail(YOLO_ESHAPE, "an image goes into a float input, not into one of type %d with %zu values a pixel",
                     (int)input->dtype, input->stride);
  YOLO_TRY(check_shape(input->shape, n));
  if (how->x + how->box_width > input->shape.w || how->y + how->box_height > input->shape.h)
    return yolo_fail(YOLO_ESHAPE, "a picture of %d x %d at (%d, %d) does not fit into an input of %d x %d", how->box_width,
                     how->box_height, how->x, how->y, input->shape.w, input->shape.h);
  if (fits_as_it_is(how, input)) {
    pad_around(how, input, n);
    copy_rows(how, input, n);
    return YOLO_OK;
  }
  taps = yolo_alloc_array((size_t)how->box_width + (size_t)how->box_height, sizeof *taps);
  row = yolo_calloc((size_t)how->width * (size_t)how->step + MAX_STEP, sizeof *row); /* the margin of colour_row */
  YOLO_ENOMEM_IF_NULL(taps);
  YOLO_ENOMEM_IF_NULL(row);
  yolo_tap *across = taps, *down = taps + how->box_width;
  for (int i = 0; i < how->box_width; i++) {
    across[i] = yolo_resample_tap(i, how->width, how->box_width, how->align_corners);
    across[i].low *= how->step;
    across[i].high *= how->step;
  }
  for (int i = 0; i < how->box_height; i++) down[i] = yolo_resample_tap(i, how->height, how->box_height, how->align_corners);
  pad_around(how, input, n);
  run_rows(how, input, n, across, down, row);
done:
  yolo_free(taps);
  yolo_free(row);
  return st;
}

yolo_status yolo_preprocess_run(const yolo_preprocess *how, const yolo_pixels *pixels, const yolo_tensor *input, int n,
                                yolo_placement *out) {
  yolo_resample resample;
  yolo_status st = yolo_preprocess_describe(how, pixels, input->shape, &resample, out);
  return st == YOLO_OK ? yolo_resample_run(&resample, input, n) : st;
}
