/* What `auto` stands for: see recipe.h. */
#include "train/recipe.h"

#include "backbone/base/memory.h"
#include "backbone/base/text.h"
#include "train/run_parts.h"

/* Below this side a crop of 8% of the area is a few pixels: digits and thumbnails are shown whole. */
enum { CROPPED_FROM = 128 };

static yolo_augment_preset preset_of(const yolo_config *config, const yolo_model_spec *spec) {
  const yolo_loss_def *loss = NULL;
  const int width = config->model.size[0] > 0 ? config->model.size[0] : spec->width;
  if (spec->n_heads == 0 || yolo_session_choose_loss(spec, &config->train, &spec->heads[0], &loss) != YOLO_OK)
    return YOLO_PRESET_NONE;
  if (loss->recipe == YOLO_PRESET_CLASSIFY && width < CROPPED_FROM) return YOLO_PRESET_NONE;
  return loss->recipe;
}

static yolo_status choose(const yolo_config *config, yolo_augment_preset *out) {
  yolo_model_spec spec = {0};
  char *text = NULL;
  const char *file = NULL;
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_run_model_text(config, &text, &file));
  YOLO_TRY(yolo_model_spec_from_text(text, file, NULL, 0, NULL, &spec));
  *out = preset_of(config, &spec);
done:
  yolo_model_spec_release(&spec);
  yolo_free(text);
  return st;
}

yolo_status yolo_recipe_load(const char *path, const char *const *sets, int n_sets, yolo_config *out) {
  yolo_augment_preset preset = YOLO_PRESET_AUTO;
  const char **more = NULL;
  yolo_text set = {0}, name = {0};
  yolo_augment named = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_load(path, sets, n_sets, out));
  if (out->augment.preset != YOLO_PRESET_AUTO) return YOLO_OK;
  YOLO_TRY(choose(out, &preset));
  named.preset = (int)preset;
  YOLO_TRY(yolo_settings_show(yolo_settings_find(&yolo_augment_section, "preset"), &named, &name));
  YOLO_TRY(yolo_text_format(&set, "augment.preset=%s", name.data));
  YOLO_ENOMEM_IF_NULL(more = yolo_alloc_array((size_t)n_sets + 1, sizeof *more));
  for (int i = 0; i < n_sets; ++i) more[i] = sets[i];
  more[n_sets] = set.data;
  yolo_config_release(out);
  YOLO_TRY(yolo_config_load(path, more, n_sets + 1, out));
done:
  if (st != YOLO_OK) yolo_config_release(out);
  yolo_free(more);
  yolo_text_free(&set);
  yolo_text_free(&name);
  return st;
}
