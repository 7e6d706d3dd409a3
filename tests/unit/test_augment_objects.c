/* Augmentation: boxes and masks stay on their objects. Every transform alone and every preset runs over many seeds on pictures
 * whose objects have a colour each; where pixels keep their colour the object is looked for in the result, else the moved mask
 * is held against the moved box. */
#include "tests/sanitized.h"
#include "tests/unit/augment_fixture.h"

#include <math.h>
#include <stdio.h>

#include "tests/unit/suite.h"

enum { SIDE = 512, SEEDS = SANITIZED ? 8 : 40, TOLERANCE = 3 };

typedef struct found { /* on the pixel grid, upper ends outside */
  int x1, y1, x2, y2;
  size_t pixels, both, either; /* with the filled outline */
} found;

/* At least half of the pixel is the object's colour, the rest the ground: t is its share on the line between them. */
static bool belongs(const uint8_t *p, const int to_colour[3], int length) {
  int along = 0;
  for (int c = 0; c < 3; c++) along += (p[c] - SCENE_GROUND) * to_colour[c];
  if (along * 2 < length || along > length * 1.1) return false;
  double t = (double)along / length, off = 0;
  for (int c = 0; c < 3; c++) off += pow(p[c] - SCENE_GROUND - t * to_colour[c], 2);
  return off <= TOLERANCE * TOLERANCE;
}

static found look_for(const yolo_sample *s, const yolo_object *o) {
  const yolo_image *image = &s->image;
  found f = {image->width, image->height, 0, 0, 0, 0, 0};
  uint8_t rgb[3], *mask = calloc((size_t)image->width, (size_t)image->height);
  int to_colour[3], length = 0;
  scene_colour(o->class_index, rgb);
  for (int c = 0; c < 3; c++) to_colour[c] = rgb[c] - SCENE_GROUND;
  for (int c = 0; c < 3; c++) length += to_colour[c] * to_colour[c];
  if (o->outline.n_rings) {
    ck_assert_int_eq(yolo_outline_fill(&o->outline, 0, 0, 1, image->width, image->height, mask), YOLO_OK);
  }
  for (int y = 0; y < image->height; y++) {
    for (int x = 0; x < image->width; x++) {
      size_t at = (size_t)y * (size_t)image->width + (size_t)x;
      bool here = belongs(image->pixels + at * 3, to_colour, length), filled = mask[at];
      f.both += here && filled;
      f.either += here || filled;
      if (!here) continue;
      f.pixels++;
      if (x < f.x1) f.x1 = x;
      if (y < f.y1) f.y1 = y;
      if (x >= f.x2) f.x2 = x + 1;
      if (y >= f.y2) f.y2 = y + 1;
    }
  }
  free(mask);
  return f;
}

/* The box of what the outline fills: what stands in for pixels where colours are not kept. */
static found look_at_mask(const yolo_sample *s, const yolo_object *o) {
  found f = {SIDE, SIDE, 0, 0, 0, 0, 0};
  uint8_t *mask = malloc((size_t)SIDE * SIDE);
  ck_assert_int_eq(s->image.width, SIDE);
  ck_assert_int_eq(yolo_outline_fill(&o->outline, 0, 0, 1, SIDE, SIDE, mask), YOLO_OK);
  for (int i = 0; i < SIDE * SIDE; i++) {
    if (!mask[i]) continue;
    f.pixels++;
    if (i % SIDE < f.x1) f.x1 = i % SIDE;
    if (i / SIDE < f.y1) f.y1 = i / SIDE;
    if (i % SIDE >= f.x2) f.x2 = i % SIDE + 1;
    if (i / SIDE >= f.y2) f.y2 = i / SIDE + 1;
  }
  f.both = f.either = f.pixels;
  free(mask);
  return f;
}

static double iou(const yolo_object *o, const found *f) {
  double x1 = fmax(o->x1, f->x1), y1 = fmax(o->y1, f->y1), x2 = fmin(o->x2, f->x2), y2 = fmin(o->y2, f->y2);
  double both = x2 > x1 && y2 > y1 ? (x2 - x1) * (y2 - y1) : 0;
  return both / ((double)(o->x2 - o->x1) * (double)(o->y2 - o->y1) + (double)(f->x2 - f->x1) * (double)(f->y2 - f->y1) - both);
}

/* Where the filled mask reaches only with threads of less than three pixels, half a pixel more or less decides. */
static bool is_thin(const yolo_object *o) {
  uint8_t *mask = malloc((size_t)SIDE * SIDE);
  float box[4] = {SIDE, SIDE, 0, 0};
  ck_assert_int_eq(yolo_outline_fill(&o->outline, 0, 0, 1, SIDE, SIDE, mask), YOLO_OK);
  for (int y = 1; y < SIDE - 1; y++) {
    for (int x = 1; x < SIDE - 1; x++) {
      int filled = 0;
      for (int k = 0; k < 9; k++) filled += mask[(y + k / 3 - 1) * SIDE + x + k % 3 - 1];
      if (filled < 9) continue;
      box[0] = fminf(box[0], (float)x - 1);
      box[1] = fminf(box[1], (float)y - 1);
      box[2] = fmaxf(box[2], (float)x + 2);
      box[3] = fmaxf(box[3], (float)y + 2);
    }
  }
  free(mask);
  return box[0] > o->x1 + 3 || box[1] > o->y1 + 3 || box[2] < o->x2 - 3 || box[3] < o->y2 - 3;
}

/* Objects keep their colour; they do, but lie under others; only masks can be held against boxes. */
typedef enum looks { PIXELS, COVERED, MASKS } looks;

typedef struct tally {
  int objects, masks, skipped;
  double worst_box, worst_mask;
} tally;

/* Objects of at least 40 pixels: an IoU of 0.95. */
static void judge(const char *what, uint64_t seed, const scenes *from, const yolo_sample *s, looks how, tally *t) {
  bool pixels = how != MASKS;
  for (int i = 0; i < s->n_objects; i++) {
    const yolo_object *o = &s->objects[i];
    bool masked = o->outline.n_rings > 0;
    ck_assert_msg(o->x1 >= 0 && o->y1 >= 0 && o->x2 <= s->image.width && o->y2 <= s->image.height, "%s: outside", what);
    if (o->x2 - o->x1 < 40 || o->y2 - o->y1 < 40) continue;
    bool hidden = how == COVERED && o->visible < 1 && !masked; /* a box does not follow what covers it */
    if (from->loads[o->class_index / SCENE_OBJECTS] > 1 || (!pixels && !masked) || hidden ||
        (masked && o->visible < 1 && is_thin(o))) {
      t->skipped++;
      continue;
    }
    found f = pixels ? look_for(s, o) : look_at_mask(s, o);
    double overlap = iou(o, &f);
    t->objects++;
    if (overlap < t->worst_box) t->worst_box = overlap;
    ck_assert_msg(overlap >= 0.95, "%s, seed %d: box %g %g %g %g, there %d %d %d %d: IoU %.3f", what, (int)seed, (double)o->x1,
                  (double)o->y1, (double)o->x2, (double)o->y2, f.x1, f.y1, f.x2, f.y2, overlap);
    if (!masked) continue;
    t->masks++;
    double same = (double)f.both / (double)f.either;
    if (same < t->worst_mask) t->worst_mask = same;
    ck_assert_msg(same >= 0.95, "%s, seed %d: object %d: mask and pixels have an IoU of %.3f", what, (int)seed, i, same);
  }
}

static void run_many(const char *what, const yolo_augment *a, looks how, int least) {
  scenes s;
  yolo_sample out = {0};
  tally t = {0, 0, 0, 1, 1};
  scenes_make(&s, false);
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    yolo_augmenter *augmenter = augmenter_for(a, &s, seed);
    memset(s.loads, 0, sizeof s.loads);
    ck_assert_int_eq(yolo_augmenter_run(augmenter, (int)seed % 7, seed % SCENES, SIDE, SIDE, &out), YOLO_OK);
    judge(what, seed, &s, &out, how, &t);
    yolo_augmenter_free(augmenter);
  }
  printf("%-14s %4d boxes, worst IoU %.3f; %4d masks, worst IoU %.3f; %d skipped\n", what, t.objects, t.worst_box, t.masks,
         t.worst_mask, t.skipped);
  least = least * SEEDS / 40; /* fewer under sanitizers */
  ck_assert_msg(t.objects >= least, "%s: only %d objects were measured", what, t.objects);
  yolo_sample_free(&out);
  scenes_free(&s);
}

/* ---- one transform at a time ---- */

typedef struct row {
  const char *name;
  size_t at;
  double value, second; /* second: of a range */
  looks how;
} row;
#define AT(field) offsetof(yolo_augment, field)

static const row rows[] = {
    {"nothing", AT(keep_area), 0.1, 0, PIXELS},
    {"flip", AT(flip), 0.5, 0, PIXELS},
    {"flip_vertical", AT(flip_vertical), 0.5, 0, PIXELS},
    {"translate", AT(translate), 0.3, 0, PIXELS},
    {"scale", AT(scale), 0.6, 1.7, PIXELS},
    {"rotate", AT(rotate), 180, 0, PIXELS},
    {"shear", AT(shear), 20, 0, PIXELS},
    {"perspective", AT(perspective), 0.001, 0, PIXELS},
    {"jitter", AT(jitter), 0.3, 0, PIXELS},
    {"crop", AT(crop), 1, 0, PIXELS},
    {"expand", AT(expand), 1, 0, PIXELS},
    {"area_crop", AT(area_crop), 0.3, 1, PIXELS},
    {"mosaic", AT(mosaic), 1, 0, PIXELS},
    {"copy_paste", AT(copy_paste), 1, 0, COVERED},
    {"cutmix", AT(cutmix), 1, 0, COVERED},
    {"mixup", AT(mixup), 1, 0, MASKS},
    {"hue", AT(hue), 0.5, 0, MASKS},
    {"saturation", AT(saturation), 0.7, 0, MASKS},
    {"brightness", AT(brightness), 0.2, 0, MASKS},
    {"blur", AT(blur), 1, 0, MASKS},
    {"noise", AT(noise), 1, 0, MASKS},
    {"erase", AT(erase), 1, 0, MASKS},
};

START_TEST(alone) {
  const row *r = &rows[_i];
  yolo_augment a;
  yolo_augment_use_preset(&a, YOLO_PRESET_NONE);
  double *value = (double *)((char *)&a + r->at);
  value[0] = r->value;
  if (r->second > 0) value[1] = r->second;
  run_many(r->name, &a, r->how, 30);
}
END_TEST

/* ---- whole presets; their geometry again without the colours, so that pixels can be looked at ---- */

static const char *const preset_names[] = {"none", "darknet", "yolov5", "ssd", "classify"};

START_TEST(preset) {
  yolo_augment a;
  yolo_augment_use_preset(&a, (yolo_augment_preset)_i);
  run_many(preset_names[_i], &a, MASKS, 20);
}
END_TEST

START_TEST(preset_geometry) {
  yolo_augment a;
  yolo_augment_use_preset(&a, (yolo_augment_preset)_i);
  a.colour_chance = 0;
  run_many(preset_names[_i], &a, PIXELS, 20);
}
END_TEST

START_TEST(everything_together) {
  yolo_augment a;
  yolo_augment_use_preset(&a, YOLO_PRESET_YOLOV5);
  a.colour_chance = 0;
  a.rotate = 30;
  a.shear = 5;
  a.perspective = 0.0005;
  a.copy_paste = a.cutmix = 0.5;
  a.crop = a.expand = 0.2;
  a.mosaic = 0.7;
  a.flip_vertical = 0.3;
  run_many("everything", &a, COVERED, 40);
  a.mosaic_canvas = 1;
  a.jitter = 0.2;
  run_many("everything, 1", &a, COVERED, 40);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("augment_objects");
  TCase *c = tcase_create("objects");
  tcase_set_timeout(c, 300);
  tcase_add_loop_test(c, alone, 0, (int)(sizeof rows / sizeof *rows));
  tcase_add_loop_test(c, preset, 0, 5);
  tcase_add_loop_test(c, preset_geometry, 0, 5);
  tcase_add_test(c, everything_together);
  suite_add_tcase(suite, c);
  return suite_run(suite) != 0;
}
