/* SSD's loss: who answers, hard negatives, gradients against difference quotients, equal bits for any number of threads. */
#include "tests/unit/detect_fixture.h"

#include "detect/ssd.h"
#include "train/loss.h"
#include "train/ssd_match.h"

/* ---- matching ---- */

enum { ROWS = 6 };
static const yolo_centred row_of_squares[ROWS] = {{.1, .5, .2, .2}, {.3, .5, .2, .2}, {.5, .5, .2, .2},
                                                  {.7, .5, .2, .2}, {.9, .5, .2, .2}, {.5, .5, .8, .8}};

static void match_with(const yolo_centred *defaults, int rows, const yolo_truth *truths, int count, double threshold,
                       int *out) {
  yolo_ssd_suitor suitors[8];
  double overlaps[ROWS];
  const yolo_truths list = {.items = truths, .count = count};
  const yolo_loss_image image = {.truths = &list};
  const yolo_ssd_matching m = {defaults, rows, threshold, suitors, overlaps, out};
  yolo_ssd_match(&image, &m);
}

static void match(const yolo_truth *truths, int count, double threshold, int *out) {
  match_with(row_of_squares, ROWS, truths, count, threshold, out);
}

static void expect_match(const yolo_truth *truths, int count, const int want[ROWS]) {
  int have[ROWS];
  match(truths, count, 0.5, have);
  for (int r = 0; r < ROWS; r++) ck_assert_msg(have[r] == want[r], "row %d answers for %d, not %d", r, have[r], want[r]);
}

enum { NO = YOLO_SSD_NOBODY, IG = YOLO_SSD_IGNORED };

START_TEST(who_answers) {
  const yolo_truth one = {.52f, .5f, .2f, .2f, 0, 1, false}, small = {.3f, .5f, .02f, .02f, 0, 1, false};
  const yolo_truth same[2] = {one, one}, both[2] = {small, one}, large = {.5f, .5f, .8f, .64f, 0, 1, false};
  const yolo_truth flat = {.5f, .5f, 0, .2f, 0, 1, false}, outside = {.5f, .05f, .02f, .02f, 0, 1, false};
  expect_match(&one, 1, (const int[]){NO, NO, 0, NO, NO, NO});
  expect_match(&small, 1, (const int[]){NO, 0, NO, NO, NO, NO}); /* however little it overlaps */
  expect_match(both, 2, (const int[]){NO, 0, 1, NO, NO, NO});
  expect_match(same, 2, (const int[]){NO, NO, 0, NO, NO, 1}); /* each has its own; .04/.64 is next best */
  expect_match(&large, 1, (const int[]){NO, NO, NO, NO, NO, 0});
  expect_match(&flat, 1, (const int[]){NO, NO, NO, NO, NO, NO});
  expect_match(&outside, 1, (const int[]){NO, NO, NO, NO, NO, NO}); /* overlaps nothing */
  expect_match(NULL, 0, (const int[]){NO, NO, NO, NO, NO, NO});
}
END_TEST

/* Rows above the threshold go to the truth that they overlap most; a row that a truth has as its own stays its. */
START_TEST(thresholds_and_ties) {
  const yolo_truth pair[2] = {{.4f, .5f, .4f, .2f, 0, 1, false}, {.3f, .5f, .22f, .2f, 1, 1, false}};
  /* Truth 0 overlaps rows 1 and 2 by a half; truth 1 overlaps row 1 more and is settled first: row 2 is left for truth 0. */
  expect_match(pair, 2, (const int[]){NO, 1, 0, NO, NO, NO});
  const yolo_truth alone = {.4f, .5f, .4f, .2f, 0, 1, false};
  int have[ROWS];
  match(&alone, 1, 0.49, have);
  ck_assert(have[1] == 0 && have[2] == 0); /* its own, and the other that overlaps it as well */
  match(&alone, 1, 0.51, have);
  ck_assert(have[1] + have[2] == -1); /* one of them */
}
END_TEST

/* A small truth lies within all four, of one area: the nearest takes it, then the first of those of one centre. */
START_TEST(nearest_of_equals) {
  static const yolo_centred defaults[4] = {{.4, .5, .3, .2}, {.45, .5, .2, .3}, {.45, .5, .3, .2}, {.5, .5, .3, .2}};
  const yolo_truth small[2] = {{.44f, .5f, .02f, .02f, 0, 1, false}, {.441f, .5f, .02f, .02f, 0, 1, false}};
  int have[ROWS];
  match_with(defaults, 4, small, 2, 0.5, have);
  ck_assert(have[0] == NO && have[1] == 0 && have[2] == 1 && have[3] == NO);
}
END_TEST

START_TEST(ignored_regions) {
  const yolo_truth crowd[2] = {{.75f, .5f, .5f, .4f, -1, 1, true}, {.7f, .5f, .2f, .2f, 0, 1, false}};
  /* rows 3 and 4 lie in the crowd and row 2 by half, which is not more than half; row 3 answers for a truth all the same */
  expect_match(crowd, 1, (const int[]){NO, NO, NO, IG, IG, NO});
  expect_match(crowd, 2, (const int[]){NO, NO, NO, 1, IG, NO});
}
END_TEST

/* ---- the loss over two maps ---- */

enum { IMAGES = 3, CLASSES = 3, MAPS = 2, ROW = 4 + 1 + CLASSES, MOST = IMAGES * 16 * (4 * ROW + 2) };

typedef struct fixture {
  yolo_head heads[MAPS];
  yolo_loss_head loss_heads[MAPS];
  float value[MAPS][MOST], grad[MAPS][MOST];
  yolo_truths images[IMAGES];
  yolo_loss_batch batch;
  void *attrs;
} fixture;

static const yolo_truth objects[] = {{.3f, .3f, .2f, .25f, 1, 1, false},  {.7f, .6f, .5f, .45f, 2, .75f, false},
                                     {.31f, .3f, .2f, .22f, 0, 1, false}, {.8f, .2f, .4f, .4f, 0, 1, true},
                                     {.55f, .5f, .9f, .8f, 0, 1, false},  {.1f, .9f, .05f, .1f, 2, .5f, false}};

static void make_fixture(fixture *f) {
  static const char *const sections[MAPS] = {"[ssd]\nclasses=3\nmin_size=12\nmax_size=24\naspect_ratios=2\n",
                                             "[ssd]\nclasses=3\nmin_size=30\nmax_size=50\naspect_ratios=2\n"};
  static const int sides[MAPS] = {4, 2};
  yolo_rng rng = {.key = 11, .stream = 3};
  memset(f, 0, sizeof *f);
  for (int i = 0; i < MAPS; i++) {
    const yolo_shape shape = {IMAGES, sides[i], sides[i], 4 * ROW};
    MUST(parse_head(sections[i], shape, &f->heads[i]));
    for (int k = 0; k < MOST; k++) f->value[i][k] = 3 * (yolo_rng_uniform(&rng) - .5f);
    yolo_tensor value = yolo_tensor_dense(f->value[i], shape), grad = yolo_tensor_dense(f->grad[i], shape);
    value.stride = grad.stride = 4 * ROW + 2;
    f->loss_heads[i] = (yolo_loss_head){.head = &f->heads[i], .value = value, .grad = grad};
  }
  f->images[0] = (yolo_truths){.items = objects, .count = 4};
  f->images[2] = (yolo_truths){.items = objects + 4, .count = 2};
  f->batch = (yolo_loss_batch){.count = IMAGES,
                               .input_w = 64,
                               .input_h = 48,
                               .images = f->images,
                               .heads = f->loss_heads,
                               .n_heads = MAPS,
                               .nominal = IMAGES,
                               .scale = 1,
                               .threads = 1};
  MUST(yolo_loss_ssd.make(f->loss_heads, MAPS, &f->attrs));
}

static void free_fixture(fixture *f) {
  for (int i = 0; i < MAPS; i++) yolo_free(f->heads[i].attrs);
  yolo_free(f->attrs);
}

static yolo_loss_report run(fixture *f) {
  yolo_loss_report report;
  memset(f->grad, 0, sizeof f->grad);
  MUST(yolo_loss_ssd.run(f->attrs, &f->batch, &report));
  return report;
}

/* Rows of an image whose class gradient is not zero: positives and chosen negatives. */
static int rows_with_gradient(const fixture *f, int n) {
  int count = 0;
  for (int i = 0; i < MAPS; i++) {
    const yolo_tensor *grad = &f->loss_heads[i].grad;
    for (int p = 0; p < grad->shape.h * grad->shape.w; p++)
      for (int k = 0; k < 4; k++) count += yolo_pixel(grad, n, 0, p)[k * ROW + 4] != 0;
  }
  return count;
}

START_TEST(three_negatives_a_positive) {
  fixture f;
  make_fixture(&f);
  const yolo_loss_report report = run(&f);
  ck_assert_int_eq(report.n_parts, 2);
  ck_assert_str_eq(report.parts[0].name, "location");
  ck_assert_str_eq(report.parts[1].name, "class");
  ck_assert_double_eq_tol(report.total, report.parts[0].value + report.parts[1].value, 1e-12);
  ck_assert_int_eq(report.images, 3);
  ck_assert_int_eq(report.truths, 5); /* the crowd is none */
  ck_assert_int_ge(report.positives, 5);
  ck_assert_int_eq(rows_with_gradient(&f, 0) + rows_with_gradient(&f, 2), 4 * report.positives);
  ck_assert_int_eq(rows_with_gradient(&f, 1), 0); /* no object: no positive, so no negative */
  for (int i = 0; i < MAPS; i++)                  /* beyond the channels */
    for (size_t p = 0; p < yolo_shape_pixels(f.loss_heads[i].grad.shape); p++)
      ck_assert(yolo_nth_pixel(&f.loss_heads[i].grad, p)[4 * ROW] == 0);
  f.images[0].count = f.images[2].count = 0;
  const yolo_loss_report nothing = run(&f);
  ck_assert(nothing.total == 0 && nothing.positives == 0 && rows_with_gradient(&f, 0) == 0);
  free_fixture(&f);
}
END_TEST

/* The negatives are the dearest: whoever is left out has a smaller -log P(background) than whoever is taken. */
START_TEST(hard_ones_first) {
  fixture f;
  make_fixture(&f);
  run(&f);
  double cheapest = INFINITY, dearest = -INFINITY;
  for (int i = 0; i < MAPS; i++)
    for (int p = 0; p < f.loss_heads[i].value.shape.h * f.loss_heads[i].value.shape.w; p++)
      for (int k = 0; k < 4; k++) {
        const float *v = yolo_pixel(&f.loss_heads[i].value, 2, 0, p) + k * ROW;
        const float *g = yolo_pixel(&f.loss_heads[i].grad, 2, 0, p) + k * ROW;
        const yolo_ssd_softmax s = yolo_ssd_softmax_of(v + 4, 1 + CLASSES);
        const double cost = log(s.sum) - (v[4] - s.largest);
        if (g[0] != 0 || g[1] != 0) continue; /* positive */
        if (g[4] != 0) cheapest = fmin(cheapest, cost);
        if (g[4] == 0) dearest = fmax(dearest, cost);
      }
  ck_assert(cheapest > dearest && dearest > 0);
  free_fixture(&f);
}
END_TEST

/* The steps are too small for a negative to change places with another box. */
START_TEST(gradients_are_derivatives) {
  fixture f;
  make_fixture(&f);
  run(&f);
  float grad[MAPS][MOST];
  memcpy(grad, f.grad, sizeof grad);
  for (int i = 0; i < MAPS; i++)
    for (size_t p = 0; p < yolo_shape_pixels(f.loss_heads[i].value.shape); p++)
      for (int k = 0; k < 4 * ROW; k += 3) {
        float *x = &yolo_nth_pixel(&f.loss_heads[i].value, p)[k], before = *x;
        const float up = before + 1e-3f, down = before - 1e-3f;
        *x = up;
        const double high = run(&f).total;
        *x = down;
        const double low = run(&f).total;
        *x = before;
        const double slope = (high - low) / ((double)up - down);
        const double have = grad[i][p * (size_t)(4 * ROW + 2) + (size_t)k];
        ck_assert_msg(fabs(slope - have) < 2e-5, "map %d, pixel %zu, channel %d: %g, quotient %g", i, p, k, have, slope);
      }
  free_fixture(&f);
}
END_TEST

START_TEST(equal_bits_and_shares) {
  fixture one, other;
  make_fixture(&one);
  make_fixture(&other);
  const yolo_loss_report a = run(&one);
  for (int threads = 2; threads <= 4; threads++) {
    other.batch.threads = threads;
    const yolo_loss_report b = run(&other);
    ck_assert(a.total == b.total && a.iou == b.iou);
    ck_assert_int_eq(memcmp(one.grad, other.grad, sizeof one.grad), 0);
  }
  other.batch.scale = .5f; /* half of a step */
  ck_assert(run(&other).total == a.total);
  for (int i = 0; i < MAPS; i++)
    for (int k = 0; k < MOST; k++) ck_assert_float_eq_tol(other.grad[i][k], one.grad[i][k] / 2, 1e-7f);
  for (int i = 0; i < MAPS; i++) other.loss_heads[i].grad.data = NULL; /* the number alone */
  ck_assert(run(&other).total == a.total);
  free_fixture(&one);
  free_fixture(&other);
}
END_TEST

START_TEST(a_step_allocates_nothing) {
  fixture f;
  yolo_loss_scratch scratch = {0};
  yolo_loss_report report;
  const long live = yolo_memory_get_stats().live;
  make_fixture(&f);
  const double total = run(&f).total;
  f.batch.scratch = &scratch;
  ck_assert(run(&f).total == total);
  const long calls = yolo_memory_get_stats().calls;
  ck_assert(run(&f).total == total);
  ck_assert_int_eq(yolo_memory_get_stats().calls, calls);
  yolo_free(scratch.data);
  f.batch.scratch = NULL;
  yolo_memory_fail_at(1);
  ck_assert_int_eq(yolo_loss_ssd.run(f.attrs, &f.batch, &report), YOLO_ENOMEM);
  yolo_memory_fail_at(1);
  void *attrs = &f;
  ck_assert_int_eq(yolo_loss_ssd.make(f.loss_heads, MAPS, &attrs), YOLO_ENOMEM);
  yolo_memory_fail_at(0);
  ck_assert_ptr_null(attrs);
  free_fixture(&f);
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}
END_TEST

/* ---- what is refused ---- */

#define ONE_HEAD "[ssd]\nclasses=2\nmin_size=8\n"
#define TWO_MAPS "[convolutional]\nfilters=7\nsize=1\nstride=8\nactivation=linear\n" ONE_HEAD "[route]\nlayers=0\n" ONE_HEAD

START_TEST(keys_and_batches_that_are_refused) {
  static const struct {
    const char *keys, *words;
  } table[] = {{"overlap_threshold=0\n", "spec.cfg:18: [ssd]: overlap_threshold=0 is out of range"},
               {"neg_pos_ratio=-1\n", "neg_pos_ratio=-1 is out of range"},
               {"neg_pos_ratio=5\n", "neg_pos_ratio=5 here, but 3 in the first [ssd]; they must agree"}};
  fixture f;
  yolo_loss_report report;
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    char cfg[512];
    yolo_model_spec spec;
    yolo_loss_head heads[2];
    void *attrs = &f;
    snprintf(cfg, sizeof cfg, SMALL_NET TWO_MAPS "%s", table[i].keys);
    MUST(spec_of(cfg, (yolo_model_options){0}, &spec));
    for (int h = 0; h < 2; h++)
      heads[h] = (yolo_loss_head){.head = &spec.heads[h],
                                  .section = &spec.cfg->sections[spec.graph->nodes[spec.heads[h].node].layer + 1]};
    expect_words(yolo_loss_ssd.make(heads, 2, &attrs), table[i].words);
    ck_assert_ptr_null(attrs);
    yolo_model_spec_release(&spec);
  }
  make_fixture(&f);
  yolo_truth wrong = {.5f, .5f, .2f, .2f, CLASSES, 1, false};
  f.images[1] = (yolo_truths){.items = &wrong, .count = 1};
  expect_words(yolo_loss_ssd.run(f.attrs, &f.batch, &report),
               "image 1, object 0: class 3, but the network tells 3 classes apart");
  f.images[1].count = 0;
  f.loss_heads[1].value.shape.c--;
  expect_words(yolo_loss_ssd.run(f.attrs, &f.batch, &report), "head 1 gives 3 images");
  free_fixture(&f);
}
END_TEST

int main(void) {
  const TTest *const all[] = {who_answers,
                              nearest_of_equals,
                              thresholds_and_ties,
                              ignored_regions,
                              three_negatives_a_positive,
                              hard_ones_first,
                              gradients_are_derivatives,
                              equal_bits_and_shares,
                              a_step_allocates_nothing,
                              keys_and_batches_that_are_refused};
  return run_suite("loss_ssd", all, sizeof all / sizeof *all);
}
