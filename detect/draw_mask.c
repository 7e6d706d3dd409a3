/* Masks in a picture: the colour of the class laid over what belongs to the object, and a firm line around it.
 *
 * The line is drawn inside the mask, so that neighbours that touch keep a line each. A mask of another size than the picture
 * (a thumbnail) is resampled by area: a pixel gets the share of it that is covered. */
#include "backbone/base/memory.h"
#include "detect/draw.h"

enum { HALF = 128 };

static void blend(uint8_t *pixel, const uint8_t rgb[3], float share) {
  for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)((float)pixel[c] + ((float)rgb[c] - (float)pixel[c]) * share + 0.5f);
}

/* Is (x, y), which is covered, within `thickness` of something that is not? What lies outside of the picture counts as
 * covered: an object that is cut by the edge has no border there. */
static bool on_border(const uint8_t *cover, int width, int height, int x, int y, int thickness) {
  const uint8_t *at = &cover[(size_t)y * (size_t)width + (size_t)x];
  for (int t = 1; t <= thickness; t++) {
    if (x >= t && at[-t] < HALF) return true;
    if (x + t < width && at[t] < HALF) return true;
    if (y >= t && at[-(ptrdiff_t)t * width] < HALF) return true;
    if (y + t < height && at[(ptrdiff_t)t * width] < HALF) return true;
  }
  return false;
}

yolo_status yolo_draw_cover(yolo_image *image, const uint8_t *cover, const uint8_t rgb[3], float opacity) {
  if (!image->pixels || image->width < 1 || image->height < 1) return yolo_fail(YOLO_EINVAL, "there is no picture to draw on");
  const int w = image->width, h = image->height, side = w < h ? w : h;
  const int thickness = side / 400 > 1 ? side / 400 : 1;
  const uint8_t *from = cover;
  uint8_t *to = image->pixels;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++, from++, to += 3) {
      if (*from == 0) continue;
      const bool border = *from >= HALF && on_border(cover, w, h, x, y, thickness);
      blend(to, rgb, border ? 1 : opacity * (float)*from / 255);
    }
  return YOLO_OK;
}

/* The first mask pixel of a picture's column or row `at`, and one beyond the last: at least one. */
static void span(int at, int picture, int mask, int *from, int *to) {
  *from = (int)((int64_t)at * mask / picture);
  *to = (int)(((int64_t)(at + 1) * mask + picture - 1) / picture);
  if (*to > mask) *to = mask;
  if (*to <= *from) *to = *from + 1;
}

static uint8_t mean_of(const uint8_t *mask, int stride, int x1, int x2, int y1, int y2) {
  int64_t sum = 0;
  for (int y = y1; y < y2; y++)
    for (int x = x1; x < x2; x++) sum += mask[(size_t)y * (size_t)stride + (size_t)x];
  return (uint8_t)(sum * 255 / ((int64_t)(x2 - x1) * (y2 - y1)));
}

static void shrink(const uint8_t *mask, const yolo_rle *rle, int width, int height, uint8_t *cover) {
  for (int y = 0; y < height; y++) {
    int x1, x2, y1, y2;
    span(y, height, rle->height, &y1, &y2);
    for (int x = 0; x < width; x++) {
      span(x, width, rle->width, &x1, &x2);
      *cover++ = mean_of(mask, rle->width, x1, x2, y1, y2);
    }
  }
}

yolo_status yolo_draw_rle(yolo_image *image, const yolo_rle *rle, const uint8_t rgb[3], float opacity) {
  yolo_status st = YOLO_OK;
  uint8_t *mask = NULL, *cover = NULL;
  if (!image->pixels || image->width < 1 || image->height < 1) return yolo_fail(YOLO_EINVAL, "there is no picture to draw on");
  if (rle->width < 1 || rle->height < 1) return YOLO_OK;
  mask = yolo_alloc_array((size_t)rle->width, (size_t)rle->height);
  YOLO_ENOMEM_IF_NULL(mask);
  cover = yolo_alloc_array((size_t)image->width, (size_t)image->height);
  YOLO_ENOMEM_IF_NULL(cover);
  yolo_rle_decode(rle, mask, (size_t)rle->width, 1);
  shrink(mask, rle, image->width, image->height, cover);
  st = yolo_draw_cover(image, cover, rgb, opacity);
done:
  yolo_free(mask);
  yolo_free(cover);
  return st;
}
