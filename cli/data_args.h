/* What the commands about data share: a data.cfg (or labels as they are), --set, --format, --images and --split. */
#ifndef YOLO_CLI_DATA_ARGS_H
#define YOLO_CLI_DATA_ARGS_H

#include "cli/args.h"
#include "train/config.h"

typedef struct data_args {
  args_texts sets;             /* --set section.key=value */
  const char *format, *images; /* of labels that are named without a data.cfg */
  const char *split;           /* NULL: the command's own choice */
} data_args;

/* Rows for a data_args at the start of a command's struct. */
extern const args_option data_args_source[]; /* --set, --format, --images */
extern const args_option data_args_split[];  /* --split train|val|test, for commands that take one */

/* Loads what `word` names and applies the options. *out: yolo_config_release, also after a failure. */
yolo_status data_args_load(const data_args *args, const char *word, yolo_config *out);
/* The same for a training: preset = auto becomes the preset of the network's loss (train/recipe.h). */
yolo_status data_args_load_recipe(const data_args *args, const char *word, yolo_config *out);
/* data_args_load for a command that takes exactly one word; another number is a failure that shows `usage`. */
yolo_status data_args_load_one(const data_args *args, const args_words *words, const char *usage, yolo_config *out);
/* Prints data.cfg with every section, key, default, range and help. */
yolo_status data_args_print_file(void);
/* The split of --split, else `fallback` where it is named, else the first that is. */
yolo_status data_args_choose_split(const data_args *args, const yolo_config *config, yolo_data_split fallback,
                                   yolo_data_split *out);
/* A sink that complains of each finding (warnings and errors) on standard error, up to `most` of them; for commands that read
 * data and do something else with it. data_args_say_rest() tells how many more there were. */
typedef struct data_sink {
  yolo_data_sink sink; /* for yolo_data_open_options */
  int shown, most;
} data_sink;
void data_args_sink(data_sink *sink, int most);
void data_args_say_rest(const data_sink *sink);

#endif
