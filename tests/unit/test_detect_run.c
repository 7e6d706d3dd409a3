/* From an image to detections: boxes mapped back and clipped, batches, options, classifiers, and the published
 * numbers on a real photograph. */
#include "tests/unit/detect_fixture.h"

enum { W = 45, H = 31 }; /* of the test pictures */

/* ---- a network that says the same about every image ---- */

/* 4x4 cells of 8 pixels, each with a box of 4x6 pixels at its centre, class 0 at 9/10 * 4/5. */
static const char constant_cfg[] = SMALL_NET
    "[convolutional]\nfilters=7\nsize=1\nstride=8\nactivation=linear\n"
    "[yolo]\nanchors=4,6\nclasses=2\nnum=1\n";

static void make_constant(void) {
  const float bias[] = {0, 0, 0, 0, 2.197224577f, 1.386294361f, -20}, zeros[21] = {0};
  yolo_darknet_header header = {0, 2, 5, 0};
  yolo_darknet_writer *writer = NULL;
  put_text(in_folder("constant.cfg"), constant_cfg);
  MUST(yolo_darknet_create(in_folder("constant.weights"), &header, &writer));
  MUST(yolo_darknet_write(writer, bias, 7));
  MUST(yolo_darknet_write(writer, zeros, 21));
  MUST(yolo_darknet_writer_finish(writer));
  yolo_darknet_writer_close(writer);
}

static void expect_box(const yolo_detection *d, double x1, double y1, double x2, double y2) {
  ck_assert_int_eq(d->class_id, 0);
  ck_assert_double_eq_tol(d->confidence, 0.72, 1e-5);
  ck_assert_double_eq_tol(d->x1, x1, 1e-3);
  ck_assert_double_eq_tol(d->y1, y1, 1e-3);
  ck_assert_double_eq_tol(d->x2, x2, 1e-3);
  ck_assert_double_eq_tol(d->y2, y2, 1e-3);
}

START_TEST(boxes_come_back_to_the_image) {
  static uint8_t rgb[64 * 16 * 3];
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *result = NULL;
  make_constant();
  open_small("constant", &model, &context);
  MUST(yolo_detect_pixels(context, rgb, 64, 16, 0, YOLO_RGB, NULL, &result));
  ck_assert_int_eq(result->width, 64);
  ck_assert_int_eq(result->height, 16);
  ck_assert_int_eq(result->count, 16); /* stretched: twice as wide, half as high; ties in the order of production */
  for (int i = 0; i < 16; i++) {
    double x = (i % 4 + 0.5) * 16, y = (i / 4 + 0.5) * 4;
    expect_box(&result->detections[i], x - 4, y - 1.5, x + 4, y + 1.5);
  }
  yolo_result_free(result);
  close_small(model, context);

  yolo_model_options options = {.cfg = in_folder("constant.cfg"), .device = "cpu", .letterbox = "letterbox", .threads = 1};
  MUST(yolo_model_load(in_folder("constant.weights"), &options, &model));
  MUST(yolo_context_new(model, &context));
  MUST(yolo_detect_pixels(context, rgb, 64, 16, 0, YOLO_RGB, NULL, &result));
  ck_assert_int_eq(result->count, 8); /* the image lies in rows 12 to 20; what the bars say is dropped */
  for (int i = 0; i < 8; i++) {
    double x = (i % 4 + 0.5) * 16;
    expect_box(&result->detections[i], x - 4, i < 4 ? 0 : 10, x + 4, i < 4 ? 6 : 16); /* clipped */
  }
  yolo_result_free(result);
  close_small(model, context);
}
END_TEST

START_TEST(a_batch_is_its_images) {
  enum { IMAGES = 5 };
  static uint8_t rgb[IMAGES][64 * 64 * 3];
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_pixels pixels[IMAGES];
  yolo_result *together[IMAGES], *alone = NULL;
  make_small("small", small_cfg, 1);
  open_small("small", &model, &context);
  for (int i = 0; i < IMAGES; i++) {
    int w = 20 + 11 * i, h = 64 - 9 * i;
    fill_picture(rgb[i], w, h, (uint64_t)i);
    pixels[i] = (yolo_pixels){rgb[i], w, h, (size_t)w * 3, YOLO_PIXELS_RGB};
  }
  MUST(yolo_detect_batch(context, pixels, IMAGES, &everything, together));
  for (int i = 0; i < IMAGES; i++) {
    MUST(yolo_detect_batch(context, &pixels[i], 1, &everything, &alone));
    ck_assert_int_gt(alone->count, 0);
    expect_same_result(alone, together[i]);
    yolo_result_free(alone);
    yolo_result_free(together[i]);
  }
  pixels[3].row_stride = 5; /* one bad image: no result at all */
  expect_words(yolo_detect_batch(context, pixels, IMAGES, NULL, together), "row stride of 5 bytes is too short");
  for (int i = 0; i < IMAGES; i++) ck_assert_ptr_null(together[i]);
  close_small(model, context);
}
END_TEST

/* ---- options ---- */

static bool sorted_and_inside(const yolo_result *r) {
  for (int i = 0; i < r->count; i++) {
    const yolo_detection *d = &r->detections[i];
    if (i > 0 && d->confidence > d[-1].confidence) return false;
    if (!(d->x1 >= 0 && d->y1 >= 0 && d->x1 < d->x2 && d->y1 < d->y2)) return false;
    if (!(d->x2 <= (float)r->width && d->y2 <= (float)r->height)) return false;
  }
  return true;
}

/* How many are found, and how many of class 1. */
static int count_with(yolo_context *context, const uint8_t *rgb, yolo_detect_options options, int *of_class_1) {
  yolo_result *result = NULL;
  MUST(yolo_detect_pixels(context, rgb, W, H, 0, YOLO_RGB, &options, &result));
  ck_assert(sorted_and_inside(result));
  int count = result->count;
  *of_class_1 = 0;
  for (int i = 0; i < count; i++) {
    *of_class_1 += result->detections[i].class_id == 1;
    ck_assert_float_gt(result->detections[i].confidence, options.confidence > 0 ? options.confidence : 0);
  }
  yolo_result_free(result);
  return count;
}

START_TEST(options_do_what_they_say) {
  static uint8_t rgb[W * H * 3];
  const int only[] = {1};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_detect_options o = everything;
  int ones, other;
  make_small("small", small_cfg, 1);
  open_small("small", &model, &context);
  fill_picture(rgb, W, H, 5);
  int all = count_with(context, rgb, o, &ones);
  ck_assert(all > 40 && all <= 64 && ones > 0 && ones < all); /* 16 cells x 2 anchors x 2 classes, less those outside */
  o.classes = only;
  o.n_classes = 1;
  ck_assert_int_eq(count_with(context, rgb, o, &other), ones);
  o.n_classes = 0; /* a list of none */
  ck_assert_int_eq(count_with(context, rgb, o, &other), 0);
  o = everything;
  o.best_class = 1;
  ck_assert_int_eq(count_with(context, rgb, o, &other), all / 2);
  o = everything;
  o.max_detections = 7;
  ck_assert_int_eq(count_with(context, rgb, o, &other), 7);
  o.max_detections = 0;
  ck_assert_int_eq(count_with(context, rgb, o, &other), all); /* fewer than 300 */
  o = everything;
  o.nms = YOLO_NMS_MODEL;
  o.iou = 0.1f;
  int suppressed = count_with(context, rgb, o, &other);
  ck_assert(suppressed > 0 && suppressed < all);
  o.nms = YOLO_NMS_IOU;
  ck_assert_int_eq(count_with(context, rgb, o, &other), suppressed);
  o.nms = YOLO_NMS_DIOU; /* spares what lies apart */
  ck_assert_int_ge(count_with(context, rgb, o, &other), suppressed);
  o.nms = YOLO_NMS_IOU;
  o.agnostic = 1;
  ck_assert_int_lt(count_with(context, rgb, o, &other), suppressed);
  o.agnostic = 0;
  o.iou = 1;
  ck_assert_int_eq(count_with(context, rgb, o, &other), all);
  o = everything;
  o.confidence = 0.2f;
  int sure = count_with(context, rgb, o, &other);
  ck_assert(sure > 0 && sure < all);
  o.confidence = 1;
  ck_assert_int_eq(count_with(context, rgb, o, &other), 0);
  close_small(model, context);
}
END_TEST

START_TEST(classifiers_give_scores) {
  static uint8_t rgb[W * H * 3];
  static const char *const names[] = {"soft", "plain", "dropout"};
  static const char *const cfgs[] = {small_classifier, SMALL_NET SMALL_BODY "[avgpool]\n",
                                     SMALL_NET SMALL_BODY "[avgpool]\n[dropout]\n"};
  float first[3] = {0};
  fill_picture(rgb, W, H, 6);
  for (int i = 0; i < 3; i++) { /* the network's softmax and ours are the same, and a dropout changes nothing */
    make_small(names[i], cfgs[i], 2);
    yolo_model *model = NULL;
    yolo_context *context = NULL;
    yolo_result *result = NULL;
    double sum = 0;
    open_small(names[i], &model, &context);
    MUST(yolo_detect_pixels(context, rgb, W, H, 0, YOLO_RGB, NULL, &result));
    ck_assert_int_eq(result->count, 0);
    ck_assert_int_eq(result->n_scores, 14);
    for (int k = 0; k < 14; k++) sum += result->scores[k];
    ck_assert_double_eq_tol(sum, 1, 1e-5);
    first[i] = result->scores[0];
    yolo_result_free(result);
    close_small(model, context);
  }
  for (int i = 1; i < 3; i++) ck_assert_float_eq_tol(first[0], first[i], 1e-6);
}
END_TEST

START_TEST(a_backbone_detects_nothing) {
  static uint8_t rgb[W * H * 3];
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *result = NULL;
  make_small("bare", SMALL_NET SMALL_BODY, 1);
  open_small("bare", &model, &context);
  expect_words(yolo_detect_pixels(context, rgb, W, H, 0, YOLO_RGB, NULL, &result), "the network has no head");
  close_small(model, context);
}
END_TEST

/* ---- a real photograph ---- */

typedef struct dog_row {
  const char *network, *class_name;
  float confidence, x1, y1, x2, y2;
} dog_row;

/* What OpenCV's dnn module finds in dog.jpg (stretched, per-class suppression at 0.45, confidence above 0.3). */
static const dog_row dog_rows[] = {
    {"yolo-fastest-1.1-xl", "dog", .958f, 114, 188, 386, 536},
    {"yolo-fastest-1.1-xl", "bicycle", .894f, 113, 127, 573, 497},
    {"yolo-fastest-1.1-xl", "car", .841f, 450, 78, 685, 162},
    {"yolo-fastest-1.1-xl", "truck", .437f, 451, 80, 676, 163},
    {"yolo-fastest-1.1", "car", .897f, 454, 76, 685, 180},
    {"yolo-fastest-1.1", "dog", .654f, 123, 221, 365, 515},
    {"yolo-fastest-1.1", "cat", .567f, 113, 212, 370, 517},
    {"yolo-fastest-1.1", "bicycle", .529f, 243, 187, 589, 422},
    {"yolo-fastest-1.1", "car", .444f, 690, 117, 729, 155},
    {"yolo-fastest-1.1", "bicycle", .313f, 81, 176, 447, 490},
    {"yolo-fastest-1.1", "person", .312f, 64, 73, 114, 118},
    {"MobileNetV2-YOLOv3-Nano-coco", "dog", .983f, 139, 218, 342, 520},
    {"MobileNetV2-YOLOv3-Nano-coco", "car", .914f, 466, 82, 708, 173},
    {"MobileNetV2-YOLOv3-Nano-coco", "car", .478f, 692, 114, 724, 156},
    {"MobileNetV2-YOLOv3-Nano-coco", "bicycle", .460f, 263, 199, 581, 411},
    {"yolo-lite-coco-trial6", "dog", .724f, 111, 209, 431, 516},
    {"yolo-lite-coco-trial6", "car", .617f, 548, 88, 646, 153},
    {"yolo-lite-coco-trial6", "car", .599f, 456, 84, 526, 140},
};

/* The best overlap with a detection of the row's class, whose confidence is close. */
static float best_overlap(const yolo_model *model, const yolo_result *result, const dog_row *row) {
  float best = 0;
  for (int i = 0; i < result->count; i++) {
    const yolo_detection *d = &result->detections[i];
    yolo_box a = {d->x1, d->y1, d->x2, d->y2, 0, 0, 0, 0}, b = {row->x1, row->y1, row->x2, row->y2, 0, 0, 0, 0};
    if (strcmp(yolo_model_class_name(model, d->class_id), row->class_name) != 0) continue;
    if (fabsf(d->confidence - row->confidence) <= 0.02f) best = fmaxf(best, yolo_box_iou(&a, &b));
  }
  return best;
}

START_TEST(the_dog) {
  const char *data = test_data("dog.jpg with four networks");
  char cfg[512], weights[512], names[512], image[512];
  for (size_t i = 0; data && i < sizeof dog_rows / sizeof *dog_rows;) {
    const char *network = dog_rows[i].network;
    yolo_detect_options options = {.confidence = 0.28f};
    yolo_model *model = NULL;
    yolo_context *context = NULL;
    yolo_result *result = NULL;
    snprintf(cfg, sizeof cfg, "%s/weights/%s.cfg", data, network);
    snprintf(weights, sizeof weights, "%s/weights/%s.weights", data, network);
    snprintf(names, sizeof names, "%s/weights/coco.names", data);
    snprintf(image, sizeof image, "%s/images/dog.jpg", data);
    yolo_model_options how = {.cfg = cfg, .names = names, .device = "cpu"};
    MUST(yolo_model_load(weights, &how, &model));
    MUST(yolo_context_new(model, &context));
    MUST(yolo_detect_file(context, image, &options, &result));
    for (; i < sizeof dog_rows / sizeof *dog_rows && strcmp(dog_rows[i].network, network) == 0; i++) {
      float overlap = best_overlap(model, result, &dog_rows[i]);
      ck_assert_msg(overlap >= 0.95f, "%s: %s .%03.0f is met with an IoU of %.3f", network, dog_rows[i].class_name,
                    (double)dog_rows[i].confidence * 1000, (double)overlap);
    }
    yolo_result_free(result);
    close_small(model, context);
  }
}
END_TEST

int main(void) {
  const TTest *const all[] = {boxes_come_back_to_the_image, a_batch_is_its_images,      options_do_what_they_say,
                              classifiers_give_scores,      a_backbone_detects_nothing, the_dog};
  return run_suite("detect_run", all, sizeof all / sizeof all[0]);
}
