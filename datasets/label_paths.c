/* From the path of an image to that of its labels, and back: see readers.h.
 *
 * The rule that most tools share: ".../images/train/a.jpg" has its labels in ".../labels/train/a.txt". Darknet replaces the
 * text "images" wherever it stands, so that a file called "images12.jpg" loses its labels; here only a whole folder name
 * counts, and of several the last. */
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"
#include "datasets/readers.h"

/* Where the last suffix of the file name begins; the end when it has none. */
static size_t suffix_at(const char *path) {
  const char *base = yolo_basename(path), *dot = strrchr(base, '.');
  return dot && dot > base ? (size_t)(dot - path) : strlen(path);
}

/* The last folder of the path with this name (the file's own name is none); NULL. */
static const char *last_folder(const char *path, const char *name) {
  const char *found = NULL;
  size_t length = strlen(name);
  for (const char *part = path, *slash; (slash = strchr(part, '/')) != NULL; part = slash + 1) {
    if ((size_t)(slash - part) == length && memcmp(part, name, length) == 0) found = part;
  }
  return found;
}

yolo_status yolo_change_suffix(const char *path, const char *suffix, char **out) {
  yolo_text text = {0};
  yolo_status st = yolo_text_format(&text, "%.*s%s", (int)suffix_at(path), path, suffix);
  if (st != YOLO_OK) return st;
  *out = text.data;
  return YOLO_OK;
}

yolo_status yolo_swap_folder(const char *path, const char *from, const char *to, char **out) {
  const char *folder = last_folder(path, from);
  yolo_text text = {0};
  *out = NULL;
  if (!folder) return YOLO_OK;
  yolo_status st = yolo_text_format(&text, "%.*s%s%s", (int)(folder - path), path, to, folder + strlen(from));
  if (st != YOLO_OK) return st;
  *out = text.data;
  return YOLO_OK;
}

yolo_status yolo_counterpart(const char *folder, const char *from, const char *to, char **out) {
  char *inside = NULL, *other = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(yolo_path_join(folder, "x", &inside));
  YOLO_TRY(yolo_swap_folder(inside, from, to, &other));
  if (!other) goto done;
  YOLO_TRY(yolo_path_parent(other, out));
  if (!yolo_is_folder(*out)) {
    yolo_free(*out);
    *out = NULL;
  }
done:
  yolo_free(inside);
  yolo_free(other);
  return st;
}

/* The folder above the last one that is called `name`; *out NULL: none is. */
static yolo_status above(const char *folder, const char *name, char **out) {
  char *inside = NULL;
  yolo_status st = yolo_path_join(folder, "x", &inside);
  const char *at = st == YOLO_OK ? last_folder(inside, name) : NULL;
  *out = NULL;
  if (at && at == inside) {
    YOLO_ENOMEM_IF_NULL(*out = yolo_strdup("."));
  } else if (at) {
    size_t length = (size_t)(at - inside);
    YOLO_ENOMEM_IF_NULL(*out = yolo_strndup(inside, length > 1 ? length - 1 : length));
  }
done:
  yolo_free(inside);
  return st;
}

/* The folder of the whole set: above images/train is images', above a folder without such names the next; NULL where `folder`
 * holds images/ or labels/ and so is the whole. */
static yolo_status whole_set(const char *folder, char **out) {
  static const char *const parts[] = {"images", "labels", "masks", "Annotations"};
  yolo_status st = YOLO_OK;
  char *inside = NULL;
  bool whole = false;
  *out = NULL;
  for (size_t i = 0; !*out && i < sizeof parts / sizeof *parts; ++i) YOLO_TRY(above(folder, parts[i], out));
  for (size_t i = 0; !*out && !whole && i < sizeof parts / sizeof *parts; ++i) {
    yolo_free(inside);
    inside = NULL;
    YOLO_TRY(yolo_path_join(folder, parts[i], &inside));
    whole = yolo_is_folder(inside);
  }
  if (!*out && !whole) st = yolo_path_parent(folder, out);
done:
  yolo_free(inside);
  return st;
}

yolo_status yolo_names_around(const char *folder, yolo_file_list *names) {
  char *folders[3] = {NULL};
  bool found = false;
  yolo_status st = YOLO_OK;
  YOLO_ENOMEM_IF_NULL(folders[0] = yolo_strdup(folder));
  YOLO_TRY(yolo_counterpart(folder, "images", "labels", &folders[1]));
  YOLO_TRY(whole_set(folder, &folders[2]));
  for (int i = 0; i < 3 && !found; ++i)
    if (folders[i]) YOLO_TRY(yolo_find_names(folders[i], names, &found));
done:
  for (int i = 0; i < 3; ++i) yolo_free(folders[i]);
  return st;
}

/* Takes FOLDER/PATH for *out where such a file or folder exists. */
static yolo_status try_below(const char *folder, const char *path, char **out) {
  char *joined = NULL;
  yolo_status st = yolo_path_join(folder, path, &joined);
  if (st == YOLO_OK && (yolo_is_file(joined) || yolo_is_folder(joined))) {
    *out = joined;
    return YOLO_OK;
  }
  yolo_free(joined);
  return st;
}

static yolo_status try_all(const char *path, const char *folder, char **out) {
  char *parent = NULL;
  yolo_status st = YOLO_OK;
  if (yolo_is_file(path) || yolo_is_folder(path)) {
    YOLO_ENOMEM_IF_NULL(*out = yolo_strdup(path));
  } else if (folder && *path != '/') {
    YOLO_TRY(try_below(folder, path, out));
    if (*out) goto done;
    YOLO_TRY(yolo_path_parent(folder, &parent));
    YOLO_TRY(try_below(parent, path, out));
  }
done:
  yolo_free(parent);
  return st;
}

yolo_status yolo_resolve(const char *path, const char *folder, char **out) {
  char *slashes = NULL;
  yolo_status st = YOLO_OK;
  *out = NULL;
  YOLO_TRY(try_all(path, folder, out));
  if (!*out && strchr(path, '\\')) {
    YOLO_ENOMEM_IF_NULL(slashes = yolo_strdup(path));
    for (char *p = slashes; *p; ++p)
      if (*p == '\\') *p = '/';
    YOLO_TRY(try_all(slashes, folder, out));
  }
  if (!*out) YOLO_ENOMEM_IF_NULL(*out = yolo_strdup(path));
done:
  yolo_free(slashes);
  return st;
}

yolo_status yolo_find_image(const char *folder, const char *stem, char **out) {
  static const char *const suffixes[] = {"jpg", "jpeg", "png", "bmp", "JPG", "JPEG", "PNG",
                                         "ppm", "pgm",  "tga", "gif", "psd", "pnm",  "BMP"};
  yolo_status st = YOLO_OK;
  *out = NULL;
  for (size_t i = 0; st == YOLO_OK && !*out && i < sizeof suffixes / sizeof *suffixes; ++i) {
    yolo_text name = {0};
    st = yolo_text_format(&name, "%s.%s", stem, suffixes[i]);
    if (st == YOLO_OK) st = try_below(folder, name.data, out);
    yolo_text_free(&name);
  }
  return st;
}

yolo_status yolo_add_image(yolo_dataset_builder *builder, const yolo_new_image *image, size_t *index) {
  yolo_data_image row = {.id = YOLO_DATA_RUNNING_ID,
                         .pixels = image->pixels,
                         .place = image->place,
                         .width = image->width,
                         .height = image->height,
                         .label = image->label};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_dataset_builder_text(builder, image->file, &row.file));
  YOLO_TRY(yolo_dataset_builder_text(builder, image->name ? image->name : yolo_basename(image->file), &row.name));
  if (image->mask_file) YOLO_TRY(yolo_dataset_builder_text(builder, image->mask_file, &row.mask_file));
  if (image->label_file) YOLO_TRY(yolo_dataset_builder_text(builder, image->label_file, &row.label_file));
  YOLO_TRY(yolo_dataset_builder_image(builder, &row, index));
done:
  return st;
}
