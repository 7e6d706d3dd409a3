/* From words to image files: see sources.h. */
#include "cli/sources.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/folder.h"

static int compare_items(const void *a, const void *b) {
  return yolo_natural_compare(((const source_item *)a)->path, ((const source_item *)b)->path);
}

/* ---- the list ---- */

static yolo_status reserve(source_list *list) {
  if (list->count < list->capacity) return YOLO_OK;
  int capacity = list->capacity ? list->capacity * 2 : 64;
  source_item *items = yolo_realloc(list->items, (size_t)capacity * sizeof *items);
  if (!items) return YOLO_ENOMEM;
  list->items = items;
  list->capacity = capacity;
  return YOLO_OK;
}

/* `root`: the folder its outputs are named from (NULL: the folder of the file). problem may be NULL. */
static yolo_status add(source_list *list, const char *path, const char *root, const char *problem) {
  source_item item = {0};
  char *base = NULL;
  bool was_there = false;
  yolo_status st = YOLO_OK;
  YOLO_TRY(reserve(list));
  YOLO_TRY(yolo_path_absolute(path, &item.absolute));
  YOLO_TRY(yolo_strmap_add(&list->known, item.absolute, list->count, &was_there));
  if (was_there) goto done;
  YOLO_TRY(root ? yolo_path_absolute(root, &base) : yolo_path_parent(item.absolute, &base));
  YOLO_TRY(yolo_path_common(&list->common, base));
  YOLO_ENOMEM_IF_NULL(item.path = yolo_strdup(path));
  if (problem) YOLO_ENOMEM_IF_NULL(item.problem = yolo_strdup(problem));
  list->problems += problem != NULL;
  list->items[list->count++] = item;
  item = (source_item){0};
done:
  yolo_free(base);
  yolo_free(item.path);
  yolo_free(item.absolute);
  yolo_free(item.problem);
  return st;
}

/* ---- folders ---- */

typedef struct walk {
  source_list *list;
  const char *root;
} walk;

static yolo_status add_found(void *payload, const char *path, const char *problem) {
  walk *w = payload;
  return add(w->list, path, w->root, problem);
}

/* Everything below a folder, in natural order. */
static yolo_status add_folder(source_list *list, const char *folder) {
  const yolo_folder_options options = {.wanted = yolo_image_file_name, .skip = list->skip};
  walk w = {list, folder};
  int first = list->count;
  yolo_status st = yolo_folder_walk(folder, &options, add_found, &w);
  if (st != YOLO_OK) return st;
  if (list->count > first) qsort(list->items + first, (size_t)(list->count - first), sizeof *list->items, compare_items);
  return YOLO_OK;
}

/* ---- lists and patterns ---- */

/* One line of a list: a file or a folder, seen from here or from the list's own folder. */
static yolo_status add_line(source_list *list, const char *line, const char *list_folder) {
  struct stat info;
  char *beside = NULL;
  const char *path = line;
  yolo_status st = YOLO_OK;
  if (stat(path, &info) != 0 && list_folder && *line != '/') {
    YOLO_TRY(yolo_path_join(list_folder, line, &beside));
    if (stat(beside, &info) == 0) path = beside;
  }
  if (stat(path, &info) != 0) {
    st = add(list, line, NULL, strerror(errno));
  } else {
    st = S_ISDIR(info.st_mode) ? add_folder(list, path) : add(list, path, NULL, NULL);
  }
done:
  yolo_free(beside);
  return st;
}

static yolo_status add_lines(source_list *list, FILE *stream, const char *name, const char *list_folder) {
  char *line = NULL;
  size_t room = 0;
  ssize_t length;
  yolo_status st = YOLO_OK;
  while (st == YOLO_OK && (length = getline(&line, &room, stream)) >= 0) {
    if (memchr(line, '\0', (size_t)length)) {
      st = yolo_fail(YOLO_EFORMAT, "%s: this is no list of image files: it holds binary data", name);
      break;
    }
    while (length > 0 && isspace((unsigned char)line[length - 1])) line[--length] = '\0';
    char *start = line + strspn(line, " \t");
    if (*start) st = add_line(list, start, list_folder);
  }
  if (st == YOLO_OK && ferror(stream)) st = yolo_fail(YOLO_EIO, "%s: %s", name, strerror(errno));
  free(line); /* getline's own */
  return st;
}

static yolo_status add_list_file(source_list *list, const char *path) {
  char *folder = NULL;
  FILE *stream = NULL;
  yolo_status st = yolo_path_parent(path, &folder);
  if (st != YOLO_OK) return st;
  stream = fopen(path, "r");
  st = stream ? add_lines(list, stream, path, folder) : yolo_fail(YOLO_EIO, "%s: %s", path, strerror(errno));
  if (stream) fclose(stream);
  yolo_free(folder);
  return st;
}

static yolo_status add_matches(source_list *list, const char *pattern, const glob_t *matches) {
  int first = list->count;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; st == YOLO_OK && i < matches->gl_pathc; ++i) {
    const char *path = matches->gl_pathv[i];
    struct stat info;
    if (stat(path, &info) != 0) continue;
    if (S_ISDIR(info.st_mode)) {
      st = add_folder(list, path);
    } else if (yolo_image_file_name(path)) {
      st = add(list, path, NULL, NULL);
    }
  }
  if (st != YOLO_OK) return st;
  if (list->count == first) return add(list, pattern, NULL, "the pattern matches no image that is not listed already");
  qsort(list->items + first, (size_t)(list->count - first), sizeof *list->items, compare_items);
  return YOLO_OK;
}

static yolo_status add_pattern(source_list *list, const char *pattern) {
  glob_t matches = {0};
  int rc = glob(pattern, GLOB_NOSORT, NULL, &matches);
  yolo_status st = rc == 0 ? add_matches(list, pattern, &matches) : add(list, pattern, NULL, "no file matches the pattern");
  globfree(&matches);
  return st;
}

static yolo_status add_word(source_list *list, const char *word) {
  struct stat info;
  if (strcmp(word, "-") == 0) return add_lines(list, stdin, "standard input", NULL);
  if (!*word) return yolo_fail(YOLO_EINVAL, "an empty name was given as an image");
  if (stat(word, &info) != 0) {
    if (strpbrk(word, "*?[")) return add_pattern(list, word);
    return add(list, word, NULL, strerror(errno));
  }
  if (S_ISDIR(info.st_mode)) return add_folder(list, word);
  return yolo_has_suffix(word, ".txt") ? add_list_file(list, word) : add(list, word, NULL, NULL);
}

yolo_status sources_expand(char *const *words, int count, source_list *out) {
  for (int i = 0; i < count; ++i) {
    yolo_status st = add_word(out, words[i]);
    if (st != YOLO_OK) return st;
  }
  if (out->count == 0) {
    return yolo_fail(YOLO_EINVAL,
                     "%s%s: no image found. Folders are searched for jpg, jpeg, png, bmp, tga, psd, ppm, pgm, pnm, gif",
                     words[0], count > 1 ? " and the others" : "");
  }
  if (out->count == out->problems) return yolo_fail(YOLO_EIO, "%s: %s", out->items[0].path, out->items[0].problem);
  return YOLO_OK;
}

void sources_free(source_list *list) {
  for (int i = 0; i < list->count; ++i) {
    yolo_free(list->items[i].path);
    yolo_free(list->items[i].absolute);
    yolo_free(list->items[i].problem);
    yolo_free(list->items[i].stem);
  }
  yolo_free(list->items);
  yolo_free(list->common);
  yolo_strmap_free(&list->known);
  *list = (source_list){0};
}
