/* The target of `yolo data convert`: which format, and that nothing is written over that should stay. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "cli/data_convert.h"
#include "datasets/folder.h"

yolo_status convert_find_writer(const char *to, const char *out, const yolo_data_writer **writer) {
  const char *candidates[16];
  int n = 0;
  if (!to && yolo_has_suffix(out, ".json")) to = "coco";
  if (!to) return yolo_fail(YOLO_EINVAL, "say what is to be written: --to coco, yolo, voc or masks");
  *writer = yolo_data_writer_find(to);
  if (*writer) return YOLO_OK;
  for (; n < yolo_data_writer_count && n < 16; ++n) candidates[n] = yolo_data_writers[n]->name;
  const char *closest = yolo_closest(to, candidates, n);
  return yolo_fail(YOLO_EINVAL, "--to %s: there is no such format to write%s%s%s; there are coco, yolo, voc and masks", to,
                   closest ? "; did you mean " : "", closest ? closest : "", closest ? "?" : "");
}

/* Is `path` the file `part`, or below the folder `part`? Both as they really are on the disk. */
static bool lies_in(const char *path, const char *real_part) {
  char real_path[PATH_MAX];
  if (!realpath(path, real_path)) return false;
  const size_t length = strlen(real_part);
  return strncmp(real_path, real_part, length) == 0 && (real_path[length] == '/' || real_path[length] == '\0');
}

/* A COCO folder is read from a file inside it. */
static bool is_inside_json(const char *labels, const char *real_part) {
  char *inside = NULL;
  const bool same = yolo_path_join(labels, "_annotations.coco.json", &inside) == YOLO_OK && lies_in(inside, real_part);
  yolo_free(inside);
  return same;
}

/* Fails when something of the data set itself would be written over. */
static yolo_status check_part(const yolo_dataset *d, const char *part) {
  char real_part[PATH_MAX];
  if (!realpath(part, real_part)) return YOLO_OK; /* nothing is there yet */
  for (size_t i = 0; i < d->n_sources; ++i) {
    const char *labels = yolo_dataset_text(d, d->sources[i].labels);
    if (lies_in(labels, real_part) || is_inside_json(labels, real_part))
      return yolo_fail(YOLO_EINVAL, "'%s' is what is read; write to another place", labels);
  }
  for (size_t i = 0; i < d->n_images; ++i) {
    const yolo_data_image *image = &d->images[i];
    const uint64_t files[] = {image->label_file, image->mask_file, image->file};
    for (size_t k = 0; k < 3; ++k)
      if (files[k] && lies_in(yolo_dataset_text(d, files[k]), real_part))
        return yolo_fail(YOLO_EINVAL, "'%s' is read, and would lie among what is written; write to another place",
                         yolo_dataset_text(d, files[k]));
  }
  return YOLO_OK;
}

static yolo_status check_free(const conversion *c, const char *path) {
  struct stat info;
  if (c->args->overwrite || lstat(path, &info) != 0 || !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "'%s' is there already; --overwrite replaces it, or choose another place", path);
}

/* What is made at `out` against everything that is read. */
static yolo_status check_place(const conversion *c, const char *out) {
  yolo_status st = YOLO_OK;
  char *part = NULL;
  for (int k = 0; k < YOLO_WRITER_PARTS && c->writer->makes[k]; ++k) {
    yolo_free(part);
    part = NULL;
    if (*c->writer->makes[k])
      YOLO_TRY(yolo_path_join(out, c->writer->makes[k], &part));
    else
      YOLO_ENOMEM_IF_NULL(part = yolo_strdup(out));
    if (c->writer->wants_file && yolo_is_folder(part)) {
      st = yolo_fail(YOLO_EINVAL, "'%s' is a folder; name the JSON file that is to be written", part);
      goto done;
    }
    for (int i = 0; i < c->count; ++i) YOLO_TRY(check_part(c->splits[i].dataset, part));
    YOLO_TRY(check_free(c, part));
  }
done:
  yolo_free(part);
  return st;
}

static yolo_status check_config(const conversion *c) {
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(convert_config_place(c, &path));
  if (yolo_path_same_file(path, c->config.file))
    st = yolo_fail(YOLO_EINVAL, "'%s' is what is read; write to another place", path);
  else
    st = check_free(c, path);
done:
  yolo_free(path);
  return st;
}

yolo_status convert_check_targets(const conversion *c) {
  yolo_status st = YOLO_OK;
  if (c->all) YOLO_TRY(check_config(c));
  for (int i = 0; i < c->count; ++i) YOLO_TRY(check_place(c, c->splits[i].out));
done:
  return st;
}
