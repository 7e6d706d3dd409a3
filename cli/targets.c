/* Where outputs go: see targets.h. */
#include "cli/targets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "backbone/base/paths.h"

enum { TARGETS_MAX_RUNS = 100000 };

/* The suffix with its dot, or "" ("a.b/c" and ".hidden" have none). */
static const char *suffix_of(const char *path) {
  const char *name = yolo_basename(path), *dot = strrchr(name, '.');
  return dot && dot != name ? dot : name + strlen(name);
}

/* First the plain stem, then with the suffix's letters, then numbered. */
static yolo_status unique_stem(yolo_strmap *taken, const char *below, char **out) {
  const char *suffix = suffix_of(below);
  int length = (int)(suffix - below);
  yolo_text text = {0};
  bool was_there = true;
  yolo_status st = YOLO_OK;
  for (int try = 0; was_there; ++try) {
    text.length = 0;
    YOLO_TRY(yolo_text_format(&text, "%.*s", length, below));
    if (try == 1) YOLO_TRY(yolo_text_format(&text, "-%s", *suffix ? suffix + 1 : "2"));
    if (try > 1) YOLO_TRY(yolo_text_format(&text, "-%d", try));
    YOLO_TRY(yolo_strmap_add(taken, text.data, 0, &was_there));
  }
  *out = text.data;
  text = (yolo_text){0};
done:
  yolo_text_free(&text);
  return st;
}

yolo_status targets_name(source_list *list) {
  yolo_strmap taken = {0};
  yolo_status st = YOLO_OK;
  for (int i = 0; st == YOLO_OK && i < list->count; ++i) {
    source_item *item = &list->items[i];
    st = unique_stem(&taken, yolo_path_below(list->common, item->absolute), &item->stem);
  }
  yolo_strmap_free(&taken);
  return st;
}

static yolo_status make_new_folder(char **out) {
  char path[64];
  yolo_status st = yolo_path_make_folder("runs");
  if (st != YOLO_OK) return yolo_error_prefix(st, "no place for the pictures (--out DIR names another): ");
  for (int i = 1; i <= TARGETS_MAX_RUNS; ++i) {
    snprintf(path, sizeof path, i == 1 ? "runs/detect" : "runs/detect-%d", i);
    if (mkdir(path, 0777) == 0) {
      *out = yolo_strdup(path);
      return *out ? YOLO_OK : YOLO_ENOMEM;
    }
    if (errno != EEXIST) break;
  }
  return yolo_fail(YOLO_EIO, "the folder '%s' could not be made: %s. --out DIR names another", path, strerror(errno));
}

yolo_status targets_make_folder(const char *wanted, char **out) {
  if (!wanted) return make_new_folder(out);
  yolo_status st = yolo_path_make_folder(wanted);
  if (st != YOLO_OK) return st;
  *out = yolo_strdup(wanted);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

yolo_status targets_picture(const char *folder, const source_item *item, char **out) {
  static const char *const writable[] = {".jpg", ".jpeg", ".png", ".bmp", ".tga"};
  const char *suffix = suffix_of(item->path), *kept = *suffix ? ".png" : ".jpg";
  yolo_text name = {0};
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < sizeof writable / sizeof *writable; ++i) {
    if (yolo_has_suffix(suffix, writable[i])) kept = suffix;
  }
  YOLO_TRY(yolo_text_format(&name, "%s%s", item->stem, kept));
  st = yolo_path_join(folder, name.data, out);
done:
  yolo_text_free(&name);
  return st;
}

/* Which file a path means, as text; false when there is none. */
static bool identity(const char *path, char to[64]) {
  struct stat info;
  if (stat(path, &info) != 0) return false;
  snprintf(to, 64, "%llx:%llx", (unsigned long long)info.st_dev, (unsigned long long)info.st_ino);
  return true;
}

yolo_status targets_check(const char *folder, const source_list *list) {
  yolo_strmap sources = {0};
  char id[64], *target = NULL;
  yolo_status st = YOLO_OK;
  for (int i = 0; i < list->count; ++i) {
    if (identity(list->items[i].path, id)) YOLO_TRY(yolo_strmap_add(&sources, id, i, NULL));
  }
  for (int i = 0; i < list->count; ++i) {
    YOLO_TRY(targets_picture(folder, &list->items[i], &target));
    if (identity(target, id) && yolo_strmap_get(&sources, id, NULL)) {
      st = yolo_fail(YOLO_EINVAL, "the picture '%s' would be written over an image of yours; name another --out", target);
      goto done;
    }
    yolo_free(target);
    target = NULL;
  }
done:
  yolo_free(target);
  yolo_strmap_free(&sources);
  return st;
}
