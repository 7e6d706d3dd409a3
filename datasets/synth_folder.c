/* The folder of a drawn data set: see synth_folder.h.
 *
 * synth.txt is written first and data.cfg last: a folder with the former is ours to write over, one with the latter is whole.
 */
#include "datasets/synth_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "backbone/base/text.h"

static const char mark_name[] = "synth.txt", mark_start[] = "Drawn by 'yolo data synth";
enum { MARK_LIMIT = 4096 };
const char *const yolo_synth_split_names[YOLO_SYNTH_SPLITS] = {"train", "val"};

static yolo_status join(const yolo_synth_plan *plan, const char *format, const char *split, char **out) {
  char below[64];
  snprintf(below, sizeof below, "%s%s%s", format, split ? split : "",
           split && strncmp(format, "annotations", 11) == 0 ? ".json" : "");
  return yolo_path_join(plan->folder, below, out);
}

yolo_status yolo_synth_folder_images(const yolo_synth_plan *plan, int split, char **out) {
  return join(plan, "images/", yolo_synth_split_names[split], out);
}
yolo_status yolo_synth_folder_labels(const yolo_synth_plan *plan, int split, char **out) {
  return join(plan, "annotations/instances_", yolo_synth_split_names[split], out);
}
static yolo_status config_path(const yolo_synth_plan *plan, char **out) { return join(plan, "data.cfg", NULL, out); }

/* ---- whose folder is it? ---- */

static yolo_status find_mark(const char *folder, bool *marked) {
  char *path = NULL, *text = NULL;
  yolo_status st = YOLO_OK;
  *marked = false;
  YOLO_TRY(yolo_path_join(folder, mark_name, &path));
  if (access(path, F_OK) == 0) st = yolo_read_file(path, MARK_LIMIT, &text, NULL);
  *marked = text && strncmp(text, mark_start, strlen(mark_start)) == 0;
done:
  yolo_free(path);
  yolo_free(text);
  return st == YOLO_ENOMEM ? st : YOLO_OK; /* a file that cannot be read is no mark */
}

static yolo_status check_ours(const char *folder) {
  DIR *dir = opendir(folder);
  const struct dirent *entry;
  bool empty = true, marked = false;
  if (!dir && errno == ENOENT) return YOLO_OK;
  if (!dir) return yolo_fail(YOLO_EIO, "%s: cannot be used as a folder: %s", folder, strerror(errno));
  while (empty && (entry = readdir(dir)) != NULL) empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
  closedir(dir);
  const yolo_status st = empty ? YOLO_OK : find_mark(folder, &marked);
  if (st != YOLO_OK || empty || marked) return st;
  return yolo_fail(YOLO_EINVAL, "%s: this folder holds something that 'yolo data synth' has not made; name a new one", folder);
}

/* The number of a picture of ours, 0 for any other name. */
static int picture_number(const char *name) {
  char digits[16];
  int number = 0;
  const size_t n = strspn(name, "0123456789");
  if (n < 6 || n >= sizeof digits || strcmp(name + n, ".jpg") != 0) return 0;
  memcpy(digits, name, n);
  digits[n] = '\0';
  return yolo_parse_int(digits, &number) ? number : 0;
}

static yolo_status drop(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT) return YOLO_OK;
  return yolo_fail(YOLO_EIO, "%s: cannot be removed: %s", path, strerror(errno));
}

static yolo_status drop_surplus(const char *folder, int count) {
  yolo_status st = YOLO_OK;
  const struct dirent *entry;
  char *path = NULL;
  DIR *dir = opendir(folder);
  while (dir && st == YOLO_OK && (entry = readdir(dir)) != NULL) {
    if (picture_number(entry->d_name) <= count) continue;
    st = yolo_path_join(folder, entry->d_name, &path);
    if (st == YOLO_OK) st = drop(path);
    yolo_free(path);
    path = NULL;
  }
  if (dir) closedir(dir);
  return st;
}

static yolo_status write_mark(const yolo_synth_plan *plan) {
  yolo_text text = {0};
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_path_join(plan->folder, mark_name, &path));
  YOLO_TRY(yolo_text_format(&text, "%s --images %d --val %d --size %dx%d --seed %d'.\n", mark_start, plan->counts[0],
                            plan->counts[1], plan->width, plan->height, plan->seed));
  YOLO_TRY(yolo_text_format(&text, "Another run of 'yolo data synth' may write over a folder with this file in it.\n"));
  st = yolo_write_file(path, text.data, text.length);
done:
  yolo_free(path);
  yolo_text_free(&text);
  return st;
}

static yolo_status prepare_split(const yolo_synth_plan *plan, int split) {
  char *images = NULL, *labels = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_synth_folder_images(plan, split, &images));
  YOLO_TRY(yolo_synth_folder_labels(plan, split, &labels));
  YOLO_TRY(drop(labels));
  YOLO_TRY(drop_surplus(images, plan->counts[split]));
  if (plan->counts[split] > 0) YOLO_TRY(yolo_path_make_folder(images));
  st = yolo_path_make_parent(labels);
done:
  yolo_free(images);
  yolo_free(labels);
  return st;
}

yolo_status yolo_synth_folder_prepare(const yolo_synth_plan *plan) {
  char *config = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(check_ours(plan->folder));
  YOLO_TRY(yolo_path_make_folder(plan->folder));
  YOLO_TRY(write_mark(plan));
  YOLO_TRY(config_path(plan, &config));
  YOLO_TRY(drop(config));
  for (int split = 0; split < YOLO_SYNTH_SPLITS; ++split) YOLO_TRY(prepare_split(plan, split));
done:
  yolo_free(config);
  return st;
}

/* ---- data.cfg ---- */

static yolo_status append_split(yolo_text *text, const char *name) {
  return yolo_text_format(text, "%s = annotations/instances_%s.json\n%s_images = images/%s\n", name, name, name, name);
}

yolo_status yolo_synth_folder_describe(const yolo_synth_plan *plan) {
  yolo_text text = {0};
  char *path = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(config_path(plan, &path));
  YOLO_TRY(
      yolo_text_format(&text, "# Shapes drawn by 'yolo data synth': see synth.txt. Paths begin in this folder.\n[data]\n"));
  YOLO_TRY(yolo_text_format(&text, "format = coco\n"));
  for (int split = 0; split < YOLO_SYNTH_SPLITS; ++split)
    if (plan->counts[split] > 0) YOLO_TRY(append_split(&text, yolo_synth_split_names[split]));
  YOLO_TRY(yolo_text_format(&text, "names = "));
  for (int i = 0; i < YOLO_SYNTH_CLASSES; ++i)
    YOLO_TRY(yolo_text_format(&text, "%s%s", yolo_synth_names[i], i + 1 < YOLO_SYNTH_CLASSES ? ", " : "\n"));
  st = yolo_write_file(path, text.data, text.length);
done:
  yolo_free(path);
  yolo_text_free(&text);
  return st;
}
