/* data.cfg: what it accepts, what it refuses with which words, what wins over what, and the file written from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "tests/unit/suite.h"
#include "train/config.h"

/* ---- a scratch folder, which is the current one while the tests run ---- */

static char scratch[] = "test-config-XXXXXX";

static void put_file(const char *name, const char *text) {
  ck_assert_int_eq(yolo_path_make_parent(name), YOLO_OK);
  ck_assert_int_eq(yolo_write_file(name, text, strlen(text)), YOLO_OK);
}

static void check_words(const char *sentence, const char *words) {
  char word[160];
  for (const char *p = words; *p;) {
    size_t n = strcspn(p, "|");
    snprintf(word, sizeof word, "%.*s", (int)n, p);
    ck_assert_msg(strstr(sentence, word), "'%s' is not in '%s'", word, sentence);
    p += n + (p[n] == '|');
  }
}

static void load(yolo_config *config, const char *path, const char *const *sets, int n) {
  yolo_status st = yolo_config_load(path, sets, n, config);
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
}

/* ---- what is understood ---- */

START_TEST(a_file_is_read) {
  yolo_config c = {0};
  put_file("set/data.cfg",
           "\xEF\xBB\xBF# a set\r\n[augment]\r\nhue = 0.2\r\npreset = yolov5 # first, wherever it stands\r\n"
           "[data]\r\ntrain = a, /b, \"c, d\"\r\ntrain_images = e\r\nval=v\r\nnames = x.names\r\nworkers = 3\r\nindex = off\r\n"
           "cache = disk\r\n[model]\r\nimgsz = 608x352\r\nfile = net.cfg\r\n[train]\r\n[output]\r\n");
  put_file("set/x.names", "red cell\nwhite, cell\n");
  load(&c, "set/data.cfg", NULL, 0);
  ck_assert_str_eq(c.file, "set/data.cfg");
  ck_assert_int_eq(c.data.labels[0].count, 3);
  ck_assert_str_eq(c.data.labels[0].items[0], "set/a");
  ck_assert_str_eq(c.data.labels[0].items[1], "/b");
  ck_assert_str_eq(c.data.labels[0].items[2], "set/c, d");
  ck_assert_str_eq(c.data.images[0].items[0], "set/e");
  ck_assert_int_eq(c.data.names.count, 2);
  ck_assert_str_eq(c.data.names.items[1], "white, cell");
  ck_assert_int_eq(c.data.workers, 3);
  ck_assert_int_eq(c.data.cache, 2);
  ck_assert(!c.data.index);
  ck_assert_str_eq(c.model.file, "set/net.cfg");
  ck_assert_int_eq(c.model.size[0], 608);
  ck_assert_int_eq(c.model.size[1], 352);
  ck_assert_double_eq(c.augment.hue, 0.2); /* the file's, not the preset's 0.015 */
  ck_assert_double_eq(c.augment.saturation, 0.7);
  ck_assert_double_eq(c.augment.mosaic, 1);
  yolo_config_release(&c);

  load(&c, "set", NULL, 0); /* the folder that holds it */
  ck_assert_str_eq(c.file, "set/data.cfg");
  yolo_config_release(&c);
}
END_TEST

START_TEST(settings_win) {
  yolo_config c = {0};
  put_file("set/data.cfg", "[data]\ntrain = a\nworkers = 3\n[augment]\npreset = yolov5\nhue = 0.2\n");
  static const char *const sets[] = {"data.workers=4",   "augment.preset=yolov5", "data.val=v,w",       "augment.preset=ssd",
                                     "augment.flip=0.1", "model.fit=letterbox",   "data.names=a=b, c.d"};
  load(&c, "set/data.cfg", sets, 7);
  ck_assert_int_eq(c.data.workers, 4);
  ck_assert_int_eq(c.augment.preset, YOLO_PRESET_SSD); /* the last of equals */
  ck_assert_double_eq(c.augment.expand, 0.5);
  ck_assert_double_eq(c.augment.hue, 0.2); /* the file's keys stand on the preset, whoever named it */
  ck_assert_double_eq(c.augment.flip, 0.1);
  ck_assert_int_eq(c.augment.fit, YOLO_AUGMENT_LETTERBOX); /* SSD stretches */
  ck_assert_str_eq(c.data.labels[YOLO_SPLIT_TRAIN].items[0], "set/a");
  ck_assert_str_eq(c.data.labels[YOLO_SPLIT_VAL].items[1], "w"); /* from the current folder */
  ck_assert_str_eq(c.data.names.items[0], "a=b");
  ck_assert_str_eq(c.data.names.items[1], "c.d");
  yolo_config_release(&c);
}
END_TEST

START_TEST(defaults_are_no_augmentation) {
  yolo_config c = {0};
  yolo_augment none;
  ck_assert_int_eq(yolo_config_defaults(&c), YOLO_OK);
  yolo_augment_use_preset(&none, YOLO_PRESET_NONE);
  ck_assert_double_eq(c.augment.flip, 0);
  ck_assert_double_eq(c.augment.scale[1], none.scale[1]);
  ck_assert_int_eq(c.augment.fit, none.fit);
  ck_assert_int_eq(c.data.format, 0);
  ck_assert_ptr_null(yolo_data_settings_format(&c.data));
  ck_assert(c.data.index);
  yolo_config_release(&c);
}
END_TEST

/* Each name of `format` is that of a reader. */
START_TEST(formats_are_readers) {
  const yolo_setting *row = yolo_settings_find(&yolo_data_section, "format");
  int n = 0;
  for (const char *p = row->choices; *p; ++n) {
    yolo_data_settings data = {.format = n};
    size_t length = strcspn(p, "|");
    const char *name = yolo_data_settings_format(&data);
    if (n == 0) ck_assert(!name && strncmp(p, "auto", length) == 0);
    if (n > 0) {
      ck_assert(strlen(name) == length && strncmp(p, name, length) == 0);
      ck_assert_msg(yolo_data_reader_find(name), "there is no reader '%s'", name);
    }
    p += length + (p[length] == '|');
  }
  ck_assert_int_eq(n, yolo_data_reader_count + 1);
}
END_TEST

/* ---- mistakes ---- */

static const struct {
  const char *text, *set, *words;
} bad[] = {
    {"[data]\nworkrs = 3\n", NULL, "set/data.cfg:2: [data]|unknown key 'workrs'|did you mean 'workers'?"},
    {"[data]\n[augmnt]\n", NULL, "set/data.cfg:2:|unknown section [augmnt]|did you mean [augment]?"},
    {"[data]\n\n[augmnt]\nhue=1\n", NULL, "set/data.cfg:3:|unknown section [augmnt]"},
    {"[quantum]\n", NULL, "unknown section [quantum]|[data], [model], [train], [augment] and [output]"},
    {"[train]\nmomentun = 0.1\n", NULL, "set/data.cfg:2: [train]|unknown key 'momentun'|did you mean 'momentum'?"},
    {"[data]\nworkers = many\n", NULL, "set/data.cfg:2: [data]: workers=many|whole number from 0 to 1024"},
    {"[data]\nworkers = -1\n", NULL, "from 0 to 1024"},
    {"[data]\nworkers =\n", NULL, "whole number"},
    {"[data]\ncache = rma\n", NULL, "cache=rma|one of off|did you mean 'ram'?"},
    {"[data]\nformat = cooc\n", NULL, "one of auto|did you mean 'coco'?"},
    {"[augment]\nflip = 1.5\n", NULL, "[augment]: flip=1.5|a number from 0 to 1"},
    {"[augment]\nscale = 2, 1\n", NULL, "the first number of a range"},
    {"[augment]\npreset = yolo5\n", NULL, "set/data.cfg:2: [augment]: preset=yolo5|did you mean 'yolov5'?"},
    {"[data]\ntrain = a\ntrain = b\n", NULL, "set/data.cfg:3: [data]: a second 'train'|line 2"},
    {"[data]\n[model]\n[data]\n", NULL, "set/data.cfg:3: a second [data]|line 1"},
    {"[data]\ntrain\n", NULL, "set/data.cfg:2: [data]|'train' is neither"},
    {"[data\n", NULL, "set/data.cfg:1:|lacks its ']'"},
    {"[data]\ntrain = a, b\ntrain_images = x, y, z\n", NULL, "train_images names 3 folders|2 sources"},
    {"[data]\nval_images = x, y\n", NULL, "val_images names 2 folders|0 sources"},
    {"[data]\nnames = none.names\n", NULL, "set/data.cfg:2: [data]: names: |none.names"},
    {"[data]\nnames = hole.names\n", NULL, "set/data.cfg:2: [data]: names: |hole.names:2"},
    {"[data]\ntrain = \"a\n", NULL, "set/data.cfg:2:|not closed"},
    {"train = a\n[data]\nval = b\n", NULL, "set/data.cfg:1: 'train = a' stands before any section|begins with [data]"},
    {"", NULL, "set/data.cfg|is empty"},
    {"\x89PNG\r\n\x1a\n", NULL, "does not look like a data.cfg but like a PNG image"},
    {"[data]\n", "data.workrs=3", "setting data.workrs: [data]|did you mean 'workers'?"},
    {"[data]\n", "dta.workers=3", "unknown section [dta]|did you mean [data]?"},
    {"[data]\n", "workers=3", "'workers=3' is no setting|section.key=value"},
    {"[data]\n", "data.workers", "section.key=value"},
    {"[data]\n", "data.=3", "section.key=value"},
    {"[data]\n", "=3", "section.key=value"},
    {"[data]\n", "data.workers=x", "setting data.workers: [data]: workers=x|whole number"},
    {"[data]\n", "augment.preset=yolo", "setting augment.preset: [augment]: preset=yolo"},
    {"[data]\n", "data.train=a\nb", "a line end"},
};

START_TEST(mistakes_are_named) {
  yolo_config c = {0};
  long live = yolo_memory_get_stats().live;
  put_file("set/data.cfg", bad[_i].text);
  put_file("set/x.names", "a\nb\n");
  put_file("set/hole.names", "a\n\nb\n");
  ck_assert_int_ne(yolo_config_load("set/data.cfg", &bad[_i].set, bad[_i].set ? 1 : 0, &c), YOLO_OK);
  check_words(yolo_error_message(), bad[_i].words);
  ck_assert_ptr_null(c.file);
  ck_assert_int_eq(yolo_memory_get_stats().live, live);
}
END_TEST

START_TEST(mistakes_of_a_darknet_file_are_named) {
  static const char *const rows[][2] = {{"classes = 3\nnames = x.names\n", "set/obj.data: classes = 3|holds 2"},
                                        {"classes = x\n", "set/obj.data:1: classes|'x'"},
                                        {"names = none.names\n", "set/obj.data: names: |none.names"},
                                        {"train\n", "set/obj.data:1: 'train'"}};
  put_file("set/x.names", "a\nb\n");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    yolo_config c = {0};
    put_file("set/obj.data", rows[i][0]);
    ck_assert_int_ne(yolo_config_load("set/obj.data", NULL, 0, &c), YOLO_OK);
    check_words(yolo_error_message(), rows[i][1]);
  }
}
END_TEST

START_TEST(a_missing_file_is_named) {
  yolo_config c = {0};
  ck_assert_int_eq(yolo_config_load("nowhere.cfg", NULL, 0, &c), YOLO_EIO);
  check_words(yolo_error_message(), "nowhere.cfg");
}
END_TEST

/* ---- splits ---- */

START_TEST(sources_of_a_split) {
  yolo_config c = {0};
  yolo_data_source *sources = NULL;
  yolo_data_split split;
  int n = 0;
  put_file("set/data.cfg", "[data]\nformat=coco\ntrain = a, b\ntrain_images = i, j\nval = v, w\nval_images = k\ntest = t\n");
  load(&c, "set/data.cfg", NULL, 0);
  ck_assert_int_eq(yolo_config_sources(&c, YOLO_SPLIT_TRAIN, &sources, &n), YOLO_OK);
  ck_assert_int_eq(n, 2);
  ck_assert_str_eq(sources[1].labels, "set/b");
  ck_assert_str_eq(sources[1].images, "set/j");
  ck_assert_str_eq(sources[1].format, "coco");
  yolo_free(sources);
  ck_assert_int_eq(yolo_config_sources(&c, YOLO_SPLIT_VAL, &sources, &n), YOLO_OK);
  ck_assert_str_eq(sources[1].images, "set/k");
  yolo_free(sources);
  ck_assert_int_eq(yolo_config_sources(&c, YOLO_SPLIT_TEST, &sources, &n), YOLO_OK);
  ck_assert_ptr_null(sources[0].images);
  yolo_free(sources);
  ck_assert_int_eq(yolo_config_find_split("val", &split), YOLO_OK);
  ck_assert_int_eq(split, YOLO_SPLIT_VAL);
  ck_assert_int_eq(yolo_config_find_split("valid", &split), YOLO_EINVAL);
  check_words(yolo_error_message(), "'valid'|train, val and test");
  yolo_config_release(&c);

  put_file("set/data.cfg", "[data]\ntrain = a\ntest = t\n");
  load(&c, "set/data.cfg", NULL, 0);
  ck_assert_int_eq(yolo_config_sources(&c, YOLO_SPLIT_VAL, &sources, &n), YOLO_EINVAL);
  check_words(yolo_error_message(), "set/data.cfg: [data]: no 'val' split|train and test");
  yolo_config_release(&c);
}
END_TEST

/* Two YOLO folders as one split, with the names of the file. */
START_TEST(a_split_opens) {
  static const char pixel[] = "P6\n1 1\n255\nabc";
  yolo_config c = {0};
  yolo_dataset *d = NULL;
  put_file("set/one/images/a.ppm", pixel);
  put_file("set/one/labels/a.txt", "1 0.5 0.5 1 1\n");
  put_file("set/two/images/b.ppm", pixel);
  put_file("set/two/labels/b.txt", "0 0.5 0.5 1 1\n0 0.5 0.5 0.5 0.5\n");
  put_file("set/data.cfg", "[data]\nformat = yolo\nval = one, two\nnames = cat, dog\nindex = off\n");
  load(&c, "set/data.cfg", NULL, 0);
  yolo_status st = yolo_config_open_split(&c, "val", NULL, &d);
  ck_assert_msg(st == YOLO_OK, "%s", yolo_error_message());
  ck_assert_int_eq((int)d->n_images, 2);
  ck_assert_int_eq((int)d->n_annotations, 3);
  ck_assert_str_eq(yolo_dataset_class_name(d, 1), "dog");
  yolo_dataset_free(d);
  ck_assert_int_eq(yolo_config_open_split(&c, "train", NULL, &d), YOLO_EINVAL);
  ck_assert_ptr_null(d);
  yolo_config_release(&c);

  load(&c, "set/one", NULL, 0); /* labels that were named without a data.cfg */
  ck_assert_str_eq(c.data.labels[YOLO_SPLIT_TRAIN].items[0], "set/one");
  yolo_config_release(&c);
}
END_TEST

START_TEST(a_darknet_file) {
  yolo_config c = {0};
  put_file("dark/cfg/obj.data",
           "classes= 2\ntrain  = data/train.txt\nvalid = dark/data/valid.txt\nnames = data/obj.names\n"
           "backup = backup/\neval=coco\n");
  put_file("dark/data/train.txt", "images/a.jpg\n");
  put_file("dark/data/valid.txt", "images/a.jpg\n");
  put_file("dark/data/obj.names", "cat\ndog\n");
  load(&c, "dark/cfg/obj.data", NULL, 0);
  ck_assert_str_eq(c.data.labels[YOLO_SPLIT_TRAIN].items[0], "dark/data/train.txt"); /* below the folder above */
  ck_assert_str_eq(c.data.labels[YOLO_SPLIT_VAL].items[0], "dark/data/valid.txt");   /* below the current folder */
  ck_assert_int_eq(c.data.names.count, 2);
  yolo_config_release(&c);
}
END_TEST

/* ---- writing ---- */

START_TEST(what_is_written_reads_back) {
  yolo_config c = {0}, again = {0};
  yolo_text first = {0}, second = {0};
  char *absolute = NULL;
  put_file("set/data.cfg",
           "[data]\ntrain = \"a, b\", c\nnames = \"#1\", \"a \"\"b\"\"\"\nworkers = 3\n[augment]\npreset = darknet\n"
           "hue = 0.30000000000000004\n[model]\nimgsz = 608x352\nfit = letterbox\n");
  load(&c, "set/data.cfg", NULL, 0);
  ck_assert_int_eq(yolo_config_write(&c, "elsewhere.cfg"), YOLO_OK);
  load(&again, "elsewhere.cfg", NULL, 0);
  ck_assert_int_eq(yolo_path_absolute("set/a, b", &absolute), YOLO_OK);
  ck_assert_str_eq(again.data.labels[0].items[0], absolute);
  ck_assert_str_eq(again.data.names.items[1], "a \"b\"");
  ck_assert_int_eq(again.augment.preset, YOLO_PRESET_DARKNET);
  ck_assert_mem_eq(&again.augment, &c.augment, sizeof c.augment);
  ck_assert_int_eq(again.model.size[1], 352);
  ck_assert_int_eq(yolo_config_write(&again, "third.cfg"), YOLO_OK);
  size_t length;
  char *one = NULL, *two = NULL;
  ck_assert_int_eq(yolo_read_file("elsewhere.cfg", 1 << 20, &one, &length), YOLO_OK);
  ck_assert_int_eq(yolo_read_file("third.cfg", 1 << 20, &two, &length), YOLO_OK);
  ck_assert_str_eq(one, two);
  yolo_free(one);
  yolo_free(two);
  yolo_free(absolute);
  yolo_text_free(&first);
  yolo_text_free(&second);
  yolo_config_release(&c);
  yolo_config_release(&again);
}
END_TEST

/* Every allocation fails once: a status comes back, and nothing is left behind. */
START_TEST(no_memory) {
  static const char *const sets[] = {"data.val=v", "augment.flip=0.1"};
  long live = yolo_memory_get_stats().live;
  put_file("set/x.names", "a\nb\n");
  put_file("set/data.cfg", "[data]\ntrain = a, b\nnames = x.names\n[augment]\npreset = ssd\n[model]\nfile = net.cfg\n");
  put_file("set/obj.data", "train = data.cfg\nnames = x.names\n");
  for (long n = 1;; ++n) {
    yolo_config c = {0}, dark = {0};
    yolo_data_source *sources = NULL;
    int count = 0;
    yolo_status st = YOLO_OK;
    yolo_memory_fail_at(n);
    YOLO_TRY(yolo_config_load("set/obj.data", NULL, 0, &dark));
    YOLO_TRY(yolo_config_load("set", sets, 2, &c));
    YOLO_TRY(yolo_config_sources(&c, YOLO_SPLIT_TRAIN, &sources, &count));
    YOLO_TRY(yolo_config_write(&c, "written.cfg"));
  done:
    yolo_memory_fail_at(0);
    yolo_free(sources);
    yolo_config_release(&c);
    yolo_config_release(&dark);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
    if (st == YOLO_OK) {
      ck_assert_int_gt(n, 50);
      break;
    }
    ck_assert_int_eq(st, YOLO_ENOMEM);
  }
}
END_TEST

int main(void) {
  if (!mkdtemp(scratch) || chdir(scratch) != 0) return 1;
  Suite *suite = suite_create("config");
  TCase *tc = tcase_create("config");
  tcase_add_test(tc, a_file_is_read);
  tcase_add_test(tc, settings_win);
  tcase_add_test(tc, defaults_are_no_augmentation);
  tcase_add_test(tc, formats_are_readers);
  tcase_add_loop_test(tc, mistakes_are_named, 0, sizeof bad / sizeof *bad);
  tcase_add_test(tc, mistakes_of_a_darknet_file_are_named);
  tcase_add_test(tc, a_missing_file_is_named);
  tcase_add_test(tc, sources_of_a_split);
  tcase_add_test(tc, a_split_opens);
  tcase_add_test(tc, a_darknet_file);
  tcase_add_test(tc, what_is_written_reads_back);
  tcase_add_test(tc, no_memory);
  suite_add_tcase(suite, tc);
  int failed = suite_run(suite);
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", scratch);
  if (chdir("..") != 0 || system(command) != 0) printf("%s is left behind\n", scratch);
  return failed;
}
