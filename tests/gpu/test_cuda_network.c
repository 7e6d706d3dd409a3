/* Whole networks on a card against the CPU: real ones by their boxes in photographs (where YOLO_TEST_DATA names them), those of
 * the zoo with random weights by the values of their heads. Every size runs four times, so that a recorded pass is played,
 * and several sizes take turns in one context. Deterministic runs are equal to the last bit, also in another process.
 *
 *   test_cuda_network [NAME ...]   only these networks
 *   test_cuda_network --hash       what the deterministic runs gave, a line each (the test starts itself with it) */
#include <math.h>

#include "backbone/base/clock.h"
#include "tests/gpu/gpu_fixture.h"

/* How a card computes, and how far it may be from the CPU: least IoU and largest difference of confidence of boxes,
 * ||y - ref|| / ||ref|| of heads.
 *
 * fp32 and fp16 are held to the boxes that are left after suppression. On an H100 fp16 misses its bound at a few boxes of
 * about twenty pixels (docs/accuracy.md): storing activations in 16 bits does that by itself, however exact the sums. tf32 and
 * bf16, for which nobody promised anything, find their partners among the candidates, and where `shift` is not 0, corners
 * that move by no more than so many pixels of the network's input are good as well (such boxes are counted as small). */
typedef struct variant {
  const char *precision, *conv;
  double iou, confidence, shift, norm;
} variant;

static const variant variants[] = {
    {"fp32", "own", 0.999, 1e-4, 0, 1e-4}, {"fp32", "cudnn", 0.999, 1e-4, 0, 1e-4}, {"tf32", "own", 0.95, 0.05, 0.125, 2e-2},
    {"fp16", "own", 0.98, 0.01, 0, 2e-2},  {"fp16", "cudnn", 0.98, 0.01, 0, 2e-2},  {"bf16", "own", 0.95, 0.05, 1, 0.2},
};
enum { VARIANTS = sizeof variants / sizeof *variants, REPEATS = 4, PHOTOS = 5, BATCH = 3 };

static const char *const photo_names[PHOTOS] = {"dog", "horses", "person", "giraffe", "kite"};
static const char *const real[] = {"yolo-fastest-1.1", "yolo-fastest-1.1-xl", "MobileNetV2-YOLOv3-Nano-coco",
                                   "MobileNetV2-YOLO-Fastest-voc-v2", "yolo-lite-coco-trial6"};
static const char *const zoo[] = {"yolov3-tiny", "yolov4-tiny", "yolov2",   "yolov7-tiny",
                                  "yolov4",      "yolov4-csp",  "resnet50", "darknet19"};
enum { REAL = sizeof real / sizeof *real, ZOO = sizeof zoo / sizeof *zoo };

static char *const *wanted; /* names from the command line */
static int n_wanted;

static bool is_wanted(const char *name) {
  for (int i = 0; i < n_wanted; i++)
    if (strcmp(wanted[i], name) == 0) return true;
  return n_wanted == 0;
}

/* A device that cannot be opened this way is skipped, once said. */
static bool can_open(const variant *v) {
  static bool known[VARIANTS], can[VARIANTS];
  const long i = v - variants;
  if (known[i]) return can[i];
  const yolo_backend *backend;
  yolo_device_options options = {.conv = v->conv};
  yolo_device *device = NULL;
  MUST(yolo_backend_find("cuda", &backend, &options.index));
  MUST(yolo_precision_find(v->precision, &options.precision));
  yolo_status st = backend->open(&options, &device);
  known[i] = true;
  can[i] = st == YOLO_OK;
  if (can[i])
    backend->close(device);
  else
    printf("SKIP %s %s: %s\n", v->precision, v->conv, yolo_error_message());
  ck_assert_msg(can[i] || st == YOLO_EUNSUPPORTED, "%s", yolo_error_message());
  return can[i];
}

static int open_variants(void) {
  int count = 0;
  for (int i = 0; i < VARIANTS; i++) count += can_open(&variants[i]);
  return count;
}

/* ---- boxes ---- */

typedef struct match {
  double iou, confidence; /* the worst */
  int boxes, small, bad;  /* compared; good by their corners only; not good */
} match;

/* A photograph and what a device finds in it: what is left after suppression, and everything down to a lower floor. */
typedef struct finds {
  yolo_result *left, *all;
} finds;

typedef struct photos {
  yolo_image image[PHOTOS];
  yolo_pixels pixels[PHOTOS];
  finds found[PHOTOS]; /* by the CPU */
} photos;

static double iou_of(const yolo_detection *a, const yolo_detection *b) {
  double w = fmin(a->x2, b->x2) - fmax(a->x1, b->x1), h = fmin(a->y2, b->y2) - fmax(a->y1, b->y1);
  double shared = w > 0 && h > 0 ? w * h : 0;
  return shared / ((double)(a->x2 - a->x1) * (a->y2 - a->y1) + (double)(b->x2 - b->x1) * (b->y2 - b->y1) - shared);
}

/* The longest way of a corner along an axis, in pixels of an input of side x side (the photograph is stretched to it). */
static double shift_of(const yolo_detection *a, const yolo_detection *b, const yolo_result *image, int side) {
  double x = fmax(fabs((double)a->x1 - b->x1), fabs((double)a->x2 - b->x2)) / image->width;
  double y = fmax(fabs((double)a->y1 - b->y1), fabs((double)a->y2 - b->y2)) / image->height;
  return fmax(x, y) * side;
}

static const yolo_detection *partner_of(const yolo_detection *d, const yolo_result *others) {
  const yolo_detection *partner = NULL;
  double best = 0.5;
  for (int i = 0; i < others->count; i++) {
    const yolo_detection *o = &others->detections[i];
    double likeness = o->class_id == d->class_id ? iou_of(d, o) - fabs((double)d->confidence - o->confidence) : 0;
    if (likeness <= best) continue;
    partner = o;
    best = likeness;
  }
  return partner;
}

/* Every confident box of one has its partner at the other. */
static void match_boxes(const yolo_result *some, const finds *others, const variant *v, int side, match *m) {
  for (int i = 0; i < some->count && some->detections[i].confidence >= 0.3f; i++) {
    const yolo_detection *d = &some->detections[i], *o = partner_of(d, v->shift > 0 ? others->all : others->left);
    double iou = o ? iou_of(d, o) : 0, confidence = o ? fabs((double)d->confidence - o->confidence) : 1;
    const bool close = iou >= v->iou, small = !close && o && shift_of(d, o, some, side) <= v->shift;
    m->boxes++;
    m->small += small;
    m->bad += !(close || small) || confidence > v->confidence;
    m->iou = fmin(m->iou, iou);
    m->confidence = fmax(m->confidence, confidence);
  }
}

static void find(yolo_context *context, const yolo_pixels *pixels, int count, finds *out) {
  static const yolo_detect_options left = {.confidence = 0.2f};
  static const yolo_detect_options all = {.confidence = 0.1f, .nms = YOLO_NMS_NONE, .max_detections = -1};
  yolo_result *results[PHOTOS];
  MUST(yolo_detect_batch(context, pixels, count, &left, results));
  for (int i = 0; i < count; i++) out[i].left = results[i];
  MUST(yolo_detect_batch(context, pixels, count, &all, results));
  for (int i = 0; i < count; i++) out[i].all = results[i];
}

static void forget(finds *found, int count) {
  for (int i = 0; i < count; i++) {
    yolo_result_free(found[i].left);
    yolo_result_free(found[i].all);
  }
}

/* Photographs [first, first + count) as one batch, several times. */
static void find_and_match(yolo_context *context, const photos *p, int first, int count, int repeats, const variant *v,
                           match *m) {
  finds found[PHOTOS];
  for (int repeat = 0; repeat < repeats; repeat++) {
    find(context, p->pixels + first, count, found);
    for (int i = 0; i < count; i++) {
      match_boxes(p->found[first + i].left, &found[i], v, context->model->spec.width, m);
      match_boxes(found[i].left, &p->found[first + i], v, context->model->spec.width, m);
    }
    forget(found, count);
  }
}

static match try_boxes(const char *weights, yolo_model_options options, const variant *v, const photos *p) {
  match m = {1, 0, 0, 0, 0};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  choose_conv(v->conv);
  options.device = "cuda";
  options.precision = v->precision;
  MUST(yolo_model_load(weights, &options, &model));
  MUST(yolo_context_new(model, &context));
  find_and_match(context, p, 0, 1, REPEATS / 2, v, &m); /* two runs each */
  find_and_match(context, p, 0, BATCH, REPEATS / 2, v, &m);
  for (int i = 1; i < PHOTOS; i++) find_and_match(context, p, i, 1, 1, v, &m); /* the recording of the first size again */
  yolo_context_free(context);
  yolo_model_free(model);
  choose_conv(NULL);
  return m;
}

static void find_on_cpu(const char *weights, yolo_model_options options, photos *p) {
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  options.device = "cpu";
  MUST(yolo_model_load(weights, &options, &model));
  MUST(yolo_context_new(model, &context));
  for (int i = 0; i < PHOTOS; i++) find(context, &p->pixels[i], 1, &p->found[i]);
  yolo_context_free(context);
  yolo_model_free(model);
}

START_TEST(real_networks_find_the_same_boxes) {
  char path[512], weights[512], cfg[512];
  const char *data = getenv("YOLO_TEST_DATA"), *name = real[_i];
  const double start = yolo_now_ms();
  photos p = {.found = {{NULL, NULL}}};
  int bad = 0;
  if (!is_wanted(name)) return;
  if (!data) {
    printf("SKIP %s: YOLO_TEST_DATA is not set\n", name);
    return;
  }
  for (int i = 0; i < PHOTOS; i++) {
    snprintf(path, sizeof path, "%s/images/%s.jpg", data, photo_names[i]);
    MUST(yolo_image_load(path, &p.image[i]));
    p.pixels[i] = yolo_image_pixels(&p.image[i]);
  }
  snprintf(weights, sizeof weights, "%s/weights/%s.weights", data, name);
  snprintf(cfg, sizeof cfg, "%s/weights/%s.cfg", data, name);
  const yolo_model_options options = {.cfg = cfg};
  find_on_cpu(weights, options, &p);
  ck_assert_int_gt(open_variants(), 0);
  printf("%-32s", name);
  for (int i = 0; i < VARIANTS; i++) {
    const variant *v = &variants[i];
    if (!can_open(v)) continue;
    match m = try_boxes(weights, options, v, &p);
    printf("%s %s %s IoU %.5f conf %.1e", i ? "," : "", v->precision, v->conv, m.iou, m.confidence);
    if (m.small) printf(" (%d of %d are small)", m.small, m.boxes);
    if (m.bad) printf(" (%d of %d FAILED)", m.bad, m.boxes);
    bad += m.bad > 0 || m.boxes == 0;
  }
  printf(", %.1f s\n", (yolo_now_ms() - start) * 1e-3);
  forget(p.found, PHOTOS);
  for (int i = 0; i < PHOTOS; i++) yolo_image_release(&p.image[i]);
  ck_assert_int_eq(bad, 0);
}
END_TEST

/* ---- heads ---- */

/* Batches and sizes in the order they run in one context. A detector fits other sizes, a classifier's vector does not. */
enum { TURNS = 4 };
static int turns_of(const yolo_model *model, yolo_shape *turns) {
  const bool detector = model->spec.heads[0].def->scores == NULL;
  const yolo_shape own = {1, model->spec.height, model->spec.width, model->spec.channels};
  const yolo_shape wide = {1, 256, 320, own.c}, several = {BATCH, detector ? 224 : own.h, detector ? 224 : own.w, own.c};
  turns[0] = own;
  turns[1] = several;
  turns[2] = detector ? wide : own;
  turns[3] = own;
  return TURNS;
}

typedef struct answers {
  int n;
  yolo_shape turn[TURNS];
  float *values[TURNS];
  size_t count[TURNS];
} answers;

static void ask_cpu(const char *name, answers *a) {
  const yolo_model_options options = {.device = "cpu"};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  MUST(load_zoo_logits(name, &options, &model));
  MUST(yolo_context_new(model, &context));
  a->n = turns_of(model, a->turn);
  for (int i = 0; i < a->n; i++) {
    MUST(run_network(context, a->turn[i]));
    a->values[i] = head_values(context, &a->count[i]);
  }
  yolo_context_free(context);
  yolo_model_free(model);
}

static double distance(const float *y, const float *ref, size_t count) {
  double sum = 0, whole = 0;
  for (size_t i = 0; i < count; i++) {
    double d = (double)y[i] - ref[i];
    sum += isnan(d) ? INFINITY : d * d;
    whole += (double)ref[i] * ref[i];
  }
  return whole > 0 ? sqrt(sum / whole) : INFINITY;
}

/* The worst distance over all sizes and repeats. */
static double try_heads(const char *name, const variant *v, const answers *a) {
  const yolo_model_options options = {.device = "cuda", .precision = v->precision};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  double worst = 0;
  choose_conv(v->conv);
  MUST(load_zoo_logits(name, &options, &model));
  MUST(yolo_context_new(model, &context));
  for (int i = 0; i < a->n; i++)
    for (int repeat = 0; repeat < REPEATS; repeat++) {
      size_t count;
      MUST(run_network(context, a->turn[i]));
      float *values = head_values(context, &count);
      ck_assert_uint_eq(count, a->count[i]);
      worst = fmax(worst, distance(values, a->values[i], count));
      free(values);
    }
  yolo_context_free(context);
  yolo_model_free(model);
  choose_conv(NULL);
  return worst;
}

START_TEST(zoo_gives_the_same_values) {
  const char *name = zoo[_i];
  const double start = yolo_now_ms();
  answers a = {0};
  int bad = 0;
  if (!is_wanted(name)) return;
  ask_cpu(name, &a);
  ck_assert_int_gt(open_variants(), 0);
  printf("%-12s", name);
  for (int i = 0; i < VARIANTS; i++) {
    const variant *v = &variants[i];
    if (!can_open(v)) continue;
    double worst = try_heads(name, v, &a);
    printf("%s %s %s %.1e%s", i ? "," : "", v->precision, v->conv, worst, worst <= v->norm ? "" : " FAILED");
    bad += !(worst <= v->norm);
  }
  printf(", %.1f s\n", (yolo_now_ms() - start) * 1e-3);
  for (int i = 0; i < a.n; i++) free(a.values[i]);
  ck_assert_int_eq(bad, 0);
}
END_TEST

/* ---- equal bits ---- */

static const char *const repeatable[] = {"yolov4-tiny", "resnet50"};
static const char *const precisions[] = {"fp32", "fp16"};

static uint64_t hash_of(const void *bytes, size_t length) { /* FNV-1a */
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < length; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
  return hash;
}

/* A fresh model and context each time; with the default choice of convolutions, where time could decide otherwise. */
static uint64_t deterministic_run(const char *name, const char *precision) {
  const yolo_model_options options = {.device = "cuda", .precision = precision, .deterministic = 1};
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  uint64_t first = 0;
  NEED(load_zoo(name, &options, &model));
  NEED(yolo_context_new(model, &context));
  const yolo_shape size = {2, model->spec.height, model->spec.width, model->spec.channels};
  for (int repeat = 0; repeat < REPEATS; repeat++) {
    size_t count;
    NEED(run_network(context, size));
    float *values = head_values(context, &count);
    uint64_t hash = hash_of(values, count * sizeof *values);
    free(values);
    if (repeat == 0) first = hash;
    if (hash != first) {
      printf("%s %s: run %d gives other bits\n", name, precision, repeat + 1);
      exit(1);
    }
  }
  yolo_context_free(context);
  yolo_model_free(model);
  return first;
}

/* "hash yolov4-tiny fp32 0123456789abcdef", a line a run. */
static void hash_lines(char *text, size_t size) {
  text[0] = '\0';
  for (size_t n = 0; n < sizeof repeatable / sizeof *repeatable; n++)
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) {
      size_t used = strlen(text);
      snprintf(text + used, size - used, "hash %s %s %016llx\n", repeatable[n], precisions[p],
               (unsigned long long)deterministic_run(repeatable[n], precisions[p]));
    }
}

START_TEST(deterministic_runs_are_equal_to_the_last_bit) {
  char mine[1024], theirs[1024] = "", command[4200];
  if (n_wanted > 0) return;
  hash_lines(mine, sizeof mine);
  snprintf(command, sizeof command, "'%s' --hash", own_path());
  FILE *other = popen(command, "r");
  ck_assert_ptr_nonnull(other);
  theirs[fread(theirs, 1, sizeof theirs - 1, other)] = '\0';
  ck_assert_int_eq(pclose(other), 0);
  printf("%s", mine);
  ck_assert_str_eq(mine, theirs);
}
END_TEST

static int print_hashes(void) {
  char lines[1024];
  hash_lines(lines, sizeof lines);
  printf("%s", lines);
  return 0;
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (!card_answers("test_cuda_network")) return SKIPPED;
  if (argc > 1 && strcmp(argv[1], "--hash") == 0) return print_hashes();
  wanted = argv + 1;
  n_wanted = argc - 1;
  Suite *suite = suite_create("cuda network");
  TCase *tcase = tcase_create("network");
  tcase_add_loop_test(tcase, real_networks_find_the_same_boxes, 0, REAL);
  tcase_add_loop_test(tcase, zoo_gives_the_same_values, 0, ZOO);
  tcase_add_test(tcase, deterministic_runs_are_equal_to_the_last_bit);
  suite_add_tcase(suite, tcase);
  return suite_run(suite) == 0 ? 0 : 1;
}
