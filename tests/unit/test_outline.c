/* datasets/outline.h: tracing and filling give back the mask, boxes and areas against plain counting, cuts, hostile numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "datasets/outline.h"
#include "suite.h"

static yolo_rng rng;

static int below(int n) { return (int)(yolo_rng_u32(&rng) % (uint32_t)n); }
static double uniform(double low, double high) { return low + (high - low) * (double)yolo_rng_uniform(&rng); }

/* Noise of some density, or blocks that touch at corners. */
static void random_mask(uint8_t *mask, int height, int width) {
  const int kind = below(4), density = 1 + below(99);
  memset(mask, 0, (size_t)height * (size_t)width);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      uint8_t *pixel = &mask[y * width + x];
      if (kind <= 1) *pixel = below(100) < density;
      if (kind == 2) *pixel = (x / 3 + y / 2) % 2;
      if (kind == 3)
        *pixel = (x - width / 2) * (x - width / 2) + (y - height / 2) * (y - height / 2) < width * height / 6 && x % 7;
    }
}

static void trace(const uint8_t *mask, int height, int width, yolo_outline *outline) {
  yolo_rle rle = {0};
  ck_assert_int_eq(yolo_rle_encode(mask, height, width, (size_t)width, 1, &rle), YOLO_OK);
  ck_assert_int_eq(yolo_outline_from_rle(outline, &rle), YOLO_OK);
  yolo_rle_free(&rle);
}

START_TEST(traced_and_filled_is_the_mask) {
  static uint8_t mask[40 * 40], filled[40 * 40];
  yolo_outline outline = {0};
  for (int round = 0; round < 1500; round++) {
    const int height = 1 + below(40), width = 1 + below(40);
    random_mask(mask, height, width);
    yolo_outline_clear(&outline);
    trace(mask, height, width, &outline);
    ck_assert_int_eq(yolo_outline_fill(&outline, 0, 0, 1, width, height, filled), YOLO_OK);
    ck_assert_mem_eq(mask, filled, (size_t)height * (size_t)width);
  }
  yolo_outline_free(&outline);
}
END_TEST

/* Signed areas of rings in one part add up to the pixels: holes turn the other way, and no ring crosses itself. */
START_TEST(areas_and_boxes_of_traced_masks_are_exact) {
  static uint8_t mask[40 * 40];
  yolo_outline outline = {0};
  for (int round = 0; round < 1500; round++) {
    const int height = 1 + below(40), width = 1 + below(40);
    const int w = 1 + below(width), h = 1 + below(height); /* a clip through whole pixels */
    int x1 = 99, y1 = 99, x2 = 0, y2 = 0, count = 0;
    double box[4], area;
    bool any;
    random_mask(mask, height, width);
    yolo_outline_clear(&outline);
    trace(mask, height, width, &outline);
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) {
        if (!mask[y * width + x]) continue;
        count++;
        if (x < x1) x1 = x;
        if (y < y1) y1 = y;
        if (x + 1 > x2) x2 = x + 1;
        if (y + 1 > y2) y2 = y + 1;
      }
    ck_assert_int_eq(yolo_outline_bounds(&outline, w, h, box, &area, &any), YOLO_OK);
    ck_assert_int_eq(any, count > 0);
    ck_assert_double_eq(area, count);
    if (count > 0) {
      const double expected[4] = {x1, y1, x2, y2};
      ck_assert_mem_eq(box, expected, sizeof box);
    }
  }
  yolo_outline_free(&outline);
}
END_TEST

START_TEST(diagonal_pixels_are_two_rings_and_a_hole_turns_back) {
  const uint8_t diagonal[4] = {1, 0, 0, 1}, other[4] = {0, 1, 1, 0}, hole[9] = {1, 1, 1, 1, 0, 1, 1, 1, 1};
  yolo_outline outline = {0};
  trace(diagonal, 2, 2, &outline);
  ck_assert_int_eq(outline.n_rings, 2);
  ck_assert_int_eq(outline.n_parts, 1);
  ck_assert_int_eq(outline.n_points, 8);
  yolo_outline_clear(&outline);
  trace(other, 2, 2, &outline);
  ck_assert_int_eq(outline.n_rings, 2);
  yolo_outline_clear(&outline);
  trace(hole, 3, 3, &outline);
  ck_assert_int_eq(outline.n_rings, 2);
  ck_assert_int_eq(outline.rings[0].part, outline.rings[1].part);
  yolo_outline_free(&outline);
}
END_TEST

START_TEST(runs_over_columns_and_empty_runs_are_traced) {
  uint32_t runs[] = {2, 3, 0, 4, 3}, nothing[] = {12, 0}, early[] = {1, 2};
  yolo_outline outline = {0};
  yolo_rle rle = {3, 4, 5, runs};
  uint8_t filled[12];
  const uint8_t expected[12] = {0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 0}; /* pixels 2..8, in columns of 3 */
  ck_assert_int_eq(yolo_outline_from_rle(&outline, &rle), YOLO_OK);
  ck_assert_int_eq(yolo_outline_fill(&outline, 0, 0, 1, 4, 3, filled), YOLO_OK);
  ck_assert_mem_eq(filled, expected, sizeof filled);
  yolo_outline_clear(&outline);
  rle = (yolo_rle){3, 4, 2, nothing};
  ck_assert_int_eq(yolo_outline_from_rle(&outline, &rle), YOLO_OK);
  ck_assert_int_eq(outline.n_rings, 0);
  rle = (yolo_rle){3, 4, 2, early}; /* as a merge may leave it: the rest is background */
  ck_assert_int_eq(yolo_outline_from_rle(&outline, &rle), YOLO_OK);
  ck_assert_int_eq(outline.n_points, 4);
  yolo_outline_free(&outline);
}
END_TEST

/* ---- polygons ---- */

/* Whether a point lies in the union of the parts and in no cut, by the definition. */
static bool is_inside(const yolo_outline *o, double x, double y) {
  bool in = false, in_cut = false;
  for (int part = 0; part < o->n_parts; part++) {
    bool odd = false, cut = false;
    for (int r = 0; r < o->n_rings; r++) {
      if (o->rings[r].part != part) continue;
      cut = o->rings[r].cut;
      for (int i = 0; i < o->rings[r].count; i++) {
        const float *a = o->xy + 2 * (o->rings[r].first + i),
                    *b = o->xy + 2 * (o->rings[r].first + (i + 1) % o->rings[r].count);
        if ((a[1] <= y) == (b[1] <= y)) continue;
        if (a[0] + (y - a[1]) * ((double)b[0] - a[0]) / ((double)b[1] - a[1]) <= x) odd = !odd;
      }
    }
    in = in || (odd && !cut);
    in_cut = in_cut || (odd && cut);
  }
  return in && !in_cut;
}

static void random_part(yolo_outline *outline, double size, bool cut) {
  float xy[24];
  const int n = 3 + below(10), kind = below(4);
  const double cx = uniform(-.3, 1.3) * size, cy = uniform(-.3, 1.3) * size, radius = uniform(.05, 1) * size;
  for (int i = 0; i < n; i++) {
    const double angle = 6.283185307 * i / n, r = radius * (kind == 0 ? 1 : uniform(.3, 1));
    xy[2 * i] = (float)(kind == 3 ? uniform(-.5, 1.5) * size : cx + r * cos(angle));
    xy[2 * i + 1] = (float)(kind == 3 ? uniform(-.5, 1.5) * size : cy + r * sin(angle));
    if (kind == 2) xy[2 * i] = roundf(xy[2 * i]), xy[2 * i + 1] = roundf(xy[2 * i + 1]);
  }
  ck_assert_int_eq(yolo_outline_add(outline, xy, n, cut), YOLO_OK);
}

START_TEST(filling_is_the_definition) {
  enum { SIZE = 32 };
  static uint8_t filled[SIZE * SIZE];
  static const double scales[] = {1, .25, 2, .7};
  yolo_outline outline = {0};
  for (int round = 0; round < 600; round++) {
    const double scale = scales[below(4)], x0 = below(3) ? 0 : uniform(-10, 10), y0 = below(3) ? 0 : below(9);
    const int width = 1 + below(SIZE), height = 1 + below(SIZE);
    yolo_outline_clear(&outline);
    for (int i = 1 + below(3); i > 0; i--) random_part(&outline, SIZE, false);
    for (int i = below(3); i > 0; i--) random_part(&outline, SIZE, true);
    ck_assert_int_eq(yolo_outline_fill(&outline, x0, y0, scale, width, height, filled), YOLO_OK);
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++)
        if (filled[y * width + x] != is_inside(&outline, x0 + (x + .5) / scale, y0 + (y + .5) / scale)) {
          /* Only where the centre lies on an edge, but for rounding. */
          const double near = 1e-4, cx = x0 + (x + .5) / scale, cy = y0 + (y + .5) / scale;
          const int around = is_inside(&outline, cx - near, cy - near) + is_inside(&outline, cx + near, cy + near) +
                             is_inside(&outline, cx - near, cy + near) + is_inside(&outline, cx + near, cy - near);
          ck_assert_msg(around > 0 && around < 4, "pixel %d %d", x, y);
        }
  }
  yolo_outline_free(&outline);
}
END_TEST

/* The box of what lies in the rectangle, by looking at a grid of points: every point inside is in the box, and near every side
 * of the box there is one. */
START_TEST(boxes_of_polygons_hold_what_is_inside_and_no_more) {
  enum { SIZE = 20, FINE = 10 };
  yolo_outline outline = {0};
  for (int round = 0; round < 120; round++) {
    double box[4], area, x1 = 99, y1 = 99, x2 = -1, y2 = -1;
    int count = 0;
    bool any;
    yolo_outline_clear(&outline);
    for (int i = 1 + below(2); i > 0; i--) random_part(&outline, SIZE, false);
    for (int i = 0; i < SIZE * FINE * SIZE * FINE; i++) {
      const double x = (i % (SIZE * FINE) + .5) / FINE, y = (i / (SIZE * FINE) + .5) / FINE;
      if (!is_inside(&outline, x, y)) continue;
      count++;
      x1 = fmin(x1, x), y1 = fmin(y1, y), x2 = fmax(x2, x), y2 = fmax(y2, y);
    }
    ck_assert_int_eq(yolo_outline_bounds(&outline, SIZE, SIZE, box, &area, &any), YOLO_OK);
    if (count == 0) continue; /* a sliver between the points may be there */
    ck_assert(any);
    ck_assert(box[0] >= 0 && box[1] >= 0 && box[2] <= SIZE && box[3] <= SIZE);
    ck_assert(box[0] <= x1 && box[1] <= y1 && box[2] >= x2 && box[3] >= y2);
    /* A pointed end reaches on between the points of the grid: try its points on a finer one. */
    const double eps = .01, ends[4][2] = {{box[0] + eps, 0}, {box[2] - eps, 0}, {box[1] + eps, 1}, {box[3] - eps, 1}};
    for (int e = 0; e < 4; e++) {
      bool found = false;
      for (double v = 5e-5; !found && v < SIZE; v += 1e-4)
        found = ends[e][1] > 0 ? is_inside(&outline, v, ends[e][0]) : is_inside(&outline, ends[e][0], v);
      ck_assert_msg(found, "round %d: nothing at end %d of the box", round, e);
    }
  }
  yolo_outline_free(&outline);
}
END_TEST

START_TEST(areas_of_polygons_are_those_of_geometry) {
  const double square[] = {2, 2, 12, 2, 12, 12, 2, 12}, triangle[] = {-10, 5, 10, -15, 10, 25};
  const double around[] = {-5, -5, 50, -5, 50, 50, -5, 50}, outside[] = {-10, 1, 0, 1, 0, 9, -10, 9};
  yolo_outline outline = {0};
  double box[4], area;
  bool any;
  ck_assert_int_eq(yolo_outline_from_polygon(&outline, square, 8), YOLO_OK);
  ck_assert_int_eq(yolo_outline_bounds(&outline, 8, 30, box, &area, &any), YOLO_OK);
  ck_assert(any && area == 60 && box[0] == 2 && box[1] == 2 && box[2] == 8 && box[3] == 12);
  yolo_outline_clear(&outline);
  ck_assert_int_eq(yolo_outline_from_polygon(&outline, triangle, 6), YOLO_OK);
  ck_assert_int_eq(yolo_outline_bounds(&outline, 10, 10, box, &area, &any), YOLO_OK);
  ck_assert(any && box[0] == 0 && box[1] == 0 && box[2] == 10 && box[3] == 10);
  ck_assert_double_eq_tol(area, 100, 1e-9);
  yolo_outline_clear(&outline);
  ck_assert_int_eq(yolo_outline_from_polygon(&outline, around, 8), YOLO_OK);
  ck_assert_int_eq(yolo_outline_bounds(&outline, 7, 9, box, &area, &any), YOLO_OK);
  ck_assert(any && area == 63 && box[0] == 0 && box[1] == 0 && box[2] == 7 && box[3] == 9);
  yolo_outline_clear(&outline);
  ck_assert_int_eq(yolo_outline_from_polygon(&outline, outside, 8), YOLO_OK); /* only touches the rectangle */
  ck_assert_int_eq(yolo_outline_bounds(&outline, 7, 9, box, &area, &any), YOLO_OK);
  ck_assert(!any && area == 0);
  yolo_outline_free(&outline);
}
END_TEST

START_TEST(cuts_are_taken_away_from_boxes) {
  const float square[] = {2, 2, 12, 2, 12, 12, 2, 12}, over[] = {7, 0, 20, 0, 20, 20, 7, 20}, far[] = {30, 30, 40, 30, 40, 40};
  yolo_outline outline = {0}, all = {0}, pasted = {0};
  double box[4], area;
  bool any;
  ck_assert_int_eq(yolo_outline_add(&outline, square, 4, false), YOLO_OK);
  ck_assert_int_eq(yolo_outline_add(&outline, far, 3, true), YOLO_OK);
  ck_assert_int_eq(yolo_outline_add(&pasted, over, 4, false), YOLO_OK);
  ck_assert_int_eq(yolo_outline_copy(&outline, &all), YOLO_OK);
  ck_assert_int_eq(yolo_outline_join(&all, &pasted, true), YOLO_OK);
  ck_assert_int_eq(all.n_parts, 3);
  ck_assert(all.rings[1].cut && all.rings[2].cut && !all.rings[0].cut);
  ck_assert_int_eq(yolo_outline_bounds(&all, 100, 100, box, &area, &any), YOLO_OK);
  ck_assert(any && area == 50 && box[0] == 2 && box[1] == 2 && box[2] == 7 && box[3] == 12);
  ck_assert_int_eq(yolo_outline_join(&all, &outline, true), YOLO_OK);
  ck_assert_int_eq(yolo_outline_bounds(&all, 100, 100, box, &area, &any), YOLO_OK);
  ck_assert(!any && area == 0);
  ck_assert_int_eq(yolo_outline_bounds(&outline, 100, 100, box, NULL, &any), YOLO_OK);
  ck_assert(any && box[2] == 12);
  yolo_outline_free(&outline);
  yolo_outline_free(&all);
  yolo_outline_free(&pasted);
}
END_TEST

START_TEST(strange_numbers_do_no_harm) {
  const float values[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 0, 3, 1e-40f};
  const double bad[] = {0, 0, 1e300, 0, 5, 5}, line[] = {1, 1, 5, 5};
  static uint8_t filled[16 * 16];
  yolo_outline outline = {0};
  float xy[12];
  double box[4], area;
  bool any;
  for (int round = 0; round < 2000; round++) {
    for (int i = 0; i < 12; i++) xy[i] = values[below(8)];
    yolo_outline_clear(&outline);
    ck_assert_int_eq(yolo_outline_add(&outline, xy, 6, false), YOLO_OK);
    ck_assert_int_eq(yolo_outline_add(&outline, xy + 2, 3, true), YOLO_OK);
    ck_assert_int_eq(yolo_outline_fill(&outline, 0, 0, 1, 16, 16, filled), YOLO_OK);
    ck_assert_int_eq(yolo_outline_bounds(&outline, 16, 16, box, &area, &any), YOLO_OK);
    ck_assert(!any || (box[0] >= 0 && box[1] >= 0 && box[2] <= 16 && box[3] <= 16));
    ck_assert(area >= 0);
  }
  yolo_outline_clear(&outline);
  ck_assert_int_eq(yolo_outline_from_polygon(&outline, bad, 6), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "point 2"));
  ck_assert_int_eq(yolo_outline_from_polygon(&outline, line, 4), YOLO_OK);
  ck_assert_int_eq(outline.n_rings, 0);
  ck_assert_int_eq(yolo_outline_bounds(&outline, 16, 16, box, &area, &any), YOLO_OK);
  ck_assert(!any);
  yolo_outline_free(&outline);
}
END_TEST

/* More crossings than the buffer holds: bands of rows are halved, a row alone is sorted whole. */
START_TEST(many_crossings_are_filled_in_bands) {
  enum { TEETH = 3000, SIZE = 64 };
  static float xy[4 * TEETH];
  static uint8_t filled[SIZE * SIZE];
  yolo_outline outline = {0};
  for (int i = 0; i < 2 * TEETH; i++) {
    xy[2 * i] = (float)i * SIZE / (2 * TEETH);
    xy[2 * i + 1] = i % 2 ? 0 : SIZE;
  }
  ck_assert_int_eq(yolo_outline_add(&outline, xy, 2 * TEETH, false), YOLO_OK);
  ck_assert_int_eq(yolo_outline_fill(&outline, 0, 0, 1, SIZE, SIZE, filled), YOLO_OK);
  for (int i = 0; i < SIZE * SIZE; i += 37) {
    const bool inside = is_inside(&outline, i % SIZE + .5, i / SIZE + .5);
    const bool left = is_inside(&outline, i % SIZE + .4999, i / SIZE + .5),
               right = is_inside(&outline, i % SIZE + .5001, i / SIZE + .5);
    if (inside == left && inside == right) ck_assert_int_eq(filled[i], inside);
  }
  yolo_outline_free(&outline);
}
END_TEST

static yolo_status everything(void) {
  const uint8_t mask[9] = {1, 0, 1, 1, 1, 1, 0, 0, 1};
  const double polygon[] = {0, 0, 3, 0, 3, 3};
  yolo_outline outline = {0}, other = {0};
  yolo_rle rle = {0};
  uint8_t filled[9];
  double box[4];
  bool any;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_rle_encode(mask, 3, 3, 3, 1, &rle));
  YOLO_TRY(yolo_outline_from_rle(&outline, &rle));
  YOLO_TRY(yolo_outline_from_polygon(&outline, polygon, 6));
  YOLO_TRY(yolo_outline_copy(&outline, &other));
  YOLO_TRY(yolo_outline_join(&outline, &other, true));
  YOLO_TRY(yolo_outline_fill(&outline, 0, 0, 1, 3, 3, filled));
  YOLO_TRY(yolo_outline_bounds(&outline, 3, 3, box, NULL, &any));
done:
  yolo_rle_free(&rle);
  yolo_outline_free(&outline);
  yolo_outline_free(&other);
  return st;
}

START_TEST(short_memory_is_an_error_without_a_leak) {
  const long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  int n = 0;
  while (st != YOLO_OK && n < 1000) {
    yolo_memory_fail_at(++n);
    st = everything();
    yolo_memory_fail_at(0);
    ck_assert(st == YOLO_OK || st == YOLO_ENOMEM);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_int_gt(n, 10);
  ck_assert_int_eq(st, YOLO_OK);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("outline");
  TCase *cases = tcase_create("outline");
  rng = (yolo_rng){.key = 7};
  tcase_add_test(cases, traced_and_filled_is_the_mask);
  tcase_add_test(cases, areas_and_boxes_of_traced_masks_are_exact);
  tcase_add_test(cases, diagonal_pixels_are_two_rings_and_a_hole_turns_back);
  tcase_add_test(cases, runs_over_columns_and_empty_runs_are_traced);
  tcase_add_test(cases, filling_is_the_definition);
  tcase_add_test(cases, boxes_of_polygons_hold_what_is_inside_and_no_more);
  tcase_add_test(cases, areas_of_polygons_are_those_of_geometry);
  tcase_add_test(cases, cuts_are_taken_away_from_boxes);
  tcase_add_test(cases, strange_numbers_do_no_harm);
  tcase_add_test(cases, many_crossings_are_filled_in_bands);
  tcase_add_test(cases, short_memory_is_an_error_without_a_leak);
  suite_add_tcase(suite, cases);
  return suite_run(suite) ? EXIT_FAILURE : EXIT_SUCCESS;
}
