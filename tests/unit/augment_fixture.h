/* Scenes for the tests of the augmentation: pictures whose objects can be found again by their colour. */
#ifndef YOLO_TESTS_UNIT_AUGMENT_FIXTURE_H
#define YOLO_TESTS_UNIT_AUGMENT_FIXTURE_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "datasets/augment.h"
#include "datasets/sample.h"

/* 54 scenes with 4 objects, whose class is their colour. */
enum { SCENES = 54, SCENE_OBJECTS = 4, SCENE_COLOURS = SCENES * SCENE_OBJECTS, SCENE_GROUND = 128 };
enum { SHAPE_BOX, SHAPE_RECTANGLE, SHAPE_ELBOW, SHAPE_RING };

/* Spread over a sphere around the grey of the ground (a Fibonacci lattice), so that no mixture of one colour with the ground
 * looks like a mixture of another. */
static inline void scene_colour(int class_index, uint8_t rgb[3]) {
  double z = 1 - (2 * class_index + 1.0) / SCENE_COLOURS, radius = sqrt(1 - z * z), turn = 2.39996322972865 * class_index;
  rgb[0] = (uint8_t)(SCENE_GROUND + 110 * radius * cos(turn));
  rgb[1] = (uint8_t)(SCENE_GROUND + 110 * radius * sin(turn));
  rgb[2] = (uint8_t)(SCENE_GROUND + 110 * z);
}

/* Points of the shape in the box, for outlines; a ring gets its hole as a second ring of the same part. */
static inline void scene_outline(int shape, float x1, float y1, float x2, float y2, yolo_outline *out) {
  float mx = (x1 + x2) / 2, my = (y1 + y2) / 2, dx = (x2 - x1) / 4, dy = (y2 - y1) / 4;
  float whole[8] = {x1, y1, x2, y1, x2, y2, x1, y2};
  float elbow[12] = {x1, y1, x2, y1, x2, my, mx, my, mx, y2, x1, y2};
  float hole[8] = {mx - dx, my - dy, mx - dx, my + dy, mx + dx, my + dy, mx + dx, my - dy};
  if (shape == SHAPE_ELBOW) {
    ck_assert_int_eq(yolo_outline_add(out, elbow, 6, false), YOLO_OK);
  } else {
    ck_assert_int_eq(yolo_outline_add(out, whole, 4, false), YOLO_OK);
  }
  if (shape != SHAPE_RING) return;
  ck_assert_int_eq(yolo_outline_add(out, hole, 4, false), YOLO_OK);
  out->rings[out->n_rings - 1].part = out->rings[out->n_rings - 2].part;
  out->n_parts--;
}

static inline void scene_paint(yolo_sample *s, const yolo_outline *outline, int class_index) {
  int w = s->image.width, h = s->image.height;
  uint8_t *mask = malloc((size_t)w * (size_t)h), rgb[3];
  ck_assert_int_eq(yolo_outline_fill(outline, 0, 0, 1, w, h, mask), YOLO_OK);
  scene_colour(class_index, rgb);
  for (int i = 0; i < w * h; i++) {
    if (!mask[i]) continue;
    memcpy(s->image.pixels + (size_t)i * 3, rgb, 3);
    if (s->label_map) s->label_map[i] = (uint8_t)class_index;
  }
  free(mask);
}

/* Object k lies in its quarter of the picture, with sides of at least 40 pixels. */
static inline void scene_object(yolo_sample *s, int scene, int k) {
  yolo_rng rng = {.key = 77, .stream = (uint64_t)(scene * SCENE_OBJECTS + k)};
  float w = (float)s->image.width / 2 - 8, h = (float)s->image.height / 2 - 8;
  float ow = 40 + (w - 40) * (0.3f + 0.7f * yolo_rng_uniform(&rng)),
        oh = 40 + (h - 40) * (0.3f + 0.7f * yolo_rng_uniform(&rng));
  float x = 4 + (float)(k % 2) * (w + 8) + (w - ow) * yolo_rng_uniform(&rng),
        y = 4 + (float)(k / 2) * (h + 8) + (h - oh) * yolo_rng_uniform(&rng);
  int shape = (scene + k) % 4;
  yolo_object *o = NULL;
  yolo_outline painted = {0};
  ck_assert_int_eq(yolo_sample_push(s, &o), YOLO_OK);
  o->x1 = (float)(int)x;
  o->y1 = (float)(int)y;
  o->x2 = (float)(int)(x + ow);
  o->y2 = (float)(int)(y + oh);
  o->class_index = scene * SCENE_OBJECTS + k;
  scene_outline(shape, o->x1, o->y1, o->x2, o->y2, &painted);
  scene_paint(s, &painted, o->class_index);
  if (shape != SHAPE_BOX) ck_assert_int_eq(yolo_outline_copy(&painted, &o->outline), YOLO_OK);
  yolo_outline_free(&painted);
}

typedef struct scenes {
  yolo_sample all[SCENES];
  int loads[SCENES]; /* how often each was asked for; the test sets them back */
} scenes;

static inline void scenes_make(scenes *s, bool mapped) {
  memset(s, 0, sizeof *s);
  for (int i = 0; i < SCENES; i++) {
    int w = 320 + i * 37 % 300, h = 320 + i * 53 % 300;
    ck_assert_int_eq(yolo_sample_reserve_image(&s->all[i], w, h), YOLO_OK);
    memset(s->all[i].image.pixels, SCENE_GROUND, (size_t)w * (size_t)h * 3);
    if (mapped) {
      ck_assert_int_eq(yolo_sample_reserve_map(&s->all[i], w, h), YOLO_OK);
      memset(s->all[i].label_map, 250, (size_t)w * (size_t)h);
    }
    for (int k = 0; k < SCENE_OBJECTS; k++) scene_object(&s->all[i], i, k);
    s->all[i].label = i % 10;
  }
}

static inline void scenes_free(scenes *s) {
  for (int i = 0; i < SCENES; i++) yolo_sample_free(&s->all[i]);
}

/* The pixels are lent, as the loader's cache does it. */
static inline yolo_status scene_lend(const yolo_sample *from, size_t index, yolo_sample *out) {
  size_t pixels = (size_t)from->image.width * (size_t)from->image.height;
  yolo_status st = YOLO_OK;
  yolo_sample_restart(out);
  if (!out->borrowed) yolo_image_release(&out->image);
  out->image_room = 0;
  out->image = from->image;
  out->borrowed = true;
  out->label = from->label;
  out->index = index;
  if (from->label_map) {
    YOLO_TRY(yolo_sample_reserve_map(out, from->image.width, from->image.height));
    memcpy(out->label_map, from->label_map, pixels);
  }
  for (int i = 0; i < from->n_objects; i++) {
    yolo_object *o = NULL;
    YOLO_TRY(yolo_sample_push(out, &o));
    yolo_outline kept = o->outline;
    *o = from->objects[i];
    o->outline = kept;
    YOLO_TRY(yolo_outline_copy(&from->objects[i].outline, &o->outline));
  }
done:
  return st;
}

/* Sources: all scenes, counted; all scenes, for several threads; one sample. */
static inline yolo_status scenes_load(void *payload, size_t index, yolo_sample *out) {
  ((scenes *)payload)->loads[index]++;
  return scene_lend(&((scenes *)payload)->all[index], index, out);
}
static inline yolo_status scenes_load_shared(void *payload, size_t index, yolo_sample *out) {
  return scene_lend(&((scenes *)payload)->all[index], index, out);
}
static inline yolo_status scenes_load_one(void *payload, size_t index, yolo_sample *out) {
  return scene_lend(payload, index, out);
}

static inline yolo_augmenter *augmenter_for(const yolo_augment *a, scenes *s, uint64_t seed) {
  yolo_sample_source source = {scenes_load, SCENES, s};
  yolo_augmenter *out = NULL;
  ck_assert_int_eq(yolo_augmenter_new(a, &source, seed, &out), YOLO_OK);
  return out;
}

#endif
