/* The picture maker: which objects, how large and where, and their masks.
 *
 * Sizes follow COCO's classes (small up to 32^2 pixels of area, medium up to 96^2, large above) as far as the picture has room,
 * and are spread evenly over their logarithm. An object is tried at several places; a place is refused where it would leave
 * less than 35% of it inside the picture or hide more than 65% of an earlier one. */
#include "datasets/synth.h"

#include <math.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/synth_parts.h"

/* Separate streams of random numbers: what one part draws changes nothing in the others. */
enum { DRAW_SCENE, DRAW_BACKGROUND, DRAW_CAMERA, DRAW_OBJECTS, DRAW_STREAMS = 64 };
enum { PLACES = 40, NOT_CROWDED = 30, LEAST_PIXELS = 40 };
static const float least_seen = 0.35f;

static yolo_rng stream(uint64_t seed, uint64_t number, int which) {
  return (yolo_rng){.key = seed, .stream = number * DRAW_STREAMS + (uint64_t)which};
}

/* ---- size ---- */

/* Square root of the area wanted: 35% small, 35% medium, 30% large where all have room. The first object is larger than that:
 * it has the most room. */
static float draw_extent(yolo_rng *rng, float side, bool first) {
  const float share = yolo_rng_uniform(rng) + (first ? 0.2f : 0), most = 0.52f * side;
  float low = 11, high = 30;
  if (share > 0.7f && most > 104) {
    low = 100;
    high = most;
  } else if (share > 0.35f && most > 36) {
    low = 34;
    high = fminf(92, most);
  }
  high = fminf(high, fmaxf(most, low));
  return low * powf(high / low, yolo_rng_uniform(rng));
}

/* Area of the shape in its own units: on a grid, the middle of each cell asked. */
static float unit_area(int class_index) {
  enum { CELLS = 40 };
  int inside = 0;
  for (int k = 0; k < CELLS; k++)
    for (int i = 0; i < CELLS; i++)
      inside += yolo_synth_distance(class_index, ((float)i + 0.5f) * 2 / CELLS - 1, ((float)k + 0.5f) * 2 / CELLS - 1) < 0;
  return 4.0f * (float)inside / (CELLS * CELLS);
}

static float largest_radius(float side) { return 0.46f * side; }

static void draw_shape(yolo_rng *rng, float side, bool first, yolo_scene_object *o) {
  float range[2];
  o->class_index = yolo_synth_below(rng, YOLO_SYNTH_CLASSES);
  yolo_synth_aspect_range(o->class_index, range);
  const float angle = yolo_synth_between(rng, 0, 6.2831853f);
  const float stretch = sqrtf(range[0] * powf(range[1] / range[0], yolo_rng_uniform(rng)));
  const float scale = draw_extent(rng, side, first) / sqrtf(unit_area(o->class_index)), most = largest_radius(side);
  o->cosine = cosf(angle);
  o->sine = sinf(angle);
  o->half_w = fminf(scale / stretch, most);
  o->half_h = fminf(scale * stretch, most);
  o->radius = fmaxf(o->half_w, o->half_h);
}

/* ---- place ---- */

/* Counts the object's pixels that lie in the picture, and those it would take from each earlier one. */
static int measure(const yolo_scene *s, const yolo_scene_object *o, int taken[YOLO_SYNTH_MOST_OBJECTS + 1]) {
  const uint8_t *cover = s->stencil;
  int inside = 0;
  memset(taken, 0, (YOLO_SYNTH_MOST_OBJECTS + 1) * sizeof *taken);
  for (int y = o->row - s->reach; y <= o->row + s->reach; y++)
    for (int x = o->column - s->reach; x <= o->column + s->reach; x++, cover++) {
      if (*cover < YOLO_SCENE_MASKED || x < 0 || y < 0 || x >= s->width || y >= s->height) continue;
      inside++;
      taken[s->owner[(size_t)y * (size_t)s->width + (size_t)x]]++;
    }
  return inside;
}

static bool fits(const yolo_scene *s, yolo_scene_object *objects, int count, yolo_scene_object *o, int attempt) {
  int taken[YOLO_SYNTH_MOST_OBJECTS + 1], covered = 0;
  o->seen = measure(s, o, taken);
  if (o->seen < LEAST_PIXELS || (float)o->seen < least_seen * (float)o->full) return false;
  for (int i = 0; i < count; i++) {
    const int left = objects[i].seen - taken[i + 1];
    covered += taken[i + 1];
    if (taken[i + 1] && (left < LEAST_PIXELS || (float)left < least_seen * (float)objects[i].full)) return false;
  }
  if (covered && attempt < NOT_CROWDED && attempt % 10 != 9) return false; /* free places are preferred, not required */
  for (int i = 0; i < count; i++) objects[i].seen -= taken[i + 1];
  return true;
}

/* Mostly whole in the picture, one in eight cut by its edge. */
static float draw_centre(yolo_rng *rng, float radius, int limit, bool cut) {
  if (cut) return yolo_synth_between(rng, 0, (float)limit);
  return yolo_synth_between(rng, 0.92f * radius, (float)limit - 0.92f * radius);
}

static bool place(yolo_scene *s, yolo_rng *rng, yolo_scene_object *objects, int count, yolo_scene_object *o) {
  const bool cut = yolo_synth_chance(rng, 0.125f);
  const float part_x = yolo_rng_uniform(rng), part_y = yolo_rng_uniform(rng); /* of a pixel */
  for (int attempt = 0; attempt < PLACES; attempt++) {
    o->column = (int)draw_centre(rng, o->radius, s->width, cut);
    o->row = (int)draw_centre(rng, o->radius, s->height, cut);
    o->x = (float)o->column + part_x;
    o->y = (float)o->row + part_y;
    if (attempt == 0) yolo_scene_cut_stencil(s, o);
    if (fits(s, objects, count, o, attempt)) return true;
  }
  return false;
}

static void mean_colour(const yolo_scene *s, const yolo_scene_object *o, float rgb[3]) {
  int left, right, top, bottom, n = 0;
  yolo_scene_reach(o->x, o->radius, s->width, &left, &right);
  yolo_scene_reach(o->y, o->radius, s->height, &top, &bottom);
  rgb[0] = rgb[1] = rgb[2] = 0;
  for (int y = top; y < bottom; y++)
    for (int x = left; x < right; x++, n++)
      for (int c = 0; c < 3; c++) rgb[c] += s->rgb[((size_t)y * (size_t)s->width + (size_t)x) * 3 + (size_t)c];
  for (int c = 0; c < 3; c++) rgb[c] /= (float)(n > 0 ? n : 1);
}

/* ---- a picture ---- */

/* Objects come with the square root of the room there is: 2 to 9 in 256 x 256, 2 to 18 in 640 x 640. */
static int wanted_objects(yolo_rng *rng, int width, int height) {
  const int most = (int)(sqrtf((float)width * (float)height) / 40) + 3;
  const int n = 2 + yolo_synth_below(rng, most - 1);
  return n < YOLO_SYNTH_MOST_OBJECTS ? n : YOLO_SYNTH_MOST_OBJECTS;
}

/* The first object has the empty picture before it and may be tried as often as it takes. */
static int fill_scene(yolo_scene *s, uint64_t seed, uint64_t number, yolo_scene_object *objects, int *classes) {
  yolo_rng rng = stream(seed, number, DRAW_SCENE), background = stream(seed, number, DRAW_BACKGROUND);
  const int wanted = wanted_objects(&rng, s->width, s->height);
  const float side = (float)(s->width < s->height ? s->width : s->height), light = yolo_synth_between(&rng, 3.4f, 6);
  int count = 0;
  s->light_x = cosf(light); /* from above, left or right */
  s->light_y = sinf(light);
  s->shadow = yolo_synth_between(&rng, 0.2f, 0.5f);
  yolo_scene_background(s, &background);
  for (int i = 0; count < wanted && (i < wanted || count == 0); i++) {
    yolo_rng own = stream(seed, number, DRAW_OBJECTS + i % (DRAW_STREAMS - DRAW_OBJECTS));
    yolo_scene_object *o = &objects[count];
    float behind[3];
    own.position = (uint64_t)(i / (DRAW_STREAMS - DRAW_OBJECTS)) << 20;
    draw_shape(&own, side, count == 0, o);
    if (!place(s, &own, objects, count, o)) continue;
    mean_colour(s, o, behind);
    yolo_paint_object(&own, o->radius, behind, &o->paint);
    classes[count++] = o->class_index;
    yolo_scene_paint(s, o, count);
  }
  return count;
}

static yolo_status cut_masks(const yolo_scene *s, const int *classes, int count, uint8_t *scratch, yolo_synth_picture *out) {
  const size_t pixels = (size_t)s->width * (size_t)s->height;
  for (int i = 0; i < count; i++) {
    yolo_synth_object *object = &out->objects[i];
    for (size_t p = 0; p < pixels; p++) scratch[p] = s->owner[p] == i + 1;
    yolo_status st = yolo_rle_encode(scratch, s->height, s->width, (size_t)s->width, 1, &object->mask);
    if (st != YOLO_OK) return st;
    out->count = i + 1;
    object->class_index = classes[i];
    object->area = yolo_rle_area(&object->mask);
    yolo_rle_box(&object->mask, object->box);
  }
  return YOLO_OK;
}

yolo_status yolo_synth_draw(uint64_t seed, uint64_t number, int width, int height, yolo_synth_picture *out) {
  yolo_status st = YOLO_OK;
  yolo_scene_object objects[YOLO_SYNTH_MOST_OBJECTS];
  int classes[YOLO_SYNTH_MOST_OBJECTS];
  yolo_scene scene = {.width = width, .height = height};
  uint8_t *scratch = NULL;
  if (width < YOLO_SYNTH_LEAST_SIDE || height < YOLO_SYNTH_LEAST_SIDE || width > YOLO_SYNTH_MOST_SIDE ||
      height > YOLO_SYNTH_MOST_SIDE)
    return yolo_fail(YOLO_EINVAL, "a picture of %d x %d cannot be drawn: each side is %d to %d pixels", width, height,
                     YOLO_SYNTH_LEAST_SIDE, YOLO_SYNTH_MOST_SIDE);
  const size_t pixels = (size_t)width * (size_t)height;
  yolo_rng camera = stream(seed, number, DRAW_CAMERA);
  yolo_synth_release(out);
  scene.rgb = yolo_alloc_array(pixels, 3 * sizeof *scene.rgb);
  scene.owner = yolo_calloc(pixels, 1);
  scene.stencil = yolo_alloc(yolo_scene_stencil_size(largest_radius((float)(width < height ? width : height))));
  scratch = yolo_alloc(pixels);
  if (!scene.rgb || !scene.owner || !scene.stencil || !scratch) {
    st = YOLO_ENOMEM;
    goto done;
  }
  YOLO_TRY(yolo_image_new(width, height, &out->image));
  const int count = fill_scene(&scene, seed, number, objects, classes);
  YOLO_TRY(cut_masks(&scene, classes, count, scratch, out));
  yolo_scene_develop(&scene, &camera, out->image.pixels);
done:
  if (st != YOLO_OK) yolo_synth_release(out);
  yolo_free(scene.rgb);
  yolo_free(scene.owner);
  yolo_free(scene.stencil);
  yolo_free(scratch);
  return st;
}

void yolo_synth_release(yolo_synth_picture *picture) {
  for (int i = 0; i < YOLO_SYNTH_MOST_OBJECTS; i++) yolo_rle_free(&picture->objects[i].mask);
  yolo_image_release(&picture->image);
  *picture = (yolo_synth_picture){0};
}
