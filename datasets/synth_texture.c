/* Paints of the picture maker: two colours, and a pattern that says how much of each a point gets.
 *
 * Noise is value noise: random numbers on a grid, in between a smooth blend (Perlin, "An image synthesizer", SIGGRAPH 1985,
 * section "Noise"), and octaves of it with half the size and half the weight each. The grid's numbers are a hash of their
 * place, so nothing is stored and any point can be asked for. */
#include <math.h>

#include "datasets/synth_parts.h"

uint32_t yolo_synth_hash(uint32_t salt, int x, int y) {
  uint32_t h = salt ^ (uint32_t)x * 0x9E3779B1u ^ (uint32_t)y * 0x85EBCA6Bu;
  h = (h ^ h >> 16) * 0x7FEB352Du;
  h = (h ^ h >> 15) * 0x846CA68Bu;
  return h ^ h >> 16;
}

static float grid(uint32_t salt, int x, int y) { return (float)(yolo_synth_hash(salt, x, y) >> 8) * 0x1p-24f; }
static float smooth(float t) { return t * t * (3 - 2 * t); }
static float mix(float a, float b, float t) { return a + (b - a) * t; }

static float one_octave(uint32_t salt, float x, float y) {
  const float fx = floorf(x), fy = floorf(y);
  const int i = (int)fx, k = (int)fy;
  const float tx = smooth(x - fx), ty = smooth(y - fy);
  return mix(mix(grid(salt, i, k), grid(salt, i + 1, k), tx), mix(grid(salt, i, k + 1), grid(salt, i + 1, k + 1), tx), ty);
}

float yolo_synth_noise(uint32_t salt, float x, float y, int octaves) {
  float sum = 0, weight = 0.5f, all = 0;
  for (int i = 0; i < octaves; i++, weight /= 2) {
    sum += weight * one_octave(salt + (uint32_t)i * 0x632BE5ABu, x, y);
    all += weight;
    x = 2 * x + 17.3f;
    y = 2 * y - 5.7f;
  }
  return sum / all;
}

void yolo_synth_hsv(float hue, float saturation, float value, float rgb[3]) {
  for (int c = 0; c < 3; c++) {
    float away = fabsf((hue - floorf(hue)) * 6 - 2 * (float)c);
    if (away > 3) away = 6 - away;
    const float share = away < 1 ? 1 : away < 2 ? 2 - away : 0;
    rgb[c] = value * (1 - saturation * (1 - share));
  }
}

/* 0 in the first half of a period, 1 in the second, with soft edges. */
static float wave(float t, float soft) {
  const float s = sinf(6.2831853f * t) / (6.2831853f * soft) + 0.5f;
  return smooth(s < 0 ? 0 : s > 1 ? 1 : s);
}

/* Round grains of several sizes, one a grid cell, many cells without. */
static float speckle(uint32_t salt, float x, float y, float soft) {
  const float fx = floorf(x), fy = floorf(y);
  float most = 0;
  for (int k = -1; k <= 1; k++)
    for (int i = -1; i <= 1; i++) {
      const int cx = (int)fx + i, cy = (int)fy + k;
      const uint32_t h = yolo_synth_hash(salt, cx, cy);
      const float gx = (float)cx + (float)(h & 255) / 255 - x, gy = (float)cy + (float)(h >> 8 & 255) / 255 - y;
      const float radius = 0.55f * (float)(h >> 16 & 255) / 255 - 0.08f;
      const float t = (radius - sqrtf(gx * gx + gy * gy)) / soft + 0.5f;
      if (radius > 0 && t > most) most = t;
    }
  return most > 1 ? 1 : most;
}

static float share_at(const yolo_paint *p, float x, float y) {
  const float bend = p->wobble > 0 ? p->wobble * (yolo_synth_noise(p->salt, x * 0.6f, y * 0.6f, 2) - 0.5f) : 0;
  switch (p->kind) {
    case YOLO_PAINT_GRADIENT: return smooth(fminf(fmaxf(0.5f + 0.45f * (x + bend), 0), 1));
    case YOLO_PAINT_CLOUDS: return smooth(fminf(fmaxf(1.7f * yolo_synth_noise(p->salt, x, y, 5) - 0.35f, 0), 1));
    case YOLO_PAINT_MARBLE: return 0.5f + 0.5f * sinf(5 * x + 9 * yolo_synth_noise(p->salt, x, y, 4));
    case YOLO_PAINT_STRIPES: return wave(x + bend, p->soft);
    case YOLO_PAINT_CHECKS: {
      const float a = wave(x + bend, p->soft), b = wave(y - bend, p->soft);
      return a + b - 2 * a * b;
    }
    case YOLO_PAINT_SPECKLE: return speckle(p->salt, 2 * x, 2 * y, p->soft);
    case YOLO_PAINT_PLAIN:
    case YOLO_PAINT_KINDS: break;
  }
  return 0;
}

void yolo_paint_at(const yolo_paint *paint, float x, float y, float rgb[3]) {
  const float px = (x * paint->cosine + y * paint->sine) * paint->scale;
  const float py = (y * paint->cosine - x * paint->sine) * paint->scale;
  const float t = share_at(paint, px, py);
  for (int c = 0; c < 3; c++) rgb[c] = mix(paint->first[c], paint->second[c], t);
}

static void turn(yolo_rng *rng, yolo_paint *out) {
  const float angle = yolo_synth_between(rng, 0, 6.2831853f);
  out->cosine = cosf(angle);
  out->sine = sinf(angle);
  out->salt = yolo_rng_u32(rng);
}

void yolo_paint_background(yolo_rng *rng, float side, yolo_paint *out) {
  const float hue = yolo_rng_uniform(rng), saturation = yolo_synth_between(rng, 0.04f, 0.5f);
  const float value = yolo_synth_between(rng, 0.25f, 0.85f), step = yolo_synth_between(rng, 0.08f, 0.26f);
  *out = (yolo_paint){.kind = (yolo_paint_kind)(1 + yolo_synth_below(rng, YOLO_PAINT_KINDS - 1))};
  turn(rng, out);
  yolo_synth_hsv(hue, saturation, value, out->first);
  yolo_synth_hsv(hue + yolo_synth_between(rng, -0.12f, 0.12f), saturation, value > 0.55f ? value - step : value + step,
                 out->second);
  const bool broad = out->kind == YOLO_PAINT_GRADIENT || out->kind == YOLO_PAINT_MARBLE;
  out->scale = (broad ? yolo_synth_between(rng, 1.2f, 2.2f) : yolo_synth_between(rng, 3, 9)) / side;
  out->soft = yolo_synth_between(rng, 0.05f, 0.3f);
  out->wobble = yolo_synth_chance(rng, 0.6f) ? yolo_synth_between(rng, 0.1f, 0.9f) : 0;
}

static float difference(const float a[3], const float b[3]) {
  return fabsf(a[0] - b[0]) + fabsf(a[1] - b[1]) + fabsf(a[2] - b[2]);
}

/* Bright and strong mostly; now and then white, grey or nearly black. */
static void object_colour(yolo_rng *rng, float rgb[3]) {
  const bool dull = yolo_synth_chance(rng, 0.16f);
  const float hue = yolo_rng_uniform(rng);
  const float saturation = dull ? yolo_synth_between(rng, 0, 0.2f) : yolo_synth_between(rng, 0.5f, 0.95f);
  yolo_synth_hsv(hue, saturation, dull ? yolo_synth_between(rng, 0.08f, 0.98f) : yolo_synth_between(rng, 0.5f, 0.98f), rgb);
}

void yolo_paint_object(yolo_rng *rng, float radius, const float behind[3], yolo_paint *out) {
  enum { TRIES = 12 };
  static const float stands_out = 0.55f, fine_texture = 14; /* a pattern on fewer pixels would be noise */
  *out = (yolo_paint){.kind = YOLO_PAINT_PLAIN};
  if (radius >= fine_texture) {
    if (yolo_synth_chance(rng, 0.6f)) out->kind = (yolo_paint_kind)(1 + yolo_synth_below(rng, YOLO_PAINT_KINDS - 1));
  } else if (yolo_synth_chance(rng, 0.3f)) {
    out->kind = YOLO_PAINT_GRADIENT;
  }
  turn(rng, out);
  for (int i = 0; i < TRIES; i++) {
    object_colour(rng, out->first);
    if (difference(out->first, behind) >= stands_out) break;
  }
  for (int i = 0; i < TRIES; i++) {
    object_colour(rng, out->second);
    if (difference(out->second, behind) >= stands_out && difference(out->second, out->first) < 1.3f) break;
  }
  if (yolo_synth_chance(rng, 0.5f)) /* its own colour, darker or lighter */
    for (int c = 0; c < 3; c++) out->second[c] = out->first[c] * (out->first[1] > 0.4f ? 0.6f : 1.3f);
  const bool broad = out->kind == YOLO_PAINT_GRADIENT || out->kind == YOLO_PAINT_MARBLE;
  out->scale = broad ? yolo_synth_between(rng, 0.7f, 1.1f) : yolo_synth_between(rng, 1.3f, 2.6f);
  out->soft = fmaxf(yolo_synth_between(rng, 0.06f, 0.3f), 2 * out->scale / radius);
  out->wobble = yolo_synth_chance(rng, 0.4f) ? yolo_synth_between(rng, 0.1f, 0.5f) : 0;
}
