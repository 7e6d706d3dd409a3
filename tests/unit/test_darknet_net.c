/* Darknet's way of training: what [net] becomes, the rates of its policies, and its update with gradients that add up over
 * subdivisions, all against plain computations of Darknet's own formulas. */
#include <math.h>

#include "backbone/base/rng.h"
#include "backbone/cfg/zoo.h"
#include "tests/unit/train_fixture.h"
#include "train/config.h"
#include "train/darknet_net.h"
#include "train/session.h"

/* ---- reading ---- */

static yolo_status read_text(const char *text, size_t images, yolo_darknet_net *out) {
  yolo_cfg *cfg = NULL;
  MUST(yolo_cfg_parse(text, strlen(text), "net.cfg", &cfg));
  yolo_status st = yolo_darknet_net_read(cfg, images, out);
  yolo_cfg_free(cfg);
  return st;
}

/* The config that the settings make, on no data. */
static void config_of(const char *text, size_t images, yolo_config *out) {
  yolo_darknet_net net = {0};
  MUST(read_text(text, images, &net));
  put_text(in_folder("data.cfg"), "[data]\ntrain = nowhere\n");
  MUST(yolo_config_load(in_folder("data.cfg"), (const char *const *)net.sets.items, net.sets.count, out));
  yolo_darknet_net_release(&net);
}

#define NET(lines) "[net]\nwidth=32\nheight=32\nchannels=3\n" lines
#define BODY                                                                                   \
  "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\nstride=4\npad=1\nactivation=leaky\n" \
  "[convolutional]\nfilters=8\nsize=3\nstride=2\npad=1\nactivation=leaky\n"                    \
  "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n"                                   \
  "[yolo]\nmask=0,1\nanchors=4,6, 10,12\nclasses=2\nnum=2\nignore_thresh=.7\n"

START_TEST(keys_become_settings) {
  yolo_config c = {0};
  config_of(NET("batch=64\nsubdivisions=16\nmax_batches=500\nlearning_rate=0.002\nburn_in=100\npolicy=steps\nsteps=400,450\n"
                "scales=.1,.5\nmomentum=0.949\ndecay=0.0007\nhue=.2\nsaturation=1.5\nexposure=2\nmosaic=1\nflip=0\n") BODY
            "jitter=.3\nrandom=1\nresize=1.5\n",
            1000, &c);
  ck_assert_int_eq(c.train.batch, 64);
  ck_assert_int_eq(c.train.part, 4);
  ck_assert_int_eq(c.train.epochs, 32); /* 16 iterations each: 500 are 31.25 */
  ck_assert_double_eq(c.train.lr, 0.002);
  ck_assert_double_eq(c.train.momentum, 0.949);
  ck_assert_double_eq(c.train.warmup_momentum, 0.949);
  ck_assert_double_eq(c.train.decay, 0.0007);
  ck_assert_double_eq(c.train.warmup * 16, 100);
  ck_assert_double_eq(c.train.warmup_power, 4);
  ck_assert(c.train.darknet_rates && !c.train.nesterov);
  ck_assert_double_eq(c.train.clip, 0);
  ck_assert_double_eq(c.train.ema, 0);
  ck_assert_int_eq(c.train.plain_epochs, 0);
  ck_assert_double_eq(c.augment.hue, 0.2);
  ck_assert_double_eq(c.augment.saturation_factor, 1.5);
  ck_assert_double_eq(c.augment.exposure, 2);
  ck_assert_double_eq(c.augment.mosaic, 0.5);
  ck_assert_double_eq(c.augment.mixup, 0);
  ck_assert_double_eq(c.augment.flip, 0);
  ck_assert_double_eq(c.augment.jitter, 0.3);
  ck_assert_double_eq_tol(c.augment.multi_scale[0], 1 / 1.4, 1e-15);
  ck_assert_double_eq(c.augment.multi_scale[1], 1.4);
  ck_assert_double_eq_tol(c.augment.scale[0], 1 / 1.5, 1e-15);
  ck_assert_double_eq(c.augment.scale[1], 1.5);
  ck_assert_int_eq(c.augment.fit, YOLO_AUGMENT_STRETCH);
  yolo_config_release(&c);
}
END_TEST

/* Missing keys have Darknet's values, not ours. */
START_TEST(defaults_are_darknets) {
  yolo_config c = {0};
  config_of(NET("max_batches=10\nletter_box=1\n") BODY, 5, &c);
  ck_assert_int_eq(c.train.batch, 1);
  ck_assert_int_eq(c.train.epochs, 2);
  ck_assert_double_eq(c.train.lr, 0.001);
  ck_assert_double_eq(c.train.momentum, 0.9);
  ck_assert_double_eq(c.train.decay, 0.0001);
  ck_assert_int_eq(c.train.schedule, YOLO_SCHEDULE_CONSTANT);
  ck_assert_int_eq(c.train.optimizer, YOLO_OPTIMIZER_SGD);
  ck_assert_double_eq(c.train.warmup, 0);
  ck_assert_double_eq(c.augment.hue, 0);
  ck_assert_double_eq(c.augment.saturation_factor, 1);
  ck_assert_double_eq(c.augment.mosaic, 0);
  ck_assert_double_eq(c.augment.flip, 0.5);
  ck_assert_double_eq(c.augment.jitter, 0.2);
  ck_assert_double_eq(c.augment.multi_scale[1], 1);
  ck_assert_double_eq(c.augment.scale[0], 1);
  ck_assert_int_eq(c.augment.fit, YOLO_AUGMENT_LETTERBOX);
  yolo_config_release(&c);
  config_of(NET("batch=8\nmax_batches=10\nadam=1\nB1=.8\nB2=.99\neps=0.00001\n") BODY, 5, &c);
  ck_assert_int_eq(c.train.optimizer, YOLO_OPTIMIZER_ADAM);
  ck_assert_double_eq(c.train.beta1, 0.8);
  ck_assert_double_eq(c.train.beta2, 0.99);
  ck_assert_double_eq(c.train.eps, 0.00001 / 8);
  yolo_config_release(&c);
}
END_TEST

START_TEST(layers_that_do_not_learn) {
  yolo_config c = {0};
  config_of(NET("max_batches=10\n") "[convolutional]\nfilters=6\nsize=3\nstride=4\npad=1\nactivation=leaky\nstopbackward=1\n"
                                    "[convolutional]\nfilters=6\nsize=3\npad=1\nactivation=leaky\n"
                                    "[convolutional]\nfilters=6\nsize=3\npad=1\nactivation=leaky\ndont_update=1\n" BODY,
            5, &c);
  ck_assert_int_eq(c.train.freeze.count, 2);
  ck_assert_str_eq(c.train.freeze.items[0], "0");
  ck_assert_str_eq(c.train.freeze.items[1], "2");
  yolo_config_release(&c);
}
END_TEST

START_TEST(what_has_no_counterpart_is_named) {
  static const struct {
    const char *line, *words;
  } refused[] = {{"time_steps=3", "net.cfg:5|[net]|time_steps = 3|sequences"},
                 {"policy=random", "policy = random has no counterpart"},
                 {"policy=sgdr\nsgdr_cycle=4", "sgdr_cycle|restarts"},
                 {"policy=steps", "steps and scales"},
                 {"policy=step\nstep=1\nscale=.9\nmax_batches=50", "policy = exp"},
                 {"subdivisions=3", "subdivisions = 3 are more"},
                 {"batch=0", "batch"},
                 {"momentum=fast", "momentum"},
                 {"adversarial_lr=1", "adversarial"}};
  yolo_darknet_net net = {0};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    char text[1024];
    snprintf(text, sizeof text, NET("%s\n%s") BODY, refused[i].line,
             strstr(refused[i].line, "max_b") ? "" : "max_batches=10\n");
    expect_words(read_text(text, 10, &net), refused[i].words);
    ck_assert_ptr_null(net.sets.items);
  }
  expect_words(read_text(NET("") BODY, 10, &net), "max_batches is wanted");
  expect_words(read_text(NET("max_batches=2000200\nbatch=64\n") BODY, 3, &net), "2000200 epochs|100000");
  expect_words(read_text(NET("max_batches=10\n") BODY, 0, &net), "no image");
  expect_words(read_text(NET("max_batches=10\n") BODY "map=tree\n", 4, &net), "map = tree|trees");
  MUST(read_text(NET("max_batches=10\ncutmix=1\nmax_chart_loss=10\nangle=7\nbatch=7\nsubdivisions=2\n") BODY "max=90\n", 10,
                 &net));
  ck_assert_int_eq(net.batch, 6);
  static const char *const noted[] = {
      "[net]: cutmix: ", "[net]: max_chart_loss: ", "[net]: angle: ", "[net]: subdivisions: ", "[yolo]: max: "};
  for (size_t i = 0; i < sizeof noted / sizeof *noted; i++)
    ck_assert_msg(strstr(net.notes.data, noted[i]) != NULL, "no note of %s: %s", noted[i], net.notes.data);
  yolo_darknet_net_release(&net);
  MUST(read_text(NET("max_batches=10\ncutmix=0\nangle=0\ntime_steps=1\n") BODY, 10, &net));
  ck_assert_ptr_null(net.notes.data); /* harmless values are no news */
  yolo_darknet_net_release(&net);
}
END_TEST

/* ---- rates ---- */

typedef struct rates {
  const char *policy;
  double base, burn_in, power, gamma, step, scale, least, max_batches;
  double steps[2], scales[2];
} rates;

/* Darknet's get_current_rate: `i` is the iteration, the first is 1. */
static double darknet_rate(const rates *r, int i) {
  if (i < r->burn_in) return r->base * pow(i / r->burn_in, r->power);
  if (strcmp(r->policy, "steps") == 0) {
    double rate = r->base;
    for (int k = 0; k < 2 && r->steps[k] <= i; k++) rate *= r->scales[k];
    return rate;
  }
  if (strcmp(r->policy, "step") == 0) return r->base * pow(r->scale, floor(i / r->step));
  if (strcmp(r->policy, "exp") == 0) return r->base * pow(r->gamma, i);
  if (strcmp(r->policy, "poly") == 0) return r->base * pow(1 - i / r->max_batches, r->power);
  if (strcmp(r->policy, "sigmoid") == 0) return r->base / (1 + exp(r->gamma * (i - r->step)));
  if (strcmp(r->policy, "sgdr") == 0)
    return r->least + 0.5 * (r->base - r->least) * (1 + cos(i * 3.14159265358979323846 / r->max_batches));
  return r->base;
}

/* The rate of each iteration of a session with the cfg's settings. */
static void expect_rates(const char *text, size_t images, const rates *r, const int *at, int n) {
  yolo_config c = {0};
  yolo_model_spec spec = {0};
  yolo_session s = {0};
  yolo_model_options how = {0};
  MUST(yolo_model_spec_from_text(NET("") BODY, "toy.cfg", NULL, 0, &how, &spec));
  config_of(text, images, &c);
  MUST(yolo_session_new(&spec, &c.train, ceil((double)images / c.train.batch), &s));
  for (int k = 0; k < n; k++) {
    double got = c.train.lr * yolo_schedule_factor(&s.schedule, (uint64_t)at[k] - 1), want = darknet_rate(r, at[k]);
    ck_assert_msg(fabs(got - want) <= 1e-12 * r->base, "%s, iteration %d: %.17g instead of %.17g", r->policy, at[k], got, want);
  }
  yolo_session_release(&s);
  yolo_model_spec_release(&spec);
  yolo_config_release(&c);
}

START_TEST(rates_are_darknets) {
  static const int at[] = {1, 2, 7, 29, 30, 31, 99, 100, 101, 179, 180, 181, 239, 240};
  const int n = sizeof at / sizeof *at;
  static const rates table[] = {{.policy = "constant", .base = 0.01},
                                {.policy = "steps", .base = 0.01, .steps = {100, 180}, .scales = {0.1, 0.5}},
                                {.policy = "step", .base = 0.01, .step = 50, .scale = 0.5},
                                {.policy = "exp", .base = 0.01, .gamma = 0.99},
                                {.policy = "poly", .base = 0.01},
                                {.policy = "sigmoid", .base = 0.01, .gamma = 0.05, .step = 120},
                                {.policy = "sgdr", .base = 0.01, .least = 0.001}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    for (int burn = 0; burn < 2; burn++) {
      rates r = table[i];
      char text[1024];
      r.burn_in = burn ? 30 : 0;
      r.power = 4;
      r.max_batches = 240;
      snprintf(text, sizeof text,
               NET("batch=8\nsubdivisions=2\nmax_batches=240\nlearning_rate=0.01\npolicy=%s\nburn_in=%d\nsteps=100,180\n"
                   "scales=.1,.5\nstep=%g\nscale=%g\ngamma=%g\nlearning_rate_min=%g\n") BODY,
               r.policy, burn ? 30 : 0, r.step > 0 ? r.step : 1, r.scale, r.gamma, r.least);
      expect_rates(text, 47, &r, at, n); /* 6 iterations an epoch, 40 epochs */
    }
  }
}
END_TEST

/* The published cfg on COCO's 118287 images: 1849 iterations an epoch, numbers that are no fractions of a binary float. */
START_TEST(yolov4_tinys_own_rates) {
  static const int at[] = {1, 2, 10, 500, 999, 1000, 1001, 1599999, 1600000, 1600001, 1799999, 1800000, 2000200};
  const rates r = {.policy = "steps",
                   .base = 0.00261,
                   .burn_in = 1000,
                   .power = 4,
                   .steps = {1600000, 1800000},
                   .scales = {0.1, 0.1},
                   .max_batches = 2000200};
  const char *text = yolo_zoo_text("yolov4-tiny");
  yolo_config c = {0};
  ck_assert_ptr_nonnull(text);
  expect_rates(text, 118287, &r, at, sizeof at / sizeof *at);
  config_of(text, 118287, &c);
  ck_assert_int_eq(c.train.batch, 64);
  ck_assert_int_eq(c.train.part, 64);
  ck_assert_int_eq(c.train.epochs, 1082); /* 1849 x 1081.77 */
  ck_assert_double_eq(c.train.momentum, 0.9);
  ck_assert_double_eq(c.train.decay, 0.0005);
  yolo_config_release(&c);
}
END_TEST

/* ---- the update ---- */

enum { BATCH = 6, PARTS = 3, IMAGES = BATCH / PARTS, SIDE = 32 };

typedef struct pictures {
  yolo_sample samples[BATCH];
  yolo_object objects[BATCH];
} pictures;

static void draw_pictures(pictures *p, int iteration) {
  yolo_rng rng = {7, (uint64_t)iteration, 0};
  *p = (pictures){.samples = {{.index = 0}}};
  for (int i = 0; i < BATCH; i++) {
    yolo_sample *s = &p->samples[i];
    MUST(yolo_image_new(SIDE, SIDE, &s->image));
    for (int k = 0; k < SIDE * SIDE * 3; k++) s->image.pixels[k] = (uint8_t)(yolo_rng_u32(&rng) >> 24);
    const float x = (float)(yolo_rng_u32(&rng) % 18), y = (float)(yolo_rng_u32(&rng) % 18);
    p->objects[i] = (yolo_object){.x1 = x, .y1 = y, .x2 = x + 8, .y2 = y + 11, .class_index = i % 2, .weight = 1, .visible = 1};
    s->objects = &p->objects[i];
    s->n_objects = 1;
    s->label = s->label2 = YOLO_DATA_NO_LABEL;
    s->label_share = 1;
  }
}

static void free_pictures(pictures *p) {
  for (int i = 0; i < BATCH; i++) yolo_image_release(&p->samples[i].image);
}

static void run_part(yolo_session *s, pictures *p, int part, int nominal) {
  yolo_batch batch = {.count = IMAGES, .width = SIDE, .height = SIDE, .samples = p->samples + part * IMAGES};
  yolo_loss_report report;
  MUST(yolo_session_part(s, &batch, nominal, &report));
}

static bool is_conv_weight(const yolo_graph *graph, int param) {
  for (int i = 0; i < graph->n_nodes; i++) {
    const yolo_node *node = &graph->nodes[i];
    if (node->kind == YOLO_NODE_OP && node->op == YOLO_OP_conv2d && node->param[0] == param) return true;
  }
  return false;
}

/* Darknet's update_convolutional_layer: u holds minus the sum of the gradients of the images, on top of momentum times what it
 * held before. */
static void darknet_update(const yolo_session *s, double *w, double *u, double rate, double momentum, double decay) {
  const yolo_graph *graph = yolo_trainer_graph(s->trainer);
  int decayed = 0, plain = 0;
  for (int i = 0; i < graph->n_params; i++) {
    yolo_trainer_param p = yolo_trainer_param_at(s->trainer, i);
    if (!p.grad) continue;
    const bool decays = is_conv_weight(graph, i);
    decayed += decays;
    plain += !decays;
    for (size_t k = p.offset; k < p.offset + p.count; k++) {
      if (decays) u[k] += -decay * BATCH * w[k];
      w[k] += rate / BATCH * u[k];
      u[k] *= momentum;
    }
  }
  ck_assert_int_eq(decayed, 3);
  ck_assert_int_eq(plain, 4); /* scales and biases of the first, biases of the others */
}

/* Adds minus the summed gradients of all images, taken part by part at the weights of `s`. */
static void add_sums(yolo_session *probe, const yolo_session *s, pictures *p, double *u) {
  size_t n;
  float *values = yolo_trainer_values(probe->trainer, &n);
  const float *grads = yolo_trainer_gradients(probe->trainer);
  for (int part = 0; part < PARTS; part++) {
    memcpy(values, yolo_trainer_values(s->trainer, NULL), n * sizeof *values);
    yolo_trainer_clear_gradients(probe->trainer);
    run_part(probe, p, part, IMAGES); /* the mean over these */
    for (size_t k = 0; k < n; k++) u[k] -= (double)grads[k] * IMAGES;
  }
}

#define TRAINED                                                                                                           \
  NET("batch=6\nsubdivisions=3\nmax_batches=1000\nlearning_rate=0.02\nburn_in=4\npolicy=steps\nsteps=6,8\nscales=.1,.5\n" \
      "momentum=0.9\ndecay=0.01\n")                                                                                       \
  BODY

START_TEST(the_update_is_darknets) {
  const rates r = {
      .policy = "steps", .base = 0.02, .burn_in = 4, .power = 4, .steps = {6, 8}, .scales = {0.1, 0.5}, .max_batches = 1000};
  yolo_config c = {0};
  yolo_model_spec spec = {0};
  yolo_session s = {0}, probe = {0};
  yolo_model_options how = {0};
  size_t n;
  MUST(yolo_model_spec_from_text(TRAINED, "toy.cfg", NULL, 0, &how, &spec));
  config_of(TRAINED, 60, &c);
  MUST(yolo_session_new(&spec, &c.train, 10, &s));
  MUST(yolo_session_new(&spec, &c.train, 10, &probe));
  float *values = yolo_trainer_values(s.trainer, &n);
  double *w = yolo_calloc(n, sizeof *w), *u = yolo_calloc(n, sizeof *u), moved = 0, worst = 0;
  for (size_t k = 0; k < n; k++) w[k] = (double)values[k];
  for (int i = 1; i <= 10; i++) {
    pictures p;
    yolo_step_report step;
    draw_pictures(&p, i);
    add_sums(&probe, &s, &p, u);
    for (int part = 0; part < PARTS; part++) run_part(&s, &p, part, BATCH);
    MUST(yolo_session_update(&s, &step));
    ck_assert_double_eq_tol(step.lr, darknet_rate(&r, i), 1e-15);
    darknet_update(&s, w, u, darknet_rate(&r, i), 0.9, 0.01);
    for (int q = 0; q < yolo_trainer_graph(s.trainer)->n_params; q++) {
      yolo_trainer_param at = yolo_trainer_param_at(s.trainer, q);
      for (size_t k = 0; at.grad && k < at.count; k++) {
        worst = fmax(worst, fabs((double)at.value[k] - w[at.offset + k]));
        moved = fmax(moved, fabs(u[at.offset + k]));
      }
    }
    ck_assert_msg(worst < 2e-6, "after iteration %d a weight is off by %g", i, worst);
    free_pictures(&p);
  }
  ck_assert_double_gt(moved, 1e-2); /* there was something to agree on */
  yolo_free(w);
  yolo_free(u);
  yolo_session_release(&s);
  yolo_session_release(&probe);
  yolo_model_spec_release(&spec);
  yolo_config_release(&c);
}
END_TEST

START_TEST(short_memory_leaks_nothing) {
  static const char text[] =
      NET("batch=6\nsubdivisions=4\nmax_batches=1000\npolicy=steps\nsteps=6,8\nscales=.1,.5\n") BODY "max=9\n";
  yolo_cfg *cfg = NULL;
  yolo_status st = YOLO_ENOMEM;
  MUST(yolo_cfg_parse(text, strlen(text), "net.cfg", &cfg));
  const long before = yolo_memory_get_stats().live;
  long nth = 1;
  for (; st == YOLO_ENOMEM; nth++) {
    yolo_darknet_net net = {0};
    yolo_memory_fail_at(nth);
    st = yolo_darknet_net_read(cfg, 10, &net);
    yolo_memory_fail_at(0);
    yolo_darknet_net_release(&net);
    ck_assert_int_eq(yolo_memory_get_stats().live, before);
  }
  MUST(st);
  ck_assert_int_gt(nth, 40);
  yolo_cfg_free(cfg);
}
END_TEST

int main(void) {
  if (!mkdtemp(folder)) return EXIT_FAILURE;
  Suite *suite = suite_create("darknet_net");
  TCase *tc = tcase_create("darknet_net");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, keys_become_settings);
  tcase_add_test(tc, defaults_are_darknets);
  tcase_add_test(tc, layers_that_do_not_learn);
  tcase_add_test(tc, what_has_no_counterpart_is_named);
  tcase_add_test(tc, rates_are_darknets);
  tcase_add_test(tc, yolov4_tinys_own_rates);
  tcase_add_test(tc, the_update_is_darknets);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  const int failed = suite_run(suite);
  remove(in_folder("data.cfg"));
  remove(folder);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
