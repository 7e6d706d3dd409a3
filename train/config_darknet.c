/* A Darknet .data file as a data.cfg: train and valid are lists of images with YOLO labels beside them, names a file.
 *
 *   classes = 20
 *   train  = /data/train.txt
 *   valid  = /data/test.txt
 *   names  = data/voc.names
 *   backup = backup
 *
 * Darknet takes relative paths from where it was started, mostly the folder above the file's own; here the first
 * of the current folder, the file's and the one above it counts in which the path exists. */
#include <string.h>

#include "backbone/base/ini.h"
#include "backbone/base/memory.h"
#include "datasets/readers.h"
#include "detect/names.h"
#include "train/config.h"

/* Every key that Darknet's commands ask for. Those without a split say where its own results go or how it scores. */
static const struct {
  const char *key;
  int split; /* yolo_data_split, or -1 */
} keys[] = {{"train", YOLO_SPLIT_TRAIN},
            {"valid", YOLO_SPLIT_VAL},
            {"test", YOLO_SPLIT_TEST},
            {"names", -1},
            {"classes", -1},
            {"backup", -1},
            {"eval", -1},
            {"results", -1},
            {"top", -1},
            {"labels", -1},
            {"map", -1},
            {"difficult", -1},
            {"tree", -1},
            {"outfile", -1},
            {"underscore", -1}};
enum { N_KEYS = sizeof keys / sizeof *keys };

static yolo_status fail_unknown(const yolo_ini_section *section, const yolo_ini_entry *entry) {
  const char *names[N_KEYS];
  for (int i = 0; i < N_KEYS; ++i) names[i] = keys[i].key;
  const char *closest = yolo_closest(entry->key, names, N_KEYS);
  return yolo_fail(YOLO_EINVAL, "%s:%d: unknown key '%.60s' of a Darknet .data file%s%s%s%s", section->file, entry->line,
                   entry->key, closest ? "; did you mean '" : "", closest ? closest : "", closest ? "'?" : "",
                   closest ? "" : "; a data.cfg begins with [data]");
}

/* One path as the only item of a list. */
static yolo_status put_path(yolo_setting_list *list, const char *path, const char *folder) {
  list->items = yolo_calloc(1, sizeof *list->items);
  if (!list->items) return YOLO_ENOMEM;
  yolo_status st = yolo_resolve(path, folder, &list->items[0]);
  list->count = st == YOLO_OK;
  return st;
}

static yolo_status put_names(yolo_setting_list *list, const yolo_ini_section *entries, const yolo_ini_entry *entry,
                             const char *folder) {
  yolo_status st = YOLO_OK;
  yolo_names names = {0};
  char *path = NULL;
  YOLO_TRY(yolo_resolve(entry->value, folder, &path));
  st = yolo_names_load(path, &names);
  if (st != YOLO_OK) {
    if (st != YOLO_ENOMEM) yolo_error_prefix(st, "%s:%d: names: ", entries->file, entry->line);
    goto done;
  }
  *list = (yolo_setting_list){names.items, names.count};
  names = (yolo_names){0};
done:
  yolo_free(path);
  yolo_names_free(&names);
  return st;
}

/* `classes` = n: there must be as many names. Darknet would read beyond a shorter list and never name the rest of a longer. */
static yolo_status check_classes(const yolo_config *config, const yolo_ini_section *entries) {
  const yolo_ini_entry *entry = yolo_ini_find(entries, "classes");
  int classes = 0, names = config->data.names.count;
  if (!entry) return YOLO_OK;
  if (!yolo_parse_int(entry->value, &classes))
    return yolo_fail(YOLO_EINVAL, "%s:%d: classes=%.60s: a whole number is wanted", entries->file, entry->line, entry->value);
  if (names == 0 || names == classes) return YOLO_OK;
  return yolo_fail(YOLO_EINVAL, "%s:%d: classes=%d, but the file of names holds %d", entries->file, entry->line, classes,
                   names);
}

yolo_status yolo_config_put_darknet(yolo_config *config, const yolo_ini_section *entries, const char *folder) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < entries->n_entries && st == YOLO_OK; ++i) {
    const yolo_ini_entry *entry = &entries->entries[i];
    int k = 0;
    while (k < N_KEYS && strcmp(keys[k].key, entry->key) != 0) ++k;
    if (k == N_KEYS) return fail_unknown(entries, entry);
    if (keys[k].split >= 0 && *entry->value) st = put_path(&config->data.labels[keys[k].split], entry->value, folder);
    if (strcmp(entry->key, "names") == 0 && *entry->value) st = put_names(&config->data.names, entries, entry, folder);
  }
  return st == YOLO_OK ? check_classes(config, entries) : st;
}
