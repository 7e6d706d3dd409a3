/* The element scanner: what it finds, where it stops, and what it says of broken files. */
#include "datasets/json_scan.h"
#include "tests/unit/coco_fixture.h"

typedef struct seen {
  int n, fail_at;
  double sum;
  uint64_t first_place, last_place;
} seen;

static yolo_status look(void *payload, const cJSON *element, uint64_t place) {
  seen *s = payload;
  int64_t id = 0;
  if (s->n++ == 0) s->first_place = place;
  s->last_place = place;
  if (s->fail_at && s->n == s->fail_at) return yolo_fail(YOLO_EINVAL, "enough");
  if (cJSON_IsNumber(element)) s->sum += element->valuedouble;
  if (yolo_json_int64(element, "id", &id)) s->sum += (double)id;
  return YOLO_OK;
}

static yolo_status walk(const char *text, const char *key, seen *s, int *found) {
  yolo_json_file *file = NULL;
  yolo_status st = yolo_json_open_bytes(text, strlen(text), "t.json", &file);
  if (st == YOLO_OK) st = yolo_json_each(file, key, look, s, found);
  yolo_json_close(file);
  return st;
}

START_TEST(finds_elements) {
  seen s = {0};
  int found = 0;
  const char *text =
      "\xEF\xBB\xBF {\"a\": {\"list\": [1]}, \"list\" :\n[ {\"id\": 4, \"t\": \"] } \\\" [\\\\\"}, {\"id\":5},7 ] , "
      "\"z\":null}\n";
  ck_assert_int_eq(walk(text, "list", &s, &found), YOLO_OK);
  ck_assert(found == 1 && s.n == 3 && s.sum == 16);
  ck_assert_uint_eq(s.first_place, (uint64_t)(strstr(text, "{\"id\": 4") - text) + 1);
  ck_assert_uint_eq(s.last_place, (uint64_t)(strstr(text, "7 ]") - text) + 1);
}
END_TEST

START_TEST(absent_empty_and_top_level_lists) {
  seen s = {0};
  int found = 1;
  ck_assert_int_eq(walk("{\"a\": []}", "list", &s, &found), YOLO_OK);
  ck_assert(found == 0 && s.n == 0);
  ck_assert_int_eq(walk("{\"a\": [ ]}", "a", &s, &found), YOLO_OK);
  ck_assert(found == 1 && s.n == 0);
  ck_assert_int_eq(walk("{}", "a", &s, &found), YOLO_OK);
  ck_assert_int_eq(walk(" [1, 2 ,3] ", NULL, &s, &found), YOLO_OK);
  ck_assert(found == 1 && s.n == 3 && s.sum == 6);
  s = (seen){0};
  ck_assert_int_eq(walk("{\"a\": [1], \"a\": [2]}", "a", &s, &found), YOLO_OK);
  ck_assert(s.sum == 2); /* the last of two, as for Python */
}
END_TEST

START_TEST(members_as_text) {
  const char *text = "{\"info\": {\"x\": [1, 2]} , \"n\": -1.5e3 }";
  yolo_json_file *file = NULL;
  const char *member;
  size_t length;
  ck_assert_int_eq(yolo_json_open_bytes(text, strlen(text), "t.json", &file), YOLO_OK);
  ck_assert_int_eq(yolo_json_top(file), '{');
  ck_assert_str_eq(yolo_json_name(file), "t.json");
  yolo_json_member(file, "info", &member, &length);
  ck_assert(length == 13 && memcmp(member, "{\"x\": [1, 2]}", length) == 0);
  yolo_json_member(file, "n", &member, &length);
  ck_assert(length >= 6 && memcmp(member, "-1.5e3", 6) == 0);
  yolo_json_member(file, "no", &member, &length);
  ck_assert_ptr_null(member);
  yolo_json_close(file);
}
END_TEST

/* text | what the sentence says */
static const struct {
  const char *text, *sentence;
} broken[] = {
    {"", "t.json: the file is empty"},
    {"  \n", "the file is empty"},
    {"hello", "t.json: byte 1: this is no JSON file"},
    {"{\"list\": [1, 2", "byte 14: the JSON ends here, too early: the file is cut short"},
    {"{\"list\": [1, \"ab", "cut short"},
    {"{\"list\": [\"a\\", "cut short"},
    {"{\"list\"", "cut short"},
    {"{\"list\": ", "cut short"},
    {"{\"list\": [1]} x", "byte 15: something follows the end"},
    {"{\"list\": [1]}}", "byte 14: something follows the end"},
    {"{\"list\": [1}", "byte 12: this bracket does not match"},
    {"{\"list\": {\"a\": [1}]}", "does not match"},
    {"{\"list\": 5}", "\"list\" is no list"},
    {"{\"list\": [1,]}", "byte 13: a value was expected"},
    {"{\"list\": [,1]}", "a value was expected"},
    {"{\"list\": [1 2]}", "broken JSON"},
    {"{\"list\": [{\"id\": 1,}]}", "broken JSON"},
    {"{\"list\": [tru]}", "broken JSON"},
    {"{\"list\": [1] \"b\": 2}", "byte 14: ',' or '}' was expected"},
    {"{\"list\" [1]}", "':' was expected"},
    {"{list: [1]}", "byte 2: a key in quotes was expected"},
    {"{\"list\": [1],}", "a key in quotes was expected"},
    {"[1]", NULL}, /* no member of that name: nothing to visit */
};

START_TEST(broken_files) {
  seen s = {0};
  yolo_status st = walk(broken[_i].text, "list", &s, NULL);
  if (!broken[_i].sentence) {
    ck_assert_int_eq(st, YOLO_OK);
    return;
  }
  ck_assert_int_eq(st, YOLO_EFORMAT);
  ck_assert_msg(strstr(yolo_error_message(), broken[_i].sentence), "'%s': %s", broken[_i].text, yolo_error_message());
}
END_TEST

START_TEST(nul_bytes) {
  static const char in_text[] = "{\"list\": [\"a\0b\"]}", outside[] = "{\"list\": [1,\0 2]}", behind[] = "{\"list\": [1]}\0";
  yolo_json_file *file = NULL;
  ck_assert_int_eq(yolo_json_open_bytes(in_text, sizeof in_text - 1, "t.json", &file), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "byte 13: a NUL byte"));
  ck_assert_int_eq(yolo_json_open_bytes(outside, sizeof outside - 1, "t.json", &file), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "byte 13: a NUL byte"));
  ck_assert_int_eq(yolo_json_open_bytes(behind, sizeof behind, "t.json", &file), YOLO_EFORMAT);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "something follows"));
}
END_TEST

START_TEST(nesting_is_limited) {
  char text[400] = "{\"list\": [";
  yolo_json_file *file = NULL;
  for (int depth = 62; depth < 66; depth++) {
    size_t start = strlen("{\"list\": ");
    memset(text + start, '[', (size_t)depth);
    memset(text + start + depth, ']', (size_t)depth);
    strcpy(text + start + 2 * depth, "}");
    yolo_status st = yolo_json_open_bytes(text, strlen(text), "t.json", &file);
    ck_assert_int_eq(st, depth <= 64 ? YOLO_OK : YOLO_EFORMAT);
    if (st == YOLO_OK) yolo_json_close(file);
  }
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "nested too deeply"));
}
END_TEST

START_TEST(typed_access) {
  cJSON *o =
      cJSON_Parse("{\"i\": 5, \"w\": 7.0, \"h\": 1.5, \"b\": 9007199254740992, \"big\": 1e17, \"inf\": 1e999, \"t\": \"x\"}");
  int64_t i = -1;
  double d = -1;
  ck_assert(yolo_json_int64(o, "i", &i) && i == 5);
  ck_assert(yolo_json_int64(o, "w", &i) && i == 7);
  ck_assert(yolo_json_int64(o, "b", &i) && i == INT64_C(9007199254740992));
  ck_assert(!yolo_json_int64(o, "h", &i) && !yolo_json_int64(o, "big", &i) && !yolo_json_int64(o, "t", &i));
  ck_assert(!yolo_json_int64(o, "no", &i) && i == INT64_C(9007199254740992));
  ck_assert(yolo_json_double(o, "h", &d) && d == 1.5);
  ck_assert(!yolo_json_double(o, "inf", &d) && !yolo_json_double(o, "t", &d) && d == 1.5);
  ck_assert_str_eq(yolo_json_text(o, "t"), "x");
  ck_assert_ptr_null(yolo_json_text(o, "i"));
  ck_assert_ptr_null(yolo_json_text(o, "no"));
  cJSON_Delete(o);
}
END_TEST

START_TEST(a_visitor_can_stop) {
  seen s = {.fail_at = 2};
  ck_assert_int_eq(walk("[1, 2, 3]", NULL, &s, NULL), YOLO_EINVAL);
  ck_assert_int_eq(s.n, 2);
  ck_assert_str_eq(yolo_error_message(), "enough");
}
END_TEST

/* Larger than the step at which pages are given back: what was given back is still there to read. */
START_TEST(files_are_mapped) {
  char folder[64], path[96];
  yolo_text text = {0};
  yolo_json_file *file = NULL;
  seen s = {0};
  const char *member;
  size_t length;
  coco_scratch(folder);
  snprintf(path, sizeof path, "%s/large.json", folder);
  yolo_text_format(&text, "{\"head\": \"h\", \"list\": [0");
  for (int i = 1; i <= 300000; i++) yolo_text_format(&text, ",\n{\"id\": %d, \"text\": \"%060d [{\"}", i, i);
  yolo_text_format(&text, "]}");
  ck_assert_uint_gt(text.length, 20u << 20);
  ck_assert_int_eq(yolo_write_file(path, text.data, text.length), YOLO_OK);
  ck_assert_int_eq(yolo_json_open(path, &file), YOLO_OK);
  for (int pass = 0; pass < 2; pass++) {
    s = (seen){0};
    ck_assert_int_eq(yolo_json_each(file, "list", look, &s, NULL), YOLO_OK);
    ck_assert(s.n == 300001 && s.sum == 300000.0 * 300001.0 / 2);
  }
  yolo_json_member(file, "head", &member, &length);
  ck_assert(length == 3 && memcmp(member, "\"h\"", 3) == 0);
  yolo_json_close(file);
  coco_remove(folder);
  yolo_text_free(&text);
  ck_assert_int_eq(yolo_json_open(path, &file), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "there is no such file"));
  ck_assert_int_eq(yolo_json_open("/", &file), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "folder"));
}
END_TEST

/* A file is cut at every length: a sentence, never more. */
START_TEST(every_cut) {
  const char *text = "{\"a\": [\"\\\"\", {\"b\": [1, 2.5]}], \"list\": [{\"id\": 1}, {\"id\": 2}]}";
  for (size_t n = 0; n < strlen(text); n++) {
    char *cut = yolo_strndup(text, n); /* on the heap, so that a sanitizer sees a byte too many */
    yolo_json_file *file = NULL;
    ck_assert_int_eq(yolo_json_open_bytes(cut, n, "t.json", &file), YOLO_EFORMAT);
    ck_assert_ptr_null(file);
    yolo_free(cut);
  }
}
END_TEST

START_TEST(memory_may_fail) {
  const long live = yolo_memory_get_stats().live;
  yolo_status st = YOLO_ENOMEM;
  for (long n = 1; st == YOLO_ENOMEM; n++) {
    seen s = {0};
    yolo_memory_fail_at(n);
    st = walk("{\"a\": 1, \"list\": [1, 2]}", "list", &s, NULL);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    ck_assert_int_lt(n, 100);
  }
  ck_assert_int_eq(st, YOLO_OK);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("json_scan");
  TCase *tests = tcase_create("all");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, finds_elements);
  tcase_add_test(tests, absent_empty_and_top_level_lists);
  tcase_add_test(tests, members_as_text);
  tcase_add_loop_test(tests, broken_files, 0, (int)(sizeof broken / sizeof broken[0]));
  tcase_add_test(tests, nul_bytes);
  tcase_add_test(tests, nesting_is_limited);
  tcase_add_test(tests, typed_access);
  tcase_add_test(tests, a_visitor_can_stop);
  tcase_add_test(tests, files_are_mapped);
  tcase_add_test(tests, every_cut);
  tcase_add_test(tests, memory_may_fail);
  suite_add_tcase(suite, tests);
  return suite_run(suite) ? 1 : 0;
}
