/* The scene of the picture maker: a lit background, objects with shadow, bevel and soft edges, and the camera.
 *
 * A pixel that an object's border crosses is sampled at 4 x 4 points; the share that lies inside is its cover. The mask is
 * made from the same cover (half or more), so edge and mask agree. Colours are 0..1 until the picture is developed. */
#include <math.h>
#include <stddef.h>

#include "datasets/synth_parts.h"

enum { SAMPLES = 4, BLOCK = 8 };
_Static_assert(SAMPLES *SAMPLES == YOLO_SCENE_COVERED, "cover is counted in samples");
static const float half_diagonal = 0.7072f; /* of a pixel */

/* A point of the picture in the shape's own axes. */
static void to_shape(const yolo_scene_object *o, float x, float y, float *u, float *v) {
  const float dx = x - o->x, dy = y - o->y;
  *u = (dx * o->cosine + dy * o->sine) / o->half_w;
  *v = (dy * o->cosine - dx * o->sine) / o->half_h;
}

/* The object's distance to its border at a point, in pixels, at most the true one: distances in the shape's axes shrink by at
 * least the smaller of the two scales. */
static float distance_to(const yolo_scene_object *o, float x, float y) {
  float u, v;
  to_shape(o, x, y, &u, &v);
  return yolo_synth_distance(o->class_index, u, v) * fminf(o->half_w, o->half_h);
}

static int cover_of(const yolo_scene_object *o, float x, float y) {
  const float middle = distance_to(o, x + 0.5f, y + 0.5f);
  if (middle > half_diagonal) return 0;
  if (middle < -half_diagonal) return YOLO_SCENE_COVERED;
  int inside = 0;
  for (int k = 0; k < SAMPLES; k++)
    for (int i = 0; i < SAMPLES; i++)
      inside += distance_to(o, x + ((float)i + 0.5f) / SAMPLES, y + ((float)k + 0.5f) / SAMPLES) < 0;
  return inside;
}

static int reach_of(float radius) { return (int)ceilf(radius) + 1; }

size_t yolo_scene_stencil_size(float radius) {
  const size_t side = 2 * (size_t)reach_of(radius) + 1;
  return side * side;
}

/* A block of pixels that the border cannot cross is wholly in or wholly out: one distance says which. */
static void cut_block(yolo_scene *s, yolo_scene_object *o, int x1, int y1) {
  const int end = s->reach + 1, side = 2 * s->reach + 1;
  const int x2 = x1 + BLOCK < end ? x1 + BLOCK : end, y2 = y1 + BLOCK < end ? y1 + BLOCK : end;
  const float middle = distance_to(o, (float)(o->column + x1) + BLOCK / 2, (float)(o->row + y1) + BLOCK / 2);
  const bool crossed = fabsf(middle) <= BLOCK * half_diagonal;
  const int all = middle < 0 ? YOLO_SCENE_COVERED : 0;
  for (int y = y1; y < y2; y++)
    for (int x = x1; x < x2; x++) {
      const int cover = crossed ? cover_of(o, (float)(o->column + x), (float)(o->row + y)) : all;
      s->stencil[(size_t)(y + s->reach) * (size_t)side + (size_t)(x + s->reach)] = (uint8_t)cover;
      o->full += cover >= YOLO_SCENE_MASKED;
    }
}

void yolo_scene_cut_stencil(yolo_scene *s, yolo_scene_object *o) {
  s->reach = reach_of(o->radius);
  o->full = 0;
  for (int y = -s->reach; y <= s->reach; y += BLOCK)
    for (int x = -s->reach; x <= s->reach; x += BLOCK) cut_block(s, o, x, y);
}

void yolo_scene_reach(float centre, float radius, int limit, int *from, int *to) {
  const float low = floorf(centre - radius), high = ceilf(centre + radius);
  *from = low > 0 ? low < (float)limit ? (int)low : limit : 0;
  *to = high > 0 ? high < (float)limit ? (int)high : limit : 0;
}

static float *pixel(const yolo_scene *s, int x, int y) { return &s->rgb[((size_t)y * (size_t)s->width + (size_t)x) * 3]; }

/* ---- background ---- */

/* Strokes that mean nothing: a detector must not take every edge for an object. */
static void paint_stroke(yolo_scene *s, yolo_rng *rng) {
  const float side = (float)(s->width < s->height ? s->width : s->height),
              thick = yolo_synth_between(rng, 0.5f, 0.006f * side + 1);
  const float length = yolo_synth_between(rng, 0.15f, 0.8f) * side, angle = yolo_synth_between(rng, 0, 6.2831853f);
  const float x0 = yolo_synth_between(rng, 0, (float)s->width), y0 = yolo_synth_between(rng, 0, (float)s->height);
  const float bend = yolo_synth_between(rng, -1.2f, 1.2f), strength = yolo_synth_between(rng, 0.25f, 0.8f);
  float rgb[3];
  yolo_synth_hsv(yolo_rng_uniform(rng), yolo_synth_between(rng, 0, 0.7f), yolo_synth_between(rng, 0.15f, 0.95f), rgb);
  const int steps = (int)(length * 2);
  for (int i = 0; i < steps; i++) {
    /* A stroke is a row of dots along an arc; a dot half a pixel further on only adds what the one before left out. */
    const float t = (float)i / 2, a = angle + bend * t / length;
    const float x = x0 + t * cosf(a), y = y0 + t * sinf(a);
    int left, right, top, bottom;
    yolo_scene_reach(x, thick + 1, s->width, &left, &right);
    yolo_scene_reach(y, thick + 1, s->height, &top, &bottom);
    for (int py = top; py < bottom; py++)
      for (int px = left; px < right; px++) {
        const float dx = (float)px + 0.5f - x, dy = (float)py + 0.5f - y;
        float cover = fminf(thick + 0.5f - sqrtf(dx * dx + dy * dy), 1) * strength / 2;
        if (cover <= 0) continue;
        float *to = pixel(s, px, py);
        for (int c = 0; c < 3; c++) to[c] += (rgb[c] - to[c]) * cover;
      }
  }
}

void yolo_scene_background(yolo_scene *s, yolo_rng *rng) {
  yolo_paint paint, grain;
  const float side = (float)(s->width < s->height ? s->width : s->height);
  yolo_paint_background(rng, side, &paint);
  yolo_paint_background(rng, side, &grain);
  const uint32_t salt = yolo_rng_u32(rng);
  const float rough = yolo_synth_between(rng, 0, 0.2f), fine = yolo_synth_between(rng, 14, 40) / side;
  for (int y = 0; y < s->height; y++)
    for (int x = 0; x < s->width; x++) {
      float *to = pixel(s, x, y);
      yolo_paint_at(&paint, (float)x - (float)s->width / 2, (float)y - (float)s->height / 2, to);
      const float light = 1 + rough * (yolo_synth_noise(salt, (float)x * fine, (float)y * fine, 3) - 0.5f) * 2;
      for (int c = 0; c < 3; c++) to[c] *= light;
    }
  for (int i = yolo_synth_below(rng, 6); i > 0; i--) paint_stroke(s, rng);
}

/* ---- objects ---- */

/* Darkens what lies on the far side of the light; soft as far as it falls. */
static void paint_shadow(yolo_scene *s, const yolo_scene_object *o) {
  const float fall = 1 + 0.07f * o->radius, soft = 1 + 0.05f * o->radius;
  const float away_x = -s->light_x * fall, away_y = -s->light_y * fall;
  int left, right, top, bottom;
  yolo_scene_reach(o->x + away_x, o->radius + soft, s->width, &left, &right);
  yolo_scene_reach(o->y + away_y, o->radius + soft, s->height, &top, &bottom);
  for (int y = top; y < bottom; y++)
    for (int x = left; x < right; x++) {
      const float d = distance_to(o, (float)x + 0.5f - away_x, (float)y + 0.5f - away_y);
      float t = (soft - d) / (2 * soft);
      if (t <= 0) continue;
      if (t > 1) t = 1;
      const float keep = 1 - s->shadow * t * t * (3 - 2 * t);
      float *to = pixel(s, x, y);
      for (int c = 0; c < 3; c++) to[c] *= keep;
    }
}

/* The object swells towards its middle: a rim that faces the light is bright, the rim behind dark. */
static float shade(const yolo_scene *s, const yolo_scene_object *o, float x, float y) {
  const float slope = 0.1f * ((x - o->x) * s->light_x + (y - o->y) * s->light_y) / o->radius;
  const float rim = 1 + 0.14f * o->radius, d = distance_to(o, x, y);
  if (d < -rim) return 1 + slope;
  const float gx = distance_to(o, x + 0.5f, y) - distance_to(o, x - 0.5f, y);
  const float gy = distance_to(o, x, y + 0.5f) - distance_to(o, x, y - 0.5f);
  const float length = sqrtf(gx * gx + gy * gy), t = 1 + fminf(d, 0) / rim;
  if (length < 1e-3f) return 1 + slope;
  return 1 + slope + 0.28f * t * t * (gx * s->light_x + gy * s->light_y) / length;
}

static void paint_pixel(yolo_scene *s, const yolo_scene_object *o, int x, int y, int cover) {
  float u, v, rgb[3];
  to_shape(o, (float)x + 0.5f, (float)y + 0.5f, &u, &v);
  yolo_paint_at(&o->paint, u, v, rgb);
  const float lit = shade(s, o, (float)x + 0.5f, (float)y + 0.5f), share = (float)cover / YOLO_SCENE_COVERED;
  float *to = pixel(s, x, y);
  for (int c = 0; c < 3; c++) to[c] += (rgb[c] * lit - to[c]) * share;
}

void yolo_scene_paint(yolo_scene *s, const yolo_scene_object *o, int number) {
  const uint8_t *cover = s->stencil;
  paint_shadow(s, o);
  for (int y = o->row - s->reach; y <= o->row + s->reach; y++)
    for (int x = o->column - s->reach; x <= o->column + s->reach; x++, cover++) {
      if (*cover == 0 || x < 0 || y < 0 || x >= s->width || y >= s->height) continue;
      paint_pixel(s, o, x, y, *cover);
      if (*cover >= YOLO_SCENE_MASKED) s->owner[(size_t)y * (size_t)s->width + (size_t)x] = (uint8_t)number;
    }
}

/* ---- the camera ---- */

/* Four bytes of a hash summed up are close enough to a normal distribution: mean 510, deviation 147.8. */
static float bell(uint32_t h) { return ((float)((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24)) - 510) / 147.8f; }

void yolo_scene_develop(const yolo_scene *s, yolo_rng *rng, uint8_t *pixels) {
  const float exposure = yolo_synth_between(rng, 0.85f, 1.12f), dark = yolo_synth_between(rng, 0, 0.3f);
  const float noise = yolo_synth_between(rng, 1, 6), grey_share = 0.75f;
  const uint32_t salt = yolo_rng_u32(rng);
  float warm[3];
  for (int c = 0; c < 3; c++) warm[c] = exposure * 255 * yolo_synth_between(rng, 0.96f, 1.04f);
  for (int y = 0; y < s->height; y++)
    for (int x = 0; x < s->width; x++) {
      const float dx = (float)x / (float)s->width - 0.5f, dy = (float)y / (float)s->height - 0.5f;
      const float light = 1 - dark * 2 * (dx * dx + dy * dy);
      const float grey = grey_share * noise * bell(yolo_synth_hash(salt, x, y));
      const float *from = pixel(s, x, y);
      uint8_t *to = &pixels[((size_t)y * (size_t)s->width + (size_t)x) * 3];
      for (int c = 0; c < 3; c++) {
        const float grain = (1 - grey_share) * noise * bell(yolo_synth_hash(salt + 1 + (uint32_t)c, x, y));
        const float value = from[c] * light * warm[c] + grey + grain + 0.5f;
        to[c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
      }
    }
}
