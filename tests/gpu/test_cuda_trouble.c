/* Pulling the plug: cards that do not exist or are hidden, memory that is taken, a kernel that fails. One sentence each, no
 * hang, no block of host memory left behind, and where the card can go on, it does.
 *
 * What spoils a process for good runs in a child: the test starts itself with `--child NAME`. */
#include <cuda_runtime_api.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#include "backbone/backend/cuda/cuda.h"
#include "backbone/graph/network_parts.h"
#include "tests/gpu/gpu_fixture.h"

static const char network[] = "yolov4-tiny";
static const yolo_shape one = {1, 416, 416, 3};

static long live(void) { return yolo_memory_get_stats().live; }

/* One line of text that holds the words. */
static bool is_sentence(const char *words) {
  const char *text = yolo_error_message();
  printf("  \"%s\"\n", text);
  return strlen(text) > 20 && !strchr(text, '\n') && strstr(text, words) != NULL;
}

static void expect_sentence(yolo_status st, yolo_status want, const char *words) {
  ck_assert_msg(st == want, "status %d, not %d: %s", (int)st, (int)want, yolo_error_message());
  ck_assert_msg(is_sentence(words), "'%s' is no sentence with '%s'", yolo_error_message(), words);
}

/* ---- children ---- */

enum { CHILD_SECONDS = 180 };

/* Starts this program with --child NAME and a variable of the environment; its exit status, -1 for a hang. */
static int run_child(const char *name, const char *variable, const char *value) {
  const char *path = own_path();
  char *const argv[] = {(char *)path, "--child", (char *)name, NULL};
  pid_t child;
  int status = 0;
  if (variable) setenv(variable, value, 1);
  fflush(stdout);
  int refused = posix_spawn(&child, path, NULL, NULL, argv, environ);
  if (variable) unsetenv(variable);
  if (refused) return refused;
  for (int i = 0; i < CHILD_SECONDS * 10; i++) {
    if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    nanosleep(&(struct timespec){0, 100000000}, NULL);
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  return -1;
}

/* In a child there is no Check: what is wrong is printed and counted. */
static int wrong;
static void expect(bool good, const char *what) {
  if (good) return;
  printf("  wrong: %s (last sentence: \"%s\")\n", what, yolo_error_message());
  wrong++;
}

/* CUDA_VISIBLE_DEVICES is empty here. */
static int child_hidden(void) {
  const yolo_model_options asked = {.device = "cuda"}, free_choice = {.threads = 1};
  const long before = live();
  yolo_model *model = NULL;
  yolo_context *context = NULL;
  expect(load_zoo(network, &asked, &model) == YOLO_EDEVICE, "a hidden card is no YOLO_EDEVICE");
  expect(is_sentence("CUDA_VISIBLE_DEVICES"), "the sentence does not name the variable");
  expect(model == NULL && live() == before, "blocks are left behind");
  expect(load_zoo(network, &free_choice, &model) == YOLO_OK, "the CPU does not take over");
  if (model) expect(yolo_context_new(model, &context) == YOLO_OK, "the CPU does not take over");
  if (context) expect(strncmp(yolo_context_device(context), "CPU", 3) == 0, "it is not the CPU that takes over");
  yolo_context_free(context);
  yolo_model_free(model);
  expect(live() == before, "blocks are left behind");
  return wrong;
}

/* The kernel fails in run number `good_runs` + 1. */
static int child_trap(int good_runs, bool deterministic) {
  const yolo_model_options options = {.device = "cuda", .precision = "fp16", .deterministic = deterministic};
  const long before = live();
  yolo_model *model = NULL;
  yolo_context *context = NULL, *late = NULL;
  expect(load_zoo(network, &options, &model) == YOLO_OK, "loading fails");
  if (model) expect(yolo_context_new(model, &context) == YOLO_OK, "opening fails");
  if (wrong) return wrong;
  for (int i = 0; i < good_runs; i++) expect(run_network(context, one) == YOLO_OK, "a good run fails");
  yolo_cuda_fail_next(context->runner->device);
  expect(run_network(context, one) == YOLO_EDEVICE, "the run with the failing kernel is no YOLO_EDEVICE");
  expect(is_sentence("cuda:"), "no sentence that names the card");
  expect(run_network(context, one) == YOLO_EDEVICE, "the run after it is no YOLO_EDEVICE");
  expect(is_sentence("cuda:"), "no sentence that names the card");
  expect(yolo_context_new(model, &late) != YOLO_OK && late == NULL, "a context opens on the lost card");
  expect(is_sentence("cuda"), "no sentence for a new context");
  yolo_context_free(late);
  yolo_context_free(context);
  yolo_model_free(model);
  expect(live() == before, "blocks are left behind");
  return wrong;
}

static int run_as_child(const char *name) {
  if (strcmp(name, "hidden") == 0) return child_hidden();
  if (strcmp(name, "trap first") == 0) return child_trap(0, false);
  if (strcmp(name, "trap second") == 0) return child_trap(1, false);
  if (strcmp(name, "trap played") == 0) return child_trap(4, false);
  if (strcmp(name, "trap deterministic") == 0) return child_trap(0, true);
  return 99;
}

/* ---- cards that are not there ---- */

START_TEST(a_card_that_does_not_exist) {
  const yolo_model_options options = {.device = "cuda:99"};
  const long before = live();
  yolo_model *model = NULL;
  expect_sentence(load_zoo(network, &options, &model), YOLO_EDEVICE, "cuda:99 does not exist");
  ck_assert_ptr_null(model);
  ck_assert_int_eq(live(), before);
}
END_TEST

START_TEST(hidden_cards) { ck_assert_int_eq(run_child("hidden", "CUDA_VISIBLE_DEVICES", ""), 0); }
END_TEST

/* ---- a full card ---- */

enum { MOST_BLOCKS = 4096 };
typedef struct filling {
  void *block[MOST_BLOCKS];
  int count;
} filling;

static size_t free_bytes(void) {
  size_t unused = 0, total = 0;
  ck_assert_int_eq(cudaMemGetInfo(&unused, &total), cudaSuccess);
  return unused;
}

/* Takes memory in ever smaller blocks until no more than `leave` bytes are free, or until not even 64 KiB can be had. */
static void fill_card(filling *f, size_t leave) {
  for (size_t size = (size_t)1 << 36; size >= (size_t)1 << 16; size /= 2)
    while (f->count < MOST_BLOCKS && free_bytes() > leave + size && cudaMalloc(&f->block[f->count], size) == cudaSuccess)
      f->count++;
  cudaGetLastError();
}

static void empty_card(filling *f) {
  while (f->count > 0) cudaFree(f->block[--f->count]);
}

/* What a test takes; given back also when it fails half way, or every later test would find a full card. */
static filling taken;
static void give_back_taken(void) { empty_card(&taken); }

static yolo_status prepare(yolo_context *context, int batch) {
  yolo_tensor input;
  return yolo_runner_prepare(context->runner, batch, one.h, one.w, &input);
}

/* The batch that the sentence names: "..., a batch of 12 would fit". */
static int named_batch(void) {
  const char *at = strstr(yolo_error_message(), "; a batch of ");
  return at ? atoi(at + strlen("; a batch of ")) : 0;
}

typedef struct session {
  yolo_model *model;
  yolo_context *context;
} session;

static session open_session(void) {
  const yolo_model_options options = {.device = "cuda", .deterministic = 1};
  session s = {NULL, NULL};
  MUST(load_zoo(network, &options, &s.model));
  MUST(yolo_context_new(s.model, &s.context));
  return s;
}

static void close_session(session *s) {
  yolo_context_free(s->context);
  yolo_model_free(s->model);
}

START_TEST(the_batch_that_fits_is_named) {
  const long before = live();
  session s = open_session();
  MUST(run_network(s.context, one));
  fill_card(&taken, (size_t)512 << 20);
  expect_sentence(prepare(s.context, 512), YOLO_ENOMEM, "would fit");
  const int batch = named_batch();
  ck_assert_int_ge(batch, 2);
  ck_assert_int_lt(batch, 512);
  /* One more than named may still fit, since some memory is kept for code and recordings; a quarter more does not. */
  expect_sentence(prepare(s.context, batch + batch / 4), YOLO_ENOMEM, "would fit");
  ck_assert_int_eq(named_batch(), batch);
  MUST(prepare(s.context, batch)); /* it keeps its word */
  empty_card(&taken);
  MUST(run_network(s.context, (yolo_shape){batch + 1, one.h, one.w, one.c}));
  close_session(&s);
  ck_assert_int_eq(live(), before);
}
END_TEST

START_TEST(nothing_fits_and_then_it_does) {
  const long before = live();
  const yolo_model_options options = {.device = "cuda"};
  yolo_model *more = NULL;
  size_t count, again;
  session s = open_session();
  MUST(run_network(s.context, one));
  float *values = head_values(s.context, &count);
  fill_card(&taken, 0);
  expect_sentence(prepare(s.context, 64), YOLO_ENOMEM, "a batch of 64 needs"); /* gives its old memory back first */
  fill_card(&taken, 0);
  expect_sentence(prepare(s.context, 1), YOLO_ENOMEM, "too little even for one image");
  expect_sentence(load_zoo("yolov4", &options, &more), YOLO_ENOMEM, "cuda");
  ck_assert_ptr_null(more);
  empty_card(&taken);
  MUST(run_network(s.context, one));
  float *after = head_values(s.context, &again);
  ck_assert_uint_eq(again, count);
  ck_assert_msg(memcmp(after, values, count * sizeof *values) == 0, "other bits than before the card was full");
  MUST(load_zoo("yolov4", &options, &more));
  yolo_model_free(more);
  free(values);
  free(after);
  close_session(&s);
  ck_assert_int_eq(live(), before);
}
END_TEST

/* ---- a kernel that fails ---- */

START_TEST(a_failing_kernel) {
  static const char *const when[] = {"trap first", "trap second", "trap played", "trap deterministic"};
  printf("%s\n", when[_i]);
  int status = run_child(when[_i], NULL, NULL);
  ck_assert_msg(status != -1, "no end within %d seconds", CHILD_SECONDS);
  ck_assert_int_eq(status, 0);
}
END_TEST

/* The children's context was lost, this one was not. */
START_TEST(the_card_goes_on) {
  const long before = live();
  session s = open_session();
  MUST(run_network(s.context, one));
  close_session(&s);
  ck_assert_int_eq(live(), before);
}
END_TEST

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc == 3 && strcmp(argv[1], "--child") == 0) return run_as_child(argv[2]);
  if (!card_answers("test_cuda_trouble")) return SKIPPED;
  Suite *suite = suite_create("cuda trouble");
  TCase *tcase = tcase_create("trouble");
  tcase_add_checked_fixture(tcase, NULL, give_back_taken);
  tcase_add_test(tcase, a_card_that_does_not_exist);
  tcase_add_test(tcase, hidden_cards);
  tcase_add_test(tcase, the_batch_that_fits_is_named);
  tcase_add_test(tcase, nothing_fits_and_then_it_does);
  tcase_add_loop_test(tcase, a_failing_kernel, 0, 4);
  tcase_add_test(tcase, the_card_goes_on);
  suite_add_tcase(suite, tcase);
  return suite_run(suite) == 0 ? 0 : 1;
}
