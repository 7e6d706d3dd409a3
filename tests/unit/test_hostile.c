/* Hostile files, the whole way: a cfg, a .weights, a .safetensors and a JPEG, each changed in 2,000 ways, from the
 * file to detections. Each ends in a result or in one sentence, within ten seconds, with nothing left behind; built
 * with sanitizers also without a bad access. The same is done to published files where YOLO_TEST_DATA has them:
 * 40 changes each, or as many as the first argument says. */
#include "tests/unit/detect_fixture.h"
#include "tests/unit/suite.h"

#include <time.h>

enum { CHANGES = 2000, CFG = 0, WEIGHTS, SAFETENSORS, JPEG, KINDS };
static const char *const kinds[KINDS] = {"cfg", "weights", "safetensors", "JPEG"};
static uint64_t real_changes = 40;

/* Most sections, two kinds of heads, and little to compute. */
static const char net[] = SMALL_NET
    "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
    "[convolutional]\nbatch_normalize=1\nfilters=8\ngroups=8\nsize=3\npad=1\nactivation=relu\n"
    "[convolutional]\nfilters=8\nsize=1\nactivation=mish\n"
    "[shortcut]\nfrom=-3\nactivation=linear\n"
    "[maxpool]\nsize=2\nstride=2\n"
    "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\npad=1\nactivation=swish\n"
    "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n"
    "[convolutional]\nfilters=8\nsize=3\npad=1\ndilation=2\nactivation=logistic\n"
    "[route]\nlayers=-1, 6\n"
    "[avgpool]\n"
    "[convolutional]\nfilters=16\nsize=1\nactivation=logistic\n"
    "[scale_channels]\nfrom=8\n"
    "[reorg]\nstride=2\n"
    "[dropout]\nprobability=.5\n"
    "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n"
    "[region]\nanchors=1,2, 3,1\nclasses=2\nnum=2\nsoftmax=1\n"
    "[route]\nlayers=12\n"
    "[upsample]\nstride=2\n"
    "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n" SMALL_HEAD;

/* ---- one attempt ---- */

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

typedef struct files {
  char path[KINDS][512];
} files;

/* A changed size can turn a cfg into a network that is valid and a hundred times as large: built, but not run here. */
static bool is_quick(const yolo_model_spec *spec) { return (long)spec->width * spec->height <= 512L * 512; }

/* A cfg stands with random weights of its own shapes as well, or most changes would end at the size of the file. */
static yolo_status load(const files *f, int kind, bool random, yolo_model **out) {
  yolo_model_options options = {.cfg = kind == SAFETENSORS || random ? NULL : f->path[CFG], .device = "cpu", .threads = 1};
  yolo_model_spec spec = {0};
  const char *path = random ? NULL : f->path[kind == SAFETENSORS ? SAFETENSORS : WEIGHTS];
  yolo_status st = yolo_model_spec_load(random ? f->path[CFG] : path, &options, &spec);
  if (st != YOLO_OK) return st;
  if (is_quick(&spec)) return yolo_model_from_spec(&spec, path, &options, false, out);
  yolo_model_spec_release(&spec);
  return YOLO_OK;
}

static bool survive(const files *f, int kind, bool random) {
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  yolo_result *result = NULL;
  yolo_detect_options options = {.confidence = 0.01f};
  long live = yolo_memory_get_stats().live;
  double began = seconds();
  yolo_error_clear();
  yolo_status st = load(f, kind, random, &model);
  if (st == YOLO_OK && model) st = yolo_context_new(model, &context);
  if (st == YOLO_OK && model) st = yolo_detect_file(context, f->path[JPEG], &options, &result);
  ck_assert_msg(st == YOLO_OK || strlen(yolo_error_message()) > 10, "a failure without a sentence");
  ck_assert_ptr_null(strchr(yolo_error_message(), '\n'));
  for (int i = 0; result && i < result->count; i++) {
    const yolo_detection *d = &result->detections[i];
    ck_assert(d->confidence > options.confidence && d->x1 >= 0 && d->y1 >= 0 && d->x2 > d->x1 && d->y2 > d->y1);
    ck_assert(d->x2 <= (float)result->width && d->y2 <= (float)result->height);
  }
  yolo_result_free(result);
  close_small(model, context);
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
  ck_assert_double_lt(seconds() - began, 10.0);
  return st == YOLO_OK;
}

/* ---- changes ---- */

/* One to three edits: a digit, a byte, a bit, a doubled or missing run, a cut; half of them among the first bytes,
 * where the headers are. Digits most of all: such changes get past the readers and reach what stands behind them.
 * `bytes` has room for 128 more. Every draw is a statement of its own, so that all compilers draw alike. */
static size_t change(yolo_rng *rng, char *bytes, size_t length) {
  uint32_t edits = 1 + yolo_rng_u32(rng) % 3;
  for (; edits > 0 && length > 64; edits--) {
    size_t reach = yolo_rng_u32(rng) % 2 && length > 3000 ? 3000 : length;
    size_t at = yolo_rng_u32(rng) % (reach - 32);
    uint32_t kind = yolo_rng_u32(rng) % 16, value = yolo_rng_u32(rng);
    size_t run = 1 + value % 24;
    char *digit = bytes + at;
    switch (kind) {
      case 0: length = at; break;
      case 1:
        memmove(bytes + at, bytes + at + run, length - at - run);
        length -= run;
        break;
      case 2:
        memmove(bytes + at + run, bytes + at, length - at);
        length += run;
        break;
      case 3:
      case 4: bytes[at] = (char)value; break;
      case 5:
      case 6: bytes[at] ^= (char)(1u << value % 8); break;
      case 7: bytes[at] = "-.[]{}\",:=\n"[value % 11]; break;
      default:
        while (digit < bytes + length && (*digit < '0' || *digit > '9')) digit++;
        if (digit < bytes + length) *digit = (char)('0' + value % 10);
    }
  }
  return length;
}

/* Changes one of the files `count` times; the others stay as they are. */
static void attack(const files *originals, int kind, uint64_t count) {
  files f = *originals;
  char *original = NULL;
  size_t length = 0;
  int fine = 0;
  double began = seconds();
  MUST(yolo_read_file(originals->path[kind], (size_t)1 << 28, &original, &length));
  snprintf(f.path[kind], sizeof f.path[kind], "%s", in_folder(kind == CFG ? "changed.cfg" : "changed"));
  char *bytes = malloc(length + 128);
  ck_assert_ptr_nonnull(bytes);
  for (uint64_t i = 0; i < count; i++) {
    yolo_rng rng = {i, (uint64_t)kind + 100, 0};
    memcpy(bytes, original, length);
    put(f.path[kind], bytes, change(&rng, bytes, length));
    const bool loaded = survive(&f, kind, false), random = kind == CFG && survive(&f, kind, true);
    fine += loaded || random;
  }
  printf("%s: %d of %d changes end in a result, the others in a sentence (%.1f s)\n", kinds[kind], fine, (int)count,
         seconds() - began);
  ck_assert_int_gt(fine, 0); /* some changes do no harm, some are noticed */
  ck_assert_int_lt(fine, (int)count);
  free(bytes);
  yolo_free(original);
}

/* ---- the files ---- */

static void set(files *f, int kind, const char *path) { snprintf(f->path[kind], sizeof f->path[kind], "%s", path); }

START_TEST(small_files) {
  static uint8_t rgb[48 * 36 * 3];
  yolo_image image = {.pixels = rgb, .width = 48, .height = 36};
  files f;
  make_small("net", net, 1);
  set(&f, CFG, in_folder("net.cfg"));
  set(&f, WEIGHTS, in_folder("net.weights"));
  set(&f, SAFETENSORS, in_folder("net.safetensors"));
  set(&f, JPEG, in_folder("net.jpg"));
  yolo_model_options options = {.cfg = f.path[CFG]};
  convert(f.path[WEIGHTS], &options, f.path[SAFETENSORS]);
  fill_picture(rgb, 48, 36, 5);
  MUST(yolo_image_save(&image, f.path[JPEG]));
  for (int kind = 0; kind < KINDS; kind++) ck_assert(survive(&f, kind, kind == CFG));
  attack(&f, _i, CHANGES);
}
END_TEST

START_TEST(published_files) {
  const char *data = test_data("the survival of changed published files");
  char path[512];
  files f;
  if (!data) return;
  snprintf(path, sizeof path, "%s/weights/yolo-fastest-1.1.cfg", data);
  set(&f, CFG, path);
  snprintf(path, sizeof path, "%s/weights/yolo-fastest-1.1.weights", data);
  set(&f, WEIGHTS, path);
  snprintf(path, sizeof path, "%s/images/person.jpg", data);
  set(&f, JPEG, path);
  set(&f, SAFETENSORS, in_folder("published.safetensors"));
  yolo_model_options options = {.cfg = f.path[CFG]};
  convert(f.path[WEIGHTS], &options, f.path[SAFETENSORS]);
  attack(&f, _i, real_changes);
}
END_TEST

int main(int argc, char **argv) {
  char command[160];
  if (argc > 1) real_changes = strtoull(argv[1], NULL, 10);
  if (!mkdtemp(folder)) return 1;
  Suite *suite = suite_create("hostile");
  TCase *tests = tcase_create("hostile");
  tcase_add_loop_test(tests, small_files, 0, KINDS);
  tcase_add_loop_test(tests, published_files, 0, KINDS);
  suite_add_tcase(suite, tests);
  int failed = suite_run(suite);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command) == 0 && failed == 0 ? 0 : 1;
}
