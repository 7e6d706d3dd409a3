/* The public interface as a program uses it: the same image by every way in, sentences for wrong calls, threads,
 * memory that does not grow. */
#include "tests/unit/detect_fixture.h"

#include <pthread.h>

enum { W = 45, H = 31 }; /* of the test pictures */

/* ---- the same image by every way in ---- */

/* The picture in a format, with rows of W pixels and `gap` bytes of noise after each. */
static void repack(const uint8_t *rgb, yolo_pixel_format format, size_t bytes, size_t gap, uint8_t *out) {
  static const int red[] = {0, 2, 0, 2, 0}, blue[] = {2, 0, 2, 0, 0};
  memset(out, 0xA5, H * (W * bytes + gap));
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      const uint8_t *from = rgb + (y * W + x) * 3;
      uint8_t *to = out + (size_t)y * (W * bytes + gap) + (size_t)x * bytes;
      to[red[format]] = from[0];
      if (bytes > 1) to[1] = from[1];
      if (bytes > 1) to[blue[format]] = from[2];
    }
}

START_TEST(every_way_in_is_the_same) {
  static uint8_t rgb[W * H * 3], packed[H * (W * 4 + 16)];
  static const size_t bytes[] = {3, 3, 4, 4};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *from_file = NULL, *other = NULL;
  yolo_image image = {.pixels = rgb, .width = W, .height = H};
  char *file = NULL;
  size_t length = 0;
  make_small("small", small_cfg, 1);
  open_small("small", &model, &context);
  fill_picture(rgb, W, H, 3);
  MUST(yolo_image_save(&image, in_folder("p.png")));
  MUST(yolo_detect_file(context, in_folder("p.png"), &everything, &from_file));
  ck_assert_int_eq(from_file->width, W);
  ck_assert_int_eq(from_file->height, H);
  ck_assert_int_gt(from_file->count, 16);
  ck_assert(from_file->load_ms > 0 && from_file->network_ms > 0 && from_file->post_ms > 0);
  MUST(yolo_read_file(in_folder("p.png"), 1 << 20, &file, &length));
  MUST(yolo_detect_bytes(context, file, length, &everything, &other));
  expect_same_result(from_file, other);
  yolo_result_free(other);
  for (int format = YOLO_RGB; format <= YOLO_BGRA; format++)
    for (size_t gap = 0; gap < 12; gap += 11) {
      size_t stride = gap ? W * bytes[format] + gap : 0;
      repack(rgb, (yolo_pixel_format)format, bytes[format], gap, packed);
      MUST(yolo_detect_pixels(context, packed, W, H, stride, (yolo_pixel_format)format, &everything, &other));
      expect_same_result(from_file, other);
      yolo_result_free(other);
    }
  yolo_result_free(from_file);
  yolo_free(file);
  close_small(model, context);
}
END_TEST

START_TEST(grey_is_three_equal_channels) {
  static uint8_t rgb[W * H * 3], grey[W * H + H * 5];
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *a = NULL, *b = NULL;
  make_small("small", small_cfg, 1);
  open_small("small", &model, &context);
  fill_picture(rgb, W, H, 4);
  for (int i = 0; i < W * H; i++) rgb[3 * i + 1] = rgb[3 * i + 2] = rgb[3 * i];
  repack(rgb, YOLO_GREY, 1, 5, grey);
  MUST(yolo_detect_pixels(context, rgb, W, H, 0, YOLO_RGB, &everything, &a));
  MUST(yolo_detect_pixels(context, grey, W, H, W + 5, YOLO_GREY, &everything, &b));
  expect_same_result(a, b);
  yolo_result_free(a);
  yolo_result_free(b);
  close_small(model, context);
}
END_TEST

START_TEST(wrong_calls_get_a_sentence) {
  static uint8_t rgb[W * H * 3];
  const int classes[] = {0, 2};
  static const struct {
    int width, height;
    size_t stride;
    int format;
    const char *words;
  } images[] = {{0, 5, 0, YOLO_RGB, "0 x 5 pixels is not possible"},
                {5, -1, 0, YOLO_RGB, "5 x -1 pixels"},
                {40000, 1, 0, YOLO_GREY, "40000 x 1"},
                {W, H, W * 3 - 1, YOLO_RGB, "too short for 45 pixels of 3 bytes"},
                {W, H, W * 3, YOLO_RGBA, "pixels of 4 bytes"},
                {W, H, 0, 9, "9 is no pixel format"},
                {W, H, 0, -1, "-1 is no pixel format"}};
  const struct {
    yolo_detect_options options;
    const char *words;
  } options[] = {{{.confidence = 1.5f}, "a confidence of 1.5 is not possible"},
                 {{.confidence = NAN}, "is not possible"},
                 {{.iou = -0.1f}, "an overlap of -0.1 is not possible"},
                 {{.iou = NAN}, "is not possible"},
                 {{.nms = (yolo_nms_kind)7}, "7 is no kind of suppression"},
                 {{.classes = classes, .n_classes = 2}, "class 2 does not exist; this model has classes 0 to 1"},
                 {{.n_classes = 2}, "list of wanted classes is missing"},
                 {{.classes = classes, .n_classes = -2}, "said to have -2"}};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *result = (yolo_result *)rgb;
  make_small("small", small_cfg, 1);
  open_small("small", &model, &context);
  for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
    result = (yolo_result *)rgb;
    expect_words(yolo_detect_pixels(context, rgb, images[i].width, images[i].height, images[i].stride,
                                    (yolo_pixel_format)images[i].format, NULL, &result),
                 images[i].words);
    ck_assert_ptr_null(result);
  }
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    expect_words(yolo_detect_pixels(context, rgb, W, H, 0, YOLO_RGB, &options[i].options, &result), options[i].words);
  expect_words(yolo_detect_pixels(context, NULL, W, H, 0, YOLO_RGB, NULL, &result), "pixels is not possible");
  expect_words(yolo_detect_file(context, NULL, NULL, &result), "no image file is named");
  expect_words(yolo_detect_file(context, in_folder("none.jpg"), NULL, &result), "none.jpg");
  expect_words(yolo_detect_file(context, in_folder("small.cfg"), NULL, &result), "small.cfg");
  expect_words(yolo_detect_bytes(context, NULL, 5, NULL, &result), "no bytes");
  expect_words(yolo_detect_bytes(context, "abcdefgh", 8, NULL, &result), "image in memory");
  ck_assert_ptr_null(result);
  close_small(model, context);
}
END_TEST

START_TEST(questions) {
  yolo_model *model = NULL;
  int w = 0, h = 0, c = 0;
  ck_assert_str_eq(yolo_version(), "0.1.0");
  make_small("small", small_cfg, 1);
  MUST(load_small("small", &model));
  ck_assert_int_eq(yolo_model_classes(model), 2);
  ck_assert_str_eq(yolo_model_class_name(model, 1), "class 1");
  ck_assert_ptr_null(yolo_model_class_name(model, 2));
  ck_assert_ptr_null(yolo_model_class_name(model, -1));
  yolo_model_input(model, &w, &h, &c);
  ck_assert(w == 32 && h == 32 && c == 3);
  yolo_model_input(model, NULL, NULL, NULL);
  yolo_model_free(model);
  yolo_model_free(NULL);
  yolo_context_free(NULL);
  yolo_result_free(NULL);
}
END_TEST

START_TEST(where_it_runs) {
  static const struct {
    yolo_model_options options;
    const char *words; /* NULL: it runs */
  } table[] = {{{.device = "cpu", .threads = 2}, NULL},
               {{.device = "cpu", .precision = "fp32", .deterministic = 1}, NULL},
               {{.device = "cpu", .precision = "fp16"}, "precision fp16: the CPU computes in fp32 only"},
               {{.device = "cpu", .precision = "tf32"}, "precision tf32"},
               {{.device = "cpu", .precision = "fp64"}, "precision 'fp64' is unknown"},
               {{.device = "cpu:x"}, "what follows the colon must be a number"},
               {{.device = "toaster:1"}, "device 'toaster:1' is unknown"}};
  make_small("small", small_cfg, 1);
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    yolo_model_options options = table[i].options;
    yolo_model *model = NULL;
    yolo_context *context = NULL;
    options.cfg = in_folder("small.cfg");
    yolo_status st = yolo_model_load(in_folder("small.weights"), &options, &model);
    if (table[i].words) {
      expect_words(st, table[i].words);
      ck_assert_ptr_null(model);
      continue;
    }
    MUST(st);
    MUST(yolo_context_new(model, &context));
    ck_assert_int_eq(strncmp(yolo_context_device(context), "CPU, ", 5), 0);
    if (options.threads) ck_assert_ptr_nonnull(strstr(yolo_context_device(context), ", 2 threads"));
    close_small(model, context);
  }
}
END_TEST

/* ---- threads ---- */

enum { PICTURES = 6, ROUNDS = 8 };

typedef struct job {
  const yolo_model *model;
  uint8_t (*pictures)[W * H * 3];
  yolo_result *const *serial;
  int wrong;
} job;

static bool same(const yolo_result *a, const yolo_result *b) {
  return a->count == b->count && memcmp(a->detections, b->detections, (size_t)a->count * sizeof *a->detections) == 0;
}

static void *work(void *payload) {
  job *j = payload;
  yolo_context *context = NULL;
  if (yolo_context_new(j->model, &context) != YOLO_OK) j->wrong++;
  for (int i = 0; context && i < PICTURES * ROUNDS; i++) {
    yolo_result *result = NULL;
    yolo_status st = yolo_detect_pixels(context, j->pictures[i % PICTURES], W, H, 0, YOLO_RGB, &everything, &result);
    if (st != YOLO_OK || !same(result, j->serial[i % PICTURES])) j->wrong++;
    yolo_result_free(result);
    if (yolo_detect_pixels(context, NULL, W, H, 0, YOLO_RGB, NULL, &result) == YOLO_OK)
      j->wrong++; /* errors are a thread's own */
    if (!strstr(yolo_error_message(), "not possible")) j->wrong++;
  }
  yolo_context_free(context);
  return NULL;
}

START_TEST(two_models_in_four_threads) {
  static uint8_t pictures[PICTURES][W * H * 3];
  yolo_model *models[2] = {NULL};
  yolo_result *serial[2][PICTURES];
  pthread_t threads[4];
  job jobs[4];
  make_small("a", small_cfg, 11);
  make_small("b", small_cfg, 22);
  MUST(load_small("a", &models[0]));
  MUST(load_small("b", &models[1]));
  for (int i = 0; i < PICTURES; i++) fill_picture(pictures[i], W, H, (uint64_t)i + 50);
  for (int m = 0; m < 2; m++) {
    yolo_context *context = NULL;
    MUST(yolo_context_new(models[m], &context));
    for (int i = 0; i < PICTURES; i++)
      MUST(yolo_detect_pixels(context, pictures[i], W, H, 0, YOLO_RGB, &everything, &serial[m][i]));
    yolo_context_free(context);
  }
  ck_assert(!same(serial[0][0], serial[1][0]) && !same(serial[0][0], serial[0][1]));
  for (int t = 0; t < 4; t++) {
    jobs[t] = (job){models[t % 2], pictures, serial[t % 2], 0};
    ck_assert_int_eq(pthread_create(&threads[t], NULL, work, &jobs[t]), 0);
  }
  for (int t = 0; t < 4; t++) {
    pthread_join(threads[t], NULL);
    ck_assert_int_eq(jobs[t].wrong, 0);
  }
  for (int m = 0; m < 2; m++) {
    for (int i = 0; i < PICTURES; i++) yolo_result_free(serial[m][i]);
    yolo_model_free(models[m]);
  }
}
END_TEST

START_TEST(any_number_of_threads) {
  static uint8_t rgb[W * H * 3];
  yolo_result *results[3] = {NULL};
  make_small("small", small_cfg, 1);
  fill_picture(rgb, W, H, 8);
  for (int i = 0; i < 3; i++) {
    static const int threads[] = {1, 2, 7};
    yolo_model *model = NULL;
    yolo_context *context = NULL;
    yolo_model_options options = {
        .cfg = in_folder("small.cfg"), .device = "cpu", .threads = threads[i], .width = 96, .height = 64};
    MUST(yolo_model_load(in_folder("small.weights"), &options, &model));
    MUST(yolo_context_new(model, &context));
    MUST(yolo_detect_pixels(context, rgb, W, H, 0, YOLO_RGB, &everything, &results[i]));
    close_small(model, context);
    expect_same_result(results[0], results[i]);
  }
  for (int i = 0; i < 3; i++) yolo_result_free(results[i]);
}
END_TEST

/* ---- memory ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* as gcc says it */
#define SANITIZED
#elif defined(__has_feature) /* as clang does */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#if !defined(SANITIZED)
static long resident_kb(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = -1;
  if (file) fclose(file);
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}
#else
static long resident_kb(void) { return 0; } /* a sanitizer keeps freed memory */
#endif

/* The same image `count` times, from its bytes and from its pixels in turn. After the first tenth, nothing grows: not
 * what is alive, not the process. The calls to the allocator are those of one detection: the decoded picture, the
 * result and a few rows of scratch. */
static void expect_no_growth(const yolo_model *model, const char *path, const yolo_detect_options *options, int count) {
  yolo_context *context = NULL;
  yolo_image image = {0};
  yolo_memory_stats before = {0};
  char *bytes = NULL;
  size_t length = 0;
  long kb = 0;
  MUST(yolo_context_new(model, &context));
  MUST(yolo_read_file(path, 1 << 24, &bytes, &length));
  MUST(yolo_image_decode((const uint8_t *)bytes, length, path, &image));
  for (int i = 0; i < count; i++) {
    yolo_result *result = NULL;
    if (i == count / 10) {
      kb = resident_kb();
      before = yolo_memory_get_stats();
    }
    if (i % 2 == 0)
      MUST(yolo_detect_bytes(context, bytes, length, options, &result));
    else
      MUST(yolo_detect_pixels(context, image.pixels, image.width, image.height, 0, YOLO_RGB, options, &result));
    yolo_result_free(result);
  }
  yolo_memory_stats after = yolo_memory_get_stats();
  long grown = resident_kb() - kb;
  printf("%s: %d detections; the last %d made the process grow by %ld kB\n", yolo_basename(path), count, count - count / 10,
         grown);
  ck_assert_int_le(grown, 256); /* a malloc may still hand out fresh pages of what it has */
  ck_assert_int_eq(after.live, before.live);
  ck_assert_int_le((after.calls - before.calls) / (count - count / 10), 16);
  yolo_free(bytes);
  yolo_image_release(&image);
  yolo_context_free(context);
}

START_TEST(memory_does_not_grow) {
  static uint8_t rgb[W * H * 3];
  yolo_image image = {.pixels = rgb, .width = W, .height = H};
  yolo_model *model = NULL;
  make_small("small", small_cfg, 1);
  MUST(load_small("small", &model));
  fill_picture(rgb, W, H, 3);
  MUST(yolo_image_save(&image, in_folder("grow.jpg")));
  expect_no_growth(model, in_folder("grow.jpg"), &everything, 10000);
  yolo_model_free(model);
}
END_TEST

/* As many as the first argument says; by default few, because this is a network of real size. */
#ifdef __SANITIZE_THREAD__
static int real_detections = 0; /* the plain loops under this sanitizer need minutes, and say nothing about memory */
#else
static int real_detections = 200;
#endif

START_TEST(memory_does_not_grow_with_a_published_network) {
  const char *data = test_data("memory with a published network");
  char cfg[512], weights[512], image[512];
  yolo_model *model = NULL;
  if (!data || real_detections < 1) return;
  snprintf(cfg, sizeof cfg, "%s/weights/yolo-fastest-1.1.cfg", data);
  snprintf(weights, sizeof weights, "%s/weights/yolo-fastest-1.1.weights", data);
  snprintf(image, sizeof image, "%s/images/person.jpg", data);
  yolo_model_options options = {.cfg = cfg, .device = "cpu"};
  MUST(yolo_model_load(weights, &options, &model));
  expect_no_growth(model, image, NULL, real_detections);
  yolo_model_free(model);
}
END_TEST

START_TEST(detect_without_memory) {
  static uint8_t rgb[W * H * 3];
  yolo_image image = {.pixels = rgb, .width = W, .height = H};
  yolo_detect_options options = {.confidence = 0.01f};
  yolo_status st = YOLO_ENOMEM;
  int nth = 0;
  make_small("small", small_cfg, 1);
  fill_picture(rgb, W, H, 9);
  MUST(yolo_image_save(&image, in_folder("m.png")));
  long live = yolo_memory_get_stats().live;
  while (st == YOLO_ENOMEM && nth < 5000) {
    yolo_model *model = NULL;
    yolo_context *context = NULL;
    yolo_result *result = NULL;
    yolo_memory_fail_at(++nth);
    st = load_small("small", &model);
    if (st == YOLO_OK) st = yolo_context_new(model, &context);
    if (st == YOLO_OK) st = yolo_detect_file(context, in_folder("m.png"), &options, &result);
    yolo_memory_fail_at(0);
    ck_assert((st == YOLO_OK) == (result != NULL));
    if (st != YOLO_OK) ck_assert_int_gt(strlen(yolo_error_message()), 10);
    yolo_result_free(result);
    close_small(model, context);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
  ck_assert_int_gt(nth, 50);
}
END_TEST

int main(int argc, char **argv) {
  const TTest *const all[] = {every_way_in_is_the_same,
                              grey_is_three_equal_channels,
                              wrong_calls_get_a_sentence,
                              questions,
                              two_models_in_four_threads,
                              any_number_of_threads,
                              where_it_runs,
                              memory_does_not_grow,
                              memory_does_not_grow_with_a_published_network,
                              detect_without_memory};
  if (argc > 1) real_detections = (int)strtol(argv[1], NULL, 10);
  return run_suite("api", all, sizeof all / sizeof all[0]);
}
