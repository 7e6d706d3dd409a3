/* The index of a large label file: kept, found, refused when it is old, another's or damaged. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "datasets/index_cache.h"
#include "tests/unit/coco_fixture.h"

static char scratch[64];
static void make_scratch(void) { coco_scratch(scratch); }
static void drop_scratch(void) { coco_remove(scratch); }

/* A COCO JSON of more than a MiB, `n` annotations, that was last changed a while ago. */
static char *put_large(const char *name, int n, double shift) {
  yolo_text t = {0};
  yolo_text_format(
      &t, "{\"info\": {\"a\": 1}, \"categories\": [{\"id\": 5, \"name\": \"a\"}, {\"id\": 9, \"name\": \"b\"}], \"images\": [");
  for (int i = 0; i < n / 4; i++)
    yolo_text_format(&t, "%s{\"id\": %d, \"file_name\": \"%d.jpg\", \"width\": 64, \"height\": 48}", i ? "," : "", i, i);
  yolo_text_format(&t, "], \"annotations\": [");
  for (int i = 0; i < n; i++) {
    yolo_text_format(&t, "%s{\"id\": %d, \"image_id\": %d, \"category_id\": %d, \"bbox\": [%.2f, 2, 3, 4],", i ? "," : "",
                     i + 1, i % (n / 4), i % 3 ? 5 : 9, shift + 0.25 * (i % 100));
    if (i % 3)
      yolo_text_format(&t, "\"segmentation\": [[1, 1.25, 5, 1, %.2f, 6.5]]}", i % 50 * 0.5);
    else
      yolo_text_format(&t, "\"segmentation\": {\"size\": [4, 5], \"counts\": [2, 3, 15]}}");
  }
  yolo_text_format(&t, "%*s]}", 1 << 20, "");
  char *path = coco_put(scratch, name, t.data);
  yolo_text_free(&t);
  return path;
}

static yolo_dataset *open_cached(const char *path, bool *mapped) {
  yolo_data_source source = {NULL, path, NULL};
  yolo_dataset *d = NULL;
  ck_assert_msg(yolo_dataset_open(&source, 1, NULL, &d) == YOLO_OK, "%s", yolo_error_message());
  *mapped = d->mapping != NULL;
  return d;
}

static void use_cache_folder(void) {
  char folder[96];
  snprintf(folder, sizeof folder, "%s/cache", scratch);
  setenv("YOLO_CACHE", folder, 1);
}

static void settle(void) { /* an index is only kept of files that have rested for two seconds */
  struct timespec t = {2, 100000000};
  nanosleep(&t, NULL);
}

START_TEST(the_second_start) {
  bool mapped;
  use_cache_folder();
  char *path = put_large("large.json", 800, 0), *other;
  yolo_dataset *a = open_cached(path, &mapped), *b;
  ck_assert(!mapped);
  b = open_cached(path, &mapped);
  ck_assert(!mapped); /* too fresh for an index */
  yolo_dataset_free(b);
  settle();
  yolo_dataset_free(open_cached(path, &mapped));
  ck_assert(!mapped);
  b = open_cached(path, &mapped);
  ck_assert(mapped);
  coco_expect_equal(a, b);
  ck_assert_str_eq(a->info, b->info);
  ck_assert_str_eq(yolo_dataset_text(b, b->sources[0].labels), path);
  for (size_t i = 0; i < a->n_images; i++)
    ck_assert_str_eq(yolo_dataset_text(a, a->images[i].file), yolo_dataset_text(b, b->images[i].file));
  yolo_dataset_free(b);
  /* The same size and the same time of change, but not the same file. */
  struct stat info;
  ck_assert_int_eq(stat(path, &info), 0);
  other = put_large("large.json", 800, 1);
  ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[2]){info.st_atim, info.st_mtim}, 0), 0);
  b = open_cached(path, &mapped);
  ck_assert(!mapped && b->annotations[0].x == a->annotations[0].x + 1);
  yolo_dataset_free(a);
  yolo_dataset_free(b);
  yolo_free(path);
  yolo_free(other);
}
END_TEST

/* The images were moved, other classes are asked for, the folder cannot be made: read anew, and no error. */
START_TEST(an_index_is_not_for_everything) {
  static const char *const names[] = {"b"};
  bool mapped;
  use_cache_folder();
  char *path = put_large("annotations/instances_v.json", 800, 0), *image, file[96];
  settle();
  yolo_dataset_free(open_cached(path, &mapped));
  yolo_dataset *d = open_cached(path, &mapped);
  ck_assert(mapped);
  yolo_dataset_free(d);
  image = coco_put(scratch, "v/0.jpg", "x");
  d = open_cached(path, &mapped);
  ck_assert(!mapped);
  ck_assert_str_eq(yolo_dataset_text(d, d->images[0].file), image);
  yolo_dataset_free(d);
  yolo_data_source source = {NULL, path, NULL};
  ck_assert_int_eq(yolo_dataset_open(&source, 1, &(yolo_data_open_options){.names = names, .n_names = 1}, &d), YOLO_OK);
  ck_assert(!d->mapping && d->n_classes == 1 && d->n_annotations == 267);
  yolo_dataset_free(d);
  ck_assert_int_eq(yolo_dataset_open(&source, 1, &(yolo_data_open_options){.no_cache = true}, &d), YOLO_OK);
  ck_assert(!d->mapping);
  yolo_dataset_free(d);
  snprintf(file, sizeof file, "%s/below", path);
  setenv("YOLO_CACHE", file, 1);
  yolo_dataset_free(open_cached(path, &mapped));
  yolo_dataset_free(open_cached(path, &mapped));
  ck_assert(!mapped);
  yolo_free(path);
  yolo_free(image);
}
END_TEST

/* A file with faults is read each time, so that they are reported each time. */
START_TEST(faults_are_reported_each_time) {
  use_cache_folder();
  yolo_text t = {0};
  yolo_text_format(&t, "{\"images\": [{\"id\": 1, \"file_name\": \"a\"}], \"annotations\": [{\"id\": 3}]%*s}", 1 << 20, "");
  char *path = coco_put(scratch, "f.json", t.data);
  yolo_data_source source = {NULL, path, NULL};
  settle();
  for (int i = 0; i < 2; i++) {
    yolo_data_sink sink = {0};
    yolo_dataset *d = NULL;
    ck_assert_int_eq(yolo_dataset_open(&source, 1, &(yolo_data_open_options){.sink = &sink}, &d), YOLO_OK);
    ck_assert_uint_eq(sink.counts[YOLO_RULE_LABEL_SYNTAX], 1);
    yolo_dataset_free(d);
  }
  yolo_text_free(&t);
  yolo_free(path);
}
END_TEST

/* Everything a user of a dataset does, to see that nothing leads outside. */
static void use_all(const yolo_dataset *d) {
  size_t sum = 0;
  for (size_t i = 0; i < d->n_images; i++)
    sum += strlen(yolo_dataset_text(d, d->images[i].file)) + strlen(yolo_dataset_text(d, d->images[i].name));
  for (size_t i = 0; i < d->n_annotations; i++) {
    yolo_rle rle = {0};
    sum += strlen(yolo_dataset_class_name(d, d->annotations[i].class_index)) + (size_t)d->images[d->annotations[i].image].width;
    if (yolo_annotation_rle(d, &d->annotations[i], &rle) == YOLO_OK) sum += rle.count;
    yolo_rle_free(&rle);
  }
  ck_assert_uint_gt(sum, 0);
}

/* The index cut at many lengths, and with bytes changed all over: thrown away, or whole enough to use. */
START_TEST(damaged_indices) {
  bool mapped;
  use_cache_folder();
  char *path = put_large("d.json", 40, 0), *bytes = NULL, *broken;
  yolo_data_source source = {NULL, path, NULL};
  yolo_index *index = NULL;
  yolo_dataset *d = NULL;
  size_t length, refused = 0, kept = 0;
  settle();
  yolo_dataset_free(open_cached(path, &mapped));
  ck_assert_int_eq(yolo_index_find(&source, &(yolo_data_open_options){0}, &index), YOLO_OK);
  ck_assert_int_eq(yolo_index_map(index, &d), YOLO_OK);
  use_all(d);
  yolo_dataset_free(d);
  ck_assert_int_eq(yolo_read_file(index->path, 1 << 24, &bytes, &length), YOLO_OK);
  broken = yolo_alloc(length + 1);
  for (size_t i = 0; i < length + 400; i++) {
    size_t n = i < length ? length : i - length < 399 ? (i - length) * length / 400 : length + 1;
    memcpy(broken, bytes, length);
    broken[length] = 0;
    if (i < length) broken[i] = (char)(broken[i] ^ (i % 3 == 0 ? 0xFF : i % 3 == 1 ? 0x80 : 0x01));
    ck_assert_int_eq(truncate(index->path, 0), 0);
    FILE *f = fopen(index->path, "wb");
    ck_assert(f && fwrite(broken, 1, n, f) == n && fclose(f) == 0);
    d = NULL;
    yolo_status st = yolo_index_map(index, &d);
    if (d) use_all(d);
    refused += st != YOLO_OK;
    kept += st == YOLO_OK;
    ck_assert(i < length || st == YOLO_EFORMAT || (n == 0 && st != YOLO_OK));
    yolo_dataset_free(d);
  }
  ck_assert_uint_gt(refused, 1000);
  ck_assert_uint_gt(kept, 100); /* a changed number in a box is nothing that could be seen */
  d = open_cached(path, &mapped);
  ck_assert(!mapped);
  yolo_dataset_free(d);
  yolo_dataset_free(open_cached(path, &mapped));
  ck_assert(mapped); /* it was written anew */
  yolo_index_free(index);
  yolo_free(bytes), yolo_free(broken), yolo_free(path);
}
END_TEST

START_TEST(memory_may_fail) {
  bool mapped;
  use_cache_folder();
  char *path = put_large("m.json", 8, 0);
  yolo_data_source source = {"coco", path, NULL};
  settle();
  for (int pass = 0; pass < 2; pass++) { /* without and with an index */
    const long live = yolo_memory_get_stats().live;
    yolo_status st = YOLO_ENOMEM;
    for (long n = 1; st != YOLO_OK; n++) {
      yolo_dataset *d = NULL;
      yolo_memory_fail_at(n);
      st = yolo_dataset_open(&source, 1, NULL, &d);
      yolo_memory_fail_at(0);
      yolo_dataset_free(d);
      ck_assert(st == YOLO_OK || st == YOLO_ENOMEM);
      ck_assert_int_eq(yolo_memory_get_stats().live, live);
      ck_assert_int_lt(n, 1000);
    }
    yolo_dataset_free(open_cached(path, &mapped));
    if (pass == 1) ck_assert(mapped);
  }
  yolo_free(path);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("index_cache");
  TCase *tests = tcase_create("all");
  tcase_set_timeout(tests, 300);
  tcase_add_checked_fixture(tests, make_scratch, drop_scratch);
  tcase_add_test(tests, the_second_start);
  tcase_add_test(tests, an_index_is_not_for_everything);
  tcase_add_test(tests, faults_are_reported_each_time);
  tcase_add_test(tests, damaged_indices);
  tcase_add_test(tests, memory_may_fail);
  suite_add_tcase(suite, tests);
  return suite_run(suite) ? 1 : 0;
}
