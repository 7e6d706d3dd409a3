/* What the commands about data share: see data_args.h. */
#include "cli/data_args.h"

#include "backbone/base/text.h"
#include "cli/cli.h"
#include "train/recipe.h"

#define AT(member) offsetof(data_args, member)

const args_option data_args_source[] = {
    {"set", 0, ARGS_TEXTS, AT(sets), 0, 0, NULL, "--set SECTION.KEY=VALUE",
     "overrides data.cfg; may be given again (keys: yolo help data.cfg)"},
    {"format", 0, ARGS_TEXT, AT(format), 0, 0, NULL, "--format NAME",
     "of the labels: coco, yolo, voc ... (default: recognised)"},
    {"images", 0, ARGS_TEXT, AT(images), 0, 0, NULL, "--images DIR", "the folder of the images of labels without a data.cfg"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};

const args_option data_args_split[] = {
    {"split", 0, ARGS_TEXT, AT(split), 0, 0, NULL, "--split NAME", "train, val or test (default train, else what there is)"},
    {NULL, 0, ARGS_FLAG, 0, 0, 0, NULL, NULL, NULL}};

static const yolo_setting one_text = {.name = "images", .type = YOLO_SETTING_TEXT};

/* --format and --images are settings with a short name, so they go in front of --set. */
typedef yolo_status load_fn(const char *path, const char *const *sets, int n_sets, yolo_config *out);
static yolo_status load(const data_args *args, const char *word, load_fn *with, yolo_config *out) {
  const char *sets[ARGS_MOST_TEXTS + 2];
  yolo_text format = {0}, images = {0};
  yolo_status st = YOLO_OK;
  int n = 0;
  if (args->format) {
    YOLO_TRY(yolo_text_format(&format, "data.format=%s", args->format));
    sets[n++] = format.data;
  }
  if (args->images) {
    YOLO_TRY(yolo_text_format(&images, "data.train_images="));
    YOLO_TRY(yolo_settings_show(&one_text, &args->images, &images)); /* a comma in the name makes no list of it */
    sets[n++] = images.data;
  }
  for (int i = 0; i < args->sets.count; ++i) sets[n++] = args->sets.items[i];
  YOLO_TRY(with(word, sets, n, out));
done:
  yolo_text_free(&format);
  yolo_text_free(&images);
  return st;
}

yolo_status data_args_load(const data_args *args, const char *word, yolo_config *out) {
  return load(args, word, yolo_config_load, out);
}

yolo_status data_args_load_recipe(const data_args *args, const char *word, yolo_config *out) {
  return load(args, word, yolo_recipe_load, out);
}

yolo_status data_args_load_one(const data_args *args, const args_words *words, const char *usage, yolo_config *out) {
  if (words->count == 1) return data_args_load(args, words->items[0], out);
  return yolo_fail(YOLO_EINVAL, "%s: %s", words->count ? "it takes one data.cfg" : "no data.cfg and no labels were named",
                   usage);
}

yolo_status data_args_choose_split(const data_args *args, const yolo_config *config, yolo_data_split fallback,
                                   yolo_data_split *out) {
  *out = fallback;
  if (args->split) return yolo_config_find_split(args->split, out);
  if (yolo_config_has_split(config, fallback)) return YOLO_OK;
  for (int i = YOLO_SPLIT_COUNT - 1; i >= 0; --i) {
    if (yolo_config_has_split(config, (yolo_data_split)i)) *out = (yolo_data_split)i;
  }
  return YOLO_OK;
}

yolo_status data_args_print_file(void) {
  yolo_config config = {0};
  yolo_text text = {0};
  yolo_status st = YOLO_OK;
  YOLO_TRY(yolo_config_defaults(&config));
  YOLO_TRY(yolo_config_print(&config, &text));
  cli_say("%s", text.data);
done:
  yolo_text_free(&text);
  yolo_config_release(&config);
  return st;
}

/* ---- what readers find ---- */

static void show(void *payload, const yolo_data_issue *issue) {
  data_sink *sink = payload;
  if (yolo_rules[issue->rule].severity == YOLO_SEVERITY_NOTE || sink->shown++ >= sink->most) return;
  if (issue->line > 0) {
    cli_complain("%s:%llu: %s: %s", issue->file, (unsigned long long)issue->line, yolo_rules[issue->rule].name, issue->what);
  } else {
    cli_complain("%s: %s: %s", issue->file, yolo_rules[issue->rule].name, issue->what);
  }
}

void data_args_sink(data_sink *sink, int most) { *sink = (data_sink){.sink = {.report = show, .payload = sink}, .most = most}; }

void data_args_say_rest(const data_sink *sink) {
  if (sink->shown > sink->most)
    cli_complain("and %s like these; 'yolo data check' shows all",
                 cli_plural((unsigned long long)(sink->shown - sink->most), "finding"));
}
