/* The ground floor: sentences, memory, numbers, the random generator, the parallel loop. */
#include <check.h>
#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/log.h"
#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "backbone/base/status.h"
#include "backbone/base/tensor.h"
#include "backbone/base/text.h"
#include "backbone/base/threads.h"
#include "tests/unit/suite.h"

/* ---- status ---- */

START_TEST(sentences_grow_in_front) {
  yolo_error_clear();
  ck_assert_str_eq(yolo_error_message(), "");
  ck_assert_int_eq(yolo_fail(YOLO_ESHAPE, "%d channels", 7), YOLO_ESHAPE);
  ck_assert_int_eq(yolo_error_prefix(YOLO_EIO, "%s:%d: ", "a.cfg", 41), YOLO_EIO);
  ck_assert_str_eq(yolo_error_message(), "a.cfg:41: 7 channels");
  yolo_fail(YOLO_EIO, "again: %s", yolo_error_message()); /* an argument that is the buffer itself */
  ck_assert_str_eq(yolo_error_message(), "again: a.cfg:41: 7 channels");
}
END_TEST

START_TEST(sentences_are_cut_between_characters) {
  char text[2000];
  for (int shift = 0; shift < 4; shift++) {
    memset(text, 'x', sizeof text);
    for (size_t i = 900 + (size_t)shift; i + 4 < sizeof text; i += 4) memcpy(text + i, "\xF0\x9F\x90\x95", 4);
    text[sizeof text - 1] = '\0';
    yolo_fail(YOLO_EINVAL, "%s", text);
    const char *cut = yolo_error_message();
    ck_assert_uint_le(strlen(cut), 1023);
    ck_assert_uint_ge(strlen(cut), 1020);
    ck_assert_uint_eq((strlen(cut) - 900 - (size_t)shift) % 4, 0);
  }
}
END_TEST

static void *other_thread(void *payload) {
  *(bool *)payload = yolo_error_message()[0] == '\0';
  yolo_fail(YOLO_EIO, "elsewhere");
  return NULL;
}

START_TEST(each_thread_has_its_sentence) {
  pthread_t thread;
  bool was_empty = false;
  yolo_fail(YOLO_EIO, "here");
  ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, &was_empty), 0);
  pthread_join(thread, NULL);
  ck_assert(was_empty);
  ck_assert_str_eq(yolo_error_message(), "here");
}
END_TEST

static void keep_sentence(void *payload, const char *sentence) { snprintf(payload, 64, "%s", sentence); }

START_TEST(notes_reach_the_sink) {
  char heard[64] = "";
  yolo_log log = {keep_sentence, heard};
  yolo_log_note(&log, "%d images", 3);
  ck_assert_str_eq(heard, "3 images");
  yolo_log_note(NULL, "nobody listens");
  ck_assert_str_eq(heard, "3 images");
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_is_counted_and_refused) {
  yolo_memory_stats before = yolo_memory_get_stats();
  void *first = yolo_alloc(0), *second = yolo_calloc(3, 5), *arena = yolo_alloc_arena((size_t)5 << 20);
  ck_assert(first && second && arena);
  ck_assert_uint_eq((uintptr_t)arena % ((uintptr_t)2 << 20), 0);
  memset(arena, 1, (size_t)5 << 20);
  ck_assert_int_eq(yolo_memory_get_stats().live, before.live + 3);
  yolo_memory_fail_at(2);
  char *copy = yolo_strdup("text");
  ck_assert_str_eq(copy, "text");
  ck_assert_ptr_null(yolo_realloc(first, 100));
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "out of memory"));
  ck_assert_ptr_nonnull(first = yolo_realloc(first, 100));
  ck_assert_ptr_null(yolo_alloc_array(SIZE_MAX / 2, 3));
  ck_assert_ptr_null(yolo_calloc(SIZE_MAX / 2, 3));
  yolo_free(first);
  yolo_free(second);
  yolo_free(arena);
  yolo_free(copy);
  yolo_free(NULL);
  ck_assert_int_eq(yolo_memory_get_stats().live, before.live);
  ck_assert_int_ge(yolo_memory_get_stats().calls, before.calls + 6);
}
END_TEST

START_TEST(short_arenas_are_aligned_and_fail_too) {
  for (size_t size = 0; size < 300; size += 7) {
    void *arena = yolo_alloc_arena(size);
    ck_assert_uint_eq((uintptr_t)arena % 64, 0);
    yolo_free(arena);
  }
  yolo_memory_fail_at(1);
  ck_assert_ptr_null(yolo_alloc_arena(64));
  yolo_memory_fail_at(1);
  yolo_memory_fail_at(0);
  char *copy = yolo_strndup("abcdef", 3);
  ck_assert_str_eq(copy, "abc");
  yolo_free(copy);
}
END_TEST

/* ---- text ---- */

START_TEST(integers_are_strict) {
  static const struct {
    const char *text;
    bool good;
    int value;
  } table[] = {{"0", true, 0},
               {" 416\t", true, 416},
               {"+1", true, 1},
               {"-1\r\n", true, -1},
               {"007", true, 7},
               {"2147483647", true, INT_MAX},
               {"-2147483648", true, INT_MIN},
               {"2147483648", false, 0},
               {"-2147483649", false, 0},
               {"99999999999999999999999", false, 0},
               {"", false, 0},
               {" ", false, 0},
               {"-", false, 0},
               {"+-1", false, 0},
               {"1 2", false, 0},
               {"1.0", false, 0},
               {"0x10", false, 0},
               {"1e3", false, 0},
               {"12a", false, 0}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    int value = 12345;
    ck_assert_msg(yolo_parse_int(table[i].text, &value) == table[i].good, "'%s'", table[i].text);
    ck_assert_msg(value == (table[i].good ? table[i].value : 12345), "'%s' gave %d", table[i].text, value);
  }
}
END_TEST

static const struct {
  const char *text;
  bool good;
  double value;
} decimals[] = {{"0", true, 0.0},         {".1", true, 0.1},
                {"1.", true, 1.0},        {"4e-5", true, 4e-5},
                {"+1", true, 1.0},        {" -2.5E+3 ", true, -2500.0},
                {"0.001", true, 0.001},   {"1.7976931348623157e308", true, DBL_MAX},
                {"1e-400", true, 0.0},    {"1e400", false, 0.0},
                {"nan", false, 0.0},      {"-inf", false, 0.0},
                {"infinity", false, 0.0}, {"0x1p3", false, 0.0},
                {"1,5", false, 0.0},      {".", false, 0.0},
                {"e5", false, 0.0},       {"1e", false, 0.0},
                {"1e+", false, 0.0},      {"--1", false, 0.0},
                {"1.5f", false, 0.0},     {"1.2.3", false, 0.0},
                {"", false, 0.0}};

static void check_decimals(void) {
  for (size_t i = 0; i < sizeof decimals / sizeof decimals[0]; i++) {
    double value = 12345.0;
    ck_assert_msg(yolo_parse_double(decimals[i].text, &value) == decimals[i].good, "'%s'", decimals[i].text);
    ck_assert_msg(value == (decimals[i].good ? decimals[i].value : 12345.0), "'%s' gave %g", decimals[i].text, value);
  }
}

START_TEST(decimals_are_strict) { check_decimals(); }
END_TEST

/* Switches to a locale with a decimal comma: one that is installed, else one made in `folder` (which stays the
 * caller's to delete) where the sources of locales are there. */
static bool set_comma_locale(const char *folder) {
  static const char *const with_comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
  char command[160];
  for (int i = 0; i < 4; i++)
    if (setlocale(LC_NUMERIC, with_comma[i])) return true;
  snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' 2>&1 | head -n 1", folder);
  if (system(command) != 0 || setenv("LOCPATH", folder, 1) != 0) return false;
  return setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
}

START_TEST(decimals_ignore_the_locale) {
  char folder[] = P_tmpdir "/yolo-test-locale-XXXXXX", text[64];
  ck_assert_ptr_nonnull(mkdtemp(folder));
  if (set_comma_locale(folder)) {
    snprintf(text, sizeof text, "%.1f", 0.5);
    ck_assert_str_eq(text, "0,5"); /* the locale is at work */
    check_decimals();
    setlocale(LC_NUMERIC, "C");
  } else {
    printf("SKIP decimals_ignore_the_locale: no locale with a decimal comma, and no 'locales' to make one from\n");
  }
  unsetenv("LOCPATH");
  snprintf(text, sizeof text, "rm -rf '%s'", folder);
  ck_assert_int_eq(system(text), 0);
}
END_TEST

START_TEST(closest_words) {
  static const char *const keys[] = {"filters", "size", "stride", "pad", "activation", "batch_normalize"};
  static const struct {
    const char *word, *closest;
  } table[] = {{"filter", "filters"}, {"sizee", "size"},    {"stirde", "stride"}, {"activaton", "activation"},
               {"pda", "pad"},        {"width", NULL},      {"", NULL},           {"batchnormalise", "batch_normalize"},
               {"size", "size"},      {"xyzzyxyzzy", NULL}, {"STRIDE", "stride"}, {"Sizes", "size"}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const char *found = yolo_closest(table[i].word, keys, 6);
    ck_assert_msg(table[i].closest ? found && strcmp(found, table[i].closest) == 0 : !found, "'%s' gave '%s'", table[i].word,
                  found ? found : "nothing");
  }
  char endless[500];
  memset(endless, 'a', sizeof endless - 1);
  endless[sizeof endless - 1] = '\0';
  ck_assert_ptr_null(yolo_closest(endless, keys, 6));
}
END_TEST

START_TEST(growing_texts_and_json) {
  static const struct {
    const char *value, *json;
  } table[] = {{"dog", "\"dog\""},
               {"a\"b\\c\n\t\x01", "\"a\\\"b\\\\c\\n\\t\\u0001\""},
               {"M\xC3\xBCnchen \xF0\x9F\x90\x95", "\"M\xC3\xBCnchen \xF0\x9F\x90\x95\""},
               {"\xFF|\xC0\x80|\xED\xA0\x80|\xE2\x82",
                "\"\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|"
                "\xEF\xBF\xBD\xEF\xBF\xBD\""}};
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    yolo_text text = {NULL, 0, 0};
    ck_assert_int_eq(yolo_text_json_string(&text, table[i].value), YOLO_OK);
    ck_assert_str_eq(text.data, table[i].json);
    yolo_text_free(&text);
  }
  yolo_text text = {NULL, 0, 0};
  for (int i = 0; i < 1000; i++) ck_assert_int_eq(yolo_text_format(&text, "%d,", i % 10), YOLO_OK);
  ck_assert_uint_eq(text.length, 2000);
  ck_assert_uint_eq(strlen(text.data), 2000);
  ck_assert_int_eq(yolo_text_append(&text, NULL, 0), YOLO_OK);
  ck_assert_int_eq(yolo_text_append(&text, "x", SIZE_MAX - 5), YOLO_ENOMEM);
  yolo_text_free(&text);
  yolo_memory_fail_at(1);
  ck_assert_int_eq(yolo_text_format(&text, "%s", "x"), YOLO_ENOMEM);
}
END_TEST

START_TEST(names_and_suffixes) {
  ck_assert(yolo_has_suffix("dog.JPG", ".jpg"));
  ck_assert(!yolo_has_suffix("jpg", ".jpg"));
  ck_assert_str_eq(yolo_basename("a/b/c.cfg"), "c.cfg");
  ck_assert_str_eq(yolo_basename("c.cfg"), "c.cfg");
}
END_TEST

/* ---- random numbers ---- */

START_TEST(philox_known_answers) { /* Random123's kat_vectors, philox4x32 with 10 rounds */
  static const struct {
    uint64_t key, stream, block;
    uint32_t out[4];
  } table[] = {{0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
               {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
               {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
  for (size_t i = 0; i < 3; i++) {
    uint32_t words[4];
    yolo_rng_block(table[i].key, table[i].stream, table[i].block, words);
    for (int k = 0; k < 4; k++) ck_assert_uint_eq(words[k], table[i].out[k]);
  }
  yolo_rng rng = {0, 0, 0};
  for (int k = 0; k < 4; k++) ck_assert_uint_eq(yolo_rng_u32(&rng), table[0].out[k]);
  ck_assert_uint_eq(rng.position, 4);
}
END_TEST

START_TEST(random_moments) {
  enum { DRAWS = 100000 };
  yolo_rng uniform = {1, 2, 0}, normal = {1, 3, 0};
  double mean = 0, square = 0, middle = 0;
  for (int i = 0; i < DRAWS; i++) {
    double u = (double)yolo_rng_uniform(&uniform), z = (double)yolo_rng_normal(&normal);
    ck_assert(u >= 0 && u < 1 && isfinite(z));
    middle += u / DRAWS;
    mean += z / DRAWS;
    square += z * z / DRAWS;
  }
  ck_assert_double_eq_tol(middle, 0.5, 0.005); /* 5 standard errors: 0.0046 */
  ck_assert_double_eq_tol(mean, 0.0, 0.016);   /* 0.0158 */
  ck_assert_double_eq_tol(square, 1.0, 0.023); /* 0.0224 */
}
END_TEST

/* ---- threads ---- */

typedef struct tally {
  int done[1000];
  int threads;
  bool in_range;
} tally;

static void inner_task(void *payload, int task, int thread) {
  (void)thread;
  ((int *)payload)[task] = task;
}

static void outer_task(void *payload, int task, int thread) {
  tally *t = payload;
  int nested[5] = {9, 9, 9, 9, 9};
  if (thread < 0 || thread >= t->threads) t->in_range = false;
  yolo_parallel(4, 5, inner_task, nested);
  t->done[task] += 1 + (nested[4] == 4 ? 0 : 100);
}

START_TEST(every_task_runs_once) {
  static const int team[] = {-1, 0, 1, 2, 7};
  for (int k = 0; k < 5; k++) {
    tally t = {.threads = team[k] > 1 ? team[k] : 1, .in_range = true};
    yolo_parallel(team[k], 1000, outer_task, &t);
    for (int i = 0; i < 1000; i++) ck_assert_int_eq(t.done[i], 1);
    ck_assert(t.in_range);
    yolo_parallel(team[k], 0, outer_task, &t);
    ck_assert_int_eq(t.done[0], 1);
  }
  ck_assert_int_ge(yolo_threads_available(), 1);
  ck_assert_int_le(yolo_threads_available(), (int)sysconf(_SC_NPROCESSORS_CONF));
  ck_assert_uint_gt(strlen(yolo_threads_runtime()), 0);
}
END_TEST

START_TEST(tensors_count) {
  float data[2 * 3 * 4 * 5];
  yolo_shape shape = {2, 3, 4, 5};
  yolo_tensor t = yolo_tensor_dense(data, shape);
  ck_assert_uint_eq(yolo_shape_count(shape), 120);
  ck_assert_ptr_eq(yolo_pixel(&t, 1, 2, 3), data + 115);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("base");
  TCase *tests = tcase_create("base");
  const TTest *const all[] = {sentences_grow_in_front,       sentences_are_cut_between_characters,
                              each_thread_has_its_sentence,  notes_reach_the_sink,
                              memory_is_counted_and_refused, short_arenas_are_aligned_and_fail_too,
                              integers_are_strict,           decimals_are_strict,
                              decimals_ignore_the_locale,    closest_words,
                              growing_texts_and_json,        names_and_suffixes,
                              philox_known_answers,          random_moments,
                              every_task_runs_once,          tensors_count};
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) tcase_add_test(tests, all[i]);
  suite_add_tcase(suite, tests);
  return suite_run(suite) == 0 ? 0 : 1;
}
