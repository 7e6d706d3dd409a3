/* Paths as text, and folders on disk: see paths.h. */
#include "backbone/base/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/text.h"

/* Drops "", "." and ".." from an absolute path, in place: read ahead, write behind. */
static void normalise(char *path) {
  size_t write = 0;
  for (const char *read = path; *read;) {
    read += strspn(read, "/");
    size_t n = strcspn(read, "/");
    if (n == 0 || (n == 1 && read[0] == '.')) {
      /* nothing to keep */
    } else if (n == 2 && read[0] == '.' && read[1] == '.') {
      while (write > 0 && path[--write] != '/') continue;
    } else {
      path[write++] = '/';
      memmove(path + write, read, n);
      write += n;
    }
    read += n;
  }
  if (write == 0) path[write++] = '/';
  path[write] = '\0';
}

yolo_status yolo_path_absolute(const char *path, char **out) {
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  if (*path != '/') {
    char here[PATH_MAX];
    st = getcwd(here, sizeof here) ? yolo_text_format(&text, "%s/", here)
                                   : yolo_fail(YOLO_EIO, "the current folder cannot be named: %s", strerror(errno));
  }
  if (st == YOLO_OK) st = yolo_text_append(&text, path, strlen(path));
  if (st != YOLO_OK) {
    yolo_text_free(&text);
    return st;
  }
  normalise(text.data);
  *out = text.data;
  return YOLO_OK;
}

yolo_status yolo_path_parent(const char *path, char **out) {
  const char *slash = strrchr(path, '/');
  size_t length = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
  *out = yolo_strndup(slash ? path : ".", length);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

yolo_status yolo_path_join(const char *folder, const char *name, char **out) {
  yolo_text text = {0};
  size_t length = strlen(folder);
  const char *slash = length && folder[length - 1] == '/' ? "" : "/";
  if (strcmp(folder, ".") == 0) folder = slash = "";
  yolo_status st = yolo_text_format(&text, "%s%s%s", folder, slash, name);
  if (st != YOLO_OK) {
    yolo_text_free(&text);
    return st;
  }
  *out = text.data;
  return YOLO_OK;
}

yolo_status yolo_path_common(char **common, const char *folder) {
  if (!*common) {
    *common = yolo_strdup(folder);
    return *common ? YOLO_OK : YOLO_ENOMEM;
  }
  char *kept = *common;
  size_t same = 0, cut = 0;
  while (kept[same] && kept[same] == folder[same]) {
    if (kept[same] == '/') cut = same;
    ++same;
  }
  if ((kept[same] == '\0' || kept[same] == '/') && (folder[same] == '\0' || folder[same] == '/')) cut = same;
  kept[cut ? cut : 1] = '\0';
  return YOLO_OK;
}

const char *yolo_path_below(const char *folder, const char *path) {
  size_t length = strlen(folder);
  if (strncmp(folder, path, length) != 0) return path + strspn(path, "/");
  return path + length + strspn(path + length, "/");
}

static yolo_status make_one(const char *path) {
  struct stat info;
  if (mkdir(path, 0777) == 0) return YOLO_OK;
  const int error = errno;
  if (error == EEXIST && stat(path, &info) == 0) {
    if (S_ISDIR(info.st_mode)) return YOLO_OK;
    return yolo_fail(YOLO_EIO, "'%s' is a file, not a folder; name another folder", path);
  }
  return yolo_fail(YOLO_EIO, "the folder '%s' could not be made: %s", path, strerror(error));
}

bool yolo_path_same_file(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

yolo_status yolo_path_make_folder(const char *path) {
  yolo_status st = YOLO_OK;
  char *copy = yolo_strdup(path);
  if (!copy) return YOLO_ENOMEM;
  for (char *p = copy + 1; st == YOLO_OK && *p; ++p) {
    if (*p != '/') continue;
    *p = '\0';
    st = make_one(copy);
    *p = '/';
  }
  if (st == YOLO_OK) st = make_one(copy);
  yolo_free(copy);
  return st;
}

yolo_status yolo_path_make_parent(const char *file) {
  char *parent = NULL;
  yolo_status st = yolo_path_parent(file, &parent);
  if (st == YOLO_OK) st = yolo_path_make_folder(parent);
  yolo_free(parent);
  return st;
}

yolo_status yolo_path_cache(char **out) {
  const char *own = getenv("YOLO_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  *out = NULL;
  if (own && *own) return (*out = yolo_strdup(own)) ? YOLO_OK : YOLO_ENOMEM;
  if (xdg && *xdg == '/') return yolo_path_join(xdg, "yolo", out); /* the specification: relative ones do not count */
  if (home && *home) return yolo_path_join(home, ".cache/yolo", out);
  return yolo_fail(YOLO_EIO, "there is no folder to cache in: neither YOLO_CACHE nor HOME is set");
}
