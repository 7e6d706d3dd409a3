/* The picture maker: a picture is a function of its seed and number alone, and its masks and boxes are true. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/threads.h"
#include "datasets/folder.h"
#include "datasets/synth_set.h"
#include "tests/unit/formats_fixture.h"
#include "tests/unit/suite.h"

static void draw(uint64_t seed, uint64_t number, int width, int height, yolo_synth_picture *out) {
  ck_assert_msg(yolo_synth_draw(seed, number, width, height, out) == YOLO_OK, "%s", yolo_error_message());
}

static bool same(const yolo_synth_picture *a, const yolo_synth_picture *b) {
  const size_t bytes = (size_t)a->image.width * (size_t)a->image.height * 3;
  if (a->count != b->count || memcmp(a->image.pixels, b->image.pixels, bytes) != 0) return false;
  for (int i = 0; i < a->count; i++) {
    const yolo_synth_object *x = &a->objects[i], *y = &b->objects[i];
    if (x->class_index != y->class_index || x->area != y->area || memcmp(x->box, y->box, sizeof x->box) != 0) return false;
    if (x->mask.count != y->mask.count || memcmp(x->mask.runs, y->mask.runs, x->mask.count * sizeof *x->mask.runs) != 0)
      return false;
  }
  return true;
}

enum { PICTURES = 12 };
static void draw_task(void *payload, int task, int thread) {
  (void)thread;
  /* From the last to the first: no picture may lean on the one before. */
  yolo_synth_draw(7, (uint64_t)(PICTURES - 1 - task), 160, 120, (yolo_synth_picture *)payload + (PICTURES - 1 - task));
}

START_TEST(pure) {
  static yolo_synth_picture one[PICTURES], many[PICTURES];
  for (int i = 0; i < PICTURES; i++) draw(7, (uint64_t)i, 160, 120, &one[i]);
  for (int threads = 1; threads <= 7; threads += 3) {
    yolo_parallel(threads, PICTURES, draw_task, many);
    for (int i = 0; i < PICTURES; i++) ck_assert_msg(same(&one[i], &many[i]), "picture %d, %d threads", i, threads);
  }
  draw(8, 0, 160, 120, &many[0]);
  ck_assert(!same(&one[0], &many[0]));
  for (int i = 1; i < PICTURES; i++) ck_assert(!same(&one[0], &one[i]));
  for (int i = 0; i < PICTURES; i++) {
    yolo_synth_release(&one[i]);
    yolo_synth_release(&many[i]);
  }
}
END_TEST

/* Sum of brightness steps between a pixel of the mask and its neighbour outside, both moved by (dx, dy). */
static double edge_strength(const yolo_image *image, const uint8_t *mask, int dx, int dy, long *steps) {
  double sum = 0;
  const int w = image->width, h = image->height;
  for (int y = 8; y < h - 8; y++)
    for (int x = 8; x < w - 8; x++) {
      const int at = y * w + x;
      if (!mask[at] || mask[at + 1]) continue;
      const uint8_t *inside = &image->pixels[((y + dy) * w + x + dx - 1) * 3], *outside = inside + 9;
      for (int c = 0; c < 3; c++) sum += abs(inside[c] - outside[c]);
      ++*steps;
    }
  return sum;
}

static void check_object(const yolo_synth_picture *p, const yolo_synth_object *o, uint8_t *mask, uint8_t *taken) {
  const int w = p->image.width, h = p->image.height;
  int x1 = w, y1 = h, x2 = -1, y2 = -1;
  uint32_t area = 0;
  ck_assert(o->class_index >= 0 && o->class_index < YOLO_SYNTH_CLASSES);
  ck_assert(o->mask.width == w && o->mask.height == h);
  yolo_rle_decode(&o->mask, mask, (size_t)w, 1);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      if (!mask[y * w + x]) continue;
      ck_assert_msg(!taken[y * w + x], "a pixel belongs to two objects");
      taken[y * w + x] = 1;
      area++;
      if (x < x1) x1 = x;
      if (y < y1) y1 = y;
      if (x > x2) x2 = x;
      if (y > y2) y2 = y;
    }
  ck_assert_uint_eq(area, o->area);
  ck_assert_uint_ge(area, 40);
  ck_assert(o->box[0] == x1 && o->box[1] == y1 && o->box[2] == x2 - x1 + 1 && o->box[3] == y2 - y1 + 1);
}

/* Boxes are tight, masks disjoint and inside; and the picture has an edge where a mask ends, not a few pixels beside it. */
START_TEST(masks) {
  enum { W = 256, H = 192 };
  static uint8_t mask[W * H], taken[W * H];
  yolo_synth_picture p = {0};
  double on = 0, beside = 0;
  long steps = 0;
  for (int i = 0; i < 40; i++) {
    draw(3, (uint64_t)i, W, H, &p);
    ck_assert_int_ge(p.count, 1);
    memset(taken, 0, sizeof taken);
    for (int k = 0; k < p.count; k++) {
      check_object(&p, &p.objects[k], mask, taken);
      on += edge_strength(&p.image, mask, 0, 0, &steps);
      beside += (edge_strength(&p.image, mask, 5, 3, &steps) + edge_strength(&p.image, mask, -4, 5, &steps)) / 2;
    }
  }
  ck_assert_int_gt(steps, 10000);
  ck_assert_msg(on > 2 * beside, "edges at the masks' borders: %g, beside them: %g", on, beside);
  yolo_synth_release(&p);
}
END_TEST

static void count(int side, int pictures, int sizes[3], int classes[YOLO_SYNTH_CLASSES]) {
  yolo_synth_picture p = {0};
  memset(sizes, 0, 3 * sizeof *sizes);
  memset(classes, 0, YOLO_SYNTH_CLASSES * sizeof *classes);
  for (int i = 0; i < pictures; i++) {
    draw(1, (uint64_t)i, side, side, &p);
    for (int k = 0; k < p.count; k++) {
      const uint32_t area = p.objects[k].area;
      sizes[area < 32 * 32 ? 0 : area < 96 * 96 ? 1 : 2]++;
      classes[p.objects[k].class_index]++;
    }
  }
  yolo_synth_release(&p);
}

START_TEST(balance) {
  int sizes[3], classes[YOLO_SYNTH_CLASSES];
  count(256, 160, sizes, classes);
  const int all = sizes[0] + sizes[1] + sizes[2];
  ck_assert_int_gt(all, 4 * 160);
  for (int i = 0; i < 3; i++) ck_assert_msg(sizes[i] * 10 > all, "size class %d: %d of %d", i, sizes[i], all);
  for (int i = 0; i < YOLO_SYNTH_CLASSES; i++) {
    const double share = (double)classes[i] * YOLO_SYNTH_CLASSES / all;
    ck_assert_msg(share > 0.7 && share < 1.4, "%s: %d of %d", yolo_synth_names[i], classes[i], all);
  }
  count(512, 12, sizes, classes);
  for (int i = 0; i < 3; i++) ck_assert_int_gt(sizes[i], 5);
  count(64, 40, sizes, classes);
  ck_assert_int_gt(sizes[0], 0);
  ck_assert_int_eq(sizes[2], 0); /* there is no room for large ones */
}
END_TEST

START_TEST(limits) {
  static const int sizes[][2] = {{63, 100}, {100, 63}, {4097, 100}, {100, 4097}, {0, 0}, {-5, 100}};
  yolo_synth_picture p = {0};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    ck_assert_int_eq(yolo_synth_draw(1, 1, sizes[i][0], sizes[i][1], &p), YOLO_EINVAL);
    ck_assert_ptr_nonnull(strstr(yolo_error_message(), "64 to 4096"));
  }
  draw(UINT64_MAX, UINT64_MAX, 64, 700, &p);
  ck_assert(p.image.width == 64 && p.image.height == 700);
  yolo_synth_release(&p);
}
END_TEST

START_TEST(short_memory) {
  const long before = yolo_memory_get_stats().live;
  yolo_synth_picture p = {0};
  int failures = 0;
  for (long nth = 1;; nth++, failures++) {
    yolo_memory_fail_at(nth);
    const yolo_status st = yolo_synth_draw(5, 2, 96, 96, &p);
    yolo_memory_fail_at(0);
    if (st == YOLO_OK) break;
    ck_assert_int_eq(st, YOLO_ENOMEM);
    ck_assert_int_eq(p.count, 0);
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
  }
  ck_assert_int_ge(failures, 5);
  yolo_synth_release(&p);
  ck_assert_int_eq(yolo_memory_get_stats().live, before);
}
END_TEST

/* ---- a whole set ---- */

static bool at_most(void *payload, size_t done) { return done <= *(size_t *)payload; }

START_TEST(a_set_is_written_stopped_and_written_over) {
  yolo_synth_plan plan = {.folder = "set", .counts = {9, 2}, .width = 64, .height = 96, .threads = 1, .seed = 3};
  yolo_synth_tally tally;
  size_t most = 4;
  ck_assert_int_eq(yolo_synth_write(&plan, at_most, &most, &tally), YOLO_ECANCELLED);
  ck_assert_uint_eq(tally.images, 8); /* portions of four a thread */
  ck_assert(yolo_is_file("set/images/train/000008.jpg") && !yolo_is_file("set/data.cfg"));
  most = 11;
  ck_assert_msg(yolo_synth_write(&plan, at_most, &most, &tally) == YOLO_OK, "%s", yolo_error_message());
  ck_assert_uint_eq(tally.images, 11);
  ck_assert_uint_eq(tally.sizes[0] + tally.sizes[1] + tally.sizes[2], tally.objects);
  ck_assert(yolo_is_file("set/data.cfg"));
  plan.counts[0] = 3;
  plan.counts[1] = 0;
  ck_assert_int_eq(yolo_synth_write(&plan, NULL, NULL, &tally), YOLO_OK);
  ck_assert(yolo_is_file("set/images/train/000003.jpg") && !yolo_is_file("set/images/train/000004.jpg"));
  ck_assert(!yolo_is_file("set/images/val/000001.jpg") && !yolo_is_file("set/annotations/instances_val.json"));
  yolo_dataset *d = open_set("coco", "set/annotations/instances_train.json", "set/images/train", NULL);
  ck_assert_uint_eq(d->n_images, 3);
  ck_assert_uint_eq(d->n_annotations, tally.objects);
  yolo_dataset_free(d);
  put_text("theirs/notes.txt", "mine");
  plan.folder = "theirs";
  ck_assert_int_eq(yolo_synth_write(&plan, NULL, NULL, &tally), YOLO_EINVAL);
}
END_TEST

START_TEST(a_set_in_short_memory) {
  const yolo_synth_plan plan = {.folder = "short", .counts = {1, 0}, .width = 64, .height = 64, .threads = 1, .seed = 1};
  const long before = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  yolo_synth_tally tally;
  long nth = 0;
  while (st != YOLO_OK) {
    ck_assert_int_lt(nth, 1000);
    yolo_memory_fail_at(++nth);
    st = yolo_synth_write(&plan, NULL, NULL, &tally);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
    ck_assert_msg(st == YOLO_OK || st == YOLO_ENOMEM, "%ld: %s", nth, yolo_error_message());
    ck_assert(st == YOLO_OK || !yolo_is_file("short/data.cfg"));
  }
  ck_assert_int_gt(nth, 20);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("synth");
  TCase *tests = tcase_create("synth");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, pure);
  tcase_add_test(tests, masks);
  tcase_add_test(tests, balance);
  tcase_add_test(tests, limits);
  tcase_add_test(tests, short_memory);
  suite_add_tcase(suite, tests);
  TCase *sets = tcase_create("sets");
  tcase_set_timeout(sets, 120);
  tcase_add_unchecked_fixture(sets, scratch_begin, scratch_end);
  tcase_add_test(sets, a_set_is_written_stopped_and_written_over);
  tcase_add_test(sets, a_set_in_short_memory);
  suite_add_tcase(suite, sets);
  return suite_run(suite) ? EXIT_FAILURE : EXIT_SUCCESS;
}
