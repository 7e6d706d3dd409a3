/* Augmentation: pictures made of two, what is dropped, settings and presets, samples from a dataset, strange pictures, memory.
 */
#include "tests/unit/augment_fixture.h"

#include "tests/unit/suite.h"

enum { SIDE = 256 }; /* of what is made */

static scenes toys;
static void make_toys(void) { scenes_make(&toys, false); }
static void free_toys(void) { scenes_free(&toys); }

static yolo_augment none_but(void) {
  yolo_augment a;
  yolo_augment_use_preset(&a, YOLO_PRESET_NONE);
  return a;
}

static void run(yolo_augmenter *g, int epoch, size_t index, yolo_sample *out) {
  ck_assert_int_eq(yolo_augmenter_run(g, epoch, index, SIDE, SIDE, out), YOLO_OK);
}

/* A grey picture with one object, with a mask or without. */
static void plain_scene(yolo_sample *s, uint8_t grey, float x1, float y1, float x2, float y2, bool masked) {
  yolo_object *o = NULL;
  ck_assert_int_eq(yolo_sample_reserve_image(s, SIDE, SIDE), YOLO_OK);
  memset(s->image.pixels, grey, (size_t)SIDE * SIDE * 3);
  ck_assert_int_eq(yolo_sample_push(s, &o), YOLO_OK);
  o->x1 = x1;
  o->y1 = y1;
  o->x2 = x2;
  o->y2 = y2;
  o->class_index = grey;
  s->label = grey;
  if (masked) scene_outline(SHAPE_RECTANGLE, x1, y1, x2, y2, &o->outline);
}

/* ---- two pictures ---- */

/* Two images, of grey 50 and 200: which is the second is drawn. */
typedef struct pair {
  yolo_sample images[2];
} pair;
static yolo_status load_pair(void *payload, size_t index, yolo_sample *out) {
  return scene_lend(&((pair *)payload)->images[index], index, out);
}
static yolo_augmenter *pair_augmenter(const yolo_augment *a, pair *p, bool masked) {
  yolo_sample_source source = {load_pair, 2, p};
  yolo_augmenter *g = NULL;
  memset(p, 0, sizeof *p);
  plain_scene(&p->images[0], 50, 20, 30, 120, 230, masked);
  plain_scene(&p->images[1], 200, 100, 90, 250, 180, masked);
  ck_assert_int_eq(yolo_augmenter_new(a, &source, 11, &g), YOLO_OK);
  return g;
}
static void pair_free(pair *p) {
  yolo_sample_free(&p->images[0]);
  yolo_sample_free(&p->images[1]);
}

START_TEST(mixup_blends_by_its_share) {
  yolo_augment a = none_but();
  a.mixup = 1;
  a.mixup_beta = _i ? 32 : 0.4;
  pair p;
  yolo_augmenter *g = pair_augmenter(&a, &p, true);
  yolo_sample out = {0};
  double sum = 0;
  for (int epoch = 0; epoch < 40; epoch++) {
    run(g, epoch, 0, &out);
    ck_assert_int_eq(out.n_objects, 2);
    ck_assert_int_eq(out.label, 50);
    double want = out.label_share * 50.0 + (1 - out.label_share) * (double)out.label2;
    ck_assert_double_eq_tol(out.image.pixels[1000], want, 0.6);
    ck_assert_float_eq_tol(out.objects[0].weight, out.label_share, 1e-6f);
    ck_assert_float_eq_tol(out.objects[0].weight + out.objects[1].weight, 1, 1e-6f);
    sum += fabs((double)out.label_share - 0.5);
  }
  /* mean |x - 1/2|: Beta(32, 32) 0.0494; Beta(0.4, 0.4) 0.336 */
  ck_assert_double_eq_tol(sum / 40, _i ? 0.0494 : 0.336, _i ? 0.02 : 0.08);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
  pair_free(&p);
}
END_TEST

static int count_grey(const yolo_sample *s, int grey, const yolo_object *inside) {
  int n = 0;
  for (int y = 0; y < SIDE; y++) {
    for (int x = 0; x < SIDE; x++) {
      if (inside && ((float)x + 0.5f < inside->x1 || (float)x + 0.5f > inside->x2 || (float)y + 0.5f < inside->y1 ||
                     (float)y + 0.5f > inside->y2))
        continue;
      n += s->image.pixels[(y * SIDE + x) * 3] == grey;
    }
  }
  return n;
}

/* Objects below the rectangle: their visible share is that of their own grey in their own place; below keep_area they go.
 * Objects of the rectangle are clipped to it. */
START_TEST(cutmix_cuts_what_it_covers) {
  yolo_augment a = none_but();
  a.cutmix = 1;
  a.keep_area = 0.3;
  pair p;
  yolo_augmenter *g = pair_augmenter(&a, &p, _i == 1);
  yolo_sample out = {0};
  int dropped = 0, cut = 0, seen = 0;
  for (int epoch = 0; epoch < 300; epoch++) {
    run(g, epoch, 0, &out);
    if (out.label2 != 200) continue;
    seen++;
    ck_assert_float_eq_tol(out.label_share, (float)count_grey(&out, 50, NULL) / (SIDE * SIDE), 1e-6f);
    float share = (float)count_grey(&out, 50, &p.images[0].objects[0]) / (100 * 200);
    bool first = out.n_objects > 0 && out.objects[0].class_index == 50;
    if (fabsf(share - 0.3f) > 0.01f) ck_assert_int_eq(first, share > 0.3f);
    dropped += !first;
    if (first) ck_assert_float_eq_tol(out.objects[0].visible, share, 0.005f);
    cut += first && share < 1;
    for (int i = first; i < out.n_objects; i++) {
      ck_assert_int_eq(out.objects[i].class_index, 200);
      ck_assert_int_eq(count_grey(&out, 50, &out.objects[i]), 0);
    }
  }
  ck_assert(seen > 100 && dropped > 10 && cut > 30);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
  pair_free(&p);
}
END_TEST

/* What is pasted lies on top: its mask shows the other image, and the mask below loses it. */
START_TEST(pasted_objects_lie_on_top) {
  yolo_augment a = none_but();
  a.copy_paste = 1;
  pair p;
  yolo_augmenter *g = pair_augmenter(&a, &p, true);
  yolo_sample out = {0};
  uint8_t *below = malloc((size_t)SIDE * SIDE), *above = malloc((size_t)SIDE * SIDE);
  int pasted = 0;
  for (int epoch = 0; epoch < 60; epoch++) {
    run(g, epoch, 0, &out);
    if (out.n_objects != 2 || out.objects[1].class_index != 200) continue;
    pasted++;
    ck_assert_int_eq(yolo_outline_fill(&out.objects[0].outline, 0, 0, 1, SIDE, SIDE, below), YOLO_OK);
    ck_assert_int_eq(yolo_outline_fill(&out.objects[1].outline, 0, 0, 1, SIDE, SIDE, above), YOLO_OK);
    for (int i = 0; i < SIDE * SIDE; i++) {
      ck_assert_int_eq(out.image.pixels[i * 3], above[i] ? 200 : 50);
      ck_assert(!(above[i] && below[i]));
    }
    ck_assert_float_eq_tol(out.objects[0].visible, 1 - 20.0f * 90 / (100 * 200), 1e-3f);
  }
  ck_assert_int_gt(pasted, 5);
  free(below);
  free(above);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
  pair_free(&p);
}
END_TEST

/* ---- what stays ---- */

START_TEST(ssd_keeps_objects_by_their_centre) {
  yolo_augment a;
  yolo_augment_use_preset(&a, YOLO_PRESET_SSD);
  a.expand = 0;
  a.crop = 1;
  a.flip = 0;
  yolo_augmenter *g = augmenter_for(&a, &toys, 4);
  yolo_sample out = {0};
  int cut = 0, objects = 0;
  for (size_t i = 0; i < 100; i++) {
    run(g, 0, i % SCENES, &out);
    ck_assert_int_gt(out.n_objects, 0); /* a crop without any centre is not taken */
    objects += out.n_objects;
    for (int k = 0; k < out.n_objects; k++) cut += out.objects[k].visible < 0.99f;
  }
  ck_assert(objects < 100 * SCENE_OBJECTS && cut > 20);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
}
END_TEST

START_TEST(little_that_is_left_goes) {
  yolo_augment a = none_but();
  a.translate = 0.9;
  a.keep_area = 0.5;
  a.keep_pixels = 10;
  yolo_augmenter *g = augmenter_for(&a, &toys, 4);
  yolo_sample out = {0};
  int gone = 0;
  for (size_t i = 0; i < 100; i++) {
    run(g, 0, i % SCENES, &out);
    gone += SCENE_OBJECTS - out.n_objects;
    for (int k = 0; k < out.n_objects; k++) {
      const yolo_object *o = &out.objects[k];
      ck_assert(o->visible >= 0.5f && o->x2 - o->x1 > 10 && o->y2 - o->y1 > 10);
    }
  }
  ck_assert_int_gt(gone, 50);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
}
END_TEST

/* ---- settings ---- */

START_TEST(defaults_are_the_preset_auto) {
  yolo_augment from_rows, none;
  memset(&from_rows, 0, sizeof from_rows);
  memset(&none, 0, sizeof none);
  ck_assert_int_eq(yolo_settings_defaults(&yolo_augment_section, &from_rows), YOLO_OK);
  yolo_augment_use_preset(&none, YOLO_PRESET_AUTO);
  for (const yolo_setting *row = yolo_augment_section.rows; row->name; row++) {
    yolo_text a = {0}, b = {0};
    ck_assert_int_eq(yolo_settings_show(row, &from_rows, &a), YOLO_OK);
    ck_assert_int_eq(yolo_settings_show(row, &none, &b), YOLO_OK);
    ck_assert_msg(strcmp(a.data, b.data) == 0, "%s: %s by default, %s in the preset", row->name, a.data, b.data);
    yolo_text_free(&a);
    yolo_text_free(&b);
  }
}
END_TEST

/* The published numbers, and every value of every preset within the limits of its row. */
START_TEST(presets_have_their_values) {
  yolo_augment a;
  yolo_augment_use_preset(&a, YOLO_PRESET_YOLOV5);
  ck_assert(a.hue == 0.015 && a.saturation == 0.7 && a.value == 0.4 && a.translate == 0.1 && a.flip == 0.5);
  ck_assert(a.scale[0] == 0.5 && a.scale[1] == 1.5 && a.mosaic == 1 && a.mixup == 0 && a.fill == 114);
  yolo_augment_use_preset(&a, YOLO_PRESET_DARKNET);
  ck_assert(a.hue == 0.1 && a.saturation_factor == 1.5 && a.exposure == 1.5 && a.jitter == 0.3 && a.mosaic == 0.5);
  ck_assert(a.mosaic_cut[0] == 0.2 && a.mosaic_cut[1] == 0.8 && a.fit == YOLO_AUGMENT_STRETCH && a.saturation == 0);
  for (int p = YOLO_PRESET_NONE; p <= YOLO_PRESET_CLASSIFY; p++) {
    yolo_augment_use_preset(&a, (yolo_augment_preset)p);
    ck_assert_int_eq(a.preset, p);
    for (const yolo_setting *row = yolo_augment_section.rows; row->name; row++) {
      yolo_text text = {0};
      yolo_augment again = a;
      ck_assert_int_eq(yolo_settings_show(row, &a, &text), YOLO_OK);
      ck_assert_msg(yolo_settings_put(&yolo_augment_section, &again, row->name, text.data, "test", NULL) == YOLO_OK, "%s",
                    yolo_error_message());
      yolo_text_free(&text);
    }
  }
}
END_TEST

/* ---- strange pictures ---- */

static void run_strange(yolo_sample *s, int width, int height) {
  yolo_sample_source source = {scenes_load_one, 1, s};
  yolo_sample out = {0};
  for (int p = YOLO_PRESET_NONE; p <= YOLO_PRESET_CLASSIFY; p++) {
    yolo_augment a;
    yolo_augmenter *g = NULL;
    yolo_augment_use_preset(&a, (yolo_augment_preset)p);
    a.copy_paste = a.cutmix = a.mixup = a.erase = a.blur = a.noise = p ? 0.5 : 0;
    a.perspective = p % 2 ? 0.001 : 0;
    ck_assert_int_eq(yolo_augmenter_new(&a, &source, 3, &g), YOLO_OK);
    for (int epoch = 0; epoch < 12; epoch++) {
      ck_assert_int_eq(yolo_augmenter_run(g, epoch, 0, width, height, &out), YOLO_OK);
      ck_assert(out.image.width == width && out.image.height == height);
      for (int i = 0; i < out.n_objects; i++) {
        const yolo_object *o = &out.objects[i];
        ck_assert(o->x1 >= 0 && o->y1 >= 0 && o->x2 <= (float)width && o->y2 <= (float)height && o->x2 > o->x1);
      }
    }
    yolo_augmenter_free(g);
  }
  yolo_sample_free(&out);
}

static void add_box(yolo_sample *s, float x1, float y1, float x2, float y2, bool masked) {
  yolo_object *o = NULL;
  ck_assert_int_eq(yolo_sample_push(s, &o), YOLO_OK);
  o->x1 = x1;
  o->y1 = y1;
  o->x2 = x2;
  o->y2 = y2;
  o->flags = YOLO_ANNOTATION_CROWD;
  if (masked) scene_outline(SHAPE_RING, x1, y1, x2, y2, &o->outline);
}

START_TEST(strange_pictures_and_objects) {
  static const int sizes[][2] = {{1, 1}, {1, 700}, {900, 2}, {33, 57}};
  static const float boxes[][4] = {{-1e9f, -1e9f, 1e9f, 1e9f}, {500, 500, 900, 900},  {5, 5, 5, 5}, {0, 0, 1, 1}, {10, 3, 2, 1},
                                   {-50, 0, 20, 40},           {0.1f, 0, 0.2f, 0.01f}};
  for (int i = 0; i < 4; i++) {
    yolo_sample s = {0};
    ck_assert_int_eq(yolo_sample_reserve_image(&s, sizes[i][0], sizes[i][1]), YOLO_OK);
    memset(s.image.pixels, 90, (size_t)sizes[i][0] * (size_t)sizes[i][1] * 3);
    run_strange(&s, 64, 48);
    for (int k = 0; k < 14; k++) add_box(&s, boxes[k / 2][0], boxes[k / 2][1], boxes[k / 2][2], boxes[k / 2][3], k % 2);
    add_box(&s, NAN, 0, 10, INFINITY, _i);
    add_box(&s, INFINITY, -INFINITY, NAN, 3e38f, _i);
    run_strange(&s, 64, 48);
    run_strange(&s, 1, 1);
    run_strange(&s, 3, 200);
    yolo_sample_free(&s);
  }
}
END_TEST

START_TEST(bad_requests_are_refused) {
  yolo_augment a = none_but();
  yolo_augmenter *g = augmenter_for(&a, &toys, 1);
  yolo_sample out = {0};
  ck_assert_int_eq(yolo_augmenter_run(g, 0, SCENES, 64, 64, &out), YOLO_EINVAL);
  ck_assert_int_eq(yolo_augmenter_run(g, 0, 0, 0, 64, &out), YOLO_EINVAL);
  ck_assert_int_eq(yolo_augmenter_fit(g, 0, 64, YOLO_IMAGE_MAX_SIDE + 1, &out), YOLO_EINVAL);
  ck_assert_int_eq(yolo_augmenter_fit(g, 0, 64, 64, &out), YOLO_OK);
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
}
END_TEST

/* ---- memory ---- */

static yolo_augment everything(void) {
  yolo_augment a;
  yolo_augment_use_preset(&a, YOLO_PRESET_YOLOV5);
  a.rotate = 20;
  a.mosaic = a.mixup = a.cutmix = a.copy_paste = a.blur = a.noise = a.erase = 0.6;
  return a;
}

/* But for the scratch of yolo_outline_fill, which masks that are cut need. */
START_TEST(nothing_is_allocated_once_warm) {
  yolo_augment a = everything();
  a.copy_paste = a.cutmix = 0;
  for (int i = 0; i < SCENES; i++) {
    for (int k = 0; k < SCENE_OBJECTS; k++) yolo_outline_clear(&toys.all[i].objects[k].outline);
  }
  yolo_augmenter *g = augmenter_for(&a, &toys, 9);
  yolo_sample out = {0};
  for (size_t i = 0; i < 3 * SCENES; i++) run(g, (int)(i / SCENES), i % SCENES, &out);
  long before = yolo_memory_get_stats().calls;
  for (size_t i = 0; i < 3 * SCENES; i++) run(g, (int)(i / SCENES), i % SCENES, &out);
  long after = yolo_memory_get_stats().calls;
  yolo_sample_free(&out);
  yolo_augmenter_free(g);
  free_toys();
  make_toys();
  ck_assert_int_eq(after, before);
}
END_TEST

START_TEST(every_allocation_may_fail) {
  yolo_augment a = everything();
  yolo_sample_source source = {scenes_load, SCENES, &toys};
  long live = yolo_memory_get_stats().live;
  int failed = 0;
  for (long nth = 1;; nth++) {
    yolo_augmenter *g = NULL;
    yolo_sample out = {0};
    yolo_memory_fail_at(nth);
    yolo_status st = yolo_augmenter_new(&a, &source, 3, &g);
    for (size_t i = 0; i < 6 && st == YOLO_OK; i++) st = yolo_augmenter_run(g, 0, i, 64, 64, &out);
    yolo_memory_fail_at(0);
    yolo_augmenter_free(g);
    yolo_sample_free(&out);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
    failed++;
  }
  ck_assert_int_gt(failed, 20);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("augment_mix");
  TCase *c = tcase_create("augment_mix");
  tcase_set_timeout(c, 300);
  tcase_add_unchecked_fixture(c, make_toys, free_toys);
  tcase_add_loop_test(c, mixup_blends_by_its_share, 0, 2);
  tcase_add_loop_test(c, cutmix_cuts_what_it_covers, 0, 2);
  tcase_add_test(c, pasted_objects_lie_on_top);
  tcase_add_test(c, ssd_keeps_objects_by_their_centre);
  tcase_add_test(c, little_that_is_left_goes);
  tcase_add_test(c, defaults_are_the_preset_auto);
  tcase_add_test(c, presets_have_their_values);
  tcase_add_loop_test(c, strange_pictures_and_objects, 0, 2);
  tcase_add_test(c, bad_requests_are_refused);
  tcase_add_test(c, nothing_is_allocated_once_warm);
  tcase_add_test(c, every_allocation_may_fail);
  suite_add_tcase(suite, c);
  return suite_run(suite) != 0;
}
