/* Optimisers against torch.optim (the numbers of twelve steps, PyTorch 2.x), schedules against their formulas, moving averages,
 * norms, equal bits for any number of threads. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backbone/base/rng.h"
#include "tests/unit/suite.h"
#include "train/optim/optimizer.h"
#include "train/optim/schedule.h"

/* torch.manual_seed(0): seven weights, twelve gradients. */
static const float start[7] = {1.54099607f,  -0.293428898f, -2.17878938f, 0.568431258f,
                               -1.08452237f, -1.39859545f,  0.403346837f};
static const float gradients[12][7] = {
    {0.838026345f, -0.719257593f, -0.403343529f, -0.596635342f, 0.182036489f, -0.856674612f, 1.10060418f},
    {-1.07118738f, 0.122701243f, -0.566317499f, 0.373114645f, -0.891995311f, -1.50910771f, 0.370393544f},
    {1.45650256f, 0.939809918f, 0.774848819f, 0.191869423f, 1.26379478f, -1.29043508f, -0.791102707f},
    {-0.0208794735f, -0.718480051f, 0.518636763f, -1.31252193f, 0.191995069f, 0.542771339f, -2.21877933f},
    {0.258984536f, -1.02970219f, -0.50075841f, 0.273367733f, -0.918099999f, -0.0404210873f, 0.288116813f},
    {-0.00753730815f, -0.914495468f, -1.08858371f, -0.266596317f, 0.189423457f, -0.21902281f, 2.0575912f},
    {-0.0354218818f, 0.062718831f, -0.766306281f, 1.09925056f, 2.75653839f, 0.175283328f, -0.931521118f},
    {-1.50548971f, -0.660982549f, 1.32320166f, 0.0371143036f, -0.284909308f, -0.133441746f, 1.89291048f},
    {3.11104417f, -0.458395809f, -0.335988075f, -1.5699861f, 1.23150039f, 1.39463174f, 1.1711024f},
    {0.433511943f, -1.73425019f, -1.3360486f, 0.887096047f, 0.767957449f, 0.0571129993f, 0.223958388f},
    {0.551964283f, -0.578797996f, 0.0177221168f, 0.131826356f, 1.01976681f, -0.446838886f, 0.452022463f},
    {-0.975924432f, 0.711237192f, -0.758226454f, -0.643583059f, -0.646152377f, -0.15909262f, -1.77866364f}};

static const struct golden {
  yolo_optimizer_kind kind;
  bool nesterov;
  double lr;
  float want[7];
} goldens[] = {
    {YOLO_OPTIMIZER_SGD,
     false,
     0.05,
     {0.749281168f, 0.82552743f, -1.58343029f, 0.871464312f, -2.03755403f, -0.434609562f, -0.163984463f}},
    {YOLO_OPTIMIZER_SGD,
     true,
     0.05,
     {0.670296848f, 0.960900426f, -1.47569752f, 0.906115055f, -2.17655778f, -0.403970778f, -0.199886769f}},
    {YOLO_OPTIMIZER_ADAM,
     false,
     0.05,
     {1.36452782f, 0.00379019789f, -1.96733999f, 0.700808823f, -1.25203013f, -1.10349894f, 0.263887674f}},
    {YOLO_OPTIMIZER_ADAMW,
     false,
     0.05,
     {1.36324787f, 0.00357757509f, -1.96883857f, 0.701880693f, -1.25088763f, -1.10145175f, 0.263276607f}},
    {YOLO_OPTIMIZER_RMSPROP,
     false,
     0.05,
     {-2.29497194f, 6.44260454f, 4.10008192f, 3.12694645f, -5.81382179f, 5.62740612f, -2.54592872f}},
    {YOLO_OPTIMIZER_ADAGRAD,
     false,
     0.05,
     {1.47650838f, -0.156848475f, -2.05263996f, 0.614446104f, -1.18052566f, -1.29631305f, 0.357776284f}},
    {YOLO_OPTIMIZER_ADADELTA,
     false,
     0.5,
     {1.53758657f, -0.283678085f, -2.16921735f, 0.569932163f, -1.09214497f, -1.3945235f, 0.400815159f}},
};

START_TEST(steps_are_torchs) {
  const struct golden *g = &goldens[_i];
  yolo_optimizer_options options = yolo_optimizer_defaults(g->kind);
  yolo_optimizer o;
  float w[7];
  memcpy(w, start, sizeof w);
  options.nesterov = g->nesterov;
  ck_assert_int_eq(yolo_optimizer_new(&options, 7, &o), YOLO_OK);
  yolo_optimizer_range range = {.count = 7, .lr = g->lr, .momentum = 0.9, .decay = 0.01};
  for (int t = 0; t < 12; t++) yolo_optimizer_step(&o, w, gradients[t], &range, 1, 1, 1);
  for (int i = 0; i < 7; i++) ck_assert_float_eq_tol(w[i], g->want[i], 3e-6f * (1 + fabsf(g->want[i])));
  yolo_optimizer_release(&o);
}
END_TEST

/* Darknet: sums over the images of a step, lr / batch, decay * batch, momentum on what is left after the update. */
START_TEST(sgd_is_darknets_rule) {
  enum { BATCH = 64 };
  yolo_optimizer_options options = yolo_optimizer_defaults(YOLO_OPTIMIZER_SGD);
  yolo_optimizer o;
  float w[7], mean[7];
  double dark[7], updates[7] = {0};
  ck_assert_int_eq(yolo_optimizer_new(&options, 7, &o), YOLO_OK);
  memcpy(w, start, sizeof w);
  for (int i = 0; i < 7; i++) dark[i] = start[i];
  yolo_optimizer_range range = {.count = 7, .lr = 0.00261, .momentum = 0.949, .decay = 0.0005};
  for (int t = 0; t < 12; t++) {
    for (int i = 0; i < 7; i++) {
      double sum = 40.0 * gradients[t][i]; /* of the loss, over 64 images */
      mean[i] = (float)(sum / BATCH);
      updates[i] += -sum - range.decay * BATCH * dark[i]; /* deltas point downhill there */
      dark[i] += range.lr / BATCH * updates[i];
      updates[i] *= range.momentum;
    }
    yolo_optimizer_step(&o, w, mean, &range, 1, 1, 1);
  }
  for (int i = 0; i < 7; i++) ck_assert_double_eq_tol(w[i], dark[i], 1e-6);
  yolo_optimizer_release(&o);
}
END_TEST

START_TEST(threads_change_nothing) {
  enum { COUNT = 100003 };
  float *w[3], *g = malloc(COUNT * sizeof *g), *ema[3];
  double norms[3];
  yolo_rng rng = {.key = 2};
  for (int i = 0; i < COUNT; i++) g[i] = yolo_rng_normal(&rng);
  for (int k = 0; k < 3; k++) {
    static const int threads[] = {1, 2, 7};
    yolo_optimizer_options options = yolo_optimizer_defaults(YOLO_OPTIMIZER_ADAMW);
    yolo_optimizer o;
    w[k] = malloc(COUNT * sizeof **w);
    ema[k] = calloc(COUNT, sizeof **ema);
    for (int i = 0; i < COUNT; i++) w[k][i] = (float)i / COUNT;
    ck_assert_int_eq(yolo_optimizer_new(&options, COUNT, &o), YOLO_OK);
    yolo_optimizer_range ranges[] = {{0, 50001, 0.1, 0, 0.1}, {50001, COUNT - 50001, 0.2, 0, 0}};
    norms[k] = yolo_gradient_norm(g, ranges, 2, threads[k]);
    for (int t = 0; t < 3; t++) yolo_optimizer_step(&o, w[k], g, ranges, 2, 0.5, threads[k]);
    yolo_ema_update(ema[k], w[k], COUNT, 100, 0.99, 2000, threads[k]);
    yolo_optimizer_release(&o);
  }
  double want = 0;
  for (int i = 0; i < COUNT; i++) want += (double)g[i] * g[i];
  ck_assert_double_eq_tol(norms[0], sqrt(want), 1e-9 * want);
  for (int k = 1; k < 3; k++) {
    ck_assert_mem_eq(w[0], w[k], COUNT * sizeof **w);
    ck_assert_mem_eq(ema[0], ema[k], COUNT * sizeof **ema);
    ck_assert_double_eq(norms[0], norms[k]);
  }
  for (int k = 0; k < 3; k++) {
    free(w[k]);
    free(ema[k]);
  }
  free(g);
}
END_TEST

START_TEST(averages_follow) {
  float ema[1] = {0}, w[1] = {1};
  double d = 0.9 * (1 - exp(-5.0 / 10));
  yolo_ema_update(ema, w, 1, 5, 0.9, 10, 1);
  ck_assert_double_eq_tol(ema[0], 1 - d, 1e-6);
  yolo_ema_update(ema, w, 1, 5, 0.9, 0, 1);
  ck_assert_double_eq_tol(ema[0], 1 - d + 0.1 * d, 1e-6);
}
END_TEST

START_TEST(rates_follow_their_formulas) {
  yolo_schedule s = {.total = 1000, .kind = YOLO_SCHEDULE_STEPS, .n_steps = 2, .steps = {800, 900}, .scales = {0.1, 0.1}};
  ck_assert_double_eq(yolo_schedule_factor(&s, 799), 1);
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 800), 0.1, 1e-12);
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 950), 0.01, 1e-12);
  s = (yolo_schedule){.total = 1000, .kind = YOLO_SCHEDULE_POLY, .power = 4, .warmup = 100, .warmup_power = 4};
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 50), pow(0.95, 4) / 16, 1e-12); /* burn-in */
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 500), 1.0 / 16, 1e-12);
  s = (yolo_schedule){.total = 1000, .kind = YOLO_SCHEDULE_COSINE, .final = 0.01, .warmup = 100, .warmup_start = 0.1};
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 0), 0.1, 1e-12);
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 500), 0.505, 1e-12);
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 1000), 0.01, 1e-12);
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 2000), 0.01, 1e-12);
  s.kind = YOLO_SCHEDULE_LINEAR;
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 500), 0.505, 1e-12);
  s = (yolo_schedule){.total = 100, .kind = YOLO_SCHEDULE_EXP, .gamma = 0.99};
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 10), pow(0.99, 10), 1e-12);
  s = (yolo_schedule){.total = 100, .kind = YOLO_SCHEDULE_SIGMOID, .gamma = 0.1, .middle = 40};
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 40), 0.5, 1e-12);
  s = (yolo_schedule){.total = 100, .kind = YOLO_SCHEDULE_ONE_CYCLE, .rise = 0.25, .div = 10, .final = 0.001};
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 0), 0.1, 1e-12);
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 25), 1, 1e-12);
  ck_assert_double_eq_tol(yolo_schedule_factor(&s, 100), 0.001, 1e-12);
  ck_assert_double_eq(yolo_schedule_warmth(&s, 0), 1);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("optim");
  TCase *tc = tcase_create("optim");
  tcase_add_loop_test(tc, steps_are_torchs, 0, (int)(sizeof goldens / sizeof *goldens));
  tcase_add_test(tc, sgd_is_darknets_rule);
  tcase_add_test(tc, threads_change_nothing);
  tcase_add_test(tc, averages_follow);
  tcase_add_test(tc, rates_follow_their_formulas);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
