/* Every head with every loss learns eight pictures by heart: drawn pictures, the loader, a session, and the judge that goes
 * through the path of `yolo detect`. What cannot be learnt even so has a fault in the loss, in the head's decoding, or between
 * them. With sanitizers, or without an optimiser, three steps each: the loss and the gradient stay finite, and the loss falls.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/clock.h"
#include "backbone/base/memory.h"
#include "backbone/cfg/zoo.h"
#include "datasets/synth.h"
#include "tests/unit/overfit_nets.h"
#include "tests/unit/suite.h"
#include "train/config.h"
#include "train/session.h"
#include "train/validate.h"

#ifdef __OPTIMIZE__
enum { OPTIMISED = 1 };
#else
enum { OPTIMISED = 0 };
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { WHOLE = 0 };
#elif defined(__has_feature)
enum { WHOLE = OPTIMISED && !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer)) };
#else
enum { WHOLE = OPTIMISED };
#endif

enum { IMAGES = 8, SIDE = 96, SEED = 2, FEW = 3, LOOK_EVERY = 20, MOST_PARAMETERS = 300000 };
static const double GOOD = 0.99;

#define MUST(call) ck_assert_msg((call) == YOLO_OK, "%s", yolo_error_message())

/* ---- cases ---- */

typedef struct overfit_case {
  const char *name, *loss; /* the loss is the head's own choice: the test says which it must be */
  const char *cfg;
  yolo_optimizer_kind optimizer;
  double lr;
  int warmup, steps; /* steps: at most */
} overfit_case;

static const overfit_case cases[] = {
    {"yolov3", "yolov3", yolov3_cfg, YOLO_OPTIMIZER_ADAM, 0.004, 3, 300},
    {"yolov4 ciou", "yolov4", ciou_cfg, YOLO_OPTIMIZER_SGD, 0.02, 10, 300},
    {"yolov4 giou", "yolov4", giou_cfg, YOLO_OPTIMIZER_ADAM, 0.002, 10, 600},
    {"yolov4 new_coords", "yolov4", new_coords_cfg, YOLO_OPTIMIZER_SGD, 0.05, 10, 600},
    {"yolov5", "yolov5", yolov5_cfg, YOLO_OPTIMIZER_ADAM, 0.004, 3, 300},
    {"region", "region", region_cfg, YOLO_OPTIMIZER_ADAM, 0.004, 3, 300},
    {"detection", "detection", detection_cfg, YOLO_OPTIMIZER_ADAM, 0.002, 3, 300},
    {"gaussian", "gaussian", gaussian_cfg, YOLO_OPTIMIZER_ADAM, 0.004, 3, 300},
    {"gaussian giou", "gaussian", gaussian_iou_cfg, YOLO_OPTIMIZER_ADAM, 0.001, 10, 600},
    {"ssd", "ssd", ssd_cfg, YOLO_OPTIMIZER_ADAM, 0.004, 3, 300},
    {"softmax", "softmax", classify_cfg, YOLO_OPTIMIZER_ADAM, 0.004, 3, 300},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* ---- eight pictures ---- */

static void add_objects(yolo_dataset_builder *builder, const yolo_synth_picture *picture, size_t image) {
  for (int i = 0; i < picture->count; i++) {
    const yolo_synth_object *o = &picture->objects[i];
    const yolo_annotation annotation = {.id = YOLO_DATA_RUNNING_ID,
                                        .x = o->box[0],
                                        .y = o->box[1],
                                        .width = o->box[2],
                                        .height = o->box[3],
                                        .area = o->area,
                                        .image = (uint32_t)image,
                                        .class_index = o->class_index,
                                        .flags = YOLO_ANNOTATION_HAS_AREA | YOLO_ANNOTATION_HAS_BOX};
    MUST(yolo_dataset_builder_annotation(builder, &annotation));
  }
}

/* A picture's label is the kind of its first object, which is the largest. */
static void add_picture(yolo_dataset_builder *builder, int number) {
  yolo_synth_picture picture = {0};
  yolo_data_image image = {.id = YOLO_DATA_RUNNING_ID, .width = SIDE, .height = SIDE};
  size_t index = 0;
  MUST(yolo_synth_draw(SEED, (uint64_t)number, SIDE, SIDE, &picture));
  image.label = picture.objects[0].class_index;
  MUST(yolo_dataset_builder_pixels(builder, picture.image.pixels, (size_t)SIDE * SIDE * 3, 3, &image.pixels));
  MUST(yolo_dataset_builder_image(builder, &image, &index));
  add_objects(builder, &picture, index);
  yolo_synth_release(&picture);
}

static yolo_dataset *draw_pictures(void) {
  yolo_dataset_builder *builder = NULL;
  yolo_dataset *out = NULL;
  MUST(yolo_dataset_builder_new(NULL, &builder));
  MUST(yolo_dataset_builder_source(builder, "synth", "memory"));
  for (int i = 0; i < YOLO_SYNTH_CLASSES; i++) {
    int index;
    MUST(yolo_dataset_builder_class(builder, yolo_synth_names[i], "shape", i + 1, &index));
  }
  for (int i = 0; i < IMAGES; i++) add_picture(builder, i);
  MUST(yolo_dataset_builder_finish(builder, &out));
  yolo_dataset_builder_free(builder);
  return out;
}

/* ---- a training ---- */

typedef struct bench {
  const overfit_case *which;
  yolo_config config;
  yolo_dataset *dataset;
  yolo_model_spec spec;
  yolo_session session;
  yolo_loader *loader;
} bench;

static void make_spec(const overfit_case *which, yolo_model_spec *out) {
  MUST(yolo_model_spec_from_text(which->cfg, which->name, yolo_synth_names, YOLO_SYNTH_CLASSES, NULL, out));
}

static void choose_settings(const overfit_case *which, yolo_train_settings *t) {
  t->epochs = which->steps;
  t->batch = IMAGES;
  t->optimizer = (int)which->optimizer;
  t->lr = which->lr;
  t->warmup = which->warmup;
  t->ema = 0.9;
  t->ema_tau = 10;
  t->seed = 1;
}

/* smoothing: of labels. */
static void open_bench(bench *b, const overfit_case *which, double smoothing) {
  *b = (bench){.which = which, .dataset = draw_pictures()};
  MUST(yolo_config_defaults(&b->config));
  choose_settings(which, &b->config.train);
  b->config.train.label_smoothing = smoothing;
  make_spec(which, &b->spec);
  MUST(yolo_session_new(&b->spec, &b->config.train, 1, &b->session));
  ck_assert_int_eq(b->session.n_groups, 1);
  ck_assert_str_eq(b->session.groups[0].loss->name, which->loss);
  ck_assert_int_le(yolo_graph_param_count(b->spec.graph, true), MOST_PARAMETERS);
  const yolo_loader_options options = {
      .batch = IMAGES, .width = SIDE, .height = SIDE, .workers = 1, .seed = 1, .shuffle = true, .augment = true};
  MUST(yolo_loader_new(b->dataset, &b->config.augment, &options, &b->loader));
}

static void close_bench(bench *b) {
  yolo_loader_free(b->loader);
  yolo_session_release(&b->session);
  yolo_model_spec_release(&b->spec);
  yolo_dataset_free(b->dataset);
  yolo_config_release(&b->config);
}

static double step(bench *b) {
  yolo_batch *batch = NULL;
  yolo_loss_report report;
  yolo_step_report update;
  MUST(yolo_loader_next(b->loader, &batch));
  ck_assert_int_eq(batch->count, IMAGES);
  MUST(yolo_session_part(&b->session, batch, IMAGES, &report));
  MUST(yolo_session_update(&b->session, &update));
  ck_assert(isfinite(update.gradient_norm) && update.gradient_norm > 0);
  yolo_loader_give_back(b->loader, batch);
  return report.total;
}

/* mAP50 of the averaged weights on what was learnt, or top-1. */
static double judge(const bench *b) {
  yolo_trainer_view view = {b->session.trainer, yolo_session_best_values(&b->session)};
  const yolo_model_options options = {.device = "cpu"};
  yolo_model_spec spec = {0};
  yolo_model *model = NULL;
  yolo_eval_truths truths = {0};
  yolo_validation validation;
  make_spec(b->which, &spec);
  MUST(yolo_model_from_values(&spec, yolo_trainer_fetch, &view, &options, &model));
  MUST(yolo_eval_truths_make(b->dataset, &truths));
  MUST(yolo_validate(model, b->dataset, &truths, NULL, &validation));
  yolo_eval_truths_free(&truths);
  yolo_model_free(model);
  yolo_model_spec_release(&spec);
  return validation.classifier ? validation.top1 : validation.numbers[1];
}

static void learn_by_heart(bench *b) {
  const double start = yolo_now_ms();
  double score = 0, loss = 0;
  int done = 0;
  while (done < b->which->steps && score < GOOD) {
    loss = step(b);
    if (++done % LOOK_EVERY == 0) score = judge(b);
  }
  printf("%-18s %3d steps, %4.1f s: loss %.4g, %s %.4f\n", b->which->name, done, (yolo_now_ms() - start) * 1e-3, loss,
         strcmp(b->which->loss, "softmax") == 0 ? "top-1" : "mAP50", score);
  ck_assert_msg(score >= GOOD, "%s: %.4f after %d steps", b->which->name, score, done);
}

static void take_few_steps(bench *b) {
  double first = 0, last = 0;
  for (int i = 0; i < FEW; i++) {
    last = step(b);
    if (i == 0) first = last;
  }
  ck_assert_msg(last < first, "%s: the loss went from %g to %g", b->which->name, first, last);
}

START_TEST(test_overfit) {
  bench b;
  open_bench(&b, &cases[_i], 0);
  WHOLE ? learn_by_heart(&b) : take_few_steps(&b);
  close_bench(&b);
}
END_TEST

/* ---- settings that reach a step ---- */

static void first_losses(const overfit_case *which, double smoothing, int count, double *out) {
  bench b;
  open_bench(&b, which, smoothing);
  for (int i = 0; i < count; i++) out[i] = step(&b);
  close_bench(&b);
}

/* The cross entropy with a smoothed label is a line in the smoothing. */
START_TEST(test_label_smoothing) {
  static const overfit_case classifier = {"smoothed", "softmax", classify_cfg, YOLO_OPTIMIZER_ADAM, 0.004, 3, 300};
  double losses[3];
  for (int i = 0; i < 3; i++) first_losses(&classifier, 0.4 * i, 1, &losses[i]);
  ck_assert_double_gt(fabs(losses[2] - losses[0]), 1e-3);
  ck_assert_double_eq_tol(losses[1], (losses[0] + losses[2]) / 2, 1e-9 * losses[1]);
}
END_TEST

/* DropBlock drops nothing in the first step, and ever more in those that follow. */
START_TEST(test_dropblock_grows) {
  static const overfit_case plain = {"never", "softmax", DROPBLOCK_CFG(0), YOLO_OPTIMIZER_SGD, 0, 0, 4};
  static const overfit_case drops = {"drops", "softmax", DROPBLOCK_CFG(.6), YOLO_OPTIMIZER_SGD, 0, 0, 4};
  double none[5], some[5];
  first_losses(&plain, 0, 5, none);
  first_losses(&drops, 0, 5, some);
  ck_assert_double_eq(some[0], none[0]);
  for (int i = 1; i < 5; i++) ck_assert_double_ne(some[i], none[i]);
}
END_TEST

/* ---- nothing is left out ---- */

START_TEST(test_every_loss_has_a_case) {
  for (int i = 0; i < yolo_loss_count(); i++) {
    int found = 0;
    for (int k = 0; k < CASES; k++) found += strcmp(cases[k].loss, yolo_loss_at(i)->name) == 0;
    ck_assert_msg(found > 0, "no network here is trained with the loss '%s'", yolo_loss_at(i)->name);
  }
}
END_TEST

/* ---- ssd300-vgg16, which is too large for more ---- */

static double total_loss(yolo_session *session, const yolo_batch *batch) {
  yolo_loss_report reports[YOLO_SESSION_MOST_GROUPS];
  MUST(yolo_session_look(session, batch, NULL, reports));
  return reports[0].total;
}

/* Moves the parameters of layers [first, end) by `far` along their gradient. */
static void move_along(const yolo_session *s, int first, int end, double far) {
  const yolo_graph *graph = yolo_trainer_graph(s->trainer);
  for (int i = 0; i < graph->n_params; i++) {
    const yolo_trainer_param p = yolo_trainer_param_at(s->trainer, i);
    if (!p.grad || graph->params[i].layer < first || graph->params[i].layer >= end) continue;
    for (size_t k = 0; k < p.count; k++) p.value[k] += (float)(far * (double)p.grad[k]);
  }
}

static double squared_length(const yolo_session *s, int first, int end) {
  const yolo_graph *graph = yolo_trainer_graph(s->trainer);
  double sum = 0;
  for (int i = 0; i < graph->n_params; i++) {
    const yolo_trainer_param p = yolo_trainer_param_at(s->trainer, i);
    if (graph->params[i].layer < first || graph->params[i].layer >= end) continue;
    for (size_t k = 0; p.grad && k < p.count; k++) sum += (double)p.grad[k] * (double)p.grad[k];
  }
  return sum;
}

/* Along its own gradient g a function rises by |g|^2 a unit. */
static void expect_slope(yolo_session *s, const yolo_batch *batch, double loss, int first, int end) {
  const double length = squared_length(s, first, end), far = 0.002 * loss / length;
  move_along(s, first, end, far);
  const double above = total_loss(s, batch);
  move_along(s, first, end, -2 * far);
  const double below = total_loss(s, batch);
  move_along(s, first, end, far);
  const double slope = (above - below) / (2 * far);
  ck_assert_msg(fabs(slope - length) < 0.02 * length, "layers %d to %d: %g, the gradient says %g", first, end - 1, slope,
                length);
}

START_TEST(test_ssd300_gradient) {
  static const overfit_case ssd300 = {"ssd300-vgg16", "ssd", NULL, YOLO_OPTIMIZER_SGD, 0.001, 0, 1};
  yolo_model_spec spec = {0};
  yolo_train_settings settings;
  yolo_config config = {0};
  yolo_session session;
  yolo_loader *loader = NULL;
  yolo_batch *batch = NULL;
  yolo_loss_report report;
  yolo_dataset *dataset = draw_pictures();
  if (!OPTIMISED) {
    printf("SKIP: ssd300-vgg16 takes minutes where nothing is optimised\n");
    yolo_dataset_free(dataset);
    return;
  }
  MUST(yolo_config_defaults(&config));
  choose_settings(&ssd300, &config.train);
  settings = config.train;
  settings.ema = 0;
  MUST(yolo_model_spec_from_text(yolo_zoo_text("ssd300-vgg16"), ssd300.name, NULL, 0, NULL, &spec));
  MUST(yolo_session_new(&spec, &settings, 1, &session));
  const yolo_loader_options options = {.batch = 1, .width = spec.width, .height = spec.height, .workers = 1};
  MUST(yolo_loader_new(dataset, &config.augment, &options, &loader));
  MUST(yolo_loader_next(loader, &batch));
  MUST(yolo_session_part(&session, batch, 1, &report));
  ck_assert_int_gt(report.positives, 0);
  expect_slope(&session, batch, report.total, 0, spec.graph->n_layers);
  expect_slope(&session, batch, report.total, 0, spec.graph->n_layers / 3);
  yolo_loader_give_back(loader, batch);
  yolo_loader_free(loader);
  yolo_session_release(&session);
  yolo_model_spec_release(&spec);
  yolo_config_release(&config);
  yolo_dataset_free(dataset);
}
END_TEST

static TCase *new_case(Suite *suite, const char *name) {
  TCase *tests = tcase_create(name); /* CK_RUN_CASE=name runs one alone */
  tcase_set_timeout(tests, 300);
  suite_add_tcase(suite, tests);
  return tests;
}

int main(void) {
  Suite *suite = suite_create("overfit");
  TCase *settings = new_case(suite, "settings"), *ssd300 = new_case(suite, "ssd300"), *tests = new_case(suite, "overfit");
  tcase_add_test(settings, test_every_loss_has_a_case);
  tcase_add_test(settings, test_label_smoothing);
  tcase_add_test(settings, test_dropblock_grows);
  tcase_add_test(ssd300, test_ssd300_gradient);
  tcase_add_loop_test(tests, test_overfit, 0, CASES);
  return suite_run(suite) == 0 ? 0 : 1;
}
