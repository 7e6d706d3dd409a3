/* [ssd]: default boxes of SSD300 against the paper's, coding and decoding by hand, what a section refuses, a model from pixels
 * to boxes. */
#include "tests/unit/detect_fixture.h"

#include "detect/ssd.h"

static yolo_ssd_box default_of(const yolo_head *head, int x, int y, int k, int map, int input) {
  const yolo_cell cell = {x, y, k, (double)input / map, (double)input / map};
  return yolo_ssd_default(head->attrs, &cell, input, input);
}

static void expect_box(yolo_ssd_box box, double x, double y, double w, double h) {
  ck_assert_double_eq_tol(box.x, x, 1e-9);
  ck_assert_double_eq_tol(box.y, y, 1e-9);
  ck_assert_double_eq_tol(box.w, w, 1e-6);
  ck_assert_double_eq_tol(box.h, h, 1e-6);
}

/* 38^2 4 + 19^2 6 + 10^2 6 + 5^2 6 + 3^2 4 + 4 (Liu et al., section 3.1). */
START_TEST(boxes_of_ssd300) {
  static const int maps[6] = {38, 19, 10, 5, 3, 1}, per_cell[6] = {4, 6, 6, 6, 4, 4};
  yolo_model_spec spec;
  int count = 0;
  MUST(yolo_model_spec_load("backbone/models/ssd300-vgg16.cfg", NULL, &spec));
  ck_assert_int_eq(spec.n_heads, 6);
  ck_assert_int_eq(spec.classes, 80);
  ck_assert_int_eq(spec.n_names, 80); /* the background has none */
  for (int i = 0; i < 6; i++) {
    const yolo_ssd_attrs *attrs = spec.heads[i].attrs;
    ck_assert_int_eq(spec.graph->nodes[spec.heads[i].node].shape.h, maps[i]);
    ck_assert_int_eq(attrs->n, per_cell[i]);
    count += maps[i] * maps[i] * attrs->n;
  }
  ck_assert_int_eq(count, 8732);
  const yolo_head *first = &spec.heads[0], *second = &spec.heads[1], *last = &spec.heads[5];
  expect_box(default_of(first, 0, 0, 0, 38, 300), 4, 4, 21, 21);
  expect_box(default_of(first, 1, 0, 1, 38, 300), 12, 4, 30.740852297, 30.740852297); /* sqrt(21 45) */
  expect_box(default_of(first, 0, 2, 2, 38, 300), 4, 20, 29.698484810, 14.849242405); /* 21 sqrt(2), 21 / sqrt(2) */
  expect_box(default_of(first, 37, 37, 3, 38, 300), 300, 300, 14.849242405, 29.698484810);
  expect_box(default_of(second, 18, 0, 5, 19, 300), 296, 8, 25.980762114, 77.942286341); /* 45 / sqrt(3) */
  expect_box(default_of(last, 0, 0, 0, 1, 300), 150, 150, 261, 261);
  expect_box(default_of(last, 0, 0, 3, 1, 300), 150, 150, 184.554869890, 369.109739780);
  yolo_model_spec_release(&spec);
}
END_TEST

#define ONE "[ssd]\nclasses=2\nmin_size=8\nmax_size=18\naspect_ratios=4\n"

START_TEST(steps_offsets_edges) {
  yolo_head head;
  MUST(parse_head(ONE, (yolo_shape){1, 4, 4, 28}, &head)); /* no step: the input by the map */
  expect_box(default_of(&head, 3, 1, 1, 4, 64), 56, 24, 12, 12);
  expect_box(default_of(&head, 3, 1, 2, 4, 96), 84, 36, 16, 4);
  yolo_free(head.attrs);
  MUST(parse_head(ONE "step=10\noffset=0\n", (yolo_shape){1, 4, 4, 28}, &head));
  expect_box(default_of(&head, 3, 1, 3, 4, 64), 30, 10, 4, 16);
  yolo_free(head.attrs);
  MUST(parse_head(ONE "step=10\noffset=0\nclip=1\n", (yolo_shape){1, 4, 4, 28}, &head));
  expect_box(default_of(&head, 0, 3, 2, 4, 32), 4, 30, 8, 4); /* -8 to 8 across, 28 to 32 down */
  expect_box(default_of(&head, 3, 0, 2, 4, 32), 27, 1, 10, 2);
  expect_box(default_of(&head, 9, 0, 0, 4, 32), 86, 2, 0, 4); /* outside: no area */
  yolo_free(head.attrs);
  MUST(parse_head("[ssd]\nclasses=2\nmin_size=8\n", (yolo_shape){1, 4, 4, 7}, &head)); /* the square alone */
  ck_assert_int_eq(((yolo_ssd_attrs *)head.attrs)->n, 1);
  yolo_free(head.attrs);
}
END_TEST

START_TEST(coding_and_back) {
  yolo_head head;
  yolo_rng rng = {.key = 5, .stream = 1};
  double t[4];
  MUST(parse_head(ONE, (yolo_shape){1, 4, 4, 28}, &head));
  const yolo_ssd_box from = {20, 30, 10, 40}, known = {21, 22, 20, 20};
  yolo_ssd_encode(head.attrs, &from, &known, t);
  ck_assert_double_eq_tol(t[0], 1, 1e-12);  /* 1 / 10 / 0.1 */
  ck_assert_double_eq_tol(t[1], -2, 1e-12); /* -8 / 40 / 0.1 */
  ck_assert_double_eq_tol(t[2], log(2) / .2, 1e-12);
  ck_assert_double_eq_tol(t[3], -log(2) / .2, 1e-12);
  for (int i = 0; i < 100; i++) {
    double u[8];
    for (int k = 0; k < 8; k++) u[k] = (double)yolo_rng_uniform(&rng);
    const yolo_ssd_box d = {64 * u[0], 64 * u[1], 1 + 60 * u[2], 1 + 60 * u[3]},
                       b = {64 * u[4], 64 * u[5], .1 + u[6], 9 * u[7] + 1};
    yolo_ssd_encode(head.attrs, &d, &b, t);
    const float narrow[4] = {(float)t[0], (float)t[1], (float)t[2], (float)t[3]};
    const yolo_ssd_box again = yolo_ssd_decode(head.attrs, &d, narrow);
    ck_assert_double_eq_tol(again.x, b.x, 1e-4);
    ck_assert_double_eq_tol(again.y, b.y, 1e-4);
    ck_assert_double_eq_tol(again.w, b.w, 1e-5 * (1 + b.w));
    ck_assert_double_eq_tol(again.h, b.h, 1e-5 * (1 + b.h));
  }
  yolo_free(head.attrs);
}
END_TEST

enum { CHANNELS = 28, STRIDE = CHANNELS + 3 };

/* Two images of a 2 x 1 map; all is background, and beyond the channels lies what must not be read. */
static yolo_tensor empty_map(float *values) {
  yolo_tensor t = yolo_tensor_dense(values, (yolo_shape){2, 1, 2, CHANNELS});
  t.stride = STRIDE;
  for (int i = 0; i < 4 * STRIDE; i++) values[i] = i % STRIDE >= CHANNELS ? 1e9f : i % STRIDE % 7 == 4 ? 30 : 0;
  return t;
}

static void expect_candidates(const yolo_head *head, const yolo_tensor *t, int n, yolo_decode how, const yolo_box *want,
                              int count) {
  yolo_boxes boxes = {0};
  MUST(head->def->decode(head, t, n, &how, &boxes));
  ck_assert_int_eq(boxes.count, count);
  for (int i = 0; i < count; i++) {
    const yolo_box *b = &boxes.items[i];
    ck_assert_int_eq(b->class_id, want[i].class_id);
    ck_assert_float_eq_tol(b->confidence, want[i].confidence, 1e-6f);
    ck_assert_float_eq_tol(b->x1, want[i].x1, 1e-4f);
    ck_assert_float_eq_tol(b->y1, want[i].y1, 1e-4f);
    ck_assert_float_eq_tol(b->x2, want[i].x2, 1e-4f);
    ck_assert_float_eq_tol(b->y2, want[i].y2, 1e-4f);
  }
  yolo_boxes_free(&boxes);
}

/* Of an input of 64 x 32 a cell is 32 x 32; box 2 is 16 x 4 around its centre. exp of the scores is 1, 5, 4: 0.1, 0.5, 0.4. */
START_TEST(candidates_by_hand) {
  yolo_head head;
  float values[4 * STRIDE];
  yolo_tensor t = empty_map(values);
  const float row[7] = {5, -10, 3.4657359f, 0, 0, 1.6094379f, 1.3862944f};
  MUST(parse_head(ONE, t.shape, &head));
  ck_assert_int_eq(head.classes, 2);
  ck_assert_int_eq(head.nms, YOLO_NMS_BY_IOU);
  ck_assert_ptr_null(head.def->rows);
  memcpy(yolo_pixel(&t, 1, 0, 1) + 14, row, sizeof row);
  /* x 48 + 5 0.1 16 = 56, y 16 - 10 0.1 4 = 12, w 16 exp(ln 2) = 32, h 4 */
  const yolo_box both[2] = {{40, 10, 72, 14, .5f, 0, 0, 0}, {40, 10, 72, 14, .4f, 1, 0, 0}};
  expect_candidates(&head, &t, 1, (yolo_decode){64, 32, .25f, false}, both, 2);
  expect_candidates(&head, &t, 0, (yolo_decode){64, 32, .25f, false}, NULL, 0);
  expect_candidates(&head, &t, 1, (yolo_decode){64, 32, .45f, false}, both, 1);
  expect_candidates(&head, &t, 1, (yolo_decode){64, 32, .25f, true}, both, 1);
  expect_candidates(&head, &t, 1, (yolo_decode){64, 32, .5001f, false}, NULL, 0);
  yolo_boxes all = {0};
  const yolo_decode lowest = {64, 32, 0, false};
  MUST(head.def->decode(&head, &t, 0, &lowest, &all));
  ck_assert_int_eq(all.count, 2 * 4 * 2); /* no floor: every class of every box */
  yolo_boxes_free(&all);
  yolo_free(head.attrs);
}
END_TEST

START_TEST(sections_that_are_refused) {
  static const struct {
    const char *text, *words;
  } table[] = {
      {"[ssd]\nclasses=2\n", "test.cfg:4: [ssd]: the key 'min_size' is missing"},
      {"[ssd]\nclasses=2\nmin_size=0\n", "test.cfg:6: [ssd]: min_size=0 is out of range"},
      {"[ssd]\nclasses=2\nmin_size=x\n", "test.cfg:6: [ssd]: min_size=x: a number is wanted"},
      {"[ssd]\nclasses=2\nmin_size=8\nmax_size=8\n", "test.cfg:7: [ssd]: max_size=8 must be larger than min_size=8"},
      {"[ssd]\nclasses=2\nmin_size=8\naspect_ratios=1,2\n", "test.cfg:7: [ssd]: aspect_ratios= has 1, which is always there"},
      {"[ssd]\nclasses=2\nmin_size=8\naspect_ratios=0\n", "aspect_ratios= has 0; 0.01 to 100"},
      {"[ssd]\nclasses=2\nmin_size=8\nvariances=.1,.2\n", "test.cfg:7: [ssd]: variances= has 2 numbers; x, y, w, h need 4"},
      {"[ssd]\nclasses=2\nmin_size=8\nvariances=.1,.1,0,.2\n", "variances= has 0"},
      {"[ssd]\nclasses=2\nmin_size=8\nstep=-1\n", "step=-1 is out of range"},
      {"[ssd]\nclasses=2\nmin_size=8\noffset=2\n", "offset=2 is out of range"},
      {"[ssd]\nclasses=2\nmin_size=8\nclip=2\n", "clip=2 is out of range"},
      {"[ssd]\nclasses=2\nmin_size=8\nnms_kind=soft\n", "nms_kind=soft is unknown"},
      {"[ssd]\nclasses=0\nmin_size=8\n", "classes=0 is out of range"},
      {"[ssd]\nclasses=3\nmin_size=8\n",
       "test.cfg:5: [ssd]: 1 default boxes a cell x (4 + background + 3 classes) need 8 channels, but the layer before gives "
       "7; "
       "set its filters=8"},
  };
  const long live = yolo_memory_get_stats().live;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_head head;
    expect_words(parse_head(table[i].text, (yolo_shape){1, 1, 1, 7}, &head), table[i].words);
    ck_assert_ptr_null(head.attrs);
  }
  for (long nth = 1; nth <= 8; nth++) {
    yolo_head head;
    yolo_cfg *cfg = NULL;
    static const char text[] = "[net]\nwidth=64\nheight=32\n" ONE "variances=.1,.1,.2,.2\n";
    MUST(yolo_cfg_parse(text, sizeof text - 1, "test.cfg", &cfg));
    head = (yolo_head){.def = &yolo_head_ssd};
    yolo_memory_fail_at(nth);
    const yolo_status st = head.def->parse(&cfg->sections[1], (yolo_shape){1, 1, 1, CHANNELS}, &head);
    yolo_memory_fail_at(0);
    ck_assert(st == YOLO_OK || (st == YOLO_ENOMEM && !head.attrs));
    yolo_free(head.attrs);
    yolo_cfg_free(cfg);
  }
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}
END_TEST

/* ---- a model: l2norm before the first of two maps ---- */

#define STEM                                                                                   \
  "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=4\npad=1\nactivation=leaky\n" \
  "[l2norm]\n[convolutional]\nfilters=28\nsize=3\npad=1\nactivation=linear\n"
#define FIRST "[ssd]\nclasses=2\nmin_size=6\nmax_size=12\naspect_ratios=2\n"
#define SECOND                                                                                 \
  "[route]\nlayers=0\n[convolutional]\nfilters=16\nsize=3\nstride=2\npad=1\nactivation=relu\n" \
  "[convolutional]\nfilters=28\nsize=3\npad=1\nactivation=linear\n"

START_TEST(pixels_to_boxes) {
  static const char cfg[] = SMALL_NET STEM FIRST SECOND "[ssd]\nclasses=2\nmin_size=12\nmax_size=24\naspect_ratios=2\n";
  yolo_model *model;
  yolo_context *context;
  yolo_result *result = NULL, *best = NULL;
  uint8_t rgb[32 * 32 * 3];
  make_small("ssd", cfg, 3);
  open_small("ssd", &model, &context);
  fill_picture(rgb, 32, 32, 1);
  MUST(yolo_detect_pixels(context, rgb, 32, 32, 96, YOLO_RGB, &everything, &result));
  ck_assert_int_gt(result->count, 64);
  ck_assert_int_le(result->count, (8 * 8 + 4 * 4) * 4 * 2);
  for (int i = 0; i < result->count; i++)
    ck_assert(result->detections[i].confidence > 0 && result->detections[i].confidence < 1);
  const yolo_detect_options authors = {.confidence = 0.01f, .max_detections = 200};
  MUST(yolo_detect_pixels(context, rgb, 32, 32, 96, YOLO_RGB, &authors, &best));
  ck_assert(best->count > 0 && best->count < result->count);
  yolo_result_free(result);
  yolo_result_free(best);
  close_small(model, context);
  yolo_model_spec spec;
  expect_words(spec_of(SMALL_NET STEM FIRST SECOND "[ssd]\nclasses=10\nmin_size=12\n", (yolo_model_options){0}, &spec),
               "need 15 channels");
  expect_words(
      spec_of(SMALL_NET STEM FIRST SECOND "[ssd]\nclasses=9\nmin_size=12\nmax_size=20\n", (yolo_model_options){0}, &spec),
      "classes=9, but the head before has 2; they must agree");
  expect_words(spec_of(SMALL_NET STEM FIRST SECOND "[ssd]\nclasses=2\nmin_sizes=12\n", (yolo_model_options){0}, &spec),
               "did you mean 'min_size'");
}
END_TEST

int main(void) {
  const TTest *const all[] = {boxes_of_ssd300,    steps_offsets_edges,       coding_and_back,
                              candidates_by_hand, sections_that_are_refused, pixels_to_boxes};
  return run_suite("ssd", all, sizeof all / sizeof *all);
}
