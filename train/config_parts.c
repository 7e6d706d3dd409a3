/* The sections of data.cfg: what [model] and [output] hold, the table of all, and the file printed from it. */
#include <stddef.h>
#include <string.h>

#include "backbone/base/memory.h"
#include "backbone/base/paths.h"
#include "detect/names.h"
#include "train/config.h"

#define END \
  { NULL, YOLO_SETTING_BOOL, 0, NULL, 0, 0, NULL, NULL }

static const yolo_setting model_rows[] = {
    {"file", YOLO_SETTING_PATH, offsetof(yolo_model_settings, file), NULL, 0, 0, NULL,
     "the network: a .cfg, or a .safetensors file"},
    {"weights", YOLO_SETTING_PATH, offsetof(yolo_model_settings, weights), NULL, 0, 0, NULL, "Darknet weights for a .cfg"},
    {"imgsz", YOLO_SETTING_SIZE, offsetof(yolo_model_settings, size), NULL, 1, 16384, NULL,
     "network input, e.g. 416 or 608x352; empty: the model's own"},
    {"fit", YOLO_SETTING_CHOICE, offsetof(yolo_model_settings, fit), "auto", 0, 0, "auto|letterbox|stretch",
     "keep the shape of images, or fill the input; auto: as [augment] says"},
    END};
static const yolo_setting_section model_section = {"model", "the network", model_rows, 0};

const yolo_config_part yolo_config_parts[YOLO_CONFIG_PARTS] = {{&yolo_data_section, offsetof(yolo_config, data)},
                                                               {&model_section, offsetof(yolo_config, model)},
                                                               {&yolo_train_section, offsetof(yolo_config, train)},
                                                               {&yolo_augment_section, offsetof(yolo_config, augment)},
                                                               {&yolo_output_section, offsetof(yolo_config, output)}};

static void *part_of(const yolo_config_part *part, yolo_config *config) { return (char *)config + part->offset; }

void yolo_config_release(yolo_config *config) {
  for (int i = 0; i < YOLO_CONFIG_PARTS; ++i)
    yolo_settings_release(yolo_config_parts[i].section, part_of(&yolo_config_parts[i], config));
  yolo_free(config->file);
  *config = (yolo_config){0};
}

yolo_status yolo_config_defaults(yolo_config *out) {
  yolo_status st = YOLO_OK;
  *out = (yolo_config){0};
  for (int i = 0; i < YOLO_CONFIG_PARTS && st == YOLO_OK; ++i)
    st = yolo_settings_defaults(yolo_config_parts[i].section, part_of(&yolo_config_parts[i], out));
  if (st != YOLO_OK) yolo_config_release(out);
  return st;
}

/* ---- one value ---- */

/* `names = coco.names`: a single name with a '.' or a '/' is that of a file, whatever lies on the disk. */
static bool is_names_file(const yolo_setting_list *list) { return list->count == 1 && strpbrk(list->items[0], "./"); }

/* The list becomes what the file holds. */
static yolo_status read_names(yolo_setting_list *list, const char *folder) {
  yolo_status st = YOLO_OK;
  char *path = NULL;
  yolo_names names = {0};
  if (!is_names_file(list)) return YOLO_OK;
  const char *name = list->items[0];
  if (folder && *folder && *name != '/') YOLO_TRY(yolo_path_join(folder, name, &path));
  YOLO_TRY(yolo_names_load(path ? path : name, &names));
  yolo_free(list->items[0]);
  yolo_free(list->items);
  *list = (yolo_setting_list){names.items, names.count};
  names = (yolo_names){0};
done:
  yolo_names_free(&names);
  yolo_free(path);
  return st;
}

yolo_status yolo_config_find_part(const char *name, const char *where, const yolo_config_part **out) {
  const char *names[YOLO_CONFIG_PARTS];
  for (int i = 0; i < YOLO_CONFIG_PARTS; ++i) {
    names[i] = yolo_config_parts[i].section->name;
    if (strcmp(names[i], name) != 0) continue;
    *out = &yolo_config_parts[i];
    return YOLO_OK;
  }
  const char *closest = yolo_closest(name, names, YOLO_CONFIG_PARTS);
  if (closest) return yolo_fail(YOLO_EINVAL, "%s: unknown section [%.60s]; did you mean [%s]?", where, name, closest);
  return yolo_fail(YOLO_EINVAL, "%s: unknown section [%.60s]; there are [data], [model], [train], [augment] and [output]",
                   where, name);
}

yolo_status yolo_config_put(yolo_config *config, const yolo_config_part *part, const char *key, const char *value,
                            const char *where, const char *folder) {
  yolo_status st = yolo_settings_put(part->section, part_of(part, config), key, value, where, folder);
  if (st != YOLO_OK || part->section != &yolo_data_section || strcmp(key, "names") != 0) return st;
  st = read_names(&config->data.names, folder);
  return st == YOLO_OK || st == YOLO_ENOMEM ? st : yolo_error_prefix(st, "%s: [data]: names: ", where);
}

/* ---- the file ---- */

yolo_status yolo_config_print(const yolo_config *config, yolo_text *out) {
  yolo_status st = YOLO_OK;
  for (int i = 0; i < YOLO_CONFIG_PARTS && st == YOLO_OK; ++i) {
    const yolo_config_part *part = &yolo_config_parts[i];
    if (i > 0) st = yolo_text_append(out, "\n", 1);
    if (st == YOLO_OK) st = yolo_settings_print(part->section, (const char *)config + part->offset, out);
  }
  return st;
}
