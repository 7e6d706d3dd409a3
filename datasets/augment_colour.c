/* Colour: hue, saturation and value, then contrast and brightness, in one pass without branches.
 *
 * With V = max, C = V - min and the hue h in sextants (Smith 1978), the changed pixel is
 *   V' = min(v V, 255)   C' = V' min(s C/V, 1)   h' = h + shift
 *   r' = V' - C' (1 - k(|h'-3| - 1))   g' = V' - C' (1 - k(2 - |h'-2|))   b' = V' - C' (1 - k(2 - |h'-4|)),   k = clamp to [0,
 * 1] Pixels go through planes, a chunk at a time, so that the compiler computes several at once. */
#include <math.h>

#include "datasets/augment_parts.h"

enum { CHUNK = 128 };

/* What one picture gets. */
typedef struct tint {
  float shift;             /* sextants, in [-3, 3] */
  float saturation, value; /* factors */
  float gain, bias;        /* last: x gain + bias */
} tint;

typedef struct planes {
  int32_t r[CHUNK], g[CHUNK], b[CHUNK];
} planes;

static inline float clamp(float x, float most) {
  x = x > 0 ? x : 0;
  return x < most ? x : most;
}

static void tint_planes(const tint *t, planes *p, int n) {
  float shift = t->shift, saturation = t->saturation, value = t->value, gain = t->gain, bias = t->bias;
  for (int i = 0; i < n; i++) {
    float r = (float)p->r[i], g = (float)p->g[i], b = (float)p->b[i];
    float high = r > g ? r : g, low = r < g ? r : g;
    high = high > b ? high : b;
    low = low < b ? low : b;
    float c = high - low, per_c = 1.0f / (c > 0 ? c : 1.0f);
    float at_r = (g - b) * per_c, at_g = 2.0f + (b - r) * per_c, at_b = 4.0f + (r - g) * per_c;
    float h = high == g ? at_g : at_b;
    h = (high == r ? at_r : h) + shift;
    float up = h + 6.0f, down = h - 6.0f;
    h = h < 0 ? up : h;
    h = h >= 6.0f ? down : h;
    float v = clamp(high * value, 255.0f), s = saturation * c / (high > 0 ? high : 1.0f), d = v * (s < 1.0f ? s : 1.0f);
    float base = v - d;
    float red = base + d * clamp(fabsf(h - 3.0f) - 1.0f, 1.0f);
    float green = base + d * clamp(2.0f - fabsf(h - 2.0f), 1.0f);
    float blue = base + d * clamp(2.0f - fabsf(h - 4.0f), 1.0f);
    p->r[i] = (int32_t)(clamp(red * gain + bias, 255.0f) + 0.5f);
    p->g[i] = (int32_t)(clamp(green * gain + bias, 255.0f) + 0.5f);
    p->b[i] = (int32_t)(clamp(blue * gain + bias, 255.0f) + 0.5f);
  }
}

static void load_planes(const uint8_t *rgb, int n, planes *p) {
  for (int i = 0; i < n; i++) {
    p->r[i] = rgb[i * 3];
    p->g[i] = rgb[i * 3 + 1];
    p->b[i] = rgb[i * 3 + 2];
  }
}

static void store_planes(const planes *p, int n, uint8_t *rgb) {
  for (int i = 0; i < n; i++) {
    rgb[i * 3] = (uint8_t)p->r[i];
    rgb[i * 3 + 1] = (uint8_t)p->g[i];
    rgb[i * 3 + 2] = (uint8_t)p->b[i];
  }
}

/* Each change with its own draws, whether it happens or not. */
static tint draw_tint(const yolo_augment *a, const yolo_draws *draws) {
  yolo_rng rng = yolo_draws_rng(draws, YOLO_DRAW_COLOUR);
  double amount[7];
  bool on[7];
  for (int i = 0; i < 7; i++) {
    on[i] = yolo_draw_chance(&rng, a->colour_chance);
    amount[i] = on[i] ? yolo_draw_between(&rng, -1, 1) : (rng.position++, 0);
  }
  double saturation = (1 + amount[1] * a->saturation) * pow(a->saturation_factor, amount[3]);
  double value = (1 + amount[2] * a->value) * pow(a->exposure, amount[4]);
  return (tint){(float)(amount[0] * a->hue * 6), (float)saturation, (float)value, (float)(1 + amount[6] * a->contrast),
                (float)(amount[5] * a->brightness * 255)};
}

void yolo_augment_colour(const yolo_augment *augment, const yolo_draws *draws, yolo_image *image) {
  tint t = draw_tint(augment, draws);
  if (t.shift == 0 && t.saturation == 1 && t.value == 1 && t.gain == 1 && t.bias == 0) return;
  size_t n = (size_t)image->width * (size_t)image->height;
  planes p;
  for (size_t i = 0; i < n; i += CHUNK) {
    int count = n - i < CHUNK ? (int)(n - i) : CHUNK;
    load_planes(image->pixels + i * 3, count, &p);
    tint_planes(&t, &p, count);
    store_planes(&p, count, image->pixels + i * 3);
  }
}
