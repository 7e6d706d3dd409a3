/* The CPU kernels where the conformance run does not look: numbers that are none, and what a device refuses. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "backbone/backend/backend.h"
#include "backbone/backend/cpu/isa.h"
#include "tests/unit/suite.h"

static const char *const names[] = {"portable", "avx2", "avx512"};
enum { ISAS = sizeof names / sizeof *names, COUNT = 37 };

/* NULL where this machine does not have it. */
static const yolo_isa *isa_named(int i) {
  const yolo_isa *isa = NULL;
  return yolo_isa_choose(names[i], &isa) == YOLO_OK ? isa : NULL;
}

/* Not one of them may turn a NaN into a number where its definition does not: a network whose weights are broken shall
 * not answer with confidence. */
START_TEST(nan_stays_nan) {
  const yolo_isa *isa = isa_named(_i);
  for (int act = 0; isa && act < YOLO_ACT_COUNT; act++) {
    const yolo_epilogue how = {.act1 = (yolo_activation)act};
    const bool kept = isnan(yolo_activate((yolo_activation)act, NAN));
    float values[COUNT];
    for (int i = 0; i < COUNT; i++) values[i] = i % 3 ? 0.5f : NAN;
    isa->epilogue(values, COUNT, 1, COUNT, &how);
    for (int i = 0; i < COUNT; i++)
      ck_assert_msg(!isnan(values[i]) == !(i % 3 == 0 && kept), "%s, %s: value %d is %g", isa->name,
                    yolo_activation_name((yolo_activation)act), i, (double)values[i]);
  }
}
END_TEST

/* y = act(x w) of a 1x1 convolution with w = 1: what the micro-kernel does at the end of a sum. */
static float through_convolution(const char *isa, yolo_activation act, float x) {
  const yolo_device_options options = {.threads = 1, .isa = isa};
  const yolo_conv2d_attrs attrs = {
      .filters = 1, .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1, .dilation = 1, .groups = 1, .act1 = act};
  float one = 1, y = 0;
  yolo_tensor in = yolo_tensor_dense(&x, (yolo_shape){1, 1, 1, 1}), out = yolo_tensor_dense(&y, in.shape);
  yolo_tensor weight = yolo_tensor_dense(&one, in.shape);
  yolo_op_call call = {
      .id = YOLO_OP_conv2d, .attrs = &attrs, .n_in = 1, .n_param = 1, .in = &in, .out = &out, .param = &weight};
  yolo_device *device = NULL;
  void *packed = NULL, *work = NULL;
  ck_assert_int_eq(yolo_backend_cpu.open(&options, &device), YOLO_OK);
  const yolo_op_sizes sizes = yolo_backend_cpu.sizes(device, &call, 0);
  ck_assert_int_eq(yolo_backend_cpu.alloc(device, sizes.pack, &packed), YOLO_OK);
  ck_assert_int_eq(yolo_backend_cpu.alloc(device, sizes.work, &work), YOLO_OK);
  ck_assert_int_eq(yolo_backend_cpu.pack(device, &call, 0, packed), YOLO_OK);
  call.packed = packed;
  call.work = work;
  call.work_size = sizes.work;
  ck_assert_int_eq(yolo_backend_cpu.run(device, YOLO_FORWARD, &call), YOLO_OK);
  yolo_backend_cpu.release(device, packed);
  yolo_backend_cpu.release(device, work);
  yolo_backend_cpu.close(device);
  return y;
}

START_TEST(a_sum_that_is_no_number) {
  static const yolo_activation acts[] = {YOLO_ACT_linear, YOLO_ACT_leaky, YOLO_ACT_relu, YOLO_ACT_mish, YOLO_ACT_logistic};
  for (size_t i = 0; isa_named(_i) && i < sizeof acts / sizeof *acts; i++) {
    ck_assert(isnan(through_convolution(names[_i], acts[i], NAN)));
    float y = through_convolution(names[_i], acts[i], INFINITY);
    ck_assert_msg(acts[i] == YOLO_ACT_logistic ? y == 1 : y == INFINITY, "%s: %g", yolo_activation_name(acts[i]), (double)y);
  }
}
END_TEST

/* Channel c of the map: mean 1000 c, spread 0.1. Sums of squares in fp32 would leave nothing of the variance. */
START_TEST(variance_survives_a_large_mean) {
  enum { PIXELS = 5000, CHANNELS = 5 };
  static float x[PIXELS * CHANNELS], y[PIXELS * CHANNELS];
  const yolo_device_options options = {.threads = 2, .isa = names[_i]};
  const yolo_batchnorm_attrs attrs = {.eps = 1e-8f, .momentum = 1};
  float weight[CHANNELS], bias[CHANNELS], mean[CHANNELS], var[CHANNELS], saved[2 * CHANNELS];
  const yolo_shape shape = {1, 50, 100, CHANNELS}, vector = {1, 1, 1, CHANNELS};
  yolo_tensor in = yolo_tensor_dense(x, shape), out = yolo_tensor_dense(y, shape);
  yolo_tensor param[4] = {yolo_tensor_dense(weight, vector), yolo_tensor_dense(bias, vector), yolo_tensor_dense(mean, vector),
                          yolo_tensor_dense(var, vector)};
  yolo_op_call call = {
      .id = YOLO_OP_batchnorm, .attrs = &attrs, .n_in = 1, .n_param = 4, .in = &in, .out = &out, .param = param};
  yolo_device *device = NULL;
  void *work = NULL;
  if (!isa_named(_i)) return;
  for (int i = 0; i < PIXELS * CHANNELS; i++) x[i] = (float)(i % CHANNELS) * 1000 + 0.1f * sinf((float)i);
  for (int c = 0; c < CHANNELS; c++) weight[c] = 1, bias[c] = 0;
  call.training = true;
  call.saved = saved;
  ck_assert_int_eq(yolo_backend_cpu.open(&options, &device), YOLO_OK);
  ck_assert_int_eq(yolo_backend_cpu.alloc(device, yolo_backend_cpu.sizes(device, &call, 0).work, &work), YOLO_OK);
  call.work = work;
  ck_assert_int_eq(yolo_backend_cpu.run(device, YOLO_FORWARD, &call), YOLO_OK);
  for (int c = 0; c < CHANNELS; c++) {
    double sum = 0, spread = 0;
    for (int p = 0; p < PIXELS; p++) sum += x[p * CHANNELS + c];
    for (int p = 0; p < PIXELS; p++) spread += pow(x[p * CHANNELS + c] - sum / PIXELS, 2);
    ck_assert_double_eq_tol(mean[c], sum / PIXELS, 1e-7 * fabs(sum / PIXELS) + 1e-7);
    ck_assert_double_eq_tol(var[c], spread / (PIXELS - 1), 1e-6 * spread / PIXELS);
  }
  yolo_backend_cpu.release(device, work);
  yolo_backend_cpu.close(device);
}
END_TEST

START_TEST(impossible_devices_are_sentences) {
  static const struct {
    yolo_device_options options;
    const char *words;
  } rows[] = {{{.threads = 1025}, "1 to 1024"},
              {{.threads = -1}, "-1 threads"},
              {{.threads = 2147483647}, "2147483647 threads"},
              {{.index = 1}, "cpu:1 does not exist"},
              {{.isa = "mmx"}, "instruction set 'mmx' is unknown"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    yolo_device *device = NULL;
    ck_assert_int_lt(yolo_backend_cpu.open(&rows[i].options, &device), 0);
    ck_assert_ptr_null(device);
    ck_assert_msg(strstr(yolo_error_message(), rows[i].words) != NULL, "%s", yolo_error_message());
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kernels");
  TCase *tc = tcase_create("kernels");
  tcase_add_loop_test(tc, nan_stays_nan, 0, ISAS);
  tcase_add_loop_test(tc, a_sum_that_is_no_number, 0, ISAS);
  tcase_add_loop_test(tc, variance_survives_a_large_mean, 0, ISAS);
  tcase_add_test(tc, impossible_devices_are_sentences);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? 0 : 1;
}
