/* Decoding of every head, worked out by hand, and what their sections refuse.
 *
 * With L = ln 2, ln 3, ln 4, ln 9: logistic(0) = 1/2, logistic(ln 3) = 3/4, logistic(ln 4) = 4/5,
 * logistic(ln 9) = 9/10, logistic(-ln 3) = 1/4, exp(ln 2) = 2. */
#include "tests/unit/detect_fixture.h"

enum { MAX_VALUES = 512 };
static const float L2 = 0.693147181f, L3 = 1.098612289f, L4 = 1.386294361f, L9 = 2.197224577f;

/* Values of cells in a map of (2, 1, 2, C) with a stride wider than C; all else is as empty as can be. */
typedef struct map {
  float values[MAX_VALUES];
  yolo_tensor tensor;
} map;

static void empty_map(map *m, int n, int h, int w, int c, float fill) {
  enum { EXTRA = 3 };
  m->tensor = yolo_tensor_dense(m->values, (yolo_shape){n, h, w, c});
  m->tensor.stride = (size_t)c + EXTRA;
  ck_assert_uint_le((size_t)n * (size_t)h * (size_t)w * m->tensor.stride, MAX_VALUES);
  for (int i = 0; i < MAX_VALUES; i++) m->values[i] = 1e9f; /* beyond C: must not be read */
  for (int i = 0; i < n * h * w * c; i++) *(yolo_pixel(&m->tensor, 0, 0, i / c) + i % c) = fill;
}

static void put_values(const map *m, int n, int y, int x, int from, const float *values, int count) {
  memcpy(yolo_pixel(&m->tensor, n, y, x) + from, values, (size_t)count * sizeof *values);
}

typedef struct wanted {
  int class_id;
  double confidence, x1, y1, x2, y2;
} wanted;

static void expect(const yolo_head *head, const map *m, int n, yolo_decode how, const wanted *list, int count) {
  yolo_boxes boxes = {0};
  MUST(head->def->decode(head, &m->tensor, n, &how, &boxes));
  ck_assert_int_eq(boxes.count, count);
  for (int i = 0; i < count; i++) {
    const yolo_box *b = &boxes.items[i];
    ck_assert_int_eq(b->class_id, list[i].class_id);
    ck_assert_int_eq(b->index, i);
    ck_assert_double_eq_tol(b->confidence, list[i].confidence, 1e-6);
    ck_assert_double_eq_tol(b->x1, list[i].x1, 1e-4);
    ck_assert_double_eq_tol(b->y1, list[i].y1, 1e-4);
    ck_assert_double_eq_tol(b->x2, list[i].x2, 1e-4);
    ck_assert_double_eq_tol(b->y2, list[i].y2, 1e-4);
  }
  yolo_boxes_free(&boxes);
}

/* The network is 64 x 32, so a cell of a 2x1 map is 32 x 32 pixels. */
static yolo_decode at(float confidence) { return (yolo_decode){64, 32, confidence, false}; }

#define YOLO_ONE "[yolo]\nmask=1\nanchors=1,1, 10,20\nclasses=2\nnum=2\n"

START_TEST(yolo_v3) {
  yolo_head head;
  map m;
  MUST(parse_head(YOLO_ONE, (yolo_shape){1, 1, 2, 7}, &head));
  ck_assert_int_eq(head.classes, 2);
  ck_assert_int_eq(head.nms, YOLO_NMS_BY_IOU);
  empty_map(&m, 2, 1, 2, 7, -20);
  const float t[] = {0, L3, L2, 0, L9, 0, L4};
  put_values(&m, 1, 0, 1, 0, t, 7); /* image 1, column 1: centre (1.5, 0.75) cells, 20 x 20 pixels */
  const wanted both[] = {{0, .45, 38, 14, 58, 34}, {1, .72, 38, 14, 58, 34}};
  expect(&head, &m, 1, at(0.25f), both, 2);
  expect(&head, &m, 0, at(0.25f), NULL, 0);
  expect(&head, &m, 1, at(0.5f), both + 1, 1);
  expect(&head, &m, 1, at(0.73f), NULL, 0);
  expect(&head, &m, 1, (yolo_decode){64, 32, 0.25f, true}, both + 1, 1);
  expect(&head, &m, 1, (yolo_decode){64, 32, 0.9f, true}, NULL, 0);
  /* Another input size: cells grow with it, anchors stay what they are, in pixels. */
  const wanted larger[] = {{1, .72, 86, 38, 106, 58}};
  expect(&head, &m, 1, (yolo_decode){128, 64, 0.5f, false}, larger, 1);
  yolo_free(head.attrs);
}
END_TEST

START_TEST(yolo_scale_and_new_coords) {
  yolo_head head;
  map m;
  const float t[] = {0, L3, L2, 0, L9, 0, L4};
  MUST(parse_head(YOLO_ONE "scale_x_y=2\nnms_kind=diounms\nbeta_nms=0.6\n", (yolo_shape){1, 1, 2, 7}, &head));
  ck_assert_int_eq(head.nms, YOLO_NMS_BY_DIOU);
  empty_map(&m, 1, 1, 2, 7, -20);
  put_values(&m, 0, 0, 1, 0, t, 7); /* x = 2/2 - 1/2 = 1/2, y = 2 * 3/4 - 1/2 = 1 */
  const wanted scaled[] = {{0, .45, 38, 22, 58, 42}, {1, .72, 38, 22, 58, 42}};
  expect(&head, &m, 0, at(0.25f), scaled, 2);
  yolo_free(head.attrs);

  /* The logistic is in the layer before; w = (2 * 1/2)^2 10, h = (2 * 1/4)^2 20. */
  const float activated[] = {.5f, .75f, .5f, .25f, .9f, .5f, .8f};
  MUST(parse_head(YOLO_ONE "scale_x_y=2\nnew_coords=1\nnms_kind=greedynms\n", (yolo_shape){1, 1, 2, 7}, &head));
  ck_assert_int_eq(head.nms, YOLO_NMS_BY_IOU);
  empty_map(&m, 1, 1, 2, 7, 0);
  put_values(&m, 0, 0, 1, 0, activated, 7);
  const wanted fresh[] = {{0, .45, 43, 29.5, 53, 34.5}, {1, .72, 43, 29.5, 53, 34.5}};
  expect(&head, &m, 0, at(0.25f), fresh, 2);
  yolo_free(head.attrs);
}
END_TEST

/* Rows before columns before anchors before classes; the candidates of one anchor share their source. */
START_TEST(order_of_candidates) {
  yolo_head head;
  map m;
  yolo_boxes boxes = {0};
  yolo_decode how = at(0.25f);
  MUST(parse_head("[yolo]\nanchors=8,8, 16,16\nclasses=2\nnum=2\n", (yolo_shape){1, 2, 2, 14}, &head));
  empty_map(&m, 1, 2, 2, 14, -20);
  const float t[] = {0, 0, 0, 0, L9, L4, L4};
  put_values(&m, 0, 0, 1, 7, t, 7);
  put_values(&m, 0, 0, 1, 0, t, 7);
  put_values(&m, 0, 1, 0, 7, t, 7);
  MUST(head.def->decode(&head, &m.tensor, 0, &how, &boxes));
  const struct {
    float width, x, y;
    int class_id, source;
  } order[] = {{8, 48, 8, 0, 0},  {8, 48, 8, 1, 0},   {16, 48, 8, 0, 2},
               {16, 48, 8, 1, 2}, {16, 16, 24, 0, 4}, {16, 16, 24, 1, 4}};
  ck_assert_int_eq(boxes.count, 6);
  for (int i = 0; i < 6; i++) {
    const yolo_box *b = &boxes.items[i];
    ck_assert_int_eq(b->class_id, order[i].class_id);
    ck_assert_int_eq(b->source, order[i].source);
    ck_assert_float_eq_tol(b->x2 - b->x1, order[i].width, 1e-4);
    ck_assert_float_eq_tol((b->x1 + b->x2) / 2, order[i].x, 1e-4);
    ck_assert_float_eq_tol((b->y1 + b->y2) / 2, order[i].y, 1e-4);
  }
  yolo_boxes_free(&boxes);
  yolo_free(head.attrs);
}
END_TEST

/* The shortcut past the exponential must lose no candidate: every value against the plain formula. */
START_TEST(quick_rejection_is_exact) {
  static const float confidences[] = {0, 1e-7f, 0.001f, 0.25f, 0.5f, 0.9f, 0.999f, 0.9999999f, 1};
  yolo_head head;
  map m;
  MUST(parse_head("[yolo]\nanchors=8,8\nclasses=1\nnum=1\n", (yolo_shape){1, 1, 1, 6}, &head));
  empty_map(&m, 1, 1, 1, 6, 0);
  for (size_t c = 0; c < sizeof confidences / sizeof *confidences; c++)
    for (int i = -400; i <= 400; i++) {
      yolo_boxes boxes = {0};
      yolo_decode how = at(confidences[c]);
      const float t[] = {0, 0, 0, 0, (float)i / 16, (float)(i % 61) / 2};
      put_values(&m, 0, 0, 0, 0, t, 6);
      float confidence = (float)(1 / (1 + exp(-(double)t[4])) * (1 / (1 + exp(-(double)t[5]))));
      MUST(head.def->decode(&head, &m.tensor, 0, &how, &boxes));
      ck_assert_msg(boxes.count == (confidence > confidences[c]), "%g at %g", (double)confidence, (double)confidences[c]);
      if (boxes.count) ck_assert(boxes.items[0].confidence == confidence);
      yolo_boxes_free(&boxes);
    }
  yolo_free(head.attrs);
}
END_TEST

START_TEST(numbers_that_are_none) {
  yolo_head head;
  map m;
  MUST(parse_head(YOLO_ONE, (yolo_shape){1, 1, 2, 7}, &head));
  empty_map(&m, 1, 1, 2, 7, NAN);
  expect(&head, &m, 0, at(0.25f), NULL, 0);
  const float huge[] = {INFINITY, -INFINITY, 1e30f, -1e30f, INFINITY, NAN, INFINITY};
  put_values(&m, 0, 0, 0, 0, huge, 7);
  yolo_boxes boxes = {0};
  yolo_decode how = at(0.25f);
  MUST(head.def->decode(&head, &m.tensor, 0, &how, &boxes)); /* any box, but no accident */
  ck_assert_int_eq(boxes.count, 1);
  ck_assert_int_eq(boxes.items[0].class_id, 1);
  yolo_boxes_free(&boxes);
  yolo_free(head.attrs);
}
END_TEST

START_TEST(region_v2) {
  yolo_head head;
  map m;
  const float t[] = {0, L3, L2, 0, L9, 0, L4}; /* softmax(0, ln 4) = 1/5, 4/5 */
  MUST(parse_head("[region]\nanchors=1,0.5\nclasses=2\nnum=1\nsoftmax=1\n", (yolo_shape){1, 1, 2, 7}, &head));
  empty_map(&m, 1, 1, 2, 7, -20);
  put_values(&m, 0, 0, 1, 0, t, 7); /* centre (48, 24), 2 x 1/2 cells: 64 x 16 pixels */
  const wanted soft[] = {{0, .18, 16, 16, 80, 32}, {1, .72, 16, 16, 80, 32}};
  expect(&head, &m, 0, at(0.1f), soft, 2);
  expect(&head, &m, 0, (yolo_decode){64, 32, 0.1f, true}, soft + 1, 1);
  yolo_free(head.attrs);
  MUST(parse_head("[region]\nanchors=1,0.5\nclasses=2\nnum=1\n", (yolo_shape){1, 1, 2, 7}, &head));
  const wanted logistic[] = {{0, .45, 16, 16, 80, 32}, {1, .72, 16, 16, 80, 32}};
  expect(&head, &m, 0, at(0.1f), logistic, 2);
  yolo_free(head.attrs);
}
END_TEST

START_TEST(gaussian) {
  yolo_head head;
  map m;
  /* tx sx ty sy tw sw th sh to c c; sigmas 1/2, 1/4, 3/4, 1/2: mean 1/2 */
  const float t[] = {0, 0, L3, -L3, L2, L3, 0, 0, L9, 0, L4};
  MUST(parse_head("[Gaussian_yolo]\nmask=1\nanchors=1,1, 10,20\nclasses=2\nnum=2\nuc_normalizer=1\n", (yolo_shape){1, 1, 2, 11},
                  &head));
  empty_map(&m, 1, 1, 2, 11, -20);
  put_values(&m, 0, 0, 1, 0, t, 11);
  const wanted both[] = {{0, .225, 38, 14, 58, 34}, {1, .36, 38, 14, 58, 34}};
  expect(&head, &m, 0, at(0.1f), both, 2);
  expect(&head, &m, 0, at(0.3f), both + 1, 1);
  yolo_free(head.attrs);
  MUST(parse_head("[Gaussian_yolo]\nmask=1\nanchors=1,1, 10,20\nclasses=2\nnum=2\nscale_x_y=2\n", (yolo_shape){1, 1, 2, 11},
                  &head));
  const wanted scaled[] = {{0, .225, 38, 22, 58, 42}, {1, .36, 38, 22, 58, 42}};
  expect(&head, &m, 0, at(0.1f), scaled, 2);
  yolo_free(head.attrs);
}
END_TEST

/* S = 2, one box a cell, two classes: 8 class values, 4 confidences, 16 coordinates. */
static void fill_v1(float *flat) {
  for (int i = 0; i < 28; i++) flat[i] = 0;
  flat[6] = .25f; /* cell 3 (row 1, column 1) */
  flat[7] = .5f;
  flat[8 + 3] = .8f;
  const float box[] = {.5f, .25f, .5f, .25f};
  memcpy(flat + 12 + 12, box, sizeof box);
}

#define V1 "[detection]\nclasses=2\ncoords=4\nrescore=1\nside=2\nnum=1\n"

START_TEST(detection_v1) {
  yolo_head head;
  map m;
  float flat[28];
  yolo_decode how = {100, 200, 0.1f, false};
  /* centre ((1 + 1/2)/2, (1 + 1/4)/2) of 100 x 200; w = (1/2)^2, h = (1/4)^2 of it with sqrt=1 */
  const wanted square[] = {{0, .2, 62.5, 118.75, 87.5, 131.25}, {1, .4, 62.5, 118.75, 87.5, 131.25}};
  const wanted plain[] = {{0, .2, 50, 100, 100, 150}, {1, .4, 50, 100, 100, 150}};
  fill_v1(flat);
  MUST(parse_head(V1 "sqrt=1\n", (yolo_shape){1, 1, 1, 28}, &head));
  empty_map(&m, 1, 1, 1, 28, 0);
  put_values(&m, 0, 0, 0, 0, flat, 28);
  expect(&head, &m, 0, how, square, 2);
  yolo_free(head.attrs);

  MUST(parse_head(V1, (yolo_shape){1, 1, 1, 28}, &head));
  expect(&head, &m, 0, how, plain, 2);
  yolo_free(head.attrs);

  /* The same from a map: value k is channel k / 4, row k / 2 % 2, column k % 2. */
  MUST(parse_head(V1, (yolo_shape){1, 2, 2, 7}, &head));
  empty_map(&m, 1, 2, 2, 7, 0);
  for (int k = 0; k < 28; k++) put_values(&m, 0, k / 2 % 2, k % 2, k / 4, &flat[k], 1);
  expect(&head, &m, 0, how, plain, 2);
  yolo_free(head.attrs);

  /* softmax over (ln 4, 0): 4/5 and 1/5. */
  flat[6] = L4;
  flat[7] = 0;
  MUST(parse_head(V1 "softmax=1\n", (yolo_shape){1, 1, 1, 28}, &head));
  empty_map(&m, 1, 1, 1, 28, 0);
  put_values(&m, 0, 0, 0, 0, flat, 28);
  const wanted soft[] = {{0, .64, 50, 100, 100, 150}, {1, .16, 50, 100, 100, 150}};
  expect(&head, &m, 0, how, soft, 2);
  yolo_free(head.attrs);
}
END_TEST

START_TEST(classifier) {
  yolo_cfg_section softmax = {.name = "softmax"}, conv = {.name = "convolutional"};
  yolo_head head = {.def = &yolo_head_classify};
  float values[] = {0, L4, 0, L2}, scores[4];
  yolo_tensor tensor = yolo_tensor_dense(values, (yolo_shape){2, 1, 1, 2});
  MUST(yolo_head_classify.parse(&conv, (yolo_shape){1, 1, 1, 2}, &head));
  ck_assert_int_eq(head.classes, 2);
  MUST(yolo_head_classify.scores(&head, &tensor, 1, scores));
  ck_assert_float_eq_tol(scores[0], 1.0 / 3, 1e-6);
  ck_assert_float_eq_tol(scores[1], 2.0 / 3, 1e-6);
  yolo_free(head.attrs);
  MUST(yolo_head_classify.parse(&softmax, (yolo_shape){1, 1, 1, 2}, &head));
  MUST(yolo_head_classify.scores(&head, &tensor, 0, scores));
  ck_assert(scores[0] == 0 && scores[1] == values[1]); /* as the network's own softmax left them */
  yolo_free(head.attrs);
  expect_words(yolo_head_classify.parse(&conv, (yolo_shape){1, 2, 3, 2}, &head), "map of 3 x 2 x 2");
}
END_TEST

START_TEST(refusals) {
  static const struct {
    const char *text;
    int channels;
    const char *words;
  } table[] = {
      {YOLO_ONE, 8, "1 anchors x (5 + 2 classes) need 7 channels, but the layer before gives 8; set its filters=7"},
      {"[yolo]\nmask=2\nanchors=1,1, 10,20\nclasses=2\nnum=2\n", 7, "mask= names anchor 2, but there are anchors 0 to 1"},
      {"[yolo]\nmask=-1\nanchors=1,1, 10,20\nclasses=2\nnum=2\n", 7, "names anchor -1"},
      {"[yolo]\nmask=0\nanchors=1,1, 10\nclasses=2\nnum=2\n", 7, "num=2 needs 4 numbers in anchors=, but it has 3"},
      {"[yolo]\nmask=0\nclasses=2\nnum=2\n", 7, "needs 4 numbers in anchors=, but it has 0"},
      {"[yolo]\nmask=0\nanchors=1,1, 0,20\nclasses=2\nnum=2\n", 7, "widths and heights must be positive"},
      {"[yolo]\nmask=0\nanchors=1,1, x,20\nclasses=2\nnum=2\n", 7, "test.cfg:6: [yolo]: anchors"},
      {"[yolo]\nmask=0\nanchors=1,1\nclasses=0\nnum=1\n", 7, "classes"},
      {"[yolo]\nmask=0\nanchors=1,1\nclasses=2\nnum=1\nnew_coords=2\n", 7, "new_coords"},
      {"[yolo]\nmask=0\nanchors=1,1\nclasses=2\nnum=1\nnms_kind=soft\n", 7,
       "nms_kind=soft is unknown; default, greedynms and diounms"},
      {"[yolo]\nmask=0\nanchors=1,1\nclasses=2\nnum=1\nscale_x_y=two\n", 7, "scale_x_y"},
      {"[region]\nanchors=1,1\nclasses=2\nnum=1\nsoftmax=2\n", 7, "softmax"},
      {"[region]\nanchors=1,1\nclasses=2\nnum=1\n", 8, "need 7 channels, but the layer before gives 8"},
      {"[Gaussian_yolo]\nanchors=1,1\nclasses=2\nnum=1\n", 7, "1 anchors x (9 + 2 classes) need 11 channels"},
      {"[detection]\nclasses=2\nside=2\nnum=1\n", 29, "need 28 values, but the layer before gives 1 x 1 x 29"},
      {"[detection]\nclasses=2\nside=0\nnum=1\n", 28, "side=0 is out of range"},
  };
  long live = yolo_memory_get_stats().live;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_head head;
    yolo_status st = parse_head(table[i].text, (yolo_shape){1, 1, 1, table[i].channels}, &head);
    expect_words(st, table[i].words);
    ck_assert_msg(strstr(yolo_error_message(), "test.cfg:") != NULL, "'%s' does not say where", yolo_error_message());
    yolo_free(head.attrs);
  }
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}
END_TEST

/* Keys that would change the result and are not built; keys nobody knows. */
START_TEST(refused_keys) {
  static const struct {
    const char *head, *words;
  } table[] = {
      {SMALL_HEAD "embedding_layer=3\n", "embedding_layer"},
      {SMALL_HEAD "yolo_point=left_top\n", "yolo_point"},
      {SMALL_HEAD "anchor=3\n", "did you mean 'anchors'"},
      {"[region]\nanchors=1,1, 2,2\nclasses=2\nnum=2\nbackground=1\n", "background"},
      {"[region]\nanchors=1,1, 2,2\nclasses=2\nnum=2\ntree=9k.tree\n", "tree"},
      {"[region]\nanchors=1,1, 2,2\nclasses=2\nnum=2\ncoords=5\n", "coords"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_model_spec spec;
    yolo_text text = {0};
    MUST(yolo_text_format(&text, "%s%s%s", SMALL_NET, SMALL_BODY, table[i].head));
    put_text(in_folder("refused.cfg"), text.data);
    expect_words(yolo_model_spec_load(in_folder("refused.cfg"), NULL, &spec), table[i].words);
    yolo_text_free(&text);
  }
}
END_TEST

START_TEST(table_of_heads) {
  yolo_cfg_section_def sections[YOLO_HEAD_SECTIONS];
  int count = yolo_head_sections(sections, YOLO_HEAD_SECTIONS);
  ck_assert_int_eq(count, yolo_head_count() - 1); /* the classifier has none */
  for (int i = 0; i < count; i++) {
    ck_assert_ptr_nonnull(sections[i].build);
    ck_assert_ptr_nonnull(yolo_head_find(sections[i].name));
  }
  ck_assert_ptr_null(yolo_head_find("convolutional"));
}
END_TEST

int main(void) {
  const TTest *const all[] = {yolo_v3,
                              yolo_scale_and_new_coords,
                              order_of_candidates,
                              quick_rejection_is_exact,
                              numbers_that_are_none,
                              region_v2,
                              gaussian,
                              detection_v1,
                              classifier,
                              refusals,
                              refused_keys,
                              table_of_heads};
  return run_suite("heads", all, sizeof all / sizeof all[0]);
}
