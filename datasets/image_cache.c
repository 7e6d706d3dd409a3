/* Decoded images kept for the next epoch: see image_cache.h. */
#include "datasets/image_cache.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "backbone/base/fnv.h"
#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/pixel_file.h"
#include "datasets/probe.h"

struct yolo_image_cache {
  const yolo_dataset *dataset;
  yolo_cache_kind kind;
  yolo_log log;
  _Atomic(yolo_image *) *images; /* RAM: NULL until first decoded */
  yolo_pixel_file *file;         /* disk */
  atomic_bool full;              /* nothing more is put on the disk */
};

/* ---- what it will take ---- */

static uint64_t bytes_of(const yolo_dataset *dataset, size_t index) {
  const yolo_data_image *image = &dataset->images[index];
  int width = image->width, height = image->height;
  if (image->pixels != UINT64_MAX) return 0; /* in memory already */
  if (width <= 0 || height <= 0) {
    yolo_image_header header;
    if (yolo_image_probe(yolo_dataset_text(dataset, image->file), &header) != YOLO_OK) return 0;
    width = header.width;
    height = header.height;
  }
  return (uint64_t)width * (uint64_t)height * 3;
}

uint64_t yolo_image_cache_bytes(const yolo_dataset *dataset) {
  uint64_t sum = 0;
  for (size_t i = 0; i < dataset->n_images; ++i) sum += bytes_of(dataset, i);
  return sum;
}

static double megabytes(uint64_t bytes) { return (double)bytes * 1e-6; }

static yolo_status begin_ram(yolo_image_cache *cache, uint64_t bytes) {
  uint64_t room = yolo_memory_available();
  if (room != UINT64_MAX && bytes > room - room / 10) {
    return yolo_fail(YOLO_ENOMEM,
                     "cache = ram: %zu decoded images take %.0f MB, and %.0f MB of memory are free; use cache = disk or off",
                     cache->dataset->n_images, megabytes(bytes), megabytes(room));
  }
  yolo_log_note(&cache->log, "cache = ram: %zu decoded images, %.0f MB of memory", cache->dataset->n_images, megabytes(bytes));
  cache->images = yolo_calloc(cache->dataset->n_images + 1, sizeof *cache->images);
  return cache->images ? YOLO_OK : YOLO_ENOMEM;
}

/* One file a data set: its name is a hash of what was named as its sources, and the number of images. */
static yolo_status file_name(const yolo_dataset *dataset, const char *folder, char **out) {
  char name[64];
  uint64_t hash = YOLO_FNV_START;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < dataset->n_sources; ++i) {
    char *path = NULL;
    st = yolo_path_absolute(yolo_dataset_text(dataset, dataset->sources[i].labels), &path);
    if (st != YOLO_OK) return st;
    hash = yolo_fnv_text(hash, path);
    yolo_free(path);
  }
  snprintf(name, sizeof name, "pixels-%016" PRIx64 "-%zu.bin", hash, dataset->n_images);
  return yolo_path_join(folder, name, out);
}

static yolo_status check_disk(const char *folder, uint64_t bytes, uint64_t there) {
  struct statvfs info;
  if (statvfs(folder, &info) != 0) return YOLO_OK; /* writing will tell */
  uint64_t room = (uint64_t)info.f_bavail * info.f_frsize;
  if (bytes <= there || bytes - there <= room) return YOLO_OK;
  return yolo_fail(YOLO_ENOMEM, "cache = disk: %.0f MB are needed and %.0f MB are free in %s; name another cache_folder",
                   megabytes(bytes - there), megabytes(room), folder);
}

static yolo_status begin_disk(yolo_image_cache *cache, const char *folder, uint64_t bytes) {
  char *own = NULL, *path = NULL;
  yolo_status st = YOLO_OK;
  if (!folder || !*folder) {
    YOLO_TRY(yolo_path_cache(&own));
    folder = own;
  }
  YOLO_TRY(yolo_path_make_folder(folder));
  YOLO_TRY(file_name(cache->dataset, folder, &path));
  YOLO_TRY(yolo_pixel_file_open(path, cache->dataset->n_images, &cache->file));
  YOLO_TRY(check_disk(folder, bytes, yolo_pixel_file_bytes(cache->file)));
  yolo_log_note(&cache->log, "cache = disk: %zu decoded images, %.0f MB in %s", cache->dataset->n_images, megabytes(bytes),
                path);
done:
  yolo_free(own);
  yolo_free(path);
  return st;
}

yolo_status yolo_image_cache_new(const yolo_dataset *dataset, yolo_cache_kind kind, const char *folder, const yolo_log *log,
                                 yolo_image_cache **out) {
  yolo_status st = YOLO_OK;
  *out = NULL;
  yolo_image_cache *cache = yolo_calloc(1, sizeof *cache);
  if (!cache) return YOLO_ENOMEM;
  cache->dataset = dataset;
  cache->kind = kind;
  if (log) cache->log = *log;
  uint64_t bytes = kind == YOLO_CACHE_OFF ? 0 : yolo_image_cache_bytes(dataset);
  if (kind == YOLO_CACHE_RAM) YOLO_TRY(begin_ram(cache, bytes));
  if (kind == YOLO_CACHE_DISK) YOLO_TRY(begin_disk(cache, folder, bytes));
  *out = cache;
  cache = NULL;
done:
  yolo_image_cache_free(cache);
  return st;
}

static void free_image(yolo_image *image) {
  if (!image) return;
  yolo_image_release(image);
  yolo_free(image);
}

void yolo_image_cache_free(yolo_image_cache *cache) {
  if (!cache) return;
  for (size_t i = 0; cache->images && i < cache->dataset->n_images; ++i) free_image(atomic_load(&cache->images[i]));
  yolo_free(cache->images);
  yolo_pixel_file_close(cache->file);
  yolo_free(cache);
}

/* ---- images ---- */

/* Two threads may decode the same image at once; the second throws its own away. */
static yolo_status from_ram(yolo_image_cache *cache, size_t index, yolo_image *out) {
  yolo_image *kept = atomic_load(&cache->images[index]);
  if (!kept) {
    yolo_image *fresh = yolo_calloc(1, sizeof *fresh);
    if (!fresh) return YOLO_ENOMEM;
    yolo_status st = yolo_dataset_load_image(cache->dataset, index, fresh);
    if (st != YOLO_OK) {
      yolo_free(fresh);
      return st;
    }
    if (atomic_compare_exchange_strong(&cache->images[index], &kept, fresh)) {
      kept = fresh;
    } else {
      free_image(fresh);
    }
  }
  *out = *kept;
  return YOLO_OK;
}

static yolo_status from_disk(yolo_image_cache *cache, size_t index, yolo_image *out) {
  yolo_file_stamp stamp;
  bool known = yolo_file_stamp_get(yolo_dataset_text(cache->dataset, cache->dataset->images[index].file), &stamp);
  if (known && yolo_pixel_file_get(cache->file, index, &stamp, out)) return YOLO_OK;
  yolo_status st = yolo_dataset_load_image(cache->dataset, index, out);
  if (st != YOLO_OK || !known || atomic_load(&cache->full)) return st;
  if (yolo_pixel_file_put(cache->file, index, &stamp, out) != YOLO_OK && !atomic_exchange(&cache->full, true)) {
    yolo_log_note(&cache->log, "the cache of decoded images takes no more (%s); the others are decoded each time",
                  yolo_error_message());
  }
  return YOLO_OK;
}

yolo_status yolo_image_cache_load(void *payload, size_t index, yolo_sample *out) {
  yolo_image_cache *cache = payload;
  bool embedded = cache->dataset->images[index].pixels != UINT64_MAX;
  if (cache->kind == YOLO_CACHE_OFF || embedded) return yolo_sample_load((void *)(uintptr_t)cache->dataset, index, out);
  yolo_sample_clear(out);
  bool lent = cache->kind == YOLO_CACHE_RAM;
  yolo_status st = lent ? from_ram(cache, index, &out->image) : from_disk(cache, index, &out->image);
  if (st != YOLO_OK) return st;
  out->borrowed = lent;
  return yolo_sample_load_labels(cache->dataset, index, out);
}
