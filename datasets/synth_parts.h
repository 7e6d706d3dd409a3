/* Internal to the picture maker: shapes, paints, and the scene they are painted into. */
#ifndef YOLO_DATASETS_SYNTH_PARTS_H
#define YOLO_DATASETS_SYNTH_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backbone/base/rng.h"
#include "backbone/base/status.h"

static inline float yolo_synth_between(yolo_rng *rng, float low, float high) {
  return low + (high - low) * yolo_rng_uniform(rng);
}
static inline int yolo_synth_below(yolo_rng *rng, int n) { return (int)((uint64_t)yolo_rng_u32(rng) * (uint64_t)n >> 32); }
static inline bool yolo_synth_chance(yolo_rng *rng, float share) { return yolo_rng_uniform(rng) < share; }

/* ---- shapes (synth_shapes.c) ---- */

/* Distance to the border of a shape that lies in the unit circle, negative inside. Nowhere larger than the true distance, so
 * that a pixel further away than its own radius need not be looked at closely. */
float yolo_synth_distance(int class_index, float x, float y);
/* Height over width that a shape is drawn with: a square that is too long would be a bar. */
void yolo_synth_aspect_range(int class_index, float range[2]);

/* ---- paints (synth_texture.c) ---- */

typedef enum yolo_paint_kind {
  YOLO_PAINT_PLAIN,
  YOLO_PAINT_GRADIENT,
  YOLO_PAINT_CLOUDS,
  YOLO_PAINT_MARBLE,
  YOLO_PAINT_STRIPES,
  YOLO_PAINT_CHECKS,
  YOLO_PAINT_SPECKLE,
  YOLO_PAINT_KINDS
} yolo_paint_kind;

typedef struct yolo_paint {
  yolo_paint_kind kind;
  float first[3], second[3]; /* colours, 0..1 */
  float cosine, sine, scale; /* pattern = turned point * scale */
  float soft;                /* width of the change between the two colours, in periods */
  float wobble;              /* how far noise bends the pattern */
  uint32_t salt;
} yolo_paint;

void yolo_paint_at(const yolo_paint *paint, float x, float y, float rgb[3]);
/* 0..1, smooth, about one bump a unit; the same salt gives the same field. */
float yolo_synth_noise(uint32_t salt, float x, float y, int octaves);
uint32_t yolo_synth_hash(uint32_t salt, int x, int y);
void yolo_synth_hsv(float hue, float saturation, float value, float rgb[3]);
/* Muted colours, pattern sizes that suit a picture of this side. */
void yolo_paint_background(yolo_rng *rng, float side, yolo_paint *out);
/* A paint for an object of this radius in pixels that stands out against a ground of colour `behind`. Coordinates are the
 * shape's own. */
void yolo_paint_object(yolo_rng *rng, float radius, const float behind[3], yolo_paint *out);

/* ---- the scene (synth_scene.c, synth_paint.c) ---- */

typedef struct yolo_scene_object {
  int class_index;
  float x, y;           /* centre, pixels */
  int column, row;      /* the pixel it lies in */
  float cosine, sine;   /* turned by */
  float half_w, half_h; /* pixels a unit of the shape's own axes */
  float radius;         /* the larger of both */
  int full;             /* pixels of its mask, those outside of the picture included */
  int seen;             /* pixels that are visible now */
  yolo_paint paint;
} yolo_scene_object;

typedef struct yolo_scene {
  int width, height;
  float *rgb;       /* (height, width, 3), 0..1 */
  uint8_t *owner;   /* (height, width): number of the object seen there, from 1; 0: background */
  uint8_t *stencil; /* (2 reach + 1)^2: cover of the object in hand around its middle pixel */
  int reach;
  float light_x, light_y; /* unit vector towards the light */
  float shadow;           /* how dark */
} yolo_scene;

/* How much of each pixel around its own the object covers, in sixteenths, into the stencil. It depends on the fractions of the
 * centre only: an object can be moved by whole pixels without a new one. */
void yolo_scene_cut_stencil(yolo_scene *scene, yolo_scene_object *object);
enum { YOLO_SCENE_COVERED = 16, YOLO_SCENE_MASKED = 8 /* from here on the pixel belongs to the mask */ };
/* Bytes of a stencil for any object of this radius. */
size_t yolo_scene_stencil_size(float radius);

/* Rows or columns within `radius` of a centre: [*from, *to), cut to [0, limit). */
void yolo_scene_reach(float centre, float radius, int limit, int *from, int *to);

void yolo_scene_background(yolo_scene *scene, yolo_rng *rng);
void yolo_scene_paint(yolo_scene *scene, const yolo_scene_object *object, int number);
/* Vignette, exposure, noise, 8 bits. */
void yolo_scene_develop(const yolo_scene *scene, yolo_rng *rng, uint8_t *pixels);

#endif
