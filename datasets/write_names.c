/* Names, links and lists of the folders that are written: see write_names.h. */
#include "datasets/write_names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/output.h"
#include "backbone/base/paths.h"
#include "backbone/base/strmap.h"
#include "backbone/base/text.h"
#include "datasets/probe.h"
#include "datasets/readers.h"

/* ---- names ---- */

static const char *file_of(const yolo_dataset *d, size_t i) {
  return d->images[i].pixels == UINT64_MAX ? yolo_dataset_text(d, d->images[i].file) : "";
}

/* The folder that all images share, from /. */
static yolo_status common_folder(const yolo_dataset *d, char **common) {
  char *path = NULL, *folder = NULL;
  yolo_status st = YOLO_OK;
  for (size_t i = 0; i < d->n_images; ++i) {
    if (!*file_of(d, i)) continue;
    YOLO_TRY(yolo_path_absolute(file_of(d, i), &path));
    YOLO_TRY(yolo_path_parent(path, &folder));
    YOLO_TRY(yolo_path_common(common, folder));
    yolo_free(path);
    yolo_free(folder);
    path = folder = NULL;
  }
done:
  yolo_free(path);
  yolo_free(folder);
  return st;
}

/* `name` when its stem is new, else the first of name-2, name-3 ... that is. */
static yolo_status unique_name(yolo_strmap *stems, const char *name, yolo_text *out) {
  char *stem = NULL;
  yolo_text tried = {0};
  bool taken = false;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_change_suffix(name, "", &stem));
  YOLO_TRY(yolo_text_format(&tried, "%s", stem));
  YOLO_TRY(yolo_strmap_add(stems, tried.data, 1, &taken));
  for (int k = 2; taken; ++k) {
    tried.length = 0;
    YOLO_TRY(yolo_text_format(&tried, "%s-%d", stem, k));
    YOLO_TRY(yolo_strmap_add(stems, tried.data, 1, &taken));
  }
  YOLO_TRY(yolo_text_format(out, "%s%s", tried.data, name + strlen(stem)));
done:
  yolo_free(stem);
  yolo_text_free(&tried);
  return st;
}

static yolo_status add_name(const char *common, const char *file, bool flat, yolo_strmap *stems, yolo_file_list *out) {
  char *path = NULL, *name = NULL;
  yolo_text unique = {0};
  yolo_status st = YOLO_OK;
  if (!*file) return yolo_file_list_add(out, "");
  YOLO_TRY(yolo_path_absolute(file, &path));
  YOLO_ENOMEM_IF_NULL(name = yolo_strdup(yolo_path_below(common, path)));
  for (char *p = name; flat && *p; ++p)
    if (*p == '/') *p = '_';
  YOLO_TRY(unique_name(stems, name, &unique));
  YOLO_TRY(yolo_file_list_add(out, unique.data));
done:
  yolo_free(path);
  yolo_free(name);
  yolo_text_free(&unique);
  return st;
}

yolo_status yolo_write_names(const yolo_dataset *dataset, bool flat, yolo_file_list *out) {
  yolo_strmap stems = {0};
  char *common = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(common_folder(dataset, &common));
  for (size_t i = 0; i < dataset->n_images; ++i) YOLO_TRY(add_name(common, file_of(dataset, i), flat, &stems, out));
done:
  yolo_strmap_free(&stems);
  yolo_free(common);
  return st;
}

/* ---- links ---- */

/* "../../" and the rest from the folder of `link` to `target`, where both lie in `root`; else the target. All from /. */
static yolo_status link_text(const char *root, const char *link, const char *target, yolo_text *out) {
  size_t length = strlen(root);
  yolo_status st = YOLO_OK;
  bool below = strncmp(target, root, length) == 0 && target[length] == '/';
  for (const char *p = link + length + 1; below && st == YOLO_OK && (p = strchr(p, '/')) != NULL; ++p)
    st = yolo_text_format(out, "../");
  return st == YOLO_OK ? yolo_text_format(out, "%s", below ? target + length + 1 : target) : st;
}

yolo_status yolo_write_link(const char *root, const char *folder, const char *name, const char *image) {
  char *path = NULL, *link = NULL, *target = NULL, *top = NULL;
  yolo_text text = {0};
  struct stat there, info;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_join(folder, name, &path));
  YOLO_TRY(yolo_path_absolute(path, &link));
  YOLO_TRY(yolo_path_absolute(image, &target));
  YOLO_TRY(yolo_path_absolute(root, &top));
  if (stat(target, &info) != 0) goto done; /* the image is missing: a link would dangle */
  if (lstat(link, &there) == 0 && !S_ISLNK(there.st_mode)) {
    if (there.st_dev != info.st_dev || there.st_ino != info.st_ino)
      st = yolo_fail(YOLO_EINVAL, "%s: another file lies where the link to %s must be; choose an empty folder", path, image);
    goto done;
  }
  YOLO_TRY(link_text(top, link, target, &text));
  YOLO_TRY(yolo_path_make_parent(link));
  (void)unlink(link);
  if (symlink(text.data, link) != 0)
    st = yolo_fail(YOLO_EIO, "%s: the link to the image cannot be made: %s", path, strerror(errno));
done:
  yolo_free(path);
  yolo_free(link);
  yolo_free(target);
  yolo_free(top);
  yolo_text_free(&text);
  return st;
}

/* ---- lists and numbers ---- */

/* A name fit for a line of its own. */
static yolo_status put_class(yolo_text *text, const char *name, size_t index) {
  size_t start = text->length;
  name += strspn(name, " \t\r\n");
  yolo_status st = *name ? yolo_text_format(text, "%s", name) : yolo_text_format(text, "class %zu", index);
  for (size_t i = start; i < text->length; ++i)
    if (text->data[i] == '\n' || text->data[i] == '\r') text->data[i] = ' ';
  return st == YOLO_OK ? yolo_text_append(text, "\n", 1) : st;
}

yolo_status yolo_write_classes(const yolo_dataset *dataset, const char *folder, bool background) {
  yolo_text text = {0};
  char *path = NULL;
  yolo_status st = YOLO_OK;
  if (background) YOLO_TRY(yolo_text_format(&text, "background\n"));
  for (size_t i = 0; i < dataset->n_classes; ++i) YOLO_TRY(put_class(&text, yolo_dataset_class_name(dataset, (int)i), i));
  YOLO_TRY(yolo_path_join(folder, "classes.txt", &path));
  YOLO_TRY(yolo_write_file(path, text.data ? text.data : "", text.length));
done:
  yolo_text_free(&text);
  yolo_free(path);
  return st;
}

yolo_status yolo_write_small(const char *path, const char *bytes, size_t length) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), error = errno;
  bool written = fd >= 0;
  for (size_t done = 0; written && done < length;) {
    ssize_t put = write(fd, bytes + done, length - done);
    if (put < 0 && errno == EINTR) continue;
    written = put > 0;
    if (!written) error = errno;
    if (written) done += (size_t)put;
  }
  if (fd >= 0 && close(fd) != 0 && written) {
    written = false;
    error = errno;
  }
  return written ? YOLO_OK : yolo_fail(YOLO_EIO, "%s: cannot be written: %s", path, strerror(error));
}

yolo_status yolo_write_place(const char *folder, const char *name, const char *suffix, char **out) {
  char *other = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_change_suffix(name, suffix, &other));
  YOLO_TRY(yolo_path_join(folder, other, out));
  YOLO_TRY(yolo_path_make_parent(*out));
done:
  yolo_free(other);
  return st;
}

yolo_status yolo_write_number(yolo_text *text, double value) {
  size_t start = text->length;
  yolo_status st = yolo_text_format(text, "%.10g", value);
  for (size_t i = start; st == YOLO_OK && i < text->length; ++i)
    if (!strchr("+-0123456789einfa.", text->data[i])) text->data[i] = '.';
  return st;
}

bool yolo_write_size(const yolo_dataset *dataset, const yolo_data_image *image, int size[2]) {
  yolo_image_header header;
  size[0] = image->width;
  size[1] = image->height;
  if (size[0] > 0 && size[1] > 0) return true;
  if (yolo_image_probe(yolo_dataset_text(dataset, image->file), &header) != YOLO_OK) return false;
  size[0] = yolo_upright_width(&header);
  size[1] = yolo_upright_height(&header);
  return true;
}
