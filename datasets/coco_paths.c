/* The files of a COCO set: the JSON, and where its images lie.
 *
 * COCO itself has annotations/instances_val2017.json beside val2017/ or images/val2017/; exports of labelling tools put
 * _annotations.coco.json into the folder of the images. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "datasets/folder.h"
#include "datasets/read_coco.h"

static const char folder_json[] = "_annotations.coco.json";

yolo_status yolo_coco_json_path(const yolo_data_source *source, char **out) {
  if (yolo_is_folder(source->labels)) return yolo_path_join(source->labels, folder_json, out);
  *out = yolo_strdup(source->labels);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

/* ---- the folder of the images ---- */

/* The folder that holds `folder`, which may be "." or end in "..". */
static yolo_status folder_above(const char *folder, char **out) {
  const char *last = yolo_basename(folder);
  if (strcmp(folder, ".") == 0) folder = last = "";
  if (*last == '\0' || strcmp(last, "..") == 0) return yolo_path_join(*folder ? folder : ".", "..", out);
  return yolo_path_parent(folder, out);
}

/* "instances_val2017.json" -> "val2017"; "" when the name has no such form. *out: yolo_free. */
static yolo_status split_name(const char *json, char **out) {
  static const char *const prefixes[] = {"instances_", "person_keypoints_", "image_info_", "panoptic_"};
  const char *base = yolo_basename(json), *split = "";
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
    if (strncmp(base, prefixes[i], strlen(prefixes[i])) == 0) split = base + strlen(prefixes[i]);
  *out = yolo_strndup(split, yolo_has_suffix(split, ".json") ? strlen(split) - 5 : strlen(split));
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

/* Is the image there? Then *folder is kept, else freed. */
static yolo_status try_folder(char **folder, const char *image, bool *found) {
  char *path = NULL;
  yolo_status st = yolo_coco_image_path(*folder, image, &path);
  *found = st == YOLO_OK && access(path, F_OK) == 0;
  yolo_free(path);
  if (*found) return st;
  yolo_free(*folder);
  *folder = NULL;
  return st;
}

/* %: the name of the split; ^: the folder above the JSON's; else below the JSON's. */
static yolo_status expand(const char *pattern, const char *here, const char *above, const char *split, char **out) {
  const char *base = *pattern == '^' ? above : here;
  yolo_text tail = {0};
  yolo_status st = YOLO_OK;
  for (const char *p = pattern + (*pattern == '^'); *p && st == YOLO_OK; p++)
    st = *p == '%' ? yolo_text_format(&tail, "%s", split) : yolo_text_append(&tail, p, 1);
  if (st == YOLO_OK && tail.length) {
    st = yolo_path_join(base, tail.data, out);
  } else if (st == YOLO_OK) {
    *out = yolo_strdup(base);
    st = *out ? YOLO_OK : YOLO_ENOMEM;
  }
  yolo_text_free(&tail);
  return st;
}

static yolo_status search_places(const char *here, const char *above, const char *split, const char *image, char **out) {
  static const char *const places[] = {"^%", "^images/%", "%", "images/%", "^images", "images", ""};
  yolo_status st = YOLO_OK;
  bool found = false;
  for (size_t i = 0; i < sizeof places / sizeof places[0] && !found && st == YOLO_OK; i++) {
    if (*split == '\0' && strchr(places[i], '%')) continue;
    st = expand(places[i], here, above, split, out);
    if (st == YOLO_OK) st = try_folder(out, image, &found);
  }
  return st;
}

yolo_status yolo_coco_images_folder(const yolo_data_source *source, const char *json, const char *first_image, char **out) {
  yolo_status st = YOLO_OK;
  char *here = NULL, *above = NULL, *split = NULL;
  *out = NULL;
  if (source->images) {
    *out = yolo_strdup(source->images);
    return *out ? YOLO_OK : YOLO_ENOMEM;
  }
  YOLO_TRY(yolo_path_parent(json, &here));
  YOLO_TRY(folder_above(here, &above));
  YOLO_TRY(split_name(json, &split));
  YOLO_TRY(search_places(here, above, split, first_image, out));
  if (!*out) { /* nowhere: messages then name the JSON's own folder */
    *out = here;
    here = NULL;
  }
done:
  yolo_free(here);
  yolo_free(above);
  yolo_free(split);
  return st;
}

yolo_status yolo_coco_image_path(const char *folder, const char *name, char **out) {
  if (*name != '/') return yolo_path_join(folder, name, out);
  *out = yolo_strdup(name);
  return *out ? YOLO_OK : YOLO_ENOMEM;
}

/* ---- recognising ---- */

/* The first byte that is no blank, after a byte order mark. */
static char first_byte(const char *path) {
  char bytes[256];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, bytes, sizeof bytes - 1), i = 0;
  if (fd >= 0) close(fd);
  if (n < 1) return '\0';
  bytes[n] = '\0';
  if (n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) i = 3;
  return bytes[i + (ssize_t)strspn(bytes + i, " \t\r\n")];
}

/* A list, too: no labels, but the reader says so better than "no format that is known". */
bool yolo_coco_sniff(const yolo_data_source *source) {
  char *json = NULL;
  bool known = false;
  if (yolo_coco_json_path(source, &json) == YOLO_OK && yolo_is_file(json) && yolo_has_suffix(json, ".json")) {
    char first = first_byte(json);
    known = first == '{' || first == '[';
  }
  yolo_free(json);
  return known;
}
