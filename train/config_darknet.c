/* A Darknet .data file as a data.cfg: its train and valid lists, with the classes of its names. */
#include <string.h>

#include "backbone/base/memory.h"
#include "datasets/darknet_data.h"
#include "detect/names.h"
#include "train/config.h"

/* Hands a path over: it becomes the only source of a split. */
static yolo_status take_path(yolo_setting_list *list, char **path) {
  if (!*path) return YOLO_OK;
  list->items = yolo_calloc(1, sizeof *list->items);
  if (!list->items) return YOLO_ENOMEM;
  list->items[0] = *path;
  list->count = 1;
  *path = NULL;
  return YOLO_OK;
}

static yolo_status take_names(yolo_config *config, const yolo_darknet_data *data) {
  yolo_names names = {0};
  if (!data->names) return YOLO_OK;
  yolo_status st = yolo_names_load(data->names, &names);
  if (st != YOLO_OK) return st == YOLO_ENOMEM ? st : yolo_error_prefix(st, "%s: names: ", config->file);
  config->data.names = (yolo_setting_list){names.items, names.count};
  if (data->classes == 0 || data->classes == names.count) return YOLO_OK;
  return yolo_fail(YOLO_EFORMAT, "%s: classes = %d, but %s holds %d names", config->file, data->classes, data->names,
                   names.count);
}

yolo_status yolo_config_load_darknet(yolo_config *config) {
  yolo_darknet_data data = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_darknet_data_load(config->file, NULL, &data));
  YOLO_TRY(yolo_settings_put(&yolo_data_section, &config->data, "format", "yolo", config->file, NULL));
  YOLO_TRY(take_names(config, &data));
  YOLO_TRY(take_path(&config->data.labels[YOLO_SPLIT_TRAIN], &data.train));
  YOLO_TRY(take_path(&config->data.labels[YOLO_SPLIT_VAL], &data.valid));
done:
  yolo_darknet_data_release(&data);
  return st;
}
