/* The loader of batches and its caches: equal bytes for any number of workers, any cache, after a seek; bad images by name. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/rng.h"
#include "datasets/loader.h"
#include "tests/unit/suite.h"

enum { IMAGES = 11, BATCH = 4, SIDE = 64 };

static char folder[] = P_tmpdir "/yolo-test-loader-XXXXXX";
static char cache_folder[sizeof folder + 8];
static yolo_dataset *dataset;
static yolo_augment augment;

static void image_path(int i, char to[256]) { snprintf(to, 256, "%s/%02d.png", folder, i); }

/* A picture of noise, of another size each. */
static void write_image(int i, uint64_t seed) {
  char path[256];
  yolo_image image;
  yolo_rng rng = {.key = seed, .stream = (uint64_t)i};
  ck_assert_int_eq(yolo_image_new(40 + 3 * i, 30 + 5 * i, &image), YOLO_OK);
  for (int p = 0; p < image.width * image.height * 3; ++p) image.pixels[p] = (uint8_t)yolo_rng_u32(&rng);
  image_path(i, path);
  ck_assert_int_eq(yolo_image_save(&image, path), YOLO_OK);
  yolo_image_release(&image);
}

static void add_image(yolo_dataset_builder *builder, int i, int class_index) {
  char path[256];
  size_t index;
  yolo_data_image image = {.id = i + 1, .pixels = UINT64_MAX, .width = 40 + 3 * i, .height = 30 + 5 * i};
  image.label = YOLO_DATA_NO_LABEL;
  image_path(i, path);
  ck_assert_int_eq(yolo_dataset_builder_text(builder, path, &image.file), YOLO_OK);
  image.name = image.file;
  ck_assert_int_eq(yolo_dataset_builder_image(builder, &image, &index), YOLO_OK);
  yolo_annotation box = {.id = i + 1, .x = 4, .y = 3, .width = 20, .height = 22, .area = 440, .image = (uint32_t)index};
  box.class_index = class_index;
  ck_assert_int_eq(yolo_dataset_builder_annotation(builder, &box), YOLO_OK);
}

static void make_dataset(void) {
  yolo_dataset_builder *builder = NULL;
  int class_index;
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(cache_folder, sizeof cache_folder, "%s/cache", folder);
  ck_assert_int_eq(yolo_dataset_builder_new(NULL, &builder), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_source(builder, "test", folder), YOLO_OK);
  ck_assert_int_eq(yolo_dataset_builder_class(builder, "thing", NULL, 1, &class_index), YOLO_OK);
  for (int i = 0; i < IMAGES; ++i) {
    write_image(i, 1);
    add_image(builder, i, class_index);
  }
  ck_assert_int_eq(yolo_dataset_builder_finish(builder, &dataset), YOLO_OK);
  yolo_dataset_builder_free(builder);
  yolo_augment_use_preset(&augment, YOLO_PRESET_YOLOV5);
}

static void remove_dataset(void) {
  char command[sizeof folder + 16];
  yolo_dataset_free(dataset);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  ck_assert_int_eq(system(command), 0);
}

static yolo_loader_options usual(int workers) {
  yolo_loader_options o = {.batch = BATCH, .width = SIDE, .height = SIDE, .workers = workers, .seed = 5};
  o.shuffle = o.augment = true;
  o.cache_folder = cache_folder;
  return o;
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t length) {
  for (size_t i = 0; i < length; ++i) hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
  return hash;
}

static uint64_t hash_batch(const yolo_batch *batch, uint64_t hash) {
  for (int i = 0; i < batch->count; ++i) {
    const yolo_sample *s = &batch->samples[i];
    ck_assert_int_eq(s->image.width, batch->width);
    ck_assert_int_eq(s->image.height, batch->height);
    hash = mix(hash, &s->index, sizeof s->index);
    hash = mix(hash, s->image.pixels, (size_t)batch->width * (size_t)batch->height * 3);
    for (int k = 0; k < s->n_objects; ++k) hash = mix(hash, &s->objects[k], 4 * sizeof(float));
  }
  return hash;
}

static uint64_t next_hash(yolo_loader *loader, uint64_t hash) {
  yolo_batch *batch = NULL;
  ck_assert_msg(yolo_loader_next(loader, &batch) == YOLO_OK, "%s", yolo_error_message());
  hash = hash_batch(batch, hash);
  yolo_loader_give_back(loader, batch);
  return hash;
}

/* The hash of `epochs` whole epochs. */
static uint64_t run(const yolo_loader_options *options, int epochs) {
  yolo_loader *loader = NULL;
  uint64_t hash = 1;
  ck_assert_msg(yolo_loader_new(dataset, &augment, options, &loader) == YOLO_OK, "%s", yolo_error_message());
  for (int i = 0; i < epochs * yolo_loader_batches(loader); ++i) hash = next_hash(loader, hash);
  yolo_loader_free(loader);
  return hash;
}

START_TEST(workers_change_nothing) {
  yolo_loader_options one = usual(1), two = usual(2), seven = usual(7);
  uint64_t hash = run(&one, 3);
  ck_assert_uint_eq(run(&two, 3), hash);
  seven.ahead = 1;
  ck_assert_uint_eq(run(&seven, 3), hash);
  one.seed = 6;
  ck_assert_uint_ne(run(&one, 3), hash);
}
END_TEST

START_TEST(caches_change_nothing) {
  yolo_loader_options off = usual(3), ram = usual(3), disk = usual(3);
  uint64_t hash = run(&off, 2);
  ram.cache = YOLO_CACHE_RAM;
  disk.cache = YOLO_CACHE_DISK;
  ck_assert_uint_eq(run(&ram, 2), hash);
  ck_assert_uint_eq(run(&disk, 2), hash);
  ck_assert_uint_eq(run(&disk, 2), hash); /* from the file alone */
  ck_assert_uint_eq(yolo_image_cache_bytes(dataset), 1u * 3 * 11 * (40 * 30) + 3 * (5 * 40 + 3 * 30) * 55 + 3 * 15 * 385);
}
END_TEST

/* An image that changed is decoded again; a damaged entry is not believed. */
START_TEST(a_disk_cache_knows_what_changed) {
  yolo_loader_options off = usual(2), disk = usual(2);
  char command[2 * sizeof folder + 128];
  disk.cache = YOLO_CACHE_DISK;
  uint64_t before = run(&disk, 1);
  write_image(3, 2);
  uint64_t after = run(&off, 1);
  ck_assert_uint_ne(before, after);
  ck_assert_uint_eq(run(&disk, 1), after);
  snprintf(command, sizeof command,
           "for f in '%s'/pixels-*; do printf damage | dd of=\"$f\" bs=1 seek=9000 conv=notrunc 2>&1; done", cache_folder);
  ck_assert_int_eq(system(command), 0);
  ck_assert_uint_eq(run(&disk, 1), after);
  snprintf(command, sizeof command, "for f in '%s'/pixels-*; do truncate -s 5000 \"$f\"; done", cache_folder);
  ck_assert_int_eq(system(command), 0);
  ck_assert_uint_eq(run(&disk, 1), after);
  write_image(3, 1);
}
END_TEST

START_TEST(a_disk_cache_belongs_to_one) {
  yolo_loader_options disk = usual(1);
  yolo_loader *first = NULL, *second = NULL;
  disk.cache = YOLO_CACHE_DISK;
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &disk, &first), YOLO_OK);
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &disk, &second), YOLO_EIO);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "another program"));
  yolo_loader_free(first);
}
END_TEST

START_TEST(an_epoch_holds_every_image_once) {
  yolo_loader_options o = usual(3);
  yolo_loader *loader = NULL;
  o.augment = false;
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &o, &loader), YOLO_OK);
  ck_assert_int_eq(yolo_loader_batches(loader), 3);
  size_t orders[2][IMAGES];
  for (int epoch = 0; epoch < 2; ++epoch) {
    int seen[IMAGES] = {0}, n = 0;
    for (int b = 0; b < 3; ++b) {
      yolo_batch *batch = NULL;
      ck_assert_int_eq(yolo_loader_next(loader, &batch), YOLO_OK);
      ck_assert_int_eq(batch->epoch, epoch);
      ck_assert_int_eq(batch->index, b);
      ck_assert_int_eq(batch->count, b < 2 ? BATCH : IMAGES - 2 * BATCH);
      for (int i = 0; i < batch->count; ++i) seen[orders[epoch][n++] = batch->samples[i].index]++;
      yolo_loader_give_back(loader, batch);
    }
    for (int i = 0; i < IMAGES; ++i) ck_assert_int_eq(seen[i], 1);
  }
  ck_assert_int_ne(memcmp(orders[0], orders[1], sizeof orders[0]), 0);
  yolo_loader_free(loader);
}
END_TEST

START_TEST(a_seek_goes_on_where_it_was) {
  yolo_loader_options o = usual(3);
  yolo_loader *loader = NULL;
  uint64_t hashes[9];
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &o, &loader), YOLO_OK);
  for (int i = 0; i < 9; ++i) hashes[i] = next_hash(loader, 1);
  static const int places[] = {7, 0, 4, 8, 2};
  for (int i = 0; i < 5; ++i) {
    ck_assert_int_eq(yolo_loader_seek(loader, places[i] / 3, places[i] % 3), YOLO_OK);
    ck_assert_uint_eq(next_hash(loader, 1), hashes[places[i]]);
  }
  ck_assert_int_eq(yolo_loader_seek(loader, 0, 3), YOLO_EINVAL);
  yolo_loader_free(loader);
}
END_TEST

/* The last epochs are those of a loader that never joins images. */
START_TEST(last_epochs_are_plain) {
  yolo_loader_options late = usual(2), never = usual(2);
  yolo_augment before = augment;
  yolo_loader *loader = NULL;
  uint64_t hashes[6];
  late.plain_from = 1;
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &late, &loader), YOLO_OK);
  for (int i = 0; i < 6; ++i) hashes[i] = next_hash(loader, 1);
  yolo_loader_free(loader);
  for (int plain = 0; plain < 2; ++plain) {
    if (plain) augment.mosaic = augment.mixup = augment.cutmix = augment.copy_paste = 0;
    ck_assert_int_eq(yolo_loader_new(dataset, &augment, &never, &loader), YOLO_OK);
    for (int i = 0; i < 6; ++i) ck_assert((next_hash(loader, 1) == hashes[i]) == ((i >= 3) == (plain == 1)));
    yolo_loader_free(loader);
  }
  augment = before;
}
END_TEST

START_TEST(sizes_follow_multi_scale) {
  yolo_loader_options o = usual(2);
  yolo_augment before = augment;
  yolo_loader *loader = NULL;
  int widths[4] = {0}, differ = 0;
  augment.multi_scale[0] = 0.5;
  augment.multi_scale[1] = 1.5;
  augment.multi_scale_every = 1;
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &o, &loader), YOLO_OK);
  for (int i = 0; i < 12; ++i) {
    yolo_batch *batch = NULL;
    ck_assert_int_eq(yolo_loader_next(loader, &batch), YOLO_OK);
    ck_assert_int_eq(batch->width % 32, 0);
    ck_assert(batch->width >= 32 && batch->width <= 96);
    hash_batch(batch, 1);
    widths[batch->width / 32]++;
    yolo_loader_give_back(loader, batch);
  }
  for (int i = 0; i < 4; ++i) differ += widths[i] > 0;
  ck_assert_int_gt(differ, 1);
  yolo_loader_free(loader);
  augment = before;
}
END_TEST

START_TEST(a_bad_image_is_named) {
  yolo_loader_options o = usual(3);
  yolo_loader *loader = NULL;
  yolo_batch *batch = NULL;
  char path[256];
  yolo_status st = YOLO_OK;
  image_path(6, path);
  ck_assert_int_eq(truncate(path, 100), 0);
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &o, &loader), YOLO_OK);
  for (int i = 0; i < 3 && st == YOLO_OK; ++i) {
    st = yolo_loader_next(loader, &batch);
    if (st == YOLO_OK) yolo_loader_give_back(loader, batch);
  }
  ck_assert_int_ne(st, YOLO_OK);
  ck_assert_ptr_nonnull(strstr(yolo_error_message(), "06.png"));
  yolo_loader_free(loader);
  write_image(6, 1);
}
END_TEST

START_TEST(batches_have_to_come_back) {
  yolo_loader_options o = usual(2);
  yolo_loader *loader = NULL;
  yolo_batch *batch = NULL;
  yolo_status st = YOLO_OK;
  o.ahead = 1;
  ck_assert_int_eq(yolo_loader_new(dataset, &augment, &o, &loader), YOLO_OK);
  for (int i = 0; i < 3 && st == YOLO_OK; ++i) st = yolo_loader_next(loader, &batch);
  ck_assert_int_eq(st, YOLO_EINVAL);
  yolo_loader_free(loader);
}
END_TEST

/* Fails the n-th allocation, until all goes well. A worker may meet it: then it is a batch that fails. */
START_TEST(short_memory_leaks_nothing) {
  yolo_loader_options o = usual(1);
  long live = yolo_memory_get_stats().live;
  bool whole = false;
  o.cache = YOLO_CACHE_RAM;
  for (long n = 1; !whole && n < 5000; n += 1 + n / 20) {
    yolo_loader *loader = NULL;
    yolo_batch *batch = NULL;
    yolo_memory_fail_at(n);
    yolo_status st = yolo_loader_new(dataset, &augment, &o, &loader);
    if (st == YOLO_OK) st = yolo_loader_next(loader, &batch);
    ck_assert(st == YOLO_OK || st == YOLO_ENOMEM);
    whole = st == YOLO_OK;
    yolo_loader_free(loader);
    yolo_memory_fail_at(0);
    ck_assert_int_eq(yolo_memory_get_stats().live, live);
  }
  ck_assert(whole);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("loader");
  TCase *tc = tcase_create("loader");
  tcase_set_timeout(tc, 120);
  tcase_add_unchecked_fixture(tc, make_dataset, remove_dataset);
  tcase_add_test(tc, workers_change_nothing);
  tcase_add_test(tc, caches_change_nothing);
  tcase_add_test(tc, a_disk_cache_knows_what_changed);
  tcase_add_test(tc, a_disk_cache_belongs_to_one);
  tcase_add_test(tc, an_epoch_holds_every_image_once);
  tcase_add_test(tc, a_seek_goes_on_where_it_was);
  tcase_add_test(tc, last_epochs_are_plain);
  tcase_add_test(tc, sizes_follow_multi_scale);
  tcase_add_test(tc, a_bad_image_is_named);
  tcase_add_test(tc, batches_have_to_come_back);
  tcase_add_test(tc, short_memory_leaks_nothing);
  suite_add_tcase(suite, tc);
  return suite_run(suite) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
