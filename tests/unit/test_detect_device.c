/* Detection on a device with memory of its own, that resizes pictures itself and picks the rows of heads: the results of
 * the CPU, bit for bit, whatever the device offers and however many rows pass.
 *
 * The device is the mock of network_fixture.h. It runs the plain loops, so the CPU is asked for them as well. */
#include "tests/unit/detect_fixture.h"
#include "tests/unit/network_fixture.h"

enum { WEIGHTS_SEED = 3, IMAGES = 4, SIDE = 80 };

/* ---- devices ---- */

static struct seen {
  int pictures, selects;
  int fitted, overflowed; /* images of a select */
  int mixed;              /* selects that had both */
  bool fail;
} seen;

static yolo_status resample(yolo_device *device, const yolo_resample *how, const yolo_tensor *to, int n) {
  if (!device || seen.fail) return yolo_fail(YOLO_EDEVICE, "the card lost picture %d", n);
  seen.pictures++;
  return yolo_resample_run(how, to, n);
}

static yolo_status count_rows(yolo_device *device, const yolo_row_filter *filter, const yolo_tensor *from,
                              const yolo_row_hits *hits) {
  int over = 0;
  yolo_status st = mock_select(device, filter, from, hits);
  for (int n = 0; n < from->shape.n; n++) over += hits->count[n] > filter->capacity;
  seen.selects++;
  seen.overflowed += over;
  seen.fitted += from->shape.n - over;
  seen.mixed += over > 0 && over < from->shape.n;
  return st;
}

/* A model whose network runs elsewhere, with the weights of its file. */
static void open_on(const char *name, const char *fit, const yolo_network_options *where, yolo_model **model,
                    yolo_context **context) {
  char cfg[32], weights[32];
  uint64_t seed = WEIGHTS_SEED;
  snprintf(cfg, sizeof cfg, "%s.cfg", name);
  snprintf(weights, sizeof weights, "%s.weights", name);
  yolo_model_options options = {.cfg = in_folder(cfg), .device = "cpu", .threads = 1, .letterbox = fit};
  MUST(yolo_model_load(in_folder(weights), &options, model));
  yolo_network_free((*model)->network);
  (*model)->network = NULL;
  MUST(yolo_network_new((*model)->spec.graph, where, &(*model)->network));
  MUST(yolo_network_load((*model)->network, yolo_fetch_random, &seed));
  MUST(yolo_context_new(*model, context));
}

static const yolo_network_options reference = {.device = {.threads = 1, .isa = "reference"}};

typedef struct pair {
  yolo_backend backend;
  yolo_model *model[2]; /* the mock's and the CPU's */
  yolo_context *context[2];
} pair;

static void open_pair(const char *name, const char *fit, bool takes_images, bool picks_rows, pair *out) {
  *out = (pair){.backend = mock_backend};
  out->backend.resample = takes_images ? resample : NULL;
  out->backend.select = picks_rows ? count_rows : NULL;
  yolo_network_options where = {.backend = &out->backend, .device = {.isa = "imaginary"}};
  seen = (struct seen){0};
  open_on(name, fit, &where, &out->model[0], &out->context[0]);
  open_on(name, fit, &reference, &out->model[1], &out->context[1]);
  mock.downloads = 0;
}

static void close_pair(pair *p) {
  for (int i = 0; i < 2; i++) close_small(p->model[i], p->context[i]);
}

/* ---- pictures ---- */

/* Of all layouts and shapes; the last one is thin: letterboxed it is nearly all grey. */
static const yolo_pixels *pictures(void) {
  static uint8_t bytes[IMAGES][SIDE * SIDE * 4];
  static yolo_pixels list[IMAGES];
  static const yolo_pixel_layout layouts[] = {YOLO_PIXELS_RGB, YOLO_PIXELS_BGRA, YOLO_PIXELS_GREY, YOLO_PIXELS_BGR};
  static const int sizes[][2] = {{45, 31}, {SIDE, SIDE}, {20, 64}, {SIDE, 1}};
  for (int i = 0; i < IMAGES; i++) {
    int step = yolo_pixel_bytes(layouts[i]);
    fill_picture(bytes[i], SIDE, SIDE, (uint64_t)i);
    list[i] = (yolo_pixels){bytes[i], sizes[i][0], sizes[i][1], (size_t)(sizes[i][0] * step), layouts[i]};
  }
  return list;
}

/* The same batch on both; returns how many detections there were. */
static int expect_same_batch(const pair *p, int first, int count, const yolo_detect_options *options) {
  yolo_result *a[IMAGES], *b[IMAGES];
  int found = 0;
  MUST(yolo_detect_batch(p->context[0], pictures() + first, count, options, a));
  MUST(yolo_detect_batch(p->context[1], pictures() + first, count, options, b));
  for (int i = 0; i < count; i++) {
    expect_same_result(a[i], b[i]);
    found += a[i]->count;
    yolo_result_free(a[i]);
    yolo_result_free(b[i]);
  }
  return found;
}

/* ---- networks ---- */

#define FROM(layer, filters, activation) \
  "[route]\nlayers=" #layer "\n[convolutional]\nfilters=" #filters "\nsize=1\nactivation=" #activation "\n"
#define ONE_MORE FROM(2, 14, linear) SMALL_HEAD

/* Every kind of head, on maps of two sizes, and more of them than a runner watches. */
static const char many_cfg[] = SMALL_NET SMALL_BODY SMALL_HEAD                                         //
    FROM(1, 22, linear) "[Gaussian_yolo]\nanchors=4,6, 10,12\nclasses=2\nnum=2\n"                      //
    FROM(2, 14, linear) "[region]\nanchors=1,0.5, 2,2\nclasses=2\nnum=2\nsoftmax=1\n"                  //
    FROM(2, 12, linear) "[detection]\nclasses=2\nside=4\nnum=2\n"                                      //
    FROM(1, 14, logistic) "[yolo]\nanchors=4,6, 10,12\nclasses=2\nnum=2\nnew_coords=1\nscale_x_y=2\n"  //
    ONE_MORE ONE_MORE ONE_MORE ONE_MORE ONE_MORE;
enum { MANY_HEADS = 10, WATCHABLE = 7 /* of the first eight: [detection] has no rows */ };

/* One head of 32 x 32 cells with two anchors: 2048 rows, twice what a device may send. */
static const char wide_cfg[] =
    "[net]\nwidth=64\nheight=64\nchannels=3\n"
    "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
    "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n" SMALL_HEAD;

static const float confidences[] = {0.25f, -1, 0.6f, 1e-5f, 0.001f, 0.9f, 0.05f};
enum { CONFIDENCES = sizeof confidences / sizeof *confidences };

/* ---- tests ---- */

START_TEST(what_a_device_offers_changes_no_result) {
  make_small("many", many_cfg, WEIGHTS_SEED);
  for (int offers = 0; offers < 4; offers++)
    for (int fit = 0; fit < 2; fit++) {
      pair p;
      int found = 0;
      open_pair("many", fit ? "letterbox" : "stretch", offers & 1, offers & 2, &p);
      ck_assert_int_eq(p.model[0]->spec.n_heads, MANY_HEADS);
      for (int c = 0; c < CONFIDENCES; c++) { /* one context for all: what was watched before must not matter */
        yolo_detect_options options = {.confidence = confidences[c], .best_class = c % 2, .max_detections = -1};
        found += expect_same_batch(&p, 0, IMAGES, &options);
        found += expect_same_batch(&p, c % IMAGES, 1, &options);
      }
      ck_assert_int_gt(found, 1000);
      ck_assert_int_eq(seen.pictures, offers & 1 ? CONFIDENCES * (IMAGES + 1) : 0);
      ck_assert_int_eq(seen.selects, offers & 2 ? 2 * CONFIDENCES * WATCHABLE : 0);
      ck_assert_int_eq(seen.overflowed, 0); /* small maps fit as a whole */
      close_pair(&p);
    }
}
END_TEST

/* Where rows are enough nothing else crosses: that is what they are for. */
START_TEST(whole_tensors_stay_on_the_device) {
  static const struct {
    const char *name;
    bool rows;
    float confidence;
    int downloads;
  } cases[] = {{"small", true, 0.25f, 0},
               {"small", false, 0.25f, 1},
               {"small", true, -1, 1}, /* everything is wanted */
               {"many", true, 0.25f, MANY_HEADS - WATCHABLE},
               {"many", false, 0.25f, MANY_HEADS}};
  make_small("small", small_cfg, WEIGHTS_SEED);
  make_small("many", many_cfg, WEIGHTS_SEED);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    pair p;
    const yolo_detect_options options = {.confidence = cases[i].confidence};
    open_pair(cases[i].name, NULL, true, cases[i].rows, &p);
    ck_assert_int_gt(expect_same_batch(&p, 0, IMAGES, &options), 0);
    ck_assert_int_eq(mock.downloads, cases[i].downloads);
    close_pair(&p);
  }
}
END_TEST

START_TEST(too_many_rows_are_all_there) {
  pair p;
  make_small("wide", wide_cfg, WEIGHTS_SEED);
  open_pair("wide", "letterbox", true, true, &p);
  for (int i = 1; i < 96; i++) {
    const yolo_detect_options options = {.confidence = (float)i / 96, .nms = YOLO_NMS_NONE, .max_detections = -1};
    expect_same_batch(&p, 0, IMAGES, &options);
  }
  ck_assert_int_gt(seen.fitted, 0);
  ck_assert_int_gt(seen.overflowed, 0);
  ck_assert_int_gt(seen.mixed, 0);
  close_pair(&p);
}
END_TEST

START_TEST(classifiers_come_whole) {
  pair p;
  make_small("classes", small_classifier, WEIGHTS_SEED);
  open_pair("classes", NULL, true, true, &p);
  expect_same_batch(&p, 0, IMAGES, NULL);
  ck_assert_int_eq(seen.pictures, IMAGES);
  ck_assert_int_eq(seen.selects, 0);
  close_pair(&p);
}
END_TEST

START_TEST(a_lost_picture_is_a_sentence) {
  pair p;
  yolo_result *results[IMAGES];
  make_small("small", small_cfg, WEIGHTS_SEED);
  open_pair("small", NULL, true, true, &p);
  seen.fail = true;
  expect_words(yolo_detect_batch(p.context[0], pictures(), IMAGES, NULL, results), "the card lost picture 0");
  for (int i = 0; i < IMAGES; i++) ck_assert_ptr_null(results[i]);
  seen.fail = false;
  ck_assert_int_gt(expect_same_batch(&p, 0, IMAGES, NULL), 0); /* and nothing of it is left */
  close_pair(&p);
}
END_TEST

START_TEST(survives_missing_memory) {
  yolo_result *results[IMAGES];
  long nth = 1;
  yolo_status st = YOLO_ENOMEM;
  make_small("small", small_cfg, WEIGHTS_SEED);
  for (; st != YOLO_OK && nth < 100; nth++) {
    pair p;
    long live = yolo_memory_get_stats().live;
    open_pair("small", NULL, true, true, &p); /* nothing is there yet of what a batch needs */
    yolo_memory_fail_at(nth);
    st = yolo_detect_batch(p.context[0], pictures(), IMAGES, NULL, results);
    yolo_memory_fail_at(0);
    if (st != YOLO_OK) ck_assert_int_eq(st, YOLO_ENOMEM);
    for (int i = 0; i < IMAGES; i++) yolo_result_free(results[i]);
    ck_assert_int_gt(expect_same_batch(&p, 0, IMAGES, NULL), 0); /* the context is still good */
    close_pair(&p);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert_int_eq(st, YOLO_OK);
  ck_assert_int_gt(nth, 8);
}
END_TEST

int main(void) {
  const TTest *const all[] = {what_a_device_offers_changes_no_result,
                              whole_tensors_stay_on_the_device,
                              too_many_rows_are_all_there,
                              classifiers_come_whole,
                              a_lost_picture_is_a_sentence,
                              survives_missing_memory};
  return run_suite("detect_device", all, sizeof all / sizeof all[0]);
}
