/* Augmentation: what is drawn is a pure function of seed, epoch and image; the fit is that of `detect`; label maps move along;
 * settings and presets; strange pictures; memory. */
#include "tests/sanitized.h"
#include "tests/unit/augment_fixture.h"

#include <pthread.h>

#include "datasets/resize.h"
#include "tests/unit/suite.h"

static scenes toys;
static void make_toys(void) { scenes_make(&toys, true); }
static void free_toys(void) { scenes_free(&toys); }

static yolo_augment preset(yolo_augment_preset p) {
  yolo_augment a;
  yolo_augment_use_preset(&a, p);
  return a;
}

/* Everything at once: whatever draws, draws. */
static yolo_augment everything(void) {
  yolo_augment a = preset(YOLO_PRESET_YOLOV5);
  a.rotate = 20;
  a.shear = 5;
  a.perspective = 0.0003;
  a.jitter = 0.1;
  a.crop = a.expand = 0.3;
  a.mosaic = a.mixup = a.cutmix = a.copy_paste = a.blur = a.noise = a.erase = 0.5;
  a.contrast = a.brightness = 0.2;
  return a;
}

/* FNV-1a over all that a sample says. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
  return hash;
}
static uint64_t hash_of(const yolo_sample *s) {
  size_t pixels = (size_t)s->image.width * (size_t)s->image.height;
  uint64_t h = mix(14695981039346656037u, s->image.pixels, pixels * 3);
  if (s->label_map) h = mix(h, s->label_map, pixels);
  for (int i = 0; i < s->n_objects; i++) {
    const yolo_object *o = &s->objects[i];
    h = mix(h, &o->x1, 4 * sizeof o->x1);
    h = mix(h, &o->weight, 2 * sizeof o->weight);
    h = mix(h, o->outline.xy, (size_t)o->outline.n_points * 2 * sizeof *o->outline.xy);
  }
  return mix(h, &s->label_share, sizeof s->label_share);
}

static uint64_t run_hash(yolo_augmenter *g, int epoch, size_t index, yolo_sample *out) {
  ck_assert_int_eq(yolo_augmenter_run(g, epoch, index, 320, 256, out), YOLO_OK);
  return hash_of(out);
}

/* ---- determinism ---- */

enum { CASES = SANITIZED ? 8 : 24 };
typedef struct part {
  pthread_t thread;
  const yolo_augment *augment;
  uint64_t *hashes;
  int first, step;
} part;

static void *run_part(void *payload) {
  part *p = payload;
  yolo_sample out = {0};
  yolo_sample_source source = {scenes_load_shared, SCENES, &toys};
  yolo_augmenter *g = NULL;
  if (yolo_augmenter_new(p->augment, &source, 5, &g) != YOLO_OK) return NULL;
  for (int i = p->first; i < CASES; i += p->step) {
    if (yolo_augmenter_run(g, i % 3, (size_t)i % SCENES, 320, 256, &out) == YOLO_OK) p->hashes[i] = hash_of(&out);
  }
  yolo_augmenter_free(g);
  yolo_sample_free(&out);
  return NULL;
}

START_TEST(same_seed_same_bytes) {
  yolo_augment a = everything();
  uint64_t one[CASES] = {0}, many[CASES] = {0};
  part parts[7], alone = {.augment = &a, .hashes = one, .step = 1};
  run_part(&alone);
  for (int i = 0; i < 7; i++) {
    parts[i] = (part){.augment = &a, .hashes = many, .first = 6 - i, .step = 7};
    ck_assert_int_eq(pthread_create(&parts[i].thread, NULL, run_part, &parts[i]), 0);
  }
  for (int i = 0; i < 7; i++) pthread_join(parts[i].thread, NULL);
  for (int i = 0; i < CASES; i++) {
    ck_assert(one[i] != 0);
    ck_assert(one[i] == many[i]);
  }
}
END_TEST

/* Backwards, with other images in between and into a sample that held something else. */
START_TEST(order_changes_nothing) {
  yolo_augment a = everything();
  yolo_augmenter *g = augmenter_for(&a, &toys, 1), *h = augmenter_for(&a, &toys, 1);
  yolo_sample out = {0}, other = {0};
  uint64_t forth[CASES];
  for (int i = 0; i < CASES; i++) forth[i] = run_hash(g, 4, (size_t)i, &out);
  for (int i = CASES - 1; i >= 0; i--) {
    run_hash(h, 9, (size_t)i + 3, &other);
    ck_assert(run_hash(h, 4, (size_t)i, &other) == forth[i]);
  }
  yolo_sample_free(&out);
  yolo_sample_free(&other);
  yolo_augmenter_free(g);
  yolo_augmenter_free(h);
}
END_TEST

START_TEST(epochs_seeds_and_images_differ) {
  yolo_augment a = preset(YOLO_PRESET_YOLOV5);
  yolo_augmenter *g = augmenter_for(&a, &toys, 1), *h = augmenter_for(&a, &toys, 2);
  yolo_sample out = {0};
  uint64_t first = run_hash(g, 0, 0, &out);
  ck_assert(run_hash(g, 0, 0, &out) == first);
  ck_assert(run_hash(g, 1, 0, &out) != first);
  ck_assert(run_hash(g, 0, 1, &out) != first);
  ck_assert(run_hash(h, 0, 0, &out) != first);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
  yolo_augmenter_free(h);
}
END_TEST

/* A setting more moves no other draw: the boxes of a picture are those without blur, noise and colours. */
START_TEST(purposes_are_apart) {
  yolo_augment plain = preset(YOLO_PRESET_YOLOV5), more = plain;
  more.blur = more.noise = more.erase = 1;
  more.brightness = 0.5;
  yolo_augmenter *g = augmenter_for(&plain, &toys, 3), *h = augmenter_for(&more, &toys, 3);
  yolo_sample a = {0}, b = {0};
  for (size_t i = 0; i < 10; i++) {
    ck_assert(run_hash(g, 0, i, &a) != run_hash(h, 0, i, &b));
    ck_assert_int_eq(a.n_objects, b.n_objects);
    for (int k = 0; k < a.n_objects; k++) ck_assert(memcmp(&a.objects[k].x1, &b.objects[k].x1, 4 * sizeof(float)) == 0);
  }
  yolo_sample_free(&a);
  yolo_sample_free(&b);
  yolo_augmenter_free(g);
  yolo_augmenter_free(h);
}
END_TEST

/* ---- the fit ---- */

/* What `detect` makes of the picture, in bytes. */
static void expect_like_detect(const yolo_image *in, yolo_resize_fit fit, const yolo_image *got) {
  yolo_preprocess how = {.fit = fit, .filter = YOLO_FILTER_HALF_PIXEL, .pad = 114.0f / 255};
  int w = got->width, h = got->height;
  float *data = malloc((size_t)w * (size_t)h * 3 * sizeof *data);
  yolo_tensor input = yolo_tensor_dense(data, (yolo_shape){1, h, w, 3});
  yolo_pixels pixels = yolo_image_pixels(in);
  yolo_placement place;
  ck_assert_int_eq(yolo_preprocess_run(&how, &pixels, &input, 0, &place), YOLO_OK);
  for (int i = 0; i < w * h * 3; i++) {
    ck_assert_msg(fabsf(data[i] * 255 - (float)got->pixels[i]) <= 1.5f, "value %d: %.2f, got %d", i, (double)data[i] * 255,
                  got->pixels[i]);
  }
  free(data);
}

START_TEST(fit_is_that_of_detect) {
  yolo_augment a = preset(YOLO_PRESET_NONE);
  a.fit = _i ? YOLO_AUGMENT_STRETCH : YOLO_AUGMENT_LETTERBOX;
  yolo_augmenter *g = augmenter_for(&a, &toys, 1);
  yolo_sample out = {0}, run = {0};
  yolo_preprocess how = {.fit = _i ? YOLO_FIT_STRETCH : YOLO_FIT_LETTERBOX};
  for (size_t i = 0; i < 12; i++) {
    const yolo_sample *in = &toys.all[i];
    int w = 200 + (int)i * 31, h = 416;
    ck_assert_int_eq(yolo_augmenter_fit(g, i, w, h, &out), YOLO_OK);
    expect_like_detect(&in->image, how.fit, &out.image);
    yolo_placement p = yolo_preprocess_place(&how, in->image.width, in->image.height, w, h);
    ck_assert_int_eq(out.n_objects, in->n_objects);
    for (int k = 0; k < out.n_objects; k++) {
      ck_assert_float_eq_tol(out.objects[k].x1, in->objects[k].x1 * p.scale_x + p.offset_x, 1e-3f);
      ck_assert_float_eq_tol(out.objects[k].y2, in->objects[k].y2 * p.scale_y + p.offset_y, 1e-3f);
      ck_assert(out.objects[k].visible == 1 && out.objects[k].weight == 1);
    }
    ck_assert_int_eq(yolo_augmenter_run(g, 3, i, w, h, &run), YOLO_OK); /* none: the same */
    ck_assert(hash_of(&run) == hash_of(&out));
  }
  yolo_sample_free(&out);
  yolo_sample_free(&run);
  yolo_augmenter_free(g);
}
END_TEST

START_TEST(crop_fills_the_input) {
  yolo_augment a = preset(YOLO_PRESET_CLASSIFY);
  yolo_augmenter *g = augmenter_for(&a, &toys, 1);
  yolo_sample out = {0};
  ck_assert_int_eq(yolo_augmenter_fit(g, 7, 224, 224, &out), YOLO_OK);
  ck_assert_int_eq(out.label, 7);
  for (int i = 0; i < 224 * 224; i++) ck_assert_int_ne(out.label_map[i], YOLO_LABEL_IGNORE);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
}
END_TEST

/* A flip of a flip, at the picture's own size, is the picture. */
START_TEST(flips_twice_are_identity) {
  yolo_augment a = preset(YOLO_PRESET_NONE);
  *(_i ? &a.flip_vertical : &a.flip) = 1;
  yolo_sample_source again = {scenes_load_one, 1, NULL};
  yolo_sample once = {0}, twice = {0};
  yolo_augmenter *g = augmenter_for(&a, &toys, 1), *h = NULL;
  const yolo_sample *in = &toys.all[3];
  int w = in->image.width, height = in->image.height;
  ck_assert_int_eq(yolo_augmenter_run(g, 0, 3, w, height, &once), YOLO_OK);
  ck_assert(memcmp(once.image.pixels, in->image.pixels, (size_t)w * (size_t)height * 3) != 0);
  again.payload = &once;
  ck_assert_int_eq(yolo_augmenter_new(&a, &again, 1, &h), YOLO_OK);
  ck_assert_int_eq(yolo_augmenter_run(h, 0, 0, w, height, &twice), YOLO_OK);
  ck_assert(memcmp(twice.image.pixels, in->image.pixels, (size_t)w * (size_t)height * 3) == 0);
  ck_assert(memcmp(twice.label_map, in->label_map, (size_t)w * (size_t)height) == 0);
  for (int k = 0; k < in->n_objects; k++) {
    ck_assert_float_eq_tol(twice.objects[k].x1, in->objects[k].x1, 1e-3f);
    ck_assert_float_eq_tol(twice.objects[k].y2, in->objects[k].y2, 1e-3f);
  }
  yolo_sample_free(&once);
  yolo_sample_free(&twice);
  yolo_augmenter_free(g);
  yolo_augmenter_free(h);
}
END_TEST

/* ---- label maps ---- */

/* A pixel of a pure colour has that colour's class in the label map. */
static int count_wrong(const yolo_sample *s, int *pure) {
  uint8_t colours[SCENE_COLOURS][3];
  int wrong = 0;
  for (int k = 0; k < SCENE_COLOURS; k++) scene_colour(k, colours[k]);
  for (int i = 0; i < s->image.width * s->image.height; i++) {
    const uint8_t *p = s->image.pixels + (size_t)i * 3;
    for (int k = 0; k < SCENE_COLOURS; k++) {
      if (memcmp(p, colours[k], 3) != 0) continue;
      ++*pure;
      wrong += s->label_map[i] != k;
    }
  }
  return wrong;
}

START_TEST(label_maps_move_along) {
  yolo_augment a = everything();
  a.colour_chance = a.blur = a.noise = a.erase = a.mixup = 0;
  yolo_augmenter *g = augmenter_for(&a, &toys, 8);
  yolo_sample out = {0};
  int pure = 0, wrong = 0;
  for (size_t i = 0; i < 12; i++) {
    ck_assert_int_eq(yolo_augmenter_run(g, 0, i, 160, 160, &out), YOLO_OK);
    wrong += count_wrong(&out, &pure);
  }
  ck_assert_msg(pure > 20000 && wrong * 1000 < pure, "%d of %d pixels have another label", wrong, pure);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("augment");
  TCase *c = tcase_create("augment");
  tcase_set_timeout(c, 300);
  tcase_add_unchecked_fixture(c, make_toys, free_toys);
  tcase_add_test(c, same_seed_same_bytes);
  tcase_add_test(c, order_changes_nothing);
  tcase_add_test(c, epochs_seeds_and_images_differ);
  tcase_add_test(c, purposes_are_apart);
  tcase_add_loop_test(c, fit_is_that_of_detect, 0, 2);
  tcase_add_test(c, crop_fills_the_input);
  tcase_add_loop_test(c, flips_twice_are_identity, 0, 2);
  tcase_add_test(c, label_maps_move_along);
  suite_add_tcase(suite, c);
  return suite_run(suite) != 0;
}
