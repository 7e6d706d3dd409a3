/* Folders of files: see folder.h. */
#include "datasets/folder.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"

/* ---- names ---- */

bool yolo_image_file_name(const char *name) {
  static const char *const suffixes[] = {".jpg", ".jpeg", ".png", ".bmp", ".tga", ".psd", ".ppm", ".pgm", ".pnm", ".gif"};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; ++i) {
    if (yolo_has_suffix(name, suffixes[i])) return true;
  }
  return false;
}

/* Two runs of digits by value: without leading zeros, the longer is the larger. */
static int compare_digits(const char **a, const char **b) {
  while (**a == '0') ++*a;
  while (**b == '0') ++*b;
  size_t na = strspn(*a, "0123456789"), nb = strspn(*b, "0123456789");
  int order = na != nb ? (na < nb ? -1 : 1) : memcmp(*a, *b, na);
  *a += na;
  *b += nb;
  return order;
}

int yolo_natural_compare(const char *a, const char *b) {
  const char *p = a, *q = b;
  while (*p && *q) {
    if (isdigit((unsigned char)*p) && isdigit((unsigned char)*q)) {
      int order = compare_digits(&p, &q);
      if (order) return order;
    } else if (*p != *q) {
      if (*p == '/' || *q == '/') return *p == '/' ? -1 : 1;
      return (unsigned char)*p - (unsigned char)*q;
    } else {
      ++p, ++q;
    }
  }
  if (*p || *q) return *p ? 1 : -1;
  return strcmp(a, b);
}

bool yolo_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool yolo_is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* ---- the walk ---- */

typedef struct walk {
  const yolo_folder_options *options;
  int depth; /* the limit */
  yolo_folder_visitor visitor;
  void *payload;
} walk;

static bool same_folder(const char *path, const char *other) {
  struct stat a, b;
  return other && stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static yolo_status walk_folder(const walk *w, const char *folder, int depth);

static yolo_status walk_entry(const walk *w, const char *folder, const char *name, int depth) {
  struct stat link, target;
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_join(folder, name, &path));
  if (lstat(path, &link) != 0) goto done; /* it went away meanwhile */
  if (S_ISDIR(link.st_mode)) {
    bool left_out = w->options->depth > 0 && depth + 1 >= w->options->depth;
    if (!left_out && !same_folder(path, w->options->skip)) st = walk_folder(w, path, depth + 1);
  } else if ((!w->options->wanted || w->options->wanted(name)) && stat(path, &target) == 0 && S_ISREG(target.st_mode)) {
    st = w->visitor(w->payload, path, NULL);
  }
done:
  yolo_free(path);
  return st;
}

static yolo_status walk_folder(const walk *w, const char *folder, int depth) {
  yolo_status st = YOLO_OK;
  if (depth >= w->depth) return w->visitor(w->payload, folder, "folders are nested too deeply");
  DIR *dir = opendir(folder);
  if (!dir) return w->visitor(w->payload, folder, strerror(errno));
  for (struct dirent *entry; st == YOLO_OK && (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] != '.') st = walk_entry(w, folder, entry->d_name, depth);
  }
  closedir(dir);
  return st;
}

yolo_status yolo_folder_walk(const char *folder, const yolo_folder_options *options, yolo_folder_visitor visitor,
                             void *payload) {
  static const yolo_folder_options none = {0};
  walk w = {options ? options : &none, YOLO_FOLDER_MAX_DEPTH, visitor, payload};
  size_t length = strlen(folder);
  while (length > 1 && folder[length - 1] == '/') --length; /* "photos//" would show in every name */
  char *clean = yolo_strndup(folder, length);
  if (!clean) return YOLO_ENOMEM;
  yolo_status st = walk_folder(&w, clean, 0);
  yolo_free(clean);
  return st;
}

/* ---- lists ---- */

void yolo_file_list_free(yolo_file_list *list) {
  for (size_t i = 0; i < list->count; ++i) yolo_free(list->paths[i]);
  yolo_free(list->paths);
  *list = (yolo_file_list){0};
}

yolo_status yolo_file_list_add(yolo_file_list *list, const char *path) {
  if (list->count == list->room) {
    size_t room = list->room ? list->room * 2 : 64;
    char **paths = yolo_realloc(list->paths, room * sizeof *paths);
    if (!paths) return YOLO_ENOMEM;
    list->paths = paths;
    list->room = room;
  }
  char *copy = yolo_strdup(path);
  if (!copy) return YOLO_ENOMEM;
  list->paths[list->count++] = copy;
  return YOLO_OK;
}

static int compare_paths(const void *a, const void *b) { return yolo_natural_compare(*(char *const *)a, *(char *const *)b); }

static void sort_from(yolo_file_list *list, size_t first) {
  if (list->count > first) qsort(list->paths + first, list->count - first, sizeof *list->paths, compare_paths);
}

static yolo_status take_file(void *payload, const char *path, const char *problem) {
  return problem ? yolo_fail(YOLO_EIO, "%s: %s", path, problem) : yolo_file_list_add(payload, path);
}

yolo_status yolo_folder_files(const char *folder, const yolo_folder_options *options, yolo_file_list *out) {
  size_t first = out->count;
  yolo_status st = yolo_folder_walk(folder, options, take_file, out);
  if (st == YOLO_OK) sort_from(out, first);
  return st;
}

static yolo_status take_folder(const char *folder, const char *name, yolo_file_list *out) {
  char *path = NULL;
  yolo_status st = yolo_path_join(folder, name, &path);
  if (st == YOLO_OK && yolo_is_folder(path)) st = yolo_file_list_add(out, name);
  yolo_free(path);
  return st;
}

yolo_status yolo_folder_folders(const char *folder, yolo_file_list *out) {
  yolo_status st = YOLO_OK;
  size_t first = out->count;
  DIR *dir = opendir(folder);
  if (!dir) return yolo_fail(YOLO_EIO, "%s: %s", folder, strerror(errno));
  for (struct dirent *entry; st == YOLO_OK && (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] != '.') st = take_folder(folder, entry->d_name, out);
  }
  closedir(dir);
  if (st == YOLO_OK) sort_from(out, first);
  return st;
}
