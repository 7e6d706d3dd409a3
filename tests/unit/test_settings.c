/* Settings and the files of sections they come from: every type in and out, what is refused and how it is said. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "backbone/base/ini.h"
#include "backbone/base/memory.h"
#include "backbone/base/settings.h"
#include "tests/unit/suite.h"

typedef struct toy {
  bool flag;
  int count, kind, size[2];
  double gain, range[2], free;
  char *text, *path;
  yolo_setting_list paths, words;
} toy;

typedef struct holder {
  int before;
  toy toy;
} holder;

#define AT(member) offsetof(toy, member)
static const yolo_setting rows[] = {{"flag", YOLO_SETTING_BOOL, AT(flag), "on", 0, 0, NULL, "a flag"},
                                    {"count", YOLO_SETTING_INT, AT(count), "3", 1, 9, NULL, "a count"},
                                    {"kind", YOLO_SETTING_CHOICE, AT(kind), "beta", 0, 0, "alpha|beta|gamma", "a kind"},
                                    {"size", YOLO_SETTING_SIZE, AT(size), NULL, 32, 4096, NULL, "a size"},
                                    {"gain", YOLO_SETTING_REAL, AT(gain), "0.1", -1, 1, NULL, "a gain"},
                                    {"free", YOLO_SETTING_REAL, AT(free), NULL, 0, 0, NULL, "any number"},
                                    {"range", YOLO_SETTING_RANGE, AT(range), "0.5, 1.5", 0, 10, NULL, "a range"},
                                    {"text", YOLO_SETTING_TEXT, AT(text), NULL, 0, 0, NULL, "a text"},
                                    {"path", YOLO_SETTING_PATH, AT(path), "runs", 0, 0, NULL, "a path"},
                                    {"paths", YOLO_SETTING_PATHS, AT(paths), NULL, 0, 0, NULL, "paths"},
                                    {"words", YOLO_SETTING_LIST, AT(words), "one, two", 0, 0, NULL, "words"},
                                    {NULL, YOLO_SETTING_BOOL, 0, NULL, 0, 0, NULL, NULL}};
static const yolo_setting_section section = {"toy", "for the test", rows, offsetof(holder, toy)};

static void check_words(const char *sentence, const char *words) {
  char word[128];
  for (const char *p = words; *p;) {
    size_t n = strcspn(p, "|");
    snprintf(word, sizeof word, "%.*s", (int)n, p);
    ck_assert_msg(strstr(sentence, word), "'%s' is not in '%s'", word, sentence);
    p += n + (p[n] == '|');
  }
}

/* ---- values, in and out ---- */

static const struct {
  const char *key, *value, *shown; /* shown NULL: as written */
} good[] = {
    {"flag", "on", NULL},
    {"flag", "no", "off"},
    {"flag", "1", "on"},
    {"count", "9", NULL},
    {"kind", "gamma", NULL},
    {"size", "416", NULL},
    {"size", "608x352", NULL},
    {"size", "608X608", "608"},
    {"size", "", NULL},
    {"gain", "-1", NULL},
    {"gain", "0.1", NULL},
    {"gain", "1e-3", "0.001"},
    {"gain", "0.30000000000000004", NULL}, /* 0.1 + 0.2: 17 digits are needed */
    {"free", "1e300", "1e+300"},
    {"range", "0.5,1.5", "0.5, 1.5"},
    {"range", "2", "2, 2"},
    {"text", "", NULL},
    {"text", "two words", NULL},
    {"text", "\" blanks \"", NULL},
    {"text", "a, b", "\"a, b\""},
    {"text", "\"say \"\"yes\"\"\"", NULL},
    {"text", "5\" pipe", "\"5\"\" pipe\""},
    {"path", "x/y", "F/x/y"},
    {"path", "/x", NULL},
    {"path", "", NULL},
    {"paths", "a,b , /c", "F/a, F/b, /c"},
    {"paths", "\"a,b\", c", "\"F/a,b\", F/c"},
    {"paths", "", NULL},
    {"words", "\"#1\", two words,\"\"\"\"", "\"#1\", two words, \"\"\"\""},
};

static void show(const holder *h, const char *key, yolo_text *out) {
  out->length = 0;
  ck_assert_int_eq(yolo_text_append(out, "", 0), YOLO_OK);
  ck_assert_int_eq(yolo_settings_show(yolo_settings_find(&section, key), &h->toy, out), YOLO_OK);
}

START_TEST(values_go_in_and_out) {
  holder h = {.before = 7};
  yolo_text shown = {0};
  ck_assert_int_eq(yolo_settings_defaults(&section, &h), YOLO_OK);
  yolo_status st = yolo_settings_put(&section, &h, good[_i].key, good[_i].value, "toy.cfg:1", "F");
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
  show(&h, good[_i].key, &shown);
  ck_assert_str_eq(shown.data, good[_i].shown ? good[_i].shown : good[_i].value);
  char *again = yolo_strdup(shown.data); /* what is shown reads back as itself */
  ck_assert_int_eq(yolo_settings_put(&section, &h, good[_i].key, again, "toy.cfg:1", NULL), YOLO_OK);
  show(&h, good[_i].key, &shown);
  ck_assert_str_eq(shown.data, again);
  yolo_free(again);
  ck_assert_int_eq(h.before, 7);
  yolo_text_free(&shown);
  yolo_settings_release(&section, &h);
}
END_TEST

static const struct {
  const char *key, *value, *words;
} bad[] = {
    {"falg", "on", "toy.cfg:4: [toy]|unknown key 'falg'|did you mean 'flag'?"},
    {"qqqqqq", "on", "unknown key 'qqqqqq'"},
    {"flag", "maybe", "toy.cfg:4: [toy]: flag=maybe|on or off"},
    {"flag", "", "on or off"},
    {"count", "0", "count=0|a whole number from 1 to 9"},
    {"count", "10", "from 1 to 9"},
    {"count", "3.5", "a whole number"},
    {"count", "", "a whole number"},
    {"count", "99999999999", "a whole number"},
    {"kind", "beat", "one of alpha|gamma is wanted|did you mean 'beta'?"},
    {"kind", "alpha|beta", "one of alpha"},
    {"kind", "", "one of alpha"},
    {"size", "416y", "416 or 608x352|from 32 to 4096"},
    {"size", "416x", "416 or 608x352"},
    {"size", "16", "from 32"},
    {"size", "416x9999", "to 4096"},
    {"size", "41600000000000000000000000000000000000000000", "416 or 608x352"},
    {"gain", "1.01", "a number from -1 to 1"},
    {"gain", "nan", "a number"},
    {"gain", "0,5", "a number"},
    {"free", "fast", "a number is wanted"},
    {"range", "1.5, 0.5", "not above the second"},
    {"range", "0.5, 1.5, 2", "a range"},
    {"range", "0.5,", "a range"},
    {"range", "-1, 1", "from 0 to 10"},
    {"text", "\"open", "not closed"},
    {"text", "\"a\" b", "'b' stands behind"},
    {"text", "a\nb", "a line end"},
    {"paths", "a,,b", "item 2 of the list is empty"},
    {"paths", "a,", "a comma ends"},
    {"paths", ",a", "item 1"},
    {"words", "\"a\"b, c", "stands behind"},
};

START_TEST(bad_values_are_named) {
  holder h = {0};
  yolo_text before = {0}, after = {0};
  ck_assert_int_eq(yolo_settings_defaults(&section, &h), YOLO_OK);
  ck_assert_int_eq(yolo_settings_print(&section, &h, &before), YOLO_OK);
  ck_assert_int_eq(yolo_settings_put(&section, &h, bad[_i].key, bad[_i].value, "toy.cfg:4", NULL), YOLO_EINVAL);
  check_words(yolo_error_message(), bad[_i].words);
  ck_assert_int_eq(yolo_settings_print(&section, &h, &after), YOLO_OK);
  ck_assert_str_eq(before.data, after.data); /* nothing was changed */
  yolo_text_free(&before);
  yolo_text_free(&after);
  yolo_settings_release(&section, &h);
}
END_TEST

START_TEST(the_section_as_a_file) {
  holder h = {0};
  yolo_text text = {0};
  ck_assert_int_eq(yolo_settings_defaults(&section, &h), YOLO_OK);
  ck_assert_int_eq(yolo_settings_print(&section, &h, &text), YOLO_OK);
  ck_assert_str_eq(text.data,
                   "[toy]                           # for the test\n"
                   "flag = on                       # a flag (on|off)\n"
                   "count = 3                       # a count (1 to 9)\n"
                   "kind = beta                     # a kind (alpha|beta|gamma)\n"
                   "size =                          # a size (32 to 4096)\n"
                   "gain = 0.1                      # a gain (-1 to 1)\n"
                   "free = 0                        # any number\n"
                   "range = 0.5, 1.5                # a range (0 to 10)\n"
                   "text =                          # a text\n"
                   "path = runs                     # a path\n"
                   "paths =                         # paths\n"
                   "words = one, two                # words\n");
  yolo_text_free(&text);
  yolo_settings_release(&section, &h);
}
END_TEST

START_TEST(paths_become_absolute) {
  holder h = {0};
  ck_assert_int_eq(yolo_settings_defaults(&section, &h), YOLO_OK);
  ck_assert_int_eq(yolo_settings_put(&section, &h, "paths", "../a, /b", "x", "/data/set"), YOLO_OK);
  ck_assert_str_eq(h.toy.paths.items[0], "/data/set/../a");
  ck_assert_int_eq(yolo_settings_put(&section, &h, "words", "c", "x", "/data/set"), YOLO_OK);
  ck_assert_int_eq(yolo_settings_make_absolute(&section, &h), YOLO_OK);
  ck_assert_int_eq(h.toy.path[0], '/');
  ck_assert_ptr_nonnull(strstr(h.toy.path, "/runs"));
  ck_assert_str_eq(h.toy.paths.items[1], "/b");
  ck_assert_str_eq(h.toy.words.items[0], "c");
  yolo_settings_release(&section, &h);
}
END_TEST

START_TEST(numbers_know_no_locale) {
  yolo_text text = {0};
  static const double values[] = {0.1, 1.0 / 3, 1e-300, 123456789.123456789, -0.0, 5, 1e22, 2.2250738585072014e-308};
  if (!setlocale(LC_NUMERIC, "de_DE.UTF-8")) printf("SKIP: no de_DE locale here; numbers are read under C only\n");
  for (size_t i = 0; i < sizeof values / sizeof *values; ++i) {
    double back = -1;
    text.length = 0;
    ck_assert_int_eq(yolo_text_number(&text, values[i]), YOLO_OK);
    ck_assert_msg(yolo_parse_double(text.data, &back) && memcmp(&back, &values[i], sizeof back) == 0, "%s", text.data);
  }
  setlocale(LC_NUMERIC, "C");
  yolo_text_free(&text);
}
END_TEST

/* ---- the file ---- */

static const yolo_ini_rules rules = {
    .what = "toy", .begins = "a toy begins anyhow", .once = true, .empty_values = true, .quotes = true};

static const struct {
  const char *text, *words; /* words of a failure; or, after '=', the value of the last key */
} files[] = {
    {"[r]\na = 1\n[s]\nb = 2 # two\n", "=2"},
    {"a = 1\n[s]\n", "toy.cfg:1: 'a = 1' stands before any section; a toy begins anyhow"},
    {"[s]\nb = \"x # y\" # two\n", "=\"x # y\""},
    {"[s]\nb = one, \"x # y\", z # two\n", "=one, \"x # y\", z"},
    {"[s]\nb = \"a\"\" # b\" ; c\n", "=\"a\"\" # b\""},
    {"[s]\nb = 5\" pipe # \" two\n", "=5\" pipe"},
    {"[s]\nb =\n", "="},
    {"[s]\nb = # nothing\n", "="},
    {"[s]\nb =#nothing\n", "="},
    {"\xEF\xBB\xBF[s]\r\nb = 7\r\n", "=7"},
    {"[s]\na = b = c", "=b = c"},
    {"", "toy.cfg|empty|begins anyhow"},
    {"# only words\n", "toy.cfg|holds no section"},
    {"[s]\n[t]\n[s]\n", "toy.cfg:3:|second [s]|line 1"},
    {"[s]\na=1\nb=1\na=1\n", "toy.cfg:4: [s]|second 'a'|line 2"},
    {"[s]\nword\n", "toy.cfg:2: [s]|'word' is neither"},
    {"[s]\n=1\n", "toy.cfg:2: [s]|without a key"},
    {"[s\n", "toy.cfg:1:|lacks its ']'"},
    {"<html>", "toy.cfg|does not look like a toy|web page"},
    {"a\x01", "bytes that no text has"},
};

START_TEST(files_of_sections) {
  yolo_ini *ini = NULL;
  const char *words = files[_i].words;
  yolo_status st = yolo_ini_parse(files[_i].text, strlen(files[_i].text), "toy.cfg", &rules, &ini);
  if (*words == '=') {
    ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
    const yolo_ini_section *last = &ini->sections[ini->n_sections - 1];
    ck_assert_int_ge(last->n_entries, 1);
    ck_assert_str_eq(last->entries[last->n_entries - 1].value, words + 1);
  } else {
    ck_assert_int_eq(st, YOLO_EFORMAT);
    ck_assert_ptr_null(ini);
    check_words(yolo_error_message(), words);
  }
  yolo_ini_free(ini);
}
END_TEST

/* Every allocation fails once: a status comes back, and nothing is left behind. */
START_TEST(no_memory) {
  long live = yolo_memory_get_stats().live;
  for (long n = 1;; ++n) {
    holder h = {0};
    yolo_ini *ini = NULL;
    yolo_text text = {0};
    yolo_status st = YOLO_OK;
    yolo_memory_fail_at(n);
    YOLO_TRY(yolo_settings_defaults(&section, &h));
    YOLO_TRY(yolo_ini_parse("[toy]\npaths = a, b, \"c\"\n", 24, "toy.cfg", &rules, &ini));
    YOLO_TRY(yolo_settings_put(&section, &h, "paths", ini->sections[0].entries[0].value, "toy.cfg:2", "F"));
    YOLO_TRY(yolo_settings_make_absolute(&section, &h));
    YOLO_TRY(yolo_settings_print(&section, &h, &text));
  done:
    yolo_memory_fail_at(0);
    yolo_text_free(&text);
    yolo_ini_free(ini);
    yolo_settings_release(&section, &h);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    if (st == YOLO_OK) {
      ck_assert_int_gt(n, 10);
      break;
    }
    ck_assert_int_eq(st, YOLO_ENOMEM);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("settings");
  TCase *tc = tcase_create("settings");
  tcase_add_loop_test(tc, values_go_in_and_out, 0, sizeof good / sizeof *good);
  tcase_add_loop_test(tc, bad_values_are_named, 0, sizeof bad / sizeof *bad);
  tcase_add_test(tc, the_section_as_a_file);
  tcase_add_test(tc, paths_become_absolute);
  tcase_add_test(tc, numbers_know_no_locale);
  tcase_add_loop_test(tc, files_of_sections, 0, sizeof files / sizeof *files);
  tcase_add_test(tc, no_memory);
  suite_add_tcase(suite, tc);
  return suite_run(suite);
}
