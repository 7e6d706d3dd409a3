/* Heat maps and features: networks whose map is known, maps whose first component is known, the gradient of every head's score
 * against differences, the values that made a detection, what is refused, and short memory. */
#include "tests/unit/detect_fixture.h"

#include "backbone/cfg/zoo.h"
#include "detect/heatmap.h"
#include "train/explain/cam.h"
#include "train/explain/features.h"
#include "train/explain/target.h"

enum { SIDE = 32 };

#define NET "[net]\nwidth=32\nheight=32\nchannels=3\n"
/* Layer 0: batch norm and dropout are as at inference. Layer 2 is the one that is looked at. */
#define BODY                                                                                                             \
  "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\nstride=2\npad=1\nactivation=mish\n[dropout]\nprobability=.5\n" \
  "[convolutional]\nfilters=8\nsize=3\nstride=4\npad=1\nactivation=linear\n"
#define HEAD_OF(filters, activation)                                                                        \
  "[convolutional]\nfilters=8\nsize=3\nstride=1\npad=1\nactivation=mish\n[convolutional]\nfilters=" filters \
  "\nsize=1\nactivation=" activation "\n"
enum { LOOKED_AT = 2 };

static const char linear_head[] = NET BODY "[avgpool]\n[connected]\noutput=5\nactivation=linear\n[softmax]\n";

static yolo_pixels picture(void) {
  static uint8_t pixels[SIDE * SIDE * 3];
  fill_picture(pixels, SIDE, SIDE, 8);
  return (yolo_pixels){pixels, SIDE, SIDE, (size_t)SIDE * 3, YOLO_PIXELS_RGB};
}

typedef struct scene {
  yolo_model_spec spec;
  yolo_explain_pass pass;
  int node;
} scene;

static yolo_status look(const char *text, int layer, scene *out) {
  static const yolo_model_options options = {.threads = 1};
  const yolo_pixels p = picture();
  uint64_t seed = 5;
  yolo_status st = YOLO_OK;
  *out = (scene){0};
  YOLO_TRY(yolo_model_spec_from_text(text, "tiny.cfg", NULL, 0, &options, &out->spec));
  YOLO_TRY(yolo_explain_layer_node(&out->spec, layer, &out->node));
  YOLO_TRY(yolo_explain_pass_new(&out->spec, 1, &out->node, 1, &out->pass));
  YOLO_TRY(yolo_trainer_load(out->pass.trainer, yolo_fetch_random, &seed));
  YOLO_TRY(yolo_explain_pass_run(&out->pass, &p));
done:
  return st;
}

static void leave(scene *s) {
  yolo_explain_pass_release(&s->pass);
  yolo_model_spec_release(&s->spec);
}

static yolo_trainer_param param_named(const scene *s, const char *name) {
  for (int i = 0; i < s->spec.graph->n_params; i++)
    if (strcmp(s->spec.graph->params[i].name, name) == 0) return yolo_trainer_param_at(s->pass.trainer, i);
  ck_abort_msg("no parameter %s", name);
  return (yolo_trainer_param){0};
}

/* ---- maps that are known ---- */

/* Behind global average pooling and a linear layer W the weights are W / Z, and the map is the CAM of Zhou et al. */
START_TEST(a_linear_head_gives_cam) {
  scene s;
  yolo_explain_target t;
  yolo_cam cam = {0};
  double alpha[8];
  MUST(look(linear_head, LOOKED_AT, &s));
  MUST(yolo_explain_class(&s.pass, 3, &t));
  MUST(yolo_explain_backward(&s.pass, &t));
  const yolo_tensor a = yolo_explain_value(&s.pass, s.node), g = yolo_explain_gradient(&s.pass, s.node);
  MUST(yolo_cam_gradient(&a, &g, alpha, &cam));
  const float *w = param_named(&s, "model.4.linear.weight").value + 3 * 8;
  const int pixels = a.shape.h * a.shape.w;
  ck_assert_int_eq(pixels, cam.height * cam.width);
  ck_assert_float_gt(cam.largest, 0);
  for (int k = 0; k < 8; k++) ck_assert_double_eq_tol(alpha[k], w[k] / pixels, 1e-7);
  for (int p = 0; p < pixels; p++) {
    double want = 0;
    for (int k = 0; k < 8; k++) want += (double)w[k] / pixels * yolo_nth_pixel(&a, (size_t)p)[k];
    ck_assert_double_eq_tol(cam.map[p], fmax(want, 0), 1e-6);
  }
  yolo_cam_release(&cam);
  leave(&s);
}
END_TEST

/* A = s a^T: the component is a, the map |a| s, whatever the signs in a; nothing else is there. */
START_TEST(eigen_cam_of_rank_one) {
  static const float s[6] = {0, 1, 2, .5f, 4, 0}, plus[3] = {1, 2, 2}, minus[3] = {-1, 2, -2}, both[3] = {-1, -2, -2};
  const float *vectors[] = {plus, minus, both};
  for (int i = 0; i < 3; i++) {
    float values[6 * 4] = {0};
    yolo_cam cam = {0};
    for (int p = 0; p < 6; p++)
      for (int k = 0; k < 3; k++) values[p * 4 + k] = s[p] * vectors[i][k];
    const yolo_tensor t = {values, YOLO_F32, {1, 2, 3, 3}, 4};
    MUST(yolo_cam_eigen(&t, &cam));
    ck_assert_double_eq_tol(cam.share, 1, 1e-12);
    for (int p = 0; p < 6; p++) ck_assert_float_eq_tol(cam.map[p], 3 * s[p], 1e-5f);
    ck_assert_float_eq_tol(cam.largest, 12, 1e-5f);
    yolo_cam_release(&cam);
  }
}
END_TEST

/* Two components at right angles: the stronger one (5 against 3) is found, with its share 25 / 34; a map of zeros has none. */
START_TEST(eigen_cam_takes_the_first) {
  float values[4] = {3, 0, 0, 5}, nothing[4] = {0};
  const yolo_tensor t = {values, YOLO_F32, {1, 1, 2, 2}, 2}, none = {nothing, YOLO_F32, {1, 1, 2, 2}, 2};
  yolo_cam cam = {0};
  MUST(yolo_cam_eigen(&t, &cam));
  ck_assert_float_eq_tol(cam.map[0], 0, 1e-5f);
  ck_assert_float_eq_tol(cam.map[1], 5, 1e-5f);
  ck_assert_double_eq_tol(cam.share, 25. / 34, 1e-9);
  yolo_cam_release(&cam);
  MUST(yolo_cam_eigen(&none, &cam));
  ck_assert_float_eq(cam.largest, 0);
  ck_assert_double_eq(cam.share, 0);
  yolo_cam_release(&cam);
}
END_TEST

/* ---- every head: what made a detection, and the gradient of its score ---- */

typedef struct head_case {
  const char *name, *text;
  double (*confidence)(const double v[2]); /* from the two values; NULL: more values have a part in it */
} head_case;

static double logistic(double v) { return 1 / (1 + exp(-v)); }
static double two_logistics(const double v[2]) { return logistic(v[0]) * logistic(v[1]); }
static double product(const double v[2]) { return v[0] * v[1]; }
static double against_background(const double v[2]) { return logistic(v[0] - v[1]); }

static const head_case heads[] = {
    {"yolo", NET BODY HEAD_OF("14", "linear") "[yolo]\nmask=0,1\nanchors=4,6, 10,12\nclasses=2\nnum=2\n", two_logistics},
    {"new_coords",
     NET BODY HEAD_OF("14", "logistic") "[yolo]\nmask=0,1\nanchors=4,6, 10,12\nclasses=2\nnum=2\nscale_x_y=2\nnew_coords=1\n",
     product},
    {"region", NET BODY HEAD_OF("14", "linear") "[region]\nanchors=1,1, 2,2\nclasses=2\nnum=2\nsoftmax=0\n", two_logistics},
    {"gaussian", NET BODY HEAD_OF("22", "linear") "[Gaussian_yolo]\nmask=0,1\nanchors=4,6, 10,12\nclasses=2\nnum=2\n", NULL},
    {"ssd", NET BODY HEAD_OF("24", "linear") "[ssd]\nclasses=1\nmin_size=8\nmax_size=18\naspect_ratios=2\n",
     against_background},
    {"detection map", NET BODY HEAD_OF("12", "linear") "[detection]\nclasses=2\nside=4\nnum=2\n", product},
    {"detection", NET BODY "[connected]\noutput=48\nactivation=linear\n[detection]\nclasses=2\nside=2\nnum=2\nsqrt=1\n",
     product},
};

/* dy/dbias of the layer that is looked at is the sum of dy/dA over the map: its mean is alpha. */
static void check_gradient(const scene *s, const yolo_explain_target *t, const char *name) {
  const float step = 1e-2f;
  const yolo_pixels p = picture();
  double sums[8] = {0}, size = 0;
  yolo_explain_pass pass = s->pass;
  MUST(yolo_explain_backward(&pass, t));
  const yolo_tensor g = yolo_explain_gradient(&pass, s->node);
  for (size_t i = 0; i < yolo_shape_pixels(g.shape); i++)
    for (int k = 0; k < 8; k++) sums[k] += yolo_nth_pixel(&g, i)[k];
  for (int k = 0; k < 8; k++) size = fmax(size, fabs(sums[k]));
  ck_assert_msg(size > 1e-3, "%s: no gradient", name);
  float *bias = param_named(s, "model.2.conv.bias").value;
  for (int k = 0; k < 8; k++) {
    double y[2];
    const float was = bias[k];
    for (int side = 0; side < 2; side++) {
      bias[k] = was + (side ? step : -step);
      MUST(yolo_explain_pass_run(&pass, &p));
      y[side] = yolo_explain_score(&pass, t);
    }
    bias[k] = was;
    ck_assert_msg(fabs((y[1] - y[0]) / (2 * (double)step) - sums[k]) < 2e-3 * (size + 1),
                  "%s: channel %d: %g by differences, %g", name, k, (y[1] - y[0]) / (2 * (double)step), sums[k]);
  }
  MUST(yolo_explain_pass_run(&pass, &p));
}

static void check_detection(const scene *s, const head_case *h, const yolo_explain_found *found, int index) {
  yolo_explain_target t;
  double v[2];
  MUST(yolo_explain_locate(&s->pass, found, index, &t));
  const yolo_tensor value = yolo_explain_value(&s->pass, t.node);
  ck_assert_int_eq(t.n_seeds, 2);
  for (int i = 0; i < 2; i++) v[i] = yolo_pixel(&value, 0, t.seeds[i].y, t.seeds[i].x)[t.seeds[i].channel];
  if (h->confidence)
    ck_assert_msg(fabs(h->confidence(v) - (double)t.confidence) < 1e-5, "%s, detection %d: %g from its values, not %g", h->name,
                  index, h->confidence(v), (double)t.confidence);
  ck_assert_double_eq_tol(t.score, yolo_explain_score(&s->pass, &t), 1e-9);
  if (index == 0) check_gradient(s, &t, h->name);
}

START_TEST(every_head) {
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    scene s;
    yolo_explain_found found;
    yolo_explain_target t;
    MUST(look(heads[i].text, LOOKED_AT, &s));
    MUST(yolo_explain_detect(&s.pass, 0.02f, SIDE, SIDE, &found));
    ck_assert_msg(found.boxes.count > 0, "%s finds %d", heads[i].name, found.boxes.count);
    for (int k = found.boxes.count - 1; k >= 0; k--) check_detection(&s, &heads[i], &found, k);
    expect_words(yolo_explain_locate(&s.pass, &found, found.boxes.count, &t), "there is no detection");
    yolo_explain_found_release(&found);
    leave(&s);
  }
}
END_TEST

/* The detections are those of the program's own path. */
START_TEST(the_same_detections) {
  scene s;
  yolo_explain_found found;
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *result = NULL;
  static const yolo_model_options options = {.threads = 1};
  const yolo_detect_options how = {.confidence = 0.02f};
  const yolo_pixels p = picture();
  yolo_model_spec spec = {0};
  MUST(look(heads[0].text, LOOKED_AT, &s));
  MUST(yolo_explain_detect(&s.pass, 0.02f, SIDE, SIDE, &found));
  MUST(yolo_model_spec_from_text(heads[0].text, "tiny.cfg", NULL, 0, &options, &spec));
  uint64_t seed = 5;
  MUST(yolo_model_from_values(&spec, yolo_fetch_random, &seed, &options, &model));
  MUST(yolo_context_new(model, &context));
  MUST(yolo_detect_batch(context, &p, 1, &how, &result));
  ck_assert_int_eq(found.boxes.count, result->count);
  for (int i = 0; i < result->count; i++) {
    yolo_detection d;
    ck_assert(yolo_explain_map_box(&s.pass, &found.boxes.items[i], SIDE, SIDE, &d));
    ck_assert_float_eq_tol(d.confidence, result->detections[i].confidence, 1e-5f);
    ck_assert_float_eq_tol(d.x1, result->detections[i].x1, 1e-3f);
    ck_assert_float_eq_tol(d.y2, result->detections[i].y2, 1e-3f);
  }
  yolo_result_free(result);
  yolo_context_free(context);
  yolo_model_free(model);
  yolo_explain_found_release(&found);
  leave(&s);
}
END_TEST

START_TEST(a_classifier) {
  scene s;
  yolo_explain_target t;
  MUST(look(linear_head, LOOKED_AT, &s));
  MUST(yolo_explain_class(&s.pass, -1, &t));
  const yolo_tensor scores = yolo_explain_value(&s.pass, s.spec.heads[0].node);
  for (int k = 0; k < 5; k++) ck_assert_float_le(((float *)scores.data)[k], t.confidence);
  ck_assert_float_eq(((float *)scores.data)[t.class_id], t.confidence);
  check_gradient(&s, &t, "classifier");
  expect_words(yolo_explain_class(&s.pass, 5, &t), "class 5 does not exist; this model has classes 0 to 4");
  leave(&s);
}
END_TEST

/* ---- layers ---- */

START_TEST(layers_by_name) {
  static const yolo_model_options options = {0};
  yolo_model_spec spec;
  int layer, node;
  bool depends;
  MUST(yolo_model_spec_from_text(linear_head, "tiny.cfg", NULL, 0, &options, &spec));
  MUST(yolo_explain_layer_find(&spec, "2", &layer));
  ck_assert_int_eq(layer, 2);
  MUST(yolo_explain_layer_find(&spec, "model.1", &layer));
  ck_assert_int_eq(layer, 1);
  MUST(yolo_explain_layer_find(&spec, "avgpool", &layer));
  ck_assert_int_eq(layer, 3);
  expect_words(yolo_explain_layer_find(&spec, "convolutional", &layer), "2 layers are [convolutional] (0, 2)");
  expect_words(yolo_explain_layer_find(&spec, "nonsense", &layer), "there is no layer 'nonsense'");
  expect_words(yolo_explain_layer_find(&spec, "6", &layer), "there is no layer 6; the network has layers 0 to 5");
  expect_words(yolo_explain_layer_find(&spec, "-1", &layer), "there is no layer -1");
  expect_words(yolo_explain_layer_node(&spec, 4, &node), "layer 4 [connected] gives a vector of 5 values, no map");
  MUST(yolo_cam_default_layer(&spec, 0, &layer));
  ck_assert_int_eq(layer, 2);
  MUST(yolo_explain_depends(spec.graph, spec.heads[0].node, spec.graph->layers[2].last, &depends));
  ck_assert(depends);
  MUST(yolo_explain_depends(spec.graph, spec.graph->layers[1].last, spec.graph->layers[2].last, &depends));
  ck_assert(!depends);
  yolo_model_spec_release(&spec);
  MUST(yolo_model_spec_from_text(heads[0].text, "tiny.cfg", NULL, 0, &options, &spec));
  MUST(yolo_cam_default_layer(&spec, 0, &layer));
  ck_assert_int_eq(layer, 3);
  yolo_model_spec_release(&spec);
}
END_TEST

/* The layer that is looked at where nobody names one, in networks of the zoo. */
START_TEST(layers_of_the_zoo) {
  static const struct {
    const char *name;
    int width, channels;
  } rows[] = {{"resnet18", 7, 512}, {"darknet19", 7, 1000}, {"yolov4-tiny", 13, 512}, {"yolov2-tiny", 13, 512}};
  static const yolo_model_options options = {0};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    yolo_model_spec spec;
    int layer, node;
    MUST(yolo_model_spec_from_text(yolo_zoo_text(rows[i].name), rows[i].name, NULL, 0, &options, &spec));
    MUST(yolo_cam_default_layer(&spec, 0, &layer));
    MUST(yolo_explain_layer_node(&spec, layer, &node));
    ck_assert_msg(spec.graph->nodes[node].shape.w == rows[i].width && spec.graph->nodes[node].shape.c == rows[i].channels,
                  "%s: layer %d, %d wide, %d channels", rows[i].name, layer, spec.graph->nodes[node].shape.w,
                  spec.graph->nodes[node].shape.c);
    yolo_model_spec_release(&spec);
  }
}
END_TEST

/* ---- features ---- */

START_TEST(features) {
  float values[4 * 5] = {0, 7, 1, 2, 99, 0, 7, 2, -2, 99, 0, 7, 3, 2, 99, 0, 7, 4, -2, 99}; /* the last is a neighbour's */
  const yolo_tensor t = {values, YOLO_F32, {1, 2, 2, 4}, 5};
  yolo_features f;
  MUST(yolo_features_of(&t, &f));
  ck_assert_int_eq(f.count, 4);
  ck_assert_int_eq(f.dead, 2);
  ck_assert_int_eq(f.items[0].channel, 3);
  ck_assert_double_eq(f.items[0].deviation, 2);
  ck_assert_double_eq(f.items[0].mean, 0);
  ck_assert_int_eq(f.items[1].channel, 2);
  ck_assert_double_eq(f.items[1].mean, 2.5);
  ck_assert_int_eq(f.items[2].channel, 0);
  ck_assert_double_eq(f.items[2].zeros, 1);
  ck_assert_double_eq(f.zeros, .25);
  ck_assert_float_eq(f.smallest, -2);
  ck_assert_float_eq(f.largest, 7);
  yolo_features_by_number(&f);
  for (int k = 0; k < 4; k++) ck_assert_int_eq(f.items[k].channel, k);
  yolo_features_release(&f);
}
END_TEST

/* ---- drawing ---- */

static double luminance(const uint8_t rgb[3]) {
  double sum = 0;
  static const double weights[3] = {0.2126, 0.7152, 0.0722};
  for (int c = 0; c < 3; c++) sum += weights[c] * pow(rgb[c] / 255.0, 2.2);
  return sum;
}

START_TEST(more_is_brighter) {
  yolo_heat_scale scale;
  yolo_heat_scale_make(&scale);
  for (int i = 4; i < 256; i += 4) ck_assert_double_gt(luminance(scale.rgb[i]), luminance(scale.rgb[i - 4]));
  ck_assert_double_lt(luminance(scale.rgb[0]), 0.02);
  ck_assert_double_gt(luminance(scale.rgb[255]), 0.7);
}
END_TEST

/* A picture of 40 x 20 letterboxed into 40 x 40 (10 above and below): heat in a cell of the border stays out of the picture,
 * heat in its upper right corner is there. */
START_TEST(heat_is_put_where_it_was) {
  yolo_heat_scale scale;
  yolo_image image = {0};
  float map[4 * 4] = {[7] = 1};
  const yolo_heat heat = {map, 4, 4, 0, 1, 40, 40, {1, 1, 0, 10}};
  yolo_heat_scale_make(&scale);
  MUST(yolo_image_new(40, 20, &image));
  memset(image.pixels, 0, 40 * 20 * 3);
  MUST(yolo_heat_draw(&image, &heat, &scale));
  for (int y = 0; y < 20; y++)
    for (int x = 0; x < 40; x++) {
      const uint8_t *p = &image.pixels[(y * 40 + x) * 3];
      const bool hottest = x >= 35 && (y == 4 || y == 5); /* about the centre of cell (3, 1), half a pixel away */
      if (hottest) ck_assert_int_gt(p[0], 150);
      if (x < 25 || y >= 15) ck_assert_int_lt(p[0] + p[1], 20);
    }
  MUST(yolo_heat_bar(&image, "0", "1", &scale));
  ck_assert_mem_eq(&image.pixels[(19 * 40 + 39) * 3], scale.rgb[255], 3);
  ck_assert_mem_eq(&image.pixels[19 * 40 * 3], scale.rgb[0], 3);
  yolo_image_release(&image);
  MUST(yolo_heat_picture(map, 1, 4, 4, 0, 1, 13, 9, &scale, &image));
  ck_assert_int_eq(image.width, 8);
  ck_assert_mem_eq(&image.pixels[(3 * 8 + 7) * 3], scale.rgb[255], 3);
  ck_assert_mem_eq(&image.pixels[(3 * 8 + 5) * 3], scale.rgb[0], 3);
  yolo_image_release(&image);
}
END_TEST

/* ---- short memory ---- */

static yolo_status whole_way(const char *text) {
  scene s = {0};
  yolo_explain_found found = {0};
  yolo_explain_target t;
  yolo_cam one = {0}, two = {0};
  yolo_features f = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(look(text, LOOKED_AT, &s));
  YOLO_TRY(yolo_explain_detect(&s.pass, 0.02f, SIDE, SIDE, &found));
  YOLO_TRY(s.spec.heads[0].def->scores ? yolo_explain_class(&s.pass, -1, &t) : yolo_explain_locate(&s.pass, &found, 0, &t));
  YOLO_TRY(yolo_explain_backward(&s.pass, &t));
  const yolo_tensor a = yolo_explain_value(&s.pass, s.node), g = yolo_explain_gradient(&s.pass, s.node);
  YOLO_TRY(yolo_cam_gradient(&a, &g, NULL, &one));
  YOLO_TRY(yolo_cam_eigen(&a, &two));
  YOLO_TRY(yolo_features_of(&a, &f));
done:
  yolo_cam_release(&one);
  yolo_cam_release(&two);
  yolo_features_release(&f);
  yolo_explain_found_release(&found);
  leave(&s);
  return st;
}

START_TEST(short_memory_leaks_nothing) {
  const char *texts[] = {heads[0].text, heads[4].text, heads[5].text, linear_head};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    MUST(whole_way(texts[i])); /* what is made once and stays */
    const long live = yolo_memory_get_stats().live;
    yolo_status st = YOLO_ENOMEM;
    long nth = 0;
    while (st == YOLO_ENOMEM && nth < 5000) {
      yolo_memory_fail_at(++nth);
      st = whole_way(texts[i]);
      yolo_memory_fail_at(0);
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
    }
    MUST(st);
    ck_assert_int_gt(nth, 50);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("cam");
  TCase *tests = tcase_create("cam");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, a_linear_head_gives_cam);
  tcase_add_test(tests, eigen_cam_of_rank_one);
  tcase_add_test(tests, eigen_cam_takes_the_first);
  tcase_add_test(tests, every_head);
  tcase_add_test(tests, the_same_detections);
  tcase_add_test(tests, a_classifier);
  tcase_add_test(tests, layers_by_name);
  tcase_add_test(tests, layers_of_the_zoo);
  tcase_add_test(tests, features);
  tcase_add_test(tests, more_is_brighter);
  tcase_add_test(tests, heat_is_put_where_it_was);
  tcase_add_test(tests, short_memory_leaks_nothing);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
