/* Rows of heads: the few that pass the filter give what the whole map gives, and no candidate is below the floor. */
#include "tests/unit/detect_fixture.h"

enum { IMAGES = 2, H = 3, W = 2, ANCHORS = 2, EXTRA = 3, MAX_VALUES = IMAGES * H * W * (22 + EXTRA) };

/* The rows that a device would send, as plainly as can be. */
static int pick_rows(const yolo_tensor *map, int n, const yolo_row_filter *filter, yolo_row *rows) {
  int count = 0;
  for (int i = 0; i < H * W * filter->rows; i++) {
    int pixel = i / filter->rows;
    const float *t = yolo_pixel(map, n, pixel / W, pixel % W) + i % filter->rows * filter->row;
    if (t[filter->score] > filter->floor) rows[count++] = (yolo_row){i, t};
  }
  return count;
}

/* Returns how many candidates there are. */
static int expect_rows_are_enough(const yolo_head *head, const yolo_tensor *map, int n, yolo_decode how) {
  yolo_row_filter filter;
  yolo_row rows[H * W * ANCHORS];
  yolo_boxes all = {0}, some = {0};
  head->def->rows(head, &how, &filter);
  ck_assert_int_eq(filter.rows, ANCHORS);
  ck_assert_int_eq(filter.rows * filter.row, map->shape.c);
  int count = pick_rows(map, n, &filter, rows);
  MUST(head->def->decode(head, map, n, &how, &all));
  MUST(yolo_head_decode_rows(head, H, W, rows, count, &how, &some));
  ck_assert_int_eq(all.count, some.count);
  int found = all.count;
  if (found) ck_assert_int_eq(memcmp(all.items, some.items, (size_t)found * sizeof *all.items), 0);
  yolo_boxes_free(&all);
  yolo_boxes_free(&some);
  return found;
}

START_TEST(picked_rows_are_enough) {
  static const struct {
    const char *text;
    int channels;
  } heads[] = {{"[yolo]\nanchors=8,8, 16,16\nclasses=2\nnum=2\n", 14},
               {"[yolo]\nanchors=8,8, 16,16\nclasses=2\nnum=2\nnew_coords=1\nscale_x_y=2\n", 14},
               {"[region]\nanchors=1,1, 2,2\nclasses=2\nnum=2\nsoftmax=1\n", 14},
               {"[Gaussian_yolo]\nanchors=8,8, 16,16\nclasses=2\nnum=2\n", 22}};
  static const float confidences[] = {0, 0.001f, 0.1f, 0.25f, 0.5f, 0.9f, 1};
  static float values[MAX_VALUES];
  yolo_rng rng = {.key = 11};
  for (size_t k = 0; k < sizeof heads / sizeof *heads; k++) {
    yolo_head head;
    int found = 0, channels = heads[k].channels;
    const yolo_tensor map = {values, YOLO_F32, {IMAGES, H, W, channels}, (size_t)(channels + EXTRA)};
    MUST(parse_head(heads[k].text, (yolo_shape){1, H, W, channels}, &head));
    for (int i = 0; i < MAX_VALUES; i++) values[i] = 2 * yolo_rng_normal(&rng);
    for (int c = 0; c < 2 * (int)(sizeof confidences / sizeof *confidences); c++)
      found += expect_rows_are_enough(&head, &map, c % IMAGES, (yolo_decode){64, 32, confidences[c / 2], c % 3 == 0});
    ck_assert_int_gt(found, 20);
    yolo_free(head.attrs);
  }
  ck_assert(!yolo_head_detection.rows && !yolo_head_classify.rows); /* theirs do not stand alone */
}
END_TEST

/* The floor is rounded down to a float, by less than one step. */
START_TEST(floor_is_the_next_float_below) {
  yolo_head head;
  MUST(parse_head("[yolo]\nanchors=8,8\nclasses=1\nnum=1\n", (yolo_shape){1, 1, 1, 6}, &head));
  for (int i = 1; i <= 1000; i++) {
    yolo_row_filter filter;
    yolo_decode how = {.confidence = (float)i / 1000};
    double p = (double)how.confidence - 1e-6, exact = log(p / (1 - p));
    head.def->rows(&head, &how, &filter);
    ck_assert((double)filter.floor <= exact && exact < (double)nextafterf(filter.floor, INFINITY));
    ck_assert(filter.rows == 1 && filter.row == 6 && filter.score == 4);
  }
  yolo_free(head.attrs);
  MUST(parse_head("[yolo]\nanchors=8,8\nclasses=1\nnum=1\nnew_coords=1\n", (yolo_shape){1, 1, 1, 6}, &head));
  for (int i = 0; i <= 10; i++) {
    yolo_row_filter filter;
    yolo_decode how = {.confidence = (float)i / 10};
    head.def->rows(&head, &how, &filter);
    ck_assert(filter.floor == how.confidence);
  }
  yolo_free(head.attrs);
}
END_TEST

int main(void) {
  const TTest *const all[] = {picked_rows_are_enough, floor_is_the_next_float_below};
  return run_suite("rows", all, sizeof all / sizeof all[0]);
}
