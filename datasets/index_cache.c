/* Where indices are kept, and for what: see index_cache.h. */
#include "datasets/index_cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "backbone/base/fnv.h"
#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "datasets/read_coco.h"

enum { SMALLEST = 1 << 20 }; /* bytes; less is read in no time */

/* ---- the folder ---- */

/* $variable, joined with `below`; *out stays NULL when it is not set. */
static yolo_status folder_from(const char *variable, const char *below, char **out) {
  const char *value = getenv(variable);
  if (!value || !*value) return YOLO_OK;
  if (below) return yolo_path_join(value, below, out);
  *out = yolo_strdup(value);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

/* *out stays NULL when there is none and none can be made. */
static yolo_status cache_folder(char **out) {
  yolo_status st = folder_from("YOLO_CACHE", NULL, out);
  if (st == YOLO_OK && !*out) st = folder_from("XDG_CACHE_HOME", "yolo", out);
  if (st == YOLO_OK && !*out) st = folder_from("HOME", ".cache/yolo", out);
  if (st != YOLO_OK || !*out) return st;
  st = yolo_path_make_folder(*out);
  if (st == YOLO_OK) return st;
  yolo_free(*out);
  *out = NULL;
  return st == YOLO_ENOMEM ? st : YOLO_OK;
}

/* ---- what an index is for ---- */

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

/* Some file systems count whole seconds, one of them pairs: a file that was changed just now may be changed again without
 * looking different. */
static bool is_settled(const yolo_index_stamp *stamp) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t last = stamp->modified > stamp->changed ? stamp->modified : stamp->changed;
  return nanoseconds(now) - last > (int64_t)2000000000;
}

/* False: not a file whose index is kept. */
static bool take_stamp(const char *path, yolo_index *index) {
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size < SMALLEST) return false;
  index->stamp =
      (yolo_index_stamp){(uint64_t)info.st_size, (uint64_t)info.st_ino, nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
  index->settled = is_settled(&index->stamp);
  return true;
}

/* The paths, resolved and as they were written (those of the images begin like them), and the names of the classes. */
static yolo_status make_key(const yolo_data_source *source, const yolo_data_open_options *options, char **out) {
  yolo_status st = YOLO_OK;
  yolo_text key = {0};
  char *labels = NULL, *images = NULL;
  YOLO_TRY(yolo_path_absolute(source->labels, &labels));
  if (source->images) YOLO_TRY(yolo_path_absolute(source->images, &images));
  YOLO_TRY(yolo_text_format(&key, "%s\n%s\n", labels, source->labels));
  YOLO_TRY(yolo_text_format(&key, "%s\n%s\n", images ? images : "", images ? source->images : ""));
  for (int i = 0; options->names && i < options->n_names; i++) YOLO_TRY(yolo_text_format(&key, "%s\n", options->names[i]));
  *out = key.data;
  key.data = NULL;
done:
  yolo_text_free(&key);
  yolo_free(labels);
  yolo_free(images);
  return st;
}

/* Named by a hash of the key; the key itself is in the file. */
static yolo_status make_path(const char *folder, const char *key, char **out) {
  char name[40];
  snprintf(name, sizeof name, "%016" PRIx64 ".index", yolo_fnv_text(YOLO_FNV_START, key));
  return yolo_path_join(folder, name, out);
}

yolo_status yolo_index_find(const yolo_data_source *source, const yolo_data_open_options *options, yolo_index **out) {
  yolo_status st = YOLO_OK;
  char *json = NULL, *folder = NULL;
  yolo_index *index = yolo_calloc(1, sizeof *index);
  *out = NULL;
  YOLO_ENOMEM_IF_NULL(index);
  YOLO_TRY(yolo_coco_json_path(source, &json));
  if (!take_stamp(json, index)) goto done;
  YOLO_TRY(cache_folder(&folder));
  if (!folder) goto done;
  YOLO_TRY(make_key(source, options, &index->key));
  YOLO_TRY(make_path(folder, index->key, &index->path));
  *out = index;
  index = NULL;
done:
  yolo_index_free(index);
  yolo_free(json);
  yolo_free(folder);
  return st;
}

void yolo_index_free(yolo_index *index) {
  if (!index) return;
  yolo_free(index->path);
  yolo_free(index->key);
  yolo_free(index);
}

/* ---- load and store ---- */

/* Would the images be looked for where the index says? They may have been moved since. */
static yolo_status check_images(const yolo_data_source *source, const yolo_dataset *d, bool *same) {
  yolo_status st = YOLO_OK;
  char *json = NULL, *folder = NULL, *path = NULL;
  *same = true;
  if (d->n_images == 0) return YOLO_OK;
  const char *name = yolo_dataset_text(d, d->images[0].name);
  YOLO_TRY(yolo_coco_json_path(source, &json));
  YOLO_TRY(yolo_coco_images_folder(source, json, name, &folder));
  YOLO_TRY(yolo_coco_image_path(folder, name, &path));
  *same = strcmp(path, yolo_dataset_text(d, d->images[0].file)) == 0;
done:
  yolo_free(json);
  yolo_free(folder);
  yolo_free(path);
  return st;
}

yolo_status yolo_index_load(const yolo_index *index, const yolo_data_source *source, yolo_dataset **out) {
  yolo_dataset *d = NULL;
  bool same = false;
  *out = NULL;
  yolo_status st = yolo_index_map(index, &d);
  if (st == YOLO_OK) st = check_images(source, d, &same);
  if (same && st == YOLO_OK) {
    *out = d;
    return YOLO_OK;
  }
  yolo_dataset_free(d);
  return st == YOLO_ENOMEM ? st : YOLO_OK;
}

void yolo_index_store(const yolo_index *index, const yolo_dataset *dataset, const yolo_log *log) {
  if (!index->settled) return;
  if (yolo_index_write(index, dataset) == YOLO_OK)
    yolo_log_note(log, "the next start is faster: an index is kept in %s", index->path);
  else
    yolo_log_note(log, "no index was kept: %s", yolo_error_message());
}
