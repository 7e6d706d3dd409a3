/* The splits of a data.cfg, and opening them: see config.h. */
#include <string.h>

#include "backbone/base/memory.h"
#include "train/config.h"

yolo_status yolo_config_find_split(const char *name, yolo_data_split *out) {
  for (int i = 0; i < YOLO_SPLIT_COUNT; ++i) {
    if (strcmp(name, yolo_split_names[i]) != 0) continue;
    *out = (yolo_data_split)i;
    return YOLO_OK;
  }
  return yolo_fail(YOLO_EINVAL, "there is no split '%.60s'; the splits are train, val and test", name);
}

bool yolo_config_has_split(const yolo_config *config, yolo_data_split split) { return config->data.labels[split].count > 0; }

static yolo_status fail_missing(const yolo_config *config, yolo_data_split split) {
  yolo_text others = {0};
  yolo_status st = YOLO_OK;
  for (int i = 0; i < YOLO_SPLIT_COUNT && st == YOLO_OK; ++i) {
    if (yolo_config_has_split(config, (yolo_data_split)i))
      st = yolo_text_format(&others, "%s%s", others.length ? " and " : "; it names ", yolo_split_names[i]);
  }
  if (st == YOLO_OK)
    st = yolo_fail(YOLO_EINVAL, "%s: [data]: no '%s' split is named%s", config->file ? config->file : "data.cfg",
                   yolo_split_names[split], others.data ? others.data : "");
  yolo_text_free(&others);
  return st;
}

yolo_status yolo_config_sources(const yolo_config *config, yolo_data_split split, yolo_data_source **out, int *count) {
  const yolo_setting_list *labels = &config->data.labels[split], *images = &config->data.images[split];
  if (labels->count == 0) return fail_missing(config, split);
  yolo_data_source *sources = yolo_calloc((size_t)labels->count, sizeof *sources);
  if (!sources) return YOLO_ENOMEM;
  for (int i = 0; i < labels->count; ++i) {
    sources[i].format = yolo_data_settings_format(&config->data);
    sources[i].labels = labels->items[i];
    if (images->count > 0) sources[i].images = images->items[images->count == 1 ? 0 : i];
  }
  *out = sources;
  *count = labels->count;
  return YOLO_OK;
}

yolo_status yolo_config_open_split(const yolo_config *config, const char *split, const yolo_data_open_options *options,
                                   yolo_dataset **out) {
  yolo_status st = YOLO_OK;
  yolo_data_source *sources = NULL;
  yolo_data_split which = YOLO_SPLIT_TRAIN;
  int count = 0;
  yolo_data_open_options how = options ? *options : (yolo_data_open_options){0};
  *out = NULL;
  if (!how.names && config->data.names.count > 0) {
    how.names = (const char *const *)config->data.names.items;
    how.n_names = config->data.names.count;
  }
  how.no_cache |= !config->data.index;
  YOLO_TRY(yolo_config_find_split(split, &which));
  YOLO_TRY(yolo_config_sources(config, which, &sources, &count));
  YOLO_TRY(yolo_dataset_open(sources, count, &how, out));
done:
  yolo_free(sources);
  return st;
}
