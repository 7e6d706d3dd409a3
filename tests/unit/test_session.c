/* A session: what a classifier's loss reads. */
#include <math.h>

#include "tests/unit/session_fixture.h"
#include "train/train_settings.h"

#define CLASSIFIER(TAIL)                                    \
  "[net]\nwidth=4\nheight=4\nchannels=3\n"                  \
  "[convolutional]\nfilters=4\nsize=1\nactivation=linear\n" \
  "[avgpool]\n" TAIL

/* Weights of zero: every picture scores what the biases say. */
static double loss_of(const char *cfg, const float bias[4], int label) {
  yolo_train_settings settings = {0};
  yolo_model_spec spec = {0};
  yolo_session session = {0};
  yolo_loss_report report;
  yolo_sample sample = {.label = label, .label2 = -1, .label_share = 1};
  yolo_batch batch = {.count = 1, .width = 4, .height = 4, .samples = &sample};
  toy_spec(cfg, NULL, &spec);
  MUST(yolo_settings_defaults(&yolo_train_section, &settings));
  settings.threads = 1;
  MUST(yolo_session_new(&spec, &settings, 1, &session));
  MUST(yolo_image_new(4, 4, &sample.image));
  memset(sample.image.pixels, 128, 48);
  yolo_trainer_param weights = yolo_trainer_param_at(session.trainer, 0), biases = yolo_trainer_param_at(session.trainer, 1);
  ck_assert_uint_eq(biases.count, 4);
  memset(weights.value, 0, weights.count * sizeof(float));
  memcpy(biases.value, bias, 4 * sizeof(float));
  MUST(yolo_session_part(&session, &batch, 1, &report));
  yolo_sample_free(&sample);
  yolo_session_release(&session);
  yolo_settings_release(&yolo_train_section, &settings);
  yolo_model_spec_release(&spec);
  return report.total;
}

/* A [softmax] at the end has made probabilities of the scores: the loss is the same, and not that of a second softmax. */
START_TEST(test_softmax_is_applied_once) {
  static const float bias[4] = {0, 3, 1, -1};
  double sum = 0;
  for (int k = 0; k < 4; k++) sum += exp((double)bias[k]);
  for (int label = 0; label < 4; label++) {
    const double want = log(sum) - (double)bias[label];
    ck_assert_double_eq_tol(loss_of(CLASSIFIER(""), bias, label), want, 1e-6);
    ck_assert_double_eq_tol(loss_of(CLASSIFIER("[softmax]\n"), bias, label), want, 1e-6);
    ck_assert_double_eq_tol(loss_of(CLASSIFIER("[softmax]\n[cost]\n"), bias, label), want, 1e-6);
  }
}
END_TEST

int main(void) {
  if (!mkdtemp(folder)) return 1;
  Suite *suite = suite_create("session");
  TCase *tests = tcase_create("session");
  tcase_add_test(tests, test_softmax_is_applied_once);
  suite_add_tcase(suite, tests);
  const int failed = suite_run(suite);
  rmdir(folder);
  return failed == 0 ? 0 : 1;
}
