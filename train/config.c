/* data.cfg, loaded and written: see config.h. */
#include "train/config.h"

#include <stdio.h>
#include <string.h>

#include "backbone/base/ini.h"
#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "datasets/folder.h"

enum { PLACE_MAX = 1024, NAME_MAX_BYTES = 64 };

static const char *place(const yolo_ini *ini, int line, char to[PLACE_MAX]) {
  snprintf(to, PLACE_MAX, "%s:%d", ini->file, line);
  return to;
}

static bool is_preset(const char *section, const char *key) {
  return strcmp(section, yolo_augment_section.name) == 0 && strcmp(key, "preset") == 0;
}

/* ---- "section.key=value" ---- */

typedef struct set_parts {
  char section[NAME_MAX_BYTES], key[NAME_MAX_BYTES];
  const char *value;
} set_parts;

static yolo_status cut_set(const char *set, set_parts *out) {
  size_t dot = strcspn(set, ".="), equals = strcspn(set, "=");
  if (set[dot] != '.' || set[equals] != '=' || dot == 0 || equals == dot + 1 || dot >= sizeof out->section ||
      equals - dot > sizeof out->key) {
    return yolo_fail(YOLO_EINVAL, "'%.60s' is no setting: section.key=value is wanted, such as data.workers=2", set);
  }
  snprintf(out->section, sizeof out->section, "%.*s", (int)dot, set);
  snprintf(out->key, sizeof out->key, "%.*s", (int)(equals - dot - 1), set + dot + 1);
  out->value = set + equals + 1;
  return YOLO_OK;
}

static yolo_status put_set(yolo_config *config, const char *set) {
  char where[PLACE_MAX];
  set_parts parts;
  const yolo_config_part *part = NULL;
  yolo_status st = cut_set(set, &parts);
  if (st != YOLO_OK) return st;
  snprintf(where, sizeof where, "setting %s.%s", parts.section, parts.key);
  st = yolo_config_find_part(parts.section, where, &part);
  if (st != YOLO_OK || is_preset(parts.section, parts.key)) return st;
  return yolo_config_put(config, part, parts.key, parts.value, where, NULL);
}

/* ---- the preset: the last setting of it, else the file's ---- */

static yolo_status use_preset(yolo_config *config, const yolo_ini *ini, const char *const *sets, int n_sets) {
  char where[PLACE_MAX] = "";
  const char *value = NULL;
  const yolo_ini_section *section = ini ? yolo_ini_section_named(ini, yolo_augment_section.name) : NULL;
  const yolo_ini_entry *entry = section ? yolo_ini_find(section, "preset") : NULL;
  set_parts parts;
  if (entry) {
    value = entry->value;
    place(ini, entry->line, where);
  }
  for (int i = 0; i < n_sets; ++i) {
    if (cut_set(sets[i], &parts) != YOLO_OK || !is_preset(parts.section, parts.key)) continue;
    value = parts.value;
    snprintf(where, sizeof where, "setting augment.preset");
  }
  if (!value) return YOLO_OK;
  yolo_status st = yolo_settings_put(&yolo_augment_section, &config->augment, "preset", value, where, NULL);
  if (st == YOLO_OK) yolo_augment_use_preset(&config->augment, (yolo_augment_preset)config->augment.preset);
  return st;
}

/* ---- the file ---- */

static const yolo_ini_rules rules = {
    .what = "data.cfg", .begins = "a data.cfg begins with [data]", .once = true, .empty_values = true, .quotes = true};

static yolo_status put_section(yolo_config *config, const yolo_ini *ini, const yolo_ini_section *section, const char *folder) {
  char where[PLACE_MAX];
  const yolo_config_part *part = NULL;
  yolo_status st = yolo_config_find_part(section->name, place(ini, section->line, where), &part);
  for (int i = 0; i < section->n_entries && st == YOLO_OK; ++i) {
    const yolo_ini_entry *entry = &section->entries[i];
    if (is_preset(section->name, entry->key)) continue;
    st = yolo_config_put(config, part, entry->key, entry->value, place(ini, entry->line, where), folder);
  }
  return st;
}

static yolo_status put_file(yolo_config *config, const yolo_ini *ini, const char *folder) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < ini->n_sections && st == YOLO_OK; ++i) st = put_section(config, ini, &ini->sections[i], folder);
  return st;
}

/* ---- what was named ---- */

/* Is `path` labels of some format rather than a file of settings? */
static bool is_labels(const char *path) {
  const yolo_data_source source = {.labels = path};
  if (yolo_has_suffix(path, ".cfg") || yolo_has_suffix(path, ".data")) return false;
  if (yolo_is_folder(path)) return true;
  for (int i = 0; yolo_is_file(path) && i < yolo_data_reader_count; ++i) {
    if (yolo_data_readers[i]->sniff(&source)) return true;
  }
  return false;
}

/* FOLDER/data.cfg, where it exists, stands for the folder. */
static yolo_status find_file(const char *path, char **out) {
  char *inside = NULL;
  yolo_status st = YOLO_OK;
  if (yolo_is_folder(path)) YOLO_TRY(yolo_path_join(path, "data.cfg", &inside));
  if (inside && yolo_is_file(inside)) {
    *out = inside;
    inside = NULL;
  } else {
    YOLO_ENOMEM_IF_NULL(*out = yolo_strdup(path));
  }
done:
  yolo_free(inside);
  return st;
}

/* The labels at `path` become the train split. */
static yolo_status use_labels(yolo_config *config, const char *path) {
  yolo_setting_list *list = &config->data.labels[YOLO_SPLIT_TRAIN];
  list->items = yolo_calloc(1, sizeof *list->items);
  if (!list->items) return YOLO_ENOMEM;
  list->items[0] = yolo_strdup(path);
  list->count = list->items[0] != NULL;
  return list->count ? YOLO_OK : YOLO_ENOMEM;
}

/* ---- what must agree ---- */

static yolo_status check_images(const yolo_config *config) {
  const yolo_data_settings *data = &config->data;
  for (int s = 0; s < YOLO_SPLIT_COUNT; ++s) {
    int n = data->labels[s].count, images = data->images[s].count;
    if (images <= 1 || images == n) continue;
    return yolo_fail(YOLO_EINVAL, "%s: [data]: %s_images names %d folders, but %s %d sources: one folder for all, or one each",
                     config->file, yolo_split_names[s], images, yolo_split_names[s], n);
  }
  return YOLO_OK;
}

/* [model] fit, where it says something, is the fit of the whole run. */
static void agree_on_fit(yolo_config *config) {
  if (config->model.fit == YOLO_CONFIG_FIT_LETTERBOX) config->augment.fit = YOLO_AUGMENT_LETTERBOX;
  if (config->model.fit == YOLO_CONFIG_FIT_STRETCH) config->augment.fit = YOLO_AUGMENT_STRETCH;
}

static yolo_status load(const char *path, const char *const *sets, int n_sets, yolo_config *config) {
  yolo_status st = YOLO_OK;
  yolo_ini *ini = NULL;
  char *folder = NULL;
  YOLO_TRY(find_file(path, &config->file));
  if (is_labels(config->file)) {
    YOLO_TRY(use_labels(config, config->file));
  } else if (yolo_has_suffix(config->file, ".data")) {
    YOLO_TRY(yolo_config_load_darknet(config));
  } else {
    YOLO_TRY(yolo_ini_load(config->file, &rules, &ini));
    YOLO_TRY(yolo_path_parent(config->file, &folder));
  }
  YOLO_TRY(use_preset(config, ini, sets, n_sets));
  if (ini) YOLO_TRY(put_file(config, ini, folder));
  for (int i = 0; i < n_sets; ++i) YOLO_TRY(put_set(config, sets[i]));
  YOLO_TRY(check_images(config));
  agree_on_fit(config);
done:
  yolo_ini_free(ini);
  yolo_free(folder);
  return st;
}

yolo_status yolo_config_load(const char *path, const char *const *sets, int n_sets, yolo_config *out) {
  yolo_status st = yolo_config_defaults(out);
  if (st == YOLO_OK) st = load(path, sets, n_sets, out);
  if (st != YOLO_OK) yolo_config_release(out);
  return st;
}

/* ---- writing ---- */

/* The copy that is made absolute is what the file itself would give: print, read, print again. */
static yolo_status print_absolute(const yolo_config *config, yolo_text *out) {
  yolo_status st = YOLO_OK;
  yolo_text text = {0};
  yolo_config copy = {0};
  yolo_ini *ini = NULL;
  YOLO_TRY(yolo_config_print(config, &text));
  YOLO_TRY(yolo_config_defaults(&copy));
  YOLO_TRY(yolo_ini_parse(text.data, text.length, config->file, &rules, &ini));
  YOLO_TRY(put_file(&copy, ini, NULL));
  copy.augment.preset = config->augment.preset;
  for (int i = 0; i < YOLO_CONFIG_PARTS; ++i) {
    const yolo_config_part *part = &yolo_config_parts[i];
    YOLO_TRY(yolo_settings_make_absolute(part->section, (char *)&copy + part->offset));
  }
  YOLO_TRY(yolo_config_print(&copy, out));
done:
  yolo_ini_free(ini);
  yolo_config_release(&copy);
  yolo_text_free(&text);
  return st;
}

yolo_status yolo_config_write(const yolo_config *config, const char *path) {
  yolo_text text = {0};
  yolo_status st = print_absolute(config, &text);
  if (st == YOLO_OK) st = yolo_write_file(path, text.data, text.length);
  yolo_text_free(&text);
  return st;
}
