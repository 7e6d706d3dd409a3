/* Blur, noise and erasing of the finished picture. Boxes and masks stay as they are. */
#include <math.h>
#include <string.h>

#include "datasets/augment_parts.h"

/* ---- blur: a Gaussian along rows, then along columns; the border is repeated ---- */

enum { REACH = 60, UNIT = 1 << 14 }; /* 3 standard deviations of 20 pixels; weights sum to this */

static int make_kernel(double sigma, int32_t weights[REACH + 1]) {
  int reach = (int)ceil(3 * sigma);
  if (reach > REACH) reach = REACH;
  double sum = 1;
  for (int i = 1; i <= reach; i++) sum += 2 * exp(-0.5 * i * i / (sigma * sigma));
  int32_t rest = UNIT;
  for (int i = 1; i <= reach; i++) {
    weights[i] = (int32_t)(exp(-0.5 * i * i / (sigma * sigma)) / sum * UNIT + 0.5);
    rest -= 2 * weights[i];
  }
  weights[0] = rest;
  return reach;
}

/* One line of n pixels, `step` bytes apart. */
static void blur_line(const uint8_t *from, int n, size_t step, const int32_t *weights, int reach, uint8_t *to) {
  for (int x = 0; x < n; x++) {
    for (size_t c = 0; c < 3; c++) {
      int32_t sum = weights[0] * from[(size_t)x * step + c];
      for (int i = 1; i <= reach; i++) {
        size_t before = (size_t)(x - i < 0 ? 0 : x - i), after = (size_t)(x + i < n ? x + i : n - 1);
        sum += weights[i] * (from[before * step + c] + from[after * step + c]);
      }
      to[(size_t)x * step + c] = (uint8_t)((sum + UNIT / 2) / UNIT);
    }
  }
}

static yolo_status blur(yolo_augmenter *augmenter, double sigma, yolo_image *image) {
  int32_t weights[REACH + 1];
  size_t stride = (size_t)image->width * 3;
  if (sigma < 0.05) return YOLO_OK;
  yolo_status st = yolo_augment_reserve(&augmenter->stencil, &augmenter->stencil_room, stride * (size_t)image->height);
  if (st != YOLO_OK) return st;
  uint8_t *half = augmenter->stencil;
  int reach = make_kernel(sigma, weights);
  for (int y = 0; y < image->height; y++) {
    blur_line(image->pixels + (size_t)y * stride, image->width, 3, weights, reach, half + (size_t)y * stride);
  }
  for (int x = 0; x < image->width; x++) {
    blur_line(half + (size_t)x * 3, image->height, stride, weights, reach, image->pixels + (size_t)x * 3);
  }
  return YOLO_OK;
}

/* ---- noise ---- */

/* Four bytes of one draw, summed, are close to normal (Irwin and Hall): mean 510, variance 4 (256^2 - 1)/12. */
static void add_noise(yolo_rng *rng, double sigma, yolo_image *image) {
  const double deviation = 147.79941813;
  float scale = (float)(sigma * 255 / deviation);
  size_t n = (size_t)image->width * (size_t)image->height * 3;
  uint32_t words[4];
  for (size_t i = 0; i < n; i++) {
    if (i % 4 == 0) yolo_rng_block(rng->key, rng->stream, 16 + i / 4, words); /* behind the draws of chance and strength */
    uint32_t w = words[i % 4];
    int sum = (int)((w & 255) + (w >> 8 & 255) + (w >> 16 & 255) + (w >> 24)) - 510;
    float v = (float)image->pixels[i] + (float)sum * scale + 0.5f;
    image->pixels[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

/* ---- erasing (Zhong et al. 2020, algorithm 1): sides from 0.3 to 1/0.3, random pixels ---- */

static void erase(yolo_rng *rng, const double area[2], yolo_image *image) {
  enum { TRIES = 20 };
  for (int i = 0; i < TRIES; i++) {
    double size = yolo_draw_between(rng, area[0], area[1]) * image->width * image->height;
    double ratio = exp(yolo_draw_between(rng, -1, 1) * log(1 / 0.3));
    int w = (int)sqrt(size * ratio), h = (int)sqrt(size / ratio);
    int x = (int)(yolo_draw_between(rng, 0, 1) * (image->width - w)),
        y = (int)(yolo_draw_between(rng, 0, 1) * (image->height - h));
    if (w < 1 || h < 1 || w >= image->width || h >= image->height) continue;
    for (int j = y; j < y + h; j++) {
      uint8_t *row = image->pixels + ((size_t)j * (size_t)image->width + (size_t)x) * 3;
      for (int k = 0; k < w * 3; k++) row[k] = (uint8_t)yolo_rng_u32(rng);
    }
    return;
  }
}

yolo_status yolo_augment_effects(yolo_augmenter *augmenter, const yolo_draws *draws, yolo_image *image) {
  const yolo_augment *a = &augmenter->augment;
  yolo_rng blur_rng = yolo_draws_rng(draws, YOLO_DRAW_BLUR), noise_rng = yolo_draws_rng(draws, YOLO_DRAW_NOISE);
  yolo_rng erase_rng = yolo_draws_rng(draws, YOLO_DRAW_ERASE);
  if (yolo_draw_chance(&blur_rng, a->blur)) {
    yolo_status st = blur(augmenter, yolo_draw_between(&blur_rng, 0, a->blur_most), image);
    if (st != YOLO_OK) return st;
  }
  if (yolo_draw_chance(&noise_rng, a->noise)) {
    double sigma = yolo_draw_between(&noise_rng, 0, a->noise_most);
    add_noise(&noise_rng, sigma, image);
  }
  if (yolo_draw_chance(&erase_rng, a->erase)) erase(&erase_rng, a->erase_area, image);
  return YOLO_OK;
}
